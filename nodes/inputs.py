"""Inputs that several nodes declare, and their validation."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..adain_core.choices import (
    COLOR_METHODS,
    SINGLE_PASS,
    STROKE_SIZES,
    TEMPORAL_MODES,
    describe,
)
from ..adain_core.engine.tiles import SMALLEST_TILE
from ..adain_core.options import StylizeOptions
from . import host

CATEGORY = "AdaIN"
# Hidden inputs, which the host fills in.
HIDDEN = {"graph": "DYNPROMPT", "node_id": "UNIQUE_ID"}
# Type and options of an input.
Declared = tuple[Any, dict[str, Any]]


def advanced(declared: Declared) -> Declared:
    """Return an input that the page only shows on demand."""
    return (declared[0], {**declared[1], "advanced": True})


OPTIONAL_MODEL: Declared = (
    "ADAIN_MODEL",
    {"tooltip": "The model, from Load AdaIN Model. If not connected, the bundled model is used."},
)

FEATURES: Declared = (
    "ADAIN_FEATURES",
    {"tooltip": "The encoded image, from AdaIN Encode Content or another AdaIN node."},
)

# A saved or mixed style, or simply an artwork.
STYLE: Declared = (
    "IMAGE,ADAIN_STYLE",
    {
        "tooltip": "An artwork, or a style from AdaIN Encode Style, AdaIN Blend or Load AdaIN "
        "Style. A batch of artworks is averaged."
    },
)

ALPHA: Declared = (
    "FLOAT",
    {
        "default": 1.0,
        "min": 0.0,
        "max": 1.0,
        "step": 0.01,
        "display": "slider",
        "display_name": "strength",
        "tooltip": "Style strength: 0 keeps the content, 1 gives the full style. AdaIN Alpha "
        "Keyframes sets it for each frame.",
    },
)
# Where the content comes encoded, and so goes through the decoder in any case.
DECODED_ALPHA: Declared = (
    ALPHA[0],
    {
        **ALPHA[1],
        "tooltip": "Style strength: 0 gives the decoder's reconstruction of the content, 1 the "
        "full style. AdaIN Alpha Keyframes sets it for each frame.",
    },
)

WEIGHT: Declared = (
    "FLOAT",
    {
        "default": 1.0,
        "min": 0.0,
        "max": 1.0,
        "step": 0.01,
        "display": "slider",
        "tooltip": "Weight of this style in the mix. Only the ratio of the weights matters: "
        "they are divided by their sum. AdaIN Alpha Keyframes sets it for each frame.",
    },
)

PRESERVE_COLOR: Declared = (
    ["none", *COLOR_METHODS],
    {
        "default": "none",
        "tooltip": "Keep the colors of the content. none: the colors of the style. "
        f"{describe(COLOR_METHODS)} All except luminance recolor the artwork for each image, "
        "so they need an artwork instead of an encoded style.",
    },
)

STYLE_SIZE: Declared = (
    "INT",
    {
        "default": 512,
        "min": 0,
        "max": 4096,
        "step": 32,
        "tooltip": "The shorter side of the artwork is resized to this many pixels before "
        "encoding. Larger values give larger strokes, smaller values finer ones. 512 keeps "
        "smaller artworks as they are, other values enlarge them; 0 keeps every size.",
    },
)

STROKE_SIZE: Declared = (
    [SINGLE_PASS, *STROKE_SIZES],
    {
        "default": StylizeOptions.stroke_size,
        "tooltip": "Size of the strokes relative to the image. single: one pass at full size, "
        "as in the paper; large photos hardly look painted. fine, medium and coarse: several "
        "passes, from a small size up to the full size. They also give the photo the colors of the "
        "artwork.",
    },
)

PHOTO_SHARE: Declared = (
    "FLOAT",
    {
        "default": StylizeOptions.photo_share,
        "min": 0.0,
        "max": 1.0,
        "step": 0.01,
        "display": "slider",
        "tooltip": "For a stroke_size other than single: how much of the photo the later "
        "passes mix in. Higher values keep more detail, lower values look more painted.",
    },
)

# Of the tooltips of masks that place styles. A painted mask of Load Image's needs no inverting.
CUT_OUT = (
    "The mask of Load Image for a cut-out is white around the subject: put Invert Mask behind it."
)
# Where styles without masks mix.
MASK: Declared = (
    "MASK",
    {
        "tooltip": "Where the style with the same number applies: white is inside, black is "
        "outside. Any size; one mask, or one for each image. Without masks, the styles are "
        "mixed by their weights; with masks, one style without a mask fills the rest. "
        f"{CUT_OUT}"
    },
)

FEATHER: Declared = (
    "INT",
    {
        "default": 0,
        "min": 0,
        "max": 256,
        "step": 1,
        "display": "slider",
        "tooltip": "Softens the edges of the masks by this many pixels of the content on both "
        "sides.",
    },
)

REGION_STATISTICS: Declared = (
    "BOOLEAN",
    {
        "default": True,
        "label_on": "per region",
        "label_off": "whole",
        "tooltip": "Statistics that normalize the content: those of each region (the usual "
        "choice; every region gets its full style) or those of the whole image (preserves "
        "the contrast between regions).",
    },
)

TILE: Declared = (
    "INT",
    {
        "default": 0,
        "min": 0,
        "max": 8192,
        "step": 64,
        "tooltip": "Large images are processed in tiles of this many pixels (64 or more), "
        "which limits memory use and does not change the result. 0 selects a size that fits "
        "into the free memory.",
    },
)

CONTENT_RESIDUAL: Declared = (
    "BOOLEAN",
    {
        "default": False,
        "tooltip": "For alpha below 1: adds back detail that the decoder loses, so that the "
        "result approaches the content smoothly as alpha approaches 0. Off: it jumps to the "
        "content at 0.",
    },
)

TEMPORAL: Declared = (
    list(TEMPORAL_MODES),
    {
        "default": "frame",
        "tooltip": "Reduces flicker in video frames by pooling their statistics. "
        f"{describe(TEMPORAL_MODES)} All except frame reset at scene cuts.",
    },
)

TEMPORAL_LENGTH: Declared = (
    "INT",
    {
        "default": 8,
        "min": 1,
        "max": 240,
        "step": 1,
        "tooltip": "Number of frames that temporal remembers. More is steadier but follows "
        "changes in light more slowly.",
    },
)

# As Create Video has it.
BIT_DEPTH: Declared = (
    "INT",
    {
        "default": 8,
        "min": 8,
        "max": 10,
        "step": 2,
        "tooltip": "Bits per channel of the result. 10 avoids banding in skies and shadows; "
        "some players and browsers support only 8.",
    },
)


def declared_inputs(node: Any) -> dict[str, Declared]:
    """Return type and options of a node's inputs, in order."""
    declared = node.INPUT_TYPES()
    both = {**declared.get("required", {}), **declared.get("optional", {})}
    return {name: (kind, options[0] if options else {}) for name, (kind, *options) in both.items()}


def read_style_size(value: int) -> int | None:
    """Return the library's style size; the default does not enlarge.

    Raises:
        ValueError: it is out of range.
    """
    check_limits("style_size", value, STYLE_SIZE)
    return None if value == STYLE_SIZE[1]["default"] else value


def is_placeholder(mask: Tensor | None, source: str) -> bool:
    """Return whether a mask is the empty one of Load Image for an image without transparency.

    Args:
        mask: the input; ``None`` counts as well.
        source: type of the connected node, from :func:`host.source_type`.
    """
    return mask is None or (source in host.IMAGE_LOADERS and not mask.any())


def check_limits(name: str, value: int, declared: Declared) -> None:
    """Reject a number from a connection outside its limits, which the host does not check.

    Args:
        name: name of the input.
        value: its value.
        declared: its declaration.

    Raises:
        ValueError: outside the limits.
    """
    lowest, highest = declared[1]["min"], declared[1]["max"]
    if not lowest <= value <= highest:
        raise ValueError(f"{name} must lie in {lowest}..{highest}, got {value}")


def check_weights(*weights: float | None) -> bool | str:
    """Return the result of ``VALIDATE_INPUTS`` for weights; connected ones are ``None``."""
    if any(weight is None or weight > 0 for weight in weights):
        return True
    names = ", ".join(f"weight_{number}" for number in range(1, len(weights) + 1))
    return f"{names} are all 0: raise the weight of at least one style"


def check_tile(tile: int | None, otherwise: bool | str = True) -> bool | str:
    """Return the result of ``VALIDATE_INPUTS`` for the tile size; ``None`` if it is connected."""
    lowest, highest = SMALLEST_TILE, TILE[1]["max"]
    if tile is None or tile == 0 or lowest <= tile <= highest:
        return otherwise
    return f"tile must be 0, or {lowest} to {highest} pixels, got {tile}"


class ChecksBeforeRun:
    """Validation of the style transfer nodes before the run."""

    @classmethod
    def VALIDATE_INPUTS(
        cls,
        tile: int | None = None,
        weight_1: float | None = None,
        weight_2: float | None = None,
        weight_3: float | None = None,
        weight_4: float | None = None,
    ) -> bool | str:
        return check_tile(tile, check_weights(weight_1, weight_2, weight_3, weight_4))
