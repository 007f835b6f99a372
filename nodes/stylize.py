"""Style Transfer (AdaIN): everything in one node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from ..adain_core.stylizer import Stylizer
from . import host
from .batches import common_count, parts, repeat
from .images import from_image, to_image
from .inputs import (
    ALPHA,
    CATEGORY,
    CONTENT_RESIDUAL,
    FEATHER,
    HIDDEN,
    MASK,
    OPTIONAL_MODEL,
    PHOTO_SHARE,
    PRESERVE_COLOR,
    REGION_STATISTICS,
    STROKE_SIZE,
    STYLE,
    STYLE_SIZE,
    TEMPORAL,
    TEMPORAL_LENGTH,
    TILE,
    WEIGHT,
    ChecksBeforeRun,
    advanced,
)
from .layers import as_layers
from .library import model_or_default
from .request import NUMBERS, Request


class AdaINStylize(ChecksBeforeRun):
    """Content images and styles to stylized images."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Stylizes images with one artwork or several. Connect an image and a style, and run. A "
        "batch can be the frames of a video; for long clips use Style Transfer Video "
        "(AdaIN), which never holds all frames in memory."
    )
    SEARCH_ALIASES = (
        "style transfer",
        "neural style",
        "artistic style",
        "stylize image",
        "painting",
        "paint",
        "artwork",
        "photo to painting",
        "art filter",
        "van gogh",
    )
    RETURN_TYPES = ("IMAGE", "LAYERS")
    RETURN_NAMES = ("image", "layers")
    OUTPUT_TOOLTIPS = (
        "The stylized images, at the size of the content.",
        "The first result over its photo, as two layers for Create Layered Image (not in older "
        "versions of ComfyUI). With masks, the upper layer is transparent where no style "
        "applies.",
    )
    FUNCTION = "stylize"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        # Saved workflows hold widget values by position: new ones go to the end.
        sockets: dict[str, Any] = {"model": OPTIONAL_MODEL, "mask_1": MASK}
        for number in NUMBERS[1:]:
            sockets[f"style_{number}"] = STYLE
            sockets[f"mask_{number}"] = MASK
        return {
            "required": {
                "content": (
                    "IMAGE",
                    {"tooltip": "The image to stylize, or a batch: photos, video frames."},
                ),
                "style_1": STYLE,
                "alpha": ALPHA,
            },
            "optional": {
                **sockets,
                "preserve_color": PRESERVE_COLOR,
                "style_size": advanced(STYLE_SIZE),
                **{f"weight_{number}": advanced(WEIGHT) for number in NUMBERS},
                "feather": advanced(FEATHER),
                "region_statistics": advanced(REGION_STATISTICS),
                "tile": advanced(TILE),
                "temporal": advanced(TEMPORAL),
                "temporal_length": advanced(TEMPORAL_LENGTH),
                "content_residual": advanced(CONTENT_RESIDUAL),
                "stroke_size": STROKE_SIZE,
                "photo_share": advanced(PHOTO_SHARE),
            },
            "hidden": HIDDEN,
        }

    def stylize(
        self, content: Tensor, model: host.ManagedModel | None = None, **inputs: Any
    ) -> tuple[Tensor, dict[str, Any]]:
        """Run the node."""
        images = from_image(content, "content")
        request = Request.read(self, inputs)
        count = common_count({"content": len(images), **request.changing, **request.mask_counts})
        model = model_or_default(model)
        request.check_model(model)
        progress = host.Progress(request.artworks + count)
        size = (images.shape[2], images.shape[3])
        request = request.encode(model, size, progress)
        network, pool = model.load(*size), request.pool()

        def stylized() -> Iterator[Tensor]:
            for part in parts(count, size):
                stylizer = Stylizer(network, request.build(part), pool)
                with progress.work(part.stop - part.start) as tiles:
                    photos = repeat(images, part)
                    yield stylizer(photos, progress=tiles, watch=progress.watch)

        image = to_image(stylized(), count)
        photo = images[:1].movedim(1, -1).to(image.device)
        return (image, as_layers(photo, image[:1], request.covered(size)))
