"""An image with what its file says about it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ImageFile:
    """An image with what its file says about it.

    Attributes:
        pixels: ``(1, 3, H, W)``, or ``(1, 4, H, W)`` where the file has transparency; sRGB, float32
            in 0..1, or uint8 where that was asked for.
        icc_profile: the file's RGB color profile, if it has one. The pixels are in sRGB all the
            same; a file that is written gets the profile and colors in its terms.
        exif: the file's EXIF block without orientation (the pixels are already turned) and
            thumbnail.
    """

    pixels: Tensor
    icc_profile: bytes | None = None
    exif: bytes | None = None
