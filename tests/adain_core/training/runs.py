"""What the tests of runs share."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from adain_core.training import Callback, Trainer


class After(Callback):
    """Does something after a step."""

    def __init__(self, step: int, action: Callable[[], object]) -> None:
        self.step, self.action = step, action

    def on_step(self, step: int, losses: Mapping[str, Tensor]) -> None:
        if step == self.step:
            self.action()


def stop_after(step: int) -> After:
    return After(step, lambda: signal.raise_signal(signal.SIGTERM))


def spoil_weights(trainer: Trainer, value: float) -> None:
    next(trainer.learner.student.parameters()).data[0] = value


def weights_of(trainer: Trainer) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in trainer.learner.average.state_dict().items()}


def assert_same_run(one: Trainer, other: Trainer) -> None:
    """Equal weights to the last bit, and equal losses."""
    assert one.log.history == other.log.history
    torch.testing.assert_close(weights_of(one), weights_of(other), rtol=0, atol=0)
