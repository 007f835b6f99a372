"""Reading image files of any format and mode as upright RGB or RGBA tensors."""

from __future__ import annotations

import io
import math
import os
import warnings
from dataclasses import replace
from pathlib import Path

import PIL.Image
from torch import Tensor

from ..errors import ImageFileError, ImageFileWarning, reason, require_path
from ..pixels import as_float, luma, resize_shortest_side
from ..utils.files import TENSORS_SUFFIX
from ..utils.memory import free_host_memory
from .decoder import from_pillow
from .formats import HEIC_SUFFIXES, input_formats, is_address
from .image_file import ImageFile

# Approximate bytes per pixel while reading: Pillow's copy, a rotated one, and the tensor.
_BYTES = {"uint8": 12, "float": 16, "deep": 24}
# Pillow keeps a progressive JPEG's coefficients at full size until it is decoded.
_PROGRESSIVE_BYTES = 6


def load_image(path: str | os.PathLike[str]) -> Tensor:
    """Read the pixels of an image file.

    Args:
        path: the file.

    Returns:
        ``(1, 3, H, W)``, or ``(1, 4, H, W)`` with transparency; float32 in 0..1.

    Raises:
        ImageFileError: as :func:`read_image_file`.

    Example:
        >>> save_image("result.png", model.stylize(load_image("photo.jpg"), "painting.jpg"))
    """
    return read_image_file(path).pixels


def read_mask(image: str | os.PathLike[str] | PIL.Image.Image) -> Tensor:
    """Read a mask from an image: its alpha channel if it has transparency, else its luma.

    Args:
        image: path of the file, or a Pillow image.

    Returns:
        ``(H, W)``, float32 in 0..1.

    Raises:
        ImageFileError: as :func:`read_image_file`.
    """
    # Without color management: the values of a mask are weights, not colors.
    if isinstance(image, PIL.Image.Image):
        pixels = from_pillow(image, manage_colors=False).pixels
    else:
        pixels = _read(image, None, keep_uint8=True, min_side=None, manage_colors=False).pixels
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
    """Read an image file of any common format as upright RGB or RGBA.

    Colors are converted to sRGB by the profile of the file; files without one are treated as sRGB.
    Gray, palette, 1-bit and CMYK images are converted to RGB. 12-bit, 16-bit and float gray keep
    their precision; 16-bit RGB is read with 8 bits per channel, because Pillow has no such mode.
    Ignored information (a damaged profile, further frames of an animation) causes an
    ``ImageFileWarning``.

    Args:
        path: the file.
        keep_uint8: keep 8 bits per channel as uint8, which takes a quarter of the memory. More bits
            always become float32.
        min_side: required pixels of the shorter side. A JPEG of at least twice that size is decoded
            at a half, a quarter or an eighth of its size, which saves time and memory.
        data: content of the file, if it is not on disk but, for example, in an archive.

    Returns:
        The pixels, with the ICC profile and the EXIF block for :func:`write_image_file`.

    Raises:
        ImageFileError: the file is missing, damaged, not an image, has float or integer values of
            unknown range, or is too large: above twice ``PIL.Image.MAX_IMAGE_PIXELS`` (179 million
            pixels), or more than fits into the free memory. Sizes are checked before decoding.
    """
    return _read(path, data, keep_uint8=keep_uint8, min_side=min_side, manage_colors=True)


def read_resized(path: str | os.PathLike[str], size: int, data: bytes | None = None) -> ImageFile:
    """Read an image file, 8 bits as uint8, and resize its shortest side.

    Args:
        path: the file.
        size: pixels; 0: keep the size. A JPEG of more than four times this size is decoded at a
            reduced size of at least twice this size.
        data: as for :func:`read_image_file`, which also lists the errors.
    """
    file = read_image_file(path, keep_uint8=True, min_side=2 * size or None, data=data)
    return replace(file, pixels=resize_shortest_side(file.pixels, size)) if size else file


def _read(
    path: str | os.PathLike[str],
    data: bytes | None,
    *,
    keep_uint8: bool,
    min_side: int | None,
    manage_colors: bool,
) -> ImageFile:
    """Read a file; the arguments are those of :func:`read_image_file` and of ``from_pillow``."""
    require_path(path)
    file = Path(path)
    try:
        if data is None and file.is_dir():
            raise IsADirectoryError(0, "it is a folder, expected an image file")
        if data is None and file.is_fifo():  # opening it would wait for a writer
            raise OSError(0, "it is a named pipe, expected an image file")
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
        why = "there is no such file"
        if is_address(path):
            why = "it is an address; download the file first"
        raise ImageFileError(f"cannot read {path}: {why}") from None
    except PIL.UnidentifiedImageError:
        if file.suffix.lower() in HEIC_SUFFIXES or _is_heic(file, data):
            raise ImageFileError(
                f"cannot read {path}: it is a HEIC image; install support with: python -m pip "
                'install "adain[heic]", or save it as JPEG or PNG'
            ) from None
        empty = not data if data is not None else not file.stat().st_size
        why = "it is empty" if empty else "it is not an image of a known format"
        if file.suffix.lower() == TENSORS_SUFFIX:
            why += "; load a style with Style.load"
        raise ImageFileError(f"cannot read {path}: {why}") from None
    except PIL.Image.DecompressionBombError as error:
        raise ImageFileError(
            f"cannot read {path}: it is too large ({error}); scale it down first, or raise "
            "PIL.Image.MAX_IMAGE_PIXELS if you trust the file"
        ) from error
    except ImageFileError:
        raise
    except Exception as error:  # opening raises as much as decoding
        raise ImageFileError(f"cannot read {path}: {reason(error)}") from error
    # Here Pillow's own copy is gone.
    return read if keep_uint8 else replace(read, pixels=as_float(read.pixels))


def _is_heic(file: Path, data: bytes | None) -> bool:
    """Return whether the content of a file is HEIC."""
    if data is None:
        try:
            with file.open("rb") as stream:
                data = stream.read(12)
        except OSError:
            return False
    return data[4:12] in (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1")


def _note_frames(image: PIL.Image.Image, path: str | os.PathLike[str]) -> None:
    """Warn if a file has several images, except for MPO, which has smaller copies of the first."""
    if image.format != "MPO" and getattr(image, "is_animated", False):
        message = f"{path}: it contains several images; only the first is used"
        warnings.warn(message, ImageFileWarning, stacklevel=4)


def _check_memory(image: PIL.Image.Image, whole: tuple[int, int], keep_uint8: bool) -> None:
    """Raise ``MemoryError`` if an image will not fit into memory when it is decoded.

    Args:
        image: at the size at which it will be decoded.
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
            f"{free / 1e6:,.0f} MB are free; scale the image down first"
        )
