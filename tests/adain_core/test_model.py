from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from stylized import NAN, MakeImage, assert_same, left_half
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
from adain_core.networks.architecture import Architecture
from adain_core.pixels import resize
from adain_core.style_encoder import recolor_style


def test_random_models_give_varied_results(tiny: AdaINModel, make_image: MakeImage) -> None:
    """The random model's results are not constant, depend on everything, and are not clipped."""
    content, style = make_image(64, 64), make_image(64, 64, seed=1)
    result = tiny.stylize(content, style)
    assert result.std() > 0.05
    assert ((result > 0) & (result < 1)).float().mean() > 0.7
    for other in (
        tiny.stylize(make_image(64, 64, seed=2), style),
        tiny.stylize(content, make_image(64, 64, seed=2)),
        tiny.stylize(content, style, alpha=0.5),
    ):
        assert (other - result).abs().mean() > 0.01


# --- kinds of images -----------------------------------------------------------------------------


def test_content_alpha_is_carried(tiny: AdaINModel, make_image: MakeImage) -> None:
    content = make_image(21, 34, batch=2, channels=4)
    content[:, 3] = torch.tensor([0.4, 1.0])[:, None, None]
    style = tiny.encode_style(make_image(16, 16, seed=1))
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
def test_content_alpha_with_recoloring(
    tiny: AdaINModel, make_image: MakeImage, method: str | None
) -> None:
    content, style = make_image(20, 20, batch=2, channels=4), make_image(18, 18, seed=1)
    content[:, 3] = 1
    result = tiny.stylize(content, style, preserve_color=method)
    assert torch.equal(result[:, 3:], content[:, 3:])
    plain = tiny.stylize(content[:, :3], style, preserve_color=method)
    torch.testing.assert_close(result[:, :3], plain, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("method", [None, *color.METHODS])
def test_hidden_pixels_hardly_change_visible_ones(
    tiny: AdaINModel, make_image: MakeImage, method: str | None, masked: bool
) -> None:
    content, style = make_image(48, 480), make_image(24, 24, seed=1)
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
def test_a_flat_cut_out_has_no_rims(tiny: AdaINModel, make_image: MakeImage, value: float) -> None:
    disc = torch.full((1, 4, 64, 64), value)
    disc[:, 3] = left_half(64, 64)
    disc[:, :3, :, 32:] = 1 - value if value != 0.5 else torch.rand(1, 3, 64, 32)
    style = make_image(24, 24, seed=1)
    result = tiny.stylize(disc, style)[..., :32]
    flat = tiny.stylize(torch.full((1, 3, 64, 64), value), style)[..., :32]
    torch.testing.assert_close(result[:, :3], flat, rtol=1e-3, atol=1e-3)


def test_features_and_styles_are_ordinary_tensors(tiny: AdaINModel, make_image: MakeImage) -> None:
    features, style = tiny.encode(make_image(24, 24)), tiny.encode_style(make_image(24, 24))
    weight = torch.ones((), requires_grad=True)
    (weight * features.tensor).sum().backward()
    torch.testing.assert_close(weight.grad, features.tensor.sum())
    assert style.mean.requires_grad_() is style.mean and not style.std.is_inference()


def test_changing_a_style_in_place_changes_no_later_result(
    tiny: AdaINModel, make_image: MakeImage
) -> None:
    content, artwork = make_image(24, 24), make_image(24, 24, seed=1)
    expected = tiny.stylize(content, artwork)
    style = tiny.encode_style(artwork)
    style.mean.add_(1).requires_grad_()
    assert torch.equal(tiny.stylize(content, artwork), expected)
    assert not tiny.encode_style(artwork).mean.requires_grad


@pytest.mark.parametrize("widths", [(4, 6, 8, 10), (4, 6, 128, 256)])  # the latter by Winograd
def test_autocast_of_the_caller_changes_nothing(
    make_model: Callable[..., AdaINModel], make_image: MakeImage, widths: tuple[int, int, int, int]
) -> None:
    content, artwork = make_image(24, 24), make_image(24, 24, seed=1)
    model, same = (make_model(Architecture(widths)) for _ in range(2))
    expected = same.stylize(content, [artwork, content], preserve_color="coral")
    with torch.autocast("cpu", torch.bfloat16):
        result = model.stylize(content, [artwork, content], preserve_color="coral")
        style = model.encode_style(artwork)
        mixed = Style.mix([style, style])
    assert torch.equal(result, expected)
    assert style == same.encode_style(artwork) == mixed


def test_networks_that_are_wrapped_can_be_trained_on(
    make_model: Callable[..., AdaINModel], make_image: MakeImage
) -> None:
    encoder, decoder = make_model().encoder, make_model().decoder.requires_grad_(True).train()
    for _ in range(2):
        model = AdaINModel(encoder, decoder, make_model().info)
        model.stylize(make_image(24, 24), make_image(24, 24, seed=1))
        features = adain(
            model.encode(make_image(24, 24)), model.encode_style(make_image(24, 24, seed=1))
        )
        decoder(features.tensor).square().mean().backward()
    assert decoder.training and all(weight.grad is not None for weight in decoder.parameters())


def test_gradients_reach_alpha_and_the_statistics(tiny: AdaINModel, make_image: MakeImage) -> None:
    features, style = tiny.encode(make_image(24, 24)), tiny.encode_style(make_image(24, 24, seed=1))
    alpha = torch.full((1,), 0.5, requires_grad=True)
    trainable = replace(style, mean=style.mean.requires_grad_(), std=style.std.requires_grad_())
    tiny.decoder(adain(features, trainable, alpha).tensor).square().mean().backward()
    for tensor in (alpha, style.mean, style.std):
        assert tensor.grad is not None and tensor.grad.abs().max() > 0


def test_networks_give_gradients(tiny: AdaINModel, make_image: MakeImage) -> None:
    """As the docstring of the model says."""
    images, style = (
        make_image(24, 32).requires_grad_(),
        tiny.encode_style(make_image(24, 24, seed=1)),
    )
    features = Features(tiny.encoder(images), images.shape[2:], tiny.fingerprint)
    result = tiny.decoder(adain(features, style, 0.8).tensor)
    assert_same(result.clamp(0, 1).detach(), tiny.decode(adain(tiny.encode(images), style, 0.8)))
    result.square().mean().backward()
    assert images.grad is not None and images.grad.abs().max() > 0


def test_other_weights_have_another_fingerprint(
    make_model: Callable[..., AdaINModel], make_image: MakeImage
) -> None:
    model, other = make_model(), make_model(seed=3)
    style = model.encode_style(make_image(24, 24))
    model.load_state_dict(other.state_dict())
    assert model.fingerprint == other.fingerprint != make_model().fingerprint
    with pytest.raises(StyleMismatchError, match="different encoders"):
        model.stylize(make_image(24, 24), style)
    expected = other.stylize(make_image(24, 24), other.encode_style(make_image(24, 24)))
    assert torch.equal(model.stylize(make_image(24, 24), make_image(24, 24)), expected)

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
    tiny: AdaINModel, make_image: MakeImage, method: str | None
) -> None:
    content, styles = make_image(30, 40), [make_image(24, 24, seed=1), make_image(24, 24, seed=2)]
    masks = [left_half(15, 20), 1 - left_half(15, 20)]
    for options in ({"masks": masks}, {"masks": masks[:1] * 2}, {"weights": [1, 2]}):
        expected = tiny.stylize(content, styles, preserve_color=method, **options)
        with torch.device("meta"):
            stylized = tiny.stylize(content, styles, preserve_color=method, **options)
        assert torch.equal(stylized, expected)


@pytest.fixture
def float64_by_default() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("float64_by_default")
@pytest.mark.parametrize(
    "options",
    [
        {"masks": True},
        {"masks": True, "feather": 3},
        {"masks": True, "preserve_color": "luminance", "content_residual": True, "alpha": 0.5},
        {"weights": [1, 2], "stroke_size": 4.0, "preserve_color": "cholesky"},
    ],
)
def test_another_default_dtype_changes_next_to_nothing(
    tiny: AdaINModel, make_image: MakeImage, options: dict[str, Any]
) -> None:
    content, *styles = (make_image(120, 130, seed=seed).float() for seed in range(3))
    masks = [left_half(15, 20).float()] * 2 if options.get("masks") else None
    stylized = tiny.stylize(content, styles, **{**options, "masks": masks})
    torch.set_default_dtype(torch.float32)
    expected = tiny.stylize(content, styles, **{**options, "masks": masks})
    torch.testing.assert_close(stylized, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", [name for name in color.METHODS if name != "luminance"])
def test_recoloring_ignores_what_transparency_hides(
    tiny: AdaINModel, make_image: MakeImage, method: str
) -> None:
    # Large enough that half of the pixels have nearly the same unbiased standard deviation.
    content, style = make_image(80, 80), make_image(78, 78, seed=1, channels=4)
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


def test_gray_is_three_equal_channels(tiny: AdaINModel, make_image: MakeImage) -> None:
    gray, style = make_image(20, 30, channels=1), make_image(16, 16, channels=1, seed=1)
    expected = tiny.stylize(gray.expand(-1, 3, -1, -1), style.expand(-1, 3, -1, -1))
    assert torch.equal(tiny.stylize(gray, style), expected)
    assert torch.equal(tiny.stylize(gray[0], style[0, 0].numpy()), expected)


def test_every_kind_of_image_gives_one_result(
    tiny: AdaINModel, make_image: MakeImage, tmp_path: Path
) -> None:
    array = (make_image(20, 30)[0].permute(1, 2, 0) * 255).round().byte().numpy()
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
    make_image: MakeImage,
    dtype: torch.dtype,
    tolerance: dict[torch.dtype, dict[str, float]],
) -> None:
    half = AdaINModel.from_pretrained(tiny_path, "cpu", dtype)
    assert half.dtype == dtype
    # Artworks of weak contrast: the colors of a photo are not stretched, nor is the rounding.
    content, style = make_image(41, 50, channels=4), 0.3 + 0.4 * make_image(50, 41, seed=1)
    content[:, 3] = 0.5
    mask = left_half(41, 50)
    other: Any = tiny.encode_style(0.3 + 0.4 * make_image(20, 20, seed=2))
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
        # The tolerance is for single pixels; as a whole the image is far closer.
        assert (result - expected).square().mean().sqrt() < tolerance[dtype]["atol"] / 5
    made = half.encode_style(style)
    assert made.mean.dtype == made.std.dtype == torch.float32
    torch.testing.assert_close(made.mean, tiny.encode_style(style).mean, **tolerance[dtype])


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
    tiny: AdaINModel, make_image: MakeImage, options: dict[str, Any], channels: int
) -> None:
    content, style = (make_image(24, 24, channels=channels, seed=seed) for seed in (0, 1))
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
def test_results_lie_in_range(
    tiny: AdaINModel, make_image: MakeImage, options: dict[str, Any]
) -> None:
    # Resampling in the caller's code overshoots a little; that is accepted.
    content = 1.4 * make_image(24, 24, channels=4) - 0.2
    style = 1.4 * make_image(24, 24, seed=1) - 0.2
    options = dict(options)
    if options.pop("mask", False):
        options["masks"] = [left_half(24, 24)]
    result = tiny.stylize(content, [style], **options)
    assert 0 <= result.min() <= result.max() <= 1
    decoded = tiny.decode(tiny.encode(content))
    assert 0 <= decoded.min() <= decoded.max() <= 1


def test_styles_are_remembered_by_content(
    tiny_path: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = AdaINModel.from_pretrained(tiny_path, "cpu", "fp32")
    calls: list[str] = []
    encode = model.networks.encode
    monkeypatch.setattr(model.networks, "encode", lambda *args: calls.append("") or encode(*args))
    artwork, mask = make_image(40, 32), torch.zeros(40, 32)
    mask[:20] = 1

    def encoded(image: Tensor, times: int, **options: Any) -> Style:
        calls.clear()
        style = model.encode_style(image, closeup=False, **options)
        assert len(calls) == times
        return style

    first = encoded(artwork, 1, name="first")
    again = encoded(artwork.clone(), 0, name="again")
    assert again == first and (first.name, again.name) == ("first", "again")
    changed = artwork.clone()
    changed[0, 0, 0, 0] = 1 - changed[0, 0, 0, 0]
    assert encoded(changed, 1) != first
    # The same bytes in another shape, another size, a mask, other dtypes.
    assert encoded(artwork.reshape(1, 3, 32, 40), 1) != first
    assert encoded(artwork, 1, size=24) != first
    assert encoded(artwork, 1, mask=mask) == encoded(artwork, 0, mask=mask.clone()) != first
    assert encoded(artwork, 0) == first
    calls.clear()
    model.stylize(make_image(16, 16), [artwork, changed])
    assert len(calls) == 1  # the content
    model.to(torch.float64)
    assert encoded(artwork, 1) != first
    with torch.no_grad():
        next(model.encoder.parameters()).mul_(2)
    assert encoded(artwork, 1) != first


def test_no_gradients_are_kept(tiny: AdaINModel, make_image: MakeImage) -> None:
    assert not any(parameter.requires_grad for parameter in tiny.parameters())
    assert not any(module.training for module in tiny.modules())
    content = make_image(16, 16).requires_grad_()
    features, style = tiny.encode(content), tiny.encode_style(content)
    for tensor in (features.tensor, style.mean, style.std, tiny.decode(features)):
        assert not tensor.requires_grad


def test_results_are_repeatable(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, style = make_image(33, 47), make_image(20, 20, seed=1)
    state = torch.get_rng_state()
    first = tiny.stylize(content, style, alpha=0.7)
    assert torch.equal(tiny.stylize(content, style, alpha=0.7), first)
    # The caller's random numbers are left alone.
    assert torch.equal(torch.get_rng_state(), state)


def test_results_of_flat_images_are_finite(tiny: AdaINModel, make_image: MakeImage) -> None:
    flat, style = torch.full((1, 3, 20, 20), 0.5), make_image(16, 16)
    for content, artwork in ((flat, style), (style, flat), (flat, flat), (0 * flat, 1 + 0 * flat)):
        for method in (None, *color.METHODS):
            result = tiny.stylize(content, artwork, preserve_color=method)
            assert result.isfinite().all()


def test_bad_images_are_refused(tiny: AdaINModel, make_image: MakeImage) -> None:
    good = make_image(16, 16)
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


@pytest.mark.parametrize("shape", [(20, 31, 2), (31, 20, 2), (20, 30, 1)])
def test_decoding_needs_the_content_that_was_encoded(
    tiny: AdaINModel, make_image: MakeImage, shape: tuple[int, ...]
) -> None:
    features = tiny.encode(make_image(20, 30, 2))
    with pytest.raises(ValueError, match=r"content must .* \(2, 20, 30\) \(images, .* got \("):
        tiny.decode(features, content=make_image(*shape))


def test_decoding_needs_features_of_the_model(tiny: AdaINModel, make_image: MakeImage) -> None:
    features = replace(tiny.encode(make_image(16, 16)), fingerprint="another one")
    with pytest.raises(ValueError, match="they come from different encoders"):
        tiny.decode(features)


def test_model_says_what_it_is(tiny: AdaINModel) -> None:
    assert repr(tiny) == (f"AdaINModel('tiny', encoder {tiny.fingerprint}, cpu, torch.float32)")
    assert tiny.name == "tiny"
    assert tiny.device == torch.device("cpu")
    assert tiny.info.license == "MIT"
    assert tiny.info.training == {"seed": 0}


def test_masks_of_numpy_and_in_one_tensor(tiny: AdaINModel, make_image: MakeImage) -> None:
    content, styles = make_image(30, 40), [make_image(24, 24, seed=1), make_image(24, 24, seed=2)]
    masks = [left_half(15, 20), 1 - left_half(15, 20)]
    expected = tiny.stylize(content, styles, masks=masks)
    assert torch.equal(tiny.stylize(content, styles, masks=torch.stack(masks)), expected)
    arrays = [mask.numpy()[:, ::-1] for mask in masks[::-1]]
    assert torch.equal(tiny.stylize(content, styles, masks=arrays), expected)
    rows = [np.broadcast_to(mask.numpy()[:1], (1, 20))[::-1] for mask in masks]
    assert torch.equal(tiny.stylize(content, styles, masks=rows), expected)


def test_what_read_image_gives_is_an_image(
    tiny: AdaINModel, make_image: MakeImage, tmp_path: Path
) -> None:
    PIL.Image.fromarray(np.full((9, 12, 4), 128, np.uint8)).save(tmp_path / "cut.png")
    path = tmp_path / "cut.png"
    result = tiny.stylize(read_image_file(path), read_image_file(path, keep_uint8=True))
    assert_same(result, tiny.stylize(path, path))


def test_what_is_no_encoded_thing_is_named(tiny: AdaINModel, make_image: MakeImage) -> None:
    features, style = tiny.encode(make_image(24, 24)), tiny.encode_style(make_image(24, 24))
    with pytest.raises(TypeError, match=r"style must be a Style .* got str"):
        adain(features, ["wave.jpg"])
    with pytest.raises(TypeError, match="got Tensor"):
        adain(make_image(24, 24), style)
    with pytest.raises(TypeError, match="got Tensor"):
        tiny.decode(make_image(24, 24))
    with pytest.raises(TypeError, match=r"mask must be a torch tensor, .* or a path, got int"):
        tiny.encode_style(make_image(24, 24), mask=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"alpha must be one number, or one per image \(1\)"):
        adain(features, style, torch.tensor([0.2, 0.8]))


def test_coral_takes_the_photo_at_the_artworks_size_beyond_twice_the_pixels(
    make_image: MakeImage,
) -> None:
    artwork, photo = make_image(20, 20, seed=1), make_image(30, 40)  # three times
    expected = color.coral(artwork, resize(photo, (20, 20)))
    torch.testing.assert_close(recolor_style(artwork, photo, "coral"), expected)
