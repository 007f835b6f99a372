"""Removing the halos of a first pass.

AdaIN shifts whole channels, so the background next to an object gets another tone than the same
background farther away. A guided filter (He, Sun & Tang, "Guided Image Filtering", TPAMI 2013;
computed on cells of pixels, with the photo's color as guide) makes the low frequencies of what the
pass changed follow the photo, and keeps its strokes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ..functional import EVERYWHERE, Window, crop
from ..pixels import enlarge_window, mean_around
from .canvas import Canvas

# Side of a cell, pixels. In cells: radius of the mean that removes strokes, and of the window in
# which the tone is a linear function of the photo's color.
_CELL, _STROKE, _GROUND = 4, 2, 24
# Variance of the color in a window above which an edge separates tones.
_EDGE = 0.002
# Highest gain that restores the contrast of tones.
_CONTRAST = 2.0
# Pixels that are processed at a time.
_BAND = 2**16
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
    return HaloFilter(image, Canvas(photo), regions)(EVERYWHERE)


class HaloFilter:
    """Removes halos, as :func:`remove_halos` does, window by window.

    Args:
        image: as there; also with alpha, which is ignored.
        photo: as there.
        regions: as there.
    """

    def __init__(self, image: Tensor, photo: Canvas, regions: Tensor | None) -> None:
        self._image, self._photo, self._regions = image[:, :3], photo, regions
        cells = torch.cat([self._cells(band) for band in self.bands()], dim=3)
        self._corrections = [_Ground(each[:, :1]).correction(each[:, 1:]) for each in cells]

    def bands(self) -> Iterator[Window]:
        """Yield windows that cover the image, from top to bottom."""
        height, width = self._image.shape[2:]
        rows = max(1, _BAND // (_CELL * width)) * _CELL
        for top in range(0, height, rows):
            yield slice(top, min(height, top + rows)), slice(None)

    def __call__(self, window: Window) -> Tensor:
        """Return the image without halos in a window, ``(B, 3, h, w)``."""
        even = crop(self._image, window)
        for weight, cells in zip(self._weights(window), self._corrections, strict=True):
            have = (cells.shape[2], cells.shape[3])
            size = (have[0] * _CELL, have[1] * _CELL)
            change = enlarge_window(partial(crop, cells), have, size, window)
            # The last cells can end outside the image.
            even = even + weight * change[..., : even.shape[2], : even.shape[3]]
        return even.clamp(0, 1)

    def _weights(self, window: Window) -> list[Tensor]:
        """Return the weight of each region in a window, ``(B or 1, 1, h, w)``."""
        if self._regions is None:
            weights = torch.ones_like(crop(self._image[:1, :1], window))
        else:
            weights = crop(self._regions, window)
        if (opacity := self._photo.opacity) is not None:
            weights = weights * (crop(opacity, window).to(weights.device) > 0)
        return list(torch.split(weights, 1, dim=1))

    def _cells(self, window: Window) -> Tensor:
        """Return weight, photo and image in the cells of each region, ``(regions, B, 7, …)``."""
        image = crop(self._image, window)
        both = torch.cat([self._photo.colors(window, image.device), image], dim=1)
        cells = []
        for weight in self._weights(window):
            weight = weight.expand(len(image), -1, -1, -1)
            cells.append(_mean_of_cells(torch.cat([weight, weight * both], dim=1)))
        return torch.stack(cells)


class _Ground:
    """The guided filter of a region.

    Args:
        weight: of the region in each cell, ``(B, 1, rows, columns)``.
    """

    def __init__(self, weight: Tensor) -> None:
        self._region = weight

    def correction(self, colors: Tensor) -> Tensor:
        """Return the correction of each cell, ``(B, 3, rows, columns)``.

        Args:
            colors: of the photo and the image in each cell, times the weight, ``(B, 6, …)``.
        """
        colors = colors / self._region.clamp_min(_LEAST)
        guide, tones = (self._mean(each, _STROKE) for each in torch.split(colors, 3, dim=1))
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
        total = self._region.sum(dim=(2, 3), keepdim=True).clamp_min(_LEAST)
        mean = (self._region * cells).sum(dim=(2, 3), keepdim=True) / total
        square = (self._region * (cells - mean).square()).sum(dim=(2, 3), keepdim=True) / total
        return mean, square.sqrt()

    def _mean(self, cells: Tensor, radius: int) -> Tensor:
        total = mean_around(self._region * cells, radius)
        return total / mean_around(self._region, radius).clamp_min(_LEAST)


def _solve(matrix: Tensor, right: Tensor) -> Tensor:
    """Solve 3x3 equations at each place, ``(B, 3, 3, H, W)``, on devices without a solver, too."""
    one, two, three = matrix.unbind(dim=1)
    pairs = (two, three), (three, one), (one, two)
    cofactors = torch.stack([torch.linalg.cross(*pair, dim=1) for pair in pairs], dim=2)
    determinant = (one * cofactors[:, :, 0]).sum(dim=1)[:, None, None]
    return (cofactors[:, :, :, None] * right[:, None]).sum(dim=2) / determinant


def _mean_of_cells(maps: Tensor) -> Tensor:
    return F.avg_pool2d(maps, _CELL, ceil_mode=True)
