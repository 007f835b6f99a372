"""Writing image files with 8 bits per channel."""

from __future__ import annotations

import io
import os
import warnings
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from ..errors import ImageFileError, ImageFileWarning, reason, require_kind
from ..pixels import as_float, as_uint8, check_finite
from ..utils.files import replace_atomically
from . import profiles
from .exif import parse_exif
from .formats import check_output_size, check_output_suffix
from .image_file import ImageFile

# Limit of a JPEG marker.
_JPEG_EXIF_BYTES = 65533
# Rows that are converted at a time.
_BAND = 256


def save_image(
    path: str | os.PathLike[str], pixels: Tensor, *, overwrite: bool = True, quality: int = 95
) -> None:
    """Write pixels to an image file.

    Args:
        path: the file; .png, .jpg, .jpeg, .webp, .tif or .tiff.
        pixels: ``(1, 3|4, H, W)`` or ``(3|4, H, W)``, float, clamped to 0..1, or uint8.
        overwrite: replace an existing file.
        quality: of JPEG and WebP, 1..100.

    Raises:
        ValueError: as :func:`write_image_file`.
        TypeError: as :func:`write_image_file`.
        ImageFileError: as :func:`write_image_file`.
    """
    write_image_file(path, ImageFile(pixels), overwrite=overwrite, quality=quality)


def write_image_file(
    path: str | os.PathLike[str],
    image: ImageFile,
    *,
    overwrite: bool = True,
    quality: int = 95,
) -> None:
    """Write an image with 8 bits per channel, in the format of the file name's suffix.

    Writing is atomic: the file appears under its name only when it is complete, and an existing
    file stays intact until then.

    Args:
        path: the file; .png, .jpg, .jpeg, .webp, .tif or .tiff.
        image: pixels ``(1, 3|4, H, W)`` or ``(3|4, H, W)``, float, clamped to 0..1, or uint8, with
            the profile, EXIF block and dots per inch to write. The pixels are sRGB and are
            converted to the profile. JPEG has no alpha: the pixels are composited over white, and
            transparent ones cause an ``ImageFileWarning``.
        overwrite: replace an existing file.
        quality: of JPEG and WebP, 1..100.

    Raises:
        ValueError: an unknown suffix, pixels of the wrong shape or dtype, or an invalid quality.
        TypeError: an argument of another type.
        ImageFileError: the file exists and ``overwrite`` is False, or it cannot be written.

    Example:
        >>> photo = read_image_file("photo.jpg")
        >>> pixels = model.stylize(photo, "painting.jpg")
        >>> write_image_file("result.jpg", dataclasses.replace(photo, pixels=pixels))
    """
    prepared, options = _prepare(path, image, quality)
    target = Path(path)
    try:
        if target.is_dir():
            raise ImageFileError(f"cannot write {path}: a folder has that name")
        with replace_atomically(target, overwrite) as temporary:
            prepared.save(temporary, **options)
    except FileExistsError:
        raise ImageFileError(
            f"cannot write {path}: the file exists; choose another name or pass overwrite=True"
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
        path: a name whose suffix sets the format.
        image: as for :func:`write_image_file`.
        quality: as for :func:`write_image_file`.

    Raises:
        ValueError: as :func:`write_image_file`.
        ImageFileError: the image is too large for the format, or cannot be encoded.
    """
    prepared, options = _prepare(path, image, quality)
    content = io.BytesIO()
    try:
        prepared.save(content, **options)
    except Exception as error:  # encoders raise more than OSError
        raise ImageFileError(f"cannot write {path}: {reason(error)}") from error
    return content.getvalue()


def _prepare(
    path: str | os.PathLike[str], image: ImageFile, quality: int
) -> tuple[PIL.Image.Image, dict[str, Any]]:
    """Return an image and the arguments of its ``save``."""
    file_format = check_output_suffix(path)
    require_kind("image", image, ImageFile, "an ImageFile")
    require_kind("pixels", image.pixels, Tensor, "a tensor")
    require_kind("quality", quality, Integral, "a whole number")
    if not 1 <= quality <= 100:
        raise ValueError(f"expected a quality in 1..100, got {quality}")
    check_output_size(path, (image.pixels.shape[-2], image.pixels.shape[-1]))
    prepared = _to_pillow(image.pixels, alpha=file_format != "JPEG")
    if file_format == "JPEG" and image.pixels.shape[-3] == 4:
        _note_transparency(path, image.pixels[..., 3, :, :])
    prepared, profile = _into_profile(prepared, image.icc_profile, path)
    return prepared, _options(file_format, replace(image, icc_profile=profile), quality)


def _note_transparency(path: str | os.PathLike[str], opacity: Tensor) -> None:
    if (opacity < (255 if opacity.dtype == torch.uint8 else 1)).any():
        message = (
            f"{path}: JPEG has no transparency: it became white; write PNG, WebP or TIFF to keep it"
        )
        warnings.warn(message, ImageFileWarning, stacklevel=4)


def _into_profile(
    prepared: PIL.Image.Image, profile: bytes | None, path: str | os.PathLike[str]
) -> tuple[PIL.Image.Image, bytes | None]:
    """Return an image converted to a profile, and the profile to embed."""
    if profile is None:
        return prepared, None
    try:
        return profiles.apply(prepared, profiles.from_srgb(profile, prepared.mode)), profile
    except profiles.ProfileError as error:
        message = (
            f"{path}: written as sRGB, since the photo's color profile cannot be used: {error}"
        )
        warnings.warn(message, ImageFileWarning, stacklevel=3)
        return prepared, None


def _options(file_format: str, image: ImageFile, quality: int) -> dict[str, Any]:
    """Return the arguments of Pillow's ``save``."""
    options: dict[str, Any] = {"format": file_format}
    exif = image.exif
    if image.icc_profile is not None:
        options["icc_profile"] = image.icc_profile
    if image.dpi is not None:
        options["dpi"] = image.dpi
    if file_format in ("JPEG", "WEBP"):
        options["quality"] = quality
    if file_format == "JPEG":
        options["subsampling"] = 0  # chroma at full resolution: paintings have colored edges
    # Larger blocks come from a PNG or TIFF with maker notes.
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
    # In bands, so that no float copy of a large image is made.
    for top in range(0, height, _BAND):
        band = pixels[:, top : top + _BAND].cpu()
        if flatten:
            band = as_float(band).clamp(0, 1)
            band = band[:3] * band[3:] + (1 - band[3:])
        array[top : top + _BAND] = as_uint8(band).permute(1, 2, 0).numpy()
    return PIL.Image.fromarray(array)
