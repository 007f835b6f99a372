"""Previews of styles: small pictures of the artworks that they came from, for people."""

from __future__ import annotations

import io
from collections.abc import Sequence

import PIL.Image
import PIL.ImageOps
from torch import Tensor

from .images import to_tensor
from .pixels import as_uint8
from .sheets import thumbnail

# Pixels of the longer side; 3 to 6 kB as JPEG.
SIDE = 128
_QUALITY = 80
# Of a mix: height and width of the strips together.
_MIX = (96, SIDE)


def make_preview(artwork: Tensor) -> bytes:
    """A small JPEG of an artwork ``(1, 3|4, H, W)`` in 0..1 or uint8."""
    pixels = as_uint8(thumbnail(artwork, SIDE))
    return _jpeg(PIL.Image.fromarray(pixels[0].permute(1, 2, 0).numpy()))


def join_previews(previews: Sequence[tuple[bytes, float]]) -> bytes:
    """One preview of several: a strip of each, as wide as its share of all.

    Args:
        previews: with their shares. Those that are no pictures are left out.

    Returns:
        JPEG; the preview itself of a single one, empty of none.
    """
    if len(previews) == 1:
        return previews[0][0]
    known = [(picture, share) for data, share in previews if (picture := _opened(data))]
    total = sum(share for _, share in known)
    if not total:
        return b""
    height, width = _MIX
    mix = PIL.Image.new("RGB", (width, height))
    left, passed = 0, 0.0
    for picture, share in known:
        passed += share
        right = round(width * passed / total)
        if right > left:
            mix.paste(PIL.ImageOps.fit(picture, (right - left, height)), (left, 0))
        left = right
    return _jpeg(mix)


def read_preview(data: bytes) -> Tensor | None:
    """The picture of a preview, ``(1, 3, H, W)`` in 0..1; ``None`` where it is none."""
    picture = _opened(data)
    return None if picture is None else to_tensor(picture)


def _opened(data: bytes) -> PIL.Image.Image | None:
    try:
        with PIL.Image.open(io.BytesIO(data)) as picture:
            return picture.convert("RGB")
    except Exception:  # decoders raise anything; a style is as good without its preview
        return None


def _jpeg(picture: PIL.Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return file.getvalue()
