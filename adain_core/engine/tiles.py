"""Tiling that bounds memory without changing the result.

AdaIN needs only the statistics of the whole feature map. The networks have a bounded receptive
field. With a halo of that size around each tile, and reflection padding only at the true borders of
the image, tiling changes nothing but rounding.

A cell is a feature, or its 8x8 pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from numbers import Integral
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import OptionError, require_kind
from ..functional import Window
from ..networks.architecture import STRIDE
from ..utils.devices import is_out_of_memory
from ..utils.memory import free_memory

# Receives the number of finished tiles and their total; an exception aborts the work.
Progress = Callable[[int, int], None]

Network = Callable[[Tensor], Tensor]

# Receptive fields: 30 pixels beyond a feature's own 8x8 in the encoder (8 + 16 + 4 + 2, one radius
# per block), 3.75 features beyond a pixel's own in the decoder.
HALO_CELLS = 4
# Below this the halo is most of the work.
SMALLEST_TILE = 64
# Feature maps of the first block that are alive at once: 2.3 in the encoder, 2.7 in the decoder.
_LIVE_MAPS = 3
# Memory for these maps: a tile of 1182 px at full width in float32.
_AUTOMATIC_BYTES = 2**30
# Small tiles waste time on the halo; larger ones gain nothing, as the networks work in bands.
_CPU_TILE = 1024


def automatic_tile(
    width: int,
    dtype: torch.dtype,
    device: torch.device | None = None,
    *,
    batch: int = 1,
    reserved: int = 0,
) -> int:
    """Return the size in pixels of a tile whose activations take about 1.3 GiB, or less if needed.

    Args:
        width: channels of the first block, whose feature maps are the largest.
        dtype: of the activations.
        device: whose free memory bounds the tile; ``None``: no bound.
        batch: number of images at once.
        reserved: bytes of the free memory that will be used otherwise.
    """
    budget = _AUTOMATIC_BYTES
    free = None if device is None else free_memory(device)
    if free is not None:
        # Half of it: other programs need memory, and a process that runs out on a CPU is killed.
        budget = min(budget, max(0, free - reserved) // 2)
    side = int((budget / activation_bytes(width, dtype, batch)) ** 0.5)
    if device is not None and device.type == "cpu":
        side = min(side, _CPU_TILE)
    return max(SMALLEST_TILE, side)


def activation_bytes(width: int, dtype: torch.dtype, pixels: int) -> int:
    """Return the approximate memory of the activations for this many pixels, in bytes."""
    return _LIVE_MAPS * width * dtype.itemsize * pixels


def check_tile(tile: int | None) -> None:
    """Raise ``OptionError`` unless a tile size is ``None`` or at least 64 pixels."""
    if tile is None:
        return
    require_kind("tile", tile, Integral, "a whole number of pixels, or None")
    if tile < SMALLEST_TILE:
        raise OptionError("tile", f"must be {SMALLEST_TILE} pixels or more, got {tile}")


class Tile(NamedTuple):
    """A rectangle of cells."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def cells(self) -> Window:
        """Its window in a feature map."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def pixels(self) -> Window:
        """Its window in an image."""
        top, bottom, left, right = (STRIDE * side for side in self)
        return slice(top, bottom), slice(left, right)

    def within(self, other: Tile) -> Tile:
        """Return the rectangle in the coordinates of another one."""
        return Tile(
            self.top - other.top,
            self.bottom - other.top,
            self.left - other.left,
            self.right - other.left,
        )

    def split(self, cells: int) -> list[Tile]:
        """Return parts of about equal size, none longer than ``cells``."""
        return [
            Tile(top, bottom, left, right)
            for top, bottom in _spans(self.top, self.bottom, cells)
            for left, right in _spans(self.left, self.right, cells)
        ]


def _outer_span(start: int, longest: int, length: int) -> tuple[int, int]:
    size = min(longest + 2 * HALO_CELLS, length)
    first = min(max(0, start - HALO_CELLS), length - size)
    return first, first + size


def _spans(start: int, stop: int, longest: int) -> list[tuple[int, int]]:
    count = -(-(stop - start) // longest)
    edges = [start + (stop - start) * number // count for number in range(count + 1)]
    return list(pairwise(edges))


class Tiler:
    """Work done tile by tile, in one or several rounds.

    Args:
        shape: rows and columns of the map, in cells.
        tile: tile size in pixels; ``None``: the whole map at once. Halved if memory runs out.
        progress: called after each tile; the total grows if tiles are halved.
        rounds: how many times :meth:`run` will be called.

    Attributes:
        done: number of finished tiles.
        total: number of tiles of all rounds.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        tile: int | None,
        progress: Progress | None = None,
        rounds: int = 1,
    ) -> None:
        self.shape = shape
        self.halvable = tile is not None
        self.cells = max(shape) if tile is None else tile // STRIDE
        self.progress = progress
        self.done, self.rounds = 0, rounds
        self.total = rounds * len(self._whole.split(self.cells))
        self.longest = shape

    def run(self, work: Callable[[Tile], None]) -> None:
        """Call ``work`` for every tile of the map.

        Raises:
            MemoryError: even the smallest tile does not fit.
        """
        self.rounds -= 1
        pending = self._split([self._whole])
        while pending:
            if not _fits(work, pending[0]):
                self._halve(pending[0])
                pending = self._split(pending)
                continue
            pending.pop(0)
            self.done += 1
            later = self.rounds * len(self._whole.split(self.cells))
            self.total = self.done + len(pending) + later
            if self.progress is not None:
                self.progress(self.done, self.total)

    @property
    def _whole(self) -> Tile:
        return Tile(0, self.shape[0], 0, self.shape[1])

    def outer(self, tile: Tile) -> Tile:
        """Return the tile with its halo.

        All have the same shape, with the halo moved inward at the borders of the map. Whatever a
        device prepares per shape (oneDNN kernels, compiled graphs) is then prepared only once.
        """
        return Tile(
            *_outer_span(tile.top, self.longest[0], self.shape[0]),
            *_outer_span(tile.left, self.longest[1], self.shape[1]),
        )

    def _split(self, tiles: list[Tile]) -> list[Tile]:
        parts = [part for tile in tiles for part in tile.split(self.cells)]
        self.longest = (
            max(part.bottom - part.top for part in parts),
            max(part.right - part.left for part in parts),
        )
        return parts

    def _halve(self, failed: Tile) -> None:
        smallest = SMALLEST_TILE // STRIDE
        longest = max(failed.bottom - failed.top, failed.right - failed.left)
        if not self.halvable or longest <= smallest:
            raise MemoryError(
                f"not enough memory for a tile of {max(SMALLEST_TILE, STRIDE * longest)} pixels: "
                "close other programs, use a smaller batch or image, or run on the CPU"
            )
        self.cells = max(smallest, -(-longest // 2))


def _fits(work: Callable[[Tile], None], tile: Tile) -> bool:
    """Do the work and return whether there was enough memory for it."""
    # A separate function, because the error keeps the tensors of the failed attempt alive.
    try:
        work(tile)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


def join_progress(tilers: Sequence[Tiler], progress: Progress) -> None:
    """Report the progress of several tilers as if they were one."""

    def tell(done: int, total: int) -> None:
        progress(sum(each.done for each in tilers), sum(each.total for each in tilers))

    for tiler in tilers:
        tiler.progress = tell
