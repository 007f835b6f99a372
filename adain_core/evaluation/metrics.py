"""Metrics of an image: distances to photo and artwork, in VGG features and in pixels.

Levels are the features of the normalized VGG-19 at relu1_1, relu2_1, relu3_1 and relu4_1;
statistics are the channel means and standard deviations of each level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import Tensor

from ..functional import EPSILON, Statistics, channel_statistics

# Palette: side of the cells, pixels, and directions, one of each opposite pair.
_CELL = 8
_DIRECTIONS = [each for each in product((-1, 0, 1), repeat=3) if each > (0, 0, 0)]


def style_distance(statistics: Sequence[Statistics], targets: Sequence[Statistics]) -> float:
    """Return the distance between the statistics of an image and an artwork (equation 13).

    Args:
        statistics: statistics of the image, mean and std of each level, ``(1, C_l)`` each.
        targets: those of the artwork.

    Returns:
        Mean squared differences over channels, of means and of stds, summed over levels; 0 or more.
    """
    return sum(
        float(F.mse_loss(mean, target_mean) + F.mse_loss(std, target_std))
        for (mean, std), (target_mean, target_std) in zip(statistics, targets, strict=True)
    )


def balanced_style_distance(
    statistics: Sequence[Statistics], targets: Sequence[Statistics]
) -> float:
    """Return the distance to an artwork's statistics, normalized for each artwork and level.

    The squared difference of each level is divided by the sum of the squared statistics of both
    images, its upper bound (Cheng et al., "Style-Aware Normalized Loss for Improving Arbitrary
    Style Transfer", CVPR 2021).

    Args:
        statistics: statistics of the image, mean and std of each level, ``(1, C_l)`` each.
        targets: those of the artwork.

    Returns:
        The sum over levels, from 0 to their number.
    """
    total = 0.0
    for own, target in zip(statistics, targets, strict=True):
        values, wanted = torch.cat(own, dim=1), torch.cat(target, dim=1)
        bound = values.square().sum() + wanted.square().sum()
        total += float((values - wanted).square().sum() / bound.clamp_min(EPSILON))
    return total


def perceptual_distance(levels: Sequence[Tensor], photo_levels: Sequence[Tensor]) -> Tensor:
    """Return how much of the photo's structure is lost, regardless of colors and contrast.

    The features of both images are normalized to length 1 at each position (as in LPIPS; Zhang et
    al., CVPR 2018, without learned weights).

    Args:
        levels: levels of the image, ``(B, C_l, h_l, w_l)`` each.
        photo_levels: those of the photo, the same shapes.

    Returns:
        Squared differences summed over channels, averaged over positions and summed over levels;
        from 0 to twice the number of levels. A scalar, float32, differentiable.
    """
    total = torch.zeros((), device=levels[0].device)
    for level, photo_level in zip(levels, photo_levels, strict=True):
        cosine = F.cosine_similarity(level.float(), photo_level.float(), dim=1, eps=1e-8)
        silent = (level.abs().sum(dim=1) == 0) & (photo_level.abs().sum(dim=1) == 0)
        total = total + (2 - 2 * cosine).masked_fill(silent, 0).mean()
    return total


def palette_distance(image: Tensor, artwork: Tensor) -> Tensor:
    """Return how far the colors of an image are from those of an artwork.

    The statistics of features hardly see colors: a gray engraving may leave trees green. Here, mean
    and standard deviation are compared along 13 directions of the color cube, which determine the
    covariance of the colors (sliced 2-Wasserstein distance of Gaussians; Bonneel et al., "Sliced
    and Radon Wasserstein Barycenters of Measures", 2015); of pixels, and of means over 8x8 pixels.

    Args:
        image: RGB in 0..1, ``(B, 3, H, W)``, at least 8 pixels in both directions.
        artwork: RGB in 0..1, ``(B, 3, h, w)``, likewise.

    Returns:
        The squared distance, averaged over the batch, and over pixels and cells; 0 or more. A
        scalar, float32, differentiable.
    """
    total = torch.zeros((), device=image.device)
    for cell in (1, _CELL):
        (mean, std), (wanted_mean, wanted_std) = (
            channel_statistics(_along_directions(F.avg_pool2d(each.float(), cell)))
            for each in (image, artwork)
        )
        total = total + F.mse_loss(mean, wanted_mean) + F.mse_loss(std, wanted_std)
    # A mean over directions is a third of a squared length.
    return 3 * total / 2


def _along_directions(image: Tensor) -> Tensor:
    """Return colors ``(B, 3, H, W)`` projected on each direction, ``(B, 13, H, W)``."""
    red, green, blue = torch.split(image, 1, dim=1)
    return torch.cat(
        [(x * red + y * green + z * blue) / math.hypot(x, y, z) for x, y, z in _DIRECTIONS], dim=1
    )


def worst_tenth(values: Sequence[float]) -> float:
    """Return the mean of the largest tenth, at least one value: people remember failures.

    Args:
        values: one per image.
    """
    count = max(1, round(len(values) / 10))
    return fmean(sorted(values, key=lambda value: (math.isnan(value), value))[-count:])


def rms_change(image: Tensor, other: Tensor) -> float:
    """Return the root mean square difference of two images in 0..1, in levels of 255."""
    return 255 * float(F.mse_loss(image.float(), other.float()).sqrt())


def psnr(image: Tensor, reference: Tensor) -> float:
    """Return the peak signal-to-noise ratio of images in 0..1, dB."""
    return float(-10 * torch.log10(F.mse_loss(image.float(), reference.float())))


def ssim(image: Tensor, reference: Tensor) -> float:
    """Return the mean structural similarity (Wang et al. 2004; Gaussian of 11 pixels, σ 1.5).

    Args:
        image: ``(1, 1, H, W)`` in 0..1, at least 11 pixels in both directions.
        reference: the same shape.

    Returns:
        Up to 1, for equal images.
    """
    offsets = torch.arange(11, device=image.device) - 5
    gauss = torch.exp(-offsets.square() / (2 * 1.5**2))
    window = (gauss[:, None] * gauss / gauss.sum() ** 2)[None, None]

    def blur(x: Tensor) -> Tensor:
        return F.conv2d(x, window)

    mean, reference_mean = blur(image), blur(reference)
    variance = blur(image * image) - mean.square()
    reference_variance = blur(reference * reference) - reference_mean.square()
    covariance = blur(image * reference) - mean * reference_mean
    c1, c2 = 0.01**2, 0.03**2
    similarity = ((2 * mean * reference_mean + c1) * (2 * covariance + c2)) / (
        (mean.square() + reference_mean.square() + c1) * (variance + reference_variance + c2)
    )
    return float(similarity.mean())
