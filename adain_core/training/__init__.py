"""Training: the paper's decoder, or a slim encoder and decoder, under the paper's losses."""

from .config import TrainingConfig
from .student import TrainingError
from .trainer import Trainer

__all__ = ["Trainer", "TrainingConfig", "TrainingError"]
