"""The settings of a training run. Defaults are those of the paper (section 6) where it has them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from itertools import chain
from typing import Any, Literal, get_args

from ..errors import OptionError
from ..networks.architecture import VGG19_WIDTHS, Architecture, Fusion, Normalization

Optimizer = Literal["adam", "soap"]
Schedule = Literal["paper", "cosine"]
Precision = Literal["no", "bf16", "fp16"]
# Settings that are folders, files or names of models.
PATHS = (
    *("content", "style", "validation_content", "validation_style"),
    *("encoder", "init", "output"),
)
# A GPU would wait for fewer; more need memory.
WORKERS = max(2, min(8, (os.cpu_count() or 1) // 2))
LOSS_WEIGHTS = (
    *("style_weight", "content_weight", "identity_weight", "imitation_weight"),
    *("balanced_style_weight", "smoothness_weight", "consistency_weight"),
    *("percept_weight", "palette_weight", "checkerboard_weight"),
)
# The smallest values of settings that are whole numbers.
_SMALLEST = {
    **dict.fromkeys(("steps", "batch_size", "reuse", "log_every", "save_every", "sample_every"), 1),
    **dict.fromkeys(("distill_steps", "warmup_steps", "pool", "workers"), 0),
}
# Settings with named values. The architecture also checks its own two.
CHOICES = {
    **{"normalization": Normalization, "fusion": Fusion},
    **{"optimizer": Optimizer, "schedule": Schedule, "precision": Precision},
}
# A setting, its rule, whether the rule holds, and the value.
Rule = tuple[str, str, bool, object]


@dataclass(frozen=True)
class TrainingConfig:
    """A training run.

    Attributes:
        content: folder of photographs.
        style: folder of artworks. Both folders are read with their sub-folders.
        encoder: the loss network (the frozen VGG): ``vgg_normalised.pth``, or file or name of a
            full-width model, whose decoder is then the teacher of ``imitation_weight``.
        output: folder of the run: checkpoint, samples, logs, and at the end the model.
        validation_content: folder of held-out photographs for validation; empty: none.
        validation_style: folder of held-out artworks.
        init: a model (file or name) to start from instead of random weights; empty: none. Wider
            layers are pruned (:mod:`~adain_core.training.pruning`), narrower ones widened; at the
            paper's widths, the model must have these widths.
        widths: channels of the four blocks, or of each of the nine convolutions. At the paper's
            widths, the encoder is the frozen VGG and only the decoder is trained; otherwise both
            are trained end to end.
        normalization: see :class:`~adain_core.networks.architecture.Architecture`.
        fusion: see :class:`~adain_core.networks.architecture.Architecture`.
        steps: number of optimizer steps.
        distill_steps: steps before the first one that match the features of a pruned encoder with
            those of ``init``, a wider model; the decoder is pruned afterwards.
        batch_size: pairs per step, on each device.
        optimizer: ``"adam"``, as in the paper, or ``"soap"`` (Vyas et al., ICLR 2025): Adam in the
            eigenbasis of each kernel's gradients. At the same learning rate, it reaches a lower
            loss with slim models (see the model card). It overfits pairs that are often repeated,
            so ``reuse`` should be small.
        learning_rate: learning rate after the warm-up.
        schedule: ``"paper"``: lr / (1 + 5e-5 t); ``"cosine"``: to zero at ``steps``.
        warmup_steps: steps in which the learning rate rises linearly.
        style_weight: λ of equation 11 with the reduction of pytorch-AdaIN: means over channels,
            for which its authors use 10. (The Lua code sums squares and uses 1e-2; not comparable.)
        content_weight: weight of the content loss, 1 in the paper.
        identity_weight: weight of the pixel loss of the content reconstructed at its own
            statistics; 0 in the paper.
        imitation_weight: weight of the difference to the full-width model's image, in pixels, in
            their means over 8x8 and in relu1_1 to relu4_1. For slim models, which otherwise learn
            styles late or, at λ = 10, lose the content. Pairs are then fixed for each pool.
        balanced_style_weight: weight of
            :func:`~adain_core.training.losses.balanced_style_loss`, in which all artworks have the
            same weight, even those with small statistics.
        smoothness_weight: weight of :func:`~adain_core.training.losses.smoothness_loss`, against
            halos.
        consistency_weight: weight of the squared difference between the results of a photograph
            with and without ``noise``.
        percept_weight: weight of :func:`~adain_core.evaluation.metrics.perceptual_distance`: how
            much of the photograph's structure is lost.
        palette_weight: weight of :func:`~adain_core.evaluation.metrics.palette_distance`, between
            the image and the artwork.
        checkerboard_weight: weight of
            :func:`~adain_core.evaluation.checkerboard.checkerboard_loss`; 30,000 times the
            imitation weight suits a slim model.
        random_alpha: random alpha in 0..1 for each pair instead of 1, so that a slim model is also
            trained on mixtures of content and style.
        content_size: shortest side in pixels to which photographs are resized before the crop:
            smallest and largest, with a random value between them. Large ones have more flat
            areas, which are hardest for small decoders.
        style_size: the same for artworks.
        crop: side of the random square crop, pixels.
        augment: mirror half of the crops, and rotate those of artworks by random quarter turns;
            the paper does neither.
        recolor: share of the crops, of photographs and artworks, with random hue, saturation and
            contrast, some posterized or inverted. Without it, models learn rare colors and prints
            badly.
        palette_exchange: share of the artworks that get the colors (their mean and standard
            deviation) of another one.
        match_colors: share of the photographs that the student gets in the colors of their artwork,
            as a coarse-to-fine pass does; the losses use the unchanged ones.
        scenes: share of the photographs that are replaced by a plain ground with an object cut
            from them (:mod:`~adain_core.training.scenes`).
        noise: largest standard deviation of Gaussian noise, random for each pair, in the
            photographs that the student gets; the losses use the clean ones.
        pool: images of each kind that are encoded by the VGG at a time; 0: one batch.
        reuse: passes over a pool, in new random pairs, before the next one is read. 1 is the
            paper's loop; more passes save forward passes of the VGG on content and style.
        ema: decay of the exponential moving average of the weights, which becomes the model; 0: no
            averaging.
        clip_norm: largest norm of the gradient; 0: no clipping.
        precision: mixed precision of the forward passes.
        workers: processes that read images, for each kind and on each device. By default half the
            number of cores, 2 to 8.
        seed: random seed.
        log_every: steps between log entries.
        save_every: steps between checkpoints; each replaces the previous one.
        sample_every: steps between sample grids, and between validations.

    Raises:
        OptionError: a value out of range, or in conflict with another; the message names the
            setting.
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
    percept_weight: float = 0.0
    palette_weight: float = 0.0
    checkerboard_weight: float = 0.0
    random_alpha: bool = False
    content_size: tuple[int, int] = (512, 512)
    style_size: tuple[int, int] = (512, 512)
    crop: int = 256
    augment: bool = True
    recolor: float = 0.0
    palette_exchange: float = 0.0
    match_colors: float = 0.0
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
        # As read from the JSON of a checkpoint, so that equal configurations compare equal.
        for name in PATHS:
            object.__setattr__(self, name, os.fspath(getattr(self, name)))
        for name in ("widths", "content_size", "style_size"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        self._check()

    def _check(self) -> None:
        _ = self.architecture  # checks its own settings
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
        for name in ("recolor", "palette_exchange", "match_colors", "noise", "scenes"):
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
        """Yield the rules for combinations of settings."""
        weights = [getattr(self, name) for name in LOSS_WEIGHTS]
        yield (
            "style_weight",
            "or the weight of another loss must be above 0, or nothing is learned",
            any(weights),
            "0 for all",
        )
        yield (
            "random_alpha",
            "conflicts with imitation, whose teacher uses alpha 1",
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
            "needs held-out photographs and artworks",
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


# Default of every setting, ``MISSING`` for required ones.
DEFAULTS = {field.name: field.default for field in fields(TrainingConfig)}
