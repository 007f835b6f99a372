"""AdaIN Encode Content and AdaIN Encode Style."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..adain_core import Features, Style
from ..adain_core.pixels import resize_shortest_side
from . import host
from .images import common_count, from_image, from_mask, is_no_mask, join_features, take
from .inputs import CATEGORY, MODEL, STYLE_SIZE, check_limits


class AdaINEncodeContent:
    """Pictures to features."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Encodes the picture that is to be drawn in a style. Encode once, then try styles with "
        "AdaIN Blend or Masked AdaIN and see them with AdaIN Decode."
    )
    SEARCH_ALIASES = ("style transfer", "adain content", "encode photo", "vgg features")
    RETURN_TYPES = ("ADAIN_FEATURES",)
    RETURN_NAMES = ("features",)
    OUTPUT_TOOLTIPS = ("The encoded pictures, for AdaIN Blend, Masked AdaIN or AdaIN Decode.",)
    FUNCTION = "encode"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "model": MODEL,
                "image": (
                    "IMAGE",
                    {"tooltip": "The picture, or a batch: photos, video frames. Any size."},
                ),
            }
        }

    def encode(self, model: host.ManagedModel, image: Tensor) -> tuple[Features]:
        """Run the node."""
        pictures = from_image(image, "image")
        network = model.load(*pictures.shape[2:])
        progress = host.Progress(len(pictures))
        encoded = (network.encode(picture[None], progress=progress.tile) for picture in pictures)
        return (join_features(encoded, progress),)


class AdaINEncodeStyle:
    """Artworks to a style."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Takes the style out of an artwork: two small lists of numbers that AdaIN Blend and Masked "
        "AdaIN give to a content, and that can be saved and mixed. Transparent pixels of a picture "
        "with an alpha channel do not count; pictures from Load Image have none, see mask."
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
                "model": MODEL,
                "image": (
                    "IMAGE",
                    {"tooltip": "The artwork. A batch is averaged into one style."},
                ),
                "style_size": STYLE_SIZE,
            },
            "optional": {
                "mask": (
                    "MASK",
                    {
                        "tooltip": "Which part of the artwork counts: white does, black does not. "
                        "The empty mask that Load Image gives for a picture without transparency "
                        "means all of it. Load Image splits transparency off, and its mask is "
                        "white where the picture is transparent: connect both to Join Image with "
                        "Alpha and that to image, or put Invert Mask before this input."
                    },
                ),
            },
        }

    def encode(
        self, model: host.ManagedModel, image: Tensor, style_size: int, mask: Tensor | None = None
    ) -> tuple[Style]:
        """Run the node."""
        check_limits("style_size", style_size, STYLE_SIZE)
        pictures = from_image(image, "image")
        masks = None if is_no_mask(mask) else from_mask(mask, "mask")
        counts = {"image": len(pictures)} | ({} if masks is None else {"mask": len(masks)})
        progress = host.Progress(common_count(counts))
        return (encode_style(model, pictures, style_size, progress, masks),)


def encode_style(
    model: host.ManagedModel,
    pictures: Tensor,
    size: int,
    progress: host.Progress,
    masks: Tensor | None = None,
) -> Style:
    """One style of all pictures ``(B, C, H, W)``, each resized to ``size``."""
    styles = []
    for number in range(max(len(pictures), 0 if masks is None else len(masks))):
        picture = take(pictures, number)
        picture = resize_shortest_side(picture, size) if size else picture
        network = model.load(*picture.shape[2:])
        part = None if masks is None else take(masks, number)
        styles.append(network.encode_style(picture, mask=part, size=0, progress=progress.tile))
        progress.picture()
    return Style.mix(styles)
