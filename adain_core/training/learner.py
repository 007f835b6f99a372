"""What a step changes: the student, the running mean of its weights, the optimizer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import get_ema_multi_avg_fn

from .batches import Batch
from .config import TrainingConfig
from .graphs import Gradients, replay_graph
from .log import divergence
from .loss_network import LossNetwork
from .objective import Objective
from .student import Student


class Learner:
    """Optimizes a student.

    Args:
        config: configuration of the run.
        student: the networks, on their device.
        loss_network: the frozen VGG.
        accelerator: ``accelerate.Accelerator`` of the run.

    Attributes:
        objective: the student with its losses.
        average: exponential moving average of the student's weights, which becomes the model.
        optimizer: optimizer of the student's weights.
    """

    def __init__(
        self, config: TrainingConfig, student: Student, loss_network: LossNetwork, accelerator: Any
    ) -> None:
        self._config, self._accelerator = config, accelerator
        trained = [p for p in student.parameters() if p.requires_grad]
        prepared, self.optimizer = accelerator.prepare(student, _optimizer(config, trained))
        self.objective = Objective(config, prepared, loss_network, accelerator.autocast)
        self.average = deepcopy(student).eval().requires_grad_(False)
        self._gradients: Gradients = self.compute_gradients
        if accelerator.device.type == "cuda" and accelerator.num_processes == 1:
            self._gradients = replay_graph(self.compute_gradients)

    @property
    def student(self) -> Student:
        """The networks being trained."""
        student: Student = self._accelerator.unwrap_model(self.objective.student)
        return student

    def compute_gradients(self, batch: Batch) -> dict[str, Tensor]:
        """Compute the student's gradients; return the weighted losses and their total by name."""
        losses = self.objective(batch)
        self.optimizer.zero_grad(set_to_none=True)
        self._accelerator.backward(losses["total"])
        return {name: value.detach() for name, value in losses.items()}

    def take_step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Take an optimizer step.

        Args:
            batch: pairs of the step.
            step: number of the step, from 0.

        Returns:
            The weighted losses and their total by name.

        Raises:
            TrainingError: the gradients are not finite.
        """
        config = self._config
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate_at(step)
        losses = self._gradients(batch)
        if config.clip_norm > 0:
            self._accelerator.clip_grad_norm_(self.objective.parameters(), config.clip_norm)
        try:
            self.optimizer.step()
        # Raised by SOAP, whose first step computes eigenvectors.
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
            raise divergence("the gradients are not finite", step) from None
        self._update_average(step)
        return losses

    def _update_average(self, step: int) -> None:
        """Update the moving average of the weights.

        Not with torch's AveragedModel: reading its counter would wait for the GPU.
        """
        # A smaller decay at first, or the random start would stay in the average for long.
        decay = min(self._config.ema, (1 + step) / (10 + step))
        update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        student = self.student
        update([*self.average.parameters()], [*student.parameters()], step)
        for mean, current in zip(self.average.buffers(), student.buffers(), strict=True):
            mean.copy_(current)

    def check_weights(self, step: int) -> None:
        """Reject weights that are not finite: a gradient can be infinite although the loss is not.

        Raises:
            TrainingError: a weight is not finite after ``step`` steps.
        """
        if not all(p.isfinite().all() for p in self.student.parameters()):
            raise divergence("the weights are not finite", step)

    def state_dict(self) -> dict[str, Any]:
        """Return the state for :meth:`load_state_dict`."""
        scaler = self._accelerator.scaler
        return {
            "student": self.student.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else {},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load the weights, their moving average, and the state of the optimizer."""
        self.student.load_state_dict(state["student"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self._accelerator.scaler is not None:
            self._accelerator.scaler.load_state_dict(state["scaler"])


def _optimizer(config: TrainingConfig, parameters: Iterable[nn.Parameter]) -> Optimizer:
    if config.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=config.learning_rate)
    from pytorch_optimizer import SOAP

    # Weight decay would pull pretrained weights towards 0.
    soap: Optimizer = SOAP(parameters, lr=config.learning_rate, weight_decay=0.0)
    return soap
