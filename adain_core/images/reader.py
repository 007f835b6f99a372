"""Image files in: any kind and mode as RGB or RGBA tensors, upright."""

from __future__ import annotations

import contextlib
import io
import math
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import PIL.Image
import torch
from PIL import ExifTags, ImageOps
from torch import Tensor

from ..color import luma
from ..errors import ImageFileError, reason
from ..memory import free_host_memory
from ..pixels import as_float, check_finite
from .exif import select_exif
from .formats import HEIC_SUFFIXES, input_formats

# Memory for each pixel while a picture is read, about: Pillow's copy, one that is turned, ours.
_BYTES = {"uint8": 12, "float": 16, "deep": 24}
# A progressive JPEG's coefficients are kept at its full size until it is decoded.
_PROGRESSIVE_BYTES = 6
# Rows that are copied at once.
_BAND = 256


@dataclass(frozen=True)
class ImageFile:
    """An image with what its file says about it.

    Attributes:
        pixels: ``(1, 3, H, W)``, or ``(1, 4, H, W)`` where the file has transparency; float32 in
            0..1, or uint8 where that was asked for.
        icc_profile: the file's RGB color profile, if it has one.
        exif: the file's EXIF block without orientation (the pixels are already turned) and
            thumbnail.
    """

    pixels: Tensor
    icc_profile: bytes | None = None
    exif: bytes | None = None


def load_image(path: str | os.PathLike[str]) -> Tensor:
    """Read the pixels of an image file.

    Args:
        path: the file; of any kind that :func:`read_image_file` reads.

    Returns:
        ``(1, 3, H, W)``, or ``(1, 4, H, W)`` where the file has transparency; float32 in 0..1.

    Raises:
        ImageFileError: as :func:`read_image_file`.

    Example:
        >>> save_image("result.png", model.stylize(load_image("photo.jpg"), "painting.jpg"))
    """
    return read_image_file(path).pixels


def read_mask(path: str | os.PathLike[str]) -> Tensor:
    """Read a mask from an image file: its alpha channel if that says anything, else its brightness.

    Args:
        path: the file.

    Returns:
        ``(H, W)``, float32 in 0..1.

    Raises:
        ImageFileError: as :func:`read_image_file`.
    """
    pixels = read_image_file(path, keep_uint8=True).pixels
    if pixels.shape[1] == 4:
        opacity = as_float(pixels[0, 3])
        if (opacity < 1).any():
            return opacity
    return luma(as_float(pixels[:, :3]))[0, 0]


def read_image_file(
    path: str | os.PathLike[str],
    *,
    keep_uint8: bool = False,
    min_side: int | None = None,
    data: bytes | None = None,
) -> ImageFile:
    """Read an image file of any of the usual formats, as RGB or RGBA, turned upright.

    Gray becomes RGB; palette, 1-bit and CMYK images are converted (CMYK without its profile);
    16-bit gray keeps its precision; float images are clamped to 0..1. Of an animation the first
    frame is read. 16-bit RGB files are read with 8 bits per channel: Pillow has no such mode.

    Args:
        path: the file.
        keep_uint8: leave 8 bits per channel as uint8, which takes a quarter of the memory; more
            bits become float32 in any case.
        min_side: pixels of the shorter side that suffice: a JPEG of twice as many or more is
            decoded at a half, a quarter or an eighth of its size, which takes less time and memory.
        data: the file's content, where it does not lie on a disk under this path but, for example,
            in an archive.

    Returns:
        The pixels, with the ICC profile and the EXIF block for :func:`write_image_file`.

    Raises:
        ImageFileError: the file is missing, not an image, damaged, or too large: beyond twice
            ``PIL.Image.MAX_IMAGE_PIXELS`` (179 million pixels), or more than fits into the free
            memory. That is known before anything is decoded.
    """
    file = Path(path)
    try:
        if data is None and file.is_dir():
            raise IsADirectoryError(0, "it is a folder, an image file is expected")
        # Pillow warns from half of its limit on; photographs of that size are ordinary.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
            source = file if data is None else io.BytesIO(data)
            with PIL.Image.open(source, formats=input_formats()) as image:
                whole = image.size
                if min_side is not None:
                    image.draft(None, (min_side, min_side))
                _check_memory(image, whole, keep_uint8)
                read = from_pillow(image)
    except FileNotFoundError:
        raise ImageFileError(f"cannot read {path}: there is no such file") from None
    except PIL.UnidentifiedImageError:
        advice = ""
        if file.suffix.lower() in HEIC_SUFFIXES:
            advice = "; save it as JPEG or PNG first"
        raise ImageFileError(
            f"cannot read {path}: it is not an image of a known format{advice}"
        ) from None
    except PIL.Image.DecompressionBombError as error:
        raise ImageFileError(
            f"cannot read {path}: it is too large ({error}); scale it down first, or raise "
            "PIL.Image.MAX_IMAGE_PIXELS if you trust the file"
        ) from error
    except Exception as error:  # decoders raise anything from struct.error to SyntaxError
        raise ImageFileError(f"cannot read {path}: {reason(error)}") from error
    # Here Pillow's own copy is gone.
    return read if keep_uint8 else replace(read, pixels=as_float(read.pixels))


def _check_memory(image: PIL.Image.Image, whole: tuple[int, int], keep_uint8: bool) -> None:
    """Raise ``MemoryError`` where an image that is not decoded yet does not fit into memory.

    Args:
        image: at the size that it will be decoded at.
        whole: width and height in the file.
        keep_uint8: whether 8 bits stay 8 bits.
    """
    deep = image.mode.startswith("I") or image.mode == "F"
    need = _BYTES["deep" if deep else "uint8" if keep_uint8 else "float"] * math.prod(image.size)
    if image.info.get("progressive"):
        need += _PROGRESSIVE_BYTES * math.prod(whole)
    free = free_host_memory()
    if free is not None and need > free:
        raise MemoryError(
            f"its {whole[0]}x{whole[1]} pixels take {need / 1e6:,.0f} MB of memory and "
            f"{free / 1e6:,.0f} MB are free; scale the picture down first"
        )


def from_pillow(image: PIL.Image.Image) -> ImageFile:
    """Return a Pillow image as RGB or RGBA, upright: uint8, or float32 of more than 8 bits.

    Raises:
        ValueError: no pixels, or NaN or infinite values.
    """
    if 0 in image.size:
        raise ValueError(f"expected an image with pixels, got one of {image.width}x{image.height}")
    image.load()
    exif = None
    with contextlib.suppress(Exception):  # damaged metadata must not cost the picture
        exif = select_exif(image.getexif())
    with contextlib.suppress(Exception):
        if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # without it that would copy
            image = ImageOps.exif_transpose(image)
    profile = image.info.get("icc_profile")
    # Bytes 16 to 20 name the color space: a gray or CMYK profile is invalid for RGB pixels.
    if not isinstance(profile, bytes) or profile[16:20] != b"RGB ":
        profile = None
    return ImageFile(_pixels(image), profile, exif)


def _pixels(image: PIL.Image.Image) -> Tensor:
    """Return ``(1, 3 | 4, H, W)`` of any mode: uint8, or float32 in 0..1 of more than 8 bits."""
    if image.mode.startswith("I") or image.mode == "F":  # I;16, I;16B, I: 16 bits; F: float
        gray = torch.from_numpy(np.array(image, dtype=np.float32))[None, None]
        check_finite(gray)
        scale = 1 if image.mode == "F" else 65535
        return (gray / scale).clamp_(0, 1).repeat(1, 3, 1, 1)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    converted = image if image.mode == mode else image.convert(mode)
    array = np.empty((image.height, image.width, len(mode)), dtype=np.uint8)
    # In bands: converted at once, an array has another copy of the picture beside it.
    for top in range(0, image.height, _BAND):
        bottom = min(image.height, top + _BAND)
        array[top:bottom] = np.asarray(converted.crop((0, top, image.width, bottom)))
    return torch.from_numpy(array).permute(2, 0, 1)[None]
