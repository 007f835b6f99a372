"""Reflection padding in channels_last for GPUs, forward and backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _ReflectionPad(torch.autograd.Function):
    """Reflection padding by 1 for channels_last on a GPU: ``(B, C, H, W)`` to H + 2, W + 2.

    torch's own converts to contiguous and back, and accumulates its gradient with atomics.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        batch, channels, height, width = features.shape
        padded = torch.empty(
            (batch, channels, height + 2, width + 2),
            dtype=features.dtype,
            device=features.device,
            memory_format=torch.channels_last,
        )
        padded[:, :, 1:-1, 1:-1] = features
        padded[:, :, 1:-1, 0], padded[:, :, 1:-1, -1] = features[..., 1], features[..., -2]
        padded[:, :, 0], padded[:, :, -1] = padded[:, :, 2], padded[:, :, -3]
        return padded

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        inner = gradient[:, :, 1:-1, 1:-1].clone(memory_format=torch.channels_last)
        inner[..., 1] += gradient[:, :, 1:-1, 0]
        inner[..., -2] += gradient[:, :, 1:-1, -1]
        for row, outer in ((1, gradient[:, :, 0]), (-2, gradient[:, :, -1])):
            inner[:, :, row] += outer[..., 1:-1]
            inner[:, :, row, 1] += outer[..., 0]
            inner[:, :, row, -2] += outer[..., -1]
        return inner


def reflection_pad(features: Tensor) -> Tensor:
    """Pad ``(B, C, H, W)`` by one reflected pixel on each side; differentiable, channels_last.

    Args:
        features: any float dtype, H and W at least 2.

    Returns:
        ``(B, C, H + 2, W + 2)`` in channels_last.
    """
    padded: Tensor = _ReflectionPad.apply(features)  # type: ignore[no-untyped-call]
    return padded
