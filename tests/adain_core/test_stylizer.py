"""The engine: made ready once, called often."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from stylized import without_palette
from torch import Tensor

from adain_core import (
    AdaINModel,
    OptionError,
    StyleMismatchError,
    StylizeOptions,
    Stylizer,
    TemporalPool,
    save_image,
)

MakeImage = Callable[..., Tensor]


@pytest.fixture
def artworks(make_image: MakeImage) -> list[Tensor]:
    return [make_image(30, 40, seed=seed) for seed in (11, 12)]


def test_artworks_are_encoded_when_it_is_made(
    tiny: AdaINModel, make_image: MakeImage, artworks: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[tuple[int, int]] = []
    encode = tiny.networks.encode

    def count(canvas: object, tiler: object) -> object:
        encoded.append(canvas.size)  # type: ignore[attr-defined]
        return encode(canvas, tiler)  # type: ignore[arg-type]

    monkeypatch.setattr(tiny.networks, "encode", count)
    artworks = [artwork.flip(3) for artwork in artworks]  # which no other test has encoded
    stylizer = Stylizer(tiny, StylizeOptions(artworks))
    assert encoded == [(30, 40)] * 2
    for _ in range(3):
        stylizer(make_image(16, 16))
    assert encoded[2:] == [(16, 16)] * 3


def test_stylizer_equals_stylize(
    tiny: AdaINModel, make_image: MakeImage, artworks: list[Tensor]
) -> None:
    options = {"weights": [1, 2], "alpha": 0.7, "preserve_color": "coral"}
    stylizer = Stylizer(tiny, StylizeOptions(artworks, **options))  # type: ignore[arg-type]
    for seed in range(2):
        content = make_image(20, 24, seed=seed)
        assert torch.equal(stylizer(content), tiny.stylize(content, artworks, **options))


def test_each_image_can_have_its_alpha_and_weights(
    tiny: AdaINModel, make_image: MakeImage, artworks: list[Tensor]
) -> None:
    content = make_image(20, 24, batch=3)
    alphas, weights = [0.2, 1.0, 0.6], [[1.0, 0.0], [1.0, 1.0], [0.0, 3.0]]
    together = tiny.stylize(content, artworks, alpha=alphas, weights=weights)
    for number in range(3):
        one = tiny.stylize(
            content[number : number + 1], artworks, alpha=alphas[number], weights=weights[number]
        )
        torch.testing.assert_close(together[number : number + 1], one, rtol=1e-4, atol=1e-5)


def test_counts_that_do_not_fit(
    tiny: AdaINModel, make_image: MakeImage, artworks: list[Tensor]
) -> None:
    content = make_image(20, 24, batch=3)
    for field, options in (
        ("alpha", {"alpha": [0.5, 1.0]}),
        ("weights", {"weights": [[1.0, 1.0], [1.0, 2.0]]}),
        ("masks[0]", {"masks": [torch.ones(2, 20, 24), torch.ones(20, 24)]}),
    ):
        with pytest.raises(OptionError) as caught:
            tiny.stylize(content, artworks, **options)  # type: ignore[arg-type]
        assert caught.value.field == field


def test_a_call_may_have_its_own_alpha_styles_and_masks(
    tiny: AdaINModel, make_image: MakeImage, artworks: list[Tensor]
) -> None:
    content, style = make_image(20, 24), tiny.encode_style(artworks[1])
    stylizer = Stylizer(tiny, StylizeOptions(artworks[0]))
    assert torch.equal(stylizer(content, alpha=0.4), tiny.stylize(content, artworks[0], alpha=0.4))
    assert torch.equal(stylizer(content, styles=[style]), tiny.stylize(content, artworks[1]))
    assert torch.equal(stylizer(content), tiny.stylize(content, artworks[0]))
    left = torch.ones(20, 24)
    left[:, 12:] = 0
    masked = Stylizer(tiny, StylizeOptions(artworks[0], masks=[left], feather=3))
    right = tiny.stylize(content, [artworks[0]], masks=[1 - left], feather=3)
    assert torch.equal(masked(content, masks=[1 - left]), right)


def test_styles_of_a_call_have_the_weights_of_the_options(
    tiny: AdaINModel, make_image: MakeImage, artworks: list[Tensor]
) -> None:
    content = make_image(20, 24)
    one, other = (tiny.encode_style(artwork) for artwork in artworks[:2])
    stylizer = Stylizer(tiny, StylizeOptions((other, one), weights=[1, 3]))
    expected = tiny.stylize(content, [one, other], weights=[1, 3])
    assert torch.equal(stylizer(content, styles=[one, other]), expected)
    assert torch.equal(stylizer(content, styles=one), tiny.stylize(content, one))
    with pytest.raises(OptionError, match="styles must be one or 2 in a call, got 3"):
        stylizer(content, styles=[one, other, one])


def test_a_style_of_a_call_cannot_be_recolored(
    tiny: AdaINModel, make_image: MakeImage, artworks: list[Tensor]
) -> None:
    stylizer = Stylizer(tiny, StylizeOptions(artworks[0], preserve_color="coral"))
    with pytest.raises(OptionError, match="contains no image, and the color method coral"):
        stylizer(make_image(20, 24), styles=tiny.encode_style(artworks[1]))


@pytest.mark.parametrize("feather", [0, 3])
def test_a_mask_that_is_changed_in_place_is_seen(
    tiny: AdaINModel, make_image: MakeImage, artworks: list[Tensor], feather: int
) -> None:
    content, mask = make_image(20, 24), torch.zeros(20, 24)
    mask[:, :12] = 1
    stylizer = Stylizer(tiny, StylizeOptions(artworks[0], masks=[mask.clone()], feather=feather))
    first = stylizer(content, masks=[mask])
    mask.copy_(1 - mask)
    second = stylizer(content, masks=[mask])
    expected = tiny.stylize(content, [artworks[0]], masks=[mask], feather=feather)
    assert torch.equal(second, expected)
    assert not torch.equal(first, second)


def test_a_style_of_another_model_is_named(
    tiny: AdaINModel,
    make_model: Callable[..., AdaINModel],
    make_image: MakeImage,
    artworks: list[Tensor],
) -> None:
    foreign = make_model(seed=9).encode_style(make_image(20, 20))
    with pytest.raises(StyleMismatchError) as caught:
        Stylizer(tiny, StylizeOptions((artworks[0], foreign)))
    assert caught.value.field == "styles[1]"
    with pytest.raises(StyleMismatchError) as caught:
        Stylizer(tiny, StylizeOptions(artworks[0], masks=[torch.ones(4, 4)], background=foreign))
    assert caught.value.field == "background"


def test_masks_may_be_files(
    tiny: AdaINModel, make_image: MakeImage, artworks: list[Tensor], tmp_path: Path
) -> None:
    mask = torch.zeros(1, 3, 20, 24)
    mask[..., :12] = 1
    save_image(tmp_path / "mask.png", mask)
    content = make_image(20, 24)
    result = Stylizer(tiny, StylizeOptions(artworks[0], masks=[tmp_path / "mask.png"]))(content)
    assert torch.equal(result, tiny.stylize(content, [artworks[0]], masks=[mask[0, 0]]))


def test_frames_share_their_statistics(
    tiny: AdaINModel, make_image: MakeImage, artworks: list[Tensor]
) -> None:
    frames = [make_image(20, 24), 0.9 * make_image(20, 24)]
    stylizer = Stylizer(tiny, StylizeOptions(artworks[0]), TemporalPool("ema", 4))
    results = [stylizer(frame) for frame in frames]
    pool = TemporalPool("ema", 4)
    expected = [tiny.stylize(frame, artworks[0], smoothing=pool) for frame in frames]
    for one, other in zip(results, expected, strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(results[1], tiny.stylize(frames[1], artworks[0]))


def test_the_size_of_a_result(tiny: AdaINModel, artworks: list[Tensor]) -> None:
    assert Stylizer(tiny, StylizeOptions(artworks[0], content_size=20)).size((40, 60)) == (20, 30)
    assert Stylizer(tiny, StylizeOptions(artworks[0])).size((40, 60)) == (40, 60)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_watcher_sees_tile_after_tile(
    tiny: AdaINModel, make_image: MakeImage, artworks: list[Tensor], channels: int
) -> None:
    content = make_image(64, 192, channels=channels)
    stylizer = Stylizer(tiny, StylizeOptions(artworks[0], tile=64, stroke_size="single"))
    shown: list[Tensor] = []
    result = stylizer(content, watch=lambda images: shown.append(images.clone()))
    assert torch.equal(result, stylizer(content))
    for number, images in enumerate(shown, start=1):
        assert torch.equal(images[..., : 64 * number], result[..., : 64 * number])
        assert torch.equal(images[..., 64 * number :], content[..., 64 * number :])
    assert len(shown) == 3


def test_under_the_tiles_to_come_lies_the_pass_before(
    tiny: AdaINModel, make_image: MakeImage, artworks: list[Tensor]
) -> None:
    content = make_image(256, 512)
    canvases = []
    for share in (1.0, 0.0):
        style = without_palette(tiny.encode_style(artworks[0]))
        options = StylizeOptions(style, tile=256, stroke_size=4.0, photo_share=share)
        shown: list[Tensor] = []
        told: list[tuple[int, int]] = []
        Stylizer(tiny, options)(
            content,
            progress=lambda *done, told=told: told.append(done),
            watch=lambda images, shown=shown: shown.append(images.clone()),
            output_dtype=torch.uint8,
        )
        # Each of the two tiles is decoded, and gets the strokes of the pass before.
        assert len(shown) == 4 and told[-1][0] == told[-1][1] > 6
        canvases.append(shown[0][..., 256:] / 255)
    photo = content[..., 256:]
    assert (canvases[0] - photo).abs().max() <= 0.5 / 255 + 1e-6
    assert (canvases[1] - photo).abs().mean() > 0.05


def test_watch_gets_each_group_of_images_until_it_raises(
    tiny: AdaINModel, make_image: MakeImage, artworks: list[Tensor]
) -> None:
    content = make_image(64, 64, batch=3)
    stylizer = Stylizer(
        tiny, StylizeOptions(artworks[0], tile=64, alpha=[1.0, 0.0, 0.5], stroke_size="single")
    )
    shown: list[Tensor] = []

    def watch(images: Tensor) -> None:
        shown.append(images.clone())
        if len(shown) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        stylizer(content, watch=watch)
    result = stylizer(content)
    assert torch.equal(torch.cat(shown), result[[0, 2]])
