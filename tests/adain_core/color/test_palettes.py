"""Palettes of images, and stylizing photos in the colors of artworks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from stylized import assert_same, without_palette
from torch import Tensor

from adain_core import AdaINModel, Style, TemporalPool, load_image
from adain_core.color import transport
from adain_core.color.palettes import (
    ColorMap,
    along_directions,
    from_directions,
    measure_palette,
    mix_palettes,
)
from adain_core.functional import Palette
from adain_core.pixels import resize
from adain_core.transfer import FrameStatistics
from adain_core.weights import shipped_folder

MakeImage = Callable[..., Tensor]
ONE = torch.ones(1)
SAMPLES = Path(__file__).resolve().parents[3] / "samples"


def palette_of(colors: Tensor) -> Palette:
    """The palette of colors ``(3, N)``, by the textbook."""
    return colors.mean(dim=1)[None].double(), torch.cov(colors.double(), correction=0)[None]


def assert_palettes(actual: Palette, expected: Palette, tolerance: float = 1e-6) -> None:
    for one, other in zip(actual, expected, strict=True):
        torch.testing.assert_close(one, other.double(), rtol=0, atol=tolerance)


def test_measure(make_image: MakeImage) -> None:
    image = make_image(600, 17)
    assert_palettes(measure_palette(image), palette_of(image[0].flatten(1)))
    levels = (255 * image).round().byte()
    assert_palettes(measure_palette(levels), palette_of(levels[0].flatten(1) / 255))


def test_measure_part_of_an_image(make_image: MakeImage) -> None:
    image, mask = make_image(30, 40, channels=4), torch.zeros(1, 1, 30, 40)
    mask[..., :20] = 0.5
    image[:, 3] = 1
    left = palette_of(image[0, :3, :, :20].flatten(1))
    assert_palettes(measure_palette(image, mask), left)
    image[:, 3, :, 20:] = 0
    assert_palettes(measure_palette(image), left)
    # Nothing is selected, or visible: all pixels count.
    whole = palette_of(image[0, :3].flatten(1))
    assert_palettes(measure_palette(image[:, :3], 0 * mask), whole)
    image[:, 3] = 0
    assert_palettes(measure_palette(image), whole)


@given(seed=st.integers(0, 99), strength=st.floats(0, 1))
def test_a_map_takes_one_palette_to_another(seed: int, strength: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    source, target = (
        0.5 + 0.15 * spread * torch.randn(3, 3, generator=generator) @ torch.rand(3, 400)
        for spread in (1.0, 0.8)
    )
    full = ColorMap.between(palette_of(source), palette_of(target), ONE)
    assert_same(full.matrix, full.matrix.mT, 1e-5)
    gains = torch.linalg.eigvalsh(full.matrix)
    assert gains.min() >= -1e-5 and gains.max() <= 1.4 + 1e-4
    colors = source[None, :, :, None]
    mapped = full(colors)
    mean, covariance = palette_of(mapped[0, :, :, 0])
    assert_same(mean, palette_of(target)[0], 1e-4)
    if gains.max() < 1.39:
        assert_same(covariance, palette_of(target)[1], 1e-4)
    partial = ColorMap.between(palette_of(source), palette_of(target), torch.tensor([strength]))
    assert_same(partial(colors), torch.lerp(colors, mapped, strength), 1e-5)
    own = ColorMap.between(palette_of(source), palette_of(source), ONE)
    assert_same(own(colors), colors, 1e-4)


def test_a_map_equals_the_color_method(make_image: MakeImage) -> None:
    image, artwork = 0.2 + 0.5 * make_image(40, 50), make_image(30, 30, seed=1)
    color_map = ColorMap.between(measure_palette(image), measure_palette(artwork), ONE)
    # The method divides by one pixel less.
    assert_same(color_map(image), transport(image, artwork), 1e-3)


def test_a_gray_artwork_makes_gray(make_image: MakeImage) -> None:
    image = make_image(40, 50)
    gray = make_image(40, 50, seed=1).mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    mapped = ColorMap.between(measure_palette(image), measure_palette(gray), ONE)(image)
    assert (mapped.amax(dim=1) - mapped.amin(dim=1)).max() < 2 / 255


def test_noise_of_a_flat_photo_stays_low(make_image: MakeImage) -> None:
    flat = 0.5 + 0.01 * (make_image(40, 50) - 0.5)
    mapped = ColorMap.between(measure_palette(flat), measure_palette(make_image(40, 50)), ONE)(flat)
    assert (mapped.std(dim=(2, 3)) <= 1.41 * flat.std(dim=(2, 3)).amax()).all()


def test_mix(make_image: MakeImage) -> None:
    one, two = (measure_palette(make_image(20, 20, seed=seed)) for seed in (1, 2))
    palettes = [(mean[0].float(), covariance[0].float()) for mean, covariance in (one, two)]
    mixed = mix_palettes(palettes, torch.tensor([[1.0, 0.0], [0.25, 0.75]]))
    assert_palettes((mixed[0][:1], mixed[1][:1]), one)
    assert_palettes(
        (mixed[0][1:], mixed[1][1:]),
        tuple(a / 4 + 3 * b / 4 for a, b in zip(one, two, strict=True)),
    )


def test_directions_keep_a_palette(make_image: MakeImage) -> None:
    palette = measure_palette(make_image(20, 30, batch=2))
    assert_palettes(from_directions(along_directions(palette)), palette, 1e-12)


# --- in stylized images ---------------------------------------------------------------------------


def colored(tiny: AdaINModel, content: Tensor, artwork: Tensor, **options: Any) -> Tensor:
    return tiny.stylize(content, tiny.encode_style(artwork), **options)


def test_a_style_has_the_palette_of_its_artwork(tiny: AdaINModel, make_image: MakeImage) -> None:
    one, two = make_image(40, 40), make_image(40, 40, seed=1)
    mask = torch.zeros(40, 40)
    mask[:10] = 1
    for images, weight, expected in (
        (one, None, [measure_palette(one)]),
        (torch.cat([one, two]), None, [measure_palette(each) for each in (one, two)]),
        (one, mask, [measure_palette(one[:, :, :10])]),
    ):
        palette = tiny.encode_style(images, weight).palette
        assert palette is not None
        wanted = [torch.stack(values).mean(dim=0)[0] for values in zip(*expected, strict=True)]
        assert_palettes((palette[0].double(), palette[1].double()), (wanted[0], wanted[1]), 1e-5)


def test_a_small_photo_is_stylized_in_the_colors_of_the_artwork(
    tiny: AdaINModel, make_image: MakeImage
) -> None:
    content, artwork = make_image(40, 50, batch=2), make_image(30, 30, seed=5)
    style = tiny.encode_style(artwork)
    matched = torch.cat(
        [
            ColorMap.between(measure_palette(each), measure_palette(artwork), ONE)(each).clamp(0, 1)
            for each in torch.split(content, 1)
        ]
    )
    plain = without_palette(style)
    # Halos are removed with the matched photo as guide, too.
    assert_same(tiny.stylize(content, style), tiny.stylize(matched, plain), 1e-4)
    single = tiny.stylize(content, style, stroke_size="single")
    assert torch.equal(single, tiny.stylize(content, plain, stroke_size="single"))


@pytest.mark.parametrize("method", ["luminance", "coral"])
def test_preserved_colors_are_not_matched(
    tiny: AdaINModel, make_image: MakeImage, method: str
) -> None:
    content, artwork = make_image(40, 50), make_image(30, 30, seed=5)
    style: Style | Tensor = tiny.encode_style(artwork) if method == "luminance" else artwork
    plain = without_palette(style) if isinstance(style, Style) else style
    found = tiny.stylize(content, style, preserve_color=method)
    assert torch.equal(found, tiny.stylize(content, plain, preserve_color=method))


def test_each_region_gets_the_colors_of_its_style(tiny: AdaINModel, make_image: MakeImage) -> None:
    content = make_image(40, 64)
    one, two = (tiny.encode_style(make_image(24, 24, seed=seed)) for seed in (1, 2))
    mask = torch.zeros(40, 64)
    mask[:, :32] = 1
    both = tiny.stylize(content, [one], masks=[mask], background=two)
    swapped = tiny.stylize(content, [two], masks=[1 - mask], background=one)
    assert_same(both, swapped)
    plain = tiny.stylize(content, [without_palette(one)], masks=[mask], background=two)
    assert (both - plain).abs().mean() > 1e-3


def test_a_style_without_a_palette(tiny: AdaINModel, make_image: MakeImage) -> None:
    """Photos, regions and mixes with it keep their colors; at weight 0 it does not count."""
    contents, mask = make_image(40, 200, batch=2), torch.zeros(40, 200)
    mask[:, :100] = 1
    one, two = (tiny.encode_style(make_image(24, 24, seed=seed)) for seed in (1, 2))
    old = without_palette(two)
    weights = [[1.0, 0.0], [1.0, 1.0]]
    mixed = tiny.stylize(contents, [one, old], weights=weights)
    assert_same(mixed[:1], tiny.stylize(contents[:1], one))
    plain = without_palette(one)
    assert_same(mixed[1:], tiny.stylize(contents[1:], [plain, old]))
    assert Style.mix([one, old], [1, 0]).palette is not None
    assert Style.mix([one, old], [1, 1]).palette is None
    half, known, unknown = (
        tiny.stylize(contents, [style], masks=[mask], background=rest, stroke_size=1)
        for style, rest in ((one, old), (one, two), (plain, old))
    )
    for found, same, other in (
        (half, known, unknown),
        (half.flip(3), unknown.flip(3), known.flip(3)),
    ):
        distances = [(found - each)[..., :40].abs().mean() for each in (same, other)]
        assert distances[0] < distances[1] / 4


def test_a_gray_artwork_gives_a_gray_image() -> None:
    """The filter against halos must not bring the photo's hues back."""
    slim = AdaINModel.from_pretrained("adain-slim", device="cpu", dtype="fp32")
    photo = resize(load_image(SAMPLES / "content" / "coffee.jpg"), (256, 384))
    artwork = load_image(SAMPLES / "style" / "engraving.jpg")
    gray = artwork.mean(dim=1, keepdim=True).expand_as(artwork)
    medium, single = (
        slim.stylize(photo, gray, stroke_size=stroke_size) for stroke_size in ("medium", "single")
    )
    chroma = [float((each.amax(dim=1) - each.amin(dim=1)).mean()) for each in (medium, single)]
    assert chroma[0] < 0.03 and chroma[0] < chroma[1]


def test_bundled_styles_have_palettes() -> None:
    for path in sorted(shipped_folder().glob("styles/*.safetensors")):
        assert Style.load(path).palette is not None, path


def test_weak_styles_change_colors_weakly(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, artwork = make_image(40, 50), make_image(30, 30, seed=5)
    how: dict[str, Any] = {"content_residual": True}
    changes = [
        (colored(tiny, content, artwork, alpha=alpha, **how) - content).abs().mean()
        for alpha in (0.01, 0.5, 1.0)
    ]
    assert changes[0] < 0.01 and changes[0] < changes[1] < changes[2]


@pytest.mark.parametrize("mode", ["window", "ema"])
def test_frames_share_their_colors(make_image: MakeImage, mode: Any) -> None:
    """Those of the scene's first frame: an object that comes into view does not change the rest."""
    still, pool = make_image(64, 96), TemporalPool(mode)
    first = along_directions(measure_palette(still))
    for level in (None, 0.3, 0.0, 0.3):
        frame = still.clone()
        if level is not None:
            frame[:, 0, :, :8] = level
        statistics = along_directions(measure_palette(frame))
        pooled = pool.colors(FrameStatistics(statistics, (statistics,))).regions[0]
        for one, other in zip(pooled, first, strict=True):
            torch.testing.assert_close(one, other)


def test_a_resumed_video_keeps_its_colors(make_image: MakeImage) -> None:
    pool, again = TemporalPool("ema"), TemporalPool("ema")
    first, second = (along_directions(measure_palette(make_image(40, 50) / n)) for n in (2, 2.1))
    pool.colors(FrameStatistics(first, (first,)))
    again.load_state_dict(pool.state_dict(), "meta")  # the device of the model
    statistics = FrameStatistics(second, (second,))
    found, expected = (each.colors(statistics).regions[0] for each in (again, pool))
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


def test_colors_follow_a_slow_change(make_image: MakeImage) -> None:
    pool, image = TemporalPool("ema"), 0.5 * make_image(40, 50)
    for step in range(26):
        own = along_directions(measure_palette(image + 0.02 * step))
        pooled = pool.colors(FrameStatistics(own, (own,))).regions[0]
        distance = (pooled[0] - own[0]).abs().max()
        assert distance <= 0.15 + 1e-6 and (step < 4 or distance > 0.14)


def test_a_cut_of_colors_forgets_the_scene_before(tiny: AdaINModel, make_image: MakeImage) -> None:
    style = tiny.encode_style(make_image(30, 30, seed=5))
    dark, bright = 0.4 * make_image(40, 50), 0.5 + 0.5 * make_image(40, 50, seed=3)
    pool = TemporalPool("ema")
    for frame in (dark, dark):
        tiny.stylize(frame, style, smoothing=pool)
    after = tiny.stylize(bright, style, smoothing=pool)
    assert_same(after, tiny.stylize(bright, style), 1e-5)
