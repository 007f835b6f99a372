"""The settings of a training run; the defaults are the paper's (section 6) where it names them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from itertools import chain
from typing import Any, Literal, get_args

from ..architecture import VGG19_WIDTHS, Architecture, Fusion, Normalization
from ..errors import OptionError

Optimizer = Literal["adam", "soap"]
Schedule = Literal["paper", "cosine"]
Precision = Literal["no", "bf16", "fp16"]
# Settings that are folders, files or names of models.
PATHS = (
    *("content", "style", "validation_content", "validation_style"),
    *("encoder", "init", "output"),
)
# A GPU waits for fewer; more take memory.
WORKERS = max(2, min(8, (os.cpu_count() or 1) // 2))
LOSS_WEIGHTS = (
    *("style_weight", "content_weight", "identity_weight", "imitation_weight"),
    *("balanced_style_weight", "smoothness_weight", "consistency_weight"),
    "checkerboard_weight",
)
# The smallest values of settings that are whole numbers.
_SMALLEST = {
    **dict.fromkeys(("steps", "batch_size", "reuse", "log_every", "save_every", "sample_every"), 1),
    **dict.fromkeys(("distill_steps", "warmup_steps", "pool", "workers"), 0),
}
# Settings that have one of a few names. The architecture checks its own two.
CHOICES = {
    **{"normalization": Normalization, "fusion": Fusion},
    **{"optimizer": Optimizer, "schedule": Schedule, "precision": Precision},
}
# A setting, what must hold of it, whether it does, and what came.
Rule = tuple[str, str, bool, object]


@dataclass(frozen=True)
class TrainingConfig:
    """A training run.

    Attributes:
        content: folder of photographs.
        style: folder of artworks. Sub-folders of both are read, too.
        encoder: the frozen VGG, the loss network: ``vgg_normalised.pth``, or a full-width model's
            ``.safetensors`` file or name, whose decoder is then the teacher of
            ``imitation_weight``.
        output: folder of the run: checkpoint, samples, logs, and at the end the model.
        validation_content: folder of photographs kept aside, that show how the run does on images
            that it does not learn from; empty: none.
        validation_style: folder of artworks kept aside.
        init: a model (file or name) to start from instead of random weights; empty: none. Layers
            that are wider there are pruned (:mod:`~adain_core.training.pruning`), narrower ones
            widened; at the paper's widths one of these widths.
        widths: channels of the four blocks, or of each of the nine convolutions. At the paper's
            widths the encoder is the frozen VGG and the decoder alone is trained; at others both
            are trained, end to end.
        normalization: see :class:`~adain_core.architecture.Architecture`.
        fusion: see :class:`~adain_core.architecture.Architecture`.
        steps: optimizer steps in all.
        distill_steps: steps, before the first, that match a pruned encoder's features with those
            of ``init``, a wider model; its decoder is pruned after them.
        batch_size: pairs a step, on each device.
        optimizer: ``"adam"``, the paper's, or ``"soap"`` (Vyas et al., ICLR 2025): Adam in the
            eigenbasis of each kernel's gradients. At the same rate it takes a trained slim model
            further (its model card has the figures); it learns pairs by heart that come often, so
            ``reuse`` should be small.
        learning_rate: of the optimizer, after the warm-up.
        schedule: ``"paper"``: lr / (1 + 5e-5 t); ``"cosine"``: to zero at ``steps``.
        warmup_steps: over which the learning rate rises linearly.
        style_weight: λ of equation 11 with pytorch-AdaIN's reduction: means over channels, for
            which its authors use 10. (The Lua code sums squares and uses 1e-2; not comparable.)
        content_weight: weight of the content loss, 1 in the paper.
        identity_weight: weight of the pixel loss of the content reconstructed at its own
            statistics; 0 in the paper.
        imitation_weight: weight of the differences to the full-width model's picture, in pixels,
            in their means over 8x8 and in relu1_1 to relu4_1: for slim models, which find their own
            picture of a style late or, at λ = 10, lose the content before. Pairs are then fixed for
            a pool.
        balanced_style_weight: weight of
            :func:`~adain_core.training.losses.balanced_style_loss`, in which every artwork counts
            alike, also one of weak statistics.
        smoothness_weight: weight of :func:`~adain_core.training.losses.smoothness_loss`, against
            halos.
        consistency_weight: weight of the squared difference between the pictures of a photograph
            with ``noise`` and without.
        checkerboard_weight: weight of what a picture repeats every 8 pixels; 30,000 times the
            imitation's suits a slim model.
        random_alpha: draw alpha from 0..1 for each pair instead of 1, so that a slim model's
            mixtures of content and style are trained too.
        content_size: shortest side in pixels that photographs are resized to before the crop,
            smallest and largest; drawn at random between them. Large ones have more flat areas,
            which small decoders find hardest.
        style_size: shortest side that artworks are resized to, in the same way.
        crop: side of the random square crop, pixels.
        augment: mirror half of the crops, and turn those of artworks by quarter turns; the paper
            does neither.
        recolor: share of the crops, photographs and artworks alike, that get another hue,
            saturation and contrast, some posterized or inverted; what is rare among artworks
            (pink and green, prints) is lost otherwise.
        palette_exchange: share of the artworks that get the colors (their mean and standard
            deviation) of another one.
        scenes: share of the photographs that become a plain ground with an object cut from them
            (:mod:`~adain_core.training.scenes`).
        noise: largest standard deviation of Gaussian noise, drawn from 0 to it for each pair, in
            the photographs that the student sees; the losses know the clean ones.
        pool: images of each kind that are encoded by the VGG at a time; 0: one batch.
        reuse: passes over a pool, in new random pairs, before the next one is read. 1 is the
            paper's loop; more saves the VGG's forward passes on content and style.
        ema: decay of the exponential mean of the weights that is shipped; 0: none.
        clip_norm: largest norm of the gradient; 0: none.
        precision: mixed precision of the forward passes.
        workers: processes that read images, of each kind and on each device. By default half as
            many as there are cores, 2 to 8.
        seed: of everything random.
        log_every: steps between log entries.
        save_every: steps between checkpoints, each of which replaces the one before.
        sample_every: steps between sample grids, and between validations.

    Raises:
        OptionError: a value out of range, or that does not go with another; names the setting.
    """

    content: str | os.PathLike[str]
    style: str | os.PathLike[str]
    encoder: str | os.PathLike[str]
    output: str | os.PathLike[str]
    validation_content: str | os.PathLike[str] = ""
    validation_style: str | os.PathLike[str] = ""
    init: str | os.PathLike[str] = ""
    widths: tuple[int, ...] = VGG19_WIDTHS
    normalization: Normalization = "none"
    fusion: Fusion = "adain"
    steps: int = 160_000
    distill_steps: int = 0
    batch_size: int = 8
    optimizer: Optimizer = "adam"
    learning_rate: float = 1e-4
    schedule: Schedule = "paper"
    warmup_steps: int = 0
    style_weight: float = 10.0
    content_weight: float = 1.0
    identity_weight: float = 0.0
    imitation_weight: float = 0.0
    balanced_style_weight: float = 0.0
    smoothness_weight: float = 0.0
    consistency_weight: float = 0.0
    checkerboard_weight: float = 0.0
    random_alpha: bool = False
    content_size: tuple[int, int] = (512, 512)
    style_size: tuple[int, int] = (512, 512)
    crop: int = 256
    augment: bool = True
    recolor: float = 0.0
    palette_exchange: float = 0.0
    scenes: float = 0.0
    noise: float = 0.0
    pool: int = 0
    reuse: int = 1
    ema: float = 0.999
    clip_norm: float = 0.0
    precision: Precision = "no"
    workers: int = WORKERS
    seed: int = 0
    log_every: int = 50
    save_every: int = 1000
    sample_every: int = 1000

    def __post_init__(self) -> None:
        # As they are read back from a checkpoint's JSON, so that equal configurations are equal.
        for name in PATHS:
            object.__setattr__(self, name, os.fspath(getattr(self, name)))
        for name in ("widths", "content_size", "style_size"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        self._check()

    def _check(self) -> None:
        _ = self.architecture  # checks its own part
        for field, rule, holds, got in chain(self._ranges(), self._relations()):
            if not holds:
                raise OptionError(field, f"{rule}, got {got}")

    def _ranges(self) -> Iterator[Rule]:
        """Yield the rules of single settings."""
        for name, least in _SMALLEST.items():
            value = getattr(self, name)
            holds = isinstance(value, int) and value >= least
            yield name, f"must be a whole number, {least} or more", holds, value
        for name in (*LOSS_WEIGHTS, "clip_norm"):
            value = getattr(self, name)
            yield name, "must be a finite number, 0 or more", 0 <= value < math.inf, value
        for name in ("recolor", "palette_exchange", "noise", "scenes"):
            value = getattr(self, name)
            yield name, "must be from 0 to 1", 0 <= value <= 1, value
        for name, allowed in CHOICES.items():
            value, names = getattr(self, name), get_args(allowed)
            yield name, f"must be one of {', '.join(names)}", value in names, value
        rate, ema, crop = self.learning_rate, self.ema, self.crop
        yield "learning_rate", "must be a finite number above 0", 0 < rate < math.inf, rate
        yield "ema", "must be at least 0 and below 1", 0 <= ema < 1, ema
        holds = isinstance(crop, int) and crop >= 16 and crop % 8 == 0
        yield "crop", "must be a multiple of 8, at least 16", holds, crop
        for name in ("content_size", "style_size"):
            size = getattr(self, name)
            holds = len(size) == 2 and all(isinstance(side, int) for side in size)
            rule = f"must be a smallest and a largest side, whole numbers from {crop}, the crop, on"
            yield name, rule, holds and crop <= size[0] <= size[1], size

    def _relations(self) -> Iterator[Rule]:
        """Yield the rules of settings that go together."""
        weights = [getattr(self, name) for name in LOSS_WEIGHTS]
        yield (
            "style_weight",
            "or the weight of another loss must be above 0, or nothing is learned",
            any(weights),
            "0 for all",
        )
        yield (
            "random_alpha",
            "cannot go with imitation, whose teacher draws at alpha 1",
            not (self.random_alpha and self.imitation_weight),
            f"an imitation weight of {self.imitation_weight}",
        )
        yield (
            "distill_steps",
            "needs a wider model to start from",
            bool(self.init) or not self.distill_steps,
            f"{self.distill_steps} without one",
        )
        yield (
            "consistency_weight",
            "needs noise to compare with",
            bool(self.noise) or not self.consistency_weight,
            f"{self.consistency_weight} at a noise of 0",
        )
        yield (
            "validation_content",
            "needs photographs and artworks kept aside",
            bool(self.validation_content) == bool(self.validation_style),
            "one of them",
        )
        yield (
            "pool",
            f"must be a multiple of the batch size ({self.batch_size})",
            self.pool % self.batch_size == 0,
            self.pool,
        )

    @property
    def architecture(self) -> Architecture:
        """The networks that the run trains."""
        return Architecture(self.widths, self.normalization, self.fusion)

    @property
    def trains_decoder_only(self) -> bool:
        """Whether the encoder is the frozen VGG itself."""
        return self.architecture.widths == VGG19_WIDTHS

    @property
    def pool_steps(self) -> int:
        """Steps between two pools."""
        return (self.pool or self.batch_size) * self.reuse // self.batch_size

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step (from 0), a function of the step alone."""
        rate = self.learning_rate * min(1.0, (step + 1) / max(1, self.warmup_steps))
        if self.schedule == "paper":
            return rate / (1 + 5e-5 * step)
        return rate * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


# Of every setting; those that have none are in it, too.
DEFAULTS = {field.name: field.default for field in fields(TrainingConfig)}
