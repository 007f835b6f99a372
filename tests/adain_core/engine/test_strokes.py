"""Noise of a pass in flat areas does not reach the next one, strokes do."""

from __future__ import annotations

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from adain_core.engine.strokes import suppress_noise
from adain_core.pixels import as_float


def noisy(height: int, width: int, levels: float, seed: int = 3) -> Tensor:
    """Return random colors around gray, ``(1, 3, H, W)``, uint8."""
    noise = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    return (128 + levels * noise).round().clamp(0, 255).byte()


def test_flat_areas_become_smooth_and_strokes_stay() -> None:
    flat, strokes = noisy(80, 90, 0.7), noisy(80, 90, 20)
    calm = 255 * suppress_noise(flat).float()
    assert flat.float().std() > 0.7 and calm.std() < 0.15
    assert abs(calm.mean() - 128) < 0.1
    torch.testing.assert_close(
        255 * suppress_noise(strokes).float(), strokes.float(), rtol=0, atol=0.2
    )


def test_a_step_of_one_level_becomes_a_slope() -> None:
    step = torch.full((1, 3, 40, 60), 128, dtype=torch.uint8)
    step[..., 30:] = 129
    calm = 255 * suppress_noise(step).float()[0, 0, 20]
    assert calm.diff().abs().max() < 0.2
    torch.testing.assert_close(calm[[20, 40]], torch.tensor([128.0, 129.0]), rtol=0, atol=0.1)


@given(height=st.integers(1, 100), width=st.integers(1, 40), levels=st.floats(0, 4))
def test_no_bands(height: int, width: int, levels: float) -> None:
    """The upper and the lower side are processed alike, wherever bands end."""
    image = noisy(height, width, levels)
    upright, turned = suppress_noise(image), suppress_noise(image.flip(2)).flip(2)
    assert upright.shape == image.shape and upright.dtype == torch.float16
    torch.testing.assert_close(upright, turned, rtol=0, atol=2e-3)


def test_a_flat_image_is_kept() -> None:
    flat = torch.full((2, 3, 9, 70), 77, dtype=torch.uint8)
    torch.testing.assert_close(suppress_noise(flat).float(), as_float(flat), rtol=0, atol=2e-4)
