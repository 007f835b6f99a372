"""The training loop: one engine for the paper's decoder and for slim models end to end.

Everything random in a step is a function of the seed and the step, and so is the learning rate;
a checkpoint therefore holds weights, optimizer and losses only, and a resumed run is exact (on a
GPU but for rounding, since it adds up in no fixed order).
"""

from __future__ import annotations

import io
import json
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean, variance
from types import FrameType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import get_ema_multi_avg_fn
from tqdm import tqdm

from ..checkerboard import checkerboard_loss
from ..files import replace_atomically
from ..weights import ModelInfo, fingerprint, save_model
from .config import DEFAULTS, PATHS, TrainingConfig
from .data import crop_batches, seeded
from .graphs import graphed
from .loss_network import LossNetwork, channels_last
from .losses import imitation_loss
from .pools import Pool, PoolReader
from .report import model_card, sample_grid, training_summary, write_curves, write_grid
from .student import Student, TrainingError
from .validation import Validation

FEW_IMAGES = 500
FIXED_PAIRS = 8
# Numbers far beyond any run's: the fixed pairs are crops (of the same images) that no step sees.
FIXED_START = 10**12
# Settings that a resumed run may change without becoming another run.
CHANGEABLE = {
    *PATHS,
    "distill_steps",  # over before the first step
    "steps",
    "learning_rate",
    "clip_norm",
    "workers",
    "log_every",
    "save_every",
    "sample_every",
}
# Beside the imitation, whose weight it takes, too: a seventh of the two (of a trained model).
CHECKERBOARD_WEIGHT = 30_000.0


class Trainer:
    """A training run.

    Args:
        config: what to train.
        resume: go on from the checkpoint in ``config.output``.
        progress: show a progress bar.

    Raises:
        TrainingError: missing packages, a checkpoint of another run, or a run that is there
            already.
        WeightsError: the loss network cannot be read.
        ImageFileError: a folder has no images.
        OSError: the first checkpoint of a run with ``config.init`` cannot be written.

    Example:
        >>> Trainer(TrainingConfig("photos", "paintings", "vgg.safetensors", "runs/mine")).run()
    """

    def __init__(self, config: TrainingConfig, resume: bool = False, progress: bool = True) -> None:
        _require_packages("accelerate", "tensorboard", "matplotlib")
        if config.optimizer == "soap":
            _require_packages("pytorch_optimizer")
        self.config, self.folder = config, Path(config.output)
        if self.checkpoint.exists() and not resume:
            raise TrainingError(
                f"{self.checkpoint} is there already: pass --resume to go on from it, or another "
                "output folder"
            )
        if resume and not self.checkpoint.exists():
            raise TrainingError(f"{self.checkpoint}: no checkpoint to resume from")
        self.accelerator = _accelerator(config.precision)
        self.main: bool = self.accelerator.is_main_process
        self.progress = progress and self.main
        device = self.accelerator.device
        self.loss_network = LossNetwork(config.encoder, config.precision, device)
        if config.imitation_weight > 0 and not self.loss_network.has_teacher:
            raise TrainingError(
                "imitation needs a teacher: expected as --encoder a full-width model of fusion "
                f"'adain', got {config.encoder}; adain-vgg19 is one ('adain weights download "
                "vgg19' fetches it)"
            )
        self._vgg = fingerprint(self.loss_network.encoder.state_dict())
        self.reader = PoolReader(
            config,
            self.loss_network,
            device,
            self.accelerator.process_index,
            self.accelerator.num_processes,
        )
        self.validation: Validation | None = None
        if config.validation_content:
            self.validation = Validation(config, self.loss_network.encoder, device)
        torch.manual_seed(config.seed)
        student = Student(config, self.loss_network.encoder)
        channels_last(student.to(device))
        started = time.monotonic()
        if config.init and not resume:
            student.start_from(config.init, self.reader.crops)
        self.step, self.seconds = 0, time.monotonic() - started
        self.student, self.optimizer = self.accelerator.prepare(
            student, _optimizer(config, [p for p in student.parameters() if p.requires_grad])
        )
        self.average = deepcopy(student).eval().requires_grad_(False)
        self._gradients: Callable[[Pool, Tensor], dict[str, Tensor]] = self._backward
        if device.type == "cuda" and self.accelerator.num_processes == 1:
            self._gradients = graphed(self._backward)
        self.history: list[dict[str, float]] = []
        # The losses of each step since the last entry.
        self.pending: list[dict[str, Tensor]] = []
        self.warnings: list[str] = []
        self._warned = False  # that the loss is not falling
        self.before: dict[str, float] = {}
        self.folder.mkdir(parents=True, exist_ok=True)
        if resume:
            self._restore()
        elif config.init:
            self.save_checkpoint()  # pruning and distillation may have taken long

    @property
    def checkpoint(self) -> Path:
        """The checkpoint's file."""
        return self.folder / "checkpoint.pt"

    @property
    def model_file(self) -> Path:
        """The trained model's file, named after the run's folder."""
        return self.folder / f"{self.folder.resolve().name}.safetensors"

    # -- the loop ---------------------------------------------------------------------------

    def run(self) -> bool:
        """Train to the last step or to an interruption (Ctrl-C, SIGTERM); save a checkpoint.

        Returns:
            Whether the last step was reached; then the model, its card, its sample grid and its
            loss curves lie in the run's folder.

        Raises:
            TrainingError: the loss or a weight is not finite; the last checkpoint stays.
            OSError: the last checkpoint or the model cannot be written. An earlier checkpoint that
                cannot is a warning, and the next one replaces it.
        """
        config = self.config
        self._warn_of_few_images()
        if not self.before:
            self.before = self._fixed_losses()
        pool: Pool | None = None
        started = time.monotonic() - self.seconds
        with _stop_requested() as requested, self._bar() as bar, self._tensorboard() as board:

            def stop() -> bool:
                return self._all_stop(requested())

            pools = self.reader.read(self.step // config.pool_steps, stop)
            while self.step < config.steps and not stop():
                if pool is None or self.step % config.pool_steps == 0:
                    pool = next(pools, None)
                    if pool is None:  # stopped on the way to it
                        break
                self.pending.append(self._train_step(self._batch(pool)))
                self.step += 1
                self.seconds = time.monotonic() - started
                bar.update()
                if self.step % config.log_every == 0 or self.step == config.steps:
                    self._log(bar, board)
                if self.step % config.sample_every == 0:
                    self._sample(board)
                if self.step % config.save_every == 0:
                    try:
                        self.save_checkpoint()
                    except OSError as error:
                        self._warn(f"no checkpoint at step {self.step}: {error}")
        self.save_checkpoint()
        finished = self.step >= config.steps
        if finished and self.main:
            self._finish()
        return finished

    def _all_stop(self, requested: bool) -> bool:
        """Whether any process was asked to stop: one alone would leave the others waiting."""
        if self.accelerator.num_processes == 1:  # check_trigger waits for the GPU
            return requested
        if requested:
            self.accelerator.set_trigger()
        stop: bool = self.accelerator.check_trigger()
        return stop

    def _train_step(self, batch: Pool) -> dict[str, Tensor]:
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate_at(self.step)
        losses = self._gradients(batch, self._alpha(config.batch_size))
        if config.clip_norm > 0:
            self.accelerator.clip_grad_norm_(self.student.parameters(), config.clip_norm)
        try:
            self.optimizer.step()
        # By SOAP, whose first step looks for eigenvectors.
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
            raise self._diverged("the gradients are not finite", self.step) from None
        self._follow()
        return losses

    def _backward(self, batch: Pool, alpha: Tensor) -> dict[str, Tensor]:
        """The weighted losses of pairs and their total, by name, and the gradients."""
        losses = self._losses(batch, alpha)
        total = torch.stack(list(losses.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(total)
        return {name: value.detach() for name, value in {**losses, "total": total}.items()}

    def _losses(self, batch: Pool, alpha: Tensor) -> dict[str, Tensor]:
        """The weighted losses of pairs at their alphas ``(B, 1)``, by name."""
        config = self.config
        with self.accelerator.autocast():
            output, reconstruction = self.student(
                batch.content, batch.style, alpha, reconstruct=config.identity_weight > 0
            )
        levels = self.loss_network.levels(output)
        unweighted = batch.losses(alpha, levels)
        losses = {
            "content": config.content_weight * unweighted["content"],
            "style": config.style_weight * unweighted["style"],
        }
        if config.identity_weight > 0:
            identity = F.mse_loss(reconstruction.float(), batch.content)
            losses["identity"] = config.identity_weight * identity
        if config.imitation_weight > 0:
            imitation = imitation_loss(output, levels, batch.teacher, batch.teacher_levels)
            losses["imitation"] = config.imitation_weight * imitation
            checkerboard = CHECKERBOARD_WEIGHT * checkerboard_loss(output)
            losses["checkerboard"] = config.imitation_weight * checkerboard
        return losses

    def _batch(self, pool: Pool) -> Pool:
        """This step's contents and styles: new random pairs in each lap over a pool."""
        config, size = self.config, len(pool.content)
        pool_number, step = divmod(self.step, config.pool_steps)
        lap, batch = divmod(step, size // config.batch_size)
        part = slice(batch * config.batch_size, (batch + 1) * config.batch_size)
        contents, styles = (
            torch.randperm(size, generator=seeded(config.seed, pool_number, lap, self._rank, kind))
            for kind in (0, 1)
        )
        if config.imitation_weight > 0:
            styles = contents  # the teacher's pictures are of content i in style i
        device = self.accelerator.device
        # Blocking copies to a GPU would wait for all work before them.
        return pool.pairs(
            contents[part].to(device, non_blocking=True), styles[part].to(device, non_blocking=True)
        )

    def _alpha(self, count: int) -> Tensor:
        alpha = torch.ones(count, 1)
        if self.config.random_alpha:
            alpha = torch.rand(count, 1, generator=seeded(self.config.seed, self.step, self._rank))
        return alpha.to(self.accelerator.device, non_blocking=True)

    @property
    def _rank(self) -> int:
        rank: int = self.accelerator.process_index
        return rank

    @property
    def _unwrapped(self) -> Student:
        student: Student = self.accelerator.unwrap_model(self.student)
        return student

    def _follow(self) -> None:
        """Let the running mean of the weights follow them.

        Not by torch's AveragedModel: it counts on the CPU, and waits for a GPU to read the count.
        """
        # A young mean follows closely, or the random start would stay in it for long.
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        follow = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        student = self._unwrapped
        follow([*self.average.parameters()], [*student.parameters()], self.step)
        for mean, current in zip(self.average.buffers(), student.buffers(), strict=True):
            mean.copy_(current)

    # -- checkpoints --------------------------------------------------------------------------

    def save_checkpoint(self) -> None:
        """Write everything that a resumed run needs, atomically.

        Raises:
            TrainingError: a loss or a weight is not finite; the last checkpoint stays.
            OSError: it cannot be written, likewise.
        """
        self._check_losses()
        # A gradient can be infinite where the loss is not.
        if not all(p.isfinite().all() for p in self._unwrapped.parameters()):
            raise self._diverged("the weights are not finite", self.step)
        self.accelerator.wait_for_everyone()
        pending = self.accelerator.reduce(self.pending, "mean")
        if not self.main:
            return
        scaler = self.accelerator.scaler
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "config": json.dumps(self.config.to_dict()),
            "student": self._unwrapped.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else {},
            "history": self.history,
            "pending": pending,
            "vgg": self._vgg,
            "before": self.before,
            "broken": sorted(self.reader.broken),
            "processes": self.accelerator.num_processes,
        }
        # By way of memory: torch's own writer reports a full disk as a RuntimeError.
        buffer = io.BytesIO()
        torch.save(state, buffer)
        with replace_atomically(self.checkpoint) as temporary:
            temporary.write_bytes(buffer.getbuffer())

    def _check_losses(self) -> None:
        """Refuse pending losses that are not finite.

        Not at every step: a GPU, whose work this waits for, would stand still until the next
        step's is launched.
        """
        for step, losses in enumerate(self.pending, self.step - len(self.pending)):
            if not torch.isfinite(losses["total"]):
                raise self._diverged(f"the loss is {losses['total'].item()}", step)

    def _diverged(self, finding: str, step: int) -> TrainingError:
        how = "go on from the last checkpoint with --resume and"
        return TrainingError(
            f"{finding} at step {step}; "
            f"{how if self.checkpoint.exists() else 'start again with'} a lower --lr, or "
            "--clip-norm 1"
        )

    def _restore(self) -> None:
        try:
            state = torch.load(
                self.checkpoint, map_location=self.accelerator.device, weights_only=True
            )
        except Exception as error:  # torch.load raises many kinds for a bad file
            raise TrainingError(f"{self.checkpoint}: damaged ({error})") from None
        # What an earlier version did not know yet it did as is the default now.
        then, now = DEFAULTS | json.loads(state["config"]), self.config.to_dict()
        then = {k: tuple(v) if isinstance(v, list) else v for k, v in then.items()}
        differing = [k for k in now if k not in CHANGEABLE and then[k] != now[k]]
        if differing:
            raise TrainingError(
                f"{self.checkpoint}: belongs to a run with other settings: "
                + ", ".join(f"{k} {then[k]!r} (got {now[k]!r})" for k in differing)
            )
        vgg = state.get("vgg", self._vgg)  # those of earlier versions do not say
        if vgg != self._vgg:
            raise TrainingError(
                f"{self.checkpoint}: belongs to a run with another VGG: expected one of "
                f"fingerprint {vgg}, got {self._vgg} ({self.config.encoder}); give the run's own "
                "as --encoder"
            )
        processes = state.get("processes", self.accelerator.num_processes)
        if processes != self.accelerator.num_processes:
            self._warn(
                f"the run was on {processes} devices and goes on with "
                f"{self.accelerator.num_processes}: a step takes --batch-size pairs on each of "
                "them, and images are read in another order"
            )
        self._unwrapped.load_state_dict(state["student"])
        average = state["average"]
        if (
            average.pop("n_averaged", None) is not None
        ):  # earlier versions had torch's AveragedModel
            average = {name.removeprefix("module."): value for name, value in average.items()}
        self.average.load_state_dict(average)
        self.optimizer.load_state_dict(state["optimizer"])
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.history, self.before = state["history"], state["before"]
        self.pending = state.get("pending", [])
        self.reader.broken = set(state["broken"])

    # -- what people see ------------------------------------------------------------------------

    def _bar(self) -> Any:
        return tqdm(
            total=self.config.steps, initial=self.step, unit="step", disable=not self.progress
        )

    @contextmanager
    def _tensorboard(self) -> Iterator[Any]:
        if not self.main:
            yield None
            return
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(self.folder / "tensorboard", purge_step=self.step) as board:
            yield board

    def _log(self, bar: Any, board: Any) -> None:
        """Enter the means of the pending losses, over steps and processes."""
        self._check_losses()
        names = self.pending[0]
        steps = {name: torch.stack([losses[name] for losses in self.pending]) for name in names}
        reduced = self.accelerator.reduce(steps, "mean")
        means = {name: values.mean().item() for name, values in reduced.items()}
        self.pending = []
        self.history.append({"step": self.step, **means})
        bar.set_postfix({name: f"{value:.3g}" for name, value in means.items()})
        if board is not None:
            for name, value in means.items():
                board.add_scalar(f"loss/{name}", value, self.step)
            board.add_scalar("learning_rate", self.config.learning_rate_at(self.step), self.step)
        self._warn_if_not_falling()

    def _sample(self, board: Any) -> None:
        if self.main:
            content, style = self._fixed_pairs()
            grid = self._grid(content, style)
            write_grid(self.folder / "samples" / f"{self.step:07d}.jpg", grid)
            board.add_image("samples", grid[0], self.step)
            scores = self._validate()
            if scores:
                self.history.append({"step": self.step, **scores})
            for name, value in scores.items():
                board.add_scalar(name.replace(" ", "/"), value, self.step)

    def _grid(self, content: Tensor, style: Tensor) -> Tensor:
        student = self.average
        return sample_grid(
            student.encoder, student.decoder, self.config.fusion, content[:4], style[:6]
        )

    def _fixed_pairs(self) -> tuple[Tensor, Tensor]:
        """Crops that no step sees, the same at every call."""
        content, style = (
            next(crop_batches(crops, FIXED_PAIRS, 0, FIXED_START))[0].to(self.accelerator.device)
            for crops in self.reader.crops
        )
        return content, style

    def _validate(self) -> dict[str, float]:
        """Scores of the averaged weights on the images kept aside, if there are any."""
        return {} if self.validation is None else self.validation(self.average)

    @torch.no_grad()
    def _fixed_losses(self) -> dict[str, float]:
        """Unweighted losses of the averaged weights, on the fixed pairs and at validation."""
        alpha = torch.ones(FIXED_PAIRS, 1, device=self.accelerator.device)
        pool = self.reader.encode(*self._fixed_pairs())
        with self.accelerator.autocast():
            output, _ = self.average(pool.content, pool.style, alpha, reconstruct=False)
        levels = self.loss_network.levels(output)
        losses = pool.losses(alpha, levels)
        return {**{name: float(value) for name, value in losses.items()}, **self._validate()}

    def _warn(self, sentence: str) -> None:
        if self.main and sentence not in self.warnings:
            self.warnings.append(sentence)
            tqdm.write(f"adain: warning: {sentence}", file=sys.stderr)

    def _warn_of_few_images(self) -> None:
        for crops in self.reader.crops:
            if len(crops.paths) < FEW_IMAGES:
                self._warn(
                    f"{crops.folder} has only {len(crops.paths)} images; below "
                    f"{FEW_IMAGES} expect a model that knows just these (the paper used 80,000)"
                )

    def _warn_if_not_falling(self) -> None:
        """Compare the last ten entries with the ten before; warn once."""
        totals = [entry["total"] for entry in self.history if "total" in entry]
        # Towards the end of a decaying schedule the loss may well stand still.
        if len(totals) >= 20 and self.step < 0.8 * self.config.steps and not self._warned:
            earlier, latest = totals[-20:-10], totals[-10:]
            before, now = fmean(earlier), fmean(latest)
            # A trained model's hardly falls, and differs from crop to crop: 4 % from entry to
            # entry in adain-slim's run on a GPU.
            chance = 3 * math.sqrt((variance(earlier) + variance(latest)) / 10)
            if now > before + max(0.02 * before, chance):
                self._warned = True
                self._warn(
                    f"the loss is not falling: {before:.4g}, then {now:.4g} at step {self.step}; "
                    "try a lower --lr"
                )

    def _finish(self) -> None:
        config, student = self.config, self.average
        after = self._fixed_losses()
        counts = {
            "content": len(self.reader.crops[0].paths),
            "style": len(self.reader.crops[1].paths),
        }
        name = self.model_file.stem
        summary = training_summary(
            config,
            counts,
            minutes=round(self.seconds / 60),
            device=self.accelerator.device.type,
            processes=self.accelerator.num_processes,
            before=self.before,
            after=after,
        )
        info = ModelInfo(config.architecture, source="trained with 'adain train'", training=summary)
        # A running variance of batch normalization may lie beyond float16.
        dtype = torch.float32 if config.normalization == "batch" else torch.float16
        save_model(self.model_file, info, student.encoder, student.decoder, dtype)
        write_grid(self.folder / f"{name}-grid.jpg", self._grid(*self._fixed_pairs()))
        write_curves(self.folder / f"{name}-curves.png", self.history)
        networks = (student.encoder, student.decoder)
        card = model_card(
            name,
            summary,
            parameters=sum(p.numel() for network in networks for p in network.parameters()),
            broken=sorted(Path(path).name for path in self.reader.broken),
        )
        (self.folder / f"{name}.md").write_text(card, encoding="utf-8")


def _require_packages(*names: str) -> None:
    """Refuse a run that could not end without them, before it begins."""
    missing = [name.replace("_", "-") for name in names if find_spec(name) is None]
    if missing:
        raise TrainingError(
            f"training needs {', '.join(missing)}: python -m pip install {' '.join(missing)}"
        )


def _accelerator(precision: str) -> Any:
    from accelerate import Accelerator

    return Accelerator(mixed_precision=precision)


def _optimizer(config: TrainingConfig, parameters: list[nn.Parameter]) -> Optimizer:
    if config.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=config.learning_rate)
    from pytorch_optimizer import SOAP

    # Weight decay would go on pulling at what a model to start from has learnt.
    soap: Optimizer = SOAP(parameters, lr=config.learning_rate, weight_decay=0.0)
    return soap


@contextmanager
def _stop_requested() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or SIGTERM into a flag, so that a step is never cut in two."""
    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield lambda: False
        return
    requested = False

    def request(number: int, frame: FrameType | None) -> None:
        nonlocal requested
        requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, request) for number in signals]
    try:
        yield lambda: requested
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
