"""The log of a run: losses, entries with their means, and warnings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, variance
from typing import Any

import torch
from torch import Tensor

from ..errors import TrainingError

# The mean loss of so many entries is compared with that of as many before them.
_COMPARED = 10


class TrainingLog:
    """Losses and warnings of a run.

    Args:
        reduce: ``accelerate``'s function of that name: means over processes of tensors in nested
            lists and dictionaries.
        announce: called once for each warning.

    Attributes:
        history: entries: the step, and means of the losses (or scores) by name.
        pending: the losses of each step since the last entry.
        warnings: the warnings.
    """

    def __init__(self, reduce: Callable[..., Any], announce: Callable[[str], None]) -> None:
        self._reduce, self._announce = reduce, announce
        self.history: list[dict[str, float]] = []
        self.pending: list[dict[str, Tensor]] = []
        self.warnings: list[str] = []
        self._warned_of_losses = False

    def add(self, losses: dict[str, Tensor]) -> None:
        """Add the losses of a step, scalars by name, including ``"total"``."""
        self.pending.append(losses)

    def check_losses(self, step: int) -> None:
        """Reject pending losses that are not finite.

        Not at every step: this waits for the GPU, which would then be idle until the next launch.

        Args:
            step: number of finished steps.

        Raises:
            TrainingError: a loss is not finite; the message names its step.
        """
        for number, losses in enumerate(self.pending, step - len(self.pending)):
            if not torch.isfinite(losses["total"]):
                raise divergence(f"the loss is {losses['total'].item()}", number)

    def enter(self, step: int) -> dict[str, float]:
        """Add an entry with the means of the pending losses over steps and processes.

        Args:
            step: number of finished steps.

        Returns:
            The means by name.

        Raises:
            TrainingError: a loss is not finite.
        """
        self.check_losses(step)
        names = self.pending[0]
        steps = {name: torch.stack([losses[name] for losses in self.pending]) for name in names}
        reduced = self._reduce(steps, "mean")
        means = {name: values.mean().item() for name, values in reduced.items()}
        self.pending = []
        self.add_entry(step, means)
        return means

    def add_entry(self, step: int, values: Mapping[str, float]) -> None:
        """Add an entry with losses or scores by name."""
        self.history.append({"step": step, **values})

    def reduce_pending(self) -> list[dict[str, Tensor]]:
        """Return the pending losses as means over the processes; every process must call this."""
        pending: list[dict[str, Tensor]] = self._reduce(self.pending, "mean")
        return pending

    def warn(self, sentence: str) -> None:
        """Announce a warning, unless it was announced before."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)
            self._announce(sentence)

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on with the log of a checkpoint, and warn of the settings that change there."""
        self.history, self.pending = state["history"], state["pending"]
        for each in state["changes"]:
            if each["step"] == state["step"]:
                self.warn(
                    f"after step {each['step']}, the run goes on with {each['setting']} "
                    f"{each['after']} instead of {each['before']}; its results say so"
                )

    def warn_if_not_falling(self, step: int) -> None:
        """Warn once if the loss rises."""
        rise = find_rise([entry["total"] for entry in self.history if "total" in entry])
        if rise is not None and not self._warned_of_losses:
            self._warned_of_losses = True
            before, now = rise
            self.warn(
                f"the loss is not falling: {before:.4g}, then {now:.4g} at step {step}; try a "
                "lower learning rate"
            )


def find_rise(totals: Sequence[float]) -> tuple[float, float] | None:
    """Compare the last ten entries of a loss with the ten before.

    Args:
        totals: the loss of each entry.

    Returns:
        Both means if the later one is higher by more than 2 % and by more than three standard
        errors; otherwise, or with fewer entries, ``None``.
    """
    if len(totals) < 2 * _COMPARED:
        return None
    earlier, latest = totals[-2 * _COMPARED : -_COMPARED], totals[-_COMPARED:]
    before, now = fmean(earlier), fmean(latest)
    # The loss of a trained model hardly falls, and varies between crops.
    chance = 3 * math.sqrt((variance(earlier) + variance(latest)) / _COMPARED)
    return (before, now) if now > before + max(0.02 * before, chance) else None


def divergence(finding: str, step: int) -> TrainingError:
    """Return the error of a run whose losses, gradients or weights are not finite.

    Args:
        finding: what is not finite.
        step: number of the step, from 0.
    """
    return TrainingError(
        f"{finding} at step {step}; go on from the last checkpoint, if there is one, or start "
        "again, with a lower learning rate, or with gradients clipped to a norm of 1",
        *("resume", "learning_rate", "clip_norm"),
    )
