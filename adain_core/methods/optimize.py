"""Style transfer by optimizing the image itself (Gatys, Ecker & Bethge, CVPR 2016)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor

from ..engine.tiles import Progress
from ..errors import OptionError
from ..images import ImageLike
from ..networks.architecture import MINIMUM_SIZE
from ..networks.encoder_decoder import Encoder
from ..options import StylizeOptions
from ..pixels import resize
from ..utils.devices import gradients
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
    """Options of :class:`Optimization`.

    Attributes:
        steps: number of steps at each size.
        weights: the style loss and the weights of the losses.
        start: the starting image: ``"content"`` or ``"noise"``.
        smallest: longest side in pixels of the first size; each further size is √2 times as large.
            0: only the full size.
        seed: seed of the noise.

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
    """Stylizes images by minimizing their content and style loss.

    Args:
        vgg: the loss network, up to relu4_1.
        options: the options.
        how: options of the optimization.

    Raises:
        OptionError: an option that does not apply, or a style without its artwork.
        ImageFileError: a file that cannot be read.

    Example:
        >>> vgg = load_loss_network("adain-vgg19")
        >>> image = Optimization(vgg, StylizeOptions("wave.jpg"))("photo.jpg")
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
        """Stylize images.

        Args:
            content: ``(B, 3, H, W)`` or any other image.
            start: starting images, ``(B, 3, H, W)``, such as AdaIN's results; ``None``: as in the
                options.
            progress: called after each step with the number of finished steps and the maximum. An
                exception that it raises aborts the work.
            watch: called at each step with the losses, likewise.

        Returns:
            ``(B, 3, H, W)`` in 0..1; 4 channels if the content has alpha.

        Raises:
            ValueError: not an image, one below 9 pixels per side, or a start of another size.
            OptionError: the number of alphas, weights or masks does not match the images.
        """
        device = next(self.vgg.parameters()).device
        with gradients(device):
            images = self._reader.read(content)
            check_size("start", start, images)
            scales = _scales(max(images.shape[2:]), self.how.smallest)
            watches = watch_stages(progress, watch, len(images) * len(scales))
            results = []
            for number, task in enumerate(self._reader.tasks(images, device)):
                own = slice(number, number + 1)
                begin = None if start is None else start[own, :3].to(device).clone()
                image = self._optimize(task, scales, begin, watches)
                results.append(finish(image, images[own], self.options))
            return torch.cat(results)

    def _optimize(
        self, task: Task, scales: Sequence[float], start: Tensor | None, watches: Iterator[Watch]
    ) -> Tensor:
        """Optimize an image at each scale, starting from the result of the previous one."""
        image = start
        for scale in scales:
            scaled = task.resized(scale)
            photo = scaled.photo
            if image is None:
                image = photo if self.how.start == "content" else _noise(photo, self.how.seed)
            image = resize(image, (photo.shape[2], photo.shape[3])).clamp(0, 1)
            losses = make_objective(self.vgg, scaled, self.how.weights)
            image = descend(losses, image, scaled, self.options, self.how, next(watches))
        assert image is not None
        return image


def _scales(longest: int, smallest: int) -> list[float]:
    """Return the scales of all sizes; each is √2 times the previous one, and the last is 1."""
    count = int(2 * math.log2(longest / smallest)) if 0 < smallest < longest else 0
    return [2 ** (-number / 2) for number in range(count, -1, -1)]


def _noise(photo: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(photo.shape, generator=generator).to(photo)
