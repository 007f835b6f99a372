"""EXIF: the tags that are copied into a new file."""

from __future__ import annotations

from typing import Any

import PIL.Image
from PIL import ExifTags

# Tags that describe the image, not its storage; a TIFF file mixes both.
_TAGS = {
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Rating,
    ExifTags.Base.Copyright,
    ExifTags.Base.XPTitle,
    ExifTags.Base.XPComment,
    ExifTags.Base.XPAuthor,
    ExifTags.Base.XPKeywords,
    ExifTags.Base.XPSubject,
    ExifTags.IFD.Exif,
    ExifTags.IFD.GPSInfo,
}


def select_exif(source: PIL.Image.Exif) -> bytes | None:
    """Return the tags that describe the image as a new block; ``None`` if there are none.

    Orientation and thumbnail are left out: the pixels are already rotated, and the image differs.
    """
    kept = PIL.Image.Exif()
    kept.endian = source.endian
    for tag in (tag for tag in _TAGS if tag in source):
        if isinstance(tag, ExifTags.IFD):
            # The interoperability block is an offset into the old file.
            block = source.get_ifd(tag)
            kept[tag] = {key: _raw(block[key]) for key in block if key != ExifTags.IFD.Interop}
        else:
            kept[tag] = _raw(source[tag])
    return kept.tobytes() if len(kept) else None


def parse_exif(block: bytes) -> PIL.Image.Exif:
    """Return the tags of a block, with text as bytes."""
    tags = PIL.Image.Exif()
    tags.load(block)
    for tag, value in list(tags.items()):
        tags[tag] = _raw(value)
    return tags


def _raw(value: Any) -> Any:
    """Return text as the bytes that it is in the file.

    Pillow reads it as Latin-1, whatever it is (mostly UTF-8), and writes question marks for all
    that is not ASCII.
    """
    return value.encode("latin-1") if isinstance(value, str) and not value.isascii() else value
