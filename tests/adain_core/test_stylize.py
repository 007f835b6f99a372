from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from stylized import (
    INFINITY,
    NAN,
    RECOLORING,
    MakeImage,
    assert_same,
    left_half,
    unclamped,
    without_palette,
)

from adain_core import (
    AdaINModel,
    Style,
    adain,
    color,
)
from adain_core.functional import channel_statistics
from adain_core.pixels import resize_shortest_side

# --- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("height", "width"),
    [
        *((n, n) for n in range(1, 21)),
        *((1, n) for n in (2, 9, 20)),
        *((n, 1) for n in (2, 9, 20)),
        # Every remainder of 8 in both directions, in different pairs.
        *((24 + n, 24 + 3 * n % 8) for n in range(8)),
        (1, 37),
        (200, 9),
        (9, 200),
        (300, 2),
    ],
)
def test_size_comes_back(tiny: AdaINModel, make_image: MakeImage, height: int, width: int) -> None:
    content = make_image(height, width)
    features = tiny.encode(content)
    assert features.size == (height, width)
    result = tiny.stylize(content, make_image(16, 16, seed=1), alpha=0.9)
    assert result.shape == (1, 3, height, width)
    assert result.isfinite().all()
    assert 0 <= result.min() <= result.max() <= 1

    # What is cropped is the padding: the rest is the networks' own.
    padded = F.pad(content, (0, max(0, 9 - width), 0, max(0, 9 - height)), mode="replicate")
    with torch.no_grad():
        expected = tiny.decoder(tiny.encoder(padded))[..., :height, :width].clamp(0, 1)
    assert_same(tiny.decode(features), expected)


@pytest.mark.parametrize("size", [(1, 1), (5, 30), (8, 8), (33, 20)])
def test_style_of_any_size(tiny: AdaINModel, make_image: MakeImage, size: tuple[int, int]) -> None:
    style = tiny.encode_style(make_image(*size))
    assert style.mean.shape == style.std.shape == (10,)
    assert style.mean.isfinite().all()
    assert style.std.isfinite().all()
    assert tiny.stylize(make_image(16, 16), style).isfinite().all()


def test_content_size(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, style = make_image(30, 50), tiny.encode_style(make_image(16, 16, seed=1))
    for size, shape in ((12, (12, 20)), (45, (45, 75)), (0, (30, 50)), (30, (30, 50))):
        resized = resize_shortest_side(content, size) if size else content
        result = tiny.stylize(content, style, content_size=size)
        assert result.shape == (1, 3, *shape)
        assert torch.equal(result, tiny.stylize(resized, style))
        features = tiny.encode(content, size)
        assert features.size == shape
        assert torch.equal(features.tensor, tiny.encode(resized).tensor)
    with pytest.raises(ValueError, match=r"content_size must lie in 0\.\.65536 pixels, got -1"):
        tiny.stylize(content, style, content_size=-1)


def test_style_size(tiny: AdaINModel, make_image: MakeImage) -> None:
    large, small = make_image(600, 530), make_image(40, 30)
    for image, size, used in (
        (large, None, 512),
        (large, 0, 530),
        (large, 100, 100),
        (small, None, 30),
        (small, 0, 30),
        (small, 20, 20),
        (small, 60, 60),
    ):
        expected = tiny.encode_style(resize_shortest_side(image, used), size=0, closeup=False)
        assert tiny.encode_style(image, size=size, closeup=False) == expected
        twice = tiny.encode_style(resize_shortest_side(image, 2 * used), size=0, closeup=False)
        closeup = tiny.encode_style(image, size=size).statistics(1)
        torch.testing.assert_close(closeup, twice.statistics())
        content = make_image(16, 16, seed=1)
        assert torch.equal(
            tiny.stylize(content, image, style_size=size), tiny.stylize(content, expected)
        )
    assert tiny.encode_style(large) != tiny.encode_style(large, size=0)
    with pytest.raises(ValueError, match=r"size must lie in 0\.\.65536 pixels, got -1"):
        tiny.encode_style(small, size=-1)


# --- the pipeline --------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1.0, 0.6, 1e-3])
def test_stylize_is_encode_adain_decode(
    tiny: AdaINModel, make_image: MakeImage, alpha: float
) -> None:
    content, image = make_image(29, 38, batch=2), make_image(40, 31, seed=1)
    style = tiny.encode_style(image)
    expected = tiny.decode(adain(tiny.encode(content), style, alpha))
    options: dict[str, Any] = {"alpha": alpha, "stroke_size": "single"}
    assert torch.equal(tiny.stylize(content, image, **options), expected)
    assert torch.equal(tiny.stylize(content, style, **options), expected)
    assert torch.equal(tiny.stylize(content, [style], weights=[7], **options), expected)


def test_style_statistics_are_those_of_the_features(
    tiny: AdaINModel, make_image: MakeImage
) -> None:
    image = make_image(40, 50)
    mean, std = channel_statistics(tiny.encoder(image))
    style = tiny.encode_style(image)
    torch.testing.assert_close(style.mean, mean[0])
    torch.testing.assert_close(style.std, std[0])
    assert style.fingerprint == tiny.fingerprint


@given(weights=st.lists(st.floats(0, 10), min_size=3, max_size=3).filter(any))
def test_weights_mix_styles(tiny: AdaINModel, make_image: MakeImage, weights: list[float]) -> None:
    content = make_image(16, 24)
    images = [make_image(16, 16, seed=seed) for seed in (1, 2, 3)]
    mixed = Style.mix([tiny.encode_style(image) for image in images], weights)
    result = tiny.stylize(content, images, weights=weights)
    assert torch.equal(result, tiny.stylize(content, mixed))


def test_without_weights_styles_count_alike(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, images = make_image(16, 24), [make_image(16, 16, seed=seed) for seed in (1, 2)]
    result = tiny.stylize(content, images)
    assert torch.equal(result, tiny.stylize(content, images, weights=[2, 2]))
    # A batch is one style, the mean of its images; a tuple is a sequence.
    assert_same(tiny.stylize(content, torch.cat(images)), result)
    assert torch.equal(tiny.stylize(content, tuple(images)), result)


def test_style_batch_is_averaged(tiny: AdaINModel, make_image: MakeImage) -> None:
    images = make_image(24, 32, batch=3)
    styles = [tiny.encode_style(image) for image in images]
    batch = tiny.encode_style(images)
    torch.testing.assert_close(batch.mean, torch.stack([s.mean for s in styles]).mean(0))
    torch.testing.assert_close(batch.std, torch.stack([s.std for s in styles]).mean(0))


@pytest.mark.parametrize("method", [None, *color.METHODS])
def test_batch_equals_one_by_one(
    tiny: AdaINModel, make_image: MakeImage, method: str | None
) -> None:
    content = make_image(20, 28, batch=3) * torch.tensor([1.0, 0.5, 0.2])[:, None, None, None]
    style = make_image(24, 24, batch=2, seed=1)
    masks = [torch.stack([left_half(20, 28), 1 - left_half(20, 28), torch.ones(20, 28)])]
    options: dict[str, Any] = {"alpha": 0.8, "preserve_color": method, "content_residual": True}
    together = tiny.stylize(content, style, **options)
    masked = tiny.stylize(content, [style], masks=masks, **options)
    for number, one in enumerate(content):
        assert_same(together[number : number + 1], tiny.stylize(one, style, **options))
        mask = [masks[0][number]]
        expected = tiny.stylize(one, [style], masks=mask, **options)
        assert_same(masked[number : number + 1], expected)


# --- alpha and the content residual --------------------------------------------------------------


def test_alpha_zero_is_the_content(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, style = make_image(19, 26), make_image(16, 16, seed=1)
    for options in (
        {},
        {"content_residual": True},
        {"preserve_color": "luminance"},
        {"preserve_color": "coral"},
        {"masks": [left_half(19, 26)]},
    ):
        assert torch.equal(tiny.stylize(content, [style], alpha=0, **options), content)
    resized = resize_shortest_side(content, 12)
    assert torch.equal(tiny.stylize(content, style, alpha=0, content_size=12), resized)


def test_content_residual(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, style = make_image(29, 38), tiny.encode_style(make_image(24, 24, seed=1))
    features = tiny.encode(content)
    lost = content - unclamped(tiny, features)
    assert lost.abs().mean() > 0.05
    for alpha in (0.5, 0.9):
        stylized = unclamped(tiny, adain(features, style, alpha))
        expected = (stylized + (1 - alpha) * lost).clamp(0, 1)
        result = tiny.stylize(
            content, style, alpha=alpha, content_residual=True, stroke_size="single"
        )
        assert_same(result, expected)
    full = tiny.stylize(content, style)
    assert torch.equal(tiny.stylize(content, style, content_residual=True), full)


def test_content_residual_goes_to_the_content(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, style = make_image(29, 38), tiny.encode_style(make_image(24, 24, seed=1))
    for masks in (None, [torch.ones(29, 38)], [left_half(29, 38)]):
        far, near = (
            (tiny.stylize(content, [style], alpha=a, content_residual=True, masks=masks) - content)
            .abs()
            .max()
            for a in (1e-2, 1e-3)
        )
        assert near < 0.01
        assert near < 0.2 * far
    # Without it the decoder's loss stays.
    assert (tiny.stylize(content, style, alpha=1e-3) - content).abs().mean() > 0.05


@pytest.mark.parametrize("alpha", [-0.1, 1.1, NAN, INFINITY, -INFINITY])
def test_alpha_out_of_range(tiny: AdaINModel, make_image: MakeImage, alpha: float) -> None:
    with pytest.raises(ValueError, match=r"^alpha must lie in 0\.\.1, got "):
        tiny.stylize(make_image(16, 16), make_image(16, 16), alpha=alpha)


# --- colors -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", RECOLORING)
def test_style_is_recolored_before_encoding(
    tiny: AdaINModel, make_image: MakeImage, method: str
) -> None:
    content, style = 0.5 * make_image(30, 40), make_image(35, 25, seed=1)
    # Not clamped: pytorch-AdaIN encodes what its color transfer gives.
    recolored = tiny.encode_style(color.METHODS[method](style, content))
    expected = tiny.stylize(content, without_palette(recolored))
    result = tiny.stylize(content, style, preserve_color=method)
    assert_same(result, expected)
    assert (result - tiny.stylize(content, style)).abs().mean() > 0.01


def test_luminance_keeps_the_contents_chrominance(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, style = make_image(30, 40), make_image(35, 25, seed=1)
    made = tiny.encode_style(style)
    stylized = tiny.stylize(content, without_palette(made))
    expected = color.luminance(stylized, content).clamp(0, 1)
    assert_same(tiny.stylize(content, style, preserve_color="luminance"), expected)
    assert_same(tiny.stylize(content, made, preserve_color="luminance"), expected)


def test_colour_methods_that_do_not_fit(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, style = make_image(16, 16), tiny.encode_style(make_image(16, 16, seed=1))
    with pytest.raises(ValueError, match=r"preserve_color must be one of coral, .* got 'sepia'"):
        tiny.stylize(content, style, preserve_color="sepia")
    for method in RECOLORING:
        with pytest.raises(ValueError, match=r"^styles\[0\] contains no image.* choose luminance"):
            tiny.stylize(content, style, preserve_color=method)


# --- weights of styles ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "same"),
    [
        ([1e38, 1e38], [1, 1]),
        ([1e-40, 1e-40], [1, 1]),
        ([0, 3], [0, 1]),
        (np.array([2.0, 6.0]), [1, 3]),
    ],
)
def test_extreme_weights(tiny: AdaINModel, make_image: MakeImage, weights: Any, same: Any) -> None:
    content, styles = make_image(16, 16), [make_image(16, 16, seed=seed) for seed in (1, 2)]
    result = tiny.stylize(content, styles, weights=weights)
    assert torch.equal(result, tiny.stylize(content, styles, weights=same))


def test_bad_weights(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, styles = make_image(16, 16), [make_image(16, 16, seed=seed) for seed in (1, 2)]
    for weights, message in (
        ([1, -1], "weights must be finite and 0 or more, got [1.0, -1.0]"),
        ([1, NAN], "weights must be finite and 0 or more, got [1.0, nan]"),
        ([INFINITY, 1], "weights must be finite and 0 or more, got [inf, 1.0]"),
        ([0, 0], "weights are all 0: give at least one style more than 0"),
        ([1], "weights must have one number for each style (2), got 1"),
        ([1, 1, 1], "weights must have one number for each style (2), got 3"),
    ):
        with pytest.raises(ValueError) as caught:
            tiny.stylize(content, styles, weights=weights)
        assert str(caught.value) == message
    with pytest.raises(ValueError, match=r"^styles must hold at least one style, got none$"):
        tiny.stylize(content, [])
