"""Coarse to fine: each pass stylizes the photo, moved toward the smaller pass, with its strokes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from stylized import without_palette
from torch import Tensor

from adain_core import AdaINModel, OptionError, Style, StylizeOptions, Stylizer, TemporalPool, adain
from adain_core.choices import PHOTO_SHARE
from adain_core.engine.canvas import Canvas, Underpainting
from adain_core.engine.halos import remove_halos
from adain_core.engine.passes import closeness, pass_sizes
from adain_core.engine.strokes import Strokes, underpaint
from adain_core.functional import crop
from adain_core.pixels import as_float, as_uint8, enlarge_window, reduce_uint8, resize

MakeImage = Callable[..., Tensor]
STROKES = 4.0  # a first pass of 96 pixels
EVERYWHERE = (slice(None), slice(None))
CPU = torch.device("cpu")


def stylize(model: AdaINModel, content: Tensor, styles: Any, **options: Any) -> Tensor:
    return model.stylize(content, styles, **{"stroke_size": STROKES, **options})


def everywhere(share: float) -> Tensor:
    return torch.full((1, 1, 1, 1), share, dtype=torch.float32)


def test_a_later_canvas_is_the_photo_changed_as_the_pass_before(make_image: MakeImage) -> None:
    photo = make_image(60, 80)
    reduced = as_uint8(resize(photo, (30, 40)))
    result = as_uint8(make_image(30, 40, seed=1))
    canvas = Underpainting(photo, result, reduced, everywhere(0.7))
    change = resize(as_float(result) - as_float(reduced), (60, 80))
    expected = (photo + 0.7 * change).clamp(0, 1)
    torch.testing.assert_close(canvas.colors(EVERYWHERE, CPU), expected, rtol=0, atol=1e-5)
    floats = Underpainting(photo, as_float(result), as_float(reduced), everywhere(0.7))
    assert torch.equal(floats.colors(EVERYWHERE, CPU), canvas.colors(EVERYWHERE, CPU))
    window = (slice(8, 24), slice(40, 80))
    torch.testing.assert_close(canvas.colors(window, CPU), expected[..., 8:24, 40:80])


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    grown=st.tuples(st.integers(0, 60), st.integers(0, 60)),
    data=st.data(),
)
def test_a_window_of_an_enlarged_image_is_cut_from_the_whole(
    height: int, width: int, grown: tuple[int, int], data: st.DataObject
) -> None:
    size = (height + grown[0], width + grown[1])
    small = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(7))
    top, left = (data.draw(st.integers(0, length - 1)) for length in size)
    window = (slice(top, top + 16), slice(left, left + 16))
    whole = F.interpolate(small, size, mode="bilinear")
    found = enlarge_window(lambda part: crop(small, part), (height, width), size, window)
    torch.testing.assert_close(found, whole[..., window[0], window[1]], rtol=0, atol=1e-4)


def test_a_reduced_image_equals_the_resized_one(make_image: MakeImage) -> None:
    cut_out = make_image(150, 133, channels=4)
    for photo in (make_image(150, 133), as_uint8(make_image(150, 133)), cut_out, as_uint8(cut_out)):
        reduced = reduce_uint8(photo, (96, 85))
        assert reduced.dtype == torch.uint8
        expected = resize(photo, (96, 85))
        torch.testing.assert_close(as_float(reduced), expected, rtol=0, atol=1.01 / 255)


def test_a_share_can_differ_from_place_to_place(make_image: MakeImage) -> None:
    photo, result = make_image(60, 80), as_uint8(make_image(30, 40, seed=1))
    reduced, share = as_uint8(resize(photo, (30, 40))), torch.zeros(1, 1, 30, 40)
    share[..., :20] = 1
    found = Underpainting(photo, result, reduced, share).colors(EVERYWHERE, CPU)
    whole = Underpainting(photo, result, reduced, everywhere(1)).colors(EVERYWHERE, CPU)
    torch.testing.assert_close(found[..., :39], whole[..., :39], rtol=0, atol=1e-6)
    torch.testing.assert_close(found[..., 42:], photo[..., 42:], rtol=0, atol=1e-6)


@given(photo_share=st.floats(0, 1))
def test_strokes_that_show_the_photo_get_its_share(photo_share: float) -> None:
    photo = as_uint8(torch.rand(1, 3, 60, 80, generator=torch.Generator().manual_seed(3)))
    reduced = reduce_uint8(photo, (30, 40))
    # Brighter and with less contrast, the image shows all of the photo's structure.
    image = 0.3 + as_float(reduced).mean(dim=1, keepdim=True).expand(-1, 3, -1, -1) / 2
    found = underpaint(photo, image, reduced, photo_share).colors(EVERYWHERE, CPU)
    share = everywhere(1 - photo_share)
    expected = Underpainting(photo, image, reduced, share).colors(EVERYWHERE, CPU)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.005)


@pytest.mark.parametrize("image", ["flat", "inverted"])
def test_strokes_that_hide_the_photo_get_more_of_it(image: str) -> None:
    """Checks of 4 pixels, at levels of 0.5 +- 0.05, whose variance is 0.0025."""
    rows, columns = torch.meshgrid(torch.arange(40) // 4, torch.arange(40) // 4, indexing="ij")
    checks = 0.45 + 0.1 * ((rows + columns) % 2).float().expand(1, 3, -1, -1)
    smaller = 1 - checks if image == "inverted" else torch.full_like(checks, 0.25)

    def center(photo_share: float) -> Tensor:
        canvas = underpaint(checks, smaller, checks, photo_share)
        return canvas.colors((slice(14, 26), slice(14, 26)), CPU)

    photo, strokes = (each[..., 14:26, 14:26] for each in (checks, smaller))
    torch.testing.assert_close(center(1), photo)
    torch.testing.assert_close(center(0), strokes, rtol=0, atol=0.004)
    share = 0.7 / (1 + 0.3 * 0.0025 / 0.045**2)
    expected = torch.lerp(photo, strokes, share)
    torch.testing.assert_close(center(0.3), expected, rtol=0, atol=0.01)


def test_strokes_stay_where_the_photo_has_no_detail(make_image: MakeImage) -> None:
    smooth = resize(make_image(6, 6), (128, 128))
    result, fine = make_image(64, 64, seed=1), 0.25 + 0.5 * make_image(128, 128, seed=2)
    strokes = Strokes.over(smooth, as_uint8(result))
    assert strokes.kept.min() > 0.9
    merged = strokes.under(fine).colors(EVERYWHERE, CPU)
    # As seen at the size of the smaller pass it is that pass, and what is finer stays.
    inside = ((merged > 0) & (merged < 1)).all(dim=1, keepdim=True)
    seen, before = resize(merged, (64, 64)), resize(fine, (64, 64))
    assert inside.float().mean() > 0.5
    assert (seen - result).abs().mean() < 0.35 * (before - result).abs().mean()


def test_strokes_go_where_the_photo_has_detail(make_image: MakeImage) -> None:
    photo = (torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(1)) > 0.5).float()
    fine, result = make_image(128, 128, seed=2), as_uint8(make_image(64, 64, seed=1))
    for dtype in (torch.float32, torch.uint8):
        strokes = Strokes.over(photo if dtype.is_floating_point else as_uint8(photo), result)
        assert strokes.kept.max() < 0.05
    merged = strokes.under(fine).colors(EVERYWHERE, CPU)
    torch.testing.assert_close(merged, fine, rtol=0, atol=0.05)


def later(
    model: AdaINModel, photo: Tensor, result: Tensor, share: float, style: Style, **how: Any
) -> Tensor:
    """Return a pass over a smaller one, by hand."""
    features = model.encode(photo, underpainting=result, photo_share=share)
    return model.decode(adain(features, style, how.pop("alpha", 1.0)), **how)


@pytest.mark.parametrize("options", [{}, {"alpha": 0.5}], ids=str)
def test_two_passes_by_hand(
    tiny: AdaINModel, make_image: MakeImage, options: dict[str, Any]
) -> None:
    photo, artwork = make_image(130, 150), make_image(40, 40, seed=1)
    style = without_palette(tiny.encode_style(artwork))
    reduced = reduce_uint8(photo, (96, 111))
    single = tiny.stylize(reduced, style, stroke_size="single", **options)
    result = as_uint8(remove_halos(single, reduced))
    closer = Style(*style.statistics(closeness((130, 150), STROKES)), style.fingerprint)
    expected = later(tiny, photo, result, PHOTO_SHARE, closer, **options)
    found = stylize(tiny, photo, style, **options)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert torch.equal(
        stylize(tiny, photo, artwork, **options),
        stylize(tiny, photo, tiny.encode_style(artwork), **options),
    )
    assert (expected - tiny.stylize(photo, style, stroke_size="single")).abs().mean() > 0.01


def test_three_passes_together_keep_the_photo_share(
    tiny: AdaINModel, make_image: MakeImage
) -> None:
    photo, style = (
        make_image(400, 384),
        without_palette(tiny.encode_style(make_image(40, 40, seed=1), closeup=False)),
    )
    sizes, share = [(200, 192), (100, 96)], 1 - 0.2**0.5  # 0.8 in both later passes
    assert pass_sizes((400, 384), STROKES) == [*sizes[::-1], (400, 384)]
    middle = reduce_uint8(photo, sizes[0])
    small = reduce_uint8(middle, sizes[1])
    single = tiny.stylize(small, style, stroke_size="single")
    first = as_uint8(remove_halos(single, small))
    second = later(tiny, middle, first, share, style, output_dtype=torch.uint8)
    expected = later(tiny, photo, second, share, style)
    result = stylize(tiny, photo, style, photo_share=0.8)
    difference = (result - expected).abs()
    # The second pass is rounded to 8 bits before and after it gets the strokes of the first.
    assert difference.mean() < 1e-3 and difference.max() < 0.05


def test_small_images_have_one_pass(tiny: AdaINModel, make_image: MakeImage) -> None:
    photo = make_image(96, 150)
    style = without_palette(tiny.encode_style(make_image(40, 40, seed=1)))
    single = tiny.stylize(photo, style, stroke_size="single")
    torch.testing.assert_close(stylize(tiny, photo, style), remove_halos(single, photo))


def test_one_pixel_more_changes_no_tones(tiny: AdaINModel, make_image: MakeImage) -> None:
    """From one pass to two."""
    style = tiny.encode_style(make_image(40, 40, seed=1))
    photo = make_image(200, 300)
    below, above = (stylize(tiny, resize(photo, (n, 144)), style) for n in (96, 97))
    tones = (resize(resize(result, (12, 18)), (96, 144)) for result in (below, above))
    difference = torch.sub(*tones).abs()
    assert difference.mean() < 0.02 and difference.max() < 0.1


def test_alpha_0_is_the_photo(tiny: AdaINModel, make_image: MakeImage) -> None:
    photo, artwork = make_image(130, 150), make_image(40, 40, seed=1)
    assert torch.equal(stylize(tiny, photo, artwork, alpha=0), photo)
    # And near 0 with the residual nearly so; the smaller pass is kept in 8 bits.
    near = stylize(tiny, photo, artwork, alpha=0.001, content_residual=True)
    assert (near - photo).abs().mean() < 0.01


OPTIONS: list[dict[str, Any]] = [
    {},
    {"weights": [1, 3]},
    {"alpha": 0.6, "content_residual": True},
    {"preserve_color": "luminance"},
    {"masks": True},
    {"masks": True, "background": True, "feather": 5, "region_statistics": False},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_tiles_and_eight_bits_change_nothing(
    tiny: AdaINModel, make_image: MakeImage, options: dict[str, Any]
) -> None:
    photo, artworks = make_image(203, 231), [make_image(40, 40, seed=seed) for seed in (1, 2)]
    options = dict(options)
    if options.get("masks"):
        left = (torch.arange(231) < 100).float().expand(203, 231)
        options["masks"] = [left, 0.5 * (1 - left)]
    if options.get("background"):
        options["background"] = make_image(40, 40, seed=3)
    whole = stylize(tiny, photo, artworks, tile=4096, **options)
    # Rounding of the smaller pass to 8 bits can fall to either side.
    difference = (stylize(tiny, photo, artworks, tile=64, **options) - whole).abs()
    assert difference.mean() < 1e-3 and difference.max() < 0.05
    eight = stylize(tiny, photo, artworks, tile=4096, output_dtype=torch.uint8, **options)
    # It is rounded before and after it gets the strokes of the smaller pass, as are these.
    rounding = (eight.int() - as_uint8(whole).int()).abs()
    assert rounding.max() <= 2 and rounding.float().mean() < 0.5
    assert torch.equal(stylize(tiny, photo, artworks, tile=4096, **options), whole)


def test_what_no_mask_covers_stays(tiny: AdaINModel, make_image: MakeImage) -> None:
    photo = make_image(130, 150)
    left = (torch.arange(150) < 70).float().expand(130, 150)
    result = stylize(tiny, photo, [make_image(40, 40, seed=1)], masks=[left])
    assert torch.equal(result[..., 70:], photo[..., 70:])
    assert (result - photo)[..., :70].abs().mean() > 0.05


def test_luminance_keeps_the_photos_chrominance(tiny: AdaINModel, make_image: MakeImage) -> None:
    photo = 0.5 + 0.2 * (make_image(130, 150) - 0.5)
    result = stylize(tiny, photo, make_image(40, 40, seed=1), preserve_color="luminance")
    kept = ((result > 0.001) & (result < 0.999)).all(dim=1, keepdim=True)

    def chrominance(image: Tensor) -> Tensor:
        return (image - image.mean(dim=1, keepdim=True))[kept.expand_as(image)]

    # Luma is no mean of channels, but what is added to all three leaves the differences.
    torch.testing.assert_close(chrominance(result), chrominance(photo), rtol=0, atol=1e-4)


def test_transparency_is_carried(tiny: AdaINModel, make_image: MakeImage) -> None:
    photo = make_image(130, 150, channels=4)
    result = stylize(tiny, photo, make_image(40, 40, seed=1))
    assert torch.equal(result[:, 3:], photo[:, 3:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8], ids=str)
def test_hidden_pixels_do_not_count(
    tiny: AdaINModel, make_image: MakeImage, dtype: torch.dtype
) -> None:
    photo, style = make_image(130, 150, channels=4), tiny.encode_style(make_image(40, 40, seed=1))
    photo[:, 3] = (torch.arange(150) < 80).float()
    other = photo.clone()
    other[:, :3, :, 80:] = make_image(130, 70, seed=5)
    results = [
        stylize(
            tiny, pixels if dtype.is_floating_point else as_uint8(pixels), style, output_dtype=dtype
        )
        for pixels in (photo, other)
    ]
    assert torch.equal(results[0][..., :80], results[1][..., :80])


def test_eight_bits_and_floats_give_the_same_image(tiny: AdaINModel, make_image: MakeImage) -> None:
    photo, style = as_uint8(make_image(130, 150)), tiny.encode_style(make_image(40, 40, seed=1))
    assert torch.equal(stylize(tiny, photo, style), stylize(tiny, as_float(photo), style))


def test_a_batch_equals_its_images(tiny: AdaINModel, make_image: MakeImage) -> None:
    photos, style = make_image(130, 150, batch=3), tiny.encode_style(make_image(40, 40, seed=1))
    together = stylize(tiny, photos, style, alpha=[1.0, 0.0, 0.5])
    for number, alpha in enumerate((1.0, 0.0, 0.5)):
        one = stylize(tiny, photos[number : number + 1], style, alpha=alpha)
        # The smaller pass is rounded to 8 bits.
        difference = (together[number] - one[0]).abs()
        assert difference.mean() < 1e-3 and difference.max() < 0.05


def test_progress_counts_the_tiles_of_all_passes(tiny: AdaINModel, make_image: MakeImage) -> None:
    steps: list[tuple[int, int]] = []
    photo, style = make_image(300, 200), tiny.encode_style(make_image(40, 40, seed=1))
    stylize(tiny, photo, style, tile=64, progress=lambda *step: steps.append(step))
    # 144x96 has 18x12 cells: 3x2 tiles, twice; 300x200, 38x25: 5x4, and a third time for strokes.
    total = 2 * (3 * 2) + 3 * (5 * 4)
    assert steps == [(done, total) for done in range(1, total + 1)]


def test_each_pass_pools_its_own_statistics(tiny: AdaINModel, make_image: MakeImage) -> None:
    style = tiny.encode_style(make_image(40, 40, seed=1))
    options = StylizeOptions(style, stroke_size=STROKES)
    photo = make_image(130, 150)
    still = Stylizer(tiny, options, TemporalPool("ema"))
    frames = [still(photo) for _ in range(3)]
    single = Stylizer(tiny, options)(photo)
    for frame in frames:
        difference = (frame - single).abs()
        assert difference.mean() < 1e-3 and difference.max() < 0.05


def test_a_canvas_reads_what_is_there(make_image: MakeImage) -> None:
    photo = make_image(20, 30, channels=4)
    canvas = Canvas(as_uint8(photo))
    assert canvas.size == (20, 30)
    assert canvas.opacity is not None and canvas.opacity.dtype == torch.uint8
    part = canvas.colors((slice(16, 24), slice(24, 32)), CPU)
    torch.testing.assert_close(part, photo[:, :3, 16:, 24:], rtol=0, atol=0.5 / 255 + 1e-6)


def test_an_underpainting_gives_a_second_pass_by_hand(
    tiny: AdaINModel, make_image: MakeImage
) -> None:
    photo, artwork = make_image(600, 630, batch=2), make_image(32, 32, seed=3)
    style = without_palette(tiny.encode_style(artwork, size=0))
    first, _ = pass_sizes((600, 630), "medium")
    small = reduce_uint8(photo, first)
    under = tiny.decode(adain(tiny.encode(small), style), content=small)
    features = tiny.encode(photo, underpainting=under, photo_share=0.2)
    found = tiny.decode(adain(features, style))
    expected = tiny.stylize(photo, style, stroke_size="medium", photo_share=0.2)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    assert features.closeness > 0.2


def test_wrong_underpaintings(tiny: AdaINModel, make_image: MakeImage) -> None:
    photo, under = make_image(60, 63, batch=2), make_image(30, 32)
    with pytest.raises(OptionError, match=r"photo_share must lie in 0\.\.1, got 1\.5"):
        tiny.encode(photo, underpainting=under, photo_share=1.5)
    with pytest.raises(ValueError, match=r"must hold as many images as the content, 2, got 3"):
        tiny.encode(photo, underpainting=make_image(30, 32, batch=3))
