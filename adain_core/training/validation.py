"""How a run does on images kept aside, judged as ``adain evaluate`` judges models."""

from __future__ import annotations

from copy import deepcopy

import torch

from ..evaluation import Pairs, judge_model, mean_scores
from ..images import list_images
from ..model import AdaINModel
from ..networks import Encoder
from ..weights import ModelInfo
from .config import TrainingConfig
from .student import Student

# 36 pairs, 11 seconds with adain-slim on two cores, as ``adain evaluate --limit 6`` takes them.
IMAGES, SIZE = 6, 256


class Validation:
    """Pairs of the first images of two folders.

    Args:
        config: of the run.
        vgg: the judge, in float32.
        device: to compute on.

    Raises:
        ImageFileError: a folder has no images, or one cannot be read or is transparent.
    """

    def __init__(self, config: TrainingConfig, vgg: Encoder, device: torch.device) -> None:
        self._info = ModelInfo(config.architecture)
        contents, styles = (
            list_images(folder)[:IMAGES]
            for folder in (config.validation_content, config.validation_style)
        )
        self._pairs = Pairs(contents, styles, SIZE, deepcopy(vgg).to(device))

    def __call__(self, student: Student) -> dict[str, float]:
        """Means over the pairs by name: ``target`` and ``style``, unweighted, in float32."""
        model = AdaINModel(student.encoder, student.decoder, self._info)
        scores = mean_scores([score for *_, score in judge_model(model, self._pairs)])
        return {"validation target": scores.target, "validation style": scores.style}
