"""The items of a video: frames, and packets of audio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import av
from torch import Tensor

Packet: TypeAlias = "av.Packet[Any]"


@dataclass(frozen=True)
class Frame:
    """A frame of a video.

    Attributes:
        pixels: ``(1, 3, H, W)``, uint8, or float32 in 0..1 from a deep reader; upright.
        number: number in the whole video, from 0, even if only a part of it is read.
        pts: time since the start of the part being read (by default the first frame or audio of the
            video), in units of the reader's ``time_base``.
        duration: time until the next frame or the end, likewise; 0 if unknown.
        seconds: time since the first frame of the video.
    """

    pixels: Tensor
    number: int
    pts: int
    duration: int
    seconds: float
