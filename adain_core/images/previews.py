"""Thumbnails of styles: small JPEGs of their artworks."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import PIL.Image
import PIL.ImageOps
import torch
from torch import Tensor

from ..pixels import as_uint8, resize
from . import to_tensor

# Pixels of the longer side; 3 to 6 kB as JPEG.
SIDE = 128
_QUALITY = 80
# Style files come from others: only these formats are opened, up to this number of pixels.
_FORMATS, _LARGEST = ("JPEG", "PNG", "WEBP"), 2**22
# Of a mix: height and width of the strips together.
_MIX = (96, SIDE)


def fit_within(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Return height and width at the same aspect ratio, ``longest`` pixels on the longer side."""
    height, width = (max(1, round(longest * side / max(size))) for side in size)
    return height, width


def thumbnail(image: Tensor, longest: int) -> Tensor:
    """Return a scaled image on white.

    Args:
        image: ``(1, 3|4, H, W)`` in 0..1 or uint8.
        longest: longer side of the result, pixels.

    Returns:
        ``(1, 3, H', W')`` in 0..1, on the CPU.
    """
    size = (image.shape[2], image.shape[3])
    scaled = resize(image, fit_within(size, longest)).cpu()
    color, opacity = scaled[:, :3], scaled[:, 3:]
    return torch.lerp(color.new_ones(()), color, opacity) if opacity.shape[1] else color


def make_preview(artwork: Tensor) -> bytes:
    """Return a small JPEG of an artwork ``(1, 3|4, H, W)`` in 0..1 or uint8."""
    pixels = as_uint8(thumbnail(artwork, SIDE))
    return _jpeg(PIL.Image.fromarray(pixels[0].permute(1, 2, 0).numpy()))


def join_previews(previews: Sequence[tuple[bytes, float]]) -> bytes:
    """Join previews: a strip of each, as wide as its share.

    Args:
        previews: previews and their shares; damaged ones are left out.

    Returns:
        JPEG; a single preview as it is, and empty without any.
    """
    if len(previews) == 1:
        return previews[0][0]
    known = [(image, share) for data, share in previews if (image := _open(data))]
    for image, _ in known:
        image.thumbnail((4 * SIDE, 4 * SIDE))
    total = sum(share for _, share in known)
    if not total:
        return b""
    height, width = _MIX
    mix = PIL.Image.new("RGB", (width, height))
    left, passed = 0, 0.0
    for image, share in known:
        passed += share
        right = round(width * passed / total)
        if right > left:
            mix.paste(PIL.ImageOps.fit(image, (right - left, height)), (left, 0))
        left = right
    return _jpeg(mix)


def read_preview(data: bytes) -> Tensor | None:
    """Return the image of a preview, ``(1, 3, H, W)`` in 0..1; ``None`` if it is damaged."""
    image = _open(data)
    return None if image is None else to_tensor(image)


def _open(data: bytes) -> PIL.Image.Image | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                small = image.width * image.height <= _LARGEST
                return image.convert("RGB") if small else None
    except Exception:  # decoders raise anything; a style is as good without its preview
        return None


def _jpeg(image: PIL.Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return file.getvalue()
