"""Settings of the training of a network for one or several styles."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from ..errors import OptionError
from .network import MINIMUM_SIZE, NetworkArchitecture, Normalization
from .objective import LossWeights, StyleLoss

Precision = Literal["no", "bf16"]

PATHS = ("content", "style", "encoder", "output", "init")
_SMALLEST = {
    **dict.fromkeys(("steps", "batch_size", "log_every", "save_every", "sample_every"), 1),
    **{"workers": 0, "crop": MINIMUM_SIZE},
}


@dataclass(frozen=True)
class NetworkConfig:
    """The training of a network; the defaults are those of Johnson et al. 2016.

    Attributes:
        content: folder of photographs, including subfolders.
        style: an artwork, or a folder of artworks. Each becomes a style of the network, named after
            its file without suffix.
        encoder: the frozen VGG, the loss network: ``vgg_normalised.pth``, or a full-width model.
        output: folder of the run: checkpoint, samples, and at the end the network.
        init: a network to add styles to; only the new scales and shifts are trained. Empty: train a
            new network.
        width: channels of the first layer.
        normalization: ``"instance"`` (Ulyanov et al.), or ``"batch"`` for one style.
        steps: number of optimizer steps.
        batch_size: photographs per step.
        learning_rate: initial learning rate of Adam; it decays to zero along a cosine.
        style_loss: see :class:`~adain_core.methods.objective.LossWeights`.
        style_weight: relative to a content loss of weight 1.
        roughness_weight: weight of the differences between neighboring pixels.
        content_size: smallest and largest shortest side in pixels that photographs are resized to
            before the crop.
        style_size: shortest side that artworks are resized to, pixels.
        crop: side of the random square crop, pixels.
        precision: precision of the forward passes.
        workers: number of processes that read photographs.
        seed: seed of all random numbers.
        log_every: steps between log entries.
        save_every: steps between checkpoints; each replaces the previous one.
        sample_every: steps between sample grids.

    Raises:
        OptionError: a value out of range.
    """

    content: str | os.PathLike[str]
    style: str | os.PathLike[str]
    encoder: str | os.PathLike[str]
    output: str | os.PathLike[str]
    init: str | os.PathLike[str] = ""
    width: int = 32
    normalization: Normalization = "instance"
    steps: int = 40_000
    batch_size: int = 4
    learning_rate: float = 1e-3
    style_loss: StyleLoss = "statistics"
    style_weight: float = 10.0
    roughness_weight: float = 1.0
    content_size: tuple[int, int] = (256, 512)
    style_size: int = 512
    crop: int = 256
    precision: Precision = "no"
    workers: int = 2
    seed: int = 0
    log_every: int = 50
    save_every: int = 1000
    sample_every: int = 1000

    def __post_init__(self) -> None:
        for name in PATHS:
            object.__setattr__(self, name, os.fspath(getattr(self, name)))
        object.__setattr__(self, "content_size", tuple(self.content_size))
        NetworkArchitecture(self.width, self.normalization)  # checks its part
        _ = self.loss_weights  # likewise
        for name, least in _SMALLEST.items():
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= least):
                raise OptionError(name, f"must be a whole number, {least} or more, got {value}")
        if not 0 < self.learning_rate < math.inf:
            raise OptionError(
                "learning_rate", f"must be a finite number above 0, got {self.learning_rate:g}"
            )
        if self.precision not in get_args(Precision):
            names = ", ".join(get_args(Precision))
            raise OptionError("precision", f"must be one of {names}, got {self.precision!r}")
        low, high = self.content_size
        if not self.crop <= low <= high:
            raise OptionError(
                "content_size",
                f"must be the smallest and the largest side, from crop ({self.crop}) on, got "
                f"{low} {high}",
            )
        if self.style_size < MINIMUM_SIZE:
            raise OptionError(
                "style_size", f"must be {MINIMUM_SIZE} pixels or more, got {self.style_size}"
            )
        if self.init and self.normalization == "batch":
            raise OptionError("init", "needs instance normalization, got batch")

    @property
    def loss_weights(self) -> LossWeights:
        """The weights of the losses."""
        return LossWeights(
            self.style_loss, style=self.style_weight, roughness=self.roughness_weight
        )

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


# Defaults of all settings, also of those without one.
NETWORK_DEFAULTS = {field.name: field.default for field in fields(NetworkConfig)}
