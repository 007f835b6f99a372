from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from adain_core import AdaINModel, Architecture, Features, Style, StyleMismatchError, adain
from adain_core.functional import channel_statistics, crop
from adain_core.masks import as_mask, feature_weights, pool_to_features
from adain_core.transfer import own_transfer, plan_transfer

CHANNELS = 6
NAN = float("nan")


def style(seed: int, fingerprint: str = "encoder-a", name: str = "") -> Style:
    generator = torch.Generator().manual_seed(seed)
    mean = 2 * torch.randn(CHANNELS, generator=generator)
    return Style(mean, 0.1 + 2 * torch.rand(CHANNELS, generator=generator), fingerprint, name)


def target(seed: int) -> tuple[Tensor, Tensor]:
    """A style's mean and std."""
    return style(seed).mean, style(seed).std


def content(
    batch: int = 2, height: int = 8, width: int = 10, seed: int = 0, scale: float = 1.0
) -> Features:
    """Features that differ between places, as regions need them."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(batch, CHANNELS, height, width, generator=generator)
    values = values + torch.linspace(-2, 2, width) * torch.randn(
        CHANNELS, 1, 1, generator=generator
    )
    return Features(scale * values, (8 * height, 8 * width), "encoder-a")


def halves(height: int = 8, width: int = 10) -> tuple[Tensor, Tensor]:
    left = torch.zeros(height, width)
    left[:, : width // 2] = 1
    return left, 1 - left


def pixels(mask: Tensor) -> Tensor:
    """A mask that is constant over each feature's 8x8 pixels."""
    return mask.repeat_interleave(8, -1).repeat_interleave(8, -2)


def assert_same(actual: Features, expected: Features) -> None:
    torch.testing.assert_close(actual.tensor, expected.tensor, rtol=1e-4, atol=1e-4)


def numpy_adain(features: np.ndarray, selected: np.ndarray, target: Style) -> np.ndarray:
    """One region's AdaIN in float64, at every place, statistics of the selected places."""
    pixels = features[:, :, selected]
    mean = pixels.mean(-1)[:, :, None, None]
    std = np.sqrt(pixels.var(-1) + 1e-5)[:, :, None, None]
    new_mean, new_std = (
        value.double().numpy()[None, :, None, None] for value in (target.mean, target.std)
    )
    return (features - mean) / std * new_std + new_mean


region_statistics = pytest.mark.parametrize("region_statistics", [True, False])

# --- one style -----------------------------------------------------------------------------------


@region_statistics
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_what_is_transparent_has_no_statistics(masked: bool, region_statistics: bool) -> None:
    left, _ = halves()
    target, other = style(1), style(2)
    opacity = pixels(left).expand(2, 1, -1, -1)
    cut_out = dataclasses.replace(content(), opacity=opacity)
    alone = dataclasses.replace(content(), tensor=content().tensor[..., :5], size=(64, 40))
    options: dict[str, Any] = {"region_statistics": region_statistics}
    if masked:
        top = torch.cat([torch.ones(4, 10), torch.zeros(4, 10)])
        options |= {"masks": [pixels(top)], "background": other}
    result = adain(cut_out, target, **options)
    if masked:
        options["masks"] = [pixels(top[:, :5])]
    expected = adain(alone, target, **options)
    torch.testing.assert_close(result.tensor[..., :5], expected.tensor, rtol=1e-4, atol=1e-4)


def test_opacity_of_a_tall_image_weights_its_statistics() -> None:
    """More rows than are pooled at a time, and features that end within an image's last pixels."""
    tall = Features(content(1, 138, 3).tensor, (1101, 21), "encoder-a")
    opacity = torch.rand(1, 1, 1101, 21, generator=torch.Generator().manual_seed(1))
    weight = pool_to_features(opacity, (138, 3))
    mean, std = channel_statistics(tall.tensor, weight)
    plan = plan_transfer(dataclasses.replace(tall, opacity=opacity), [target(1)], torch.ones(1))
    torch.testing.assert_close(plan.whole, (mean, std))


def test_where_all_is_transparent_all_of_it_counts() -> None:
    left, right = halves()
    hidden = dataclasses.replace(content(), opacity=torch.zeros(2, 1, 64, 80))
    assert_same(adain(hidden, style(1)), adain(content(), style(1)))
    # A region of which nothing is visible, beside one that is.
    options: dict[str, Any] = {"masks": [pixels(left), pixels(right)]}
    half = dataclasses.replace(content(), opacity=pixels(left).expand(2, 1, -1, -1))
    styles = [style(1), style(2)]
    assert_same(adain(half, styles, **options), adain(content(), styles, **options))


def test_result_has_the_styles_statistics() -> None:
    target = style(1)
    result = adain(content(), target)
    mean, std = channel_statistics(result.tensor)
    torch.testing.assert_close(mean, target.mean.expand(2, -1), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(std, target.std.expand(2, -1), rtol=1e-3, atol=1e-3)


def test_everything_but_the_tensor_is_carried() -> None:
    opacity = torch.rand(2, 1, 64, 80)
    features = Features(content().tensor, (61, 75), "encoder-a", "adain", opacity)
    result = adain(features, style(1))
    assert result.size == (61, 75)
    assert result.fingerprint == "encoder-a"
    assert result.opacity is opacity
    assert result.regions is None


def test_regions_of_the_pixels() -> None:
    """Equal styles form one region."""
    left, right = halves()
    corner = torch.zeros(8, 10)
    corner[:2, :3] = 1
    styles = [style(1), style(2), style(1)]
    result = adain(content(), styles, masks=[pixels(left - corner), pixels(right), pixels(corner)])
    assert result.regions is not None
    assert torch.equal(
        result.regions, torch.stack([pixels(left), pixels(right)]).repeat(2, 1, 1, 1)
    )
    alone = adain(content(), [style(1)], masks=[pixels(corner)], background=style(2))
    assert alone.regions is not None
    assert torch.equal(alone.regions[1], torch.stack([pixels(corner), 1 - pixels(corner)]))


def test_inputs_are_not_modified() -> None:
    features, target, mask = content(), style(1), halves()[0]
    before = [value.clone() for value in (features.tensor, target.mean, target.std, mask)]
    adain(features, target, 0.5)
    adain(features, [target], 0.5, masks=[mask], background=style(2))
    for value, old in zip((features.tensor, target.mean, target.std, mask), before, strict=True):
        assert torch.equal(value, old)


@given(weights=st.lists(st.floats(0, 100), min_size=1, max_size=5).filter(any))
def test_mixing_styles_mixes_the_results(weights: list[float]) -> None:
    features = content()
    styles = [style(seed) for seed in range(len(weights))]
    total = sum(weights)
    expected = sum(
        weight / total * adain(features, each).tensor
        for weight, each in zip(weights, styles, strict=True)
    )
    mixed = adain(features, Style.mix(styles, weights)).tensor
    torch.testing.assert_close(mixed, expected, rtol=1e-4, atol=1e-4)


@given(alpha=st.floats(0, 1))
def test_alpha_blends_the_features(alpha: float) -> None:
    features, target = content(), style(1)
    expected = torch.lerp(features.tensor, adain(features, target).tensor, alpha)
    torch.testing.assert_close(
        adain(features, target, alpha).tensor, expected, rtol=1e-4, atol=1e-4
    )


def test_alpha_zero_keeps_the_features() -> None:
    features = content()
    assert torch.equal(adain(features, style(1), 0).tensor, features.tensor)


@pytest.mark.parametrize("alpha", [-0.01, 1.01, -1, 2, NAN, float("inf"), -float("inf")])
def test_alpha_out_of_range(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"^alpha must lie in 0\.\.1, got "):
        adain(content(), style(1), alpha)


def test_a_batch_is_independent() -> None:
    features = content(batch=3)
    together = adain(features, style(1), 0.7).tensor
    for number in range(3):
        one = Features(features.tensor[number : number + 1], features.size, "encoder-a")
        torch.testing.assert_close(together[number : number + 1], adain(one, style(1), 0.7).tensor)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype: torch.dtype, tolerance: dict[torch.dtype, dict[str, float]]) -> None:
    features, mask = content(), halves()[0]
    half = Features(features.tensor.to(dtype), features.size, "encoder-a")
    for options in ({}, {"masks": [mask], "background": style(2)}):
        styles = [style(1)] if options else style(1)
        result = adain(half, styles, 0.8, **options).tensor  # type: ignore[arg-type]
        expected = adain(features, styles, 0.8, **options).tensor  # type: ignore[arg-type]
        assert result.dtype == dtype
        torch.testing.assert_close(result.float(), expected, **tolerance[dtype])


# --- masks ---------------------------------------------------------------------------------------


@region_statistics
@pytest.mark.parametrize("shape", [(8, 10), (1, 1), (3, 200), (1, 64, 80), (2, 5, 5)])
def test_full_mask_is_no_mask(region_statistics: bool, shape: tuple[int, ...]) -> None:
    features, target = content(), style(1)
    result = adain(
        features, [target], 0.7, masks=[torch.ones(shape)], region_statistics=region_statistics
    )
    assert_same(result, adain(features, target, 0.7))


@region_statistics
@given(seed=st.integers(0, 1000), alpha=st.floats(0, 1), hard=st.booleans())
def test_complementary_masks_of_one_style_are_no_mask(
    region_statistics: bool, seed: int, alpha: float, hard: bool
) -> None:
    features, target = content(), style(1)
    mask = torch.rand(13, 9, generator=torch.Generator().manual_seed(seed))
    mask = mask.round() if hard else mask
    result = adain(
        features,
        [target, style(1)],
        alpha,
        masks=[mask, 1 - mask],
        region_statistics=region_statistics,
    )
    assert_same(result, adain(features, target, alpha))


@region_statistics
def test_background_of_the_same_style_is_no_mask(region_statistics: bool) -> None:
    features, target = content(), style(1)
    result = adain(
        features,
        [target],
        masks=[torch.rand(8, 10)],
        background=style(1),
        region_statistics=region_statistics,
    )
    assert_same(result, adain(features, target))


@region_statistics
@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_empty_mask_changes_nothing(
    region_statistics: bool, scale: float, dtype: torch.dtype
) -> None:
    features = content(scale=scale)
    features = Features(features.tensor.to(dtype), features.size, "encoder-a")
    alone = adain(
        features, [style(1)], masks=[torch.zeros(8, 10)], region_statistics=region_statistics
    )
    assert torch.equal(alone.tensor, features.tensor)

    left, _ = halves()
    expected = adain(features, [style(1)], masks=[left], region_statistics=region_statistics)
    result = adain(
        features,
        [style(1), style(2)],
        masks=[left, torch.zeros(30, 40)],
        region_statistics=region_statistics,
    )
    assert torch.equal(result.tensor, expected.tensor)


@region_statistics
def test_uncovered_places_keep_the_content(region_statistics: bool) -> None:
    features = content()
    left, right = halves()
    masks = [pixels(left)]
    result = adain(features, [style(1)], masks=masks, region_statistics=region_statistics).tensor
    outside = right.bool()
    assert torch.equal(result[:, :, outside], features.tensor[:, :, outside])
    assert not torch.allclose(result[:, :, ~outside], features.tensor[:, :, ~outside], atol=0.1)


def test_region_statistics_are_those_of_the_region() -> None:
    features, (left, right) = content(), halves()
    array, chosen = features.tensor.double().numpy(), left.bool().numpy()
    expected = np.where(
        chosen, numpy_adain(array, chosen, style(1)), numpy_adain(array, ~chosen, style(2))
    )
    masks = [pixels(left), pixels(right)]
    result = adain(features, [style(1), style(2)], masks=masks).tensor
    torch.testing.assert_close(result.double(), torch.from_numpy(expected), rtol=1e-4, atol=1e-4)


def test_without_region_statistics_masks_share_those_of_the_image() -> None:
    features, (left, right) = content(), halves()
    array, chosen = features.tensor.double().numpy(), left.bool().numpy()
    everywhere = np.ones_like(chosen)
    expected = np.where(
        chosen, numpy_adain(array, everywhere, style(1)), numpy_adain(array, everywhere, style(2))
    )
    masks = [pixels(left), pixels(right)]
    result = adain(features, [style(1), style(2)], masks=masks, region_statistics=False).tensor
    torch.testing.assert_close(result.double(), torch.from_numpy(expected), rtol=1e-4, atol=1e-4)


def test_background_takes_what_masks_leave() -> None:
    features, (left, right) = content(), halves()
    expected = adain(features, [style(1), style(2)], masks=[left, right])
    result = adain(features, [style(1)], masks=[left], background=style(2))
    assert_same(result, expected)


def test_background_beside_two_regions() -> None:
    features = content()
    masks = [torch.zeros(8, 10) for _ in range(3)]
    for number, mask in enumerate(masks):
        mask[:, 3 * number : 3 * number + 3] = 1
    masks[2][:, 9] = 1
    styles = [style(seed) for seed in (1, 2, 3)]
    expected = adain(features, styles, masks=masks)
    result = adain(features, styles[:2], masks=masks[:2], background=styles[2])
    assert_same(result, expected)


@pytest.mark.parametrize("seed", range(8))
def test_background_of_which_masks_leave_nothing(seed: int) -> None:
    # Soft masks, or three that overlap, add up to 1 with a rounding error of either sign.
    features, generator = content(1), torch.Generator().manual_seed(seed)
    soft = torch.randint(256, (37, 53), generator=generator) / 255
    overlapping = [torch.ones(37, 53), *torch.rand(2, 37, 53, generator=generator)]
    for masks in ([soft, 1 - soft], overlapping):
        styles = [style(seed) for seed in range(len(masks))]
        expected = adain(features, styles, masks=masks)
        result = adain(features, styles, masks=masks, background=style(9))
        assert_same(result, expected)


@region_statistics
def test_overlapping_masks_share_the_place(region_statistics: bool) -> None:
    features, full = content(), torch.ones(8, 10)
    styles = [style(1), style(2)]
    for masks, weights in (([full, full], [1, 1]), ([full, 0.5 * full], [2, 1])):
        result = adain(features, styles, masks=masks, region_statistics=region_statistics)
        assert_same(result, adain(features, Style.mix(styles, weights)))


@region_statistics
def test_soft_mask_is_an_alpha_for_each_place(region_statistics: bool) -> None:
    features = content()
    result = adain(
        features,
        [style(1)],
        masks=[torch.full((8, 10), 0.3)],
        region_statistics=region_statistics,
    )
    assert_same(result, adain(features, style(1), 0.3))


def test_soft_edge_blends_two_results() -> None:
    features, mask = content(), torch.linspace(0, 1, 10).expand(8, 10)
    styles = [style(1), style(2)]
    one, two = (adain(features, each).tensor for each in styles)
    masks = [pixels(mask), pixels(1 - mask)]
    result = adain(features, styles, masks=masks, region_statistics=False).tensor
    torch.testing.assert_close(result, mask * one + (1 - mask) * two, rtol=1e-4, atol=1e-4)


@region_statistics
def test_alpha_works_inside_masks(region_statistics: bool) -> None:
    features, (left, right) = content(), halves()
    options = {"masks": [left, right], "region_statistics": region_statistics}
    full = adain(features, [style(1), style(2)], 1.0, **options).tensor  # type: ignore[arg-type]
    half = adain(features, [style(1), style(2)], 0.25, **options).tensor  # type: ignore[arg-type]
    expected = torch.lerp(features.tensor, full, 0.25)
    torch.testing.assert_close(half, expected, rtol=1e-4, atol=1e-4)


def test_each_image_can_have_its_mask() -> None:
    features, (left, right) = content(batch=2), halves()
    result = adain(features, [style(1)], masks=[torch.stack([left, right])], background=style(2))
    for number, mask in enumerate((left, right)):
        one = Features(features.tensor[number : number + 1], features.size, "encoder-a")
        expected = adain(one, [style(1)], masks=[mask], background=style(2)).tensor
        torch.testing.assert_close(result.tensor[number : number + 1], expected)


def test_one_mask_serves_the_batch() -> None:
    features, (left, _) = content(batch=2), halves()
    expected = adain(features, [style(1)], masks=[torch.stack([left, left])])
    assert_same(adain(features, [style(1)], masks=[left]), expected)


def test_resolution_of_a_mask_matters_only_at_its_edge() -> None:
    features = content(width=16)
    coarse, fine = halves(4, 16)[0], halves(64, 128)[0]
    one, other = (
        adain(features, [style(1)], masks=[mask], region_statistics=False).tensor
        for mask in (coarse, fine)
    )
    away = [*range(7), *range(9, 16)]
    torch.testing.assert_close(one[..., away], other[..., away])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("scale", [0.0, 1.0, 300.0])
def test_one_pixel_region_is_finite(dtype: torch.dtype, scale: float) -> None:
    features = content(scale=scale)
    features = Features(features.tensor.to(dtype), features.size, "encoder-a")
    mask = torch.zeros(8, 10)
    mask[3, 4] = 1
    for background in (None, style(2)):
        result = adain(features, [style(1)], masks=[pixels(mask)], background=background).tensor
        assert result.isfinite().all()
        # A region of one place has no contrast: it takes the style's mean.
        torch.testing.assert_close(
            result[:, :, 3, 4].float(), style(1).mean.expand(2, -1), rtol=0.02, atol=0.02
        )


@pytest.mark.parametrize(
    ("styles", "masks", "message"),
    [
        (1, [(8, 10)] * 2, "masks must be one per style (1), got 2"),
        (2, [(8, 10)], "masks must be one per style (2), got 1"),
        (1, [], "masks must hold at least one mask, got none"),
        (0, [(8, 10)], "masks must be one per style (0), got 1"),
        (0, [], "masks must hold at least one mask, got none"),
        (
            2,
            [(8, 10), (3, 8, 10)],
            "masks[1] must hold 1 or 2 masks, one per content image, got 3",
        ),
    ],
)
def test_wrong_counts(styles: int, masks: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        adain(
            content(batch=2),
            [style(seed) for seed in range(styles)],
            masks=[torch.ones(shape) for shape in masks],
        )
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (NAN, "masks[1] must hold values in 0..1, got nan to nan"),
        (255.0, "masks[1] must hold values in 0..1, got 255 to 255; divide by 255"),
        (-0.5, "masks[1] must hold values in 0..1, got -0.5 to -0.5"),
    ],
)
def test_bad_mask_values(value: float, message: str) -> None:
    masks = [torch.ones(4, 4), torch.full((4, 4), value)]
    with pytest.raises(ValueError) as caught:
        adain(content(), [style(1), style(2)], masks=masks)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("styles", "background"), [(2, False), (0, False), (1, True)], ids=["two", "none", "background"]
)
def test_without_masks_one_style(styles: int, background: bool) -> None:
    with pytest.raises(ValueError, match="without masks expected one style and no background, got"):
        adain(
            content(),
            [style(seed) for seed in range(styles)],
            background=style(9) if background else None,
        )


def test_style_of_another_encoder() -> None:
    features, ours, foreign = content(), style(1), style(2, "encoder-b", "wave")
    mask = torch.ones(8, 10)
    for arguments in (
        {"style": foreign},
        {"style": [ours, foreign], "masks": [mask, mask]},
        {"style": [ours], "masks": [mask], "background": foreign},
    ):
        with pytest.raises(StyleMismatchError, match=r"'wave'.*encoder-b.*encoder-a"):
            adain(features, **arguments)  # type: ignore[arg-type]


# --- part by part --------------------------------------------------------------------------------


@region_statistics
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_part_of_the_transfer_is_the_transfer_of_a_part(
    region_statistics: bool, masked: bool, dtype: torch.dtype
) -> None:
    features = content()
    features = Features(features.tensor.to(dtype), features.size, "encoder-a")
    options: dict[str, Any] = {"alpha": 0.7, "region_statistics": region_statistics}
    if masked:
        options |= {"masks": [torch.rand(2, 13, 9)], "background": style(2)}
    whole = adain(features, [style(1)] if masked else style(1), **options)
    if masked:
        options |= {"masks": [as_mask(mask) for mask in options["masks"]], "background": target(2)}
    options["alpha"] = torch.tensor([options["alpha"]])
    transfer = plan_transfer(features, [target(1)], **options)
    for window in ((slice(2, 5), slice(0, 7)), (slice(6, 99), slice(9, 10))):
        part = transfer(features.tensor, window)
        assert torch.equal(part, crop(whole.tensor, window))


def test_own_transfer_keeps_the_features() -> None:
    features = content()
    torch.testing.assert_close(own_transfer(features)(features.tensor), features.tensor)


# --- concat --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def concat(make_model: Callable[..., AdaINModel]) -> AdaINModel:
    return make_model(Architecture((4, 6, 8, 10), fusion="concat"))


def test_concat_joins_the_statistics(concat: AdaINModel, make_image: Callable[..., Tensor]) -> None:
    features = concat.encode(make_image(30, 41, batch=2))
    target = concat.encode_style(make_image(24, 24, seed=5))
    result = adain(features, target, 0.25)
    own_mean, own_std = channel_statistics(features.tensor)
    assert result.tensor.shape == (2, 30, 4, 6)
    assert torch.equal(result.tensor[:, :10], features.tensor)
    for place, own, new in ((10, own_mean, target.mean), (20, own_std, target.std)):
        expected = torch.lerp(own, new, 0.25)[:, :, None, None].expand(-1, -1, 4, 6)
        torch.testing.assert_close(result.tensor[:, place : place + 10], expected)


@region_statistics
def test_concat_with_masks(
    concat: AdaINModel, make_image: Callable[..., Tensor], region_statistics: bool
) -> None:
    features = concat.encode(make_image(32, 48))
    one, two = (concat.encode_style(make_image(24, 24, seed=seed)) for seed in (5, 6))
    options = {"region_statistics": region_statistics}
    full = adain(features, [one], 0.6, masks=[torch.ones(3, 3)], **options)
    assert_same(full, adain(features, one, 0.6))
    # At alpha 1 the maps hold the style of each place.
    left, right = halves(4, 6)
    result = adain(features, [one, two], masks=[left, right], **options).tensor
    assert torch.equal(result[:, :10], features.tensor)
    torch.testing.assert_close(result[0, 10:20, 0, 0], one.mean)
    torch.testing.assert_close(result[0, 20:30, 0, 5], two.std)
    empty = adain(features, [one], masks=[torch.zeros(4, 6)], **options)
    assert_same(empty, adain(features, one, 0))
    assert concat.decode(full).shape == (1, 3, 32, 48)


def test_masks_cover_the_image_without_its_padding() -> None:
    features = dataclasses.replace(content(), size=(57, 75))
    mask = torch.rand(3, 4, generator=torch.Generator().manual_seed(0))
    masks = [as_mask(mask)]
    [region] = plan_transfer(features, [target(1)], torch.ones(1), masks=masks).regions
    expected = feature_weights([mask[None, None]], (57, 75), (8, 10))[0]
    torch.testing.assert_close(region.weight, expected)


def test_a_transparent_image_in_a_batch_with_a_visible_one() -> None:
    left, _ = halves()
    opacity = torch.stack([torch.zeros(1, 64, 80), pixels(left)[None]])
    cut_out = dataclasses.replace(content(), opacity=opacity)
    result = adain(cut_out, style(1)).tensor
    for n in range(2):
        one = dataclasses.replace(cut_out, tensor=cut_out.tensor[n, None], opacity=opacity[n, None])
        torch.testing.assert_close(result[n, None], adain(one, style(1)).tensor)


def test_own_transfer_is_of_what_is_visible() -> None:
    left, _ = halves()
    cut_out = dataclasses.replace(content(), opacity=pixels(left).expand(2, 1, -1, -1))
    expected = channel_statistics(content().tensor[..., :5])
    torch.testing.assert_close(own_transfer(cut_out).whole, expected)


def test_the_gain_of_a_later_pass_is_limited() -> None:
    """Without a limit, a flat image would show its rounding."""
    flat, wanted = content(scale=1e-3), target(1)
    transfer = plan_transfer(flat, [wanted], torch.ones(1))
    [plain], [limited] = transfer.regions, transfer.limited().regions
    assert (wanted[1] / plain.content[1]).min() > 10
    torch.testing.assert_close(limited.content[1], (wanted[1] / 10).expand(2, -1))
    torch.testing.assert_close(limited.content[0], plain.content[0])
    ordinary = plan_transfer(content(), [wanted], torch.ones(1))
    assert torch.equal(ordinary.limited()(content().tensor), ordinary(content().tensor))
