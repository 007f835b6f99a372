"""``Job``: everything that a worker needs to know."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..choices import SINGLE_PASS
from ..engine.passes import stroke_scale
from ..errors import OptionError
from ..utils.files import real_path
from .plan import PlanOptions, Row
from .trees import Tree

STYLE_SUFFIX = ".safetensors"
# What lies beside the results.
RECORDS = "adain-"
PLAN = f"{RECORDS}plan.jsonl"
STYLES = f"{RECORDS}styles.safetensors"
SETTINGS = f"{RECORDS}settings.json"
FAILURES = f"{RECORDS}failed.jsonl"


@dataclass(frozen=True)
class Job:
    """Settings of a data set.

    Attributes:
        images: tree of folders or tar files.
        styles: tree of artworks and style files.
        output: folder for the results.
        plan: settings of the plan.
        model: name or path of a model; ``None``: the default model.
        device: as for ``AdaINModel.from_pretrained``; ``"auto"`` uses all GPUs.
        dtype: likewise.
        size: resize the shortest side of images to this many pixels; 0: keep the size.
        crop: then crop the center square of this size; 0: no crop.
        style_size: likewise ``size`` for artworks; ``None``: 512, but keep smaller ones.
        stroke_size: as in :class:`~adain_core.options.StylizeOptions`; by default a single pass, as
            in published data sets.
        quality: of JPEG and WebP, 1..100.
        others: what to do with other files: ``""`` ignore, ``"copy"`` or ``"link"``.
        exclude: patterns of images that are treated as other files.
        batch_size: images per batch of a worker; the last bits of results depend on it.

    Raises:
        OptionError: an option out of range.
    """

    images: Path
    styles: Path
    output: Path
    plan: PlanOptions = field(default_factory=PlanOptions)
    model: str | os.PathLike[str] | None = None
    device: str = "auto"
    dtype: str = "auto"
    size: int = 0
    crop: int = 0
    style_size: int | None = None
    stroke_size: str | float = SINGLE_PASS
    quality: int = 95
    others: str = ""
    exclude: Sequence[str] = ()
    batch_size: int = 32

    def __post_init__(self) -> None:
        for name in ("size", "crop", "style_size"):
            if (getattr(self, name) or 0) < 0:
                raise OptionError(name, f"must be 0 or more pixels, got {getattr(self, name)}")
        if self.size and self.crop > self.size:
            raise OptionError("crop", f"must be at most the size, {self.size}, got {self.crop}")
        stroke_scale(self.stroke_size)  # checks it
        if not 1 <= self.quality <= 100:
            raise OptionError("quality", f"must lie in 1..100, got {self.quality}")
        if self.others not in ("", "copy", "link"):
            raise OptionError("others", f"must be copy or link, got {self.others!r}")
        if self.batch_size < 1:
            raise OptionError("batch_size", f"must be 1 or more images, got {self.batch_size}")
        images, output = real_path(self.images), real_path(self.output)
        if output == images or images in output.parents or output in images.parents:
            raise OptionError("output", f"must lie outside the images, {self.images}")

    def open_images(self) -> Tree:
        """Return the tree of images."""
        return Tree(self.images, self.exclude)

    def open_styles(self) -> Tree:
        """Return the tree of artworks."""
        return Tree(self.styles, also=[STYLE_SUFFIX])


@dataclass(frozen=True)
class Failure:
    """A row without a result.

    Attributes:
        row: which.
        reason: why.
    """

    row: Row
    reason: str


@dataclass(frozen=True)
class Report:
    """The outcome of some rows.

    Attributes:
        done: number of rows.
        stylized: number of results written now.
        failures: rows without a result.
    """

    done: int
    stylized: int = 0
    failures: tuple[Failure, ...] = ()
