"""Pillow's images of every mode as RGB or RGBA pixels in sRGB, upright."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import PIL.Image
import torch
from PIL import ExifTags, ImageOps
from torch import Tensor

from ..errors import ImageFileError, ImageFileWarning, reason
from ..pixels import OVERSHOOT, check_finite
from . import profiles
from .exif import select_exif
from .image_file import ImageFile

# Rows that are copied at once.
_BAND = 256
# Which of Pillow's modes a kind of profile can be for.
_MODES = {
    "RGB": {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "I", "I;16", "I;16B", "F"},
    "GRAY": {"1", "L", "LA", "I", "I;16", "I;16B", "F"},
    "CMYK": {"CMYK"},
    "Lab": {"LAB"},
}
# TIFF's tags, and what they say.
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_WHITE_IS_ZERO, _UNSIGNED = 0, 1


def from_pillow(
    image: PIL.Image.Image, name: str = "the image", manage_colors: bool = True
) -> ImageFile:
    """Return a Pillow image as RGB or RGBA, upright: uint8, or float32 of more than 8 bits.

    Args:
        image: of any mode.
        name: its name in messages.
        manage_colors: convert to sRGB by the image's profile.

    Raises:
        ValueError: no pixels, NaN or infinite values, or values of an unknown range.
        ImageFileError: its file is damaged.
    """
    if 0 in image.size:
        raise ValueError(f"expected an image with pixels, got one of {image.width}x{image.height}")
    try:
        image.load()
    except Exception as error:  # decoders raise anything from struct.error to SyntaxError
        raise ImageFileError(f"cannot read {name}: {reason(error)}") from error
    depth = _find_depth(image)
    exif = None
    with contextlib.suppress(Exception):  # an image with damaged metadata can still be read
        exif = select_exif(image.getexif())
    with contextlib.suppress(Exception):
        if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # without it that would copy
            image = ImageOps.exif_transpose(image)
    profile = image.info.get("icc_profile") if manage_colors else None
    if not isinstance(profile, bytes) or not profile:
        profile = None
    try:
        pixels = _read(image, depth, profile)
    except profiles.ProfileError as error:
        message = f"{name}: its color profile is ignored: {error}"
        warnings.warn(message, ImageFileWarning, stacklevel=3)
        profile = None
        pixels = _read(image, depth, None)
    # That of a gray or CMYK image is not valid for RGB pixels.
    kept = profile if profile and profiles.color_space(profile) == "RGB" else None
    return ImageFile(pixels, kept, exif, _find_dpi(image))


def _find_dpi(image: PIL.Image.Image) -> tuple[float, float] | None:
    with contextlib.suppress(TypeError, ValueError, ZeroDivisionError):
        across, down = map(float, image.info.get("dpi", ()))
        # Pillow gives 1 for a TIFF that has none; JPEG has 16 bits for it.
        if min(across, down) > 1 and max(across, down) < 2**16 - 1:
            return across, down
    return None


def _read(image: PIL.Image.Image, depth: _Depth | None, profile: bytes | None) -> Tensor:
    if profile is not None:
        space = profiles.color_space(profile)
        if image.mode not in _MODES.get(space, ()):
            raise profiles.ProfileError(f"it is for {space!r} pixels, but these are {image.mode!r}")
    return _read_8_bits(image, profile) if depth is None else _read_deep(image, depth, profile)


# --- 8 bits -----------------------------------------------------------------------------------


def _read_8_bits(image: PIL.Image.Image, profile: bytes | None) -> Tensor:
    """Return ``(1, 3 | 4, H, W)``, uint8."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    convert = _converter(image.mode, mode, profile)
    if "transparency" in image.info:  # a color or palette entry of the whole image
        image = image.convert(mode)
    array = np.empty((image.height, image.width, len(mode)), dtype=np.uint8)
    # In bands: converting all at once would need another copy of the image.
    for top in range(0, image.height, _BAND):
        bottom = min(image.height, top + _BAND)
        array[top:bottom] = np.asarray(convert(image.crop((0, top, image.width, bottom))))
    return torch.from_numpy(array).permute(2, 0, 1)[None]


def _converter(
    source: str, mode: str, profile: bytes | None
) -> Callable[[PIL.Image.Image], PIL.Image.Image]:
    """Return what turns images of one mode into sRGB of another.

    Args:
        source: Pillow's mode of the images, or ``mode`` itself.
        mode: ``"RGB"`` or ``"RGBA"``.
        profile: of the images.
    """

    def convert(image: PIL.Image.Image) -> PIL.Image.Image:
        return image if image.mode == mode else image.convert(mode)

    space = None if profile is None else profiles.color_space(profile)
    if profile is None or space is None or space == "Lab":  # Lab colors need no profile
        return convert
    if space == "CMYK":
        from_inks = profiles.to_srgb(profile, source)
        return lambda image: profiles.apply(image, from_inks)
    if space == "GRAY":
        # By a table, so that gray stays gray to the last bit.
        levels = [round(255 * level) for level in profiles.gray_curve(profile).tolist()]
        table = 3 * levels + (list(range(256)) if mode == "RGBA" else [])
        return lambda image: convert(image).point(table)
    transform = profiles.to_srgb(profile, mode)
    return lambda image: profiles.apply(convert(image), transform)


# --- more than 8 bits ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Depth:
    """What the numbers of a gray image of more than 8 bits mean.

    Attributes:
        white: the number that stands for white.
        inverted: 0 is white instead.
    """

    white: float
    inverted: bool = False


def _find_depth(image: PIL.Image.Image) -> _Depth | None:
    """Return what an image's numbers mean; ``None`` for those of 8 bits.

    Raises:
        ValueError: signed numbers, or those of 32 bits, whose range nobody knows.
    """
    deep = image.mode.startswith("I") or image.mode == "F"
    if not deep:
        return None
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})  # of a TIFF
    inverted = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    if image.mode == "F":
        return _Depth(1, inverted)
    bits = int(tags.get(_BITS, (16,))[0])
    unsigned = tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED
    if bits > 16 or not unsigned:
        kind = "unsigned" if unsigned else "signed"
        raise ValueError(
            f"expected unsigned numbers of 8 to 16 bits or float ones in 0..1, got {kind} ones of "
            f"{bits} bits; convert the file"
        )
    return _Depth(2**bits - 1, inverted)


def _read_deep(image: PIL.Image.Image, depth: _Depth, profile: bytes | None) -> Tensor:
    """Return a gray image as ``(1, 3 | 4, H, W)``, float32 in 0..1."""
    values = torch.from_numpy(np.array(image, dtype=np.float32))
    check_finite(values[None])
    highest = float(values.max()) / depth.white
    if highest > 1 + OVERSHOOT:
        raise ValueError(
            f"expected values in 0..1, got up to {highest:.4g}; divide by the value of white"
        )
    gray = (values / depth.white).clamp_(0, 1)
    gray = 1 - gray if depth.inverted else gray
    if profile is not None:
        curve = profiles.gray_curve(profile)
        table = np.interp(gray.numpy(), np.linspace(0, 1, len(curve)), curve)
        gray = torch.from_numpy(table.astype(np.float32))
    channels = [gray, gray, gray]
    key = image.info.get("transparency")
    if isinstance(key, int):  # of a PNG: one number stands for what is not there
        channels.append((values != key).float())
    return torch.stack(channels)[None]
