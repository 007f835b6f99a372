"""AdaIN Alpha Keyframes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from torch import Tensor

from ..adain_core.fusion import check_alpha
from .inputs import CATEGORY

# A slip of the finger, which would make a list that fills the memory, lies beyond.
_LAST_FRAME = 99_999
_KEYFRAME = re.compile(r"\s*(\d+)\s*:\s*(\d*\.?\d+)\s*")


class AdaINAlphaKeyframes:
    """Alphas of frames."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "How much style each frame gets: a style that fades in or out over a video, or over copies "
        "of one picture. Connect it to alpha of AdaIN Stylize, AdaIN Blend or Masked AdaIN. Or to "
        "weight_2, and rest to weight_1: then the first style turns into the second."
    )
    SEARCH_ALIASES = ("alpha schedule", "fade style", "morph style", "animate style", "keyframes")
    RETURN_TYPES = ("FLOAT", "FLOAT")
    RETURN_NAMES = ("alpha", "rest")
    OUTPUT_TOOLTIPS = (
        "A list with one alpha for each frame, for alpha or a weight of the other AdaIN nodes.",
        "What each alpha leaves of 1, for the weight of the style that goes while another comes.",
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
                        "tooltip": "Frame number from 0, colon, alpha from 0 to 1; one below the "
                        "other, or with commas between. In between alpha changes evenly; before "
                        "the first keyframe and after the last it stays as there.",
                    },
                ),
            },
            "optional": {
                "images": (
                    "IMAGE",
                    {
                        "tooltip": "The frames; only their number counts. Not connected: as many "
                        "as lead up to the last keyframe, and one picture as content gives so many."
                    },
                ),
            },
        }

    def interpolate(
        self, keyframes: str, images: Tensor | None = None
    ) -> tuple[list[float], list[float]]:
        """Run the node."""
        points = _read(keyframes)
        count = max(points) + 1 if images is None else len(images)
        frames = sorted(points)
        alphas = np.interp(np.arange(count), frames, [points[frame] for frame in frames])
        return (alphas.tolist(), (1 - alphas).tolist())


def _read(text: str) -> dict[int, float]:
    """Alpha by frame."""
    points: dict[int, float] = {}
    for part in filter(str.strip, re.split(r"[,;\n]", text)):
        match = _KEYFRAME.fullmatch(part)
        if match is None:
            raise ValueError(
                f"keyframes: {part.strip()!r} is no keyframe; expected frame: alpha, such as "
                "0: 0, 23: 1"
            )
        frame, alpha = int(match[1]), float(match[2])
        check_alpha(alpha)
        if frame > _LAST_FRAME:
            raise ValueError(f"keyframes: frames are numbered up to {_LAST_FRAME}, got {frame}")
        if frame in points:
            raise ValueError(f"keyframes: frame {frame} is there twice; remove one")
        points[frame] = alpha
    if not points:
        raise ValueError("keyframes: expected at least one, such as 0: 0, 23: 1, got none")
    return points
