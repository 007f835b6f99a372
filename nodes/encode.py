"""AdaIN Encode Content and AdaIN Encode Style."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from ..adain_core import Features, Style
from . import host
from .batches import common_count, join_features, parts, repeat
from .images import from_image, from_mask
from .inputs import (
    CATEGORY,
    HIDDEN,
    OPTIONAL_MODEL,
    PHOTO_SHARE,
    STYLE_SIZE,
    is_placeholder,
    read_style_size,
)
from .library import model_or_default


class AdaINEncodeContent:
    """Images to features."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Encodes the image to stylize. Encode once, then try styles with AdaIN Blend or Masked "
        "AdaIN, and see the results with AdaIN Decode."
    )
    SEARCH_ALIASES = ("style transfer", "adain content", "encode photo", "vgg features")
    RETURN_TYPES = ("ADAIN_FEATURES",)
    RETURN_NAMES = ("features",)
    OUTPUT_TOOLTIPS = ("The encoded images, for AdaIN Blend, Masked AdaIN or AdaIN Decode.",)
    FUNCTION = "encode"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": (
                    "IMAGE",
                    {"tooltip": "The image, or a batch: photos, video frames. Any size."},
                ),
            },
            "optional": {
                "model": OPTIONAL_MODEL,
                "underpainting": (
                    "IMAGE",
                    {
                        "tooltip": "A smaller stylized result of the same image, for a second "
                        "pass: its changes are added to the photo before encoding, so that its "
                        "large strokes stay."
                    },
                ),
                "photo_share": (
                    PHOTO_SHARE[0],
                    {
                        **PHOTO_SHARE[1],
                        "tooltip": "How much of the photo is mixed into the underpainting. It "
                        "rises where that covers detail, such as eyes. Higher values keep more "
                        "detail, lower values look more painted.",
                    },
                ),
            },
        }

    def encode(
        self,
        image: Tensor,
        model: host.ManagedModel | None = None,
        underpainting: Tensor | None = None,
        photo_share: float = PHOTO_SHARE[1]["default"],
    ) -> tuple[Features]:
        """Run the node."""
        images, counts = from_image(image, "image"), {"image": len(image)}
        smaller = None
        if underpainting is not None:
            smaller = from_image(underpainting, "underpainting")
            counts["underpainting"] = len(smaller)
        count, size = common_count(counts), (images.shape[2], images.shape[3])
        network = model_or_default(model).load(*size)
        progress = host.Progress(count)

        def encoded() -> Iterator[Features]:
            for part in parts(count, size):
                with progress.work(part.stop - part.start) as tiles:
                    yield network.encode(
                        repeat(images, part),
                        progress=tiles,
                        underpainting=None if smaller is None else repeat(smaller, part),
                        photo_share=photo_share,
                    )

        return (join_features(encoded()),)


class AdaINEncodeStyle:
    """Artworks to a style."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Encodes an artwork as a style: two short lists of numbers, which AdaIN Blend and Masked "
        "AdaIN apply to content, and which can be saved and mixed. Transparent pixels of an image "
        "with an alpha channel do not count; images from Load Image have none, see mask."
    )
    SEARCH_ALIASES = ("style transfer", "adain style", "encode artwork", "reference style")
    RETURN_TYPES = ("ADAIN_STYLE",)
    RETURN_NAMES = ("style",)
    OUTPUT_TOOLTIPS = (
        "The style, for AdaIN Blend, Masked AdaIN, Style Transfer (AdaIN) or saving.",
    )
    FUNCTION = "encode"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": (
                    "IMAGE",
                    {"tooltip": "The artwork. A batch is averaged into one style."},
                ),
                "style_size": STYLE_SIZE,
            },
            "optional": {
                "model": OPTIONAL_MODEL,
                "mask": (
                    "MASK",
                    {
                        "tooltip": "The part of the artwork to encode: white is inside, black is "
                        "outside. The empty mask of Load Image for an image without transparency "
                        "selects all of it. Load Image splits off transparency as a mask, which is "
                        "white where the image is transparent: connect both to Join Image with "
                        "Alpha and its output to image, or put Invert Mask before this input."
                    },
                ),
            },
            "hidden": HIDDEN,
        }

    def encode(
        self,
        image: Tensor,
        style_size: int,
        model: host.ManagedModel | None = None,
        mask: Tensor | None = None,
        graph: Any = None,
        node_id: str | None = None,
    ) -> tuple[Style]:
        """Run the node."""
        size = read_style_size(style_size)
        images, counts = from_image(image, "image"), {"image": len(image)}
        weights = None
        if mask is not None and not is_placeholder(mask, host.source_type(graph, node_id, "mask")):
            weights = from_mask(mask, "mask")
            counts["mask"] = len(weights)
        count = common_count(counts)
        network = model_or_default(model).load(*images.shape[2:])
        with host.Progress(count).work(count) as tiles:
            images = repeat(images, slice(0, count))
            return (network.encode_style(images, weights, size, progress=tiles),)
