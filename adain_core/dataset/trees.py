"""Trees of images: folders of any depth, and tar files, which count as folders."""

from __future__ import annotations

import fnmatch
import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import ImageFileError, reason
from ..images import ImageFile, read_resized
from ..images.formats import INPUT_SUFFIXES
from .archives import SUFFIX, read_index, read_member, split_archive

# Folders whose file names are kept in memory: images of a folder follow each other in a plan.
_FOLDERS = 64


@dataclass(frozen=True)
class Folder:
    """A folder, or the inside of an archive.

    Attributes:
        name: relative to the tree, ``"/"`` between its parts; empty for the tree itself.
        images: names of the image files in it, sorted, in an archive in its order.
        others: names of all other files, likewise. A name in an archive can have several parts.
    """

    name: str
    images: tuple[str, ...]
    others: tuple[str, ...]

    def join(self, file: str) -> str:
        """Return a file's path relative to the tree."""
        return f"{self.name}/{file}" if self.name else file


class Tree:
    """Images below a folder, or in a tar file; named by their relative paths.

    Files whose names begin with a dot are ignored.

    Args:
        root: a folder, or an uncompressed tar file.
        exclude: patterns such as ``"*.seg.png"`` or ``"masks/*"`` of relative paths or names; files
            that match count as other files.
        also: suffixes that count as images, such as ``".safetensors"`` for styles.

    Raises:
        ImageFileError: there is no such folder or file.
    """

    def __init__(self, root: Path, exclude: Sequence[str] = (), also: Sequence[str] = ()) -> None:
        self.exclude, self.suffixes = tuple(exclude), {*INPUT_SUFFIXES, *also}
        self._only = ""
        if root.is_file() and root.suffix.lower() == SUFFIX:
            root, self._only = root.parent, root.name
        elif not root.is_dir():
            raise ImageFileError(f"cannot read {root}: expected a folder or a .tar file")
        self.root = root
        self._others = functools.lru_cache(_FOLDERS)(self._list_others)

    def folders(self) -> Iterator[Folder]:
        """Yield all folders that hold files, sorted.

        Raises:
            ImageFileError: a folder or an archive that cannot be read.
        """
        if self._only:
            yield self._archive(self._only)
        else:
            yield from self._walk("", frozenset())

    def load(self, name: str, size: int = 0) -> ImageFile:
        """Read an image, its 8 bits as uint8.

        Args:
            name: its relative path.
            size: resize the shortest side to this many pixels; 0: keep the size.

        Raises:
            ImageFileError: it cannot be read.
        """
        archive, member = split_archive(name)
        data = read_member(self.root / archive, member) if archive else None
        return read_resized(self.root / name, size, data)

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            ImageFileError: it cannot be read.
        """
        archive, member = split_archive(name)
        if archive:
            return read_member(self.root / archive, member)
        try:
            return (self.root / name).read_bytes()
        except OSError as error:
            raise ImageFileError(f"cannot read {self.root / name}: {reason(error)}") from None

    def companions(self, image: str) -> list[tuple[str, str]]:
        """Return the other files that carry an image's name, such as its label.

        Args:
            image: relative path of the image.

        Returns:
            Relative path and suffix of each: ``("dogs/1.seg.png", ".seg.png")`` for
            ``"dogs/1.jpg"``.
        """
        archive, _ = split_archive(image)
        folder = archive or image.rpartition("/")[0]
        stem = image_stem(image)
        return [
            (other, other.removeprefix(stem))
            for other in self._others(folder)
            if other.startswith(f"{stem}.")
        ]

    def _list_others(self, folder: str) -> tuple[str, ...]:
        found = self._archive(folder) if split_archive(f"{folder}/")[0] else self._folder(folder)[0]
        return tuple(found.join(other) for other in found.others)

    def _walk(self, name: str, above: frozenset[object]) -> Iterator[Folder]:
        folder, inner = self._folder(name)
        if folder.images or folder.others:
            yield folder
        status = (self.root / name).stat()
        above |= {(status.st_dev, status.st_ino)}
        for each in inner:
            path = f"{name}/{each}" if name else each
            if each.lower().endswith(SUFFIX):
                yield self._archive(path)
                continue
            status = (self.root / path).stat()
            if (status.st_dev, status.st_ino) not in above:  # a link to a folder around it
                yield from self._walk(path, above)

    def _folder(self, name: str) -> tuple[Folder, list[str]]:
        """Return a folder, and the names of the folders and archives in it."""
        try:
            with os.scandir(self.root / name) as entries:
                kinds = sorted((e.name, e.is_dir()) for e in entries if not e.name.startswith("."))
        except OSError as error:
            raise ImageFileError(f"cannot read {self.root / name}: {reason(error)}") from None
        inner = [each for each, is_folder in kinds if is_folder or each.lower().endswith(SUFFIX)]
        beneath = set(inner)
        return self._sort(name, [each for each, _ in kinds if each not in beneath]), inner

    def _archive(self, name: str) -> Folder:
        index = read_index(self.root / name)
        return self._sort(name, [each for each in index if not Path(each).name.startswith(".")])

    def _sort(self, name: str, files: list[str]) -> Folder:
        images: list[str] = []
        others: list[str] = []
        for file in files:
            path = f"{name}/{file}" if name else file
            (images if self._is_image(path) else others).append(file)
        return Folder(name, tuple(images), tuple(others))

    def _is_image(self, path: str) -> bool:
        file = path.rpartition("/")[2]
        if split_suffix(file)[1].lower() not in self.suffixes:
            return False
        return not any(
            fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(file, pattern)
            for pattern in self.exclude
        )


def image_stem(image: str) -> str:
    """Return an image's path without its suffix; in an archive all from the first dot on.

    webdataset takes what comes before the first dot as a sample's name.
    """
    stem = split_suffix(image)[0]
    if not split_archive(image)[0]:
        return stem
    folder, slash, file = stem.rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0]}"


def split_suffix(path: str) -> tuple[str, str]:
    """Split a relative path before its suffix: ``("dogs/1.seg", ".png")``."""
    suffix = PurePosixPath(path).suffix
    return path.removesuffix(suffix), suffix
