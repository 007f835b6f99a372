"""Style transfer by optimizing the picture itself (Gatys, Ecker & Bethge, CVPR 2016)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor

from ..architecture import MINIMUM_SIZE
from ..devices import gradients
from ..errors import OptionError
from ..images import ImageLike
from ..networks import Encoder
from ..options import StylizeOptions
from ..pixels import resize
from ..tiles import Progress
from .descent import DescentOptions, Watch, watch_stages
from .objective import LossWeights, freeze
from .targets import descend, make_objective
from .tasks import Task, TaskReader, check_size, finish

Start = Literal["content", "noise"]

SUPPORTED = (
    *("weights", "masks", "background", "alpha", "feather", "preserve_color"),
    *("content_size", "style_size"),
)


@dataclass(frozen=True)
class OptimizeOptions(DescentOptions):
    """How pictures are optimized.

    Attributes:
        steps: at each size.
        weights: of the losses.
        start: what a picture starts from: the photo, or noise.
        smallest: longest side in pixels of the first picture; each next one is √2 times as large.
            0: the full size alone.
        seed: of the noise.

    Raises:
        OptionError: a value out of range.
    """

    weights: LossWeights = field(default_factory=LossWeights)
    start: Start = "content"
    smallest: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.start not in get_args(Start):
            raise OptionError(
                "start", f"must be one of {', '.join(get_args(Start))}, got {self.start!r}"
            )
        if self.smallest and self.smallest < MINIMUM_SIZE:
            raise OptionError(
                "smallest", f"must be 0, or {MINIMUM_SIZE} pixels or more, got {self.smallest}"
            )


class Optimization:
    """Draws pictures by lowering their content and style loss.

    Args:
        vgg: the loss network, up to relu4_1.
        options: the request.
        how: the descent.

    Raises:
        OptionError: an option that optimization does not know, or a style without its artwork.
        ImageFileError: a file that cannot be read.

    Example:
        >>> vgg = load_loss_network("adain-vgg19")
        >>> picture = Optimization(vgg, StylizeOptions("wave.jpg"))("photo.jpg")
    """

    def __init__(
        self, vgg: Encoder, options: StylizeOptions, how: OptimizeOptions | None = None
    ) -> None:
        self.vgg, self.options, self.how = freeze(vgg), options, how or OptimizeOptions()
        self._reader = TaskReader(options, "optimization", SUPPORTED)

    def __call__(
        self,
        content: ImageLike,
        *,
        start: Tensor | None = None,
        progress: Progress | None = None,
        watch: Watch | None = None,
    ) -> Tensor:
        """Draw pictures.

        Args:
            content: the photos, ``(B, 3, H, W)`` or any other image.
            start: pictures to start from, ``(B, 3, H, W)``, such as AdaIN's; ``None``: as in the
                options.
            progress: told the steps that are done and how many there are at most; an exception
                that it raises ends the work.
            watch: told the losses of every step, likewise.

        Returns:
            ``(B, 3, H, W)`` in 0..1, with 4 channels where the content has.

        Raises:
            ValueError: no image, one below 9 pixels a side, or one of another size as start.
            OptionError: alphas, weights or masks that are not as many as the pictures.
        """
        device = next(self.vgg.parameters()).device
        with gradients(device):
            pictures = self._reader.pictures(content)
            check_size("start", start, pictures)
            scales = _scales(max(pictures.shape[2:]), self.how.smallest)
            watches = watch_stages(progress, watch, len(pictures) * len(scales))
            drawn = []
            for number, task in enumerate(self._reader.tasks(pictures, device)):
                own = slice(number, number + 1)
                begin = None if start is None else start[own, :3].to(device).clone()
                picture = self._draw(task, scales, begin, watches)
                drawn.append(finish(picture, pictures[own], self.options))
            return torch.cat(drawn)

    def _draw(
        self, task: Task, scales: Sequence[float], start: Tensor | None, watches: Iterator[Watch]
    ) -> Tensor:
        """Return the picture of a task, drawn at each scale over that of the scale before."""
        picture = start
        for scale in scales:
            scaled = task.resized(scale)
            photo = scaled.photo
            if picture is None:
                picture = photo if self.how.start == "content" else _noise(photo, self.how.seed)
            picture = resize(picture, (photo.shape[2], photo.shape[3])).clamp(0, 1)
            losses = make_objective(self.vgg, scaled, self.how.weights)
            picture = descend(losses, picture, scaled, self.options, self.how, next(watches))
        assert picture is not None
        return picture


def _scales(longest: int, smallest: int) -> list[float]:
    """Return the scales of the sizes to draw at, each √2 times the one before, the last 1."""
    count = int(2 * math.log2(longest / smallest)) if 0 < smallest < longest else 0
    return [2 ** (-number / 2) for number in range(count, -1, -1)]


def _noise(photo: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(photo.shape, generator=generator).to(photo)
