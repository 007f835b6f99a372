"""AdaIN Color Preserve and the sample images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from adain_core.choices import COLOR_METHODS
from adain_core.color import transfer_color

MakeImage = Callable[..., Tensor]
METHODS = list(COLOR_METHODS)


def run(pack: Any, image: Tensor, reference: Tensor, method: str, strength: float = 1.0) -> Tensor:
    inputs = {"image": image, "color_reference": reference}
    return pack.run("AdaINColorPreserve", **inputs, method=method, strength=strength)[0]


@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("method", METHODS)
def test_methods_equal_the_library(
    pack: Any, make_image: MakeImage, method: str, strength: float
) -> None:
    image, reference = make_image(20, 24, 2), make_image(20, 24, 2, seed=1)
    expected = transfer_color(
        image.movedim(-1, 1), reference.movedim(-1, 1), method, strength
    ).movedim(1, -1)
    torch.testing.assert_close(run(pack, image, reference, method, strength), expected)


@pytest.mark.parametrize("method", METHODS)
def test_reference_of_another_size(pack: Any, make_image: MakeImage, method: str) -> None:
    """The reference is resized first: its number of pixels must not change the contrast."""
    image, reference = make_image(20, 24), make_image(90, 70, seed=1)
    resized = F.interpolate(
        reference.movedim(-1, 1), (20, 24), mode="bilinear", antialias=True
    ).movedim(1, -1)
    result = run(pack, image, reference, method)
    torch.testing.assert_close(result, run(pack, image, resized, method))
    assert result.shape == image.shape


def test_reference_is_resized_before_it_moves(
    pack: Any, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every release of torch can on MPS; "meta" stands for a device that is not the CPU."""
    image, reference = make_image(20, 24).movedim(-1, 1), make_image(40, 30, seed=1).movedim(-1, 1)
    devices: list[str] = []
    interpolate = F.interpolate

    def watched(images: Tensor, *args: Any, **options: Any) -> Tensor:
        devices.append(images.device.type)
        return interpolate(images, *args, **options)

    monkeypatch.setattr(F, "interpolate", watched)
    host, color = pack.submodule("nodes.host"), pack.submodule("nodes.color")
    monkeypatch.setattr(host, "compute_device", lambda: torch.device("meta"))
    methods = pack.submodule("adain_core.color.methods")
    monkeypatch.setattr(methods, "check_finite", lambda values: None)
    recolored = color.recolor_image(image, reference, "luminance", 1.0)
    assert devices == ["cpu"] and recolored.device.type == "meta"


def test_batches(pack: Any, make_image: MakeImage) -> None:
    one, three = make_image(16, 16), make_image(16, 16, 3, seed=1)
    for image, reference in ((one, three), (three, one)):
        result = run(pack, image, reference, "mean_std")
        assert len(result) == 3
        last = run(pack, image[-1:], reference[-1:], "mean_std")
        torch.testing.assert_close(result[2:], last)
    with pytest.raises(ValueError, match=r"^image has 3 and color_reference has 2"):
        run(pack, three, make_image(16, 16, 2), "coral")


def test_alpha_and_gray(pack: Any, make_image: MakeImage) -> None:
    with_alpha, reference = make_image(16, 16, 1, 4), make_image(16, 16, 1, 4, seed=1)
    with_alpha[..., 3], reference[..., 3] = 0.5, 1
    result = run(pack, with_alpha, reference, "mean_std")
    assert torch.equal(result[..., 3], with_alpha[..., 3])
    plain = run(pack, with_alpha[..., :3], reference[..., :3], "mean_std")
    assert torch.equal(result[..., :3], plain)
    gray = make_image(16, 16, 1, 1)
    expected = run(pack, gray.expand(-1, -1, -1, 3), reference, "luminance")
    assert torch.equal(run(pack, gray, reference, "luminance"), expected)


@pytest.mark.parametrize("method", ["coral", "histogram", "luminance", "mean_std", "cholesky"])
def test_what_transparency_hides_has_no_colors(
    pack: Any, make_image: MakeImage, method: str
) -> None:
    images = [make_image(16, 16, 1, 4), make_image(16, 16, 1, 4, seed=1)]
    results = []
    for hidden in (0.0, 1.0):
        for image in images:
            image[:, :, 8:, :3], image[:, :, 8:, 3], image[:, :, :8, 3] = hidden, 0, 1
        results.append(run(pack, *images, method)[:, :, :8])
    assert torch.equal(*results)
    alone = run(pack, *(image[:, :, :8] for image in images), method)
    # CORAL counts pixels, and the histogram's quantiles lie between others.
    tolerance = {"coral": 1e-3, "histogram": 0.05}.get(method, 1e-4)
    torch.testing.assert_close(results[0], alone, rtol=0, atol=tolerance)


@pytest.mark.parametrize("method", METHODS)
def test_what_transparency_hides_stays(pack: Any, make_image: MakeImage, method: str) -> None:
    image = torch.cat([make_image(12, 16), torch.ones(1, 12, 16, 1)], dim=-1)
    image[:, :6, :, 3] = 0
    inputs = {"image": image, "color_reference": make_image(12, 16, seed=2)}
    (result,) = pack.run("AdaINColorPreserve", **inputs, method=method, strength=1.0)
    assert torch.equal(result[:, :6], image[:, :6])
    assert not torch.allclose(result[:, 6:, :, :3], image[:, 6:, :, :3])
