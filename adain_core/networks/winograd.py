"""Convolutions with fewer multiplications (Winograd's minimal filtering) as matrix products.

A tile of side x side inputs, transformed, times the transformed weights gives the transformed tile
x tile outputs: 36 products for 16 outputs of a 3x3 kernel instead of 144, 16 for 9 outputs of a
2x2 kernel instead of 36 (Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks",
arXiv 1509.09308). The transforms are linear, so they are matrix products, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# Number of weights from which Winograd's filtering pays: its transforms cost the same however few
# channels there are (figures in benchmarks/README.md).
WINOGRAD_WEIGHTS = 2**18
# Elements of the transformed input of one block of tiles: 8 MiB.
_BLOCK = 2**21


def winograd_pays(weight: Tensor) -> bool:
    """Return whether Winograd convolution is faster than torch's own with these weights.

    Args:
        weight: ``(N, C, k, k)``.
    """
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and weight.numel() >= WINOGRAD_WEIGHTS
    )


@dataclass(frozen=True)
class _Form:
    """F(tile, kernel) along one axis: ``output @ ((weights @ kernel) * (input @ values))``."""

    input: list[list[float]]
    weights: list[list[float]]
    output: list[list[float]]


# By the kernel's side. Interpolation at 0, 1, -1, (2, -2,) and infinity.
_FORMS = {
    3: _Form(
        input=[
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
        weights=[
            [1 / 4, 0, 0],
            [-1 / 6, -1 / 6, -1 / 6],
            [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6],
            [0, 0, 1],
        ],
        output=[
            [1, 1, 1, 1, 1, 0],
            [0, 1, -1, 2, -2, 0],
            [0, 1, 1, 4, 4, 0],
            [0, 1, -1, 8, -8, 1],
        ],
    ),
    2: _Form(
        input=[[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]],
        weights=[[1, 0], [1 / 2, 1 / 2], [1 / 2, -1 / 2], [0, 1]],
        output=[[1, 1, 1, 0], [0, 1, -1, 0], [0, 1, 1, 1]],
    ),
}


class Winograd:
    """A convolution without padding, stride 1, float32.

    Args:
        weight: ``(N, C, 3, 3)`` or ``(N, C, 2, 2)``.
        bias: ``(N,)``.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        form = _FORMS[weight.shape[-1]]
        self.side, self.tile = len(form.input), len(form.output)
        # Over both axes at once: rows and columns of a tile as one index.
        transform, weights, output = (
            torch.kron(matrix, matrix)
            for matrix in (
                torch.tensor(rows, dtype=torch.float64, device=weight.device)
                for rows in (form.input, form.weights, form.output)
            )
        )
        self.input, self.output = transform.to(weight.dtype), output.to(weight.dtype)
        self.weight = (
            torch.einsum("pk,nck->pcn", weights, weight.double().flatten(2))
            .to(weight.dtype)
            .contiguous()
        )
        self.bias = bias

    def __call__(self, inputs: Tensor, out: Tensor, relu: bool) -> None:
        """Write the convolution of ``inputs``.

        Args:
            inputs: ``(B, C, H, W)``, channels last.
            out: ``(B, H', W', …)`` of any strides; the dimensions after W' hold N together.
            relu: set negative values to 0.
        """
        tile, beyond = self.tile, self.side - self.tile
        height, width = out.shape[1:3]
        rows, columns = -(-height // tile), -(-width // tile)
        # Missing rows and columns make the last tiles whole.
        right = columns * tile + beyond - inputs.shape[3]
        below = rows * tile + beyond - inputs.shape[2]
        if right or below:
            inputs = F.pad(inputs, (0, right, 0, below))
        points, channels, outputs = self.weight.shape
        step = max(1, _BLOCK // (points * columns * max(channels, outputs)))
        smallest = 0 if relu else torch.finfo(out.dtype).min
        for source, target in zip(inputs.permute(0, 2, 3, 1), out, strict=True):
            for first in range(0, rows, step):
                count = min(step, rows - first)
                block = self._block(source[first * tile :], count, columns)
                kept = target[first * tile : (first + count) * tile]
                block = block[: len(kept), :width].reshape(kept.shape)
                torch.clamp(block, min=smallest, out=kept)

    def _block(self, source: Tensor, rows: int, columns: int) -> Tensor:
        """Return the outputs of the first rows of tiles: ``(rows * tile, columns * tile, N)``."""
        points, channels, outputs = self.weight.shape
        down, across, one = source.stride()
        tiles = source.as_strided(
            (self.side, self.side, rows, columns, channels),
            (down, across, self.tile * down, self.tile * across, one),
        ).reshape(points, -1)
        products = (self.input @ tiles).view(points, -1, channels) @ self.weight
        # Here point 1 meets point 1: what is added goes to every output of the tile.
        products[self.side + 1] += self.bias
        result = (self.output @ products.view(points, -1)).view(
            self.tile, self.tile, rows, columns, outputs
        )
        return result.permute(2, 0, 3, 1, 4).reshape(rows * self.tile, columns * self.tile, outputs)
