"""Masks of the frames of a video: a still mask, one for each frame, or a mask video."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator

import torch
from torch import Tensor

from ..errors import ImageFileError, VideoFileError
from ..images import read_mask
from ..masks import MaskLike, as_mask
from ..pixels import as_float, luma
from .animation import is_animated_image
from .reader import VideoReader


class MaskTrack:
    """A mask for each frame.

    Args:
        mask: ``(H, W)`` for all frames, ``(B, H, W)`` with one for each frame, an image file, or a
            video, whose brightness is the mask.
        files: exit stack that closes the video.

    Raises:
        VideoFileError: a file that is neither an image nor a video.
    """

    def __init__(self, mask: MaskLike, files: contextlib.ExitStack) -> None:
        self._mask: Tensor | None = None
        self._read, self._used = 0, 0
        self._selects = False
        self._name = "a mask"
        if isinstance(mask, str | os.PathLike):
            self._name = f"the mask {os.fspath(mask)}"
            self._masks = _read(mask, files)
        else:
            self._masks = iter(torch.split(as_mask(mask), 1))

    def at(self, number: int) -> Tensor:
        """Return the mask of a frame; the last mask also applies to later frames.

        Args:
            number: number of the frame, above that of the previous call.

        Returns:
            ``(1, 1, H, W)`` in 0..1, of any size.

        Raises:
            VideoFileError: the mask has no frames.
        """
        for mask in itertools.islice(self._masks, number + 1 - self._used):
            self._mask, self._read = mask, self._read + 1
            self._selects = self._selects or bool(mask.any())
        self._used = number + 1
        if self._mask is None:
            raise VideoFileError(f"cannot read {self._name}: it has no frames")
        return self._mask

    def notes(self, whole: bool) -> list[str]:
        """Return sentences if the mask selects nothing, or is shorter or longer than the video.

        Call it after the last frame. A single mask always fits.

        Args:
            whole: whether the video was read to its end.
        """
        if not self._selects:
            return [f"{self._name} is black (or transparent) everywhere: its style was not used"]
        if self._read == 1:
            return []
        if self._used > self._read:
            return [
                f"{self._name} has {self._read} frames, the video {self._used}: its last frame was "
                "used for the rest"
            ]
        if whole and next(self._masks, None) is not None:
            return [
                f"{self._name} has more frames than the video's {self._read}: the rest was not used"
            ]
        return []


def _read(path: str | os.PathLike[str], files: contextlib.ExitStack) -> Iterator[Tensor]:
    """Return the masks of an image file or of a video."""
    if not is_animated_image(path):
        with contextlib.suppress(ImageFileError):
            return iter([as_mask(read_mask(path))])
    frames = files.enter_context(VideoReader(path))
    return (luma(as_float(frame.pixels)) for frame in frames)
