"""Shapes of frames: upright, with square pixels, all of one size."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from ..pixels import as_uint8, resize
from .color import RgbReader

# Larger aspect ratios of pixels are errors; smaller differences from 1 are invisible.
_LARGEST_ASPECT, _SQUARE = 4, Fraction(1, 100)


class PixelReader:
    """Converts decoded frames to upright RGB with square pixels.

    Args:
        stream: the video stream.
        name: name of the video, for the notes.
        notes: receives a sentence once for each kind of conversion.
        deep: keep more than 8 bits per channel.
    """

    def __init__(
        self, stream: av.VideoStream, name: object, notes: list[str], deep: bool = False
    ) -> None:
        self._aspect: Fraction | None = stream.sample_aspect_ratio
        has_alpha = stream.metadata.get("alpha_mode") == "1"  # FFmpeg does not decode WebM's
        self._rgb = RgbReader(name, notes, has_alpha, deep)
        self._name, self._notes = name, notes
        self._told = False

    def read(self, frame: av.VideoFrame) -> Tensor:
        """Return a frame's pixels, ``(1, 3, H, W)``, uint8, or float32 in 0..1."""
        array = np.ascontiguousarray(upright(self._rgb.read(frame), frame))
        pixels = torch.from_numpy(array).permute(2, 0, 1)[None]
        aspect = self._aspect
        if aspect and frame.rotation % 180:
            aspect = 1 / aspect
        size = (pixels.shape[3], pixels.shape[2])
        square = square_size(size, aspect)
        if square == size:
            return pixels
        if not self._told:
            self._notes.append(
                f"{self._name}: its pixels are not square; frames of {size[0]}x{size[1]} become "
                f"{square[0]}x{square[1]}"
            )
            self._told = True
        return _resize(pixels, (square[1], square[0]))


def upright(array: np.ndarray[Any, Any], frame: av.VideoFrame) -> np.ndarray[Any, Any]:
    """Return ``(H, W, C)`` rotated by quarter turns and mirrored according to the frame's matrix.

    Phones rotate videos with it, and selfie cameras mirror them; PyAV's ``rotation`` ignores
    mirroring.
    """
    try:
        matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV 18 does not know all kinds of FFmpeg 8, such as EXIF
        return np.rot90(array, round(frame.rotation / 90))
    if matrix is None:
        return array
    # Directions of a row (right, down) and of a column (right, down) on the screen.
    right, over, across, down = np.frombuffer(matrix, np.int32)[[0, 1, 3, 4]].tolist()
    if abs(over) > abs(right):
        array, right, down = array.swapaxes(0, 1), across, over
    return array[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1]


def square_size(size: tuple[int, int], aspect: Fraction | None) -> tuple[int, int]:
    """Return the size of a frame with square pixels; no side becomes shorter.

    Args:
        size: width and height.
        aspect: width of a pixel by its height; ``None``: unknown.

    Returns:
        Width and height; even sides stay even.
    """
    if not aspect or abs(aspect - 1) < _SQUARE:
        return size
    if not Fraction(1, _LARGEST_ASPECT) <= aspect <= _LARGEST_ASPECT:
        return size
    width, height = size
    if aspect > 1:
        return _scale(width, aspect), height
    return width, _scale(height, 1 / aspect)


def _scale(length: int, factor: Fraction) -> int:
    step = 1 if length % 2 else 2
    return step * round(length * factor / step)


def fit(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a frame scaled to fit the middle of a black one.

    Args:
        pixels: ``(3, H, W)``, uint8 or float in 0..1.
        size: height and width of the result.
    """
    scale = min(size[0] / pixels.shape[1], size[1] / pixels.shape[2])
    height, width = (
        min(whole, max(1, round(length * scale)))
        for whole, length in zip(size, pixels.shape[1:], strict=True)
    )
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    result = torch.zeros(3, *size, dtype=pixels.dtype, device=pixels.device)
    resized = _resize(pixels[None], (height, width))[0]
    result[:, top : top + height, left : left + width] = resized
    return result


def _resize(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    resized = resize(pixels, size)
    return as_uint8(resized) if pixels.dtype == torch.uint8 else resized
