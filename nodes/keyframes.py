"""AdaIN Alpha Keyframes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .inputs import CATEGORY, check_limits

_FRAMES = (
    "INT",
    {
        "default": 0,
        "min": 0,
        "max": 100_000,
        "step": 1,
        "tooltip": "Number of frames, if images is not connected (a video has no images to "
        "connect). 0: up to the last keyframe.",
    },
)

# Larger numbers are typing errors, whose lists would fill the memory.
_LAST_FRAME = 99_999
_KEYFRAME = re.compile(r"\s*(?:(\d+)|(\d*\.?\d+)\s*%)\s*:\s*(\d*\.?\d+)\s*")
# Progress of alpha between two keyframes, by the share of the time.
_EASINGS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "linear": lambda share: share,
    "ease_in": lambda share: share**2,
    "ease_out": lambda share: 1 - (1 - share) ** 2,
    "ease_in_out": lambda share: share**2 * (3 - 2 * share),
    "hold": np.floor,
}


class AdaINAlphaKeyframes:
    """Alphas of frames."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Sets the style strength of each frame: a style fades in or out over a video, or over "
        "copies of one image. Connect alpha to alpha of Style Transfer (AdaIN), AdaIN Blend "
        "or Masked AdaIN. To turn one style into another, connect alpha to weight_2 and rest "
        "to weight_1."
    )
    SEARCH_ALIASES = ("alpha schedule", "fade style", "morph style", "animate style", "keyframes")
    RETURN_TYPES = ("FLOAT", "FLOAT")
    RETURN_NAMES = ("alpha", "rest")
    OUTPUT_TOOLTIPS = (
        "A list with the alpha of each frame, for alpha or a weight of the other AdaIN nodes.",
        "1 minus each alpha, for the weight of the style that fades out while another fades in.",
    )
    FUNCTION = "interpolate"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "keyframes": (
                    "STRING",
                    {
                        "default": "0: 0\n23: 1",
                        "multiline": True,
                        "tooltip": "Frame number from 0, or percentage, then a colon and alpha "
                        "from 0 to 1: 0: 0, 23: 1 or 0%: 0, 100%: 1. Separate keyframes by "
                        "lines or commas. Before the first and after the last keyframe, "
                        "alpha is constant.",
                    },
                ),
            },
            "optional": {
                "images": (
                    "IMAGE",
                    {
                        "tooltip": "The frames; only their number matters. If not connected, "
                        "frames sets it, and a single content image gives that many results."
                    },
                ),
                "frames": _FRAMES,
                "easing": (
                    list(_EASINGS),
                    {
                        "default": "linear",
                        "tooltip": "Interpolation between keyframes. linear: at constant "
                        "speed. ease_in: slow at first. ease_out: slow at the end. "
                        "ease_in_out: both. hold: constant, with a jump at the next keyframe.",
                    },
                ),
            },
        }

    def interpolate(
        self,
        keyframes: str,
        images: Tensor | None = None,
        frames: int = 0,
        easing: str = "linear",
    ) -> tuple[list[float], list[float]]:
        """Run the node."""
        check_limits("frames", frames, _FRAMES)
        points = _read(keyframes, frames if images is None else len(images))
        count = (frames if images is None else len(images)) or int(max(points)) + 1
        moments = np.array(sorted(points))
        values = np.array([points[moment] for moment in moments])
        # Position of each frame in units of keyframes.
        passed = np.interp(np.arange(count), moments, np.arange(len(moments)))
        whole = np.floor(passed)
        alphas = np.interp(
            whole + _EASINGS[easing](passed - whole), np.arange(len(moments)), values
        )
        return (alphas.tolist(), (1 - alphas).tolist())


def _read(text: str, count: int) -> dict[float, float]:
    """Return alpha by frame.

    Args:
        text: the keyframes.
        count: number of frames; 0: unknown.

    Raises:
        ValueError: no keyframes, or an invalid one.
    """
    points: dict[float, float] = {}
    # Input methods of Japanese and Chinese give full-width digits and signs.
    plain = unicodedata.normalize("NFKC", text)
    for part in filter(str.strip, re.split(r"[,;、\n]", plain)):
        match = _KEYFRAME.fullmatch(part)
        if match is None:
            raise ValueError(
                f"keyframes: {part.strip()!r} is no keyframe; expected frame: alpha, such as "
                "0: 0, 23: 1, or percent: alpha, such as 0%: 0, 100%: 1"
            )
        number, percent, alpha = match[1], match[2], float(match[3])
        if alpha > 1:
            raise ValueError(
                f"keyframes: alpha must lie in 0..1, got {alpha:g} at {part.strip()!r}"
            )
        moment = float(number) if percent is None else _moment(float(percent), count)
        if moment > _LAST_FRAME:
            raise ValueError(f"keyframes: frames are numbered up to {_LAST_FRAME}, got {number}")
        # In a short clip, two percentages can mean one frame: the later one counts.
        if moment in points and percent is None:
            raise ValueError(f"keyframes: frame {moment:g} is there twice; remove one")
        points[moment] = alpha
    if not points:
        raise ValueError("keyframes: expected at least one, such as 0: 0, 23: 1, got none")
    return points


def _moment(percent: float, count: int) -> float:
    if percent > 100:
        raise ValueError(f"keyframes: percents go up to 100, got {percent:g}%")
    if not count:
        raise ValueError(
            "keyframes: percents need the number of frames; connect images, or set frames"
        )
    return percent / 100 * (count - 1)
