"""Pools: crops with their features in the frozen VGG, encoded once and used for many steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import TrainingError
from ..functional import Statistics, adaptive_instance_norm
from .config import TrainingConfig
from .data import Augmentation, Crops, crop_batches
from .loss_network import LossNetwork
from .losses import content_loss, level_statistics, style_loss


@dataclass
class Pool:
    """``N`` contents and ``N`` styles, on the training device.

    Attributes:
        content: crops ``(N, 3, S, S)``.
        style: crops ``(N, 3, S, S)``.
        content_features: the VGG's relu4_1, ``(N, 512, S/8, S/8)``.
        content_statistics: statistics at relu1_1 … relu4_1, each ``(N, C_l)``.
        style_statistics: those of the styles, as ``content_statistics``.
        teacher: the teacher's image of content i in style i, ``(N, 3, S, S)``; empty without
            imitation.
        teacher_levels: its relu1_1 … relu4_1, bfloat16 (4 MB for an image of 128x128).
    """

    content: Tensor
    style: Tensor
    content_features: Tensor
    content_statistics: list[Statistics]
    style_statistics: list[Statistics]
    teacher: Tensor
    teacher_levels: list[Tensor]

    def pairs(self, contents: Tensor, styles: Tensor) -> Pool:
        """Return selected contents and styles as a new pool.

        Args:
            contents: indices ``(B,)``, from 0 to N - 1.
            styles: indices ``(B,)``; the same as ``contents`` with imitation.
        """
        return Pool(
            content=_take(self.content, contents),
            style=_take(self.style, styles),
            content_features=_take(self.content_features, contents),
            content_statistics=[(m[contents], s[contents]) for m, s in self.content_statistics],
            style_statistics=[(m[styles], s[styles]) for m, s in self.style_statistics],
            # Empty without imitation.
            teacher=_take(self.teacher, contents) if self.teacher.numel() else self.teacher,
            teacher_levels=[
                _take(level, contents) if level.numel() else level for level in self.teacher_levels
            ],
        )

    def put(self, part: Pool, place: int) -> None:
        """Copy the pairs of another pool to the places from ``place`` on."""
        for own, given in zip(self.tensors, part.tensors, strict=True):
            if given.numel():
                own[place : place + len(given)] = given

    def targets(self, alpha: Tensor) -> list[Statistics]:
        """Return the target statistics of stylized images at each level.

        Args:
            alpha: alpha of each pair, ``(N, 1)``: 0 gives the statistics of the content, 1 those
                of the style.
        """
        return [
            (torch.lerp(cm, sm, alpha), torch.lerp(cs, ss, alpha))
            for (cm, cs), (sm, ss) in zip(
                self.content_statistics, self.style_statistics, strict=True
            )
        ]

    def losses(self, alpha: Tensor, levels: list[Tensor]) -> dict[str, Tensor]:
        """Return content and style loss (equations 12 and 13) of stylized images.

        Args:
            alpha: alpha of each pair, ``(N, 1)``.
            levels: VGG levels of the image of each pair.
        """
        targets = self.targets(alpha)
        target = adaptive_instance_norm(self.content_features, *targets[-1])
        return {"content": content_loss(levels[-1], target), "style": style_loss(levels, targets)}

    @property
    def tensors(self) -> list[Tensor]:
        """All tensors, always in the same order."""
        statistics = [*self.content_statistics, *self.style_statistics]
        return [
            *(self.content, self.style, self.content_features, self.teacher),
            *self.teacher_levels,
            *(tensor for pair in statistics for tensor in pair),
        ]


class PoolReader:
    """Reads and encodes the pools of one process, in order.

    Args:
        config: configuration of the run.
        loss_network: the frozen VGG, with a teacher for imitation.
        device: device of the pools.
        rank: number of this process.
        processes: number of processes.

    Attributes:
        broken: files that could not be read so far.

    Raises:
        ImageFileError: a folder has no images.
        TrainingError: imitation without a teacher.
    """

    def __init__(
        self,
        config: TrainingConfig,
        loss_network: LossNetwork,
        device: torch.device,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        if config.imitation_weight > 0 and not loss_network.has_teacher:
            raise TrainingError(
                "imitation needs a teacher: expected as encoder a full-width model of fusion "
                f"'adain', got {config.encoder}; adain-vgg19 is one",
                "encoder",
            )
        self.config, self.loss_network, self.device = config, loss_network, device
        self.rank, self.processes = rank, processes
        content_seed, style_seed = 2 * config.seed, 2 * config.seed + 1
        photos = Augmentation(config.recolor, flip=config.augment, scenes=config.scenes)
        # More styles from the same artworks: turned brushwork, and palettes of other artworks.
        artworks = Augmentation(
            config.recolor, config.palette_exchange, flip=config.augment, turn=config.augment
        )
        self.crops = [
            Crops(config.content, config.content_size, config.crop, content_seed, photos),
            Crops(config.style, config.style_size, config.crop, style_seed, artworks),
        ]
        self.broken: set[str] = set()

    def read(
        self,
        first: int,
        stop: Callable[[], bool] = lambda: False,
        warn: Callable[[str], None] = lambda sentence: None,
    ) -> Iterator[Pool]:
        """Yield pools from number ``first``; each is a function of its number alone.

        Args:
            first: number of the first pool.
            stop: called between batches; ``True`` ends the sequence.
            warn: called with a sentence for each unreadable file.
        """
        config = self.config
        size = config.pool or config.batch_size
        start = first * size * self.processes + self.rank
        batches = [
            crop_batches(crops, config.batch_size, config.workers, start, self.processes, warn)
            for crops in self.crops
        ]
        while True:
            pool: Pool | None = None
            for place in range(0, size, config.batch_size):
                if pool is not None and stop():
                    return
                images = []
                for crops, source in zip(self.crops, batches, strict=True):
                    batch, broken = next(source)
                    self.broken |= {str(crops.paths[index]) for index in broken}
                    images.append(batch)
                part = self.encode(images[0], images[1])
                # Parts kept between the large maps of the VGG would fragment the memory.
                if pool is None:
                    pool = _allocate(part, size)
                pool.put(part, place)
            assert pool is not None
            yield pool

    @torch.no_grad()
    def encode(self, content: Tensor, style: Tensor) -> Pool:
        """Return the pool of a batch of crops."""
        content, style = (
            crops.to(self.device, non_blocking=True).contiguous(memory_format=torch.channels_last)
            for crops in (content, style)
        )
        content_levels, style_levels = (
            self.loss_network.levels(images) for images in (content, style)
        )
        style_statistics = level_statistics(style_levels)
        features = content_levels[-1].float()
        teacher, teacher_levels = content.new_empty(0), [content.new_empty(0)] * len(content_levels)
        if self.config.imitation_weight > 0:
            target = adaptive_instance_norm(features, *style_statistics[-1])
            teacher = self.loss_network.decode(target).float().clamp(0, 1)
            teacher_levels = [level.bfloat16() for level in self.loss_network.levels(teacher)]
        return Pool(
            content=content,
            style=style,
            content_features=features,
            content_statistics=level_statistics(content_levels),
            style_statistics=style_statistics,
            teacher=teacher,
            teacher_levels=teacher_levels,
        )


def _take(images: Tensor, places: Tensor) -> Tensor:
    """Return ``images[places]`` in channels_last, which indexing alone would not keep."""
    return images.permute(0, 2, 3, 1)[places].permute(0, 3, 1, 2)


def _allocate(part: Pool, count: int) -> Pool:
    """Return an empty pool of ``count`` pairs, for parts like this one."""

    def empty(tensor: Tensor) -> Tensor:
        if not tensor.numel():
            return tensor
        layout = torch.channels_last if tensor.ndim == 4 else torch.contiguous_format
        shape = (count, *tensor.shape[1:])
        return torch.empty(shape, dtype=tensor.dtype, device=tensor.device, memory_format=layout)

    return Pool(
        content=empty(part.content),
        style=empty(part.style),
        content_features=empty(part.content_features),
        content_statistics=[(empty(m), empty(s)) for m, s in part.content_statistics],
        style_statistics=[(empty(m), empty(s)) for m, s in part.style_statistics],
        teacher=empty(part.teacher),
        teacher_levels=[empty(level) for level in part.teacher_levels],
    )
