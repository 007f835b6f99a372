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
        validation_content: folder of photographs that are drawn and judged.
        validation_style: folder of artworks that they are drawn in.
        encoder: the loss network: ``vgg_normalised.pth``, or a full-width model, whose decoder is
            then measured as the paper's AdaIN.
        output: folder of the report, and of what it is made of.
        what: experiments, of ``adain_core.choices.EXPERIMENTS``.
        budget: minutes for all of them together.
        model: an AdaIN model that is measured beside the paper's.
        seed: of everything random.
        device: to compute on.

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
