"""How a run does: on crops that no step sees, and on images kept aside."""

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
# Numbers far beyond any run's: crops of the same images that no step sees.
FIXED_START = 10**12
# Of the validation: 36 pairs, as ``adain evaluate --limit 6`` takes them, and their pixels.
IMAGES, SIZE = 6, 256


class Inspection:
    """Fixed pairs and images kept aside, the same throughout a run.

    Args:
        config: of the run.
        reader: of the run.
        loss_network: the frozen VGG.

    Raises:
        ImageFileError: a folder of images kept aside has none, or one of them cannot be read or is
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
        """Return how the averaged weights do, by name.

        Returns:
            The unweighted losses of eight pairs of crops that no step sees, at alpha 1, and the
            scores of :meth:`validate`.
        """
        device = self._reader.device
        pool = self._reader.encode(*self._fixed_pairs())
        batch = Batch(pool, pool.content, torch.ones(FIXED_PAIRS, 1, device=device))
        losses = learner.objective.measure(batch, learner.average)
        return {
            **{name: float(value) for name, value in losses.items()},
            **self.validate(learner.average),
        }

    def validate(self, student: Student) -> dict[str, float]:
        """Evaluate a student on the validation images, as ``adain evaluate`` evaluates models.

        Returns:
            Means over the pairs by name, unweighted, in float32; nothing without such images.
        """
        if self._pairs is None:
            return {}
        model = AdaINModel(student.encoder, student.decoder, self._info)
        candidate = ModelCandidate(self._pairs, model)
        scores = summarize([each.scores for each in evaluate_candidate(self._pairs, candidate)])
        return {f"validation {name}": scores[name] for name in ("target", "style")}

    def draw(self, student: Student) -> Tensor:
        """Return four of the fixed contents in six of the styles, ``(1, 3, H, W)`` in 0..1."""
        content, style = self._fixed_pairs()
        return sample_grid(student, content[:4], style[:6])

    def _fixed_pairs(self) -> tuple[Tensor, Tensor]:
        content, style = (
            next(crop_batches(crops, FIXED_PAIRS, 0, FIXED_START))[0].to(self._reader.device)
            for crops in self._reader.crops
        )
        return content, style
