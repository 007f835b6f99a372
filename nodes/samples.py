"""Load AdaIN Sample Image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..adain_core.images import list_images, load_image
from ..adain_core.pixels import resize_shortest_side
from . import host
from .images import to_image
from .inputs import CATEGORY

_FOLDER = Path(__file__).resolve().parent.parent / "samples"
# The sample video: a camera that moves over a photo, from the sky down to the trees.
_VIDEO = "video/castle"
_VIDEO_PHOTO = _FOLDER / "content" / "castle.jpg"
_VIDEO_FRAMES, _VIDEO_SIZE = 24, (256, 384)


def _samples() -> dict[str, Path]:
    """Return the sample images by name, such as ``content/castle.jpg``."""
    return {
        f"{kind}/{path.name}": path
        for kind in ("content", "style", "mask")
        for path in list_images(_FOLDER / kind)
    }


def _frames() -> Iterator[Tensor]:
    """Return the frames of the sample video, ``(1, 3, 256, 384)`` each."""
    height, width = _VIDEO_SIZE
    photo = resize_shortest_side(load_image(_VIDEO_PHOTO), 2 * height)
    down, right = photo.shape[2] - height, photo.shape[3] - width
    for number in range(_VIDEO_FRAMES):
        way = number / (_VIDEO_FRAMES - 1)
        top, left = round(way * down), round(way * right)
        yield photo[:, :, top : top + height, left : left + width]


class AdaINSampleImage:
    """A sample image of the pack."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Loads one of the free photos and artworks that come with the pack; the example "
        "workflows use them. For your own images use Load Image."
    )
    SEARCH_ALIASES = ("example image", "sample picture", "test image", "demo image")
    RETURN_TYPES = ("IMAGE", "MASK")
    RETURN_NAMES = ("image", "mask")
    OUTPUT_TOOLTIPS = (
        "The image.",
        "Mask of the photo's subject, in white. For images without a known subject, it is "
        "white everywhere.",
    )
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "picture": (
                    [*_samples(), _VIDEO],
                    {
                        "tooltip": "A photo (content/…), an artwork (style/…), a mask of a "
                        "photo's subject (mask/…), or the frames of a short video (video/…). "
                        "All are in the public domain or CC0; samples/README.md in the "
                        "pack's folder lists the sources."
                    },
                ),
            }
        }

    def load(self, picture: str) -> dict[str, Any]:
        """Run the node."""
        samples = _samples()
        if picture != _VIDEO and picture not in samples:
            names = ", ".join([*samples, _VIDEO])
            raise ValueError(f"picture: there is no sample {picture!r}; the samples are {names}")
        if picture == _VIDEO:
            image = to_image(_frames(), _VIDEO_FRAMES)
        else:
            image = to_image([load_image(samples[picture])], 1)
        subject = _FOLDER / "mask" / f"{Path(picture).stem}.png"
        if picture != _VIDEO and subject.is_file():
            mask = load_image(subject)[:, 0].to(image.device)
        else:
            mask = torch.ones_like(image[:1, ..., 0])
        return {"ui": host.shown(image[:1].movedim(-1, 1)), "result": (image, mask)}
