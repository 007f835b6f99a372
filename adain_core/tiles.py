"""Networks tile by tile: memory bounded by the tile, the result that of the whole picture.

AdaIN needs nothing of the picture as a whole but its statistics, and those are taken on the whole
feature map. The networks themselves see a bounded neighborhood: with a halo that wide around each
tile, and reflection padding met only where the picture really ends, tiling changes nothing but
rounding.

A cell is a feature, or its 8x8 pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from .architecture import STRIDE
from .devices import is_out_of_memory
from .errors import OptionError
from .functional import Window
from .memory import free_memory

# Told the tiles that are done and how many there are in all; what it raises ends the work.
Progress = Callable[[int, int], None]

Network = Callable[[Tensor], Tensor]

# A feature sees 30 pixels beyond its own 8x8 in the encoder (8 + 16 + 4 + 2, one radius for each
# block), a pixel 3.75 features beyond its own in the decoder.
HALO_CELLS = 4
# Below this the halo is most of the work.
SMALLEST_TILE = 64
# Maps of the first block's width that live at once: 2.3 in the encoder, 2.7 in the decoder.
_LIVE_MAPS = 3
# For so many maps: a tile of 1182 px at full width in float32.
_AUTOMATIC_BYTES = 2**30
# The halo costs small tiles time; larger ones gain nothing, since the networks work in bands.
_CPU_TILE = 1024


def automatic_tile(
    width: int,
    dtype: torch.dtype,
    device: torch.device | None = None,
    *,
    batch: int = 1,
    reserved: int = 0,
) -> int:
    """Side in pixels of a tile whose activations take about 1.3 GiB, or what fits.

    Args:
        width: channels of the first block, whose maps are the largest.
        dtype: of the activations.
        device: whose free memory bounds the tile; ``None`` for the largest tile there can be.
        batch: pictures at once.
        reserved: bytes of the free memory that something else will take.
    """
    budget = _AUTOMATIC_BYTES
    free = None if device is None else free_memory(device)
    if free is not None:
        # Half of it: other programs want memory, too, and a CPU without any stops the process.
        budget = min(budget, max(0, free - reserved) // 2)
    side = int((budget / activation_bytes(width, dtype, batch)) ** 0.5)
    if device is not None and device.type == "cpu":
        side = min(side, _CPU_TILE)
    return max(SMALLEST_TILE, side)


def activation_bytes(width: int, dtype: torch.dtype, pixels: int) -> int:
    """Memory that the networks take beside their weights for so many pixels at once, about."""
    return _LIVE_MAPS * width * dtype.itemsize * pixels


def check_tile(tile: int | None) -> None:
    """Raise ``OptionError`` unless a tile is ``None`` or at least 64 pixels wide."""
    if tile is not None and tile < SMALLEST_TILE:
        raise OptionError("tile", f"must be {SMALLEST_TILE} pixels or more, got {tile}")


class Tile(NamedTuple):
    """A rectangle of cells."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def cells(self) -> Window:
        """Where it lies in a map of features."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def pixels(self) -> Window:
        """Where it lies in a picture."""
        top, bottom, left, right = (STRIDE * side for side in self)
        return slice(top, bottom), slice(left, right)

    def within(self, other: Tile) -> Tile:
        """Return the same rectangle in another's coordinates."""
        return Tile(
            self.top - other.top,
            self.bottom - other.top,
            self.left - other.left,
            self.right - other.left,
        )

    def split(self, cells: int) -> list[Tile]:
        """Parts of about one size, none longer than ``cells``."""
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
    """Does work tile by tile, once or several times over maps of one size.

    Args:
        shape: rows and columns of the map, in cells.
        tile: side in pixels; ``None``: the whole map at once. Halved where memory runs out.
        progress: told after each tile; the number in all grows where tiles are halved.
        rounds: how many times :meth:`run` will be called.

    Attributes:
        done: tiles so far.
        total: tiles of all rounds.
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
            MemoryError: not even the smallest tile fits.
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
        """Return the tile and what the networks see around it.

        All are of one shape, the halo cut off or longer where the map ends: what a device prepares
        for a shape (oneDNN's kernels, a compiled graph) is prepared once, and held in memory.
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
    """Do the work; whether there was memory for it."""
    # Its own function: the error holds on to the tensors of the failed attempt.
    try:
        work(tile)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


def join_progress(tilers: Sequence[Tiler], progress: Progress) -> None:
    """Let several tilers tell their tiles together, as if they were one."""

    def tell(done: int, total: int) -> None:
        progress(sum(each.done for each in tilers), sum(each.total for each in tilers))

    for tiler in tilers:
        tiler.progress = tell
