"""A gray photo stays gray with every method that preserves colors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from adain_core import AdaINModel
from adain_core.choices import COLOR_METHODS
from adain_core.color import is_gray

MakeImage = Callable[..., Tensor]


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_is_gray(dtype: torch.dtype) -> None:
    levels = torch.randint(256, (2, 1, 200, 7), dtype=torch.uint8).repeat(1, 4, 1, 1)
    picture = levels if dtype == torch.uint8 else levels.float() / 255
    assert is_gray(picture[:, :3])
    picture[:, 3] = 0  # opacity is no color
    assert is_gray(picture)
    one = 1 if dtype == torch.uint8 else 1 / 255
    picture[1, :3, 150, 3] = 100 * one
    picture[1, 2, 150, 3] = 102 * one
    assert is_gray(picture)
    picture[1, 2, 150, 3] = 103 * one
    assert not is_gray(picture)


@pytest.mark.parametrize("method", COLOR_METHODS)
@pytest.mark.parametrize("options", [{}, {"masks": [torch.ones(8, 8)]}, {"stroke_size": 4.0}])
def test_gray_stays_gray(
    tiny: AdaINModel, make_image: MakeImage, method: str, options: dict[str, object]
) -> None:
    photo = make_image(100, 110).mean(dim=1, keepdim=True).repeat(1, 3, 1, 1)
    art = make_image(30, 30, seed=1)
    drawn = tiny.stylize(photo, art, preserve_color=method, **options)
    assert (drawn.amax(dim=1) - drawn.amin(dim=1)).max() < 1e-5
    assert drawn.std() > 0.02
    # Beside a picture with colors, which keeps some.
    colored = tiny.stylize(torch.cat([photo, make_image(100, 110)]), art, preserve_color=method)
    alone = tiny.stylize(photo, art, preserve_color=method)
    torch.testing.assert_close(colored[:1], alone, rtol=0, atol=1e-4)
    assert (colored[1].amax(dim=0) - colored[1].amin(dim=0)).max() > 0.05
    plain = tiny.stylize(photo, art)
    assert (plain.amax(dim=1) - plain.amin(dim=1)).max() > 0.05
