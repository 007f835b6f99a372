"""Image files in: any kind and mode as RGB or RGBA tensors, upright."""

from __future__ import annotations

import io
import math
import os
import warnings
from dataclasses import replace
from pathlib import Path

import PIL.Image
from torch import Tensor

from ..color import luma
from ..errors import ImageFileError, ImageFileWarning, reason
from ..memory import free_host_memory
from ..pixels import as_float
from .decoder import from_pillow
from .formats import HEIC_SUFFIXES, input_formats
from .image_file import ImageFile

# Memory for each pixel while a picture is read, about: Pillow's copy, one that is turned, ours.
_BYTES = {"uint8": 12, "float": 16, "deep": 24}
# A progressive JPEG's coefficients are kept at its full size until it is decoded.
_PROGRESSIVE_BYTES = 6


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
    # Without color management: a mask's numbers are shares, no colors.
    pixels = _read(path, None, keep_uint8=True, min_side=None, manage_colors=False).pixels
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

    Colors become sRGB by the file's profile; files without one are taken for sRGB. Gray becomes
    RGB; palette, 1-bit and CMYK images are converted. 12-bit, 16-bit and float gray keeps its
    precision; RGB of 16 bits is read with 8 bits per channel: Pillow has no such mode. What cannot
    be followed (a damaged profile, the other frames of an animation) is an ``ImageFileWarning``.

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
        ImageFileError: the file is missing, not an image, damaged, its float or integer values
            have no known range, or it is too large: beyond twice
            ``PIL.Image.MAX_IMAGE_PIXELS`` (179 million pixels), or more than fits into the free
            memory. That is known before anything is decoded.
    """
    return _read(path, data, keep_uint8=keep_uint8, min_side=min_side, manage_colors=True)


def _read(
    path: str | os.PathLike[str],
    data: bytes | None,
    *,
    keep_uint8: bool,
    min_side: int | None,
    manage_colors: bool,
) -> ImageFile:
    """Read a file; the arguments are those of :func:`read_image_file` and of ``from_pillow``."""
    file = Path(path)
    try:
        if data is None and file.is_dir():
            raise IsADirectoryError(0, "it is a folder, expected an image file")
        # Pillow warns from half of its limit on; photographs of that size are ordinary.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
            source = file if data is None else io.BytesIO(data)
            with PIL.Image.open(source, formats=input_formats()) as image:
                whole = image.size
                if min_side is not None:
                    image.draft(None, (min_side, min_side))
                _check_memory(image, whole, keep_uint8)
                _note_frames(image, path)
                read = from_pillow(image, str(path), manage_colors)
    except FileNotFoundError:
        raise ImageFileError(f"cannot read {path}: there is no such file") from None
    except PIL.UnidentifiedImageError:
        if file.suffix.lower() in HEIC_SUFFIXES or _is_heic(file, data):
            raise ImageFileError(
                f"cannot read {path}: it is a HEIC image; install support with: python -m pip "
                'install "adain[heic]", or save it as JPEG or PNG'
            ) from None
        raise ImageFileError(f"cannot read {path}: it is not an image of a known format") from None
    except PIL.Image.DecompressionBombError as error:
        raise ImageFileError(
            f"cannot read {path}: it is too large ({error}); scale it down first, or raise "
            "PIL.Image.MAX_IMAGE_PIXELS if you trust the file"
        ) from error
    except Exception as error:  # decoders raise anything from struct.error to SyntaxError
        raise ImageFileError(f"cannot read {path}: {reason(error)}") from error
    # Here Pillow's own copy is gone.
    return read if keep_uint8 else replace(read, pixels=as_float(read.pixels))


def _is_heic(file: Path, data: bytes | None) -> bool:
    """Return whether a file begins as those of iPhones do, whatever its name."""
    if data is None:
        try:
            with file.open("rb") as stream:
                data = stream.read(12)
        except OSError:
            return False
    return data[4:12] in (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1")


def _note_frames(image: PIL.Image.Image, path: str | os.PathLike[str]) -> None:
    """Warn of a picture that is the first of several; a camera's MPO has smaller copies there."""
    if image.format != "MPO" and getattr(image, "is_animated", False):
        message = f"{path}: it contains several images; only the first is used"
        warnings.warn(message, ImageFileWarning, stacklevel=4)


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
