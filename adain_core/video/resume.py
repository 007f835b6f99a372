"""Checkpoints of a video: a digest of its arguments, and states of the pool, for resuming."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import VideoFileError, WeightsError
from ..style import Style
from ..stylizer import Stylizer
from ..utils.serialization import read_tensors, write_tensors
from .formats import Encoding
from .keyframes import Keyframes
from .reader import VideoReader
from .sequence import make_folder

_KIND = "adain-video-state"
# Encoders buffer fewer frames than this, so older states are no longer needed.
_FRAMES_HELD_BACK = 300

State = Mapping[str, Tensor]


class Checkpoints:
    """States of the pool at keyframes, in a file next to the unfinished video.

    Args:
        path: the file; ``None`` for a video that cannot be resumed.
        request: digest from :func:`describe_request`.
        overwrite: whether the finished video replaces an existing one.
        states: states by the number of frames before them; ``None`` for a new run.

    Attributes:
        are_loaded: whether the states come from a run to resume.
    """

    def __init__(
        self,
        path: Path | None,
        request: str,
        overwrite: bool = False,
        states: Mapping[int, State] | None = None,
    ) -> None:
        self.overwrite, self.are_loaded = overwrite, states is not None
        self._path, self._request, self._states = path, request, dict(states or {})

    @classmethod
    def load(cls, path: Path, request: str) -> Checkpoints:
        """Read the file.

        Raises:
            VideoFileError: it is damaged, or belongs to another request.
        """
        try:
            tensors, metadata = read_tensors(path, _KIND)
            states: dict[int, dict[str, Tensor]] = {
                int(frames): {} for frames in metadata["frames"].split()
            }
            for key, tensor in tensors.items():
                frames, _, name = key.partition("/")
                states[int(frames)][name] = tensor
        except (WeightsError, KeyError, ValueError) as error:
            raise VideoFileError(
                f"cannot resume: {path} does not say where the earlier run stopped ({error}); "
                "choose another name, or allow replacing what exists",
                "replace",
            ) from None
        if metadata.get("request") != request:
            raise VideoFileError(
                f"cannot resume: according to {path} the earlier run had another model, video or "
                "other options; use the same ones, choose another name, or allow replacing what "
                "exists",
                "replace",
            )
        return cls(path, request, metadata.get("overwrite") == "yes", states)

    def last(self, usable: Callable[[int], bool]) -> tuple[int, State]:
        """Return the latest usable state, and the number of frames before it.

        Args:
            usable: returns whether so many frames exist.

        Returns:
            Number and state; 0 and an empty state if there is none.
        """
        for frames in sorted(self._states, reverse=True):
            if usable(frames):
                return frames, self._states[frames]
        return 0, {}

    def add(self, frames: int, state: State) -> None:
        """Write a state, and delete old ones.

        Args:
            frames: number of frames before it.
            state: state of the pool.

        Raises:
            VideoFileError: the file cannot be written.
        """
        if self._path is None:
            return
        self._states[frames] = state
        self._states = {
            count: each
            for count, each in self._states.items()
            if count > frames - _FRAMES_HELD_BACK
        }
        tensors = {
            f"{count}/{name}": tensor
            for count, each in self._states.items()
            for name, tensor in each.items()
        }
        metadata = {
            "request": self._request,
            "frames": " ".join(map(str, self._states)),
            "overwrite": "yes" if self.overwrite else "no",
        }
        make_folder(self._path.parent)
        try:
            write_tensors(self._path, _KIND, tensors, metadata)
        except WeightsError as error:
            raise VideoFileError(str(error)) from error

    def delete(self) -> None:
        """Delete the file."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def describe_request(
    stylizer: Stylizer,
    reader: VideoReader,
    encoding: Encoding,
    schedule: Keyframes | None,
) -> str:
    """Return a digest of everything that determines the frames."""
    model, pool = stylizer.model, stylizer.smoothing
    weights = (model.name, model.networks.fingerprint, str(model.networks.dtype))
    request = replace(stylizer.options, tile=None)  # does not change the result
    digest = hashlib.sha256()
    _update(digest, (weights, pool and (pool.mode, pool.length), request))
    keyframes = None if schedule is None else schedule.keyframes
    _update(digest, (reader.path.absolute(), reader.part, encoding, keyframes))
    return digest.hexdigest()


def _update(digest: Any, value: Any) -> None:
    """Add a value to a digest: tensors and arrays by their values, files by name, size and time."""
    if isinstance(value, Style):
        value = tuple(value.tensors.values())
    if isinstance(value, Tensor):
        value = value.detach().cpu().reshape(-1).view(torch.uint8).numpy()
    if isinstance(value, np.ndarray):
        digest.update(repr((value.shape, str(value.dtype))).encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, list | tuple):
        digest.update(f"[{len(value)}".encode())
        for each in value:
            _update(digest, each)
    elif is_dataclass(value):
        digest.update(type(value).__name__.encode())
        for field in fields(value):
            _update(digest, getattr(value, field.name))
    elif isinstance(value, str | os.PathLike):
        digest.update(os.fsencode(value) + b"\0")
        with contextlib.suppress(OSError, ValueError):
            status = Path(value).stat()
            digest.update(repr((status.st_size, status.st_mtime_ns)).encode())
    else:
        digest.update(repr(value).encode() + b"\0")
