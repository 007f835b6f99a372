"""The version, set only in pyproject.toml, where ComfyUI's Manager and registry read it."""

from __future__ import annotations

import re
from pathlib import Path


def read_version() -> str:
    """Return the version of a clone or of ComfyUI's copy, else that of the installed package."""
    project = Path(__file__).resolve().parents[1] / "pyproject.toml"
    if project.is_file():
        text = project.read_text(encoding="utf-8")
        found = re.search(r'^name = "adain"\nversion = "(.+)"$', text, re.MULTILINE)
        if found:
            return found[1]
    from importlib.metadata import version  # slow: takes longer than the rest of --help

    return version("adain")
