"""Training: the paper's decoder, or a slim encoder and decoder, under the paper's losses."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import TrainingError
from .config import TrainingConfig

if TYPE_CHECKING:
    from .callbacks import Callback
    from .trainer import Trainer

__all__ = ["Callback", "Trainer", "TrainingConfig", "TrainingError"]

# Imported at the first use, as the public names of adain_core are: `adain --help` needs the
# configuration alone.
_HOMES = {"Callback": "callbacks", "Trainer": "trainer"}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use (PEP 562)."""
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
