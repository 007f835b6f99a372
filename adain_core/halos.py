"""Removing the halos of a first pass.

AdaIN shifts whole channels, so the ground around an object gets another tone than the same ground
farther away. A guided filter (He, Sun & Tang, "Guided Image Filtering", TPAMI 2013; computed on
cells of pixels) makes the low frequencies of what the pass changed follow the photo, and keeps its
strokes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .pixels import as_uint8

# Side of a cell, pixels. In cells: radius of the mean that removes strokes, and of the window in
# which the tone is a linear function of the photo's brightness.
_CELL, _STROKE, _GROUND = 4, 2, 24
# Variance of the brightness in a window above which an edge separates tones.
_EDGE = 0.01


def remove_halos(drawn: Tensor, photo: Tensor) -> Tensor:
    """Return a stylized image that differs from the photo alike wherever the photo is uniform.

    Strokes apart.

    Args:
        drawn: the stylized image, ``(B, 3, H, W)``, uint8.
        photo: RGB, the same shape, uint8.

    Returns:
        ``(B, 3, H, W)``, uint8.
    """
    # One channel at a time: all of them as floats would take more memory than the pass did.
    colors = [color.float() / 255 for color in torch.split(photo, 1, dim=1)]
    guide = sum(colors[1:], colors[0]) / len(colors)
    channels = [
        color + _even(each.float() / 255 - color, guide)
        for color, each in zip(colors, torch.split(drawn, 1, dim=1), strict=True)
    ]
    return torch.cat([as_uint8(each) for each in channels], dim=1)


def _even(change: Tensor, guide: Tensor) -> Tensor:
    tone, brightness = mean_around(_cells(change), _STROKE), _cells(guide)
    mean, center = mean_around(tone, _GROUND), mean_around(brightness, _GROUND)
    covariance = mean_around(brightness * tone, _GROUND) - center * mean
    variance = mean_around(brightness.square(), _GROUND) - center.square()
    slope = covariance / (variance.clamp_min(0) + _EDGE)
    offset = mean - slope * center
    slope, offset = (mean_around(cells, _GROUND) for cells in (slope, offset))
    slope, offset, tone = (_pixels(cells, change) for cells in (slope, offset, tone))
    return change - tone + slope * guide + offset


def _cells(maps: Tensor) -> Tensor:
    return F.avg_pool2d(maps, _CELL, ceil_mode=True)


def _pixels(cells: Tensor, like: Tensor) -> Tensor:
    """Enlarge cells to the size of other maps."""
    height, width = like.shape[2:]
    pixels = F.interpolate(cells, scale_factor=float(_CELL), mode="bilinear", align_corners=False)
    return pixels[:, :, :height, :width]


def mean_around(maps: Tensor, radius: int) -> Tensor:
    """Return the mean over a square around each place of ``(B, C, H, W)``, reflected at borders."""
    down, right = (min(radius, length - 1) for length in maps.shape[2:])
    maps = F.pad(maps, (right, right, down, down), mode="reflect")
    maps = F.avg_pool2d(maps, (2 * down + 1, 1), stride=1)
    return F.avg_pool2d(maps, (1, 2 * right + 1), stride=1)
