from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from adain_core import (
    AdaINModel,
    Features,
    ImageFileError,
    Style,
    StyleMismatchError,
    adain,
    color,
    read_image_file,
)
from adain_core.architecture import Architecture
from adain_core.functional import channel_statistics
from adain_core.masks import as_mask, feather_mask, resize_mask
from adain_core.pixels import resize, resize_shortest_side
from adain_core.style_encoder import recolor_style

Picture = Callable[..., Tensor]
NAN, INFINITY = float("nan"), float("inf")
RECOLORING = [method for method in color.METHODS if method != "luminance"]


def assert_same(actual: Tensor, expected: Tensor, tolerance: float = 2e-5) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance)


def unclamped(model: AdaINModel, features: Features) -> Tensor:
    """The decoder's picture at the content's size, before clamping."""
    height, width = features.size
    with torch.no_grad():
        return model.decoder(features.tensor)[:, :, :height, :width]


def left_half(height: int, width: int) -> Tensor:
    mask = torch.zeros(height, width)
    mask[:, : width // 2] = 1
    return mask


def test_the_tests_can_see_something(tiny: AdaINModel, picture: Picture) -> None:
    """The random model's pictures are no constant, depend on everything, and are not clipped."""
    content, style = picture(64, 64), picture(64, 64, seed=1)
    result = tiny.stylize(content, style)
    assert result.std() > 0.05
    assert ((result > 0) & (result < 1)).float().mean() > 0.7
    for other in (
        tiny.stylize(picture(64, 64, seed=2), style),
        tiny.stylize(content, picture(64, 64, seed=2)),
        tiny.stylize(content, style, alpha=0.5),
    ):
        assert (other - result).abs().mean() > 0.01


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
def test_size_comes_back(tiny: AdaINModel, picture: Picture, height: int, width: int) -> None:
    content = picture(height, width)
    features = tiny.encode(content)
    assert features.size == (height, width)
    result = tiny.stylize(content, picture(16, 16, seed=1), alpha=0.9)
    assert result.shape == (1, 3, height, width)
    assert result.isfinite().all()
    assert 0 <= result.min() <= result.max() <= 1

    # What is cropped is the padding: the rest is the networks' own.
    padded = F.pad(content, (0, max(0, 9 - width), 0, max(0, 9 - height)), mode="replicate")
    with torch.no_grad():
        expected = tiny.decoder(tiny.encoder(padded))[..., :height, :width].clamp(0, 1)
    assert_same(tiny.decode(features), expected)


@pytest.mark.parametrize("size", [(1, 1), (5, 30), (8, 8), (33, 20)])
def test_style_of_any_size(tiny: AdaINModel, picture: Picture, size: tuple[int, int]) -> None:
    style = tiny.encode_style(picture(*size))
    assert style.mean.shape == style.std.shape == (10,)
    assert style.mean.isfinite().all()
    assert style.std.isfinite().all()
    assert tiny.stylize(picture(16, 16), style).isfinite().all()


def test_content_size(tiny: AdaINModel, picture: Picture) -> None:
    content, style = picture(30, 50), tiny.encode_style(picture(16, 16, seed=1))
    for size, shape in ((12, (12, 20)), (45, (45, 75)), (0, (30, 50)), (30, (30, 50))):
        resized = resize_shortest_side(content, size) if size else content
        result = tiny.stylize(content, style, content_size=size)
        assert result.shape == (1, 3, *shape)
        assert torch.equal(result, tiny.stylize(resized, style))
        features = tiny.encode(content, size)
        assert features.size == shape
        assert torch.equal(features.tensor, tiny.encode(resized).tensor)
    with pytest.raises(ValueError, match="content_size must be 0 or more pixels, got -1"):
        tiny.stylize(content, style, content_size=-1)


def test_style_size(tiny: AdaINModel, picture: Picture) -> None:
    large, small = picture(600, 530), picture(40, 30)
    for image, size, used in (
        (large, None, 512),
        (large, 0, 530),
        (large, 100, 100),
        (small, None, 30),
        (small, 0, 30),
        (small, 20, 20),
        (small, 60, 60),
    ):
        expected = tiny.encode_style(resize_shortest_side(image, used), size=0)
        assert tiny.encode_style(image, size=size) == expected
        content = picture(16, 16, seed=1)
        assert torch.equal(
            tiny.stylize(content, image, style_size=size), tiny.stylize(content, expected)
        )
    assert tiny.encode_style(large) != tiny.encode_style(large, size=0)
    with pytest.raises(ValueError, match="size of at least 1 pixel, got -1"):
        tiny.encode_style(small, size=-1)


# --- kinds of pictures ---------------------------------------------------------------------------


def test_content_alpha_is_carried(tiny: AdaINModel, picture: Picture) -> None:
    content = picture(21, 34, batch=2, channels=4)
    content[:, 3] = torch.tensor([0.4, 1.0])[:, None, None]
    style = tiny.encode_style(picture(16, 16, seed=1))
    mask = left_half(21, 34)
    for result, plain in (
        (tiny.stylize(content, style), tiny.stylize(content[:, :3], style)),
        (tiny.stylize(content, style, alpha=0), content[:, :3]),
        (
            tiny.stylize(content, [style], masks=[mask], preserve_color="luminance"),
            tiny.stylize(content[:, :3], [style], masks=[mask], preserve_color="luminance"),
        ),
        (tiny.decode(tiny.encode(content)), tiny.decode(tiny.encode(content[:, :3]))),
        (
            tiny.decode(adain(tiny.encode(content), style)),
            tiny.decode(adain(tiny.encode(content[:, :3]), style)),
        ),
    ):
        assert result.shape == (2, 4, 21, 34)
        assert torch.equal(result[:, 3:], content[:, 3:])
        torch.testing.assert_close(result[:, :3], plain, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", [None, *color.METHODS])
def test_content_alpha_with_recolouring(
    tiny: AdaINModel, picture: Picture, method: str | None
) -> None:
    content, style = picture(20, 20, batch=2, channels=4), picture(18, 18, seed=1)
    content[:, 3] = 1
    result = tiny.stylize(content, style, preserve_color=method)
    assert torch.equal(result[:, 3:], content[:, 3:])
    plain = tiny.stylize(content[:, :3], style, preserve_color=method)
    torch.testing.assert_close(result[:, :3], plain, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("method", [None, *color.METHODS])
def test_a_cut_outs_look_does_not_depend_on_what_it_hides(
    tiny: AdaINModel, picture: Picture, method: str | None, masked: bool
) -> None:
    content, style = picture(48, 480), picture(24, 24, seed=1)
    masks = [torch.cat([torch.ones(24, 480), torch.zeros(24, 480)])] if masked else None
    opacity = left_half(48, 480)[None, None]

    def change(*channels: Tensor) -> float:
        """Between hidden black and hidden white, beyond the hidden pixels' reach."""
        black, white = (
            tiny.stylize(
                torch.cat([content * opacity + hidden * (1 - opacity), *channels], dim=1),
                [style],
                masks=masks,
                preserve_color=method,
            )[:, :3, :, :200]
            for hidden in (0, 1)
        )
        return float((black - white).abs().mean())

    assert change(opacity) < 1e-4
    assert change() > 0.03


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_flat_cut_out_has_no_rims(tiny: AdaINModel, picture: Picture, value: float) -> None:
    disc = torch.full((1, 4, 64, 64), value)
    disc[:, 3] = left_half(64, 64)
    disc[:, :3, :, 32:] = 1 - value if value != 0.5 else torch.rand(1, 3, 64, 32)
    style = picture(24, 24, seed=1)
    drawn = tiny.stylize(disc, style)[..., :32]
    flat = tiny.stylize(torch.full((1, 3, 64, 64), value), style)[..., :32]
    torch.testing.assert_close(drawn[:, :3], flat, rtol=1e-3, atol=1e-3)


def test_features_and_styles_are_ordinary_tensors(tiny: AdaINModel, picture: Picture) -> None:
    features, style = tiny.encode(picture(24, 24)), tiny.encode_style(picture(24, 24))
    weight = torch.ones((), requires_grad=True)
    (weight * features.tensor).sum().backward()
    torch.testing.assert_close(weight.grad, features.tensor.sum())
    assert style.mean.requires_grad_() is style.mean and not style.std.is_inference()


def test_a_style_that_is_changed_changes_no_later_picture(
    tiny: AdaINModel, picture: Picture
) -> None:
    content, artwork = picture(24, 24), picture(24, 24, seed=1)
    expected = tiny.stylize(content, artwork)
    style = tiny.encode_style(artwork)
    style.mean.add_(1).requires_grad_()
    assert torch.equal(tiny.stylize(content, artwork), expected)
    assert not tiny.encode_style(artwork).mean.requires_grad


@pytest.mark.parametrize("widths", [(4, 6, 8, 10), (4, 6, 128, 256)])  # the latter by Winograd
def test_autocast_of_the_caller_changes_nothing(
    make_model: Callable[..., AdaINModel], picture: Picture, widths: tuple[int, int, int, int]
) -> None:
    content, artwork = picture(24, 24), picture(24, 24, seed=1)
    model, same = (make_model(Architecture(widths)) for _ in range(2))
    expected = same.stylize(content, [artwork, content], preserve_color="coral")
    with torch.autocast("cpu", torch.bfloat16):
        drawn = model.stylize(content, [artwork, content], preserve_color="coral")
        style = model.encode_style(artwork)
        mixed = Style.mix([style, style])
    assert torch.equal(drawn, expected)
    assert style == same.encode_style(artwork) == mixed


def test_networks_that_are_wrapped_can_be_trained_on(
    make_model: Callable[..., AdaINModel], picture: Picture
) -> None:
    encoder, decoder = make_model().encoder, make_model().decoder.requires_grad_(True).train()
    for _ in range(2):
        model = AdaINModel(encoder, decoder, make_model().info)
        model.stylize(picture(24, 24), picture(24, 24, seed=1))
        features = adain(model.encode(picture(24, 24)), model.encode_style(picture(24, 24, seed=1)))
        decoder(features.tensor).square().mean().backward()
    assert decoder.training and all(weight.grad is not None for weight in decoder.parameters())


def test_gradients_reach_alpha_and_the_statistics(tiny: AdaINModel, picture: Picture) -> None:
    features, style = tiny.encode(picture(24, 24)), tiny.encode_style(picture(24, 24, seed=1))
    alpha = torch.full((1,), 0.5, requires_grad=True)
    wanted = replace(style, mean=style.mean.requires_grad_(), std=style.std.requires_grad_())
    tiny.decoder(adain(features, wanted, alpha).tensor).square().mean().backward()
    for tensor in (alpha, style.mean, style.std):
        assert tensor.grad is not None and tensor.grad.abs().max() > 0


def test_other_weights_have_another_fingerprint(
    make_model: Callable[..., AdaINModel], picture: Picture
) -> None:
    model, other = make_model(), make_model(seed=3)
    style = model.encode_style(picture(24, 24))
    model.load_state_dict(other.state_dict())
    assert model.fingerprint == other.fingerprint != make_model().fingerprint
    with pytest.raises(StyleMismatchError, match="different encoders"):
        model.stylize(picture(24, 24), style)
    expected = other.stylize(picture(24, 24), other.encode_style(picture(24, 24)))
    assert torch.equal(model.stylize(picture(24, 24), picture(24, 24)), expected)

    # In every precision, inside another module, and by the encoder's weights alone.
    half, around = make_model().bfloat16(), nn.ModuleList([make_model()])
    half.load_state_dict(other.state_dict())
    around.load_state_dict(nn.ModuleList([other]).state_dict())
    assert half.fingerprint == around[0].fingerprint == other.fingerprint
    half.load_state_dict(half.state_dict())
    decoder = {f"decoder.{name}": t for name, t in make_model().decoder.state_dict().items()}
    half.load_state_dict(decoder, strict=False)
    assert half.fingerprint == other.fingerprint


@pytest.mark.parametrize("method", [None, "coral", "cholesky"])
def test_another_default_device_changes_nothing(
    tiny: AdaINModel, picture: Picture, method: str | None
) -> None:
    content, styles = picture(30, 40), [picture(24, 24, seed=1), picture(24, 24, seed=2)]
    masks = [left_half(15, 20), 1 - left_half(15, 20)]
    for options in ({"masks": masks}, {"weights": [1, 2]}):
        expected = tiny.stylize(content, styles, preserve_color=method, **options)
        with torch.device("meta"):
            drawn = tiny.stylize(content, styles, preserve_color=method, **options)
        assert torch.equal(drawn, expected)


@pytest.mark.parametrize("method", [name for name in color.METHODS if name != "luminance"])
def test_recolouring_ignores_what_transparency_hides(
    tiny: AdaINModel, picture: Picture, method: str
) -> None:
    content, style = picture(20, 20), picture(18, 18, seed=1, channels=4)
    style[:, 3] = 0
    style[:, 3, :, ::2] = 1
    black = style.clone()
    black[:, :3, :, 1::2] = 0
    result = tiny.stylize(content, black, preserve_color=method)
    assert torch.equal(result, tiny.stylize(content, style, preserve_color=method))
    alone = color.METHODS[method](style[..., ::2][:, :3], content)
    visible = recolor_style(black, content, method)[:, :3, :, ::2]
    if method != "coral":  # whose contrast depends on the number of pixels
        torch.testing.assert_close(visible, alone, rtol=1e-3, atol=1e-3)


def test_grey_is_three_equal_channels(tiny: AdaINModel, picture: Picture) -> None:
    grey, style = picture(20, 30, channels=1), picture(16, 16, channels=1, seed=1)
    expected = tiny.stylize(grey.expand(-1, 3, -1, -1), style.expand(-1, 3, -1, -1))
    assert torch.equal(tiny.stylize(grey, style), expected)
    assert torch.equal(tiny.stylize(grey[0], style[0, 0].numpy()), expected)


def test_every_kind_of_image_gives_one_result(
    tiny: AdaINModel, picture: Picture, tmp_path: Path
) -> None:
    array = (picture(20, 30)[0].permute(1, 2, 0) * 255).round().byte().numpy()
    image = PIL.Image.fromarray(array)
    image.save(tmp_path / "content.png")
    tensor = torch.from_numpy(array).permute(2, 0, 1)
    expected = tiny.stylize(tensor.float() / 255, image)
    for content in (tensor, array, image, tmp_path / "content.png", str(tmp_path / "content.png")):
        for style in (array, tmp_path / "content.png"):
            assert_same(tiny.stylize(content, style), expected)
    assert tiny.encode_style(tmp_path / "content.png").name == "content"
    assert tiny.encode_style(str(tmp_path / "content.png"), name="mine").name == "mine"
    assert tiny.encode_style(image).name == ""
    with pytest.raises(ImageFileError, match="there is no such file"):
        tiny.stylize(tmp_path / "none.png", image)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(
    tiny_path: Path,
    tiny: AdaINModel,
    picture: Picture,
    dtype: torch.dtype,
    tolerance: dict[torch.dtype, dict[str, float]],
) -> None:
    half = AdaINModel.from_pretrained(tiny_path, "cpu", dtype)
    assert half.dtype == dtype
    content, style = picture(41, 50, channels=4), picture(50, 41, seed=1)
    content[:, 3] = 0.5
    mask = left_half(41, 50)
    other: Any = tiny.encode_style(picture(20, 20, seed=2))
    cases: list[tuple[Any, dict[str, Any]]] = [
        (style, {}),
        ([style, other], {"weights": [1, 2], "alpha": 0.5, "content_residual": True}),
        ([style], {"masks": [mask], "background": other}),
        (style, {"preserve_color": "coral"}),
    ]
    for styles, options in cases:
        result = half.stylize(content, styles, **options)
        assert result.dtype == torch.float32
        assert torch.equal(result[:, 3:], content[:, 3:])
        expected = tiny.stylize(content, styles, **options)
        torch.testing.assert_close(result, expected, **tolerance[dtype])
        # The tolerance is for single pixels; as a whole the picture is far closer.
        assert (result - expected).square().mean().sqrt() < tolerance[dtype]["atol"] / 5
    made = half.encode_style(style)
    assert made.mean.dtype == made.std.dtype == torch.float32
    torch.testing.assert_close(made.mean, tiny.encode_style(style).mean, **tolerance[dtype])


# --- the pipeline --------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1.0, 0.6, 1e-3])
def test_stylize_is_encode_adain_decode(tiny: AdaINModel, picture: Picture, alpha: float) -> None:
    content, image = picture(29, 38, batch=2), picture(40, 31, seed=1)
    style = tiny.encode_style(image)
    expected = tiny.decode(adain(tiny.encode(content), style, alpha))
    assert torch.equal(tiny.stylize(content, image, alpha=alpha), expected)
    assert torch.equal(tiny.stylize(content, style, alpha=alpha), expected)
    assert torch.equal(tiny.stylize(content, [style], alpha=alpha, weights=[7]), expected)


def test_style_statistics_are_those_of_the_features(tiny: AdaINModel, picture: Picture) -> None:
    image = picture(40, 50)
    mean, std = channel_statistics(tiny.encoder(image))
    style = tiny.encode_style(image)
    torch.testing.assert_close(style.mean, mean[0])
    torch.testing.assert_close(style.std, std[0])
    assert style.fingerprint == tiny.fingerprint


@given(weights=st.lists(st.floats(0, 10), min_size=3, max_size=3).filter(any))
def test_weights_mix_styles(tiny: AdaINModel, picture: Picture, weights: list[float]) -> None:
    content = picture(16, 24)
    images = [picture(16, 16, seed=seed) for seed in (1, 2, 3)]
    mixed = Style.mix([tiny.encode_style(image) for image in images], weights)
    result = tiny.stylize(content, images, weights=weights)
    assert torch.equal(result, tiny.stylize(content, mixed))


def test_without_weights_styles_count_alike(tiny: AdaINModel, picture: Picture) -> None:
    content, images = picture(16, 24), [picture(16, 16, seed=seed) for seed in (1, 2)]
    result = tiny.stylize(content, images)
    assert torch.equal(result, tiny.stylize(content, images, weights=[2, 2]))
    # A batch is one style, the mean of its pictures; a tuple is a sequence.
    assert_same(tiny.stylize(content, torch.cat(images)), result)
    assert torch.equal(tiny.stylize(content, tuple(images)), result)


def test_style_batch_is_averaged(tiny: AdaINModel, picture: Picture) -> None:
    images = picture(24, 32, batch=3)
    styles = [tiny.encode_style(image) for image in images]
    batch = tiny.encode_style(images)
    torch.testing.assert_close(batch.mean, torch.stack([s.mean for s in styles]).mean(0))
    torch.testing.assert_close(batch.std, torch.stack([s.std for s in styles]).mean(0))


@pytest.mark.parametrize("method", [None, *color.METHODS])
def test_batch_equals_one_by_one(tiny: AdaINModel, picture: Picture, method: str | None) -> None:
    content = picture(20, 28, batch=3) * torch.tensor([1.0, 0.5, 0.2])[:, None, None, None]
    style = picture(24, 24, batch=2, seed=1)
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


def test_alpha_zero_is_the_content(tiny: AdaINModel, picture: Picture) -> None:
    content, style = picture(19, 26), picture(16, 16, seed=1)
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


def test_content_residual(tiny: AdaINModel, picture: Picture) -> None:
    content, style = picture(29, 38), tiny.encode_style(picture(24, 24, seed=1))
    features = tiny.encode(content)
    lost = content - unclamped(tiny, features)
    assert lost.abs().mean() > 0.05
    for alpha in (0.5, 0.9):
        stylized = unclamped(tiny, adain(features, style, alpha))
        expected = (stylized + (1 - alpha) * lost).clamp(0, 1)
        assert_same(tiny.stylize(content, style, alpha=alpha, content_residual=True), expected)
    full = tiny.stylize(content, style)
    assert torch.equal(tiny.stylize(content, style, content_residual=True), full)


def test_content_residual_goes_to_the_content(tiny: AdaINModel, picture: Picture) -> None:
    content, style = picture(29, 38), tiny.encode_style(picture(24, 24, seed=1))
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
def test_alpha_out_of_range(tiny: AdaINModel, picture: Picture, alpha: float) -> None:
    with pytest.raises(ValueError, match=r"^alpha must lie in 0\.\.1, got "):
        tiny.stylize(picture(16, 16), picture(16, 16), alpha=alpha)


# --- masks ---------------------------------------------------------------------------------------

region_statistics = pytest.mark.parametrize("region_statistics", [True, False])


@region_statistics
@pytest.mark.parametrize("residual", [True, False])
def test_mask_identities(
    tiny: AdaINModel, picture: Picture, region_statistics: bool, residual: bool
) -> None:
    content, (one, two) = picture(37, 50, batch=2), (picture(24, 24, seed=s) for s in (1, 2))
    style = tiny.encode_style(one)
    options: dict[str, Any] = {
        "alpha": 0.8,
        "region_statistics": region_statistics,
        "content_residual": residual,
    }
    plain = tiny.stylize(content, style, alpha=0.8, content_residual=residual)
    soft = picture(37, 50, batch=2, channels=1, seed=3)[:, 0]
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
    both = tiny.stylize(content, [style, two], masks=[full, full], **options)
    mixed = tiny.stylize(content, [style, two], alpha=0.8, content_residual=residual)
    assert_same(both, mixed, 1e-4)


@region_statistics
@pytest.mark.parametrize("method", [None, "luminance", "mean_std"])
def test_uncovered_pixels_stay(
    tiny: AdaINModel, picture: Picture, region_statistics: bool, method: str | None
) -> None:
    content, style = picture(37, 50, channels=4), picture(24, 24, seed=1)
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


def test_background_covers_the_rest(tiny: AdaINModel, picture: Picture) -> None:
    content, (one, two) = picture(37, 50), (picture(24, 24, seed=seed) for seed in (1, 2))
    mask = left_half(37, 50)
    result = tiny.stylize(content, [one], masks=[mask], background=two)
    assert_same(result, tiny.stylize(content, [one, two], masks=[mask, 1 - mask]))
    styles = [tiny.encode_style(image) for image in (one, two)]
    expected = tiny.decode(
        adain(tiny.encode(content), styles[:1], masks=[mask], background=styles[1])
    )
    assert torch.equal(result, expected)


def test_soft_mask_blends_with_the_content(tiny: AdaINModel, picture: Picture) -> None:
    content, style = picture(32, 32), tiny.encode_style(picture(24, 24, seed=1))
    mask = torch.full((32, 32), 0.25)
    stylized = unclamped(tiny, adain(tiny.encode(content), [style], masks=[mask]))
    expected = torch.lerp(content, stylized, 0.25).clamp(0, 1)
    assert_same(tiny.stylize(content, [style], masks=[mask]), expected)


def test_masks_of_any_resolution(tiny: AdaINModel, picture: Picture) -> None:
    content, style = picture(37, 50), picture(24, 24, seed=1)
    for shape in ((1, 1), (2, 3), (37, 50), (200, 111), (1, 300)):
        mask = torch.zeros(shape)
        mask[:, : shape[1] // 2] = 1
        result = tiny.stylize(content, [style], masks=[mask])
        assert result.shape == content.shape
        assert result.isfinite().all()
        assert 0 <= result.min() <= result.max() <= 1


def test_bad_masks(tiny: AdaINModel, picture: Picture) -> None:
    content, style = picture(16, 16, batch=2), tiny.encode_style(picture(16, 16, seed=1))
    mask = torch.ones(16, 16)
    cases: list[tuple[Any, dict[str, Any], str]] = [
        ([style], {"masks": [mask, mask]}, "masks must be one for each style, got 2 and 1"),
        (style, {"masks": []}, "masks must be one for each style, got 0 and 1"),
        ([], {"masks": []}, "styles must hold at least one style, got none"),
        ([style], {"masks": [mask * NAN]}, "masks[0] must hold values in 0..1, got nan to nan"),
        ([style], {"masks": [mask * 255]}, "masks[0] must hold values in 0..1, got 255 to 255"),
        (
            [style],
            {"masks": [mask.expand(3, -1, -1)]},
            "masks[0] must hold 1 or 2 masks, as many as content pictures, got 3",
        ),
        (
            [style],
            {"masks": [mask], "weights": [1]},
            "weights cannot go with masks: weights mix styles everywhere, masks place each",
        ),
        (
            style,
            {"background": style},
            "background needs masks; without them the styles cover everything",
        ),
        (style, {"feather": 3}, "feather needs masks, got 3 pixels and none"),
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


def test_feathered_masks(tiny: AdaINModel, picture: Picture) -> None:
    content, style = picture(32, 24, batch=2), tiny.encode_style(picture(16, 16, seed=1))
    half, moving = torch.zeros(4, 3), torch.zeros(2, 8, 6)
    half[:2], moving[0, :, :2], moving[1, :, 4:] = 1, 1, 1
    soft = [feather_mask(resize_mask(as_mask(mask), (32, 24)), 5) for mask in (half, moving)]
    expected = tiny.stylize(content, [style, style], masks=soft, alpha=0.5)
    found = tiny.stylize(content, [style, style], masks=[half, moving], alpha=0.5, feather=5)
    assert torch.equal(found, expected)


# --- style masks ---------------------------------------------------------------------------------


def test_style_mask_selects_features(tiny: AdaINModel, picture: Picture) -> None:
    image = picture(64, 48)
    selected = torch.rand(8, 6, generator=torch.Generator().manual_seed(0)) > 0.5
    features = tiny.encoder(image)[0, :, selected]
    # Constant over each feature's 8x8 pixels, so that it selects features exactly.
    mask = selected.repeat_interleave(8, 0).repeat_interleave(8, 1)
    style = tiny.encode_style(image, mask=mask)
    torch.testing.assert_close(style.mean, features.mean(1))
    std = (features.var(1, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(style.std, std, rtol=1e-4, atol=1e-5)


def test_style_mask_over_half(tiny: AdaINModel, picture: Picture) -> None:
    image = torch.cat([0.2 + 0.1 * picture(64, 160), picture(64, 160, seed=1)], dim=3)
    style = tiny.encode_style(image, mask=left_half(64, 320))
    mean, std = channel_statistics(tiny.encoder(image)[..., :20])
    torch.testing.assert_close(style.mean, mean[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(style.std, std[0], rtol=1e-4, atol=1e-5)


def test_style_mask_hides_the_rest(tiny: AdaINModel, picture: Picture) -> None:
    calm, mask = picture(64, 160), left_half(64, 160)
    image = torch.cat([calm, picture(64, 160, seed=1)], dim=3)
    # Beyond the receptive field of the masked features nothing counts.
    style = tiny.encode_style(image, mask=torch.cat([mask, 0 * mask], dim=1))
    expected = tiny.encode_style(calm, mask=mask)
    torch.testing.assert_close(style.mean, expected.mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(style.std, expected.std, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(40, 50), (1, 1), (1, 7, 7), (2, 40, 50)])
def test_full_style_mask_is_none(
    tiny: AdaINModel, picture: Picture, shape: tuple[int, ...]
) -> None:
    images = picture(40, 50, batch=2)
    masked, plain = tiny.encode_style(images, mask=torch.ones(shape)), tiny.encode_style(images)
    torch.testing.assert_close(masked.mean, plain.mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(masked.std, plain.std, rtol=1e-4, atol=1e-5)


def test_transparent_style_pixels_do_not_count(tiny: AdaINModel, picture: Picture) -> None:
    image, visible = picture(64, 128), left_half(64, 128)[None, None]
    style = tiny.encode_style(torch.cat([image, visible], dim=1))
    # Under them lies the visible ones' mean colour.
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


def test_a_transparent_style_is_told(tiny: AdaINModel, picture: Picture) -> None:
    style = picture(32, 32, channels=4)
    style[:, 3] = 0
    with pytest.raises(ValueError, match="style image is transparent everywhere"):
        tiny.encode_style(style)


def test_bad_style_masks(tiny: AdaINModel, picture: Picture) -> None:
    image = picture(32, 32, batch=2)
    for mask, message in (
        (torch.zeros(32, 32), "the mask selects no pixel of the style image; give one that does"),
        (
            torch.stack([torch.ones(8, 8), torch.zeros(8, 8)]),
            "the mask selects no pixel of the style image; give one that does",
        ),
        (torch.full((8, 8), NAN), "mask must hold values in 0..1, got nan to nan"),
        (torch.full((8, 8), 2.0), "mask must hold values in 0..1, got 2 to 2"),
        (
            torch.ones(3, 8, 8),
            "mask must hold 1 or 2 masks, as many as style images, got 3",
        ),
    ):
        with pytest.raises(ValueError) as caught:
            tiny.encode_style(image, mask=mask)
        assert str(caught.value) == message
    with pytest.raises(ValueError, match="transparent everywhere"):
        tiny.encode_style(torch.cat([image, torch.zeros(2, 1, 32, 32)], dim=1))


# --- colours -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", RECOLORING)
def test_style_is_recoloured_before_encoding(
    tiny: AdaINModel, picture: Picture, method: str
) -> None:
    content, style = 0.5 * picture(30, 40), picture(35, 25, seed=1)
    # Not clamped: pytorch-AdaIN encodes what its colour transfer gives.
    expected = tiny.stylize(content, color.METHODS[method](style, content))
    result = tiny.stylize(content, style, preserve_color=method)
    assert_same(result, expected)
    assert (result - tiny.stylize(content, style)).abs().mean() > 0.01


def test_luminance_keeps_the_contents_chrominance(tiny: AdaINModel, picture: Picture) -> None:
    content, style = picture(30, 40), picture(35, 25, seed=1)
    expected = color.luminance(tiny.stylize(content, style), content).clamp(0, 1)
    assert_same(tiny.stylize(content, style, preserve_color="luminance"), expected)
    made = tiny.encode_style(style)
    assert_same(tiny.stylize(content, made, preserve_color="luminance"), expected)


def test_colour_methods_that_do_not_fit(tiny: AdaINModel, picture: Picture) -> None:
    content, style = picture(16, 16), tiny.encode_style(picture(16, 16, seed=1))
    with pytest.raises(ValueError, match=r"preserve_color must be one of coral, .* got 'sepia'"):
        tiny.stylize(content, style, preserve_color="sepia")
    for method in RECOLORING:
        with pytest.raises(ValueError, match=r"^styles\[0\] holds no picture.* choose luminance"):
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
def test_extreme_weights(tiny: AdaINModel, picture: Picture, weights: Any, same: Any) -> None:
    content, styles = picture(16, 16), [picture(16, 16, seed=seed) for seed in (1, 2)]
    result = tiny.stylize(content, styles, weights=weights)
    assert torch.equal(result, tiny.stylize(content, styles, weights=same))


def test_bad_weights(tiny: AdaINModel, picture: Picture) -> None:
    content, styles = picture(16, 16), [picture(16, 16, seed=seed) for seed in (1, 2)]
    for weights, message in (
        ([1, -1], "weights must be finite and 0 or more, got [1.0, -1.0]"),
        ([1, NAN], "weights must be finite and 0 or more, got [1.0, nan]"),
        ([INFINITY, 1], "weights must be finite and 0 or more, got [inf, 1.0]"),
        ([0, 0], "weights are all 0: give at least one style more than 0"),
        ([1], "weights must be 2, one for each style, got 1"),
        ([1, 1, 1], "weights must be 2, one for each style, got 3"),
    ):
        with pytest.raises(ValueError) as caught:
            tiny.stylize(content, styles, weights=weights)
        assert str(caught.value) == message
    with pytest.raises(ValueError, match=r"^styles must hold at least one style, got none$"):
        tiny.stylize(content, [])


# --- inputs and outputs --------------------------------------------------------------------------

OPTIONS: list[dict[str, Any]] = [
    {},
    {"alpha": 0},
    {"alpha": 0.5, "content_residual": True},
    {"preserve_color": "coral"},
    {"preserve_color": "histogram"},
    {"preserve_color": "luminance"},
    {"mask": True},
    {"mask": True, "preserve_color": "luminance", "content_residual": True, "alpha": 0.3},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("channels", [3, 4])
def test_inputs_are_not_modified(
    tiny: AdaINModel, picture: Picture, options: dict[str, Any], channels: int
) -> None:
    content, style = (picture(24, 24, channels=channels, seed=seed) for seed in (0, 1))
    mask = left_half(24, 24)
    parameters = [tensor.clone() for tensor in tiny.state_dict().values()]
    before = [tensor.clone() for tensor in (content, style, mask)]
    options = dict(options)
    if options.pop("mask", False):
        options["masks"] = [mask]
    # Gradients do not leak out either.
    result = tiny.stylize(content.requires_grad_(), [style], **options)
    assert not result.requires_grad
    assert result.grad_fn is None
    with torch.inference_mode():
        result.zero_()
    for tensor, old in zip((content, style, mask), before, strict=True):
        assert torch.equal(tensor, old)
    for tensor, old in zip(tiny.state_dict().values(), parameters, strict=True):
        assert torch.equal(tensor, old)
    assert content.grad is None


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_results_lie_in_range(tiny: AdaINModel, picture: Picture, options: dict[str, Any]) -> None:
    # Resampling in the caller's code overshoots a little; that is accepted.
    content = 1.4 * picture(24, 24, channels=4) - 0.2
    style = 1.4 * picture(24, 24, seed=1) - 0.2
    options = dict(options)
    if options.pop("mask", False):
        options["masks"] = [left_half(24, 24)]
    result = tiny.stylize(content, [style], **options)
    assert 0 <= result.min() <= result.max() <= 1
    decoded = tiny.decode(tiny.encode(content))
    assert 0 <= decoded.min() <= decoded.max() <= 1


def test_styles_are_remembered_by_content(
    tiny_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = AdaINModel.from_pretrained(tiny_path, "cpu", "fp32")
    calls: list[str] = []
    encode = model.networks.encode
    monkeypatch.setattr(model.networks, "encode", lambda *args: calls.append("") or encode(*args))
    art, mask = picture(40, 32), torch.zeros(40, 32)
    mask[:20] = 1

    def encoded(image: Tensor, times: int, **options: Any) -> Style:
        calls.clear()
        style = model.encode_style(image, **options)
        assert len(calls) == times
        return style

    first = encoded(art, 1, name="first")
    again = encoded(art.clone(), 0, name="again")
    assert again == first and (first.name, again.name) == ("first", "again")
    changed = art.clone()
    changed[0, 0, 0, 0] = 1 - changed[0, 0, 0, 0]
    assert encoded(changed, 1) != first
    # The same bytes in another shape, another size, a mask, other dtypes.
    assert encoded(art.reshape(1, 3, 32, 40), 1) != first
    assert encoded(art, 1, size=24) != first
    assert encoded(art, 1, mask=mask) == encoded(art, 0, mask=mask.clone()) != first
    assert encoded(art, 0) == first
    calls.clear()
    model.stylize(picture(16, 16), [art, changed])
    assert len(calls) == 1  # the content
    model.to(torch.float64)
    assert encoded(art, 1) != first
    with torch.no_grad():
        next(model.encoder.parameters()).mul_(2)
    assert encoded(art, 1) != first


def test_no_gradients_are_kept(tiny: AdaINModel, picture: Picture) -> None:
    assert not any(parameter.requires_grad for parameter in tiny.parameters())
    assert not any(module.training for module in tiny.modules())
    content = picture(16, 16).requires_grad_()
    features, style = tiny.encode(content), tiny.encode_style(content)
    for tensor in (features.tensor, style.mean, style.std, tiny.decode(features)):
        assert not tensor.requires_grad


def test_results_are_repeatable(tiny: AdaINModel, picture: Picture) -> None:
    content, style = picture(33, 47), picture(20, 20, seed=1)
    state = torch.get_rng_state()
    first = tiny.stylize(content, style, alpha=0.7)
    assert torch.equal(tiny.stylize(content, style, alpha=0.7), first)
    # The caller's random numbers are left alone.
    assert torch.equal(torch.get_rng_state(), state)


def test_flat_pictures_are_finite(tiny: AdaINModel, picture: Picture) -> None:
    flat, style = torch.full((1, 3, 20, 20), 0.5), picture(16, 16)
    for content, painting in ((flat, style), (style, flat), (flat, flat), (0 * flat, 1 + 0 * flat)):
        for method in (None, *color.METHODS):
            result = tiny.stylize(content, painting, preserve_color=method)
            assert result.isfinite().all()


def test_bad_pictures(tiny: AdaINModel, picture: Picture) -> None:
    good = picture(16, 16)
    nan = good.clone()
    nan[0, 0, 3, 4] = NAN
    for bad, message in (
        (nan, "NaN or infinite values at 1 pixel"),
        (255 * good, "divide by 255"),
        (good.permute(0, 2, 3, 1), "channels-last"),
        (torch.zeros(1, 3, 0, 5), "expected an image with pixels"),
    ):
        with pytest.raises(ValueError, match=message):
            tiny.stylize(bad, good)
        with pytest.raises(ValueError, match=message):
            tiny.stylize(good, bad)
        with pytest.raises(ValueError, match=message):
            tiny.encode(bad)


def test_decoding_needs_features_of_the_model(tiny: AdaINModel, picture: Picture) -> None:
    features = replace(tiny.encode(picture(16, 16)), fingerprint="another one")
    with pytest.raises(ValueError, match="they come from different encoders"):
        tiny.decode(features)


def test_model_says_what_it_is(tiny: AdaINModel) -> None:
    assert repr(tiny) == (f"AdaINModel('tiny', encoder {tiny.fingerprint}, cpu, torch.float32)")
    assert tiny.name == "tiny"
    assert tiny.device == torch.device("cpu")
    assert tiny.info.license == "MIT"
    assert tiny.info.training == {"seed": 0}


def test_masks_of_numpy_and_in_one_tensor(tiny: AdaINModel, picture: Picture) -> None:
    content, styles = picture(30, 40), [picture(24, 24, seed=1), picture(24, 24, seed=2)]
    masks = [left_half(15, 20), 1 - left_half(15, 20)]
    expected = tiny.stylize(content, styles, masks=masks)
    assert torch.equal(tiny.stylize(content, styles, masks=torch.stack(masks)), expected)
    arrays = [mask.numpy()[:, ::-1] for mask in masks[::-1]]
    assert torch.equal(tiny.stylize(content, styles, masks=arrays), expected)
    rows = [np.broadcast_to(mask.numpy()[:1], (1, 20))[::-1] for mask in masks]
    assert torch.equal(tiny.stylize(content, styles, masks=rows), expected)


def test_what_read_image_gives_is_an_image(
    tiny: AdaINModel, picture: Picture, tmp_path: Path
) -> None:
    PIL.Image.fromarray(np.full((9, 12, 4), 128, np.uint8)).save(tmp_path / "cut.png")
    path = tmp_path / "cut.png"
    drawn = tiny.stylize(read_image_file(path), read_image_file(path, keep_uint8=True))
    assert_same(drawn, tiny.stylize(path, path))


def test_what_is_no_encoded_thing_is_named(tiny: AdaINModel, picture: Picture) -> None:
    features, style = tiny.encode(picture(24, 24)), tiny.encode_style(picture(24, 24))
    with pytest.raises(TypeError, match=r"expected what a model has encoded .* got str"):
        adain(features, ["wave.jpg"])
    with pytest.raises(TypeError, match="got Tensor"):
        adain(picture(24, 24), style)
    with pytest.raises(TypeError, match="got Tensor"):
        tiny.decode(picture(24, 24))
    with pytest.raises(TypeError, match=r"mask must be a torch tensor .* got \w+Path"):
        tiny.encode_style(picture(24, 24), mask=Path("mask.png"))
    with pytest.raises(ValueError, match="alpha must be one number, or one for each of 1 pictures"):
        adain(features, style, torch.tensor([0.2, 0.8]))


def test_coral_takes_the_photo_at_the_artworks_size_beyond_twice_the_pixels(
    picture: Picture,
) -> None:
    artwork, photo = picture(20, 20, seed=1), picture(30, 40)  # three times
    expected = color.coral(artwork, resize(photo, (20, 20)))
    torch.testing.assert_close(recolor_style(artwork, photo, "coral"), expected)
