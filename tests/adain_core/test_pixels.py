from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain_core.pixels import as_float, as_uint8, reduce_uint8, resize, resize_shortest_side


def test_every_level_of_eight_bits_comes_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(as_uint8(as_float(levels)), levels)
    assert as_uint8(levels) is levels
    assert torch.equal(as_float(levels), torch.arange(256) / 255)
    assert as_uint8(torch.tensor([-0.1, 0.0019, 0.002, 1.3])).tolist() == [0, 0, 1, 255]


@given(height=st.integers(1, 60), width=st.integers(1, 60), size=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_resize_shape_and_flat_values(height: int, width: int, size: int) -> None:
    image = torch.full((1, 3, height, width), 0.25)
    resized = resize_shortest_side(image, size)
    long = int(size * max(height, width) / min(height, width))
    assert resized.shape == (1, 3, size, long) if height <= width else (1, 3, long, size)
    assert torch.allclose(resized, torch.full_like(resized, 0.25))
    assert (resized is image) == (min(height, width) == size)


def test_resize_is_antialiased_and_stays_in_range() -> None:
    checkerboard = (torch.arange(64)[:, None] + torch.arange(96)[None]).remainder(2).float()
    resized = resize_shortest_side(checkerboard.expand(1, 3, 64, 96), 16)
    assert resized.shape == (1, 3, 16, 24)
    assert (resized[..., 2:-2, 2:-2] - 0.5).abs().max() < 0.05
    assert resized.min() >= 0 and resized.max() <= 1


def test_resize_errors() -> None:
    with pytest.raises(ValueError, match="at least 1 pixel, got 0"):
        resize_shortest_side(torch.rand(1, 3, 4, 4), 0)
    with pytest.raises(ValueError, match=r"\(B, C, H, W\), got shape \(3, 4, 4\)"):
        resize_shortest_side(torch.rand(3, 4, 4), 2)
    with pytest.raises(ValueError, match="makes 512x2560000 pixels of an image of 1x5000"):
        resize_shortest_side(torch.rand(1, 3, 5000, 1), 512)


def test_resize_one_pixel_wide() -> None:
    column = torch.tensor([0.0, 1.0]).view(1, 1, 2, 1).repeat(1, 3, 1, 1)
    resized = resize(column, (3, 1))
    torch.testing.assert_close(resized[0, 0, :, 0], torch.tensor([0, 0.5, 1]))
    torch.testing.assert_close(resize(column.mT, (1, 3)), resized.mT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8], ids=["float", "uint8"])
def test_resize_keeps_what_a_cut_out_hides_out_of_its_edges(dtype: torch.dtype) -> None:
    image = torch.rand(1, 4, 40, 40, generator=torch.Generator().manual_seed(0))
    image[:, 3] = (torch.arange(40) < 19).float()
    image[:, :3, :, :19] = torch.tensor([1.0, 0.8, 0.4])[:, None, None]
    given = image if dtype == torch.float32 else as_uint8(image)
    resized = resize(given, (20, 20))
    torch.testing.assert_close(resized[:, 3:], resize(given[:, 3:], (20, 20)))
    assert 0 < resized[0, 3, 0, 9] < 1  # the edge
    for channel, value in enumerate((1.0, 0.8, 0.4)):
        assert (resized[:, channel, :, :10] - value).abs().max() < 0.005
    # What is hidden all around is as without transparency.
    expected = resize(given[:, :3], (20, 20))[..., 12:]
    torch.testing.assert_close(resized[:, :3, :, 12:], expected, rtol=1e-4, atol=1e-5)


def test_resize_eight_bits() -> None:
    levels = torch.randint(256, (2, 4, 20, 31), dtype=torch.uint8)
    expected = resize_shortest_side(levels.float() / 255, 7)
    torch.testing.assert_close(resize_shortest_side(levels, 7), expected, rtol=0, atol=1e-6)
    assert resize_shortest_side(levels, 20) is levels


@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.sampled_from([3, 4]),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_images_are_reduced_alike_as_floats_and_as_eight_bits(
    height: int, width: int, channels: int, seed: int
) -> None:
    random = torch.Generator().manual_seed(seed)
    levels = torch.randint(256, (2, channels, 20, 31), dtype=torch.uint8, generator=random)
    reduced = reduce_uint8(levels, (height, width))
    assert torch.equal(reduced, reduce_uint8(levels.float() / 255, (height, width)))
    expected = as_uint8(resize(levels, (height, width)))
    assert (reduced.int() - expected.int()).abs().max() <= 1  # a tie is rounded up or down


def test_transparent_pixels_do_not_count_in_reduced_images() -> None:
    levels = torch.randint(256, (1, 4, 40, 40), dtype=torch.uint8)
    levels[:, 3] = (torch.arange(40) * 20 - 300).clamp(0, 255)
    other = torch.where(levels[:, 3:] > 0, levels, 255 - levels)
    other[:, 3] = levels[:, 3]
    assert torch.equal(reduce_uint8(levels, (17, 19)), reduce_uint8(other, (17, 19)))
    assert (reduce_uint8(levels, (17, 19))[..., :5] == 0).all()
