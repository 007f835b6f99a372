"""Masks of a video's frames: still ones, one for each frame, or a video of them."""

from __future__ import annotations

import contextlib
import itertools
import os

import torch
from torch import Tensor

from ..color import luma
from ..errors import VideoFileError
from ..masks import MaskLike, as_mask, feather_mask, resize_mask
from ..pixels import as_float
from .reader import VideoReader


class MaskTrack:
    """A mask for each frame.

    Args:
        mask: ``(H, W)`` for all frames, ``(B, H, W)`` for one each, or a video whose brightness
            counts.
        feather: softness of its edge, pixels of the picture.
        files: closes the video.
    """

    def __init__(
        self, mask: MaskLike | str | os.PathLike[str], feather: int, files: contextlib.ExitStack
    ) -> None:
        self._mask: Tensor | None = None
        self._soft: Tensor | None = None
        self._feather, self._read, self._used = feather, 0, 0
        if isinstance(mask, str | os.PathLike):
            self._name = f"the mask {os.fspath(mask)}"
            frames = files.enter_context(VideoReader(mask))
            self._masks = (luma(as_float(frame.pixels)) for frame in frames)
        else:
            self._name = "a mask"
            self._masks = (part for part in torch.split(as_mask(mask), 1))

    def at(self, number: int, size: tuple[int, int]) -> Tensor:
        """Return the mask of a frame, which comes after the ones before.

        After the last mask that one holds.

        Args:
            number: of the frame.
            size: height and width of its picture.

        Returns:
            ``(1, 1, H, W)`` in 0..1, of any size.

        Raises:
            VideoFileError: the mask has no frames.
        """
        for mask in itertools.islice(self._masks, number + 1 - self._used):
            self._mask, self._soft, self._read = mask, None, self._read + 1
        self._used = number + 1
        if self._mask is None:
            raise VideoFileError(f"cannot read {self._name}: it has no frames")
        if not self._feather:
            return self._mask
        # A still one is softened once, which takes as long as drawing a frame.
        if self._soft is None or tuple(self._soft.shape[2:]) != size:
            self._soft = feather_mask(resize_mask(self._mask, size), self._feather)
        return self._soft

    def notes(self, whole: bool) -> list[str]:
        """Return what is wrong with its length, after the last frame; one frame is a still mask.

        Args:
            whole: whether the video was read to its end.
        """
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
