"""Refinement: AdaIN's result, optimized with the losses of the paper."""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import Tensor

from ..engine.tiles import Progress
from ..images import ImageLike
from ..networks.encoder_decoder import Encoder
from ..options import StylizeOptions
from ..pixels import as_float
from ..utils.devices import gradients
from .descent import DescentOptions, Watch, watch_stages
from .objective import LossWeights, freeze
from .targets import descend, make_objective
from .tasks import TaskReader, check_size, finish


class Refiner:
    """Improves AdaIN's results by optimization, with the losses that its decoder was trained with.

    The content target is AdaIN's (equation 12), so that refinement continues where the decoder
    stopped. The style loss is computed separately for each region.

    Args:
        vgg: the loss network, up to relu4_1.
        options: the options that the images were stylized with.
        how: options of the optimization.

    Raises:
        OptionError: a style without its artwork.
        ImageFileError: a file that cannot be read.
    """

    def __init__(
        self, vgg: Encoder, options: StylizeOptions, how: DescentOptions | None = None
    ) -> None:
        self.vgg, self.options, self.how = freeze(vgg), options, how or DescentOptions()
        self._reader = TaskReader(options, "refining", [each.name for each in fields(options)])

    def __call__(
        self,
        image: Tensor,
        content: ImageLike,
        *,
        progress: Progress | None = None,
        watch: Watch | None = None,
    ) -> Tensor:
        """Return images whose loss is at most that of the given ones.

        Args:
            image: AdaIN's results, ``(B, 3|4, H, W)`` in 0..1, float or uint8.
            content: their content.
            progress: called after each step with the number of finished steps and the maximum. An
                exception that it raises aborts the work.
            watch: called at each step with the losses, likewise.

        Returns:
            ``(B, 3|4, H, W)`` in 0..1, float.

        Raises:
            ValueError: sizes that differ, or are below 9 pixels per side.
        """
        device = next(self.vgg.parameters()).device
        with gradients(device):
            photos = self._reader.read(content)
            check_size("image", image, photos)
            watches = watch_stages(progress, watch, len(photos))
            refined = []
            for number, task in enumerate(self._reader.tasks(photos, device)):
                own = slice(number, number + 1)
                start = as_float(image[own, :3].to(device)).clone()
                losses = make_objective(
                    self.vgg, task, LossWeights(), self.options.region_statistics
                )
                best = descend(losses, start, task, self.options, self.how, next(watches))
                refined.append(finish(best, photos[own], self.options))
            return torch.cat(refined)


def refine(
    image: Tensor,
    content: ImageLike,
    options: StylizeOptions,
    vgg: Encoder,
    steps: int = 50,
    *,
    tolerance: float = 1e-3,
    watch: Watch | None = None,
) -> Tensor:
    """Improve AdaIN's results by optimization; see :class:`Refiner`.

    Args:
        image: AdaIN's results, ``(B, 3|4, H, W)`` in 0..1.
        content: their content.
        options: the options they were stylized with.
        vgg: the loss network, up to relu4_1.
        steps: maximum number of steps, 1 or more.
        tolerance: stop when the last 20 steps reduced the loss by less than this fraction.
        watch: called at each step with the losses; an exception that it raises aborts the work.

    Returns:
        ``(B, 3|4, H, W)`` in 0..1, whose loss is at most that of ``image``.

    Raises:
        OptionError: no steps, a tolerance out of range, or a style without its artwork.
        ValueError: sizes that differ, or are below 9 pixels per side.

    Example:
        >>> options = StylizeOptions("wave.jpg")
        >>> image = Stylizer(model, options)("photo.jpg")
        >>> image = refine(image, "photo.jpg", options, vgg, steps=100)
    """
    how = DescentOptions(steps, tolerance=tolerance)
    return Refiner(vgg, options, how)(image, content, watch=watch)
