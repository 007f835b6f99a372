"""File names: for FFmpeg, of unfinished outputs, and checks that no input is overwritten."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import VideoFileError
from ..utils.files import real_path
from .sequence import NUMBER, numbered_names

# FFmpeg's protocols without ``://`` that count as addresses; other names may contain colons.
_PROTOCOLS = ("file:", "pipe:", "fd:", "data:", "concat:", "subfile,")


def file_url(path: str | os.PathLike[str]) -> str:
    """Return a file name for FFmpeg, which would read ``12:30.mp4`` as a protocol named 12.

    An address is unchanged.
    """
    return os.fspath(path) if is_address(path) else f"file:{os.fspath(path)}"


def is_address(path: str | os.PathLike[str]) -> bool:
    """Return whether FFmpeg reads this through a protocol; a ``Path`` never is an address."""
    return isinstance(path, str) and ("://" in path or path.startswith(_PROTOCOLS))


def partial_file(output: Path) -> Path:
    """Return the name of an unfinished output."""
    return output.with_stem(f"{output.stem}.partial")


def resumed_file(output: Path) -> Path:
    """Return the name of an unfinished output that still copies frames of an earlier run."""
    return output.with_stem(f"{output.stem}.resumed")


def state_file(output: Path) -> Path:
    """Return the name of the state file of an unfinished output, which resuming needs."""
    stem = NUMBER.sub("", output.stem) or "images"
    return output.with_name(f"{stem}.partial.resume")


def delete_partial(output: Path) -> None:
    """Delete the partial result of an output, if there is one."""
    for file in (partial_file(output), resumed_file(output), state_file(output)):
        with contextlib.suppress(OSError):
            file.unlink()


def refuse_inputs(inputs: Iterable[str | os.PathLike[str]], output: str | os.PathLike[str]) -> None:
    """Check that an output, a file or numbered images, does not replace an input.

    Raises:
        VideoFileError: it would replace or remove an input.
    """
    for file in inputs:
        if _is_written(Path(file), Path(output)):
            raise VideoFileError(f"cannot write {output}: {file} is an input; choose another name")


def same_file(one: Path, other: Path) -> bool:
    """Return whether two names refer to the same existing file."""
    try:
        return one.samefile(other)
    except OSError:  # also for an address (``data:…``) that is too long for a name
        return False


def _is_written(file: Path, output: Path) -> bool:
    if any(
        real_path(file) == real_path(written) or same_file(file, written)
        for written in (output, partial_file(output), resumed_file(output))
    ):
        return True
    names = numbered_names(output)
    return any(
        real_path(each.parent) == real_path(output.parent) and names.fullmatch(each.name)
        for each in (file, real_path(file))
    )
