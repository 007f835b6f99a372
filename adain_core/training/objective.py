"""The objective: the student and the weighted losses of its images, as one module."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..evaluation.checkerboard import checkerboard_loss
from ..evaluation.metrics import palette_distance, perceptual_distance
from .batches import Batch
from .config import TrainingConfig
from .loss_network import LossNetwork
from .losses import balanced_style_loss, imitation_loss, smoothness_loss


class Objective(nn.Module):
    """The student and its losses.

    Args:
        config: weights of the losses.
        student: :class:`~adain_core.training.student.Student`, or its wrapper for several devices.
        loss_network: the frozen VGG.
        autocast: context of the student's forward pass.
    """

    def __init__(
        self,
        config: TrainingConfig,
        student: nn.Module,
        loss_network: LossNetwork,
        autocast: Callable[[], AbstractContextManager[None]],
    ) -> None:
        super().__init__()
        self.config, self.student, self.loss_network = config, student, loss_network
        self._autocast = autocast

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the weighted losses of a batch by name, scalars, and their ``"total"``."""
        config, pairs = self.config, batch.pairs
        consistent = config.consistency_weight > 0
        photos = torch.cat([batch.photos, batch.clean]) if consistent else batch.photos
        reconstruct = config.identity_weight > 0
        images, reconstruction = self._stylize(self.student, batch, photos, reconstruct)
        output = images[: len(batch.photos)]
        levels = self.loss_network.levels(output)
        unweighted = pairs.losses(batch.alpha, levels)
        losses = {
            "content": config.content_weight * unweighted["content"],
            "style": config.style_weight * unweighted["style"],
        }
        if config.identity_weight > 0:
            identity = F.mse_loss(reconstruction.float(), pairs.content)
            losses["identity"] = config.identity_weight * identity
        if config.imitation_weight > 0:
            imitation = imitation_loss(output, levels, pairs.teacher, pairs.teacher_levels)
            losses["imitation"] = config.imitation_weight * imitation
        if config.balanced_style_weight > 0:
            balanced = balanced_style_loss(levels, pairs.targets(batch.alpha))
            losses["balanced"] = config.balanced_style_weight * balanced
        if config.smoothness_weight > 0:
            smoothness = smoothness_loss(output, pairs.content)
            losses["smoothness"] = config.smoothness_weight * smoothness
        if config.percept_weight > 0:
            with torch.no_grad():
                photo_levels = self.loss_network.levels(pairs.content)
            losses["percept"] = config.percept_weight * perceptual_distance(levels, photo_levels)
        if config.palette_weight > 0:
            losses["palette"] = config.palette_weight * palette_distance(output, pairs.style)
        if consistent:
            # As in MCCNet (Deng et al., AAAI 2021): noise in a photo must not change the result.
            consistency = F.mse_loss(output.float(), images[len(output) :].float())
            losses["consistency"] = config.consistency_weight * consistency
        if config.checkerboard_weight > 0:
            losses["checkerboard"] = config.checkerboard_weight * checkerboard_loss(output)
        return {**losses, "total": torch.stack(list(losses.values())).sum()}

    @torch.no_grad()
    def measure(self, batch: Batch, student: nn.Module) -> dict[str, Tensor]:
        """Return the unweighted content and style loss of another student's images."""
        output, _ = self._stylize(student, batch, batch.photos, reconstruct=False)
        return batch.pairs.losses(batch.alpha, self.loss_network.levels(output))

    def _stylize(
        self, student: nn.Module, batch: Batch, photos: Tensor, reconstruct: bool
    ) -> tuple[Tensor, Tensor]:
        with self._autocast():
            images: tuple[Tensor, Tensor] = student(
                photos, batch.pairs.style, batch.alpha, reconstruct=reconstruct
            )
        return images
