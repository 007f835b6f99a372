"""Checkerboard artifacts: patterns that decoders repeat every 8x8 pixels, the cells of relu4_1.

:func:`checkerboard_loss` penalizes them in training, :func:`checkerboard_share` measures them.
"""

from __future__ import annotations

from math import nan
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import Tensor


def checkerboard_loss(image: Tensor) -> Tensor:
    """Return the mean square of what an image repeats every 8 pixels.

    Decoders tend to fill flat areas with the same pattern in every cell of relu4_1, which the style
    loss takes for texture. Each position in the 8x8 cell is averaged over 8x8 cells (fewer in a
    smaller image): textures with another period average out, repeated dots remain. The same is done
    with the absolute differences of neighboring pixels, which reveal cells with different content
    but the same edges.

    Args:
        image: ``(B, 3, H, W)``, sides multiples of 8.

    Returns:
        A scalar, float32; 0 for one color.
    """
    cells = F.pixel_unshuffle(_colors_and_steps(image), 8)
    places = cells.reshape(-1, 64, *cells.shape[-2:])
    window = min(8, *places.shape[-2:])
    means = F.avg_pool2d(places, window, stride=max(1, window // 2))
    return (means - means.mean(dim=1, keepdim=True)).square().mean()


def checkerboard_share(image: Tensor, content: Tensor) -> float:
    """Return how much of the detail in flat areas of the content repeats every 8 pixels.

    Decoders tend to draw the same dot in every cell of relu4_1, which looks like a checkerboard in
    skies. In windows of 32x32 pixels, each of the 64 positions in the cell is averaged over the 16
    cells; the variance of these means, of details below 8 pixels, is divided by the variance of all
    such details. The same is done with the absolute differences to the next column and the next
    row, which reveal cells with different content but the same edges. The result is the mean of the
    three. Random texture has 1/16 by chance, an exact repetition 1.

    Args:
        image: luminance, ``(1, 1, H, W)`` in 0..1.
        content: luminance of the photo, likewise; areas with a standard deviation below 0.03 are
            flat.

    Returns:
        The share, 0..1; NaN if no window is flat or has details, or a side is below 40 pixels.
    """
    height, width = (side // 8 * 8 for side in image.shape[2:])
    if min(height, width) < 40:
        return nan
    image, content = image[..., :height, :width], content[..., :height, :width]
    middle = slice(4, -4)  # without the margin that the mean of 8 pixels needs
    maps = _colors_and_steps(image)
    details = maps[..., middle, middle] - F.avg_pool2d(maps, 8, stride=1)[..., :-1, :-1]
    cells = F.pixel_unshuffle(details, 8)
    repeated = _mean_of_places(F.avg_pool2d(cells, 4, stride=1).square())
    all_details = F.avg_pool2d(_mean_of_places(cells.square()), 4, stride=1)
    content = content[..., middle, middle]
    mean, square = (F.avg_pool2d(x, 32, stride=8)[0, 0] for x in (content, content.square()))
    flat = square - mean.square() < 0.03**2
    if not flat.any() or all_details[0, flat].mean() < 1e-8:
        return nan
    return fmean(
        float(some[flat].mean() / every[flat].mean())
        for some, every in zip(repeated, all_details, strict=True)
    )


def _colors_and_steps(image: Tensor) -> Tensor:
    """Return the channels and their absolute differences to the next column and the next row.

    The differences past the last column and row are 0. ``(B, C, H, W)`` to ``(B, 3C, H, W)``.
    """
    image = image.float()
    right = F.pad(image.diff(dim=3).abs(), (0, 1))
    down = F.pad(image.diff(dim=2).abs(), (0, 0, 0, 1))
    return torch.cat([image, right, down], dim=1)


def _mean_of_places(cells: Tensor) -> Tensor:
    """Return the means over the 64 positions of a cell, ``(1, 64C, h, w)`` to ``(C, h, w)``."""
    return cells.reshape(-1, 64, *cells.shape[2:]).mean(dim=1)
