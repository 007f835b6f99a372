"""AdaIN Color Preserve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ..adain_core.choices import COLOR_METHODS, describe
from ..adain_core.color.methods import transfer_color, visible_colors
from ..adain_core.pixels import resize
from . import host
from .batches import common_count, single, take
from .images import from_image, to_image
from .inputs import CATEGORY


class AdaINColorPreserve:
    """One image in the colors of another."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Gives an image the colors of another one. To keep the colors of a photo, recolor the "
        "style image with the photo's colors before encoding it, or the decoded result with "
        "the method luminance."
    )
    SEARCH_ALIASES = ("color transfer", "color match", "coral", "histogram matching", "preserve")
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("image",)
    OUTPUT_TOOLTIPS = ("The recolored images.",)
    FUNCTION = "recolor"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": (
                    "IMAGE",
                    {"tooltip": "The image to recolor: a style image, or a decoded result."},
                ),
                "color_reference": (
                    "IMAGE",
                    {
                        "tooltip": "The image whose colors are used, usually the content. It "
                        "is resized to the size of the other image first."
                    },
                ),
                "method": (
                    list(COLOR_METHODS),
                    {
                        "default": "coral",
                        "tooltip": describe(COLOR_METHODS),
                    },
                ),
                "strength": (
                    "FLOAT",
                    {
                        "default": 1.0,
                        "min": 0.0,
                        "max": 1.0,
                        "step": 0.01,
                        "display": "slider",
                        "tooltip": "0 keeps the colors of the image, 1 gives those of the "
                        "reference.",
                    },
                ),
            }
        }

    def recolor(
        self, image: Tensor, color_reference: Tensor, method: str, strength: float
    ) -> tuple[Tensor]:
        """Run the node."""
        images = from_image(image, "image")
        references = from_image(color_reference, "color_reference")
        count = common_count({"image": len(images), "color_reference": len(references)})
        progress = host.Progress(count)

        def recolored() -> Iterator[Tensor]:
            for part in map(single, range(count)):
                with progress.work():
                    image, reference = take(images, part), take(references, part)
                    yield recolor_image(image, reference, method, strength)

        return (to_image(recolored(), count),)


def recolor_image(image: Tensor, reference: Tensor, method: str, strength: float) -> Tensor:
    """Recolor one image and keep its alpha channel; gray becomes RGB."""
    device = host.compute_device()
    image, reference = _rgb(image).to(device), _rgb(reference)
    size = (image.shape[2], image.shape[3])
    if tuple(reference.shape[2:]) != size:
        # luminance needs equal sizes, and coral scales contrast by the ratio of the sizes. Resized
        # before it moves to the device: the result is smaller.
        reference = resize(reference, size)
    reference = reference.to(device)
    if method == "luminance":  # pixel by pixel
        colors, reference = image[:, :3], reference[:, :3]
    else:
        colors, reference = visible_colors(image), visible_colors(reference)
    recolored = transfer_color(colors, reference, method, strength)
    if image.shape[1] == 4:  # transparent pixels stay: later nodes may drop the alpha channel
        recolored = torch.where(image[:, 3:] > 0, recolored, image[:, :3])
    return torch.cat([recolored, image[:, 3:]], dim=1)


def _rgb(image: Tensor) -> Tensor:
    return image.expand(-1, 3, -1, -1) if image.shape[1] == 1 else image
