"""Halos: differences between the ground near an object and the same ground far from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# Distances of the strips from the object, pixels. The nearest pixels are its own soft edge.
_NEAR, _FAR, _FARTHER = 8, 92, 176
_WIDTH, _HEIGHT = 32, 16
# Side of the smallest scene with room for all strips, pixels.
SMALLEST = 512


@dataclass(frozen=True)
class Scene:
    """A synthetic photo: an object on a ground that is constant along each row.

    Attributes:
        name: name of the scene.
        photo: RGB in 0..1, ``(1, 3, S, S)``.
        left: first column of the object in each row, ``(S,)``; S in rows without it.
        right: first column after the object in each row, ``(S,)``; 0 in rows without it.
    """

    name: str
    photo: Tensor
    left: Tensor
    right: Tensor


def synthetic_scenes(size: int = 512) -> list[Scene]:
    """Return five synthetic photos with an object on a plain ground.

    A dark tower and a pale disc in front of skies, a black disc on white, a white square on black,
    and a red diamond on gray, all with film grain.

    Args:
        size: side in pixels; :func:`halo_power` needs ``SMALLEST`` or more.
    """
    ramp = (torch.arange(size) + 0.5) / size - 0.5
    y, x = ramp[:, None], ramp[None, :]
    disc = (x**2 + y**2) < 0.09**2
    tower = ((x.abs() < 0.09) & (y > -0.25)) | ((x.abs() < 0.05) & (y > -0.33))
    square = torch.maximum(x.abs(), y.abs()) < 0.08
    diamond = (x.abs() + y.abs()) < 0.09
    black, white, gray = (0.03,) * 3, (0.96,) * 3, (0.5,) * 3
    return [
        _scene("tower", tower, (0.10, 0.09, 0.08), (0.45, 0.62, 0.85), (0.75, 0.82, 0.90)),
        _scene("moon", disc, (0.95, 0.93, 0.85), (0.05, 0.07, 0.20), (0.15, 0.18, 0.35)),
        _scene("black disc", disc, black, white, white),
        _scene("white square", square, white, black, black),
        _scene("red diamond", diamond, (0.75, 0.10, 0.12), gray, gray),
    ]


def _scene(
    name: str,
    shape: Tensor,
    color: tuple[float, ...],
    top: tuple[float, ...],
    bottom: tuple[float, ...],
) -> Scene:
    size = len(shape)
    slope = torch.linspace(0, 1, size)[:, None]
    ground = torch.lerp(_color(top), _color(bottom), slope)
    photo = torch.where(shape, _color(color), ground)
    grain = torch.randn(photo.shape, generator=torch.Generator().manual_seed(size))
    columns = torch.arange(size).expand(size, size)
    return Scene(
        name,
        (photo + 0.01 * grain).clamp(0, 1)[None],
        left=torch.where(shape, columns, size).amin(dim=1),
        right=torch.where(shape, columns + 1, 0).amax(dim=1),
    )


def _color(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values)[:, None, None]


def halo_power(image: Tensor, scene: Scene) -> float:
    """Return the halo of a stylized scene, as a mean square.

    On both sides of the object, three strips of 32x16 pixels in the same rows are averaged: one
    near it (8 to 40 pixels away) and two far from it (from 92 and from 176 pixels on). The halo is
    the squared difference of the near strip to the next one, minus that of the two far ones, which
    differ by strokes only.

    Args:
        image: the stylized scene, RGB in 0..1, ``(1, 3, S, S)``.
        scene: the scene.

    Returns:
        Mean over rows, sides and channels, -1..1; about 0 (or below, by chance) without halos. NaN
        if no row has room for all three strips.
    """
    sums: list[Tensor] = []
    size = image.shape[-1]
    for row in range(0, size - _HEIGHT + 1, _HEIGHT):
        rows = slice(row, row + _HEIGHT)
        left, right = int(scene.left[rows].min()), int(scene.right[rows].max())
        if int(scene.left[rows].max()) >= size:  # not all of these rows cross the object
            continue
        for start, strip in ((right, _right), (left, _left)):
            places = [strip(start, distance) for distance in (_NEAR, _FAR, _FARTHER)]
            if min(p.start for p in places) < 0 or max(p.stop for p in places) > size:
                continue
            near, far, farther = (
                image[0, :, rows, place].float().mean(dim=(1, 2)) for place in places
            )
            sums.append((near - far).square() - (far - farther).square())
    return float(torch.stack(sums).mean()) if sums else math.nan


def _right(start: int, distance: int) -> slice:
    return slice(start + distance, start + distance + _WIDTH)


def _left(start: int, distance: int) -> slice:
    return slice(start - distance - _WIDTH, start - distance)
