"""The color space CIELAB (D65), in which distances are about as large as they look."""

from __future__ import annotations

import torch
from torch import Tensor

# Linear sRGB to XYZ (IEC 61966-2-1), each row divided by the white point's X, Y or Z; and back.
_XYZ = [
    [value / sum(row) for value in row]
    for row in (
        (0.4124564, 0.3575761, 0.1804375),
        (0.2126729, 0.7151522, 0.0721750),
        (0.0193339, 0.1191920, 0.9503041),
    )
]
_RGB: list[list[float]] = torch.linalg.inv(torch.tensor(_XYZ, dtype=torch.float64)).tolist()
# Below it CIELAB's cube root is a line.
_LAB_KNEE = 6 / 29


def to_lab(image: Tensor) -> Tensor:
    """Return L*, a*, b* over 100 of sRGB in 0..1, both ``(B, 3, H, W)``."""
    size = image.abs()
    linear = torch.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)
    xyz = _mix_around_gray(torch.copysign(linear, image), _XYZ)
    roots = torch.where(
        xyz > _LAB_KNEE**3, xyz.clamp_min(0) ** (1 / 3), xyz / (3 * _LAB_KNEE**2) + 4 / 29
    )
    x, y, z = torch.split(roots, 1, dim=1)
    return torch.cat([1.16 * y - 0.16, 5 * (x - y), 2 * (y - z)], dim=1)


def from_lab(lab: Tensor) -> Tensor:
    """Undo :func:`to_lab`; colors that sRGB lacks lie outside 0..1, on a curve odd around 0."""
    lightness, a, b = torch.split(lab, 1, dim=1)
    y = (lightness + 0.16) / 1.16
    roots = torch.cat([y + a / 5, y, y - b / 2], dim=1)
    xyz = torch.where(roots > _LAB_KNEE, roots**3, 3 * _LAB_KNEE**2 * (roots - 4 / 29))
    linear = _mix_around_gray(xyz, _RGB)
    size = linear.abs()
    curve = torch.where(size <= 0.0031308, 12.92 * size, 1.055 * size ** (1 / 2.4) - 0.055)
    return torch.copysign(curve, linear)


def _mix_around_gray(channels: Tensor, matrix: list[list[float]]) -> Tensor:
    """Multiply by a matrix whose rows sum to 1, so that equal channels stay equal."""
    first, middle, last = torch.split(channels, 1, dim=1)
    return torch.cat(
        [middle + row[0] * (first - middle) + row[2] * (last - middle) for row in matrix], dim=1
    )
