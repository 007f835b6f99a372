"""A gray photo stays gray with every method that preserves colors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from adain_core import AdaINModel
from adain_core.choices import COLOR_METHODS
from adain_core.color.methods import is_gray

MakeImage = Callable[..., Tensor]


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_is_gray(dtype: torch.dtype) -> None:
    levels = torch.randint(256, (2, 1, 200, 7), dtype=torch.uint8).repeat(1, 4, 1, 1)
    image = levels if dtype == torch.uint8 else levels.float() / 255
    assert is_gray(image[:, :3])
    image[:, 3] = 0  # opacity is no color
    assert is_gray(image)
    one = 1 if dtype == torch.uint8 else 1 / 255
    image[1, :3, 150, 3] = 100 * one
    image[1, 2, 150, 3] = 102 * one
    assert is_gray(image)
    image[1, 2, 150, 3] = 103 * one
    assert not is_gray(image)


@pytest.mark.parametrize("method", COLOR_METHODS)
@pytest.mark.parametrize("options", [{}, {"masks": [torch.ones(8, 8)]}, {"stroke_size": 4.0}])
def test_gray_stays_gray(
    tiny: AdaINModel, make_image: MakeImage, method: str, options: dict[str, object]
) -> None:
    photo = make_image(100, 110).mean(dim=1, keepdim=True).repeat(1, 3, 1, 1)
    artwork = make_image(30, 30, seed=1)
    result = tiny.stylize(photo, artwork, preserve_color=method, **options)
    assert (result.amax(dim=1) - result.amin(dim=1)).max() < 1e-5
    assert result.std() > 0.02
    # Beside an image with colors, which keeps some.
    colored = tiny.stylize(torch.cat([photo, make_image(100, 110)]), artwork, preserve_color=method)
    alone = tiny.stylize(photo, artwork, preserve_color=method)
    torch.testing.assert_close(colored[:1], alone, rtol=0, atol=1e-4)
    assert (colored[1].amax(dim=0) - colored[1].amin(dim=0)).max() > 0.05
    plain = tiny.stylize(photo, artwork)
    assert (plain.amax(dim=1) - plain.amin(dim=1)).max() > 0.05
