"""Inputs that several nodes declare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..adain_core.choices import TEMPORAL_MODES, describe
from ..adain_core.transfer import check_alpha

CATEGORY = "AdaIN"

MODEL = ("ADAIN_MODEL", {"tooltip": "The model, from Load AdaIN Model."})

FEATURES = (
    "ADAIN_FEATURES",
    {"tooltip": "The encoded picture, from AdaIN Encode Content or another AdaIN node."},
)

ALPHA = (
    "FLOAT",
    {
        "default": 1.0,
        "min": 0.0,
        "max": 1.0,
        "step": 0.01,
        "display": "slider",
        "tooltip": "How much style: 0 keeps the content, 1 gives the full style. AdaIN Alpha "
        "Keyframes gives each frame its own.",
    },
)
# Where the content comes encoded, and so goes through the decoder in any case.
DECODED_ALPHA = (
    ALPHA[0],
    {
        **ALPHA[1],
        "tooltip": "How much style: 0 gives what the decoder makes of the content, 1 gives the "
        "full style. AdaIN Alpha Keyframes gives each frame its own.",
    },
)

WEIGHT = (
    "FLOAT",
    {
        "default": 1.0,
        "min": 0.0,
        "max": 1.0,
        "step": 0.01,
        "display": "slider",
        "tooltip": "This style's share of the mix. Only the ratio of the weights counts: they are "
        "divided by their sum. AdaIN Alpha Keyframes gives each frame its own.",
    },
)

STYLE_SIZE = (
    "INT",
    {
        "default": 512,
        "min": 0,
        "max": 4096,
        "step": 32,
        "tooltip": "The style picture's shorter side is resized to this many pixels before "
        "encoding, smaller ones are enlarged. Larger gives larger, smaller gives finer strokes. 0 "
        "leaves the picture as it is.",
    },
)

# Of the tooltips of masks that place styles. A painted mask of Load Image's needs no inverting.
CUT_OUT = (
    "The mask that Load Image gives for a cut-out (a picture with a transparent background) is "
    "white around the subject: Invert Mask makes it that of the subject."
)

FEATHER = (
    "INT",
    {
        "default": 0,
        "min": 0,
        "max": 256,
        "step": 1,
        "display": "slider",
        "tooltip": "Softens the masks' edges over this many pixels of the content to both sides, "
        "so that regions flow into each other.",
    },
)

REGION_STATISTICS = (
    "BOOLEAN",
    {
        "default": True,
        "label_on": "per region",
        "label_off": "whole",
        "tooltip": "Which of the content's statistics the style replaces: those inside each "
        "region (the usual choice: a region gets its full style, whatever lies around it) or "
        "those of the whole picture (regions keep their contrast to each other).",
    },
)

TILE = (
    "INT",
    {
        "default": 0,
        "min": 0,
        "max": 8192,
        "step": 64,
        "tooltip": "Large pictures are worked on in tiles of this many pixels (64 or more), which "
        "bounds the memory and changes nothing in the picture. 0 takes what fits into the free "
        "memory.",
    },
)

CONTENT_RESIDUAL = (
    "BOOLEAN",
    {
        "default": False,
        "tooltip": "For alpha below 1: adds the detail that the decoder loses of the content, the "
        "more the smaller alpha is. Then the picture goes over into the content; off, it jumps to "
        "it at 0.",
    },
)

TEMPORAL = (
    list(TEMPORAL_MODES),
    {
        "default": "frame",
        "tooltip": "For the frames of a video, whose colors flicker when each is normalized by "
        f"itself. {describe(TEMPORAL_MODES)} All but frame start anew at scene cuts.",
    },
)

TEMPORAL_LENGTH = (
    "INT",
    {
        "default": 8,
        "min": 1,
        "max": 240,
        "step": 1,
        "tooltip": "How many frames temporal remembers. More is calmer and follows changes of "
        "light more slowly.",
    },
)


def picture_alphas(alpha: float | Sequence[float]) -> list[float]:
    """Alphas of pictures, one for all or one for each: a widget's, or AdaIN Alpha Keyframes' list.

    Raises:
        ValueError: one outside 0..1, or none.
    """
    alphas = _numbers(alpha, "alpha")
    for each in alphas:
        check_alpha(each)
    return alphas


def picture_weights(
    weights: Sequence[float | Sequence[float]], connected: Iterable[int]
) -> dict[str, list[float]]:
    """Likewise the weights of styles, by the names of their inputs.

    Args:
        weights: all, from ``weight_1`` on.
        connected: the numbers of the styles that count.

    Raises:
        ValueError: an empty list.
    """
    names = {f"weight_{number}": weights[number - 1] for number in connected}
    return {name: _numbers(weight, name) for name, weight in names.items()}


def _numbers(value: float | Sequence[float], name: str) -> list[float]:
    numbers: list[float] = np.ravel(np.asarray(value, dtype=float)).tolist()
    if not numbers:
        raise ValueError(f"{name}: expected one for each picture, got an empty list")
    return numbers


def check_limits(name: str, value: int, declared: tuple[str, dict[str, Any]]) -> None:
    """Refuse a number that comes through a wire, which the host lets pass whatever its limits.

    Args:
        name: of the input.
        value: of it.
        declared: the input's declaration.

    Raises:
        ValueError: it is outside.
    """
    lowest, highest = declared[1]["min"], declared[1]["max"]
    if not lowest <= value <= highest:
        raise ValueError(f"{name} must lie in {lowest}..{highest}, got {value}")
