"""Images out, into files of 8 bits per channel."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from ..errors import ImageFileError, ImageFileWarning, reason
from ..files import replace_atomically
from ..pixels import as_float, as_uint8, check_finite
from . import profiles
from .exif import parse_exif
from .formats import check_output_size, check_output_suffix
from .image_file import ImageFile

# A JPEG's marker has no place for more.
_JPEG_EXIF_BYTES = 65533
# Rows that are float at once when a picture is written.
_BAND = 256


def save_image(
    path: str | os.PathLike[str], pixels: Tensor, *, overwrite: bool = False, quality: int = 95
) -> None:
    """Write pixels to an image file.

    Args:
        path: the file; .png, .jpg, .jpeg, .webp, .tif or .tiff.
        pixels: ``(1, 3|4, H, W)`` or ``(3|4, H, W)``, float, clamped to 0..1, or uint8.
        overwrite: replace an existing file.
        quality: of JPEG and WebP, 1..100.

    Raises:
        ValueError: as :func:`write_image_file`.
        ImageFileError: as :func:`write_image_file`.
    """
    write_image_file(path, ImageFile(pixels), overwrite=overwrite, quality=quality)


def write_image_file(
    path: str | os.PathLike[str],
    image: ImageFile,
    *,
    overwrite: bool = False,
    quality: int = 95,
) -> None:
    """Write an image with 8 bits per channel, in the format of the file name's suffix.

    The file appears under its name only when it is complete: an interrupted run leaves neither
    half a file nor a damaged old one.

    Args:
        path: the file; .png, .jpg, .jpeg, .webp, .tif or .tiff.
        image: pixels ``(1, 3|4, H, W)`` or ``(3|4, H, W)``, float, clamped to 0..1, or uint8, with
            the profile and the EXIF block to write beside them. The pixels are sRGB and become the
            profile's colors. JPEG has no alpha: the pixels are laid over white.
        overwrite: replace an existing file.
        quality: of JPEG and WebP, 1..100.

    Raises:
        ValueError: an unknown suffix, or pixels or a quality that are out of shape or range.
        ImageFileError: the file exists and ``overwrite`` is False, or it cannot be written.

    Example:
        >>> photo = read_image_file("photo.jpg")
        >>> drawn = model.stylize(photo, "painting.jpg")
        >>> write_image_file("drawn.jpg", dataclasses.replace(photo, pixels=drawn))
    """
    file_format = check_output_suffix(path)
    if not 1 <= quality <= 100:
        raise ValueError(f"expected a quality in 1..100, got {quality}")
    check_output_size(path, (image.pixels.shape[-2], image.pixels.shape[-1]))
    picture = _to_pillow(image.pixels, alpha=file_format != "JPEG")
    picture, profile = _into_profile(picture, image.icc_profile, path)
    options = _options(file_format, profile, image.exif, quality)
    target = Path(path)
    try:
        if target.is_dir():
            raise ImageFileError(f"cannot write {path}: a folder has that name")
        with replace_atomically(target, overwrite) as temporary:
            picture.save(temporary, format=file_format, **options)
    except FileExistsError:
        raise ImageFileError(
            f"cannot write {path}: the file exists; pass overwrite=True to replace it"
        ) from None
    except FileNotFoundError:
        raise ImageFileError(f"cannot write {path}: there is no folder {target.parent}") from None
    except ImageFileError:
        raise
    except Exception as error:  # encoders raise more than OSError
        raise ImageFileError(f"cannot write {path}: {reason(error)}") from error


def encode_image_file(
    path: str | os.PathLike[str], image: ImageFile, *, quality: int = 95
) -> bytes:
    """Return what :func:`write_image_file` would write, for an archive or another store.

    Args:
        path: whose suffix names the format.
        image: as for :func:`write_image_file`.
        quality: as for :func:`write_image_file`.

    Raises:
        ValueError: an unknown suffix, or pixels that are out of shape or range.
        ImageFileError: the format has no such picture.
    """
    file_format = check_output_suffix(path)
    check_output_size(path, (image.pixels.shape[-2], image.pixels.shape[-1]))
    picture = _to_pillow(image.pixels, alpha=file_format != "JPEG")
    picture, profile = _into_profile(picture, image.icc_profile, path)
    options = _options(file_format, profile, image.exif, quality)
    content = io.BytesIO()
    try:
        picture.save(content, format=file_format, **options)
    except Exception as error:  # encoders raise more than OSError
        raise ImageFileError(f"cannot write {path}: {reason(error)}") from error
    return content.getvalue()


def _into_profile(
    picture: PIL.Image.Image, profile: bytes | None, path: str | os.PathLike[str]
) -> tuple[PIL.Image.Image, bytes | None]:
    """Return a picture in the colors of a profile, and the profile that says so."""
    if profile is None:
        return picture, None
    try:
        return profiles.apply(picture, profiles.from_srgb(profile, picture.mode)), profile
    except profiles.ProfileError as error:
        message = (
            f"{path}: written as sRGB, since the photo's color profile cannot be used: {error}"
        )
        warnings.warn(message, ImageFileWarning, stacklevel=3)
        return picture, None


def _options(
    file_format: str, profile: bytes | None, exif: bytes | None, quality: int
) -> dict[str, Any]:
    """Return what Pillow's encoder of this format is told."""
    options: dict[str, Any] = {}
    if profile is not None:
        options["icc_profile"] = profile
    if file_format in ("JPEG", "WEBP"):
        options["quality"] = quality
    if file_format == "JPEG":
        options["subsampling"] = 0  # chroma at full resolution: paintings have colored edges
    # What is too large comes from a PNG or a TIFF with a camera's own notes.
    if exif is not None and not (file_format == "JPEG" and len(exif) > _JPEG_EXIF_BYTES):
        # A block for TIFF would be read as Latin-1 again.
        options["exif"] = parse_exif(exif) if file_format == "TIFF" else exif
    # TIFF stays uncompressed: Pillow's compressed one cannot hold EXIF.
    return options


def _to_pillow(pixels: Tensor, *, alpha: bool) -> PIL.Image.Image:
    shape = tuple(pixels.shape)
    if pixels.ndim == 4 and shape[0] == 1:
        pixels = pixels[0]
    if pixels.ndim != 3 or len(pixels) not in (3, 4) or 0 in shape:
        raise ValueError(
            f"expected one image as (1, 3|4, H, W) or (3|4, H, W) to write, got shape {shape}"
        )
    if not (pixels.is_floating_point() or pixels.dtype == torch.uint8):
        raise ValueError(f"expected float pixels in 0..1 or uint8 to write, got {pixels.dtype}")
    pixels = pixels.detach()
    check_finite(pixels)
    flatten = len(pixels) == 4 and not alpha
    height, width = pixels.shape[-2:]
    array = np.empty((height, width, 3 if flatten else len(pixels)), dtype=np.uint8)
    # In bands, so that no float copy of a large picture is made.
    for top in range(0, height, _BAND):
        band = pixels[:, top : top + _BAND].cpu()
        if flatten:
            band = as_float(band).clamp(0, 1)
            band = band[:3] * band[3:] + (1 - band[3:])
        array[top : top + _BAND] = as_uint8(band).permute(1, 2, 0).numpy()
    return PIL.Image.fromarray(array)
