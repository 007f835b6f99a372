"""Helpers of the tests of stylized images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from adain_core import (
    AdaINModel,
    Features,
    Style,
    color,
)

MakeImage = Callable[..., Tensor]
NAN, INFINITY = float("nan"), float("inf")
RECOLORING = [method for method in color.METHODS if method != "luminance"]


def assert_same(actual: Tensor, expected: Tensor, tolerance: float = 2e-5) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance)


def without_palette(style: Style) -> Style:
    """The style, with which coarse to fine stylizes the photo in its own colors."""
    return replace(style, palette=None)


def unclamped(model: AdaINModel, features: Features) -> Tensor:
    """The decoder output at the size of the content, before clamping."""
    height, width = features.size
    with torch.no_grad():
        return model.decoder(features.tensor)[:, :, :height, :width]


def left_half(height: int, width: int) -> Tensor:
    mask = torch.zeros(height, width)
    mask[:, : width // 2] = 1
    return mask
