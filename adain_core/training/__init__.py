"""Training: the paper's decoder, or a slim encoder and decoder, under the paper's losses."""

from .config import TrainingConfig
from .trainer import Trainer, TrainingError

__all__ = ["Trainer", "TrainingConfig", "TrainingError"]
