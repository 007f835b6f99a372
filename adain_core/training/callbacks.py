"""The seams of a run: what looks on at its steps, entries, samples and warnings."""

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
    """What looks on at a run. Override the hooks of interest; each does nothing by itself.

    On several devices the hooks are called in the main process alone. An exception ends the run.
    """

    def on_start(self, step: int) -> None:
        """Get ready, before the first step; ``step`` is above 0 in a resumed run."""

    def on_step(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """Look at the weighted losses and their total; ``step`` steps are done."""

    def on_log(self, step: int, entry: Mapping[str, float]) -> None:
        """Look at the means of the losses since the last entry."""

    def on_sample(self, step: int, grid: Tensor, scores: Mapping[str, float]) -> None:
        """Look at sample pictures ``(1, 3, H, W)`` in 0..1 and the scores of the validation."""

    def on_warning(self, sentence: str) -> None:
        """Tell of what may be wrong; each sentence comes once."""

    def on_end(self) -> None:
        """Clean up, also after an error."""


class Callbacks:
    """What looks on at a run, together.

    Args:
        members: in the order in which their hooks are called.
    """

    def __init__(self, members: Iterable[Callback]) -> None:
        self._members = tuple(members)

    def tell(self, hook: str, *arguments: object) -> None:
        """Call a hook of every callback."""
        for callback in self._members:
            getattr(callback, hook)(*arguments)

    @contextmanager
    def watch(self, step: int) -> Iterator[None]:
        """Start them at a step, and end them whatever happens."""
        try:
            self.tell("on_start", step)
            yield
        finally:
            self.tell("on_end")


class Console(Callback):
    """A progress bar, and the warnings, on stderr.

    Args:
        steps: of the run.
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
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()


class TensorBoard(Callback):
    """Scalars and sample grids for TensorBoard.

    Args:
        folder: to write to.
        config: of the run.
    """

    def __init__(self, folder: Path, config: TrainingConfig) -> None:
        self._folder, self._config = folder, config
        self._board: Any = None

    def on_start(self, step: int) -> None:
        """Open the folder; what an interrupted run wrote after its checkpoint is dropped."""
        from torch.utils.tensorboard import SummaryWriter

        self._board = SummaryWriter(self._folder, purge_step=step)

    def on_log(self, step: int, entry: Mapping[str, float]) -> None:
        """Add the losses and the learning rate."""
        for name, value in entry.items():
            self._board.add_scalar(f"loss/{name}", value, step)
        self._board.add_scalar("learning_rate", self._config.learning_rate_at(step), step)

    def on_sample(self, step: int, grid: Tensor, scores: Mapping[str, float]) -> None:
        """Add the pictures and the scores."""
        self._board.add_image("samples", grid[0], step)
        for name, value in scores.items():
            self._board.add_scalar(name.replace(" ", "/"), value, step)

    def on_end(self) -> None:
        """Write what is left."""
        if self._board is not None:
            self._board.close()
