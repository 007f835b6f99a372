"""Pools: crops and what the frozen VGG says of them, encoded once and used for many steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..functional import adaptive_instance_norm
from ..networks import Decoder, Encoder
from .config import TrainingConfig
from .data import Crops, crop_batches
from .losses import Statistics, level_statistics


@dataclass
class Pool:
    """``N`` contents and ``N`` styles, on the training device.

    Args:
        content: crops ``(N, 3, S, S)``.
        style: crops ``(N, 3, S, S)``.
        content_features: the VGG's relu4_1, ``(N, 512, S/8, S/8)``.
        style_features: likewise; empty where no step of the pool distills.
        content_statistics: at relu1_1 … relu4_1, each ``(N, C_l)``.
        style_statistics: likewise.
        teacher: the teacher's picture of content i in style i, ``(N, 3, S, S)``; empty where no
            step of the pool imitates.
    """

    content: Tensor
    style: Tensor
    content_features: Tensor
    style_features: Tensor
    content_statistics: list[Statistics]
    style_statistics: list[Statistics]
    teacher: Tensor


class PoolReader:
    """Reads and encodes one process's share of the pools, in order.

    Args:
        config: of the run.
        vgg: the frozen loss network.
        teacher: the full-width decoder, where the run imitates one.
        device: of the pools.
        rank: number of this process.
        processes: how many there are.

    Attributes:
        broken: files that could not be read, so far.

    Raises:
        ImageFileError: a folder has no images.
    """

    def __init__(
        self,
        config: TrainingConfig,
        vgg: Encoder,
        teacher: Decoder | None,
        device: torch.device,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self.config, self.vgg, self.teacher, self.device = config, vgg, teacher, device
        self.rank, self.processes = rank, processes
        self.crops = [
            Crops(folder, config.image_size, config.crop, 2 * config.seed + kind, config.recolor)
            for kind, folder in enumerate((config.content, config.style))
        ]
        self.broken: set[str] = set()

    def read(self, first: int) -> Iterator[Pool]:
        """Pools without end, from number ``first``; each is a function of its number alone."""
        config = self.config
        size = config.pool or config.batch_size
        start = first * size * self.processes + self.rank
        batches = [
            crop_batches(crops, config.batch_size, config.workers, start, self.processes)
            for crops in self.crops
        ]
        number = first
        while True:
            parts = []
            for _ in range(size // config.batch_size):
                images = []
                for crops, source in zip(self.crops, batches, strict=True):
                    batch, broken = next(source)
                    self.broken |= {str(crops.paths[index]) for index in broken}
                    images.append(batch)
                parts.append(self.encode(images[0], images[1], self._stages(number)))
            yield _joined(parts)
            number += 1

    @torch.no_grad()
    def encode(self, content: Tensor, style: Tensor, stages: set[str]) -> Pool:
        """A pool of a batch of crops; ``stages`` says which of its parts will be needed."""
        content = content.to(self.device).contiguous(memory_format=torch.channels_last)
        style = style.to(self.device).contiguous(memory_format=torch.channels_last)
        content_levels, style_levels = self.vgg.levels(content), self.vgg.levels(style)
        style_statistics = level_statistics(style_levels)
        features, nothing = content_levels[-1].float(), content.new_empty(0)
        teacher = nothing
        if self.teacher is not None and ("imitate" in stages or self.config.imitation_weight > 0):
            target = adaptive_instance_norm(features, *style_statistics[-1])
            teacher = self.teacher(target).float().clamp(0, 1)
        return Pool(
            content=content,
            style=style,
            content_features=features,
            style_features=style_levels[-1].float() if "distill" in stages else nothing,
            content_statistics=level_statistics(content_levels),
            style_statistics=style_statistics,
            teacher=teacher,
        )

    def _stages(self, number: int) -> set[str]:
        first = number * self.config.pool_steps
        last = first + self.config.pool_steps - 1
        # A stage in the middle of a pool that is neither its first nor its last counts, too.
        boundaries = (self.config.distill_steps, first, last)
        return {self.config.stage(step) for step in boundaries if first <= step <= last}


def _joined(parts: list[Pool]) -> Pool:
    def statistics(name: str) -> list[Statistics]:
        levels = zip(*(getattr(part, name) for part in parts), strict=True)
        return [
            (torch.cat([mean for mean, _ in level]), torch.cat([std for _, std in level]))
            for level in levels
        ]

    def tensor(name: str) -> Tensor:
        return torch.cat([getattr(part, name) for part in parts])

    return Pool(
        content=tensor("content"),
        style=tensor("style"),
        content_features=tensor("content_features"),
        style_features=tensor("style_features"),
        content_statistics=statistics("content_statistics"),
        style_statistics=statistics("style_statistics"),
        teacher=tensor("teacher"),
    )
