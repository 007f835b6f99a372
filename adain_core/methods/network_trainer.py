"""Training of a network for a fixed set of styles."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import TrainingError
from ..images import list_images, load_image
from ..images.sheets import join_rows
from ..pixels import resize_shortest_side
from ..training.callbacks import Callback, Callbacks, Console
from ..training.checkpoint import RunFolder, load_checkpoint, save_checkpoint, save_or_warn
from ..training.command import without_folders
from ..training.data import Crops, crop_batches, seeded
from ..training.log import TrainingLog, divergence
from ..training.loss_network import LossNetwork
from ..training.losses import content_loss
from ..training.report import write_curves, write_grid
from ..utils.devices import resolve_device
from ..utils.signals import flag_stop_signals
from .network import NetworkArchitecture, TransferNetwork
from .network_config import NetworkConfig
from .network_file import NetworkInfo, load_network, save_network
from .objective import describe_levels, roughness, style_difference

# Crop numbers far beyond any run's: the photographs of the samples, which no step sees.
_FIXED_START, _FIXED_PHOTOS, _SHOWN_STYLES = 10**12, 4, 6

# Transforms photographs ``(B, 3, S, S)`` in 0..1 before the network sees them.
Prepare = Callable[[Tensor], Tensor]


class NetworkTrainer(RunFolder):
    """Trains a network.

    All random numbers of a step are functions of the seed and the step, so resuming is exact.

    Args:
        config: the settings.
        resume: continue from the checkpoint in ``config.output``.
        progress: show a progress bar and warnings on stderr.
        callbacks: further callbacks.
        prepare: transforms photographs before the network and the losses see them.
        device: as for :meth:`AdaINModel.from_pretrained <adain_core.AdaINModel.from_pretrained>`.

    Attributes:
        step: number of finished steps.
        names: names of the network's styles.
        network: the network.
        log: losses and warnings so far.
        changes: settings that differed when the run was resumed: step, setting, before, after.

    Raises:
        TrainingError: a checkpoint of a run with other settings, other artworks or more steps, an
            existing run, artworks with the same name, or new styles that the network already has.
        WeightsError: the loss network or ``config.init`` cannot be read.
        ImageFileError: a folder has no images, or an artwork cannot be read.
    """

    def __init__(
        self,
        config: NetworkConfig,
        resume: bool = False,
        progress: bool = True,
        callbacks: Sequence[Callback] = (),
        prepare: Prepare | None = None,
        device: str | torch.device = "auto",
    ) -> None:
        super().__init__(config.output, resume)
        self.config = config
        self.device = resolve_device(device)
        saved = load_checkpoint(self.checkpoint, config, self.device) if resume else None
        console = [Console(config.steps)] if progress else []
        self._callbacks = Callbacks((*console, *callbacks))
        self.log = TrainingLog(
            lambda values, _: values, partial(self._callbacks.tell, "on_warning")
        )
        self._prepare = prepare or (lambda photos: photos)
        self._crops = Crops(config.content, config.content_size, config.crop, config.seed)
        self._vgg = LossNetwork(config.encoder, config.precision, self.device)
        artworks = list_images([config.style])
        self._new = tuple(path.stem for path in artworks)
        _check_names(self._new, config.style)
        self._targets = [self._describe(path) for path in artworks]
        self.names, self.network = self._make_network()
        self._trained = [p for p in self.network.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(self._trained, lr=config.learning_rate)
        self.step, self.seconds = 0, 0.0
        self.changes: list[dict[str, Any]] = []
        self.folder.mkdir(parents=True, exist_ok=True)
        if saved is not None:
            self._load_state(saved)

    def run(self) -> bool:
        """Train to the last step or to an interruption (Ctrl-C, SIGTERM); save a checkpoint.

        Returns:
            Whether the last step was reached. Then the folder of the run has the network, a grid of
            samples and the loss curves.

        Raises:
            TrainingError: the loss is not finite; the last checkpoint is kept.
            OSError: the last checkpoint or the network cannot be written.
        """
        config = self.config
        started = time.monotonic() - self.seconds
        photos = crop_batches(
            self._crops,
            config.batch_size,
            config.workers,
            self.step * config.batch_size,
            warn=self.log.warn,
        )
        with flag_stop_signals() as stop, self._callbacks.watch(self.step):
            while self.step < config.steps and not stop():
                losses = self._take_step(next(photos)[0])
                self.step += 1
                self.seconds = time.monotonic() - started
                self._after_step(losses)
        self.save()
        finished = self.step >= config.steps
        if finished:
            self._write_results()
        return finished

    def _take_step(self, photos: Tensor) -> dict[str, Tensor]:
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate_at(self.step)
        photos = self._prepare(photos.to(self.device))
        styles = torch.randint(
            len(self._new), (len(photos),), generator=seeded(config.seed, self.step, 2)
        )
        self.network.train()
        losses = self.losses(photos, styles)
        self.optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return {name: value.detach() for name, value in losses.items()}

    def losses(self, photos: Tensor, styles: Tensor) -> dict[str, Tensor]:
        """Return the weighted losses of photos ``(B, 3, S, S)`` in styles ``(B,)``, by name."""
        weights = self.config.loss_weights
        autocast = self.config.precision == "bf16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=autocast):
            images = self.network(photos, self._shares(styles))
        images = images.float()
        with torch.no_grad():
            content = self._vgg.levels(photos)[-1].float()
        levels = [level.float() for level in self._vgg.levels(images)]
        targets = [
            torch.cat([self._targets[style][level] for style in styles.tolist()])
            for level in range(len(levels))
        ]
        losses = {
            "content": weights.content * content_loss(levels[-1], content),
            "style": weights.style * style_difference(levels, targets, weights),
            "roughness": weights.roughness * roughness(images),
        }
        return {**losses, "total": torch.stack(list(losses.values())).sum()}

    def _shares(self, styles: Tensor) -> Tensor:
        """Return one-hot weights of styles, numbered among the new ones, ``(B, N)``."""
        rows = torch.eye(len(self.names), device=self.device)
        return rows[styles.to(self.device) + len(self.names) - len(self._new)]

    @torch.no_grad()
    def _describe(self, artwork: Path) -> list[Tensor]:
        image = resize_shortest_side(load_image(artwork)[:, :3], self.config.style_size)
        levels = [level.float() for level in self._vgg.levels(image.to(self.device))]
        return describe_levels(levels, self.config.style_loss)

    def _make_network(self) -> tuple[tuple[str, ...], TransferNetwork]:
        config = self.config
        torch.manual_seed(config.seed)
        if not config.init:
            architecture = NetworkArchitecture(config.width, config.normalization, len(self._new))
            return self._new, TransferNetwork(architecture).to(self.device)
        info, network = load_network(config.init)
        known = set(info.styles) & set(self._new)
        if known:
            raise TrainingError(
                f"{config.init}: it already has {', '.join(sorted(known))}; give other artworks",
                *("init", "style"),
            )
        network.add_styles(len(self._new))
        # The weights of old styles are 0, and so are their gradients: they do not change.
        for layer in network.conditional_layers():
            layer.requires_grad_(True)
        return (*info.styles, *self._new), network.to(self.device)

    # -- checkpoints and samples --------------------------------------------------------------

    def _after_step(self, losses: dict[str, Tensor]) -> None:
        config = self.config
        self.log.add(losses)
        self._callbacks.tell("on_step", self.step, losses)
        if self.step % config.log_every == 0 or self.step == config.steps:
            self._callbacks.tell("on_log", self.step, self.log.enter(self.step))
        if self.step % config.sample_every == 0:
            grid = self.sample_grid()
            write_grid(self.folder / "samples" / f"{self.step:07d}.jpg", grid)
            self._callbacks.tell("on_sample", self.step, grid, {})
        if self.step % config.save_every == 0:
            save_or_warn(self.save, self.log.warn, self.step)

    def save(self) -> None:
        """Write a checkpoint, atomically.

        Raises:
            TrainingError: a loss or a weight is not finite; the last checkpoint is kept.
            OSError: it cannot be written, likewise.
        """
        self.log.check_losses(self.step)
        if not all(p.isfinite().all() for p in self._trained):
            raise divergence("the weights are not finite", self.step)
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "names": list(self.names),
            "changes": self.changes,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.log.history,
            "pending": self.log.pending,
        }
        save_checkpoint(self.checkpoint, state, self.config)

    def _load_state(self, state: Mapping[str, Any]) -> None:
        names = state.get("names", list(self.names))  # earlier versions did not save them
        if names != list(self.names):
            raise TrainingError(
                f"{self.checkpoint}: belongs to a run with other artworks: expected "
                f"{', '.join(names)}, got {', '.join(self.names)}; use those of the run, or "
                "start a new one",
                "style",
            )
        self.changes = list(state["changes"])
        self.log.resume(state)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]

    @torch.no_grad()
    def sample_grid(self) -> Tensor:
        """Return held-out photographs (left) in the new styles, ``(1, 3, H, W)`` in 0..1."""
        photos, _ = next(crop_batches(self._crops, _FIXED_PHOTOS, 0, _FIXED_START))
        photos = self._prepare(photos.to(self.device))
        self.network.eval()
        columns = [photos]
        for style in range(min(_SHOWN_STYLES, len(self._new))):
            columns.append(self.network(photos, self._shares(torch.full((len(photos),), style))))
        rows = zip(*(torch.split(column, 1) for column in columns), strict=True)
        return join_rows([list(row) for row in rows]).clamp(0, 1)

    def _write_results(self) -> None:
        info = NetworkInfo(
            self.network.architecture,
            self.names,
            source="trained with 'adain train --method feedforward'",
            training={
                "settings": without_folders(self.config.to_dict()),
                "changes": self.changes,
                "photographs": len(self._crops.paths),
                "minutes": round(self.seconds / 60),
                "device": self.device.type,
                "losses": self.log.history[-1] if self.log.history else {},
            },
        )
        save_network(self.model_file, info, self.network)
        name = self.model_file.stem
        write_grid(self.folder / f"{name}-grid.jpg", self.sample_grid())
        write_curves(self.folder / f"{name}-curves.png", self.log.history)


def _check_names(names: Sequence[str], folder: str | os.PathLike[str]) -> None:
    """Raise ``TrainingError`` for artworks with the same name."""
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise TrainingError(
            f"{folder}: expected artworks of different names, got {', '.join(twice)} more than "
            "once; rename them"
        )
