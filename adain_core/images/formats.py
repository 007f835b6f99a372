"""Which image files are read and written."""

from __future__ import annotations

import contextlib
import functools
import os
from pathlib import Path

import PIL.Image

from ..errors import ImageFileError, require_path

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
# What is opened, whatever a file is called. Pillow knows more, but some of it starts programs:
# Ghostscript for PostScript, whatever a viewer registered for WMF, GRIB and their like.
_INPUT_FORMATS = (
    *("AVIF", "BMP", "DIB", "GIF", "HEIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "PSD"),
    *("TGA", "TIFF", "WEBP"),
)
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


@functools.cache
def input_formats() -> tuple[str, ...]:
    """Return Pillow's names of the formats that are read, for ``PIL.Image.open``."""
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    PIL.Image.init()  # an older Pillow has fewer formats, and fails for unknown names
    return tuple(name for name in _INPUT_FORMATS if name in PIL.Image.OPEN)


def is_address(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a web address; in a ``Path``, it has a single slash."""
    return os.fspath(path).startswith(("https:/", "http:/"))


def check_output_suffix(path: str | os.PathLike[str]) -> str:
    """Return the Pillow format that a path's suffix stands for, such as ``"PNG"``.

    Raises:
        ValueError: a suffix that cannot be written.
        TypeError: no path.
    """
    require_path(path)
    suffix = Path(path).suffix.lower()
    if suffix not in _OUTPUT_FORMATS:
        got = f"got {suffix!r}" if suffix else "got none"
        raise ValueError(
            f"cannot write {path}: expected a file name ending in "
            f"{', '.join(_OUTPUT_FORMATS)}; {got}"
        )
    return _OUTPUT_FORMATS[suffix]


def check_output_size(path: str | os.PathLike[str], size: tuple[int, int]) -> None:
    """Reject an image that is too large for the format of a path's suffix.

    Args:
        path: the file to write.
        size: height and width, pixels.

    Raises:
        ImageFileError: the image is too large.
        ValueError: a suffix that cannot be written.
    """
    file_format = check_output_suffix(path)
    largest = LARGEST_SIDES.get(file_format)
    if largest is not None and max(size) > largest:
        raise ImageFileError(
            f"cannot write {path}: {file_format} has at most {largest} pixels a side, got "
            f"{size[1]}x{size[0]}; write .png or .tif"
        )
