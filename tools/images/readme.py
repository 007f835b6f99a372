"""Make the images of the README with the bundled model: ``python tools/images/readme.py``.

Run it again when the weights change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from panels import IMAGES, SAMPLES, cell, content, crop, style, views
from PIL import Image
from torch import Tensor

from adain_core import AdaINModel, Style, load_image, save_image
from adain_core.choices import SINGLE_PASS, STROKE_SIZES
from adain_core.cli import main as adain
from adain_core.color import METHODS
from adain_core.images.sheets import join_rows
from adain_core.pixels import resize_shortest_side
from adain_core.temporal import TemporalPool

# Frames of the animation.
_FRAMES = 32


def write_rows(name: str, rows: Sequence[Sequence[Tensor]]) -> None:
    """Write rows of images as ``docs/images/<name>.jpg``."""
    save_image(IMAGES / f"{name}.jpg", join_rows(rows), overwrite=True, quality=88)


def write_animation(model: AdaINModel, height: int = 200, width: int = 300) -> None:
    """Write a pan over a photo and back, next to its result in a varying mix of two styles."""
    styles = [model.encode_style(style(name)) for name in ("van-gogh-starry-night", "mosaic")]
    # Slower at both ends.
    shares = [(1 - math.cos(2 * math.pi * number / _FRAMES)) / 2 for number in range(_FRAMES)]
    pool, frames = TemporalPool("ema"), []
    for share, frame in zip(shares, views(shares, 2 * height, 2 * width), strict=True):
        mixed = Style.mix(styles, [1 - share, share])
        result = model.stylize(frame, mixed, smoothing=pool)
        pair = join_rows([[crop(each, height, width) for each in (frame, result)]])
        frames.append(Image.fromarray((pair[0].movedim(0, -1) * 255).byte().numpy()))
    frames[0].save(
        IMAGES / "video.webp",
        save_all=True,
        append_images=frames[1:],
        duration=125,
        loop=0,
        quality=50,
        method=6,
    )


def strokes(model: AdaINModel) -> list[Tensor]:
    """Return part of a photo of 2 megapixels, in one pass and with strokes of three sizes."""
    photo = resize_shortest_side(load_image(SAMPLES / "content" / "castle.jpg"), 1152)
    part = (..., slice(0, 720), slice(220, 1180))
    cells = []
    for size in (SINGLE_PASS, *STROKE_SIZES):
        result = model.stylize(photo, style("van-gogh-starry-night"), stroke_size=size)
        cells.append(cell(result[part], size))
    return cells


def main() -> None:
    """Write all images, stylized at twice their size in the README."""
    model = AdaINModel.from_pretrained()
    names = ["van-gogh-starry-night", "van-gogh-night-cafe", "mosaic", "engraving"]

    sheet = [
        "sheet",
        str(SAMPLES / "content" / "kingfisher.jpg"),
        "--style",
        str(SAMPLES / "style"),
    ]
    adain([*sheet, "-o", str(IMAGES / "sheet.jpg"), "--overwrite"])

    top = [torch.ones(1, 3, 240, 320), *(cell(style(name)) for name in names)]
    photos = [content(name, 480, 640) for name in ("castle", "astronaut", "red-panda")]
    stylized = [
        [cell(photo), *(cell(model.stylize(photo, style(name))) for name in names)]
        for photo in photos
    ]
    write_rows("grid", [top, *stylized])
    write_rows("strokes", [strokes(model)])

    photo, artwork = content("castle", 480, 640), style("van-gogh-starry-night")
    alphas = (0.0, 0.25, 0.5, 0.75, 1.0)
    faded = [
        cell(model.stylize(photo, artwork, alpha=a, content_residual=True), f"alpha {a:g}")
        for a in alphas
    ]
    write_rows("alpha", [faded])

    photo, pair = (
        content("great-wall", 480, 640),
        [style("van-gogh-langlois-bridge"), style("mosaic")],
    )
    shares = ((1, 0), (3, 1), (1, 1), (1, 3), (0, 1))
    mixes = [cell(model.stylize(photo, pair, weights=w), f"weights {w[0]} {w[1]}") for w in shares]
    write_rows("mix", [mixes])

    photo = content("kingfisher", 480, 640)
    ramp = torch.linspace(-2, 3, photo.shape[3]).clamp(0, 1).expand(photo.shape[2], -1)
    pair = [style("van-gogh-cafe-terrace"), style("engraving")]
    masked = [
        cell(photo, "photo"),
        cell((1 - ramp).expand(1, 3, -1, -1), "mask of the first style"),
        cell(model.stylize(photo, pair, masks=[1 - ramp, ramp]), "two styles, two masks"),
        cell(model.stylize(photo, pair[:1], masks=[1 - ramp]), "one style, rest untouched"),
    ]
    write_rows("masks", [masked])

    photo, artwork = content("coffee", 480, 560), style("van-gogh-asylum-hall")
    kept = [
        cell(photo, "photo", 280),
        cell(model.stylize(photo, artwork), "style's colors", 280),
        *(
            cell(model.stylize(photo, artwork, preserve_color=method), method, 280)
            for method in METHODS
        ),
    ]
    write_rows("color", [kept])

    write_animation(model)


if __name__ == "__main__":
    main()
