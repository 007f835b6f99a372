"""Strokes of a pass: what the next pass starts from, and what stays under it.

A pass starts from the strokes of the one before, mixed with the photo: with more of it where they
hide what it shows, such as eyes.

Where the photo has no detail beyond the resolution of the smaller pass, the next pass adds only
high frequencies, like a level of a Laplacian pyramid, so that a large image looks like a small one.
Where it has, as in windows, the next pass replaces the strokes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..color.palettes import ColorMatch
from ..pixels import as_float, as_uint8, mean_around, reduce_uint8
from .canvas import Underpainting

# Side of the cells, pixels, and radius of the windows of cells in which structure is compared;
# standard deviation of the unseen brightness at which the odds of the photo double.
_CELL, _WINDOW, _UNSEEN = 2, 2, 0.045
# Radius in which an area is flat, pixels, and standard deviation of what half remains of.
_NEAR, _NOISE = 4, 2 / 255
# Least variance of an image that shows something.
_LEAST = 1e-6
# Standard deviation of the brightness within a cell of pixels at which half of a stroke stays.
_DETAIL = 0.03
# Radius of the mean over pairs of cells, so that a stroke stays as a whole or not at all.
_REACH = 1
# Rows of pixels, or of pairs of cells, that are converted to float at a time.
_BAND = 32


@dataclass(frozen=True, eq=False)
class Strokes:
    """The result of a pass, and how much of it stays.

    Attributes:
        image: the result, ``(B, 3, h, w)``, uint8.
        kept: share that stays at each place, ``(B, 1, rows, columns)``, float32, 0..1.
    """

    image: Tensor
    kept: Tensor

    @classmethod
    def over(cls, photo: Tensor, image: Tensor) -> Strokes:
        """Return the strokes that stay under the next pass.

        Args:
            photo: at the size of the next pass, ``(B, 3|4, H, W)``, float in 0..1 or uint8.
            image: the result of the smaller pass, ``(B, 3, h, w)``, likewise.
        """
        side = max(2, round(photo.shape[2] / image.shape[2]))
        variance = mean_around(_variance(photo, side), _REACH).clamp_min(0)
        return cls(as_uint8(image), 1 / (1 + variance / _DETAIL**2))

    def under(self, result: Tensor) -> Underpainting:
        """Return the result of the next pass with the strokes under it.

        Args:
            result: the result, ``(B, 3|4, H, W)``, float in 0..1 or uint8.
        """
        reduced = reduce_uint8(result[:, :3], (self.image.shape[2], self.image.shape[3]))
        return Underpainting(result, self.image, reduced, self.kept)

    def to(self, device: torch.device) -> Strokes:
        """Return the strokes on another device."""
        return Strokes(self.image.to(device), self.kept.to(device))

    @classmethod
    def join(cls, batches: Iterable[Strokes]) -> Strokes:
        """Return the strokes of several batches as those of one."""
        images, kept = zip(*((each.image, each.kept) for each in batches), strict=True)
        return cls(torch.cat(images), torch.cat(kept))


def underpaint(
    photo: Tensor,
    image: Tensor,
    reduced: Tensor,
    photo_share: float,
    match: ColorMatch | None = None,
) -> Underpainting:
    """Return the input of a pass: the strokes of the one before, mixed with the photo.

    Args:
        photo: at the size of the pass, ``(B, 3|4, H, W)``, float in 0..1 or uint8.
        image: the result of the smaller pass, ``(B, 3, h, w)``, likewise.
        reduced: the photo at that size, ``(B, 3|4, h, w)``, likewise.
        photo_share: share of the photo where the strokes show all of it, 0..1; elsewhere more, but
            at 0 none.
        match: gives the photo the colors of the artworks; ``reduced`` has them already.
    """
    image, reduced = as_uint8(image), as_uint8(reduced[:, :3])
    share = (1 - photo_share) / (1 + photo_share * _unseen(reduced, image) / _UNSEEN**2)
    return Underpainting(photo, suppress_noise(image), reduced, share, match)


def suppress_noise(image: Tensor) -> Tensor:
    """Return an image whose flat areas are smooth, and its strokes as they are.

    A pass leaves rounding errors of a level there, which the next one would turn into lines.

    Args:
        image: ``(B, 3, h, w)``, uint8.

    Returns:
        The same shape, float16 in 0..1.
    """
    height, calm = image.shape[2], []
    for top in range(0, height, _BAND):
        start = max(0, top - _NEAR)
        part = as_float(image[:, :, start : top + _BAND + _NEAR])
        mean = mean_around(part, _NEAR)
        variance = mean_around(part.square(), _NEAR) - mean.square()
        energy = variance.mean(dim=1, keepdim=True).clamp_min(0).square()
        part = torch.lerp(mean, part, energy / (energy + _NOISE**4))
        calm.append(part[:, :, top - start :][:, :, :_BAND].half())
    return torch.cat(calm, dim=2)


def _unseen(photo: Tensor, image: Tensor) -> Tensor:
    """Return the variance of a photo's brightness that another image does not show, in each cell.

    That is the part that no increasing linear function of the image's brightness nearby explains.
    """
    shown, other = (_cells(each) for each in (photo, image))
    mean, center = (mean_around(cells, _WINDOW) for cells in (shown, other))
    variance = mean_around(shown.square(), _WINDOW) - mean.square()
    spread = mean_around(other.square(), _WINDOW) - center.square()
    common = mean_around(shown * other, _WINDOW) - mean * center
    common = common.clamp_min(0).square() / spread.clamp_min(_LEAST)
    return (variance - common).clamp_min(0)


def _cells(image: Tensor) -> Tensor:
    """Return the mean brightness of each cell, ``(B, 1, rows, columns)``."""
    bands = _brightness(image, _CELL * _BAND)
    return torch.cat([F.avg_pool2d(band, _CELL, ceil_mode=True) for band in bands], dim=2)


def _variance(photo: Tensor, side: int) -> Tensor:
    """Return the variance of the brightness in square cells, averaged over 2x2 of them."""
    variances = []
    for brightness in _brightness(photo, 2 * side * _BAND):
        mean, square = (
            F.avg_pool2d(maps, side, ceil_mode=True) for maps in (brightness, brightness.square())
        )
        variances.append(F.avg_pool2d(square - mean.square(), 2, ceil_mode=True))
    return torch.cat(variances, dim=2)


def _brightness(image: Tensor, rows: int) -> Iterator[Tensor]:
    """Yield bands of so many rows of the brightness, ``(B, 1, rows, W)``, float32."""
    for band in torch.split(image, rows, dim=2):
        brightness = as_float(band[:, :3]).mean(dim=1, keepdim=True)
        if band.shape[1] == 4:  # transparent pixels have no detail
            brightness = torch.where(band[:, 3:] > 0, brightness, 0.5)
        yield brightness
