"""What a training run is told; the defaults are the paper's (section 6) where it names them."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from ..architecture import VGG19_WIDTHS, Architecture, Fusion, Normalization

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


@dataclass(frozen=True)
class TrainingConfig:
    """A training run.

    Args:
        content: folder of photographs.
        style: folder of artworks. Sub-folders of both are read, too.
        encoder: the frozen VGG, the loss network: ``vgg_normalised.pth``, or a full-width model's
            ``.safetensors`` file or name, whose decoder is then the teacher of
            ``imitation_weight``.
        output: folder of the run: checkpoint, samples, logs, and at the end the model.
        validation_content: folder of photographs kept aside, that show how the run does on images
            that it does not learn from; empty: none.
        validation_style: of artworks, likewise.
        init: a model (file or name) to start from instead of random weights; empty: none. Blocks
            that are wider there are pruned (:mod:`~adain_core.training.pruning`), narrower ones
            widened; at the paper's widths one of these widths.
        widths: channels of the four blocks. At the paper's widths the encoder is the frozen VGG
            and the decoder alone is trained; at others both are trained, end to end.
        normalization: see :class:`~adain_core.architecture.Architecture`.
        fusion: see :class:`~adain_core.architecture.Architecture`.
        steps: optimizer steps in all.
        distill_steps: steps, before the first, that match a pruned encoder's features with those
            of ``init``, a wider model; its decoder is pruned after them.
        batch_size: pairs a step, on each device.
        optimizer: ``"adam"``, the paper's, or ``"soap"`` (Vyas et al., ICLR 2025): Adam in the
            eigenbasis of each kernel's gradients. At the same rate it takes a trained slim model
            further (its model card has the figures); it learns pairs by heart that come often:
            ``adain-slim`` took a ``reuse`` of 2 at a ``pool`` of 256 and of 3 at 512.
        learning_rate: of the optimizer, after the warm-up.
        schedule: ``"paper"``: lr / (1 + 5e-5 t); ``"cosine"``: to zero at ``steps``.
        warmup_steps: over which the learning rate rises linearly.
        style_weight: λ of equation 11 with pytorch-AdaIN's reduction: means over channels, for
            which its authors use 10. (The Lua code sums squares and uses 1e-2; not comparable.)
        content_weight: weight of the content loss, 1 in the paper.
        identity_weight: weight of the pixel loss of the content reconstructed at its own
            statistics; 0 in the paper.
        imitation_weight: weight of the differences to the full-width model's picture, in pixels,
            in their means over 8x8 and in relu1_1 to relu4_1, and of what a picture repeats every
            8 pixels: for slim models, which find their own picture of a style late or, at λ = 10,
            lose the content before. Pairs are then fixed for a pool.
        random_alpha: draw alpha from 0..1 for each pair instead of 1, so that a slim model's
            mixtures of content and style are trained too.
        content_size: shortest side in pixels that photographs are resized to before the crop,
            smallest and largest; drawn at random between them. Large ones have more flat areas,
            which small decoders find hardest.
        style_size: of the artworks, likewise.
        crop: side of the random square crop, pixels.
        augment: mirror half of the crops, and turn those of artworks by quarter turns; the paper
            does neither.
        recolor: share of the crops, photographs and artworks alike, that get another hue,
            saturation and contrast, some posterized or inverted; what is rare among artworks
            (pink and green, prints) is lost otherwise.
        palette_exchange: share of the artworks that get the colours (their mean and standard
            deviation) of another one.
        pool: images of each kind that are encoded by the VGG at a time; 0: one batch.
        reuse: passes over a pool, in new random pairs, before the next one is read. 1 is the
            paper's loop; more saves the VGG's forward passes on content and style.
        ema: decay of the exponential mean of the weights that is shipped; 0: none.
        clip_norm: largest norm of the gradient; 0: none.
        precision: mixed precision of the forward passes.
        workers: processes that read images, of each kind and on each device; one reads about 80
            artworks of 256 pixels in a second. By default half as many as there are cores, 2 to 8.
        seed: of everything random.
        log_every: steps between log entries.
        save_every: steps between checkpoints, each of which replaces the one before.
        sample_every: steps between sample grids, and between validations.

    Raises:
        ValueError: a value out of range.
    """

    content: str | os.PathLike[str]
    style: str | os.PathLike[str]
    encoder: str | os.PathLike[str]
    output: str | os.PathLike[str]
    validation_content: str | os.PathLike[str] = ""
    validation_style: str | os.PathLike[str] = ""
    init: str | os.PathLike[str] = ""
    widths: tuple[int, int, int, int] = VGG19_WIDTHS
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
    random_alpha: bool = False
    content_size: tuple[int, int] = (512, 512)
    style_size: tuple[int, int] = (512, 512)
    crop: int = 256
    augment: bool = True
    recolor: float = 0.0
    palette_exchange: float = 0.0
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
        whole = {"steps": 1, "batch_size": 1, "reuse": 1}
        whole |= {"distill_steps": 0, "warmup_steps": 0, "pool": 0, "workers": 0}
        whole |= {"log_every": 1, "save_every": 1, "sample_every": 1}
        weights = ("style_weight", "content_weight", "identity_weight", "imitation_weight")
        sizes = (*self.content_size, *self.style_size)
        checks: list[tuple[str, bool, object]] = []
        for name, least in whole.items():
            value = getattr(self, name)
            holds = isinstance(value, int) and value >= least
            checks.append((f"{name} must be a whole number, {least} or more", holds, value))
        for name in (*weights, "clip_norm"):
            value = getattr(self, name)
            holds = 0 <= value < math.inf
            checks.append((f"{name} must be a finite number, 0 or more", holds, value))
        for name in ("recolor", "palette_exchange"):
            value = getattr(self, name)
            checks.append((f"{name} must be from 0 to 1", 0 <= value <= 1, value))
        for name, allowed in (
            ("optimizer", Optimizer),
            ("schedule", Schedule),
            ("precision", Precision),
        ):
            value, names = getattr(self, name), ", ".join(get_args(allowed))
            checks.append((f"{name} must be one of {names}", value in get_args(allowed), value))
        checks += [
            (
                f"one of {', '.join(weights)} must be above 0, or nothing is learnt",
                any(getattr(self, name) for name in weights),
                "0 for all",
            ),
            (
                "learning_rate must be a finite number above 0",
                0 < self.learning_rate < math.inf,
                self.learning_rate,
            ),
            ("ema must be at least 0 and below 1", 0 <= self.ema < 1, self.ema),
            (
                "random_alpha and imitation_weight exclude each other (the teacher draws at 1)",
                not (self.random_alpha and self.imitation_weight),
                self.imitation_weight,
            ),
            (
                "distill_steps need init, a wider model to distil from",
                bool(self.init) or not self.distill_steps,
                f"{self.distill_steps} without it",
            ),
            (
                "validation_content and validation_style belong together",
                bool(self.validation_content) == bool(self.validation_style),
                "one of them",
            ),
            (
                "crop must be a multiple of 8, at least 16",
                isinstance(self.crop, int) and self.crop >= 16 and self.crop % 8 == 0,
                self.crop,
            ),
            (
                "content_size and style_size must be the smallest and the largest side, whole "
                f"numbers from crop ({self.crop}) on",
                all(isinstance(size, int) for size in sizes)
                and len(self.content_size) == len(self.style_size) == 2
                and self.crop <= self.content_size[0] <= self.content_size[1]
                and self.crop <= self.style_size[0] <= self.style_size[1],
                sizes,
            ),
        ]
        for sentence, holds, got in checks:
            if not holds:
                raise ValueError(f"training: {sentence}, got {got}")
        if self.pool % self.batch_size:
            raise ValueError(
                f"training: pool must be a multiple of batch_size ({self.batch_size}), got "
                f"{self.pool}"
            )

    @property
    def architecture(self) -> Architecture:
        """The networks that the run trains."""
        return Architecture(self.widths, self.normalization, self.fusion)

    @property
    def trains_decoder_only(self) -> bool:
        """Whether the encoder is the frozen VGG itself."""
        return self.widths == VGG19_WIDTHS

    @property
    def pool_steps(self) -> int:
        """Steps between two pools."""
        return (self.pool or self.batch_size) * self.reuse // self.batch_size

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step (from 0): a function of the step alone, so it resumes."""
        rate = self.learning_rate * min(1.0, (step + 1) / max(1, self.warmup_steps))
        if self.schedule == "paper":
            return rate / (1 + 5e-5 * step)
        return rate * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


# Of every setting; those that have none are in it, too.
DEFAULTS = {field.name: field.default for field in fields(TrainingConfig)}
