"""Draw the model card's pictures: ``python tools/pictures/model_card.py OFFICIAL.safetensors``.

The argument is the official model (``adain weights download vgg19``), which the shipped one is
shown beside. Run it again when its weights change.
"""

from __future__ import annotations

import sys

import torch
from panels import SAMPLES, content, crop, style
from torch import Tensor

from adain_core import AdaINModel, load_image, save_image
from adain_core.choices import DEFAULT_MODEL
from adain_core.pixels import resize_shortest_side
from adain_core.sheets import join_rows, labelled
from adain_core.weights import shipped_folder

SIDE = 200
STYLES = (
    "van-gogh-starry-night",
    "van-gogh-night-cafe",
    "mosaic",
    "engraving",  # line art
    "leonardo-mona-lisa",  # dark, few colours
)
PHOTOS = ("castle", "astronaut", "coffee")
# Photo, artwork, and the close-up's top and left as shares of the picture's height and width.
PLACES = (
    ("castle", "van-gogh-starry-night", 0.02, 0.1),
    ("castle", "van-gogh-night-cafe", 0.3, 0.45),
    ("astronaut", "leonardo-mona-lisa", 0.05, 0.3),
    ("astronaut", "engraving", 0.05, 0.3),
    ("coffee", "mosaic", 0.3, 0.35),
)


def beside(ours: AdaINModel, official: AdaINModel) -> Tensor:
    """Photos at 512 pixels in each style, the official model's picture above ours."""
    blank = torch.ones(1, 3, SIDE, SIDE)
    rows = [[blank, *(crop(style(name), SIDE, SIDE) for name in STYLES)]]
    for name in PHOTOS:
        photo = content(name, 512, 512)
        for model in (official, ours):
            drawn = [model.stylize(photo, style(art)) for art in STYLES]
            first = crop(photo, SIDE, SIDE) if model is official else blank
            rows.append([first, *(crop(picture, SIDE, SIDE) for picture in drawn)])
    return join_rows(rows)


def close(ours: AdaINModel, official: AdaINModel) -> Tensor:
    """Parts, pixel by pixel, of photos whose shortest side is 1024 pixels."""
    rows = []
    for name, artwork, top, left in PLACES:
        folder = SAMPLES / "content"
        photo = resize_shortest_side(load_image(folder / f"{name}.jpg"), 1024)
        y, x = round(top * photo.shape[2]), round(left * photo.shape[3])
        art = style(artwork)
        drawn = {
            f"photo ({artwork})": photo,
            **{f"alpha {alpha:g}": ours.stylize(photo, art, alpha=alpha) for alpha in (0.3, 0.6)},
            "alpha 1": ours.stylize(photo, art),
            "official, alpha 1": official.stylize(photo, art),
        }
        rows.append(
            [labelled(image[:, :, y : y + 240, x : x + 240], text) for text, image in drawn.items()]
        )
    return join_rows(rows)


def main() -> None:
    """Draw both."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    official = AdaINModel.from_pretrained(sys.argv[1])
    ours = AdaINModel.from_pretrained()
    for name, draw in (("grid", beside), ("close", close)):
        path = shipped_folder() / f"{DEFAULT_MODEL}-{name}.jpg"
        save_image(path, draw(ours, official), overwrite=True, quality=85)


if __name__ == "__main__":
    main()
