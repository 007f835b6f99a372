"""The page gives the same results as the library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from studio import Studio, decibels, read_image, write_image
from torch import Tensor

from adain_core import AdaINModel

ROOT = Path(__file__).resolve().parents[2]
ARTWORKS = ROOT / "samples" / "style"
EQUAL = 40  # decibels


def sample(name: str, height: int, width: int, top: int = 60, left: int = 120) -> Tensor:
    """Return a part of a sample photo."""
    image = read_image((ROOT / "samples" / "content" / f"{name}.jpg").read_bytes())
    return image[..., top : top + height, left : left + width]


@pytest.fixture
def stylize(studio: Studio, tmp_path: Path) -> Callable[..., tuple[Tensor, Tensor]]:
    """Stylize a photo on the page; return the photo and the result."""

    def run(photo: Tensor, **options: Any) -> tuple[Tensor, Tensor]:
        photo = write_image(tmp_path / "photo.png", photo)
        studio.set(**options)
        studio.give_photo(tmp_path / "photo.png")
        return photo, studio.result()

    return run


@pytest.mark.parametrize(("height", "width"), [(123, 170), (1, 1), (8, 33)])
def test_a_single_pass(
    stylize: Callable[..., tuple[Tensor, Tensor]], model: AdaINModel, height: int, width: int
) -> None:
    photo, result = stylize(sample("red-panda", height, width), artwork="The Starry Night")
    expected = model.stylize(photo, ARTWORKS / "van-gogh-starry-night.jpg")
    assert decibels(result, expected) > EQUAL


def test_coarse_to_fine(stylize: Callable[..., tuple[Tensor, Tensor]], model: AdaINModel) -> None:
    photo, result = stylize(sample("castle", 290, 300), strokes="Coarse")
    expected = model.stylize(photo, ARTWORKS / "mosaic.jpg", stroke_size="coarse")
    assert decibels(result, expected) > EQUAL
    # A single pass gives another result.
    assert (
        decibels(result, model.stylize(photo, ARTWORKS / "mosaic.jpg", stroke_size="single")) < 30
    )


def test_strokes_grow_with_the_image(
    stylize: Callable[..., tuple[Tensor, Tensor]], model: AdaINModel
) -> None:
    photo, result = stylize(sample("castle", 560, 600, 0, 0), strokes="Coarse")
    art = ARTWORKS / "mosaic.jpg"
    assert decibels(result, model.stylize(photo, art, stroke_size="coarse")) > EQUAL
    far = model.encode_style(art, closeup=False)
    assert decibels(result, model.stylize(photo, far, stroke_size="coarse")) < 30


def test_strength_mix_and_colors(
    stylize: Callable[..., tuple[Tensor, Tensor]], model: AdaINModel
) -> None:
    photo, result = stylize(
        sample("castle", 120, 160), second="Mona Lisa", strength=60, keep_colors=True
    )
    expected = model.stylize(
        photo,
        [ARTWORKS / "mosaic.jpg", ARTWORKS / "leonardo-mona-lisa.jpg"],
        alpha=0.6,
        preserve_color="luminance",
        content_residual=True,
    )
    assert decibels(result, expected) > EQUAL


def test_new_options_give_the_photo_new_colors(
    studio: Studio, stylize: Callable[..., tuple[Tensor, Tensor]], model: AdaINModel
) -> None:
    mosaic, engraving = ARTWORKS / "mosaic.jpg", ARTWORKS / "engraving.jpg"
    photo, result = stylize(sample("castle", 290, 300), strokes="Coarse")
    assert decibels(result, model.stylize(photo, mosaic, stroke_size="coarse")) > EQUAL

    def restylize(**options: Any) -> Tensor:
        # The features of the first pass are cached: they must not be those of the last colors.
        studio.set(strokes="Coarse", **options)
        return studio.result()

    expected = model.stylize(photo, mosaic, alpha=0.6, stroke_size="coarse", content_residual=True)
    assert decibels(restylize(strength=60), expected) > EQUAL
    expected = model.stylize(photo, [mosaic, engraving], stroke_size="coarse")
    assert decibels(restylize(second="Mountains"), expected) > EQUAL
    expected = model.stylize(photo, mosaic, stroke_size="coarse", preserve_color="luminance")
    assert decibels(restylize(keep_colors=True), expected) > EQUAL
    assert decibels(restylize(), result) > 90


def test_no_strength_is_the_photo(stylize: Callable[..., tuple[Tensor, Tensor]]) -> None:
    photo, result = stylize(sample("kingfisher", 60, 90), strength=0)
    assert decibels(result, photo) > 90


def test_tiles_leave_no_trace(
    stylize: Callable[..., tuple[Tensor, Tensor]], model: AdaINModel
) -> None:
    photo, result = stylize(sample("castle", 570, 760), strokes="Fine")
    expected = model.stylize(photo, ARTWORKS / "mosaic.jpg", stroke_size="fine")
    assert decibels(result, expected) > EQUAL


def test_an_artwork_of_ones_own(
    studio: Studio, stylize: Callable[..., tuple[Tensor, Tensor]], model: AdaINModel, tmp_path: Path
) -> None:
    # Larger than the size at which artworks are encoded.
    enlarged = sample("coffee", 390, 590, 0, 0).repeat_interleave(2, 2).repeat_interleave(2, 3)
    artwork = write_image(tmp_path / "my artwork.png", enlarged)
    photo, _ = stylize(sample("red-panda", 120, 160))
    studio.give_artwork(tmp_path / "my artwork.png")
    assert decibels(studio.result(), model.stylize(photo, artwork)) > EQUAL
    assert studio.page.inner_text("#artwork-title") == "My artwork"


def test_a_style_file_of_the_library(
    studio: Studio, stylize: Callable[..., tuple[Tensor, Tensor]], model: AdaINModel, tmp_path: Path
) -> None:
    style = model.encode_style(ROOT / "samples" / "content" / "coffee.jpg", name="espresso")
    style.save(tmp_path / "espresso.safetensors")
    photo, _ = stylize(sample("red-panda", 120, 160))
    studio.give_artwork(tmp_path / "espresso.safetensors")
    assert decibels(studio.result(), model.stylize(photo, style)) > EQUAL
    assert studio.page.inner_text("#artwork-title") == "Espresso"


def test_a_style_file_without_a_palette(
    studio: Studio, stylize: Callable[..., tuple[Tensor, Tensor]], model: AdaINModel, tmp_path: Path
) -> None:
    style = model.encode_style(ARTWORKS / "mosaic.jpg")
    plain = replace(style, palette=None)
    plain.save(tmp_path / "plain.safetensors")
    photo, _ = stylize(sample("red-panda", 120, 160))
    studio.give_artwork(tmp_path / "plain.safetensors")
    result = studio.result()
    assert decibels(result, model.stylize(photo, plain)) > EQUAL
    assert decibels(result, model.stylize(photo, style)) < 30


def test_a_large_photo_is_stylized_at_the_chosen_size(studio: Studio, tmp_path: Path) -> None:
    Image.new("RGB", (4000, 3000), "teal").save(tmp_path / "large.jpg")
    studio.set()
    studio.page.get_by_role("radio", name="Small").check()
    studio.give_photo(tmp_path / "large.jpg")
    assert studio.result().shape == (1, 3, 480, 640)
    assert "640 × 480 pixels of 4000 × 3000" in studio.status()
    studio.page.get_by_role("radio", name="Standard").check()
    # The next photo cancels this run.


def test_orientation_and_transparency(studio: Studio, tmp_path: Path) -> None:
    upright = Image.new("RGB", (60, 40), "white")
    upright.paste("navy", (0, 0, 60, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    upright.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    studio.set(strength=0)
    studio.give_photo(tmp_path / "turned.jpg")
    turned = studio.result()
    assert turned.shape == (1, 3, 60, 40)
    assert turned[0, 0, :, 39].mean() < 0.1 < 0.9 < turned[0, 0, :, 0].mean()
    Image.new("RGBA", (20, 30), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    studio.give_photo(tmp_path / "clear.png")
    assert studio.result().min() == 1
