"""Halos, taken out of what a first pass changed.

AdaIN shifts whole channels, so the ground around an object gets another tone than the same ground
farther away. In the photo it has one tone. A guided filter (He, Sun & Tang, "Guided Image
Filtering", TPAMI 2013; in its fast form, on cells of pixels) makes the coarse part of the change
follow the photo, and leaves the strokes alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Side of a cell, pixels. In cells: radius of the mean that no stroke survives, and of the ground
# that has one tone.
_CELL, _STROKE, _GROUND = 4, 2, 24
# Variance of the photo's brightness from which an edge separates tones.
_EDGE = 0.01


def remove_halos(change: Tensor, photo: Tensor) -> Tensor:
    """Return a change whose tone is the same wherever the photo's is, nearby.

    Args:
        change: a drawn picture less the photo, levels of 255, ``(B, 3, H, W)``, int16.
        photo: RGB, the same shape, uint8.
    """
    # One channel at a time: all of them as floats would take more memory than the pass did.
    colors = [color.float() / 255 for color in torch.split(photo, 1, dim=1)]
    guide = sum(colors[1:], colors[0]) / len(colors)
    channels = [_even(each.float(), guide) for each in torch.split(change, 1, dim=1)]
    return torch.cat([each.round_().short() for each in channels], dim=1)


def _even(change: Tensor, guide: Tensor) -> Tensor:
    tone, brightness = _mean(_cells(change), _STROKE), _cells(guide)
    mean, center = _mean(tone, _GROUND), _mean(brightness, _GROUND)
    covariance = _mean(brightness * tone, _GROUND) - center * mean
    variance = _mean(brightness.square(), _GROUND) - center.square()
    slope = covariance / (variance.clamp_min(0) + _EDGE)
    offset = mean - slope * center
    slope, offset, tone = (
        _pixels(cells, change) for cells in (_mean(slope, _GROUND), _mean(offset, _GROUND), tone)
    )
    return change - tone + slope * guide + offset


def _cells(maps: Tensor) -> Tensor:
    return F.avg_pool2d(maps, _CELL, ceil_mode=True)


def _pixels(cells: Tensor, like: Tensor) -> Tensor:
    """Return cells as pixels, as many as something has."""
    height, width = like.shape[2:]
    pixels = F.interpolate(cells, scale_factor=float(_CELL), mode="bilinear", align_corners=False)
    return pixels[:, :, :height, :width]


def _mean(maps: Tensor, radius: int) -> Tensor:
    """Return the mean over a square around each place, reflected at the border."""
    down, right = (min(radius, length - 1) for length in maps.shape[2:])
    maps = F.pad(maps, (right, right, down, down), mode="reflect")
    maps = F.avg_pool2d(maps, (2 * down + 1, 1), stride=1)
    return F.avg_pool2d(maps, (1, 2 * right + 1), stride=1)
