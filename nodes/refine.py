"""AdaIN Refine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from ..adain_core.methods import DescentOptions, Refiner
from . import host
from .batches import common_count, repeat, single
from .errors import named_errors
from .images import from_image, to_image
from .inputs import (
    ALPHA,
    CATEGORY,
    FEATHER,
    HIDDEN,
    MASK,
    PRESERVE_COLOR,
    REGION_STATISTICS,
    STYLE_SIZE,
    WEIGHT,
    Declared,
    advanced,
    check_limits,
    check_weights,
)
from .library import VGG19, load_loss_network
from .request import NUMBERS, Request

_ARTWORK: Declared = (
    "IMAGE",
    {
        "tooltip": "The artwork that the image was stylized with, as connected there. An "
        "encoded style is not enough: it contains no image."
    },
)
_STEPS: Declared = (
    "INT",
    {
        "default": 50,
        "min": 1,
        "max": 1000,
        "step": 1,
        "tooltip": "Maximum number of optimization steps; it stops early when little is "
        "gained. 50 make a visible difference. A step takes about as long as 20 passes "
        "of adain-slim.",
    },
)
# Of the last twenty steps' gain, below which there is little more to gain.
_TOLERANCE = 1e-3


class AdaINRefine:
    """Stylized images, closer to their artworks."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Brings a result of Style Transfer (AdaIN) closer to the artwork by optimization. "
        "Connect the result, and the content, styles, masks and settings that it was made "
        f"with. Needs the official model of the paper, {VGG19}."
    )
    SEARCH_ALIASES = ("refine", "optimization", "optimize", "gatys", "iterate")
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("image",)
    OUTPUT_TOOLTIPS = ("The refined images; their loss is at most that of the given ones.",)
    FUNCTION = "refine"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        sockets: dict[str, Any] = {"mask_1": MASK}
        for number in NUMBERS[1:]:
            sockets[f"style_{number}"] = _ARTWORK
            sockets[f"mask_{number}"] = MASK
        return {
            "required": {
                "image": ("IMAGE", {"tooltip": "The stylized image, at the size of the content."}),
                "content": ("IMAGE", {"tooltip": "The content of the stylized image."}),
                "style_1": _ARTWORK,
                "steps": _STEPS,
                "alpha": ALPHA,
            },
            "optional": {
                "model": (
                    "ADAIN_MODEL",
                    {
                        "tooltip": "The model whose encoder computes the losses, from Load "
                        f"AdaIN Model: {VGG19}, or another one with its widths. If not "
                        f"connected, {VGG19} from ComfyUI's models/adain is used."
                    },
                ),
                **sockets,
                "preserve_color": PRESERVE_COLOR,
                "style_size": advanced(STYLE_SIZE),
                **{f"weight_{number}": advanced(WEIGHT) for number in NUMBERS},
                "feather": advanced(FEATHER),
                "region_statistics": advanced(REGION_STATISTICS),
            },
            "hidden": HIDDEN,
        }

    @classmethod
    def VALIDATE_INPUTS(
        cls,
        weight_1: float | None = None,
        weight_2: float | None = None,
        weight_3: float | None = None,
        weight_4: float | None = None,
    ) -> bool | str:
        return check_weights(weight_1, weight_2, weight_3, weight_4)

    def refine(
        self,
        image: Tensor,
        content: Tensor,
        steps: int,
        model: host.ManagedModel | None = None,
        **inputs: Any,
    ) -> tuple[Tensor]:
        """Run the node."""
        check_limits("steps", steps, _STEPS)
        images, photos = from_image(image, "image"), from_image(content, "content")
        if images.shape[2:] != photos.shape[2:]:
            sizes = [f"{each.shape[3]}x{each.shape[2]}" for each in (images, photos)]
            raise ValueError(
                f"image is {sizes[0]} and content {sizes[1]}: connect the photo that image was "
                "made from, at its size"
            )
        request = Request.read(self, inputs)
        counts = {"image": len(images), "content": len(photos)}
        count = common_count({**counts, **request.changing, **request.mask_counts})
        vgg = load_loss_network(model, *photos.shape[2:])
        how, progress = DescentOptions(steps, tolerance=_TOLERANCE), host.Progress(count)

        def refine() -> Iterator[Tensor]:
            for part in map(single, range(count)):
                refiner = Refiner(vgg, request.build(part), how)
                with progress.work() as tiles:
                    yield refiner(
                        repeat(images, part),
                        repeat(photos, part),
                        progress=tiles,
                        watch=lambda step: progress.watch(step.image),
                    )

        with named_errors(request.names):
            return (to_image(refine(), count),)
