"""Networks tile by tile: memory bounded by the tile, the result that of the whole picture.

AdaIN needs nothing of the picture as a whole but its statistics, and those are taken on the whole
feature map. The networks themselves see a bounded neighbourhood: with a halo that wide around each
tile, and reflection padding met only where the picture really ends, tiling changes nothing but
rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from .devices import is_out_of_memory
from .networks import STRIDE

# A feature sees 30 pixels beyond its own 8x8 in the encoder (8 + 16 + 4 + 2, one radius for each
# block), a pixel 3.75 features beyond its own in the decoder. A cell is a feature or its pixels.
HALO_CELLS = 4
# Below this the halo is most of the work.
SMALLEST_TILE = 64
# For the three maps counted below: a tile of 1182 px at full width in float32, for which the
# process grew by 1.3 GiB.
_AUTOMATIC_BYTES = 2**30


def automatic_tile(width: int, dtype: torch.dtype) -> int:
    """Side in pixels of a tile whose activations take about 1.3 GiB.

    Args:
        width: channels of the first block, whose maps are the largest.
        dtype: of the activations.
    """
    # Input, padded input and output of a convolution exist at once.
    bytes_per_pixel = 3 * width * dtype.itemsize
    return max(SMALLEST_TILE, int((_AUTOMATIC_BYTES / bytes_per_pixel) ** 0.5))


def check_tile(tile: int | None) -> None:
    """Raise ``ValueError`` unless a tile is ``None`` or at least 64 pixels wide."""
    if tile is not None and tile < SMALLEST_TILE:
        raise ValueError(f"tile must be {SMALLEST_TILE} pixels or more, got {tile}")


def encode_tiled(encoder: nn.Module, images: Tensor, tile: int) -> Tensor:
    """``encoder(images)``, tile by tile.

    Args:
        encoder: maps 8x8 pixels to one feature.
        images: ``(B, 3, H, W)``.
        tile: side in pixels; halved where memory runs out.

    Returns:
        ``(B, C, ceil(H/8), ceil(W/8))``.

    Raises:
        MemoryError: not even the smallest tile fits.
    """
    return _halving(lambda side: _run(encoder, images, side // STRIDE, STRIDE, 1), tile)


def decode_tiled(decoder: nn.Module, features: Tensor, tile: int) -> Tensor:
    """``decoder(features)``, tile by tile; arguments and errors as :func:`encode_tiled`.

    Returns:
        ``(B, 3, 8h, 8w)``.
    """
    return _halving(lambda side: _run(decoder, features, side // STRIDE, 1, STRIDE), tile)


def _halving(run: Callable[[int], Tensor], tile: int) -> Tensor:
    while True:
        try:
            return run(tile)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler: the error holds on to the tensors of the failed attempt.
        if tile // 2 < SMALLEST_TILE:
            raise MemoryError(
                f"not enough memory for a tile of {tile} pixels: close other programs, use a "
                "smaller batch or picture, or run on the CPU"
            )
        tile //= 2


def _run(
    network: nn.Module, inputs: Tensor, cells: int, inputs_each: int, outputs_each: int
) -> Tensor:
    """Run a network that maps each cell of ``inputs_each`` pixels to ``outputs_each`` pixels."""
    height, width = inputs.shape[-2:]
    rows, columns = -(-height // inputs_each), -(-width // inputs_each)
    if rows <= cells and columns <= cells:
        whole: Tensor = network(inputs)
        return whole
    result = None
    for top, bottom in _spans(rows, cells):
        for left, right in _spans(columns, cells):
            # The tile and its halo, cut off where the picture ends.
            first_row, first_column = max(0, top - HALO_CELLS), max(0, left - HALO_CELLS)
            part = inputs[
                ...,
                first_row * inputs_each : (bottom + HALO_CELLS) * inputs_each,
                first_column * inputs_each : (right + HALO_CELLS) * inputs_each,
            ]
            output = network(part)[
                ...,
                (top - first_row) * outputs_each : (bottom - first_row) * outputs_each,
                (left - first_column) * outputs_each : (right - first_column) * outputs_each,
            ]
            if result is None:
                shape = (*output.shape[:2], rows * outputs_each, columns * outputs_each)
                result = output.new_empty(shape)
            result[
                ...,
                top * outputs_each : bottom * outputs_each,
                left * outputs_each : right * outputs_each,
            ] = output
    assert isinstance(result, Tensor)
    return result


def _spans(length: int, step: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, step):
        yield start, min(start + step, length)
