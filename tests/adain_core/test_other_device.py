"""A model on another device than the images.

The other device is ``meta``, which has no values: operations on tensors of both devices fail as
they do on a GPU, and what comes back from it is black.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from adain_core import AdaINModel, StylizeOptions, Stylizer, TemporalPool, adain, pixels
from adain_core.engine import tiled

MakeImage = Callable[..., Tensor]
META = torch.device("meta")


@pytest.fixture
def away(tiny: AdaINModel, monkeypatch: pytest.MonkeyPatch) -> AdaINModel:
    """The model on the other device."""
    move = torch.Tensor.to

    def to(tensor: Tensor, *where: Any, **how: Any) -> Tensor:
        device = next((w for w in where if isinstance(w, str | torch.device)), how.get("device"))
        if tensor.is_meta and device is not None and torch.device(device).type == "cpu":
            tensor = torch.zeros(tensor.shape, dtype=tensor.dtype)
        return move(tensor, *where, **how)

    monkeypatch.setattr(torch.Tensor, "to", to)
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: to(tensor, "cpu"))
    # What is computed there is taken to be 1, and no element 0.
    for kind, number in (("__bool__", bool), ("__float__", float)):
        own = getattr(torch.Tensor, kind)
        monkeypatch.setattr(
            torch.Tensor, kind, lambda x, own=own, number=number: number(1) if x.is_meta else own(x)
        )
    for module in (pixels, tiled):
        monkeypatch.setattr(module, "check_finite", lambda values: None)
    model = copy.deepcopy(tiny)
    model.encoder.to(META)
    model.decoder.to(META)
    return model


LEFT = torch.ones(130, 150).tril()
OPTIONS: list[dict[str, Any]] = [
    {},
    {"stroke_size": "single"},
    {"alpha": [0.5, 0.0], "content_residual": True},
    {"weights": [1, 3]},
    {"masks": [LEFT, 1 - LEFT], "feather": 4},
    {"masks": [LEFT, LEFT], "background": True},
    {"preserve_color": "luminance"},
    {"preserve_color": "coral"},
    {"content_size": 120},
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8], ids=str)
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "+".join(options) or "none")
def test_images_may_be_on_another_device(
    away: AdaINModel,
    make_image: MakeImage,
    options: dict[str, Any],
    channels: int,
    dtype: torch.dtype,
) -> None:
    if channels == 4 and options.get("preserve_color") == "coral":
        pytest.skip("how many pixels are visible, and are recolored, depends on their values")
    photos = make_image(130, 150, channels=channels, batch=2)
    photos = pixels.as_uint8(photos) if dtype == torch.uint8 else photos
    artworks = [make_image(40, 40, seed=seed) for seed in (1, 2)]
    options = {"stroke_size": 4.0, "tile": 4096, **options}
    if options.get("background"):
        options["background"] = make_image(40, 40, seed=3)
    result = away.stylize(photos, artworks, output_dtype=dtype, **options)
    height = options.get("content_size", 130)
    assert result.device == META and result.dtype == dtype
    assert result.shape[:3] == (2, channels, height)


@pytest.mark.parametrize("mode", ["window", "ema"])
def test_frames_may_be_on_another_device(
    away: AdaINModel, make_image: MakeImage, mode: str
) -> None:
    options = StylizeOptions(make_image(40, 40, seed=1), stroke_size=4.0, tile=4096)
    stylizer = Stylizer(away, options, TemporalPool(mode))
    for _ in range(3):
        assert stylizer(make_image(130, 150)).device == META


def test_steps_by_hand_may_use_another_device(away: AdaINModel, make_image: MakeImage) -> None:
    photo, style = make_image(130, 150), away.encode_style(make_image(40, 40, seed=1))
    features = away.encode(photo, tile=4096)
    assert away.decode(adain(features, style, 0.5), tile=4096).device == META
