"""Checkpoints: files with the state of a run."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from ..errors import TrainingError
from ..utils.files import replace_atomically
from .command import without_folders

# Format of the files; a run can only be resumed with the same number.
FORMAT = 1
# Settings that may change when a run is resumed: those that do not affect the weights,
FREE = {
    *("output", "validation_content", "validation_style", "workers"),
    *("log_every", "save_every", "sample_every"),
}
# and those that do, whose changes the results list. Paths count by their names.
LISTED = {"content", "style", "encoder", "steps", "learning_rate", "clip_norm"}


class Settings(Protocol):
    """The configuration of a run, such as :class:`~adain_core.training.TrainingConfig`."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""


class RunFolder:
    """The folder of a run and the names of its files.

    Args:
        folder: the folder.
        resume: whether an existing run is resumed.

    Raises:
        TrainingError: the folder has a run that is not resumed.
    """

    def __init__(self, folder: str | os.PathLike[str], resume: bool) -> None:
        self.folder = Path(folder)
        if self.checkpoint.exists() and not resume:
            raise TrainingError(
                f"{self.checkpoint} is there already: resume the run, or choose another folder",
                *("resume", "output"),
            )

    @property
    def checkpoint(self) -> Path:
        """Path of the checkpoint."""
        return self.folder / "checkpoint.pt"

    @property
    def model_file(self) -> Path:
        """Path of the trained model, named after the folder."""
        return self.folder / f"{self.folder.resolve().name}.safetensors"


def save_or_warn(save: Callable[[], None], warn: Callable[[str], None], step: int) -> None:
    """Save a checkpoint; if the disk is full, warn and go on.

    Args:
        save: writes the checkpoint.
        warn: receives the warning.
        step: number of the step.
    """
    try:
        save()
    except OSError as error:
        warn(f"no checkpoint at step {step}: {error}")


def save_checkpoint(path: Path, state: Mapping[str, Any], config: Settings) -> None:
    """Write a checkpoint atomically.

    Args:
        path: the file; an existing one is replaced.
        state: tensors and plain values in dictionaries and lists.
        config: configuration of the run.

    Raises:
        OSError: the file cannot be written; an existing one stays.
    """
    # Through a buffer: torch's own writer reports a full disk as a RuntimeError.
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "config": json.dumps(config.to_dict()), **state}, buffer)
    with replace_atomically(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load_checkpoint(path: Path, config: Settings, device: torch.device) -> dict[str, Any]:
    """Read a checkpoint of a run.

    Args:
        path: the file.
        config: configuration of the resumed run. Settings in ``FREE`` and ``LISTED`` may differ.
        device: device of the tensors.

    Returns:
        The saved state. Its ``"changes"`` end with the settings in ``LISTED`` that differ.

    Raises:
        TrainingError: the file is missing, damaged, of another format, or of a run with other
            settings or more steps.
    """
    if not path.exists():
        raise TrainingError(f"{path}: no checkpoint to resume from", "resume")
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        found, then = state.get("format"), json.loads(state["config"])
    except Exception as error:  # torch.load raises many kinds for a bad file
        raise TrainingError(f"{path}: damaged ({error}); start the run again") from None
    if found != FORMAT:
        raise TrainingError(
            f"{path}: expected a checkpoint of format {FORMAT}, got {found}; go on with the "
            "version of adain_core that wrote it, or start the run again"
        )
    then, now = without_folders(then), without_folders(json.loads(json.dumps(config.to_dict())))
    differing = [name for name in now if name not in FREE and then.get(name) != now[name]]
    refused = [name for name in differing if name not in LISTED]
    if refused:
        came = ", ".join(f"{name} {then.get(name)!r} (got {now[name]!r})" for name in refused)
        raise TrainingError(
            f"{path}: belongs to a run with other settings: {came}; use those of the run, or start "
            "a new run in another folder",
            *(*refused, "output"),
        )
    done = state["step"]
    if now["steps"] < done:
        raise TrainingError(
            f"{path}: the run has done {done} steps already, got {now['steps']} in all; give "
            f"{done} or more, or start a new run",
            "steps",
        )
    changes = [describe_change(done, name, then.get(name), now[name]) for name in differing]
    return {**state, "changes": [*state.get("changes", ()), *changes]}


def describe_change(step: int, setting: str, before: object, after: object) -> dict[str, Any]:
    """Return an entry of a run's ``changes``: what differs after its first ``step`` steps."""
    return {"step": step, "setting": setting, "before": before, "after": after}
