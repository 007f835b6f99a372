"""Tar files in webdataset layout: an index for reading, and a writer that can resume."""

from __future__ import annotations

import contextlib
import functools
import os
import tarfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ..errors import ImageFileError, reason

SUFFIX = ".tar"
# Indices kept in memory: images of an archive follow each other in a plan.
_INDICES = 16


class Member(NamedTuple):
    """Position of a file's content in an archive, in bytes."""

    offset: int
    size: int


def split_archive(name: str) -> tuple[str, str]:
    """Split a relative path at its archive.

    Args:
        name: such as ``"train/0001.tar/dog.jpg"``; ``"/"`` between its parts.

    Returns:
        The archive and the name in it, ``("train/0001.tar", "dog.jpg")``; of a path without an
        archive ``("", name)``.
    """
    parts = name.split("/")
    for number, part in enumerate(parts[:-1], start=1):
        if part.lower().endswith(SUFFIX):
            return "/".join(parts[:number]), "/".join(parts[number:])
    return "", name


def read_index(path: Path) -> Mapping[str, Member]:
    """Return the files of an archive, in their order.

    Raises:
        ImageFileError: it is missing, damaged, or compressed, so that its middle cannot be read.
    """
    try:
        status = path.stat()
        return _index(path, status.st_mtime_ns, status.st_size)
    except (OSError, tarfile.TarError) as error:
        raise ImageFileError(
            f"cannot read {path}: expected an uncompressed tar file ({reason(error)})"
        ) from None


@functools.lru_cache(_INDICES)
def _index(path: Path, _changed: int, _size: int) -> Mapping[str, Member]:
    with tarfile.open(path, "r:") as archive:
        return {
            entry.name.removeprefix("./"): Member(entry.offset_data, entry.size)
            for entry in archive
            if entry.isfile()
        }


def read_member(path: Path, name: str) -> bytes:
    """Return the content of a file in an archive.

    Raises:
        ImageFileError: there is no such archive or file in it, or it cannot be read.
    """
    member = read_index(path).get(name)
    if member is None:
        raise ImageFileError(f"cannot read {path}/{name}: there is no such file in the archive")
    try:
        with path.open("rb") as file:
            file.seek(member.offset)
            return file.read(member.size)
    except OSError as error:
        raise ImageFileError(f"cannot read {path}/{name}: {reason(error)}") from None


class ArchiveWriter:
    """An archive that is written sample by sample, and can be continued after any interruption.

    It has another name until it is complete. Its bytes depend only on the samples, not on the time,
    the user or the machine.

    Args:
        path: of the complete archive.
        unfinished: of the growing one, on the same disk; what it holds already is kept.
        last_names: the name that ends each sample. What follows the last of these is cut off.
    """

    def __init__(self, path: Path, unfinished: Path, last_names: Collection[str]) -> None:
        self.path, self.unfinished = path, unfinished
        unfinished.touch()
        self.names, end = whole_samples(unfinished, last_names)
        self._file = unfinished.open("r+b")
        self._file.truncate(end)
        self._file.seek(end)

    def add(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Append the files of one sample; the last one must have its ``last_names``' name."""
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            self._file.write(entry.tobuf(tarfile.PAX_FORMAT))
            self._file.write(content + bytes(-len(content) % tarfile.BLOCKSIZE))
            self.names.add(name)
        self._file.flush()

    def finish(self) -> None:
        """Complete the archive and give it its name."""
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))
        self._file.write(bytes(-self._file.tell() % tarfile.RECORDSIZE))
        self._file.flush()
        os.fsync(self._file.fileno())  # a power cut must not empty it later
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.unfinished.replace(self.path)

    def close(self) -> None:
        """Leave it unfinished, to be continued later."""
        self._file.close()


def whole_samples(path: Path, last_names: Collection[str]) -> tuple[set[str], int]:
    """Return the names of all files up to the last whole sample, and the byte where that ends.

    Args:
        path: of an archive, which may be cut off anywhere.
        last_names: the name that ends each sample.
    """
    names: set[str] = set()
    pending: set[str] = set()
    end = 0
    size = path.stat().st_size
    # A header cut in two is no tar file any more, at the start or in the middle.
    with contextlib.suppress(tarfile.TarError), tarfile.open(path, "r:") as archive:
        for entry in archive:
            blocks = -(-entry.size // tarfile.BLOCKSIZE)
            after = entry.offset_data + blocks * tarfile.BLOCKSIZE
            if after > size:
                break
            pending.add(entry.name)
            if entry.name in last_names:
                names |= pending
                pending.clear()
                end = after
    return names, end
