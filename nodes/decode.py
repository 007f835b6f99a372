"""AdaIN Decode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from ..adain_core import Features
from . import host
from .batches import common_count, parts, repeat, repeat_features
from .errors import check_encoder
from .images import from_image, to_image
from .inputs import CATEGORY, FEATURES, OPTIONAL_MODEL
from .library import model_or_default


class AdaINDecode:
    """Features to images."""

    CATEGORY = CATEGORY
    DESCRIPTION = "Decodes features to images, at exactly the size of the content."
    SEARCH_ALIASES = ("style transfer", "adain image", "features to image")
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("image",)
    OUTPUT_TOOLTIPS = ("The images, at the size of the content.",)
    FUNCTION = "decode"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        content = (
            "IMAGE",
            {
                "tooltip": "The image that was encoded. If connected, halos around objects are "
                "removed, as in Style Transfer (AdaIN). Connect it where the result becomes an "
                "underpainting."
            },
        )
        return {
            "required": {"features": FEATURES},
            "optional": {"model": OPTIONAL_MODEL, "content": content},
        }

    def decode(
        self,
        features: Features,
        model: host.ManagedModel | None = None,
        content: Tensor | None = None,
    ) -> tuple[Tensor]:
        """Run the node."""
        model = model_or_default(model)
        check_encoder(model.model, features, "features")
        network = model.load(*features.size)
        counts, photos = {"features": len(features.tensor)}, None
        if content is not None:
            photos, counts["content"] = from_image(content, "content"), len(content)
            if photos.shape[2:] != features.size:
                sizes = [f"{size[1]}x{size[0]}" for size in (photos.shape[2:], features.size)]
                raise ValueError(
                    f"content is {sizes[0]} and features are of {sizes[1]}: connect the image that "
                    "was encoded, at its size"
                )
        count = common_count(counts)
        progress = host.Progress(count)

        def decoded() -> Iterator[Tensor]:
            for part in parts(count, features.size):
                with progress.work(part.stop - part.start) as tiles:
                    photo = None if photos is None else repeat(photos, part)
                    taken = repeat_features(features, part)
                    yield network.decode(taken, progress=tiles, content=photo)

        return (to_image(decoded(), count),)
