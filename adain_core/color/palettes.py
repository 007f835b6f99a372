"""Palettes: the colors of an image as mean and covariance, and maps from one to another.

AdaIN leaves many of the photo's hues: trees stay green in the style of a gray engraving. Coarse to
fine therefore stylizes the photo in the colors of the artwork.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..functional import Palette, Statistics, Window
from ..masks import resize_mask
from ..pixels import as_float, widen
from .methods import transport_matrix

# Rows of pixels whose moments are added up at a time.
_BAND = 256
# Least weight of all pixels together, in pixels: a smaller region has no palette.
_LEAST = 1e-3
# Sums of two channels; their variances and those of the channels determine the covariance.
_PAIRS = ((0, 1), (0, 2), (1, 2))
# Of a style without a palette, with which photos keep their colors.
NO_PALETTE: Palette = (torch.zeros(0, device="cpu"), torch.zeros(0, device="cpu"))


def measure_palette(images: Tensor, weight: Tensor | None = None) -> Palette:
    """Return the mean and covariance of the visible colors of images.

    Args:
        images: ``(B, 3|4, H, W)``, float in 0..1 or uint8; transparent pixels do not count.
        weight: weight of each pixel, ``(B or 1, 1, h, w)``, 0 or more; any resolution.

    Returns:
        ``(B, 3)`` and ``(B, 3, 3)``, float64, on the CPU. Without any weight: of all pixels.
    """
    size = (images.shape[2], images.shape[3])
    ones = images.new_ones((len(images), 1, *size), dtype=torch.float32)
    visible = ones if images.shape[1] == 3 else (images[:, 3:] > 0).float()
    both = visible if weight is None else visible * resize_mask(weight.to(images.device), size)
    enough = both.sum(dim=(1, 2, 3), keepdim=True) > _LEAST
    total, first, second = _moments(images[:, :3], torch.where(enough, both, ones))
    mean = first / total
    covariance = second / total[:, :, None] - mean[:, :, None] * mean[:, None]
    return mean + 0.5, covariance


def _moments(colors: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sums of weights ``(B, 1)``, of weighted colors less 0.5, and of their products."""
    sums: list[Tensor] = []
    for part, share in zip(
        torch.split(colors, _BAND, dim=2), torch.split(weight, _BAND, dim=2), strict=True
    ):
        pixels, shares = widen(as_float(part) - 0.5).flatten(2), widen(share).flatten(2)
        weighted = shares * pixels
        row = torch.cat([shares.sum(2), weighted.sum(2), (weighted @ pixels.mT).flatten(1)], dim=1)
        # The 3x3 algebra runs on the CPU: not every device has eigenvalues or float64.
        sums.append(row.cpu().double())
    total, first, second = torch.split(torch.stack(sums).sum(dim=0), [1, 3, 9], dim=1)
    return total, first, second.view(-1, 3, 3)


def mix_palettes(palettes: Sequence[Palette], shares: Tensor) -> Palette:
    """Return weighted means of palettes.

    Args:
        palettes: ``N`` palettes without a batch.
        shares: ``(B, N)``; each row sums to 1.

    Returns:
        A palette for each row, float64.
    """
    means, covariances = (torch.stack(each) for each in zip(*palettes, strict=True))
    shares = shares.cpu()
    mean = (shares[:, :, None] * means).sum(dim=1)
    covariance = (shares[:, :, None, None] * covariances).sum(dim=1)
    return mean.double(), covariance.double()


@dataclass(frozen=True)
class ColorMap:
    """An affine map of colors for each image of a batch.

    Attributes:
        matrix: ``(B, 3, 3)``, float32.
        offset: ``(B, 3, 1)``, float32.
    """

    matrix: Tensor
    offset: Tensor

    @classmethod
    def between(cls, source: Palette, target: Palette, strength: Tensor) -> ColorMap:
        """Return the map from one palette to another, see :func:`~adain_core.color.transport`.

        Args:
            source: of the images.
            target: of the artworks, for each image.
            strength: 0 keeps the colors, 1 is the full map, linear in between; ``(B,)``.
        """
        share = strength.double().cpu()[:, None, None]
        eye = torch.eye(3, dtype=torch.float64, device="cpu")
        # One by one, here and in a call: rounding must not depend on the number of images.
        pairs = zip(source[1], target[1], strict=True)
        matrix = torch.lerp(eye, torch.stack([transport_matrix(*pair) for pair in pairs]), share)
        own, wanted = source[0][:, :, None], target[0][:, :, None]
        offset = torch.lerp(own, wanted, share) - matrix @ own
        return cls(matrix.float(), offset.float())

    def __call__(self, colors: Tensor) -> Tensor:
        """Return mapped colors ``(B, 3, H, W)``, not clamped."""
        mapped = torch.empty_like(colors, memory_format=torch.contiguous_format)
        for each, image, matrix in zip(mapped, colors, self.matrix.to(colors), strict=True):
            torch.mm(matrix, image.flatten(1), out=each.flatten(1))
        return mapped.add_(self.offset.to(colors)[..., None])


class ColorMatch:
    """Gives photos the colors of the artworks, region by region.

    Args:
        maps: one for each region.
        weights: returns the weight of each region in a window of images of a height and width,
            ``(B or 1, 1, h, w)`` each; ``None``: one region everywhere.
    """

    def __init__(
        self,
        maps: Sequence[ColorMap],
        weights: Callable[[tuple[int, int], Window], Sequence[Tensor]] | None = None,
    ) -> None:
        self._maps, self._weights = maps, weights

    def __call__(self, colors: Tensor, size: tuple[int, int], window: Window) -> Tensor:
        """Return the colors of a window ``(B, 3, h, w)`` of images of this height and width."""
        if self._weights is None:
            return self._maps[0](colors).clamp_(0, 1)
        change = torch.zeros_like(colors)
        for color_map, weight in zip(self._maps, self._weights(size, window), strict=True):
            change += weight.to(colors) * (color_map(colors) - colors)
        return change.add_(colors).clamp_(0, 1)

    def mean(self, colors: Tensor) -> Tensor:
        """Return colors ``(B, 3, 1, 1)`` as all regions on average map them."""
        mapped = torch.stack([color_map(colors) for color_map in self._maps])
        return mapped.mean(dim=0).clamp(0, 1)


def along_directions(palette: Palette) -> Statistics:
    """Return mean and standard deviation of the channels and of sums of two, ``(B, 6)`` each.

    They determine the palette, and can be pooled over video frames one by one.
    """
    mean, covariance = palette
    variance = covariance.diagonal(dim1=-2, dim2=-1)
    sums = [mean[:, i] + mean[:, j] for i, j in _PAIRS]
    variances = [variance[:, i] + variance[:, j] + 2 * covariance[:, i, j] for i, j in _PAIRS]
    std = torch.cat([variance, torch.stack(variances, dim=1)], dim=1).clamp_min(0).sqrt()
    return torch.cat([mean, torch.stack(sums, dim=1)], dim=1), std


def from_directions(statistics: Statistics) -> Palette:
    """Undo :func:`along_directions`."""
    mean, variance = statistics[0][:, :3], statistics[1].square()
    covariance = torch.diag_embed(variance[:, :3])
    for place, (i, j) in enumerate(_PAIRS, start=3):
        product = (variance[:, place] - variance[:, i] - variance[:, j]) / 2
        covariance[:, i, j] = covariance[:, j, i] = product
    return mean, covariance
