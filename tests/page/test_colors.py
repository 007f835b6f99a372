"""The page measures and maps colors as the library does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from studio import Studio, as_page_image, random_image
from torch import Tensor

from adain_core import AdaINModel, Style
from adain_core.color.palettes import ColorMap, ColorMatch, measure_palette
from adain_core.engine.strokes import underpaint
from adain_core.functional import Palette
from adain_core.pixels import as_float, as_uint8, reduce_uint8

EVERYWHERE = (slice(None), slice(None))
FULL = torch.ones(1)


def run(studio: Studio, script: str, **given: Any) -> Any:
    """Return the result of a script; it sees the page's modules, and what is given by name."""
    return studio.page.evaluate(
        f"""async (given) => {{
            const modules = ["palettes", "pixels", "statistics", "strokes", "style-file"].map(
                (name) => import(`./src/${{name}}.js`));
            const page = Object.assign({{}}, ...(await Promise.all(modules)));
            const measure = (image) =>
                page.measurePalette(image, (window) => page.readPlanes(image, window));
            const plain = (value) => JSON.parse(JSON.stringify(value, (_, each) =>
                ArrayBuffer.isView(each) ? Array.from(each) : each) ?? "null");
            const {{ {", ".join(given)} }} = given;
            return plain(({script})());
        }}""",
        given,
    )


def measured(studio: Studio, image: Tensor) -> Palette:
    """Return the page's palette of an image ``(1, 3, H, W)``, uint8, with a batch."""
    found = run(studio, "() => measure(image)", image=as_page_image(image))
    return as_palette(found)


def as_palette(found: Any) -> Palette:
    """Return a palette of the page with a batch."""
    mean = torch.tensor(found["mean"], dtype=torch.float64)[None]
    return mean, torch.tensor(found["covariance"], dtype=torch.float64).view(1, 3, 3)


def as_page_palette(palette: Palette) -> dict[str, list[float]]:
    """Return a palette with a batch as an argument of a script."""
    return {"mean": palette[0][0].tolist(), "covariance": palette[1].flatten().tolist()}


def assert_palettes(one: Palette, other: Palette, most: float) -> None:
    """Assert that means and covariances differ by at most ``most``."""
    for each, like in zip(one, other, strict=True):
        torch.testing.assert_close(each.double(), like.double(), rtol=0, atol=most)


def mapped(studio: Studio, image: Tensor, target: Palette, strength: float = 1) -> Tensor:
    """Return an image as the page maps it to a palette, ``(1, 3, H, W)`` of floats."""
    found = run(
        studio,
        """() => page.mapPlanes(page.readPlanes(image, page.whole(image)),
            page.mapBetween(measure(image), target, strength))""",
        image=as_page_image(image),
        target=as_page_palette(target),
        strength=strength,
    )
    return torch.tensor(found).view(1, 3, *image.shape[2:])


def gray(image: Tensor) -> Tensor:
    """Return an image whose channels are its first."""
    return image[:, :1].expand(-1, 3, -1, -1)


# In bands of 64 rows.
@pytest.mark.parametrize(("height", "width"), [(150, 70), (64, 3), (1, 1)])
def test_palettes_are_measured_like_in_the_library(studio: Studio, height: int, width: int) -> None:
    image = random_image(height, width, 1)
    assert_palettes(measured(studio, image), measure_palette(image), 1e-7)


def test_a_known_palette(studio: Studio) -> None:
    image = torch.tensor([[0, 0, 255], [255, 0, 255]], dtype=torch.uint8).view(1, 2, 3, 1)
    image = image.permute(0, 2, 1, 3)  # two pixels: blue above magenta
    mean, covariance = measured(studio, image)
    assert mean.tolist() == [[0.5, 0, 1]]
    assert covariance.tolist() == [[[0.25, 0, 0], [0, 0, 0], [0, 0, 0]]]


@pytest.mark.parametrize("strength", [1, 0.4, 0])
@pytest.mark.parametrize("source", ["colors", "gray", "flat"])
@pytest.mark.parametrize("target", ["colors", "gray", "flat"])
def test_maps_are_those_of_the_library(
    studio: Studio, source: str, target: str, strength: float
) -> None:
    def make(kind: str, seed: int, contrast: float) -> Palette:
        image = random_image(40, 60, seed, contrast)
        flat = torch.full_like(image, 200)
        return measure_palette({"colors": image, "gray": gray(image), "flat": flat}[kind])

    palettes = make(source, 1, 0.4), make(target, 2, 0.9)
    found = run(
        studio,
        "() => page.mapBetween(source, target, strength)",
        source=as_page_palette(palettes[0]),
        target=as_page_palette(palettes[1]),
        strength=strength,
    )
    expected = ColorMap.between(*palettes, torch.tensor([strength]))
    matrix, offset = (torch.tensor(found[name]).float() for name in ("matrix", "offset"))
    torch.testing.assert_close(matrix, expected.matrix[0])
    torch.testing.assert_close(offset, expected.offset[0, :, 0])


def test_a_map_takes_one_palette_to_another(studio: Studio) -> None:
    image = random_image(60, 80, 1, contrast=0.4)
    # Correlated channels, and little contrast, so that no color is clamped.
    other = random_image(60, 80, 2, contrast=0.4).roll(1, dims=1) // 2 + gray(image) // 4
    target = measure_palette(other)
    result = mapped(studio, image, target)
    assert result.min() > 0 and result.max() < 1
    # The covariance to the variance that is added to both.
    assert_palettes(measure_palette(result), target, 1e-5)
    half = measure_palette(mapped(studio, image, target, 0.5))
    middle = (measure_palette(image)[0] + target[0]) / 2
    torch.testing.assert_close(half[0], middle, rtol=0, atol=1e-6)


def test_colors_are_clamped(studio: Studio) -> None:
    image = random_image(40, 60, 1)
    white = torch.ones(1, 3, dtype=torch.float64), 0.1 * torch.eye(3, dtype=torch.float64)[None]
    result = mapped(studio, image, white)
    assert result.min() >= 0 and result.max() == 1


def test_a_gray_artwork_gives_gray(studio: Studio) -> None:
    image = random_image(40, 60, 1)
    result = mapped(studio, image, measure_palette(gray(random_image(50, 50, 2))))
    assert (result.amax(dim=1) - result.amin(dim=1)).max() < 2 / 255
    assert result.std() > 0.1


def test_underpainting_in_the_colors_of_the_artwork(studio: Studio) -> None:
    photo, smaller = random_image(90, 120, 1), random_image(45, 60, 2)
    reduced = reduce_uint8(photo, (45, 60))
    target = measure_palette(random_image(30, 30, 3, contrast=0.5) // 2)
    found = run(
        studio,
        """() => {
            const colorMap = page.mapBetween(measure(reduced), target, 1);
            const before = page.mapImage(reduced, colorMap);
            return page.underpaint(photo, smaller, before, 0.3, colorMap)(page.whole(photo));
        }""",
        photo=as_page_image(photo),
        smaller=as_page_image(smaller),
        reduced=as_page_image(reduced),
        target=as_page_palette(target),
    )
    match = ColorMatch([ColorMap.between(measure_palette(reduced), target, FULL)])
    before = as_uint8(match(as_float(reduced), (45, 60), EVERYWHERE))
    canvas = underpaint(photo, smaller, before, 0.3, match)
    expected = canvas.colors(EVERYWHERE, torch.device("cpu"))
    # The library's strokes have 11 bits.
    torch.testing.assert_close(torch.tensor(found).view_as(expected), expected, rtol=0, atol=5e-4)


def read_style(studio: Studio, file: bytes, encoder: str) -> Any:
    """Return the statistics that the page reads in a style file, or the code of its error."""
    return run(
        studio,
        """() => {
            try {
                return page.readStyleFile(Uint8Array.from(file).buffer, encoder).statistics;
            } catch ({ code }) {
                return code;
            }
        }""",
        file=list(file),
        encoder=encoder,
    )


def test_style_files_with_and_without_a_palette(
    studio: Studio, model: AdaINModel, tmp_path: Path
) -> None:
    style = model.encode_style(as_float(random_image(40, 40, 1)))
    assert style.palette is not None

    def read(style: Style) -> Any:
        style.save(tmp_path / "style.safetensors")
        file = (tmp_path / "style.safetensors").read_bytes()
        return read_style(studio, file, model.fingerprint)

    mean, covariance = style.palette
    assert_palettes(as_palette(read(style)["palette"]), (mean[None], covariance[None]), 0)
    assert "palette" not in read(replace(style, palette=None))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("palette_mean", torch.zeros(4)),
        ("palette_mean", torch.full((3,), torch.nan)),
        ("palette_covariance", torch.zeros(3)),
        ("palette_covariance", None),
    ],
)
def test_style_files_with_a_damaged_palette(
    studio: Studio, name: str, value: Tensor | None
) -> None:
    tensors = {
        "mean": torch.zeros(8),
        "std": torch.ones(8),
        "palette_mean": torch.zeros(3),
        "palette_covariance": torch.eye(3),
    }
    metadata = {"format": "adain-style", "format_version": "1", "encoder": "this"}
    assert read_style(studio, save(tensors, metadata), "this")["mean"] == [0] * 8
    damaged = {key: each for key, each in {**tensors, name: value}.items() if each is not None}
    assert read_style(studio, save(damaged, metadata), "this") == "style-damaged"


def test_mixes_have_a_palette_if_both_styles_have_one(studio: Studio) -> None:
    palettes = [measure_palette(random_image(30, 30, seed)) for seed in (1, 2)]
    styles = [
        {"mean": [0.0], "std": [1.0], "palette": as_page_palette(palette)} for palette in palettes
    ]
    mix = "() => page.mixStyles(one, other, 0.3)"
    found = as_palette(run(studio, mix, one=styles[0], other=styles[1])["palette"])
    mean, covariance = (torch.lerp(*each, 0.3) for each in zip(*palettes, strict=True))
    assert_palettes(found, (mean, covariance), 1e-7)
    plain = {"mean": [0.0], "std": [1.0]}
    assert run(studio, mix, one=styles[0], other=plain).get("palette") is None
