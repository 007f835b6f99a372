"""Synthetic scenes: objects on plain grounds, where halos are most visible."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# Standard deviations of gradient and grain; each is multiplied by a random number from 0 to 1.
_GRADIENT, _GRAIN = 0.3, 0.015


def draw_scene(photo: Tensor) -> Tensor:
    """Return a soft gradient with grain, with a disc, a tower or dots cut from a photo.

    Uses torch's global generator.

    Args:
        photo: RGB in 0..1, ``(3, S, S)``.

    Returns:
        RGB in 0..1, ``(3, S, S)``: the photo inside the shape, the ground elsewhere.
    """
    side = photo.shape[-1]
    ramp = torch.arange(side) / side - 0.5
    y, x = ramp[:, None], ramp[None, :]
    ground = _draw_ground(y, x)
    draw = _SHAPES[int(torch.randint(len(_SHAPES), ()))]
    middle = 0.7 * (torch.rand(2) - 0.5)
    shape = draw(y - middle[0], x - middle[1])
    return torch.where(shape[None], photo, ground).clamp(0, 1)


def _draw_ground(y: Tensor, x: Tensor) -> Tensor:
    angle = 2 * torch.pi * torch.rand(())
    slope = (x * angle.cos() + y * angle.sin()) + 0.5
    first = torch.rand(3, 1, 1)
    # Small, mostly: skies and walls change little over a crop.
    second = first + _GRADIENT * torch.rand(()) * torch.randn(3, 1, 1)
    grain = _GRAIN * torch.rand(()) * torch.randn(3, len(y), len(y))
    return torch.lerp(first, second, slope[None]) + grain


def _draw_disc(y: Tensor, x: Tensor) -> Tensor:
    return y**2 + x**2 < (0.08 + 0.2 * torch.rand(())) ** 2


def _draw_tower(y: Tensor, x: Tensor) -> Tensor:
    return (x.abs() < 0.04 + 0.12 * torch.rand(())) & (y > 0)


def _draw_dots(y: Tensor, x: Tensor) -> Tensor:
    period = 0.12 + 0.25 * torch.rand(())
    square = sum((axis % period - period / 2) ** 2 for axis in (y, x))
    return torch.as_tensor(square < (period * (0.15 + 0.2 * torch.rand(()))) ** 2)


_SHAPES: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (_draw_disc, _draw_tower, _draw_dots)
