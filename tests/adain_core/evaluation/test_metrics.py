"""Metrics of images with known answers."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from adain_core.evaluation import checkerboard_share, psnr, ssim
from adain_core.evaluation.metrics import (
    balanced_style_distance,
    palette_distance,
    perceptual_distance,
    rms_change,
    style_distance,
    worst_tenth,
)


def test_psnr_and_ssim() -> None:
    image = torch.rand(1, 1, 24, 30, generator=torch.Generator().manual_seed(0))
    assert psnr(image, image + 0.1) == pytest.approx(20, abs=1e-4)
    assert ssim(image, image) == pytest.approx(1)
    assert ssim(image, 1 - image) < 0
    # Two constants: only the luminance term is left (Wang et al. 2004, equation 6).
    one, two = torch.full((1, 1, 16, 16), 0.2), torch.full((1, 1, 16, 16), 0.6)
    assert ssim(one, two) == pytest.approx((2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4), abs=1e-4)


def test_checkerboard_share_is_of_what_repeats_every_8_pixels_in_flat_areas() -> None:
    random = torch.Generator().manual_seed(0)
    flat, noise = torch.full((1, 1, 128, 96), 0.5), torch.rand(1, 1, 128, 96, generator=random)
    dots = flat.clone()
    dots[..., 3::8, 5::8] = 0.9
    other_period = flat.clone()
    other_period[..., ::6, ::6] = 0.9
    assert checkerboard_share(dots, flat) == pytest.approx(1, abs=1e-4)
    assert checkerboard_share(noise, flat) == pytest.approx(1 / 16, abs=0.01)
    assert checkerboard_share(other_period, flat) < 0.12
    # Cells of random brightness repeat nothing but their edges.
    cells = torch.rand(1, 1, 16, 12, generator=random).repeat_interleave(8, 2)
    assert checkerboard_share(cells.repeat_interleave(8, 3), flat) > 0.3
    # A ramp is no detail, and where the photo has contrast nothing counts.
    ramp = torch.linspace(0, 1, 96).expand(1, 1, 128, 96)
    assert checkerboard_share(dots + ramp, flat) == pytest.approx(1, abs=1e-3)
    half = torch.where(torch.arange(96) < 48, flat, noise)
    assert checkerboard_share(torch.where(torch.arange(96) < 48, dots, noise), half) > 0.99
    assert math.isnan(checkerboard_share(dots, noise))
    assert math.isnan(checkerboard_share(flat, flat))
    assert math.isnan(checkerboard_share(dots[..., :39, :], flat[..., :39, :]))


def test_style_distances_of_statistics_that_are_off_by_known_shares() -> None:
    ones = torch.ones(1, 3)
    own = [(2 * ones, ones), (4 * ones, 2 * ones)]
    target = [(ones, ones), (2 * ones, 2 * ones)]
    assert style_distance(own, target) == pytest.approx(1 + 4)
    # Twice as large statistics count four times there, and here alike.
    assert balanced_style_distance(own, target) == pytest.approx(2 * 1 / (5 + 2))
    assert balanced_style_distance(own, own) == 0
    nothing = [(0 * ones, 0 * ones)]
    assert balanced_style_distance(nothing, target[:1]) == pytest.approx(1)
    assert balanced_style_distance(nothing, nothing) == 0


def test_perceptual_distance_is_of_directions() -> None:
    torch.manual_seed(0)
    level = torch.rand(1, 5, 6, 7)
    scaled = level * (1 + torch.rand(1, 1, 6, 7))
    assert perceptual_distance([scaled], [level]) == pytest.approx(0, abs=1e-5)
    one, other = torch.zeros(2, 1, 2, 4, 4)
    one[:, 0], other[:, 1] = 3, 0.5
    assert perceptual_distance([one], [other]) == pytest.approx(2)
    # A quarter of the places differs; two levels add up.
    mixed = torch.where(torch.arange(4) < 1, one, other)
    assert perceptual_distance([mixed, mixed], [other, other]) == pytest.approx(2 * 0.25 * 2)
    # Where neither has any features, nothing is lost; where one has, all is.
    silent = torch.zeros(1, 2, 4, 4)
    assert perceptual_distance([silent], [silent]) == 0
    assert perceptual_distance([silent], [one]) == pytest.approx(2)


@given(
    contrast=st.floats(0, 2),
    shift=st.tuples(*[st.floats(-0.5, 0.5)] * 3),
    seed=st.integers(0, 100),
)
def test_palette_distance_is_of_mean_and_spread(
    contrast: float, shift: tuple[float, float, float], seed: int
) -> None:
    image = torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(seed))
    mean = image.mean(dim=(2, 3), keepdim=True)
    moved = mean + contrast * (image - mean) + torch.tensor(shift)[:, None, None]
    # The distance of Gaussians, up to the epsilon of standard deviations.
    spread = [F.avg_pool2d(image, k).var(dim=(2, 3), correction=0).sum(dim=1) for k in (1, 8)]
    expected = sum(x**2 for x in shift) + (contrast - 1) ** 2 * float(torch.stack(spread).mean())
    assert palette_distance(moved, image) == pytest.approx(expected, rel=5e-2, abs=1e-4)


def test_palette_distance_sees_which_colors_vary_together() -> None:
    gray = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(1)).expand(
        -1, 3, -1, -1
    )
    # The same mean and standard deviation of each channel, in other pixels.
    colored = torch.cat([gray[:, :1], gray[:, 1:2].flip(2), gray[:, 2:].flip(3)], dim=1)
    assert palette_distance(colored, gray) > 0.01
    assert palette_distance(gray.flip(2), gray) == pytest.approx(0, abs=1e-6)
    # Texture has the colors of pixels, but not those of large areas.
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    texture = ramp[..., torch.randperm(64, generator=torch.Generator().manual_seed(2))]
    assert palette_distance(texture, ramp) > 0.01


def test_worst_tenth() -> None:
    assert worst_tenth([*range(20)]) == 18.5
    assert worst_tenth([3.0, 1.0, 2.0]) == 3
    assert math.isnan(worst_tenth([1.0, math.nan, 2.0]))


def test_change_in_levels() -> None:
    image = torch.full((1, 3, 8, 8), 0.5)
    other = image.clone()
    other[..., ::2] += 2 / 255
    assert rms_change(image, other) == pytest.approx(2**0.5, rel=1e-4)
