"""Images of NaN are refused, and the message names what makes them so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adain_core import AdaINModel, Style, save_image
from adain_core.cli import main
from adain_core.errors import NotFiniteError
from adain_core.pixels import as_uint8, check_finite

MakeImage = Callable[..., Tensor]
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_eight_bits_have_no_nan(value: float) -> None:
    image = torch.zeros(1, 3, 4, 4)
    image[0, 1, 2, 3] = value
    for refuse in (as_uint8, check_finite):
        with pytest.raises(NotFiniteError, match=r"NaN or infinite values at 1 pixel$"):
            refuse(image)
    assert as_uint8(torch.zeros(1, 3, 2, 2)).sum() == 0


@pytest.fixture
def broken(make_model: Callable[..., AdaINModel]) -> AdaINModel:
    model = make_model(seed=3)
    model.decoder.get_submodule("conv1_1").weight.fill_(1e30)
    model.decoder.get_submodule("conv1_2").weight.fill_(1e30)
    return model


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_the_error_names_the_model(
    broken: AdaINModel, make_image: MakeImage, dtype: torch.dtype
) -> None:
    with pytest.raises(
        NotFiniteError,
        match=r"^the image has NaN or infinite values, caused by the model 'tiny': its weig",
    ):
        broken.stylize(make_image(40, 50), make_image(30, 30, seed=1), output_dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_the_error_names_the_style(
    tiny: AdaINModel, make_image: MakeImage, dtype: torch.dtype
) -> None:
    good = tiny.encode_style(make_image(30, 30))
    bad = Style(good.mean, torch.full_like(good.std, 3e38), tiny.fingerprint, "glare")
    masks = [torch.ones(8, 8), torch.zeros(8, 8)]
    for request in (
        {"styles": [good, bad]},
        {"styles": [good, bad], "masks": masks},
        {"styles": [good], "masks": masks[1:], "background": bad},
    ):
        with pytest.raises(NotFiniteError, match=r"by the style 'glare', with statistics of 3e"):
            tiny.stylize(make_image(40, 50), **request, output_dtype=dtype)


def test_the_error_names_the_precision(
    make_model: Callable[..., AdaINModel], make_image: MakeImage
) -> None:
    model = make_model(seed=4)
    # Beyond 65504 in the middle of the network, and back.
    model.encoder.get_submodule("conv1_2").weight.mul_(1e6)
    model.encoder.get_submodule("conv2_1").weight.mul_(1e-6)
    model.half()
    with pytest.raises(NotFiniteError, match="the model 'tiny': use fp32 or bf16, or another"):
        model.stylize(make_image(40, 50), make_image(30, 30), output_dtype=torch.uint8)


def test_nothing_is_written(
    broken: AdaINModel, make_image: MakeImage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken.save(tmp_path / "broken.safetensors")
    for name in ("photo", "art"):
        save_image(tmp_path / f"{name}.png", make_image(20, 20))
    before = sorted(tmp_path.iterdir())
    options = ["--style", str(tmp_path / "art.png"), "-o", str(tmp_path / "out.png")]
    options += ["--model", str(tmp_path / "broken.safetensors"), "--device", "cpu"]
    assert main(["stylize", str(tmp_path / "photo.png"), *options]) == 1
    assert "by the model 'broken'" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before
