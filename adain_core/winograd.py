"""Convolutions with fewer multiplications (Winograd's minimal filtering) in plain torch operations.

An n x n tile of the input, transformed by adds, times the transformed weights gives an m x m tile
of the output: 36 products for 16 outputs of a 3x3 kernel instead of 144, 16 for 9 outputs of a
2x2 kernel instead of 36. The products over all tiles are matrix products (Lavin & Gray,
"Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# Elements of the transformed input of one block of tiles: with its products 8 MiB.
_BLOCK = 2**20

# The maps of one index after the other: of a sequence, or of a tensor's first dimension.
_Maps = Sequence[Tensor] | Tensor
_Transform = Callable[[_Maps, _Maps, _Maps], None]


class Winograd:
    """A convolution without padding, stride 1, float32.

    Args:
        weight: ``(N, C, 3, 3)`` or ``(N, C, 2, 2)``.
        bias: ``(N,)``.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.form = _FORMS[weight.shape[-1]]
        matrix = torch.tensor(self.form.weights, dtype=torch.float64)
        transformed = torch.einsum("ia,ncab,jb->ijcn", matrix, weight.double(), matrix)
        self.weight = transformed.flatten(0, 1).to(weight.dtype).contiguous()
        self.bias = bias

    def __call__(self, inputs: Tensor, out: Tensor, relu: bool) -> None:
        """Write the convolution of ``inputs``.

        Args:
            inputs: ``(B, C, H, W)``, channels last.
            out: ``(B, H', W', …)`` of any strides; the dimensions after W' hold N together.
            relu: set negative values to 0.
        """
        tile, side = self.form.tile, self.form.side
        channels, outputs = self.weight.shape[1:]
        height, width = out.shape[1:3]
        columns = -(-width // tile)
        # Missing rows and columns make the last tiles whole.
        right = columns * tile + side - tile - inputs.shape[3]
        below = -(-height // tile) * tile + side - tile - inputs.shape[2]
        if right or below:
            inputs = F.pad(inputs, (0, right, 0, below))
        limit = max(1, _BLOCK // (side * side * columns * max(channels, outputs)))
        smallest = torch.finfo(out.dtype).min
        for source, target in zip(inputs.permute(0, 2, 3, 1), out, strict=True):
            for top in range(0, height, limit * tile):
                rows = min(limit, -(-(height - top) // tile))
                block = self._block(source[top : top + rows * tile + side - tile], rows, columns)
                kept = target[top : top + rows * tile]
                block = block[: len(kept), :width].reshape(kept.shape)
                torch.clamp(block, min=0 if relu else smallest, out=kept)

    def _block(self, source: Tensor, rows: int, columns: int) -> Tensor:
        """The outputs of rows of tiles: ``(rows * tile, columns * tile, N)``."""
        tile, side = self.form.tile, self.form.side
        channels, outputs = self.weight.shape[1:]

        # First the tiles' rows, then their columns.
        last = (rows - 1) * tile + 1
        lines = [source[i : i + last : tile] for i in range(side)]
        across = source.new_empty(side, *lines[0].shape)
        self.form.input(lines, across, source.new_empty(4, *lines[0].shape))
        last = (columns - 1) * tile + 1
        lines = [across[:, :, i : i + last : tile] for i in range(side)]
        tiles = source.new_empty(side, side, rows, columns, channels)
        self.form.input(lines, tiles.unbind(1), source.new_empty(4, *lines[0].shape))

        products = torch.bmm(tiles.view(side * side, rows * columns, channels), self.weight)
        # Here point 1 meets point 1: what is added goes to every output of the tile.
        products[side + 1] += self.bias

        products = products.view(side, side, rows, columns, outputs)
        across = source.new_empty(tile, side, rows, columns, outputs)
        self.form.output(products, across, source.new_empty(4, *across.shape[1:]))
        result = source.new_empty(rows, tile, columns, tile, outputs)
        pixels = result.permute(3, 1, 0, 2, 4)
        self.form.output(across.unbind(1), pixels, source.new_empty(4, *pixels.shape[1:]))
        return result.view(rows * tile, columns * tile, outputs)


def _input_4_3(x: _Maps, y: _Maps, spare: _Maps) -> None:
    even, odd = spare[0], spare[1]
    torch.sub(x[4], x[2], alpha=4, out=even)
    torch.sub(x[3], x[1], alpha=4, out=odd)
    torch.add(even, odd, out=y[1])
    torch.sub(even, odd, out=y[2])
    torch.sub(x[4], x[2], out=even)
    torch.sub(x[3], x[1], out=odd)
    torch.add(even, odd, alpha=2, out=y[3])
    torch.sub(even, odd, alpha=2, out=y[4])
    torch.sub(x[4], x[2], alpha=5, out=even)
    torch.add(even, x[0], alpha=4, out=y[0])
    torch.sub(x[5], x[3], alpha=5, out=odd)
    torch.add(odd, x[1], alpha=4, out=y[5])


def _output_4_3(x: _Maps, y: _Maps, spare: _Maps) -> None:
    even, odd, even2, odd2 = spare
    torch.add(x[1], x[2], out=even)
    torch.sub(x[1], x[2], out=odd)
    torch.add(x[3], x[4], out=even2)
    torch.sub(x[3], x[4], out=odd2)
    torch.add(odd, odd2, alpha=2, out=y[1])
    torch.add(even, even2, alpha=4, out=y[2])
    even += even2
    torch.add(even, x[0], out=y[0])
    odd += x[5]
    torch.add(odd, odd2, alpha=8, out=y[3])


def _input_3_2(x: _Maps, y: _Maps, spare: _Maps) -> None:
    torch.sub(x[0], x[2], out=y[0])
    torch.add(x[2], x[1], out=y[1])
    torch.sub(x[2], x[1], out=y[2])
    torch.sub(x[3], x[1], out=y[3])


def _output_3_2(x: _Maps, y: _Maps, spare: _Maps) -> None:
    even = spare[0]
    torch.add(x[1], x[2], out=even)
    torch.sub(x[1], x[2], out=y[1])
    torch.add(even, x[0], out=y[0])
    torch.add(even, x[3], out=y[2])


@dataclass(frozen=True)
class _Form:
    """F(tile, kernel): ``tile`` outputs from ``side`` inputs along one axis.

    Both transforms read a sequence of maps and write another, with four spare maps for sums.
    """

    tile: int
    side: int
    weights: list[list[float]]
    input: _Transform
    output: _Transform


# By the kernel's side. Interpolation at 0, 1, -1, (2, -2,) and infinity.
_FORMS = {
    3: _Form(
        4,
        6,
        [
            [1 / 4, 0, 0],
            [-1 / 6, -1 / 6, -1 / 6],
            [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6],
            [0, 0, 1],
        ],
        _input_4_3,
        _output_4_3,
    ),
    2: _Form(3, 4, [[1, 0], [1 / 2, 1 / 2], [1 / 2, -1 / 2], [0, 1]], _input_3_2, _output_3_2),
}
