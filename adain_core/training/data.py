"""Training images: random crops, each a function of the seed and its number alone.

There is no other random state, so a resumed run reads exactly the same images as an uninterrupted
one, with any number of workers.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import PIL.Image
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ..color import mean_std
from ..errors import ImageFileError
from ..images import list_image_tree, read_image_file
from ..pixels import resize_shortest_side
from .recolor import recolor
from .scenes import draw_scene


def seeded(*numbers: int) -> torch.Generator:
    """Return a generator that depends only on ``numbers``."""
    mixed = functools.reduce(lambda state, n: (state * 1_000_003 + n + 1) % (2**61 - 1), numbers, 7)
    return torch.Generator().manual_seed(mixed)


@dataclass(frozen=True)
class Augmentation:
    """Random changes of crops.

    Attributes:
        recolor: probability that a crop's hue, saturation and contrast are changed; some of these
            are posterized or inverted.
        palette_exchange: probability that a crop gets the colors of another image of the folder:
            their mean and standard deviation.
        flip: mirror half of the crops.
        turn: turn crops by a random number of quarter turns.
        scenes: probability that a crop becomes a plain ground with an object cut from it.
    """

    recolor: float = 0.0
    palette_exchange: float = 0.0
    flip: bool = True
    turn: bool = False
    scenes: float = 0.0


class Crops(Dataset[tuple[Tensor, frozenset[int]]]):
    """An endless sequence of random crops of a folder's images.

    Item ``k`` is ``(crop, broken)``: RGB in 0..1, ``(3, crop, crop)``, and the indices of the
    unreadable files that were skipped; if no file can be read, the crop is black. Each pass over
    the folder has its own random order.

    Args:
        folder: folder of images, with sub-folders.
        size: smallest and largest shortest side before the crop, pixels.
        crop: side of the crop, pixels.
        seed: random seed for order, size, position and augmentation.
        augmentation: random changes of the crops; ``None``: half of them are mirrored.

    Raises:
        ImageFileError: the folder is missing or has no images.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        size: tuple[int, int],
        crop: int,
        seed: int,
        augmentation: Augmentation | None = None,
    ) -> None:
        if not Path(folder).is_dir():
            raise ImageFileError(f"{folder}: expected a folder of images, found none")
        self.folder = folder
        self.paths: list[Path] = list_image_tree(folder)
        self.seed, self.augmentation = seed, augmentation or Augmentation()
        self.size, self.crop = size, crop
        # A JPEG of four times the largest size or more is decoded smaller.
        self.min_side = 2 * size[1]

    def __getitem__(self, number: int) -> tuple[Tensor, frozenset[int]]:
        pixels, broken = self._read(number)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeded(self.seed, number).initial_seed())
            crop = self._crop(pixels)
            if torch.rand(()) < 0.5 * self.augmentation.flip:
                crop = crop.flip(2)
            if torch.rand(()) < self.augmentation.recolor:
                crop = recolor(crop)
            if torch.rand(()) < self.augmentation.palette_exchange:
                other, broken_too = self._read(int(torch.randint(len(self.paths), ())))
                crop, broken = mean_std(crop, other[0]), broken | broken_too
            if self.augmentation.scenes and torch.rand(()) < self.augmentation.scenes:
                crop = draw_scene(crop.clamp(0, 1))
            if self.augmentation.turn:
                crop = crop.rot90(int(torch.randint(4, ())), (1, 2))
            return crop.clamp(0, 1), broken

    def _crop(self, pixels: Tensor) -> Tensor:
        """Return a random part of an image ``(1, 3, H, W)`` at a random size."""
        smallest, largest = self.size
        shortest = smallest + int(torch.randint(largest - smallest + 1, ()))
        image = resize_shortest_side(pixels, shortest)[0]
        # No random number without free space: runs of earlier versions resume with the same crops.
        free = [side - self.crop for side in image.shape[1:]]
        top, left = (int(torch.randint(rest + 1, ())) if rest else 0 for rest in free)
        return image[:, top : top + self.crop, left : left + self.crop]

    def _read(self, number: int) -> tuple[Tensor, frozenset[int]]:
        """Return an image of the sequence, and the unreadable files that were skipped."""
        broken: set[int] = set()
        lap, place = divmod(number, len(self.paths))
        # The next file in this pass replaces an unreadable one.
        order = self._order(lap)
        for attempt in range(len(order)):
            index = int(order[(place + attempt) % len(order)])
            try:
                read = read_image_file(self.paths[index], min_side=self.min_side)
                return read.pixels[:, :3], frozenset(broken)
            except ImageFileError:
                broken.add(index)
        return torch.zeros(1, 3, 1, 1), frozenset(broken)

    @functools.lru_cache(maxsize=2)  # noqa: B019 - a dataset lives as long as its run
    def _order(self, lap: int) -> Tensor:
        return torch.randperm(len(self.paths), generator=seeded(self.seed, lap, 1))


class _From(Sampler[int]):
    """The endless sequence of ``start``, ``start + stride`` and so on."""

    def __init__(self, start: int, stride: int) -> None:
        self.start, self.stride = start, stride

    def __iter__(self) -> Iterator[int]:
        number = self.start
        while True:
            yield number
            number += self.stride


def crop_batches(
    crops: Crops,
    batch_size: int,
    workers: int,
    start: int,
    stride: int = 1,
    warn: Callable[[str], None] = lambda sentence: None,
) -> Iterator[tuple[Tensor, frozenset[int]]]:
    """Yield batches ``(B, 3, crop, crop)`` from crop number ``start``, and unreadable files.

    Args:
        crops: the crops.
        batch_size: ``B``.
        workers: number of processes that read; 0: this one.
        start: number of the first crop.
        stride: difference between the numbers of two crops.
        warn: called with a sentence for each unreadable file.

    Raises:
        ImageFileError: no file can be read. (Raised here: a worker would only pass on a traceback.)
    """
    loader = DataLoader(
        crops,
        batch_size=batch_size,
        sampler=_From(start, stride),
        num_workers=workers,
        collate_fn=_collate,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=workers > 0,
        worker_init_fn=functools.partial(_prepare_worker, PIL.Image.MAX_IMAGE_PIXELS),
    )
    told: set[int] = set()
    for batch, broken in loader:
        for index in sorted(broken - told):
            warn(f"{crops.paths[index]} cannot be read; other images take its place")
        told |= broken
        if len(broken) == len(crops.paths):
            raise ImageFileError(f"{crops.folder}: none of its images can be read")
        yield batch, broken


def _prepare_worker(largest: int | None, worker: int) -> None:
    """Set the run's limit of pixels in a worker, and move it to a process group of its own.

    A process that is not forked has Pillow's own limit. Ctrl-C in a terminal and SIGTERM of a batch
    system go to the whole group, and without its workers a run cannot save a checkpoint.
    """
    PIL.Image.MAX_IMAGE_PIXELS = largest
    if hasattr(os, "setpgrp"):  # not on Windows
        os.setpgrp()


def _collate(
    items: list[tuple[Tensor, frozenset[int]]],
) -> tuple[Tensor, frozenset[int]]:
    crops, broken = zip(*items, strict=True)
    return torch.stack(crops), frozenset().union(*broken)
