"""The command of a run: ``adain train`` with its settings."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .config import DEFAULTS, PATHS

# Options with another name than their setting.
_OPTIONS = {"learning_rate": "--lr", "augment": "--no-augment"}


def option_of(name: str) -> str:
    """Return the command line's option for a setting of ``TrainingConfig``."""
    return _OPTIONS.get(name, f"--{name.replace('_', '-')}")


def without_folders(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with the names of files and folders instead of their paths."""
    return {name: Path(value).name if name in PATHS else value for name, value in settings.items()}


def command_line(settings: Mapping[str, Any]) -> str:
    """Return the command of a run, with the settings that differ from the defaults."""
    words = ["adain", "train"]
    for name, value in settings.items():
        if value != DEFAULTS[name]:
            words.append(option_of(name))
            if not isinstance(value, bool):
                words += map(str, value if isinstance(value, tuple) else [value])
    return shlex.join(words)
