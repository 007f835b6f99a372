"""Trainings of a reproduction: as long as the budget allows, and resumable."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from torch import Tensor

from ..methods.network_config import NetworkConfig
from ..methods.network_trainer import NetworkTrainer, Prepare
from ..training import Callback, Trainer, TrainingConfig
from ..utils.devices import has_fast_bfloat16
from .lab import HISTORY, Lab

Config = TypeVar("Config", NetworkConfig, TrainingConfig)
History = list[dict[str, float]]

# Sides of training crops, pixels.
CROPS = (256, 128, 64)
# Larger crops are used if they leave so many steps.
_ENOUGH_STEPS = 4000
_PROBED_STEPS, _FEW_STEPS = 4, 50


class Run(Protocol):
    """A training run."""

    log: Any

    def run(self) -> bool:
        """Train; return whether the last step was reached."""


# Makes a run from its configuration, a callback, and whether it is resumed.
Maker = Callable[[Config, Callback, bool], Run]


def make_network_run(
    config: NetworkConfig, callback: Callback, resume: bool, prepare: Prepare | None = None
) -> NetworkTrainer:
    """Return the run of a network."""
    return NetworkTrainer(
        config, resume=resume, progress=False, callbacks=[callback], prepare=prepare
    )


def make_model_run(config: TrainingConfig, callback: Callback, resume: bool) -> Trainer:
    """Return the run of a model."""
    return Trainer(config, resume=resume, progress=False, callbacks=[callback])


def precision(lab: Lab) -> Literal["no", "bf16"]:
    """Return the precision of trainings."""
    fast = lab.device.type == "cuda" or has_fast_bfloat16()
    return "bf16" if fast else "no"


class Extent(NamedTuple):
    """The extent of a training.

    Attributes:
        crop: side of the crops, pixels.
        steps: number of optimizer steps.
    """

    crop: int
    steps: int


def affordable_extent(
    lab: Lab, name: str, config: Config, make: Maker[Config], seconds: float, most: int
) -> Extent:
    """Return the largest crops that allow enough steps, from the time of a few small steps.

    Args:
        lab: the tools.
        name: name of the experiment, under which the time is stored.
        config: configuration of the training, with the smallest crop.
        make: makes the run.
        seconds: time for the training.
        most: largest number of steps.

    Raises:
        KeyboardInterrupt: interrupted during the small steps.
    """

    def probe() -> float:
        clock = _Clock()
        with tempfile.TemporaryDirectory() as folder:
            output = str(Path(folder) / "probe")
            _finish(make(replace(config, output=output, steps=_PROBED_STEPS), clock, False))
        return clock.step_seconds()

    step: float = lab.recall(f"{name}/step seconds", probe)
    steps = {crop: round(seconds / step * (config.crop / crop) ** 2) for crop in CROPS}
    crop = next((crop for crop in CROPS if steps[crop] >= min(_ENOUGH_STEPS, most)), CROPS[-1])
    return Extent(crop, max(10, min(most, steps[crop])))


def loader_processes(steps: int) -> int:
    """Return the number of processes that read images; starting one takes longer than few steps."""
    return 1 if steps > _FEW_STEPS else 0


def train(lab: Lab, name: str, config: Config, make: Maker[Config], bar: Any) -> History:
    """Train until the last step, from a checkpoint if there is one.

    Args:
        lab: the tools.
        name: name of the training, under which its history is stored.
        config: configuration of the training.
        make: makes the run.
        bar: progress bar, updated after each step.

    Returns:
        The entries of the log.

    Raises:
        KeyboardInterrupt: interrupted; there is a checkpoint.
    """

    def run() -> History:
        resume = (Path(config.output) / "checkpoint.pt").exists()
        trained = make(config, _Mover(bar), resume)
        _finish(trained)
        history: History = trained.log.history
        return history

    before = bar.n
    history: History = lab.recall(f"{name}{HISTORY}", run)
    bar.update(before + config.steps - bar.n)
    return history


def _finish(run: Run) -> None:
    """Train until the last step; an interruption also ends the reproduction."""
    if not run.run():
        raise KeyboardInterrupt("interrupted; run the same command to resume")


class _Clock(Callback):
    """Records the time of every step."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def on_step(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """Record the time."""
        self._times.append(time.perf_counter())

    def step_seconds(self) -> float:
        """Return the median duration of the steps after the first."""
        return median(b - a for a, b in zip(self._times, self._times[1:], strict=False))


class _Mover(Callback):
    """Moves a progress bar."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def on_step(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """Move the bar by one."""
        self._bar.update()
