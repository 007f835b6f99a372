"""After a pass, the page computes the same as the library."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from studio import Studio, as_page_image, random_image
from torch import Tensor

from adain_core.engine.halos import remove_halos
from adain_core.engine.strokes import Strokes, underpaint
from adain_core.pixels import as_float, reduce_uint8

EVERYWHERE = (slice(None), slice(None))
CPU = torch.device("cpu")


def run(studio: Studio, module: str, script: str, *images: Tensor) -> Tensor:
    """Return the result of a script for images and a module of the page, ``(1, 3, H, W)``."""
    found: list[Any] = studio.page.evaluate(
        f"""async (given) => {{
            const {{ emptyImage, whole, writePlanes }} = await import("./src/pixels.js");
            const module = await import("./src/{module}.js");
            const images = given.map((each) =>
                ({{ ...each, data: Uint8ClampedArray.from(each.data) }}));
            const write = (planes) => {{
                const result = emptyImage(images[0]);
                writePlanes(result, whole(result), planes(whole(result)));
                return result;
            }};
            return Array.from((({script})(module, write, ...images)).data);
        }}""",
        [as_page_image(each) for each in images],
    )
    height, width = images[0].shape[2:]
    return torch.tensor(found).view(height, width, 4)[..., :3].permute(2, 0, 1)[None]


def assert_levels(found: Tensor, expected: Tensor, most: float) -> None:
    """Assert that levels differ by at most ``most``; floats are rounded to levels first."""
    torch.testing.assert_close(found.float(), expected.float(), rtol=0, atol=most + 0.501)


@pytest.mark.parametrize(("height", "width"), [(96, 131), (37, 5), (1, 1)])
def test_halos(studio: Studio, height: int, width: int) -> None:
    photo = random_image(height, width, 1)
    image = random_image(height, width, 2)
    script = "({ removeHalos }, write, image, photo) => (removeHalos(image, photo), image)"
    # Floats, so that rounding does not decide between two levels.
    expected = 255 * remove_halos(as_float(image), as_float(photo))
    assert_levels(run(studio, "halos", script, image, photo), expected, 0)
    if height > 90:
        assert (expected - image).abs().mean() > 3


@pytest.mark.parametrize("contrast", [1.0, 0.02])  # a contrast of two levels is suppressed
def test_underpainting(studio: Studio, contrast: float) -> None:
    photo, smaller = random_image(90, 120, 1), random_image(45, 60, 2, contrast=contrast)
    reduced = reduce_uint8(photo, (45, 60))
    script = "({ underpaint }, write, ...images) => write(underpaint(...images, 0.3))"
    found = run(studio, "strokes", script, photo, smaller, reduced)
    expected = underpaint(photo, smaller, reduced, 0.3).colors(EVERYWHERE, CPU)
    assert_levels(found, 255 * expected, 0.13)  # the library's strokes have 11 bits


# The sides of cells are 2 and 3 pixels, and at 2.5 times the size 2.
@pytest.mark.parametrize(("height", "width"), [(60, 81), (101, 133), (100, 130), (75, 41)])
def test_kept_strokes(studio: Studio, height: int, width: int) -> None:
    smaller = random_image(40, 20 if width < 60 else 52, 2)
    photo, fine = random_image(height, width, 1, contrast=0.3), random_image(height, width, 3)
    script = "({ putUnder }, write, fine, smaller, photo) => write(putUnder(fine, smaller, photo))"
    found = run(studio, "strokes", script, fine, smaller, photo)
    strokes = Strokes.over(photo, smaller)
    assert strokes.kept.max() > 0.7 and strokes.kept.min() < 0.5
    # The page reduces floats, the library 8 bits.
    assert_levels(found, 255 * strokes.under(fine).colors(EVERYWHERE, CPU), 1)
    assert (found / 255 - as_float(fine)).abs().mean() > 0.03
