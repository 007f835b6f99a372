"""Validation: losses on crops that no step sees, and metrics on held-out images."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor

from ..evaluation import ModelCandidate, Pairs, evaluate_candidate, summarize
from ..images import list_images
from ..model import AdaINModel
from ..weights import ModelInfo
from .batches import Batch
from .config import TrainingConfig
from .data import crop_batches
from .learner import Learner
from .loss_network import LossNetwork
from .pools import PoolReader
from .report import sample_grid
from .student import Student

FIXED_PAIRS = 8
# Number of the first fixed crop, beyond those of any run: crops of the same images that no step
# sees.
FIXED_START = 10**12
# Number of held-out photos and artworks, 36 pairs as with ``adain evaluate --limit 6``, and their
# size in pixels.
IMAGES, SIZE = 6, 256


class Validation:
    """Fixed pairs of crops and held-out images, the same throughout a run.

    Args:
        config: configuration of the run.
        reader: reader of the run.
        loss_network: the frozen VGG.

    Raises:
        ImageFileError: a folder of held-out images is empty, or one of them cannot be read or is
            transparent.
    """

    def __init__(
        self, config: TrainingConfig, reader: PoolReader, loss_network: LossNetwork
    ) -> None:
        self._reader, self._info = reader, ModelInfo(config.architecture)
        self._pairs: Pairs | None = None
        if config.validation_content:
            folders = (config.validation_content, config.validation_style)
            contents, styles = (list_images(folder)[:IMAGES] for folder in folders)
            vgg = deepcopy(loss_network.encoder).to(reader.device)
            self._pairs = Pairs(contents, styles, SIZE, vgg)

    @torch.no_grad()
    def measure(self, learner: Learner) -> dict[str, float]:
        """Measure the averaged weights.

        Returns:
            The unweighted losses on eight pairs of crops that no step sees, at alpha 1, and the
            scores of :meth:`evaluate`, by name.
        """
        device = self._reader.device
        pool = self._reader.encode(*self._fixed_pairs())
        batch = Batch(pool, pool.content, pool.content, torch.ones(FIXED_PAIRS, 1, device=device))
        losses = learner.objective.measure(batch, learner.average)
        return {
            **{name: float(value) for name, value in losses.items()},
            **self.evaluate(learner.average),
        }

    def evaluate(self, student: Student) -> dict[str, float]:
        """Evaluate a student on the held-out images, as ``adain evaluate`` does.

        Returns:
            Unweighted means over the pairs, in float32, by name; empty without held-out images.
        """
        if self._pairs is None:
            return {}
        model = AdaINModel(student.encoder, student.decoder, self._info)
        candidate = ModelCandidate(self._pairs, model)
        scores = summarize([each.scores for each in evaluate_candidate(self._pairs, candidate)])
        return {f"validation {name}": scores[name] for name in ("target", "style")}

    def sample(self, student: Student) -> Tensor:
        """Return a grid of four fixed contents in six styles, ``(1, 3, H, W)`` in 0..1."""
        content, style = self._fixed_pairs()
        return sample_grid(student, content[:4], style[:6])

    def _fixed_pairs(self) -> tuple[Tensor, Tensor]:
        content, style = (
            next(crop_batches(crops, FIXED_PAIRS, 0, FIXED_START))[0].to(self._reader.device)
            for crops in self._reader.crops
        )
        return content, style
