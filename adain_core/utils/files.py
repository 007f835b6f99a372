"""Writing files so that neither an interruption nor a power cut leaves half of one."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from ..errors import require_path

TENSORS_SUFFIX = ".safetensors"


def check_tensors_suffix(path: str | os.PathLike[str]) -> None:
    """Check the name of a model or style file: files of another name are not found again.

    Raises:
        ValueError: another suffix.
        TypeError: no path.
    """
    require_path(path)
    if Path(path).suffix != TENSORS_SUFFIX:
        raise ValueError(f"cannot write {path}: expected a file name ending in {TENSORS_SUFFIX}")


@contextlib.contextmanager
def replace_atomically(path: Path, overwrite: bool = True) -> Iterator[Path]:
    """Yield a name beside ``path`` to write to; at the end that file takes ``path``'s place.

    After an error or an interruption the new file is gone and ``path`` is as it was. The new file
    is on the disk before the old one goes. Writing to a symbolic link replaces what it points to.

    Args:
        path: the file.
        overwrite: replace an existing file; if not, one that appears while this one is written
            stays, too, where the file system can see to that.

    Raises:
        FileExistsError: the file exists and is not to be replaced.
        OSError: it cannot be written.
    """
    # A loop of links and a name that is too long are refused before any work.
    with contextlib.suppress(FileNotFoundError):
        path.stat()
        if not overwrite:
            raise FileExistsError(f"{path} exists")
    target = path.resolve()
    # Not tempfile: its files are readable by their owner only, and stay so.
    temporary = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        _flush(temporary)
        if overwrite:
            temporary.replace(target)
        else:
            _move_to_free_name(temporary, target)
        _flush_folder(target.parent)
    finally:
        with contextlib.suppress(OSError):  # gone already, or never made
            temporary.unlink()


def _move_to_free_name(file: Path, target: Path) -> None:
    """Give a file another name, unless that is taken: one step, and no time for others between."""
    if os.name != "nt":  # there renaming itself refuses names that are taken
        try:
            os.link(file, target)
            return
        except FileExistsError:
            raise FileExistsError(f"{target} exists") from None
        except OSError:  # a file system without hard links
            if target.exists():
                raise FileExistsError(f"{target} exists") from None
    file.rename(target)


def _flush(file: Path) -> None:
    """Have the system write a file to the disk: after a power cut a new name may hold nothing."""
    number = os.open(file, os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _flush_folder(folder: Path) -> None:
    """Have the system write a folder's names to the disk, where it can."""
    with contextlib.suppress(OSError):  # Windows, and some network drives
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def real_path(path: str | os.PathLike[str]) -> Path:
    """Return an absolute path without links, which a loop of links keeps.

    ``Path.resolve`` raises a ``RuntimeError`` for that.
    """
    return Path(os.path.realpath(path))
