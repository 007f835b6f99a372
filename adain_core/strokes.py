"""Keeping the large strokes of a smaller pass under the fine ones of the next.

Where the photo has no detail that the smaller pass could not see, the next pass adds high
frequencies alone, as one adds a level to a Laplacian pyramid; so a large image looks like a small
one. Where it has, as in eyes and windows, the next pass draws anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .canvas import Underpainting
from .halos import mean_around
from .pixels import as_float, as_uint8, reduce_uint8

# Standard deviation of the brightness within a cell of pixels at which half of a stroke stays.
_DETAIL = 0.03
# Radius of the mean over pairs of cells, so that a stroke stays as a whole or not at all.
_REACH = 1
# Rows of pairs of cells that are converted to float at a time.
_BAND = 32


@dataclass(frozen=True, eq=False)
class Strokes:
    """A smaller pass, and how much of it stays.

    Attributes:
        drawn: the pass, ``(B, 3, h, w)``, uint8.
        kept: share of each place that stays, ``(B, 1, rows, columns)``, float32, 0..1.
    """

    drawn: Tensor
    kept: Tensor

    @classmethod
    def over(cls, photo: Tensor, drawn: Tensor) -> Strokes:
        """Return the strokes of a smaller pass under the next one.

        Args:
            photo: at the size of the next pass, ``(B, 3|4, H, W)``, float in 0..1 or uint8.
            drawn: the smaller pass, ``(B, 3, h, w)``, likewise.
        """
        side = max(2, round(photo.shape[2] / drawn.shape[2]))
        variance = mean_around(_variance(photo, side), _REACH).clamp_min(0)
        return cls(as_uint8(drawn), 1 / (1 + variance / _DETAIL**2))

    def under(self, picture: Tensor) -> Underpainting:
        """Return the next pass with the strokes under it.

        Args:
            picture: the next pass, ``(B, 3|4, H, W)``, float in 0..1 or uint8.
        """
        reduced = reduce_uint8(picture[:, :3], (self.drawn.shape[2], self.drawn.shape[3]))
        return Underpainting(picture, self.drawn, reduced, self.kept)

    def to(self, device: torch.device) -> Strokes:
        """Return them on another device."""
        return Strokes(self.drawn.to(device), self.kept.to(device))

    @classmethod
    def join(cls, batches: Iterable[Strokes]) -> Strokes:
        """Return the strokes of several batches as those of one."""
        drawn, kept = zip(*((each.drawn, each.kept) for each in batches), strict=True)
        return cls(torch.cat(drawn), torch.cat(kept))


def _variance(photo: Tensor, side: int) -> Tensor:
    """Return the variance of the brightness in cells of so many pixels, for each 2x2 of them."""
    variances = []
    for band in torch.split(photo, 2 * side * _BAND, dim=2):
        brightness = as_float(band[:, :3]).mean(dim=1, keepdim=True)
        if band.shape[1] == 4:  # what is hidden has no detail
            brightness = torch.where(band[:, 3:] > 0, brightness, 0.5)
        mean, square = (
            F.avg_pool2d(maps, side, ceil_mode=True) for maps in (brightness, brightness.square())
        )
        variances.append(F.avg_pool2d(square - mean.square(), 2, ceil_mode=True))
    return torch.cat(variances, dim=2)
