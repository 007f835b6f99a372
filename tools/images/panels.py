"""Panels of the images: the samples, cropped and labeled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from adain_core import load_image
from adain_core.images.sheets import add_label
from adain_core.pixels import resize_shortest_side

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
IMAGES = ROOT / "docs" / "images"


def content(name: str, height: int = 240, width: int = 320) -> Tensor:
    """Return a sample photo, resized and cropped around its center."""
    return crop(load_image(SAMPLES / "content" / f"{name}.jpg"), height, width)


def style(name: str) -> Tensor:
    """Return a sample artwork."""
    return load_image(SAMPLES / "style" / f"{name}.jpg")


def crop(image: Tensor, height: int, width: int) -> Tensor:
    """Return an image, resized and cropped around its center."""
    size = max(
        -(-min(image.shape[2:]) * height // image.shape[2]),
        -(-min(image.shape[2:]) * width // image.shape[3]),
    )
    image = resize_shortest_side(image, size + 1)
    top, left = (image.shape[2] - height) // 2, (image.shape[3] - width) // 2
    return image[:, :, top : top + height, left : left + width]


def cell(image: Tensor, text: str = "", width: int = 320) -> Tensor:
    """Return an image at the size in the README, with a label below it if there is one."""
    small = crop(image, 240, width)
    return add_label(small, text) if text else small


def views(shares: Sequence[float], height: int, width: int) -> list[Tensor]:
    """Return views of the castle, from its sky (0) to its trees (1), ``(1, 3, H, W)`` each."""
    photo = load_image(SAMPLES / "content" / "castle.jpg")
    photo = resize_shortest_side(photo, 2 * height)
    down, right = photo.shape[2] - height, photo.shape[3] - width
    corners = [(round(share * down), round(share * right)) for share in shares]
    return [photo[:, :, top : top + height, left : left + width] for top, left in corners]
