"""Callbacks of a run: progress bar, TensorBoard, and hooks for your own."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor
from tqdm import tqdm

from .config import TrainingConfig


class Callback:
    """Base class with hooks of a run; override those of interest.

    On several devices, the hooks are only called in the main process. An exception ends the run.
    """

    def on_start(self, step: int) -> None:
        """Prepare for the first step; ``step`` is above 0 in a resumed run."""

    def on_step(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """Receive the weighted losses and their total after ``step`` steps."""

    def on_log(self, step: int, entry: Mapping[str, float]) -> None:
        """Receive the means of the losses since the last entry."""

    def on_sample(self, step: int, grid: Tensor, scores: Mapping[str, float]) -> None:
        """Receive a grid of samples ``(1, 3, H, W)`` in 0..1 and the scores of the validation."""

    def on_warning(self, sentence: str) -> None:
        """Receive a warning; each one comes once."""

    def on_end(self) -> None:
        """Clean up, also after an error."""


class Callbacks:
    """All callbacks of a run.

    Args:
        members: the callbacks, in the order of their calls.
    """

    def __init__(self, members: Iterable[Callback]) -> None:
        self._members = tuple(members)

    def tell(self, hook: str, *arguments: object) -> None:
        """Call a hook of every callback."""
        for callback in self._members:
            getattr(callback, hook)(*arguments)

    @contextmanager
    def watch(self, step: int) -> Iterator[None]:
        """Call ``on_start``, and ``on_end`` whatever happens."""
        try:
            self.tell("on_start", step)
            yield
        finally:
            self.tell("on_end")


class Console(Callback):
    """A progress bar and warnings on stderr.

    Args:
        steps: number of steps.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._bar: Any = None

    def on_start(self, step: int) -> None:
        """Show the bar."""
        self._bar = tqdm(total=self._steps, initial=step, unit="step")

    def on_step(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """Move the bar."""
        self._bar.update()

    def on_log(self, step: int, entry: Mapping[str, float]) -> None:
        """Show the losses."""
        self._bar.set_postfix({name: f"{value:.3g}" for name, value in entry.items()})

    def on_warning(self, sentence: str) -> None:
        """Write the warning above the bar."""
        tqdm.write(f"adain: warning: {sentence}", file=sys.stderr)

    def on_end(self) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()


class TensorBoard(Callback):
    """Scalars and sample grids for TensorBoard.

    Args:
        folder: folder to write to.
        config: configuration of the run.
    """

    def __init__(self, folder: Path, config: TrainingConfig) -> None:
        self._folder, self._config = folder, config
        self._board: Any = None

    def on_start(self, step: int) -> None:
        """Open the folder; entries after the checkpoint of an interrupted run are dropped."""
        from torch.utils.tensorboard import SummaryWriter

        self._board = SummaryWriter(self._folder, purge_step=step)

    def on_log(self, step: int, entry: Mapping[str, float]) -> None:
        """Add the losses and the learning rate."""
        for name, value in entry.items():
            self._board.add_scalar(f"loss/{name}", value, step)
        self._board.add_scalar("learning_rate", self._config.learning_rate_at(step), step)

    def on_sample(self, step: int, grid: Tensor, scores: Mapping[str, float]) -> None:
        """Add the samples and the scores."""
        self._board.add_image("samples", grid[0], step)
        for name, value in scores.items():
            self._board.add_scalar(name.replace(" ", "/"), value, step)

    def on_end(self) -> None:
        """Write the remaining entries."""
        if self._board is not None:
            self._board.close()
