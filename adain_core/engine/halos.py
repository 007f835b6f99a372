"""Removing the halos of a first pass.

AdaIN shifts whole channels, so the ground around an object gets another tone than the same ground
farther away. A guided filter (He, Sun & Tang, "Guided Image Filtering", TPAMI 2013; computed on
cells of pixels, with the photo's color as guide) makes the low frequencies of what the pass changed
follow the photo, and keeps its strokes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..pixels import as_float, mean_around

# Side of a cell, pixels. In cells: radius of the mean that removes strokes, and of the window in
# which the tone is a linear function of the photo's color.
_CELL, _STROKE, _GROUND = 4, 2, 24
# Variance of the color in a window above which an edge separates tones.
_EDGE = 0.002
# Highest gain that restores the contrast of tones.
_CONTRAST = 2.0
# Least weight of a cell and deviation of tones: nothing is divided by 0.
_LEAST = 1e-6


def remove_halos(image: Tensor, photo: Tensor, regions: Tensor | None = None) -> Tensor:
    """Return a stylized image without halos: apart from strokes, uniform ground has one tone.

    Args:
        image: the stylized image, ``(B, 3, H, W)``, float32 in 0..1.
        photo: the same size, ``(B, 3|4, H, W)``, float in 0..1 or uint8. Transparent pixels do not
            count.
        regions: weight of each region with its own style, ``(B or 1, regions, H, W)``, float32;
            they add up to at most 1, and pixels outside them stay. ``None``: one region.

    Returns:
        ``(B, 3, H, W)``, float32 in 0..1.
    """
    if regions is None:
        regions = torch.ones_like(image[:1, :1])
    if photo.shape[1] == 4:
        regions = regions * (photo[:, 3:] > 0)
    even = image
    for weight in torch.split(regions, 1, dim=1):
        even = even + weight * _pixels(_Ground(weight).correction(image, photo[:, :3]), image)
    return even.clamp(0, 1)


class _Ground:
    """The guided filter of a region.

    Args:
        weight: of the region at each pixel, ``(B or 1, 1, H, W)``.
    """

    def __init__(self, weight: Tensor) -> None:
        self._region, self._cells = weight, _cells(weight)

    def correction(self, image: Tensor, photo: Tensor) -> Tensor:
        """Return the correction of each cell, ``(B, 3, rows, columns)``."""
        guide, tones = (self._mean(self._colors(each), _STROKE) for each in (photo, image))
        even = guide + self._filter(guide, tones - guide)
        # A regression has less contrast than its target.
        (mean, deviation), (_, wanted) = self._statistics(even), self._statistics(tones)
        gain = (wanted / deviation.clamp_min(_LEAST)).clamp(1, _CONTRAST)
        return mean + gain * (even - mean) - tones

    def _filter(self, guide: Tensor, change: Tensor) -> Tensor:
        """Return a change as a linear function of the guide in each window."""
        both = torch.cat([guide, change], dim=1)
        center = self._mean(both, _GROUND)
        products = guide[:, :, None] * both[:, None]  # of each color with each
        covariance = self._mean(products.flatten(1, 2), _GROUND).view_as(products)
        covariance = covariance - center[:, :3, None] * center[:, None]
        ridge = _EDGE * torch.eye(3, device=guide.device, dtype=guide.dtype)[:, :, None, None]
        slope = _solve(covariance[:, :, :3] + ridge, covariance[:, :, 3:])
        offset = center[:, 3:] - (slope * center[:, :3, None]).sum(dim=1)
        slope = self._mean(slope.flatten(1, 2), _GROUND).view_as(slope)
        even: Tensor = (slope * guide[:, :, None]).sum(dim=1) + self._mean(offset, _GROUND)
        return even

    def _statistics(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        total = self._cells.sum(dim=(2, 3), keepdim=True).clamp_min(_LEAST)
        mean = (self._cells * cells).sum(dim=(2, 3), keepdim=True) / total
        square = (self._cells * (cells - mean).square()).sum(dim=(2, 3), keepdim=True) / total
        return mean, square.sqrt()

    def _colors(self, image: Tensor) -> Tensor:
        """Return the mean color of each cell."""
        colors = [_cells(self._region * as_float(each)) for each in torch.split(image, 1, dim=1)]
        return torch.cat(colors, dim=1) / self._cells.clamp_min(_LEAST)

    def _mean(self, cells: Tensor, radius: int) -> Tensor:
        total = mean_around(self._cells * cells, radius)
        return total / mean_around(self._cells, radius).clamp_min(_LEAST)


def _solve(matrix: Tensor, right: Tensor) -> Tensor:
    """Solve 3x3 equations at each place, ``(B, 3, 3, H, W)``, on devices without a solver, too."""
    one, two, three = matrix.unbind(dim=1)
    pairs = (two, three), (three, one), (one, two)
    cofactors = torch.stack([torch.linalg.cross(*pair, dim=1) for pair in pairs], dim=2)
    determinant = (one * cofactors[:, :, 0]).sum(dim=1)[:, None, None]
    return (cofactors[:, :, :, None] * right[:, None]).sum(dim=2) / determinant


def _cells(maps: Tensor) -> Tensor:
    return F.avg_pool2d(maps, _CELL, ceil_mode=True)


def _pixels(cells: Tensor, like: Tensor) -> Tensor:
    """Enlarge cells to the size of other maps."""
    height, width = like.shape[2:]
    pixels = F.interpolate(cells, scale_factor=float(_CELL), mode="bilinear", align_corners=False)
    return pixels[:, :, :height, :width]
