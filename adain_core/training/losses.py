"""The paper's losses (section 6, equations 11 to 13), measured by the frozen VGG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..functional import EPSILON, Statistics

# In the imitation: pixels differ by 0.02 where features differ by 1, and shall count alike.
_PIXEL_WEIGHT = 100.0
# Of means over 8x8 pixels: the VGG hardly sees halos around high contrast.
_HALO_WEIGHT, _HALO_CELL = 800.0, 8


# Of the smoothness: sides of the cells that are averaged, pixels; how many cells apart they are
# compared; and the photo's contrast between them at which an edge begins.
_SMOOTH_CELLS, _SMOOTH_DISTANCES, _SMOOTH_CONTRAST = (8, 16), (1, 2), 0.04


def _at_least_float32(features: Tensor) -> torch.dtype:
    return torch.promote_types(features.dtype, torch.float32)


class _ChannelStatistics(torch.autograd.Function):
    """:func:`~adain_core.functional.channel_statistics` with its gradient written out.

    Autograd's own way through the variance goes over each map a dozen times in float32.
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

    PyTorch's own needs both in float32 first.
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

    They are float32, or float64 for float64 features, as everything here.
    """
    return [_statistics(level) for level in levels]


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared difference of relu4_1 to the AdaIN target (equation 12, as a mean).

    Args:
        features: relu4_1 of the output, ``(B, C, h, w)``.
        target: what the decoder was given to draw, the same shape, or one for all.

    Returns:
        A scalar, float32.

    Raises:
        ValueError: the shapes do not fit.
    """
    return _mean_square(features, target)


def mean_squared_difference(features: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared difference, without copies of large maps in float32.

    Args:
        features: any shape.
        target: the same shape; gets no gradient.

    Returns:
        A scalar, float32.
    """
    return _mean_squared_difference(features, target)


def imitation_loss(
    picture: Tensor, levels: Sequence[Tensor], teacher: Tensor, teacher_levels: Sequence[Tensor]
) -> Tensor:
    """Return differences to a teacher's picture: pixels, their means over 8x8, and VGG levels.

    Args:
        picture: RGB ``(B, 3, H, W)``.
        levels: of the picture, each ``(B, C_l, h_l, w_l)``.
        teacher: RGB 0..1, ``(B, 3, H, W)``, float32.
        teacher_levels: of the teacher's picture, as ``levels``.

    Returns:
        A scalar, float32.
    """
    difference = picture.to(_at_least_float32(picture)) - teacher
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
        ValueError: the shapes or the numbers of levels do not fit.
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
    """Return the style loss in which every style and every level counts alike.

    Each picture's squared difference at a level is divided by the sum of both sides' squared
    statistics, its upper bound (Cheng et al., "Style-Aware Normalized Loss for Improving Arbitrary
    Style Transfer", CVPR 2021). The divisor gets no gradient: a picture must not come nearer by
    larger statistics.

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


def smoothness_loss(picture: Tensor, photo: Tensor) -> Tensor:
    """Return how much the blurred picture changes where the blurred photo hardly does.

    AdaIN shifts whole channels, and so its target asks for a halo around what stands out of a plain
    ground; the photo has none there. With ``b(x, k)`` the means over k×k pixels, k of 8 and 16:
    squared differences of ``b(picture, k)`` to the cell one and two places on, along rows and
    columns, weighted by ``exp(-(g / 0.04)²)``, g the largest channel's difference of
    ``b(photo, k)`` there; means over the weights, summed over these eight cases.

    Args:
        picture: RGB, ``(B, 3, H, W)``.
        photo: RGB in 0..1, the same shape.

    Returns:
        A scalar, float32, 0 or more; 0 for one color. Cases that do not fit into the picture count
        0.
    """
    picture, photo = (image.to(_at_least_float32(image)) for image in (picture, photo))
    total = picture.new_zeros(())
    for cell in _SMOOTH_CELLS:
        if cell > min(picture.shape[2:]):
            continue
        drawn, given = (F.avg_pool2d(image, cell) for image in (picture, photo))
        for dim in (2, 3):
            for distance in _SMOOTH_DISTANCES:
                count = drawn.shape[dim] - distance
                if count < 1:
                    continue
                steps, photo_steps = (
                    x.narrow(dim, distance, count) - x.narrow(dim, 0, count) for x in (drawn, given)
                )
                contrast = photo_steps.abs().amax(dim=1, keepdim=True)
                weight = torch.exp(-((contrast / _SMOOTH_CONTRAST) ** 2))
                square = steps.square().mean(dim=1, keepdim=True)
                total = total + (weight * square).sum() / weight.sum().clamp_min(EPSILON)
    return total


def _mean_square(values: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared difference to a target of each sample, or to one of all."""
    if target.shape not in (values.shape, (1, *values.shape[1:])):
        raise ValueError(
            f"expected a target of shape {tuple(values.shape)}, or of one sample, got "
            f"{tuple(target.shape)}; take it from the same level of the same network"
        )
    values, target = (tensor.to(_at_least_float32(tensor)) for tensor in (values, target))
    return F.mse_loss(values, target.expand_as(values))
