"""Batches: the pairs of each step, a function of the seed and the step alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..color import transfer_color
from .config import TrainingConfig
from .data import seeded
from .pools import Pool


@dataclass
class Batch:
    """``B`` pairs of a content and a style.

    Attributes:
        pairs: content i and style i form pair i.
        clean: the contents, in the colors of the styles if configured, RGB in 0..1, ``(B, 3, S,
            S)``.
        photos: these with noise, if configured.
        alpha: alpha of each pair, ``(B, 1)``.
    """

    pairs: Pool
    clean: Tensor
    photos: Tensor
    alpha: Tensor

    @property
    def tensors(self) -> list[Tensor]:
        """All tensors, always in the same order."""
        return [*self.pairs.tensors, self.clean, self.photos, self.alpha]


def choose_batch(config: TrainingConfig, pool: Pool, step: int, rank: int = 0) -> Batch:
    """Choose the pairs of a step: new random ones in each pass over a pool.

    Args:
        config: configuration of the run.
        pool: pool of this step.
        step: number of the step, from 0.
        rank: number of this process.

    Returns:
        ``config.batch_size`` pairs.
    """
    size, device = len(pool.content), pool.content.device
    pool_number, place = divmod(step, config.pool_steps)
    lap, number = divmod(place, size // config.batch_size)
    part = slice(number * config.batch_size, (number + 1) * config.batch_size)
    contents, styles = (
        torch.randperm(size, generator=seeded(config.seed, pool_number, lap, rank, kind))
        for kind in (0, 1)
    )
    if config.imitation_weight > 0:
        styles = contents  # the teacher's images are of content i in style i
    alpha = torch.ones(config.batch_size, 1)
    if config.random_alpha:
        alpha = torch.rand(config.batch_size, 1, generator=seeded(config.seed, step, rank))
    # Blocking copies to a GPU would wait for all work before them.
    contents, styles, alpha = (
        values.to(device, non_blocking=True) for values in (contents[part], styles[part], alpha)
    )
    pairs = pool.pairs(contents, styles)
    clean = pairs.content
    if config.match_colors > 0:
        chances = torch.rand(len(clean), generator=seeded(config.seed, step, rank, 3))
        matched = (chances < config.match_colors).to(device)[:, None, None, None]
        clean = torch.where(matched, transfer_color(clean, pairs.style, "transport"), clean)
    photos = clean
    if config.noise > 0:
        photos = add_noise(clean, config.noise, seeded(config.seed, step, rank, 2).initial_seed())
    return Batch(pairs, clean, photos, alpha)


def add_noise(photos: Tensor, largest: float, seed: int) -> Tensor:
    """Return photos with Gaussian noise.

    Args:
        photos: RGB in 0..1, ``(B, 3, S, S)``.
        largest: largest standard deviation; each photo's is chosen at random from 0 to it.
        seed: random seed.
    """
    random = torch.Generator(photos.device).manual_seed(seed)
    deviation = largest * torch.rand(len(photos), 1, 1, 1, generator=random, device=photos.device)
    noise = torch.randn(photos.shape, generator=random, device=photos.device)
    return (photos + deviation * noise).clamp(0, 1)
