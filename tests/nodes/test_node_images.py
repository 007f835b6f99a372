"""IMAGE and MASK at the nodes' inputs: layouts, bad values, counts, alpha."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

MakeImage = Callable[..., Tensor]


def test_features_equal_the_library(pack: Any, model: Any, make_image: MakeImage) -> None:
    photos = make_image(33, 41, 3)
    (features,) = pack.run("AdaINEncodeContent", model=model, image=photos)
    expected = model.model.encode(photos.movedim(-1, 1))
    torch.testing.assert_close(features.tensor, expected.tensor)
    assert features.size == (33, 41)
    assert repr(features) == f"Features(3 of 41x33 px, encoder {model.model.fingerprint})"


def test_an_underpainting_starts_a_later_pass(pack: Any, model: Any, make_image: MakeImage) -> None:
    """As the library's later passes do; by hand the same as stroke_size."""
    photo, artwork = make_image(600, 630), make_image(32, 32, seed=3)
    options = pack.submodule("adain_core.engine.passes")
    passes = options.pass_sizes((600, 630), "medium")
    assert len(passes) == 2 and options.closeness((600, 630), "medium") > 0.2
    library = pack.submodule("adain_core.pixels")
    (style,) = pack.run("AdaINEncodeStyle", model=model, image=artwork, style_size=0)
    style = replace(style, palette=None)

    def stylize(image: Tensor, content: Tensor | None = None, **inputs: Any) -> Tensor:
        (features,) = pack.run("AdaINEncodeContent", model=model, image=image, **inputs)
        blended, _ = pack.run(
            "AdaINBlend", features=features, style_1=style, alpha=1.0, weight_1=1.0
        )
        return pack.run("AdaINDecode", model=model, features=blended, content=content)[0]

    # As the library reduces the photo.
    small = library.as_float(library.reduce_uint8(photo.movedim(-1, 1), passes[0])).movedim(1, -1)
    below = {"underpainting": stylize(small, small), "photo_share": 0.2}
    found = stylize(photo, **below)
    expected = model.model.stylize(photo.movedim(-1, 1), style, photo_share=0.2).movedim(1, -1)
    torch.testing.assert_close(found, expected)
    assert (found - stylize(photo)).abs().mean() > 0.02
    see_through = torch.cat([photo, make_image(600, 630, channels=1, seed=5)], dim=-1)
    opacity = stylize(see_through, **below)[..., 3]
    assert torch.equal(opacity, see_through[..., 3])
    # What is hidden does not change what is seen.
    cut_out = torch.cat([photo, torch.ones(1, 600, 630, 1)], dim=-1)
    cut_out[:, :, 300:, 3] = 0
    other = cut_out.clone()
    other[:, :, 300:, :3] = make_image(600, 330, seed=6)
    seen = [stylize(each, **below)[:, :, :300] for each in (cut_out, other)]
    assert torch.equal(*seen)


def test_the_colors_of_the_artwork_by_hand(pack: Any, model: Any, make_image: MakeImage) -> None:
    """The node takes the place of the library's step before the first pass."""
    photo, artwork = (
        make_image(8, 8, seed=seed).repeat_interleave(32, 1).repeat_interleave(32, 2)
        for seed in (1, 2)
    )
    (style,) = pack.run("AdaINEncodeStyle", model=model, image=artwork, style_size=0)
    plain = replace(style, palette=None)
    (recolored,) = pack.run(
        "AdaINColorPreserve", image=photo, color_reference=artwork, method="transport", strength=1.0
    )
    expected, found, without = (
        model.model.stylize(image.movedim(-1, 1), each, alpha=1.0)
        for image, each in ((photo, style), (recolored, plain), (photo, plain))
    )
    assert (found - expected).abs().mean() < (without - expected).abs().mean() / 50


def test_masks_in_passes_by_hand(pack: Any, model: Any, make_image: MakeImage) -> None:
    """Each region keeps its own tones, as in the library's passes."""
    photos = make_image(600, 630, 2)
    styles = [
        replace(
            pack.run("AdaINEncodeStyle", model=model, image=artwork, style_size=0)[0], palette=None
        )
        for artwork in (make_image(32, 32, seed=3), 1 - 0.5 * make_image(32, 32, seed=4))
    ]
    left = torch.zeros(1, 600, 630)
    left[..., :300] = 1
    library = pack.submodule("adain_core.pixels")
    small = library.reduce_uint8(photos.movedim(-1, 1), (384, 403)).movedim(1, -1) / 255

    def stylize(image: Tensor, content: Tensor | None = None, **inputs: Any) -> Tensor:
        (features,) = pack.run("AdaINEncodeContent", model=model, image=image, **inputs)
        (features,) = pack.run(
            "AdaINMasked",
            features=features,
            style_1=styles[0],
            mask_1=left,
            background=styles[1],
            alpha=1.0,
            feather=0,
            region_statistics=True,
        )
        return pack.run("AdaINDecode", model=model, features=features, content=content)[0]

    found = stylize(photos, underpainting=stylize(small, small), photo_share=0.2)
    expected = model.model.stylize(
        photos.movedim(-1, 1), styles[0], masks=[left], background=styles[1], photo_share=0.2
    )
    torch.testing.assert_close(found, expected.movedim(1, -1))
    # As a pass of its own, too.
    single = model.model.stylize(
        small.movedim(-1, 1), styles[0], masks=[left], background=styles[1]
    )
    torch.testing.assert_close(stylize(small, small), single.movedim(1, -1))


def test_content_of_another_size(pack: Any, model: Any, make_image: MakeImage) -> None:
    (features,) = pack.run("AdaINEncodeContent", model=model, image=make_image(40, 50))
    with pytest.raises(ValueError, match="content is 40x40 and features are of 50x40: connect"):
        pack.run("AdaINDecode", model=model, features=features, content=make_image(40, 40))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 30), (33, 41)])
def test_decoded_size_is_the_contents(
    pack: Any, model: Any, make_image: MakeImage, height: int, width: int
) -> None:
    photos = make_image(height, width, 2)
    (features,) = pack.run("AdaINEncodeContent", model=model, image=photos)
    (decoded,) = pack.run("AdaINDecode", model=model, features=features)
    assert decoded.shape == photos.shape
    assert decoded.dtype == torch.float32
    expected = model.model.decode(model.model.encode(photos.movedim(-1, 1)))
    torch.testing.assert_close(decoded, expected.movedim(1, -1))


def test_alpha_channel_passes_through(pack: Any, model: Any, make_image: MakeImage) -> None:
    photos = make_image(24, 24, 2, 4)
    (features,) = pack.run("AdaINEncodeContent", model=model, image=photos)
    (decoded,) = pack.run("AdaINDecode", model=model, features=features)
    assert torch.equal(decoded[..., 3], photos[..., 3])
    stylized, _ = pack.run(
        "AdaINStylize", model=model, content=photos, style_1=make_image(20, 20, seed=1), alpha=1.0
    )
    assert torch.equal(stylized[..., 3], photos[..., 3])


def test_half_precision_images_count_as_their_values(
    pack: Any, model: Any, make_image: MakeImage
) -> None:
    photo, artwork = make_image(24, 32).half(), make_image(20, 28, seed=1).half()

    def outputs(photo: Tensor, artwork: Tensor) -> list[Tensor]:
        stylized, _ = pack.run(
            "AdaINStylize", model=model, content=photo, style_1=artwork, alpha=1.0, style_size=16
        )
        (recolored,) = pack.run(
            "AdaINColorPreserve",
            image=photo,
            color_reference=artwork,
            method="coral",
            strength=1.0,
        )
        return [stylized, recolored]

    for half, full in zip(
        outputs(photo, artwork), outputs(photo.float(), artwork.float()), strict=True
    ):
        assert half.dtype == torch.float32
        torch.testing.assert_close(half, full)


def test_gray_is_three_channels(pack: Any, model: Any, make_image: MakeImage) -> None:
    gray = make_image(24, 24, 1, 1)
    (features,) = pack.run("AdaINEncodeContent", model=model, image=gray)
    (expected,) = pack.run("AdaINEncodeContent", model=model, image=gray.expand(-1, -1, -1, 3))
    torch.testing.assert_close(features.tensor, expected.tensor)


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (lambda x: x.movedim(-1, 1), r"image: expected an IMAGE of shape \(batch, height, width"),
        (lambda x: x[0], r"image: expected an IMAGE .*, got \(20, 24, 3\); look at the node"),
        (lambda x: x[:0], r"all 1 or more, got \(0, 20, 24, 3\)"),
        (
            lambda x: x * 255,
            r"image: entry 1 of 2: expected image values in 0\.\.1.* connected to image$",
        ),
        (
            lambda x: torch.cat([x[:1], x[1:] * float("nan")]),
            r"image: entry 2 of 2: image has NaN or infinite values at 480 pixels; look at the "
            r"node that is connected to image \(a model or VAE",
        ),
    ],
)
def test_bad_images(
    pack: Any, model: Any, make_image: MakeImage, bad: Callable[[Tensor], Tensor], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        pack.run("AdaINEncodeContent", model=model, image=bad(make_image(20, 24, 2)))


def test_bad_images_name_their_input(pack: Any, model: Any, make_image: MakeImage) -> None:
    good, nan = make_image(20, 24), torch.full((1, 20, 24, 3), float("nan"))
    inputs = {"content": good, "style_1": good, "style_2": good}
    for name in inputs:
        with pytest.raises(ValueError, match=f"^{name}: image has NaN"):
            pack.run("AdaINStylize", model=model, alpha=1.0, **{**inputs, name: nan})
    colors = {"image": good, "color_reference": good}
    for name in colors:
        with pytest.raises(ValueError, match=f"^{name}: image has NaN"):
            inputs = {**colors, name: nan}
            pack.run("AdaINColorPreserve", method="coral", strength=1.0, **inputs)


def test_counts(pack: Any) -> None:
    common_count = pack.submodule("nodes.batches").common_count
    assert common_count({"content": 5, "mask_1": 1}) == 5
    assert common_count({"content": 1, "mask_1": 1, "mask_2": 4}) == 4
    with pytest.raises(
        ValueError, match=r"^content has 5 and mask_2 has 3: connect equally many, or one"
    ):
        common_count({"content": 5, "mask_1": 1, "mask_2": 3})
