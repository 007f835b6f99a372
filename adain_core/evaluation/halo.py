"""Halos: how far an object's surroundings differ from the same ground farther away."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# Of the strips beside an object, pixels. The nearest ones hold the object's own soft edge.
_NEAR, _FAR, _FARTHER = 8, 92, 176
_WIDTH, _HEIGHT = 32, 16
# Side of a scene on which all strips have room beside the object, pixels.
SMALLEST = 512


@dataclass(frozen=True)
class Scene:
    """A synthetic photo: an object in the middle of a ground that is the same along each row.

    Attributes:
        name: of the scene.
        photo: RGB in 0..1, ``(1, 3, S, S)``.
        left: first column of the object in each row, ``(S,)``; S where the row has none of it.
        right: first column past the object in each row, ``(S,)``; 0 where the row has none of it.
    """

    name: str
    photo: Tensor
    left: Tensor
    right: Tensor


def synthetic_scenes(size: int = 512) -> list[Scene]:
    """Return five photos of which nothing but a halo makes the ground near an object differ.

    A dark tower and a pale disc before skies, a black disc on white, a white square on black, a red
    diamond on gray; all with the grain of a camera.

    Args:
        size: their side, pixels; :func:`halo_power` needs ``SMALLEST`` or more.
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


def halo_power(picture: Tensor, scene: Scene) -> float:
    """Measure a picture's halo, as a mean square.

    Beside the object, on both sides, three strips of the same rows are averaged, 32 pixels wide and
    16 high: one near it (from 8 to 40 pixels), two far from it (from 92 and from 176 pixels on).
    What the near strip differs from the next one, squared, less what that one differs from the
    farthest (by strokes, not by the object), is the halo's.

    Args:
        picture: of the scene, RGB in 0..1, ``(1, 3, S, S)``.
        scene: the scene.

    Returns:
        Mean over rows, sides and channels, -1..1; about 0 where nothing depends on the object, by
        chance below. NaN where no row has room for all three strips.
    """
    sums: list[Tensor] = []
    size = picture.shape[-1]
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
                picture[0, :, rows, place].float().mean(dim=(1, 2)) for place in places
            )
            sums.append((near - far).square() - (far - farther).square())
    return float(torch.stack(sums).mean()) if sums else math.nan


def _right(start: int, distance: int) -> slice:
    return slice(start + distance, start + distance + _WIDTH)


def _left(start: int, distance: int) -> slice:
    return slice(start - distance - _WIDTH, start - distance)
