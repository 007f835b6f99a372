from __future__ import annotations

from typing import Any

import pytest
import torch
from stylized import NAN, MakeImage, assert_same, left_half, unclamped, without_palette

from adain_core import (
    AdaINModel,
    adain,
)
from adain_core.engine.halos import remove_halos
from adain_core.functional import channel_statistics
from adain_core.masks import as_mask, feather_mask, resize_mask

# --- masks ---------------------------------------------------------------------------------------

region_statistics = pytest.mark.parametrize("region_statistics", [True, False])


@region_statistics
@pytest.mark.parametrize("residual", [True, False])
def test_mask_identities(
    tiny: AdaINModel, make_image: MakeImage, region_statistics: bool, residual: bool
) -> None:
    content, (one, two) = make_image(37, 50, batch=2), (make_image(24, 24, seed=s) for s in (1, 2))
    style = tiny.encode_style(one)
    options: dict[str, Any] = {
        "alpha": 0.8,
        "region_statistics": region_statistics,
        "content_residual": residual,
    }
    plain = tiny.stylize(content, style, alpha=0.8, content_residual=residual)
    soft = make_image(37, 50, batch=2, channels=1, seed=3)[:, 0]
    full, empty = torch.ones(5, 5), torch.zeros(50, 70)
    for styles, masks, background in (
        ([style], [full], None),
        ([style, style], [soft, 1 - soft], None),
        ([style, one], [soft.round(), 1 - soft.round()], None),
        ([style, two], [full, empty], None),
        ([style], [soft], style),
        ([two], [empty], one),
    ):
        result = tiny.stylize(content, styles, masks=masks, background=background, **options)
        assert_same(result, plain, 1e-4)
    # Masks mix the maps of colors, weights mix the palettes.
    single = {"stroke_size": "single"}
    both = tiny.stylize(content, [style, two], masks=[full, full], **options, **single)
    mixed = tiny.stylize(content, [style, two], alpha=0.8, content_residual=residual, **single)
    assert_same(both, mixed, 1e-4)


@region_statistics
@pytest.mark.parametrize("method", [None, "luminance", "mean_std"])
def test_uncovered_pixels_stay(
    tiny: AdaINModel, make_image: MakeImage, region_statistics: bool, method: str | None
) -> None:
    content, style = make_image(37, 50, channels=4), make_image(24, 24, seed=1)
    mask = left_half(37, 50)
    result = tiny.stylize(
        content, [style], masks=[mask], region_statistics=region_statistics, preserve_color=method
    )
    outside = ~mask.bool()
    assert torch.equal(result[..., outside], content[..., outside])
    changed = (result[:, :3, ~outside] - content[:, :3, ~outside]).abs()
    assert changed.mean() > 0.05
    empty = tiny.stylize(content, [style], masks=[0 * mask], preserve_color=method)
    assert torch.equal(empty, content)


def test_background_covers_the_rest(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, (one, two) = make_image(37, 50), (make_image(24, 24, seed=seed) for seed in (1, 2))
    mask = left_half(37, 50)
    result = tiny.stylize(content, [one], masks=[mask], background=two)
    assert_same(result, tiny.stylize(content, [one, two], masks=[mask, 1 - mask]))
    styles = [tiny.encode_style(image) for image in (one, two)]
    expected = tiny.decode(
        adain(tiny.encode(content), styles[:1], masks=[mask], background=styles[1])
    )
    single = tiny.stylize(content, [one], masks=[mask], background=two, stroke_size="single")
    assert torch.equal(single, expected)


def test_decoding_removes_halos_region_by_region(tiny: AdaINModel, make_image: MakeImage) -> None:
    photos = make_image(37, 50, 2, 4)
    one, two = (
        without_palette(tiny.encode_style(make_image(24, 24, seed=seed))) for seed in (1, 2)
    )
    mask = torch.stack([left_half(37, 50), left_half(37, 50).flip(1)])
    features = adain(tiny.encode(photos), [one], masks=[mask], background=two)
    for dtype in (torch.float32, torch.uint8):
        found = tiny.decode(features, output_dtype=dtype, content=photos)
        expected = tiny.stylize(photos, [one], masks=[mask], background=two, output_dtype=dtype)
        assert torch.equal(found, expected)
    plain = adain(tiny.encode(photos), one)
    assert torch.equal(tiny.decode(plain, content=photos), tiny.stylize(photos, [one]))


def test_a_mask_of_everything_is_no_mask(tiny: AdaINModel, make_image: MakeImage) -> None:
    """Halos are removed with masks, too."""
    content, style = make_image(130, 150), make_image(24, 24, seed=1)
    for stroke_size in ("single", "medium", 4.0):
        plain = tiny.stylize(content, [style], stroke_size=stroke_size)
        for masks in ([torch.ones(1, 1)], [left_half(130, 150), 1 - left_half(130, 150)]):
            masked = tiny.stylize(
                content, [style] * len(masks), masks=masks, stroke_size=stroke_size
            )
            torch.testing.assert_close(masked, plain, rtol=0, atol=2 / 255)


def test_halos_are_removed_region_by_region(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, (one, two) = (
        make_image(80, 150),
        (without_palette(tiny.encode_style(make_image(24, 24, seed=seed))) for seed in (1, 2)),
    )
    mask = left_half(80, 150)
    how: dict[str, Any] = {"masks": [mask], "background": two}
    single = tiny.stylize(content, [one], stroke_size="single", **how)
    regions = torch.stack([mask, 1 - mask])[None]
    expected = remove_halos(single, content, regions)
    assert_same(tiny.stylize(content, [one], **how), expected)
    assert (remove_halos(single, content) - expected).abs().max() > 0.02
    # Without a background the rest is the photo.
    alone = tiny.stylize(content, [one], masks=[mask])
    assert torch.equal(alone[..., 75:], content[..., 75:])
    assert (alone - content)[..., :75].abs().mean() > 0.02


def test_soft_mask_blends_with_the_content(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, style = make_image(32, 32), tiny.encode_style(make_image(24, 24, seed=1))
    mask = torch.full((32, 32), 0.25)
    stylized = unclamped(tiny, adain(tiny.encode(content), [style], masks=[mask]))
    expected = torch.lerp(content, stylized, 0.25).clamp(0, 1)
    assert_same(tiny.stylize(content, [style], masks=[mask], stroke_size="single"), expected)


def test_masks_of_any_resolution(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, style = make_image(37, 50), make_image(24, 24, seed=1)
    for shape in ((1, 1), (2, 3), (37, 50), (200, 111), (1, 300)):
        mask = torch.zeros(shape)
        mask[:, : shape[1] // 2] = 1
        result = tiny.stylize(content, [style], masks=[mask])
        assert result.shape == content.shape
        assert result.isfinite().all()
        assert 0 <= result.min() <= result.max() <= 1


def test_bad_masks(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, style = make_image(16, 16, batch=2), tiny.encode_style(make_image(16, 16, seed=1))
    mask = torch.ones(16, 16)
    cases: list[tuple[Any, dict[str, Any], str]] = [
        ([style], {"masks": [mask, mask]}, "masks must be one per style (1), got 2"),
        (style, {"masks": []}, "masks must hold at least one mask, got none"),
        ([], {"masks": []}, "styles must hold at least one style, got none"),
        ([style], {"masks": [mask * NAN]}, "masks[0] must hold values in 0..1, got nan to nan"),
        (
            [style],
            {"masks": [mask * 255]},
            "masks[0] must hold values in 0..1, got 255 to 255; divide by 255",
        ),
        (
            [style],
            {"masks": [mask.expand(3, -1, -1)]},
            "masks[0] must hold 1 or 2 masks, one per content image, got 3",
        ),
        (
            [style],
            {"masks": [mask], "weights": [1]},
            "weights cannot be combined with masks: "
            "weights mix styles everywhere, masks place them",
        ),
        (
            style,
            {"background": style},
            "background needs masks; without them styles cover everything",
        ),
        (style, {"feather": 3}, "feather needs masks, got 3 pixels without masks"),
        (
            [style],
            {"masks": [mask], "feather": -1},
            "feather must be 0 pixels or more, got -1",
        ),
    ]
    for styles, options, message in cases:
        # The same at alpha 0, where nothing has to be computed.
        for alpha in (1, 0):
            with pytest.raises(ValueError) as caught:
                tiny.stylize(content, styles, alpha=alpha, **options)
            assert str(caught.value) == message


def test_feathered_masks(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, style = make_image(32, 24, batch=2), tiny.encode_style(make_image(16, 16, seed=1))
    half, moving = torch.zeros(4, 3), torch.zeros(2, 8, 6)
    half[:2], moving[0, :, :2], moving[1, :, 4:] = 1, 1, 1
    soft = [feather_mask(resize_mask(as_mask(mask), (32, 24)), 5) for mask in (half, moving)]
    expected = tiny.stylize(content, [style, style], masks=soft, alpha=0.5)
    found = tiny.stylize(content, [style, style], masks=[half, moving], alpha=0.5, feather=5)
    assert torch.equal(found, expected)


# --- style masks ---------------------------------------------------------------------------------


def test_style_mask_selects_features(tiny: AdaINModel, make_image: MakeImage) -> None:
    image = make_image(64, 48)
    selected = torch.rand(8, 6, generator=torch.Generator().manual_seed(0)) > 0.5
    features = tiny.encoder(image)[0, :, selected]
    # Constant over each feature's 8x8 pixels, so that it selects features exactly.
    mask = selected.repeat_interleave(8, 0).repeat_interleave(8, 1)
    style = tiny.encode_style(image, mask=mask)
    torch.testing.assert_close(style.mean, features.mean(1))
    std = (features.var(1, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(style.std, std, rtol=1e-4, atol=1e-5)


def test_style_mask_over_half(tiny: AdaINModel, make_image: MakeImage) -> None:
    image = torch.cat([0.2 + 0.1 * make_image(64, 160), make_image(64, 160, seed=1)], dim=3)
    style = tiny.encode_style(image, mask=left_half(64, 320))
    mean, std = channel_statistics(tiny.encoder(image)[..., :20])
    torch.testing.assert_close(style.mean, mean[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(style.std, std[0], rtol=1e-4, atol=1e-5)


def test_style_mask_hides_the_rest(tiny: AdaINModel, make_image: MakeImage) -> None:
    calm, mask = make_image(64, 160), left_half(64, 160)
    image = torch.cat([calm, make_image(64, 160, seed=1)], dim=3)
    # Beyond the receptive field of the masked features nothing counts.
    style = tiny.encode_style(image, mask=torch.cat([mask, 0 * mask], dim=1))
    expected = tiny.encode_style(calm, mask=mask)
    torch.testing.assert_close(style.mean, expected.mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(style.std, expected.std, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(40, 50), (1, 1), (1, 7, 7), (2, 40, 50)])
def test_full_style_mask_is_none(
    tiny: AdaINModel, make_image: MakeImage, shape: tuple[int, ...]
) -> None:
    images = make_image(40, 50, batch=2)
    masked, plain = tiny.encode_style(images, mask=torch.ones(shape)), tiny.encode_style(images)
    torch.testing.assert_close(masked.mean, plain.mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(masked.std, plain.std, rtol=1e-4, atol=1e-5)


def test_transparent_style_pixels_do_not_count(tiny: AdaINModel, make_image: MakeImage) -> None:
    image, visible = make_image(64, 128), left_half(64, 128)[None, None]
    style = tiny.encode_style(torch.cat([image, visible], dim=1))
    # Under them lies the visible ones' mean color.
    filled = image.clone()
    filled[..., 64:] = image[..., :64].mean(dim=(2, 3), keepdim=True)
    expected = tiny.encode_style(filled, mask=visible)
    torch.testing.assert_close(style.mean, expected.mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(style.std, expected.std, rtol=1e-4, atol=1e-5)
    hidden = image.clone()
    hidden[..., 64:] = 1
    assert tiny.encode_style(torch.cat([hidden, visible], dim=1)) == style
    assert tiny.encode_style(hidden) != tiny.encode_style(image)
    # With a mask only what is both visible and selected.
    top = left_half(128, 64).T.reshape(1, 64, 128)
    both = tiny.encode_style(torch.cat([image, visible], dim=1), mask=top)
    expected = tiny.encode_style(filled, mask=top * visible[0])
    torch.testing.assert_close(both.mean, expected.mean, rtol=1e-4, atol=1e-5)
    # Opaque ones all count.
    opaque = tiny.encode_style(torch.cat([image, torch.ones(1, 1, 64, 128)], dim=1))
    torch.testing.assert_close(opaque.mean, tiny.encode_style(image).mean, rtol=1e-4, atol=1e-5)
    result = tiny.stylize(image, torch.cat([image, visible], dim=1))
    assert torch.equal(result, tiny.stylize(image, style))


def test_a_transparent_style_is_reported(tiny: AdaINModel, make_image: MakeImage) -> None:
    style = make_image(32, 32, channels=4)
    style[:, 3] = 0
    with pytest.raises(ValueError, match="style image is transparent everywhere"):
        tiny.encode_style(style)


def test_bad_style_masks(tiny: AdaINModel, make_image: MakeImage) -> None:
    image = make_image(32, 32, batch=2)
    for mask, message in (
        (torch.zeros(32, 32), "mask selects no pixel of the style image; give one that does"),
        (
            torch.stack([torch.ones(8, 8), torch.zeros(8, 8)]),
            "mask selects no pixel of the style image; give one that does",
        ),
        (torch.full((8, 8), NAN), "mask must hold values in 0..1, got nan to nan"),
        (torch.full((8, 8), 2.0), "mask must hold values in 0..1, got 2 to 2"),
        (
            torch.ones(3, 8, 8),
            "mask must hold 1 or 2 masks, one per style image, got 3",
        ),
    ):
        with pytest.raises(ValueError) as caught:
            tiny.encode_style(image, mask=mask)
        assert str(caught.value) == message
    with pytest.raises(ValueError, match="transparent everywhere"):
        tiny.encode_style(torch.cat([image, torch.zeros(2, 1, 32, 32)], dim=1))
