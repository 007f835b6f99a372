"""Color profiles (ICC): images are converted to sRGB, and results to the profile of the photo.

Photos and artworks then have the same color space: a phone's Display P3 photo read as sRGB would be
pale, and its result in the style of an sRGB artwork too saturated.
"""

from __future__ import annotations

import functools
import io

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageCms

_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
# Levels of 8 bits by which a profile may differ from sRGB and still count as sRGB.
_TOLERANCE = 1

Transform = ImageCms.ImageCmsTransform


class ProfileError(ValueError):
    """A profile is damaged, or cannot be used in that direction."""


def color_space(profile: bytes) -> str:
    """Return the kind of pixels that a profile is for, such as ``"RGB"`` or ``"GRAY"``.

    Raises:
        ProfileError: it is no profile.
    """
    if profile[36:40] != b"acsp":
        raise ProfileError("it is damaged")
    return profile[16:20].decode("ascii", "replace").strip()


@functools.lru_cache(maxsize=16)
def to_srgb(profile: bytes, mode: str) -> Transform | None:
    """Return the transform of pixels to sRGB.

    Args:
        profile: of the pixels.
        mode: Pillow's, ``"RGB"``, ``"RGBA"`` or ``"CMYK"``.

    Returns:
        To ``"RGB"`` or ``"RGBA"``; ``None`` where the pixels are in sRGB already.

    Raises:
        ProfileError: a profile that cannot be used so.
    """
    return _build(profile, None, mode, "RGB" if mode == "CMYK" else mode)


@functools.lru_cache(maxsize=16)
def from_srgb(profile: bytes, mode: str) -> Transform | None:
    """Return the transform of sRGB pixels into a profile; ``None`` where that is sRGB.

    Args:
        profile: of RGB pixels.
        mode: Pillow's, ``"RGB"`` or ``"RGBA"``.

    Raises:
        ProfileError: a profile that cannot be used so, as some of scanners.
    """
    return _build(None, profile, mode, mode)


@functools.lru_cache(maxsize=16)
def gray_curve(profile: bytes) -> NDArray[np.float32]:
    """Return what becomes of 256 gray levels, ``(256,)`` of sRGB in 0..1.

    Args:
        profile: of gray pixels, or of RGB ones that are all gray.

    Raises:
        ProfileError: a profile that cannot be used so.
    """
    mode = "L" if color_space(profile) == "GRAY" else "RGB"
    ramp = PIL.Image.fromarray(np.arange(256, dtype=np.uint8)[None]).convert(mode)
    exact = ImageCms.Flags.NOOPTIMIZE  # tables of tables are 10 levels off in the shadows
    converted = apply(ramp, _build(profile, None, mode, "RGB", exact)).convert("RGB")
    levels: NDArray[np.float32] = np.asarray(converted, dtype=np.float32)[0].mean(axis=-1) / 255
    return levels


def apply(image: PIL.Image.Image, transform: Transform | None) -> PIL.Image.Image:
    """Return an image after a transform, or as it is where there is none."""
    if transform is None:
        return image
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # it is not done in place
    return converted


def _build(
    source: bytes | None,
    target: bytes | None,
    mode: str,
    output: str,
    flags: ImageCms.Flags = ImageCms.Flags.NONE,
) -> Transform | None:
    """Return the transform between two profiles, ``None`` for sRGB; ``None`` if it does nothing."""
    try:
        transform = ImageCms.buildTransform(
            _open(source), _open(target), mode, output, _INTENT, _FLAGS | flags
        )
        if mode in ("RGB", "RGBA") and _does_nothing(transform, mode):
            return None
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        raise ProfileError(" ".join(str(error).split())) from None
    return transform


def _open(profile: bytes | None) -> ImageCms.ImageCmsProfile:
    if profile is None:
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))


def _does_nothing(transform: Transform, mode: str) -> bool:
    """Return whether colors all over the cube stay where they are: sRGB has many names."""
    levels = np.linspace(0, 255, 6).round().astype(np.uint8)
    colors = np.stack(np.meshgrid(*[levels] * 3), axis=-1).reshape(1, -1, 3)
    grid = PIL.Image.fromarray(colors).convert(mode)
    change = np.asarray(apply(grid, transform), dtype=int) - np.asarray(grid, dtype=int)
    return bool(np.abs(change).max() <= _TOLERANCE)
