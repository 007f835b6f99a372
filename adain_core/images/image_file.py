"""``ImageFile``: pixels with the metadata of their file."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ImageFile:
    """Pixels with the metadata of their file.

    Attributes:
        pixels: ``(1, 3, H, W)``, or ``(1, 4, H, W)`` with transparency; sRGB, float32 in 0..1 or
            uint8.
        icc_profile: the RGB color profile of the file, if any. The pixels are sRGB nevertheless;
            writing converts them to the profile and embeds it.
        exif: the EXIF block without thumbnail and orientation, which is already applied.
        dpi: dots per inch of the file, horizontally and vertically, if it states them.
    """

    pixels: Tensor
    icc_profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
