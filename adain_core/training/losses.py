"""The losses: those of the paper (section 6, equations 11 to 13), and additions for slim models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..functional import EPSILON, Statistics

# Imitation: pixels differ by about 0.02 where features differ by 1; this balances both.
_PIXEL_WEIGHT = 100.0
# Imitation: means over 8x8 pixels, because the VGG hardly sees halos around high contrast.
_HALO_WEIGHT, _HALO_CELL = 800.0, 8
# Smoothness: sides of the averaged cells, pixels; distances between compared cells, in cells; and
# the contrast of the photo above which an edge may appear.
_SMOOTH_CELLS, _SMOOTH_DISTANCES, _SMOOTH_CONTRAST = (8, 16), (1, 2), 0.04


def _at_least_float32(features: Tensor) -> torch.dtype:
    return torch.promote_types(features.dtype, torch.float32)


class _ChannelStatistics(torch.autograd.Function):
    """:func:`~adain_core.functional.channel_statistics` with an explicit gradient.

    Autograd would read each map a dozen times in float32 for the variance.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Statistics:
        values = features.permute(0, 2, 3, 1).flatten(1, 2)  # a view in channels_last
        values = values.to(_at_least_float32(features))
        mean = values.mean(dim=1)
        std = ((values - mean[:, None]).square_().mean(dim=1) + EPSILON).sqrt()
        ctx.save_for_backward(features, mean, std)
        return mean, std

    @staticmethod
    def backward(ctx: Any, mean_gradient: Tensor, std_gradient: Tensor) -> Tensor:
        features, mean, std = ctx.saved_tensors
        # dμ/dx = 1/N, dσ/dx = (x − μ) / (σ N)
        count = features.shape[2] * features.shape[3]
        scale = std_gradient / (std * count)
        shift = mean_gradient / count - scale * mean
        scale, shift = (v.to(features.dtype)[:, :, None, None] for v in (scale, shift))
        return torch.addcmul(shift, features, scale)


_statistics: Callable[[Tensor], Statistics] = _ChannelStatistics.apply


class _MeanSquaredDifference(torch.autograd.Function):
    """Mean squared difference in the features' own dtype, summed in float32.

    PyTorch's function needs copies in float32.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor) -> Tensor:
        difference = features - target
        ctx.save_for_backward(difference)
        norm: Tensor = torch.linalg.vector_norm(difference, dtype=_at_least_float32(difference))
        return norm.square() / difference.numel()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (difference,) = ctx.saved_tensors
        scale = 2 * gradient / difference.numel()
        return difference * scale.to(difference.dtype), None


_mean_squared_difference: Callable[[Tensor, Tensor], Tensor] = _MeanSquaredDifference.apply


def level_statistics(levels: Sequence[Tensor]) -> list[Statistics]:
    """Return mean and std of each level, each ``(B, C_l)``; differentiable once.

    Statistics and losses are float32, or float64 for float64 features.
    """
    return [_statistics(level) for level in levels]


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared difference of relu4_1 to the AdaIN target (equation 12, as a mean).

    Args:
        features: relu4_1 of the output, ``(B, C, h, w)``.
        target: features that the decoder received, the same shape, or one for all.

    Returns:
        A scalar, float32.

    Raises:
        ValueError: the shapes do not match.
    """
    return _mean_square(features, target)


def mean_squared_difference(features: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared difference, without float32 copies of large maps.

    Args:
        features: any shape.
        target: the same shape; gets no gradient.

    Returns:
        A scalar, float32.
    """
    return _mean_squared_difference(features, target)


def imitation_loss(
    image: Tensor, levels: Sequence[Tensor], teacher: Tensor, teacher_levels: Sequence[Tensor]
) -> Tensor:
    """Return the difference to a teacher's image: pixels, their means over 8x8, and VGG levels.

    Args:
        image: image of the student, RGB ``(B, 3, H, W)``.
        levels: its VGG levels, each ``(B, C_l, h_l, w_l)``.
        teacher: image of the teacher, RGB in 0..1, ``(B, 3, H, W)``, float32.
        teacher_levels: its VGG levels, as ``levels``.

    Returns:
        A scalar, float32.
    """
    difference = image.to(_at_least_float32(image)) - teacher
    halos = F.avg_pool2d(difference, _HALO_CELL).square().mean()
    total = _PIXEL_WEIGHT * difference.square().mean() + _HALO_WEIGHT * halos
    for level, wanted in zip(levels, teacher_levels, strict=True):
        total = total + mean_squared_difference(level, wanted)
    return total


def style_loss(levels: Sequence[Tensor], targets: Sequence[Statistics]) -> Tensor:
    """Return squared differences of channel means and stds, summed over levels (equation 13).

    Args:
        levels: relu1_1, 2_1, 3_1 and 4_1 of the output, each ``(B, C_l, h_l, w_l)``.
        targets: the styles' statistics at the same levels, ``(B, C_l)``, or ``(1, C_l)`` for all.

    Returns:
        A scalar, float32; a mean over channels, as in pytorch-AdaIN.

    Raises:
        ValueError: the shapes or the numbers of levels do not match.
    """
    if not len(levels) == len(targets) > 0:
        raise ValueError(
            f"expected statistics of every level, got {len(targets)} for {len(levels)} levels; "
            "take both from the same network's levels"
        )
    total = levels[0].new_zeros((), dtype=targets[0][0].dtype)
    for (mean, std), (target_mean, target_std) in zip(
        level_statistics(levels), targets, strict=True
    ):
        total = total + _mean_square(mean, target_mean) + _mean_square(std, target_std)
    return total


def balanced_style_loss(levels: Sequence[Tensor], targets: Sequence[Statistics]) -> Tensor:
    """Return the style loss normalized for each style and level.

    The squared difference of each level is divided by the sum of the squared statistics of both
    images, its upper bound (Cheng et al., "Style-Aware Normalized Loss for Improving Arbitrary
    Style Transfer", CVPR 2021). The divisor gets no gradient, so that larger statistics do not
    lower the loss.

    Args:
        levels: relu1_1, 2_1, 3_1 and 4_1 of the output, each ``(B, C_l, h_l, w_l)``.
        targets: the styles' statistics at the same levels, ``(B, C_l)``.

    Returns:
        A scalar, float32, 0 to the number of levels: the mean over samples, summed over levels.
    """
    total = levels[0].new_zeros((), dtype=targets[0][0].dtype)
    for statistics, wanted in zip(level_statistics(levels), targets, strict=True):
        own, target = torch.cat(statistics, dim=1), torch.cat(wanted, dim=1)
        bound = own.detach().square().sum(dim=1) + target.square().sum(dim=1)
        total = total + ((own - target).square().sum(dim=1) / bound.clamp_min(EPSILON)).mean()
    return total


def smoothness_loss(image: Tensor, photo: Tensor) -> Tensor:
    """Return how much a blurred image varies where the blurred photo hardly does.

    AdaIN shifts whole channels, so its target has halos around objects on plain ground, which the
    photo has not. Images are averaged over cells of k×k pixels, k = 8 and 16. The loss is the
    squared difference of cells at a distance of 1 and 2 cells, along rows and columns, as a mean
    weighted by ``exp(-(g / 0.04)²)``, where g is the largest difference of the photo's channels
    between the same cells; summed over these eight cases.

    Args:
        image: RGB, ``(B, 3, H, W)``.
        photo: RGB in 0..1, the same shape.

    Returns:
        A scalar, float32, 0 or more; 0 for one color. Cases that do not fit into the image count 0.
    """
    image, photo = (each.to(_at_least_float32(each)) for each in (image, photo))
    total = image.new_zeros(())
    for cell in _SMOOTH_CELLS:
        if cell > min(image.shape[2:]):
            continue
        cells, photo_cells = (F.avg_pool2d(each, cell) for each in (image, photo))
        for dim in (2, 3):
            for distance in _SMOOTH_DISTANCES:
                count = cells.shape[dim] - distance
                if count < 1:
                    continue
                steps, photo_steps = (
                    x.narrow(dim, distance, count) - x.narrow(dim, 0, count)
                    for x in (cells, photo_cells)
                )
                contrast = photo_steps.abs().amax(dim=1, keepdim=True)
                weight = torch.exp(-((contrast / _SMOOTH_CONTRAST) ** 2))
                square = steps.square().mean(dim=1, keepdim=True)
                total = total + (weight * square).sum() / weight.sum().clamp_min(EPSILON)
    return total


def _mean_square(values: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared difference to a target for each sample, or one for all."""
    if target.shape not in (values.shape, (1, *values.shape[1:])):
        raise ValueError(
            f"expected a target of shape {tuple(values.shape)}, or of one sample, got "
            f"{tuple(target.shape)}; take it from the same level of the same network"
        )
    values, target = (tensor.to(_at_least_float32(tensor)) for tensor in (values, target))
    return F.mse_loss(values, target.expand_as(values))
