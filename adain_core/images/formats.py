"""Which image files are read and written, by their suffixes."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import ImageFileError

_OUTPUT_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
# Pixels of a side, beyond which an encoder fails.
LARGEST_SIDES = {"JPEG": 65_500, "WEBP": 16_383}
# HEIC is what phones save: Pillow reads it with a plugin, and without one says what to do.
HEIC_SUFFIXES = frozenset({".heic", ".heif"})
INPUT_SUFFIXES = frozenset(
    {
        *_OUTPUT_FORMATS,
        *HEIC_SUFFIXES,
        *(".apng", ".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".mpo"),
        *(".pbm", ".pgm", ".pnm", ".ppm", ".tga"),
    }
)


def check_output_suffix(path: str | os.PathLike[str]) -> str:
    """Return the Pillow format that a path's suffix stands for, such as ``"PNG"``.

    Raises:
        ValueError: a suffix that cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _OUTPUT_FORMATS:
        got = f"got {suffix!r}" if suffix else "got none"
        raise ValueError(
            f"cannot write {path}: expected a file name ending in "
            f"{', '.join(_OUTPUT_FORMATS)}; {got}"
        )
    return _OUTPUT_FORMATS[suffix]


def check_output_size(path: str | os.PathLike[str], size: tuple[int, int]) -> None:
    """Refuse a picture that is too large for the format of a path's suffix.

    Args:
        path: the file to write.
        size: height and width, pixels.

    Raises:
        ImageFileError: the format has no pictures of this size.
        ValueError: a suffix that cannot be written.
    """
    file_format = check_output_suffix(path)
    largest = LARGEST_SIDES.get(file_format)
    if largest is not None and max(size) > largest:
        raise ImageFileError(
            f"cannot write {path}: {file_format} has at most {largest} pixels a side, got "
            f"{size[1]}x{size[0]}; write .png or .tif"
        )
