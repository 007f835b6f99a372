"""What is reproduced, with what, and in how much time."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from ..choices import DEFAULT_MODEL, EXPERIMENTS
from ..errors import OptionError

PATHS = ("content", "style", "validation_content", "validation_style", "encoder", "output")


@dataclass(frozen=True)
class ReproduceConfig:
    """A reproduction.

    Attributes:
        content: folder of photographs to train with.
        style: folder of artworks to train with.
        validation_content: folder of photographs to evaluate on.
        validation_style: folder of artworks to evaluate on.
        encoder: the loss network: ``vgg_normalised.pth``, or a full-width model, whose decoder then
            stands for the paper's.
        output: folder for the report and its intermediate results.
        what: experiments, keys of ``adain_core.choices.EXPERIMENTS``.
        budget: minutes for all experiments together.
        model: an AdaIN model to compare with the paper's.
        seed: random seed.
        device: device to compute on.

    Raises:
        OptionError: a value out of range.
    """

    content: str | os.PathLike[str]
    style: str | os.PathLike[str]
    validation_content: str | os.PathLike[str]
    validation_style: str | os.PathLike[str]
    encoder: str | os.PathLike[str]
    output: str | os.PathLike[str]
    what: tuple[str, ...] = tuple(EXPERIMENTS)
    budget: float = 60.0
    model: str = DEFAULT_MODEL
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in PATHS:
            object.__setattr__(self, name, os.fspath(getattr(self, name)))
        object.__setattr__(self, "what", tuple(self.what))
        unknown = [name for name in self.what if name not in EXPERIMENTS]
        if unknown or not self.what:
            raise OptionError(
                "what", f"must be some of {', '.join(EXPERIMENTS)}, got {unknown or 'none'}"
            )
        if not 0 < self.budget < float("inf"):
            raise OptionError("budget", f"must be minutes above 0, got {self.budget:g}")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)
