"""Make the model card's images: ``python tools/images/model_card.py OFFICIAL BEFORE``.

They compare the bundled model with the official one (OFFICIAL, from ``adain weights download
vgg19``) and with an earlier version (BEFORE). Run it again when the weights change.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import torch
from panels import SAMPLES, content, crop, style
from torch import Tensor

from adain_core import AdaINModel, load_image, save_image
from adain_core.choices import DEFAULT_MODEL, SINGLE_PASS
from adain_core.images.sheets import add_label, join_rows
from adain_core.pixels import resize_shortest_side
from adain_core.weights import shipped_folder

SIDE = 200
STYLES = (
    "van-gogh-starry-night",
    "van-gogh-night-cafe",
    "mosaic",
    "engraving",  # line art
    "leonardo-mona-lisa",  # dark, few colors
)
PHOTOS = ("castle", "astronaut", "coffee")


@dataclass(frozen=True)
class Place:
    """A close-up: its photo, artwork, and top and left as shares of the height and width."""

    photo: str
    artwork: str
    top: float
    left: float


PLACES = (
    Place("castle", "van-gogh-starry-night", 0.02, 0.1),  # regular cells in a sky
    Place("castle", "van-gogh-night-cafe", 0.05, 0.1),  # halos at towers
    Place("coffee", "mosaic", 0.3, 0.35),  # a halo at a rim
    Place("astronaut", "engraving", 0.05, 0.3),  # line art on a face
    Place("astronaut", "mosaic", 0.05, 0.3),  # a face in stones
)


def beside(ours: AdaINModel, official: AdaINModel) -> Tensor:
    """Return photos at 512 pixels in each style, results of the official model above ours."""
    blank = torch.ones(1, 3, SIDE, SIDE)
    rows = [[blank, *(crop(style(name), SIDE, SIDE) for name in STYLES)]]
    for name in PHOTOS:
        photo = content(name, 512, 512)
        for model in (official, ours):
            results = [model.stylize(photo, style(art), stroke_size=SINGLE_PASS) for art in STYLES]
            first = crop(photo, SIDE, SIDE) if model is official else blank
            rows.append([first, *(crop(image, SIDE, SIDE) for image in results)])
    return join_rows(rows)


def close(ours: AdaINModel, official: AdaINModel, before: AdaINModel) -> Tensor:
    """Return parts of photos of 1024 pixels on the shortest side, not resized."""
    rows = []
    for place in PLACES:
        photo = resize_shortest_side(load_image(SAMPLES / "content" / f"{place.photo}.jpg"), 1024)
        y, x = round(place.top * photo.shape[2]), round(place.left * photo.shape[3])
        art = style(place.artwork)
        versions = {
            f"photo ({place.artwork})": photo,
            "official": official.stylize(photo, art, stroke_size=SINGLE_PASS),
            "before": before.stylize(photo, art, stroke_size=SINGLE_PASS),
            "now, one pass": ours.stylize(photo, art, stroke_size=SINGLE_PASS),
            "now, coarse to fine": ours.stylize(photo, art),
        }
        rows.append(
            [
                add_label(each[:, :, y : y + 240, x : x + 240], text)
                for text, each in versions.items()
            ]
        )
    return join_rows(rows)


def main() -> None:
    """Write both images."""
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    official, before = (AdaINModel.from_pretrained(path) for path in sys.argv[1:])
    ours = AdaINModel.from_pretrained()
    for name, image in (
        ("grid", beside(ours, official)),
        ("close", close(ours, official, before)),
    ):
        path = shipped_folder() / f"{DEFAULT_MODEL}-{name}.jpg"
        save_image(path, image, overwrite=True, quality=85)


if __name__ == "__main__":
    main()
