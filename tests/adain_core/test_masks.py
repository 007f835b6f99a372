from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from adain_core import ImageFileError
from adain_core.masks import (
    as_mask,
    feather_mask,
    feature_weights,
    pool_to_features,
    region_weights,
    require_count,
    resize_mask,
)

NAN = float("nan")


def random_mask(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(4, 5), (1, 4, 5), (3, 4, 5), (3, 1, 4, 5)])
def test_layouts(shape: tuple[int, ...]) -> None:
    mask = random_mask(*shape)
    result = as_mask(mask)
    batch = 3 if shape[0] == 3 else 1
    assert result.shape == (batch, 1, 4, 5)
    assert torch.equal(result.flatten(), mask.flatten())


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float64])
def test_types(dtype: torch.dtype) -> None:
    mask = torch.tensor([[0, 1], [1, 0]], dtype=dtype)
    assert torch.equal(as_mask(mask), torch.tensor([[[[0.0, 1.0], [1.0, 0.0]]]]))
    assert torch.equal(
        as_mask(random_mask(2, 2).half()), random_mask(2, 2).half().float()[None, None]
    )


def test_images_are_masks(tmp_path: Path) -> None:
    """By their luma, or by their opacity if they have any."""
    gray = np.array([[0, 51], [255, 102]], np.uint8)
    expected = torch.from_numpy(gray)[None, None] / 255
    image = PIL.Image.fromarray(gray)
    image.save(tmp_path / "mask.png")
    cut_out = PIL.Image.new("RGBA", (2, 2), "red")
    cut_out.putalpha(image)
    for mask in (image, tmp_path / "mask.png", str(tmp_path / "mask.png"), cut_out):
        torch.testing.assert_close(as_mask(mask), expected)
    assert as_mask(image.convert("1", dither=0)).flatten().tolist() == [0, 0, 1, 0]
    with pytest.raises(ImageFileError, match=r"cannot read none\.png: there is no such file"):
        as_mask("none.png")
    with pytest.raises(TypeError, match="a Pillow image or a path, got list"):
        as_mask([[0, 1]])  # type: ignore[arg-type]


@pytest.mark.parametrize(("images", "wanted"), [(1, "1 mask"), (2, "1 or 2 masks, one per photo")])
def test_wrong_number_of_masks(images: int, wanted: str) -> None:
    for count in (1, images):
        require_count(torch.ones(count, 1, 2, 2), "mask", images, "photo")
    with pytest.raises(ValueError, match=f"^mask must hold {wanted}, got 3$"):
        require_count(torch.ones(3, 1, 2, 2), "mask", images, "photo")


def test_rounding_errors_are_clamped() -> None:
    mask = torch.tensor([[-5e-4, 1 + 5e-4]])
    assert torch.equal(as_mask(mask), torch.tensor([[[[0.0, 1.0]]]]))


@pytest.mark.parametrize(
    "shape", [(), (4,), (0, 4), (4, 0), (2, 3, 4, 4), (1, 1, 1, 4, 4), (0, 4, 4)]
)
def test_bad_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        ValueError, match=r"^mask_2 must have the shape \(H, W\), .* got \("
    ) as caught:
        as_mask(torch.zeros(shape), "mask_2")
    assert str(caught.value).endswith(f"got {shape}")


@pytest.mark.parametrize(
    ("values", "came"),
    [
        ([[0.0, 255.0]], "0 to 255; divide by 255"),
        ([[-1.0, 1.0]], "-1 to 1"),
        ([[0.5, 1.5]], "0.5 to 1.5"),
        ([[NAN, 0.5]], "nan to nan"),
        ([[0.0, float("inf")]], "0 to inf"),
    ],
)
def test_bad_values(values: list[list[float]], came: str) -> None:
    with pytest.raises(ValueError) as caught:
        as_mask(torch.tensor(values))
    assert str(caught.value) == f"mask must hold values in 0..1, got {came}"


def test_what_a_sharp_filter_adds_is_cut_off() -> None:
    mask = torch.zeros(8, 8)
    mask[:, 4:] = 1
    enlarged = F.interpolate(mask[None, None], scale_factor=4, mode="bicubic")
    assert enlarged.min() < -0.05 and enlarged.max() > 1.05
    assert torch.equal(as_mask(enlarged), enlarged.clamp(0, 1))


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (64, 64)])
def test_constant_masks_stay_constant(value: float, size: tuple[int, int]) -> None:
    resized = resize_mask(torch.full((2, 1, 17, 9), value), size)
    torch.testing.assert_close(resized, torch.full((2, 1, *size), value))


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    new_height=st.integers(1, 40),
    new_width=st.integers(1, 40),
)
def test_resized_masks_stay_in_range(
    height: int, width: int, new_height: int, new_width: int
) -> None:
    mask = (random_mask(1, 1, height, width) > 0.5).float()
    resized = resize_mask(mask, (new_height, new_width))
    assert resized.shape == (1, 1, new_height, new_width)
    assert 0 <= resized.min() <= resized.max() <= 1
    # Complementary masks stay complementary.
    torch.testing.assert_close(resize_mask(1 - mask, (new_height, new_width)), 1 - resized)


def test_resizing_down_averages() -> None:
    # Point sampling would see stripes or nothing; averaging sees half.
    stripes = (torch.arange(256) % 2).float().expand(1, 1, 256, 256)
    inner = resize_mask(stripes, (16, 16))[..., 1:-1]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5), rtol=0, atol=0.01)


def test_same_size_is_left_alone() -> None:
    mask = random_mask(1, 1, 6, 7)
    assert resize_mask(mask, (6, 7)) is mask


def test_overlapping_regions_share_in_proportion() -> None:
    one = torch.tensor([[1.0, 1.0, 0.0, 0.3]])[None, None]
    other = torch.tensor([[1.0, 0.5, 0.0, 0.4]])[None, None]
    weights = region_weights([one, other], (1, 4))
    assert weights.shape == (2, 1, 1, 1, 4)
    torch.testing.assert_close(weights[0].flatten(), torch.tensor([0.5, 2 / 3, 0.0, 0.3]))
    torch.testing.assert_close(weights[1].flatten(), torch.tensor([0.5, 1 / 3, 0.0, 0.4]))


@given(regions=st.integers(1, 4), seed=st.integers(0, 1000))
def test_regions_never_exceed_one(regions: int, seed: int) -> None:
    masks = [random_mask(1, 1, 7 + n, 12 - n, seed=seed + n) for n in range(regions)]
    total = region_weights(masks, (5, 6)).sum(dim=0)
    assert 0 <= total.min() <= total.max() <= 1 + 1e-6


def test_one_mask_serves_a_batch() -> None:
    batch, single = random_mask(3, 1, 4, 4), random_mask(1, 1, 8, 8, seed=1)
    weights = region_weights([0.5 * batch, 0.5 * single], (4, 4))
    assert weights.shape == (2, 3, 1, 4, 4)
    torch.testing.assert_close(weights[0], 0.5 * batch)
    torch.testing.assert_close(weights[1], 0.5 * resize_mask(single, (4, 4)).expand(3, -1, -1, -1))


def test_pooling_is_the_mean_of_each_features_pixels() -> None:
    weights = torch.rand(2, 1, 16, 24, generator=torch.Generator().manual_seed(0))
    pooled = pool_to_features(weights, (2, 3))
    expected = weights.reshape(2, 1, 2, 8, 3, 8).mean(dim=(3, 5))
    torch.testing.assert_close(pooled, expected)


def test_pooling_does_not_shift_a_mask_that_ends_within_a_feature() -> None:
    # 17 pixels are 3 features: 8 + 8 + 1, the last one's border repeated.
    weights = torch.zeros(1, 1, 8, 17)
    weights[..., 8:] = 1
    assert pool_to_features(weights, (1, 3)).tolist() == [[[[0, 1, 1]]]]
    weights[..., 16] = 0.5
    assert pool_to_features(weights, (1, 3)).tolist() == [[[[0, 1, 0.5]]]]


def half_plane(width: int = 21) -> torch.Tensor:
    mask = torch.zeros(1, 1, 12, width)
    mask[..., width // 2 :] = 1
    return mask


@pytest.mark.parametrize("radius", [1, 4, 9])
def test_feathered_edge(radius: int) -> None:
    """Fades over the radius to both sides, rises steadily, and is even about its middle."""
    mask = feather_mask(half_plane(), radius)
    row = mask[0, 0, 0]
    torch.testing.assert_close(mask, row.expand_as(mask))  # in bits on some processors only
    assert (row[: 10 - radius] == 0).all()
    torch.testing.assert_close(row[10 + radius :], torch.ones(11 - radius))
    assert (row[10 - radius : 10 + radius].diff() > 0).all()
    # The edge lies between pixels 9 and 10.
    torch.testing.assert_close(
        row[10 - radius : 10] + row[10 : 10 + radius].flip(0), torch.ones(radius)
    )


def test_feather_is_a_gaussian() -> None:
    """One step of the edge is the kernel: σ is half the radius."""
    step = feather_mask(half_plane(41), 8)[0, 0, 0].diff()[12:27]
    distance = torch.arange(-7.0, 8.0)
    expected = torch.exp(-(distance**2) / (2 * 4**2))
    torch.testing.assert_close(step / step[7], expected)


def test_feather_in_both_directions() -> None:
    mask = half_plane()
    turned = feather_mask(mask.mT, 3).mT
    torch.testing.assert_close(turned, feather_mask(mask, 3))
    point = torch.zeros(2, 1, 9, 9)
    point[0, 0, 4, 4] = 1
    soft = feather_mask(point, 2)
    torch.testing.assert_close(soft[0].sum(), torch.tensor(1.0))
    torch.testing.assert_close(soft[0, 0, 4, 2], soft[0, 0, 2, 4])
    assert not soft[1].any()


@given(st.integers(0, 12), st.integers(0, 1000))
def test_feather_keeps_the_complement(radius: int, seed: int) -> None:
    mask = random_mask(2, 1, 5, 7, seed=seed)
    torch.testing.assert_close(feather_mask(1 - mask, radius), 1 - feather_mask(mask, radius))


def test_feather_at_the_border() -> None:
    """A mask goes on beyond the border as it ends there: what covers everything still does."""
    torch.testing.assert_close(feather_mask(torch.ones(1, 1, 3, 4), 50), torch.ones(1, 1, 3, 4))


def test_a_huge_radius_takes_no_longer() -> None:
    """Above 256 pixels the mask is reduced first: close to the exact Gaussian, at no more cost."""
    mask = torch.zeros(1, 1, 40, 2000)
    mask[..., 1000:] = 1
    row = feather_mask(mask, 600)[0, 0, 20]
    offsets = torch.arange(-600.0, 601)
    kernel = torch.exp(-2 * (offsets / 600) ** 2)
    exact = (kernel / kernel.sum()).cumsum(0)
    torch.testing.assert_close(row[400:1600], exact[:-1], atol=2e-3, rtol=0)
    far = feather_mask(mask, 10**9)
    torch.testing.assert_close(far, torch.full_like(far, 0.5))


def test_no_feather() -> None:
    mask = random_mask(1, 1, 4, 5)
    assert feather_mask(mask, 0) is mask
    with pytest.raises(ValueError, match="feather must be 0 pixels or more, got -1"):
        feather_mask(mask, -1)


# --- parts of an image ---------------------------------------------------------------------------


@given(
    source=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    corner=st.tuples(st.integers(0, 50), st.integers(0, 50)),
)
def test_a_window_is_a_part_of_the_whole(
    source: tuple[int, int], size: tuple[int, int], corner: tuple[int, int]
) -> None:
    masks = [random_mask(2, 1, *source), random_mask(1, 1, *size, seed=1)]
    top, left = (min(start, length - 1) for start, length in zip(corner, size, strict=True))
    window = slice(top, top + 16), slice(left, left + 16)  # beyond the end, too
    for mask in masks:
        # torch gets images of one column wrong on a CPU.
        turned = F.interpolate(mask.mT, (size[1], size[0]), mode="bilinear", antialias=True).mT
        whole = turned if size[0] > 1 else resize_mask(mask, size)
        torch.testing.assert_close(resize_mask(mask, size), whole, rtol=0, atol=1e-5)
        part = resize_mask(mask, size, window)
        torch.testing.assert_close(part, whole[..., window[0], window[1]], rtol=0, atol=1e-5)
    whole = region_weights(masks, size)
    part = region_weights(masks, size, window)
    torch.testing.assert_close(part, whole[..., window[0], window[1]], rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(1300, 50), (517, 20), (512, 8), (1, 1), (5, 30)])
def test_feature_weights_are_pooled_region_weights(size: tuple[int, int]) -> None:
    masks = [random_mask(1, 1, 30, 20), random_mask(2, 1, *size, seed=1)]
    feature_size = (max(2, -(-size[0] // 8)), max(2, -(-size[1] // 8)))
    expected = [pool_to_features(w, feature_size) for w in region_weights(masks, size)]
    result = feature_weights(masks, size, feature_size)
    torch.testing.assert_close(result, torch.stack(expected), rtol=0, atol=1e-5)


def test_a_long_mask_is_resized_exactly() -> None:
    mask = torch.rand(1, 1, 1, 6001, dtype=torch.float64)
    expected = F.interpolate(mask, (1, 40_009), mode="bilinear", antialias=True)
    torch.testing.assert_close(resize_mask(mask, (1, 40_009)), expected, rtol=0, atol=1e-5)
