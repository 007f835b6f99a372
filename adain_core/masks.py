"""Masks: where a style goes. Shapes ``(B, H, W)``, values 0..1, any resolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .networks import STRIDE


def as_mask(mask: Tensor, what: str = "mask") -> Tensor:
    """A mask as ``(B, 1, H, W)`` float32.

    Args:
        mask: ``(H, W)``, ``(B, H, W)`` or ``(B, 1, H, W)``; bool, or numbers in 0..1.
        what: its name in messages.

    Raises:
        ValueError: another shape, no pixels, NaN, or values outside 0..1.
    """
    shape = tuple(mask.shape)
    if mask.ndim == 2:
        mask = mask[None, None]
    elif mask.ndim == 3:
        mask = mask[:, None]
    if mask.ndim != 4 or mask.shape[1] != 1 or mask.numel() == 0:
        raise ValueError(f"{what}: expected (H, W), (B, H, W) or (B, 1, H, W), got {shape}")
    mask = mask.float()
    lowest, highest = (float(value) for value in mask.aminmax())
    if not -1e-3 <= lowest <= highest <= 1 + 1e-3:  # false for NaN, too
        raise ValueError(f"{what}: values must lie in 0..1, got {lowest:g} to {highest:g}")
    return mask.clamp(0, 1)


def resize_mask(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize ``(B, 1, H, W)`` to ``size`` (height, width), antialiased; 0..1 stays 0..1."""
    if tuple(mask.shape[-2:]) == tuple(size):
        return mask
    return F.interpolate(mask, size=size, mode="bilinear", antialias=True).clamp(0, 1)


def region_weights(masks: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Weight of each region at each pixel; together at most 1.

    Where masks overlap to more than 1 they share the place in proportion; what they leave of 1 is
    the background's.

    Args:
        masks: ``(B, 1, H, W)`` each, of any resolution; B may be 1.
        size: height and width of the picture.

    Returns:
        ``(regions, B, 1, H, W)`` in 0..1.
    """
    batch = max(len(mask) for mask in masks)
    resized = torch.stack([resize_mask(mask, size).expand(batch, -1, -1, -1) for mask in masks])
    return resized / resized.sum(dim=0, keepdim=True).clamp_min(1)


def pool_to_features(weights: Tensor, feature_size: tuple[int, int]) -> Tensor:
    """The mean of the 8x8 pixels under each feature, ``(B, 1, H, W)`` to ``(B, 1, h, w)``.

    Where the picture ends within a feature's pixels its border is repeated; resizing instead
    would shift the mask against the picture by up to one feature.
    """
    height, width = weights.shape[-2:]
    missing = (0, STRIDE * feature_size[1] - width, 0, STRIDE * feature_size[0] - height)
    return F.avg_pool2d(F.pad(weights, missing, mode="replicate"), STRIDE)


def feather_mask(mask: Tensor, radius: int) -> Tensor:
    """Soften a mask's edges with a Gaussian of σ = radius / 2, cut off at ``radius``.

    A straight edge fades over ``radius`` pixels to both sides, with 0.5 in its middle; what lies
    farther from every edge keeps its value. Beyond the border the mask goes on as it ends there.

    Args:
        mask: ``(B, 1, H, W)`` in 0..1.
        radius: pixels, 0 or more; 0 changes nothing.

    Returns:
        ``(B, 1, H, W)`` in 0..1.

    Raises:
        ValueError: a radius below 0.
    """
    if radius < 0:
        raise ValueError(f"feather must be 0 pixels or more, got {radius}")
    if radius == 0:
        return mask
    offsets = torch.arange(-radius, radius + 1, device=mask.device, dtype=mask.dtype)
    kernel = torch.exp(-2 * (offsets / radius).square())
    kernel = kernel / kernel.sum()
    # A Gaussian is separable: one pass along H, one along W.
    mask = F.conv2d(F.pad(mask, (0, 0, radius, radius), mode="replicate"), kernel.view(1, 1, -1, 1))
    mask = F.conv2d(F.pad(mask, (radius, radius, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
    return mask.clamp(0, 1)
