"""What a video is made of: frames, and packets of sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import av
from torch import Tensor

Packet: TypeAlias = "av.Packet[Any]"


@dataclass(frozen=True)
class Frame:
    """A picture of a video.

    Attributes:
        pixels: ``(1, 3, H, W)``, uint8, upright.
        number: from 0, also where the frames before the part that is read are left out.
        pts: its time from the start of the part that is read, by default of the video, its first
            picture or sound, in units of the reader's ``time_base``.
        duration: likewise, up to the next picture or to the end; 0 if that is unknown.
        seconds: its time from the video's first frame.
    """

    pixels: Tensor
    number: int
    pts: int
    duration: int
    seconds: float
