"""AdaIN Color Preserve and the sample pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from adain_core.color import transfer_color

MakeImage = Callable[..., Tensor]
METHODS = ["coral", "histogram", "luminance", "mean_std", "cholesky"]


def run(pack: Any, image: Tensor, reference: Tensor, method: str, strength: float = 1.0) -> Tensor:
    inputs = {"image": image, "color_reference": reference}
    return pack.run("AdaINColorPreserve", **inputs, method=method, strength=strength)[0]


@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("method", METHODS)
def test_methods_are_the_librarys(
    pack: Any, image: MakeImage, method: str, strength: float
) -> None:
    picture, reference = image(20, 24, 2), image(20, 24, 2, seed=1)
    expected = transfer_color(
        picture.movedim(-1, 1), reference.movedim(-1, 1), method, strength
    ).movedim(1, -1)
    torch.testing.assert_close(run(pack, picture, reference, method, strength), expected)


@pytest.mark.parametrize("method", METHODS)
def test_reference_of_another_size(pack: Any, image: MakeImage, method: str) -> None:
    """The reference is resized first: its number of pixels must not change the contrast."""
    picture, reference = image(20, 24), image(90, 70, seed=1)
    resized = F.interpolate(
        reference.movedim(-1, 1), (20, 24), mode="bilinear", antialias=True
    ).movedim(1, -1)
    result = run(pack, picture, reference, method)
    torch.testing.assert_close(result, run(pack, picture, resized, method))
    assert result.shape == picture.shape


def test_batches(pack: Any, image: MakeImage) -> None:
    one, three = image(16, 16), image(16, 16, 3, seed=1)
    for picture, reference in ((one, three), (three, one)):
        result = run(pack, picture, reference, "mean_std")
        assert len(result) == 3
        last = run(pack, picture[-1:], reference[-1:], "mean_std")
        torch.testing.assert_close(result[2:], last)
    with pytest.raises(ValueError, match=r"^image has 3 pictures and color_reference has 2"):
        run(pack, three, image(16, 16, 2), "coral")


def test_alpha_and_grey(pack: Any, image: MakeImage) -> None:
    with_alpha, reference = image(16, 16, 1, 4), image(16, 16, 1, 4, seed=1)
    result = run(pack, with_alpha, reference, "mean_std")
    assert torch.equal(result[..., 3], with_alpha[..., 3])
    plain = run(pack, with_alpha[..., :3], reference[..., :3], "mean_std")
    assert torch.equal(result[..., :3], plain)
    grey = image(16, 16, 1, 1)
    expected = run(pack, grey.expand(-1, -1, -1, 3), reference, "luminance")
    assert torch.equal(run(pack, grey, reference, "luminance"), expected)
