"""Files, folders and patterns as lists of image files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from ..errors import ImageFileError, ImageFileWarning, reason
from .formats import INPUT_SUFFIXES, is_address


def list_images(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    also: Sequence[str] = (),
) -> list[Path]:
    """Expand files, folders and glob patterns into image files, in order, without duplicates.

    Args:
        paths: image files (kept even if missing: reading reports that), folders (their image
            files by suffix, sorted by name, not those of subfolders; hidden files are skipped),
            and patterns such as ``photos/*.jpg``, for shells that do not expand them.
        also: suffixes of other files that count, such as ``.safetensors``.

    Raises:
        ImageFileError: a folder or a pattern without image files, or one that cannot be read.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    found: dict[Path, Path] = {}
    for path in paths:
        if not os.fspath(path):  # as a Path it would be the current folder
            raise ImageFileError("expected a file, a folder or a pattern, got an empty path")
        try:
            for file in _expand(Path(path), {*INPUT_SUFFIXES, *also}):
                found.setdefault(file.absolute(), file)
        except OSError as error:  # no permission, or a name that is too long
            raise ImageFileError(f"cannot read {path}: {reason(error)}") from None
    return list(found.values())


def list_image_tree(
    folder: str | os.PathLike[str], but: Iterable[str | os.PathLike[str]] = ()
) -> list[Path]:
    """Return the image files of a folder and of all folders below it, sorted.

    Links to folders are followed, each folder once. Hidden files and folders are left out, and
    folders that cannot be read, with an ``ImageFileWarning``.

    Args:
        folder: the folder.
        but: folders below it that are left out.

    Raises:
        ImageFileError: there are no image files, or the folder cannot be read.
    """
    found: list[Path] = []
    failed: list[OSError] = []
    seen = {os.path.realpath(each) for each in but}
    for name, folders, files in os.walk(folder, onerror=failed.append, followlinks=True):
        real = os.path.realpath(name)
        if real in seen:  # a loop of links, or a second path to the same images
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(each for each in folders if each[0] != ".")
        found += (
            Path(name, file)
            for file in files
            if Path(file).suffix.lower() in INPUT_SUFFIXES and file[0] != "."
        )
    if not found:
        why = f": {failed[0].filename}: {reason(failed[0])}" if failed else ""
        raise ImageFileError(f"found no image files in the folder {folder}{why}")
    for error in failed:
        message = f"{error.filename}: skipped, because it cannot be read: {reason(error)}"
        warnings.warn(message, ImageFileWarning, stacklevel=2)
    return sorted(found)


def _expand(path: Path, suffixes: Container[str]) -> list[Path]:
    if path.is_dir():
        kind, candidates = "folder", path.iterdir()
    elif not path.exists() and not is_address(path) and any(sign in str(path) for sign in "*?["):
        # Path.glob takes no absolute pattern: search from the root or the current folder.
        start = Path(path.anchor or ".")
        kind, candidates = "pattern", start.glob(str(path.relative_to(path.anchor)))
    else:
        return [path]
    files = sorted(
        file
        for file in candidates
        if file.suffix.lower() in suffixes and file.name[0] != "." and file.is_file()
    )
    if not files:
        raise ImageFileError(f"found no image files in the {kind} {path}")
    return files
