"""JPEG: amplification of the blocks of compressed photos."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from ..pixels import as_float, as_uint8, luma
from .checkerboard import checkerboard_share

QUALITY = 40


def synthetic_skies(size: int = 512) -> dict[str, Tensor]:
    """Return two clear skies with film grain by name, RGB, ``(1, 3, size, size)``."""
    colors = {
        "day": ((0.36, 0.56, 0.84), (0.66, 0.79, 0.93)),
        "dusk": ((0.20, 0.22, 0.40), (0.72, 0.50, 0.45)),
    }
    slope = torch.linspace(0, 1, size)[:, None]
    grain = 0.006 * torch.randn(3, size, size, generator=torch.Generator().manual_seed(size))
    skies = {}
    for name, ends in colors.items():
        top, bottom = (torch.tensor(color)[:, None, None] for color in ends)
        skies[name] = (torch.lerp(top, bottom, slope) + grain).clamp(0, 1)[None]
    return skies


def compress(image: Tensor, quality: int = QUALITY) -> Tensor:
    """Return an image after JPEG compression, ``(1, 3, H, W)`` in 0..1."""
    array = as_uint8(image)[0].permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    PIL.Image.fromarray(array).save(file, "JPEG", quality=quality)
    with PIL.Image.open(file) as read:
        pixels = torch.from_numpy(np.array(read))
    return as_float(pixels.permute(2, 0, 1)[None])


def block_share(image: Tensor, sky: Tensor) -> float:
    """Return how much of the detail in a stylized compressed sky repeats every 8 pixels.

    JPEG compresses blocks of 8x8 pixels, whose faint edges can become rows of dashes.

    Args:
        image: the stylized compressed sky, RGB in 0..1, ``(1, 3, H, W)``.
        sky: the sky before compression.

    Returns:
        :func:`~adain_core.evaluation.checkerboard.checkerboard_share` of the luminance, 0..1;
        0.06 by chance.
    """
    return checkerboard_share(luma(image), luma(sky))
