"""Load AdaIN Sample Image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from ..adain_core.images import list_images, read_image
from .images import to_image
from .inputs import CATEGORY

_FOLDER = Path(__file__).resolve().parent.parent / "samples"


def _samples() -> dict[str, Path]:
    """The pictures by the names of the combo, such as ``content/castle.jpg``."""
    return {
        f"{kind}/{path.name}": path
        for kind in ("content", "style")
        for path in list_images(_FOLDER / kind)
    }


class AdaINSampleImage:
    """A picture of the pack's own."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Loads one of the free photos and artworks that come with the pack, for trying it out; "
        "the example workflows use them. For your own pictures use Load Image."
    )
    SEARCH_ALIASES = ("example image", "sample picture", "test image", "demo image")
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("image",)
    OUTPUT_TOOLTIPS = ("The picture.",)
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "picture": (
                    list(_samples()),
                    {
                        "tooltip": "A photo (content/…) or an artwork (style/…). All are in the "
                        "public domain or CC0; the pack's samples/README.md says where they come "
                        "from."
                    },
                ),
            }
        }

    def load(self, picture: str) -> tuple[Tensor]:
        """Run the node."""
        samples = _samples()
        if picture not in samples:
            raise ValueError(
                f"picture: there is no sample {picture!r}; the samples are {', '.join(samples)}"
            )
        return (to_image([read_image(samples[picture]).pixels], 1),)
