"""EXIF: what of it describes the picture and goes with it into a new file."""

from __future__ import annotations

from typing import Any

import PIL.Image
from PIL import ExifTags

# What EXIF says about the picture rather than about its storage: a TIFF file mixes both.
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
    """Return what EXIF says about the picture as a block of its own; ``None`` if that is nothing.

    Orientation and thumbnail are left out: the pixels are turned, the picture is another.
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
    """Return the tags of a block, with text as the bytes that it is there."""
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
