"""The training loop, for the paper's decoder and for slim models end to end.

Random numbers and the learning rate are functions of the seed and the step. A checkpoint therefore
holds only weights, optimizer and losses, and a resumed run is exact (on a GPU except for rounding,
because its sums have no fixed order).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from ..errors import TrainingError
from ..utils.signals import flag_stop_signals
from ..weights import fingerprint
from .batches import choose_batch
from .callbacks import Callback, Callbacks, Console, TensorBoard
from .checkpoint import RunFolder, describe_change, load_checkpoint, save_checkpoint, save_or_warn
from .config import TrainingConfig
from .learner import Learner
from .log import TrainingLog
from .loss_network import LossNetwork, channels_last
from .pools import Pool, PoolReader
from .report import write_grid, write_results
from .student import Student
from .validation import SIZE, Validation

FEW_IMAGES = 500


class Trainer(RunFolder):
    """A training run.

    Args:
        config: the configuration.
        resume: resume from the checkpoint in ``config.output``.
        progress: show a progress bar and warnings on stderr.
        callbacks: further callbacks.

    Attributes:
        step: number of finished steps.
        seconds: their duration, including pruning.
        reader: reads the pools.
        learner: the student, the moving average of its weights, the optimizer.
        log: losses and warnings so far.
        before: losses on fixed pairs, and scores of the validation, before the first step.
        changes: settings that differed when the run was resumed: step, setting, before, after.

    Raises:
        TrainingError: missing packages, a checkpoint of a run with other settings or more steps,
            or an existing run in the folder.
        WeightsError: the loss network cannot be read.
        ImageFileError: a folder has no images.
        OSError: the first checkpoint of a run with ``config.init`` cannot be written.

    Example:
        >>> Trainer(TrainingConfig("photos", "paintings", "vgg.safetensors", "runs/mine")).run()
    """

    def __init__(
        self,
        config: TrainingConfig,
        resume: bool = False,
        progress: bool = True,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        _require_packages(config)
        super().__init__(config.output, resume)
        self.config = config
        self.accelerator = _accelerator(config.precision)
        device = self.accelerator.device
        saved = load_checkpoint(self.checkpoint, config, device) if resume else None
        console = [Console(config.steps)] if progress else []
        board = TensorBoard(self.folder / "tensorboard", config)
        main = self.accelerator.is_main_process
        self._callbacks = Callbacks((*console, board, *callbacks) if main else ())
        self.log = TrainingLog(self.accelerator.reduce, partial(self._callbacks.tell, "on_warning"))
        loss_network = LossNetwork(config.encoder, config.precision, device)
        self._fingerprint = fingerprint(loss_network.encoder.state_dict())
        self.reader = PoolReader(
            config, loss_network, device, self._rank, self.accelerator.num_processes
        )
        self._validation = Validation(config, self.reader, loss_network)
        self.step = 0
        self.before: dict[str, float] = {}
        self.changes: list[dict[str, Any]] = []
        started = time.monotonic()
        torch.manual_seed(config.seed)
        student = Student(config, loss_network.encoder)
        channels_last(student.to(device))
        if config.init and not resume:
            student.start_from(config.init, self.reader.crops)
        self.seconds = time.monotonic() - started
        self.learner = Learner(config, student, loss_network, self.accelerator)
        self.folder.mkdir(parents=True, exist_ok=True)
        if saved is not None:
            self.load_state_dict(saved)
        elif config.init:
            self.save()  # pruning and distillation may have taken long

    @property
    def _rank(self) -> int:
        rank: int = self.accelerator.process_index
        return rank

    # -- the loop ---------------------------------------------------------------------------

    def run(self) -> bool:
        """Train until the last step or an interruption (Ctrl-C, SIGTERM), and save a checkpoint.

        Returns:
            Whether the last step was reached. Then the folder of the run contains the model, its
            card, a sample grid and the loss curves.

        Raises:
            TrainingError: the loss or a weight is not finite; the last checkpoint stays.
            OSError: the last checkpoint or the model cannot be written. Earlier checkpoints that
                cannot be written only cause a warning.
        """
        config = self.config
        self._warn_of_few_images()
        if not self.before:
            self.before = self._validation.measure(self.learner)
        pool: Pool | None = None
        started = time.monotonic() - self.seconds
        with flag_stop_signals() as requested, self._callbacks.watch(self.step):

            def stop() -> bool:
                return self._all_stop(requested())

            pools = self.reader.read(self.step // config.pool_steps, stop, self.log.warn)
            while self.step < config.steps and not stop():
                if pool is None or self.step % config.pool_steps == 0:
                    pool = next(pools, None)
                    if pool is None:  # stopped while reading it
                        break
                batch = choose_batch(config, pool, self.step, self._rank)
                losses = self.learner.take_step(batch, self.step)
                self.step += 1
                self.seconds = time.monotonic() - started
                self._after_step(losses)
        self.save()
        finished = self.step >= config.steps
        if finished and self.accelerator.is_main_process:
            self._write_results()
        return finished

    def _after_step(self, losses: dict[str, Tensor]) -> None:
        """Log the losses, call the callbacks, and sample and save when due."""
        config = self.config
        self.log.add(losses)
        self._callbacks.tell("on_step", self.step, losses)
        if self.step % config.log_every == 0 or self.step == config.steps:
            self._callbacks.tell("on_log", self.step, self.log.enter(self.step))
            if self.step < 0.8 * config.steps:  # later the loss may be constant
                self.log.warn_if_not_falling(self.step)
        if self.step % config.sample_every == 0 and self.accelerator.is_main_process:
            self._sample()
        if self.step % config.save_every == 0:
            save_or_warn(self.save, self.log.warn, self.step)

    def _all_stop(self, requested: bool) -> bool:
        """Return whether any process was asked to stop; all must stop together."""
        if self.accelerator.num_processes == 1:  # check_trigger waits for the GPU
            return requested
        if requested:
            self.accelerator.set_trigger()
        stop: bool = self.accelerator.check_trigger()
        return stop

    # -- checkpoints --------------------------------------------------------------------------

    def save(self) -> None:
        """Write a checkpoint atomically.

        Raises:
            TrainingError: a loss or a weight is not finite; the last checkpoint stays.
            OSError: the file cannot be written; the last checkpoint stays.
        """
        self.log.check_losses(self.step)
        self.learner.check_weights(self.step)
        self.accelerator.wait_for_everyone()
        state = self.state_dict()
        if self.accelerator.is_main_process:
            save_checkpoint(self.checkpoint, state, self.config)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the run; every process must call this."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            **self.learner.state_dict(),
            "history": self.log.history,
            "pending": self.log.reduce_pending(),
            "vgg": self._fingerprint,
            "before": self.before,
            "changes": self.changes,
            "broken": sorted(self.reader.broken),
            "processes": self.accelerator.num_processes,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load the state of a run.

        Raises:
            TrainingError: the state belongs to a run with another VGG.
        """
        if state["vgg"] != self._fingerprint:
            raise TrainingError(
                f"{self.checkpoint}: belongs to a run with another VGG: expected one of "
                f"fingerprint {state['vgg']}, got {self._fingerprint} ({self.config.encoder}); "
                "use the VGG that the run started with",
                "encoder",
            )
        self.changes = list(state["changes"])
        self.log.resume(state)
        processes = self.accelerator.num_processes
        if state["processes"] != processes:
            self.log.warn(
                f"the run was on {state['processes']} devices and goes on with {processes}: a step "
                f"takes {self.config.batch_size} pairs on each of them, and images are read in "
                "another order"
            )
            self.changes.append(
                describe_change(state["step"], "processes", state["processes"], processes)
            )
        self.learner.load_state_dict(state)
        self.step, self.seconds, self.before = state["step"], state["seconds"], state["before"]
        self.reader.broken = set(state["broken"])

    # -- samples and results --------------------------------------------------------------------

    def _sample(self) -> None:
        grid = self._validation.sample(self.learner.average)
        write_grid(self.folder / "samples" / f"{self.step:07d}.jpg", grid)
        scores = self._validation.evaluate(self.learner.average)
        if scores:
            self.log.add_entry(self.step, scores)
        self._callbacks.tell("on_sample", self.step, grid, scores)

    def _warn_of_few_images(self) -> None:
        for crops in self.reader.crops:
            if len(crops.paths) < FEW_IMAGES:
                self.log.warn(
                    f"{crops.folder} has only {len(crops.paths)} images; below "
                    f"{FEW_IMAGES} expect a model that knows just these (the paper used 80,000)"
                )

    def _write_results(self) -> None:
        contents, styles = self.reader.crops
        facts = {
            "images": {"content": len(contents.paths), "style": len(styles.paths)},
            "minutes": round(self.seconds / 60),
            "device": self.accelerator.device.type,
            "processes": self.accelerator.num_processes,
            "before": self.before,
            "after": self._validation.measure(self.learner),
            "validation_size": SIZE,
            "changes": self.changes,
        }
        grid = self._validation.sample(self.learner.average)
        student, history = self.learner.average, self.log.history
        write_results(self.model_file, student, facts, grid, history, self.reader.broken)


def _require_packages(config: TrainingConfig) -> None:
    """Reject a run without the packages that it needs at the end, before it begins."""
    names = ["accelerate", "tensorboard", "matplotlib"]
    if config.optimizer == "soap":
        names.append("pytorch_optimizer")
    missing = [name.replace("_", "-") for name in names if find_spec(name) is None]
    if missing:
        raise TrainingError(
            f"training needs {', '.join(missing)}: python -m pip install {' '.join(missing)}"
        )


def _accelerator(precision: str) -> Any:
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    # accelerate keeps one precision per process, but a second run may have another. This resets
    # only the precision, not devices and processes.
    if AcceleratorState._shared_state and AcceleratorState().mixed_precision != precision:
        AcceleratorState._reset_state()
    return Accelerator(mixed_precision=precision)
