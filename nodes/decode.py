"""AdaIN Decode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from ..adain_core import Features
from . import host
from .batches import parts, take_features
from .errors import check_encoder
from .images import to_image
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
        return {"required": {"features": FEATURES}, "optional": {"model": OPTIONAL_MODEL}}

    def decode(self, features: Features, model: host.ManagedModel | None = None) -> tuple[Tensor]:
        """Run the node."""
        model = model_or_default(model)
        check_encoder(model.model, features, "features")
        network = model.load(*features.size)
        count = len(features.tensor)
        progress = host.Progress(count)

        def decoded() -> Iterator[Tensor]:
            for part in parts(count, features.size):
                with progress.work(part.stop - part.start) as tiles:
                    yield network.decode(take_features(features, part), progress=tiles)

        return (to_image(decoded(), count),)
