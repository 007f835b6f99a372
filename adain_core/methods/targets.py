"""The objective of a task."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..color import luminance
from ..functional import channel_statistics
from ..networks.encoder_decoder import Encoder
from ..options import StylizeOptions
from ..style import Features
from ..transfer import plan_transfer
from .descent import DescentOptions, Step, Watch, minimize
from .objective import Losses, LossWeights, Objective, Region, describe_levels, levels_of
from .tasks import Task


@torch.no_grad()
def make_objective(
    vgg: Encoder, task: Task, weights: LossWeights, region_statistics: bool | None = None
) -> Objective:
    """Return the objective of a task.

    Args:
        vgg: the loss network.
        task: the photo and its artworks.
        weights: the style loss and the weights of the losses.
        region_statistics: as in :class:`~adain_core.options.StylizeOptions`, for a content loss
            against AdaIN's target; ``None``: against the photo's own features.
    """
    kind = weights.style_loss
    photo, *artworks = (levels_of(vgg, image) for image in (task.photo, *task.artworks))
    described = [describe_levels(levels, kind) for levels in artworks]
    if not task.places_styles:
        described = [_mix(described, task.shares.flatten())]
    masks = task.shares[:, None] if task.places_styles else [None]
    regions = []
    for target, mask in zip(described, masks, strict=True):
        if mask is not None and not mask.any():
            continue
        own = describe_levels(photo, kind, mask)
        between = [torch.lerp(a, b, task.alpha) for a, b in zip(own, target, strict=True)]
        regions.append(Region(between, mask))
    content = photo[-1]
    if region_statistics is not None:
        content = _adain_target(
            task, content, [levels[-1] for levels in artworks], region_statistics
        )
    return Objective(vgg, content, regions, weights)


def _mix(described: Sequence[Sequence[Tensor]], shares: Tensor) -> list[Tensor]:
    """Return the mix of all artworks at each level; ``shares`` is ``(N,)``."""
    return [
        torch.tensordot(shares, torch.stack(list(level)), dims=1)
        for level in zip(*described, strict=True)
    ]


def _adain_target(
    task: Task, content: Tensor, artworks: Sequence[Tensor], region_statistics: bool
) -> Tensor:
    """Return AdaIN's output at relu4_1 of the loss network."""
    statistics = [channel_statistics(features) for features in artworks]
    if task.places_styles:
        targets = [(mean[0], std[0]) for mean, std in statistics]
    else:
        mean, std = _mix(statistics, task.shares.flatten())
        targets = [(mean, std)]
    size = (task.photo.shape[2], task.photo.shape[3])
    transfer = plan_transfer(
        Features(content, size, fingerprint=""),
        targets,
        torch.tensor([task.alpha]),
        masks=list(task.shares[:, None]) if task.places_styles else None,
        region_statistics=region_statistics,
    )
    return transfer(content)


def descend(
    losses: Callable[[Tensor], Losses],
    start: Tensor,
    task: Task,
    options: StylizeOptions,
    how: DescentOptions,
    watch: Watch | None = None,
) -> Tensor:
    """Return the optimized image of a task; pixels outside every style do not change."""
    covered = task.shares.sum(dim=0, keepdim=True) > 0

    def constrain(image: Tensor) -> Tensor:
        if task.places_styles:
            image = torch.where(covered, image, start)
        if options.preserve_color == "luminance":
            image = luminance(image, task.photo).clamp(0, 1)
        return image

    def tell(step: Step) -> None:
        if watch is not None:
            watch(step._replace(image=constrain(step.image)))

    return constrain(minimize(lambda image: losses(constrain(image)), start, how, tell))
