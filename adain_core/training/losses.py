"""The paper's losses (section 6, equations 11 to 13), measured by the frozen VGG."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from ..functional import channel_statistics

Statistics = tuple[Tensor, Tensor]


def level_statistics(levels: Sequence[Tensor]) -> list[Statistics]:
    """Mean and std of each level, each ``(B, C_l)``, float32."""
    return [channel_statistics(level) for level in levels]


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of relu4_1 to the AdaIN target (equation 12, as a mean).

    Args:
        features: relu4_1 of the output, ``(B, C, h, w)``.
        target: what the decoder was given to draw, the same shape.

    Returns:
        A scalar, float32.
    """
    return F.mse_loss(features.float(), target.float())


def style_loss(levels: Sequence[Tensor], targets: Sequence[Statistics]) -> Tensor:
    """Mean squared differences of channel means and stds, summed over levels (equation 13).

    Args:
        levels: relu1_1, 2_1, 3_1 and 4_1 of the output, each ``(B, C_l, h_l, w_l)``.
        targets: the style's statistics at the same levels.

    Returns:
        A scalar, float32; a mean over channels, as in pytorch-AdaIN.
    """
    total = levels[0].new_zeros((), dtype=targets[0][0].dtype)
    for (mean, std), (target_mean, target_std) in zip(
        level_statistics(levels), targets, strict=True
    ):
        total = total + F.mse_loss(mean, target_mean) + F.mse_loss(std, target_std)
    return total
