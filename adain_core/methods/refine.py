"""Refinement: what AdaIN has drawn is improved by a descent under the paper's own losses."""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import Tensor

from ..devices import gradients
from ..images import ImageLike
from ..networks import Encoder
from ..options import StylizeOptions
from ..pixels import as_float
from ..tiles import Progress
from .descent import DescentOptions, Watch, watch_stages
from .objective import LossWeights, freeze
from .targets import descend, make_objective
from .tasks import TaskReader, check_size, finish


class Refiner:
    """Improves pictures that AdaIN has drawn, under the losses that its decoder is trained with.

    The content's target is AdaIN's own (equation 12), so that refining goes on where the decoder
    ends, and the style is measured in each region of its own.

    Args:
        vgg: the loss network, up to relu4_1.
        options: the request that the pictures were drawn by.
        how: the descent.

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
        picture: Tensor,
        content: ImageLike,
        *,
        progress: Progress | None = None,
        watch: Watch | None = None,
    ) -> Tensor:
        """Return pictures whose loss is at most that of the given ones.

        Args:
            picture: what was drawn, ``(B, 3|4, H, W)`` in 0..1, float or uint8.
            content: of what, as for the drawing.
            progress: told the steps that are done and how many there are at most; an exception
                that it raises ends the work.
            watch: told the losses of every step, likewise.

        Returns:
            ``(B, 3|4, H, W)`` in 0..1, float.

        Raises:
            ValueError: sizes that differ, or are below 9 pixels a side.
        """
        device = next(self.vgg.parameters()).device
        with gradients(device):
            pictures = self._reader.pictures(content)
            check_size("picture", picture, pictures)
            watches = watch_stages(progress, watch, len(pictures))
            refined = []
            for number, task in enumerate(self._reader.tasks(pictures, device)):
                own = slice(number, number + 1)
                start = as_float(picture[own, :3].to(device)).clone()
                losses = make_objective(
                    self.vgg, task, LossWeights(), self.options.region_statistics
                )
                best = descend(losses, start, task, self.options, self.how, next(watches))
                refined.append(finish(best, pictures[own], self.options))
            return torch.cat(refined)


def refine(
    picture: Tensor,
    content: ImageLike,
    options: StylizeOptions,
    vgg: Encoder,
    steps: int = 50,
    *,
    tolerance: float = 1e-3,
    watch: Watch | None = None,
) -> Tensor:
    """Improve pictures that AdaIN has drawn; see :class:`Refiner`.

    Args:
        picture: what was drawn, ``(B, 3|4, H, W)`` in 0..1.
        content: of what.
        options: by which request.
        vgg: the loss network, up to relu4_1.
        steps: evaluations of the losses, 1 or more.
        tolerance: end where the last 20 steps lowered the loss by less than this share of it.
        watch: told the losses of every step; an exception that it raises ends the work.

    Returns:
        ``(B, 3|4, H, W)`` in 0..1, whose loss is at most that of ``picture``.

    Raises:
        OptionError: no steps, a tolerance out of range, or a style without its artwork.
        ValueError: sizes that differ, or are below 9 pixels a side.

    Example:
        >>> options = StylizeOptions("wave.jpg")
        >>> picture = Stylizer(model, options)("photo.jpg")
        >>> picture = refine(picture, "photo.jpg", options, vgg, steps=100)
    """
    how = DescentOptions(steps, tolerance=tolerance)
    return Refiner(vgg, options, how)(picture, content, watch=watch)
