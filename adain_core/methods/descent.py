"""Optimization of an image by gradient descent on its pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor

from ..engine.tiles import Progress
from ..errors import OptionError
from .objective import Losses

Optimizer = Literal["lbfgs", "adam"]

# Steps over which early stopping looks back.
_PATIENCE = 20
# Decay of the moving average of Adam's images, which is closer to the minimum than the last one.
_DECAY = 0.98


class Step(NamedTuple):
    """One evaluation of the losses during an optimization.

    Attributes:
        step: number of the evaluation; 0 is the starting image.
        steps: number of the last one, unless stopped early.
        size: height and width of the image.
        content: content loss, unweighted.
        style: style loss, unweighted.
        total: the weighted sum, which is minimized.
        image: the image with the lowest total so far, ``(1, 3, H, W)`` in 0..1; later steps
            overwrite it.
    """

    step: int
    steps: int
    size: tuple[int, int]
    content: float
    style: float
    total: float
    image: Tensor


# Called at each step; an exception aborts the optimization.
Watch = Callable[[Step], None]


@dataclass(frozen=True)
class DescentOptions:
    """Options of an optimization.

    Attributes:
        steps: number of loss evaluations after the first one, 1 or more.
        optimizer: ``"lbfgs"``, with a line search, or ``"adam"``.
        tolerance: stop when the last 20 steps reduced the loss by less than this fraction.

    Raises:
        OptionError: a value out of range.
    """

    steps: int = 200
    optimizer: Optimizer = "lbfgs"
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise OptionError("steps", f"must be 1 or more, got {self.steps}")
        if self.optimizer not in get_args(Optimizer):
            names = ", ".join(get_args(Optimizer))
            raise OptionError("optimizer", f"must be one of {names}, got {self.optimizer!r}")
        if not 0 <= self.tolerance < 1:
            raise OptionError(
                "tolerance", f"must be at least 0 and below 1, got {self.tolerance:g}"
            )


class _Finished(Exception):  # noqa: N818 - no error
    """The last step is done."""


class _Clamp(torch.autograd.Function):
    """Clamp to 0..1; outside, gradients only lead back."""

    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        clamped = image.clamp(0, 1)
        ctx.save_for_backward(image - clamped)
        return clamped

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        excess: Tensor = ctx.saved_tensors[0]
        return gradient * (excess * gradient >= 0)


def minimize(
    objective: Callable[[Tensor], Losses],
    start: Tensor,
    options: DescentOptions,
    watch: Watch | None = None,
) -> Tensor:
    """Minimize the losses of an image; return the best image found, which may be the first one.

    Args:
        objective: returns the differentiable losses of an image in 0..1.
        start: the image to start from, ``(1, 3, H, W)``.
        options: number of steps, optimizer and tolerance.
        watch: called at each step.

    Returns:
        ``(1, 3, H, W)`` in 0..1.
    """
    # Contiguous: LBFGS wants its gradient as one row of numbers.
    image = start.detach().clamp(0, 1).contiguous().clone().requires_grad_()
    best = image.detach().clone()
    lows: list[float] = []

    def evaluate() -> Tensor:
        image.grad = None
        clamped: Tensor = _Clamp.apply(image)  # type: ignore[no-untyped-call]
        losses = objective(clamped)
        losses.total.backward()  # type: ignore[no-untyped-call]
        content, style, total = (loss.item() for loss in losses)
        step, lowest = len(lows), lows[-1] if lows else math.inf
        if total < lowest:
            best.copy_(clamped.detach())
        lows.append(min(total, lowest))
        if watch is not None:
            size = (image.shape[2], image.shape[3])
            watch(Step(step, options.steps, size, content, style, total, best))
        if step >= options.steps or _stands_still(lows, options.tolerance):
            raise _Finished
        return losses.total

    with suppress(_Finished):
        if options.optimizer == "lbfgs":
            _descend_by_lbfgs(image, evaluate, options.steps)
        else:
            _descend_by_adam(image, evaluate, options.steps)
    return best


def _stands_still(lows: Sequence[float], tolerance: float) -> bool:
    if tolerance == 0 or len(lows) <= _PATIENCE:
        return False
    return lows[-1] > (1 - tolerance) * lows[-1 - _PATIENCE]


def _descend_by_lbfgs(image: Tensor, evaluate: Callable[[], Tensor], steps: int) -> None:
    # Stopped by the number of steps only: its tolerances are absolute, and these gradients tiny.
    lbfgs = torch.optim.LBFGS(
        [image],
        max_iter=steps + 1,
        max_eval=steps + 1,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )
    lbfgs.step(evaluate)  # type: ignore[no-untyped-call]


def _descend_by_adam(image: Tensor, evaluate: Callable[[], Tensor], steps: int) -> None:
    # A lower β₁ leaves a gray haze of single pixels.
    adam = torch.optim.Adam([image], lr=0.02, betas=(0.99, 0.999))
    mean = image.detach().clone()
    for step in range(steps):
        adam.step(evaluate)
        with torch.no_grad():
            image.clamp_(0, 1)
            mean.lerp_(image, 1 - min(_DECAY, (1 + step) / (10 + step)))
    with torch.no_grad():
        image.copy_(mean)
    evaluate()


def watch_stages(progress: Progress | None, watch: Watch | None, stages: int) -> Iterator[Watch]:
    """Yield a callback for each stage that counts the steps of all stages."""
    for stage in range(stages):

        def tell(step: Step, stage: int = stage) -> None:
            step = step._replace(step=stage * step.steps + step.step, steps=stages * step.steps)
            if watch is not None:
                watch(step)
            if progress is not None:
                progress(step.step, step.steps)

        yield tell
