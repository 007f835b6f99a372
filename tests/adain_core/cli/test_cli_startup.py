"""Help and version come at once: what imports torch, and what does not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import adain_core
from adain_core.choices import COLOR_METHODS
from adain_core.color import METHODS

ROOT = Path(__file__).resolve().parents[3]
SLOW = ("torch", "numpy", "PIL", "tqdm", "av", "safetensors")


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    run = [sys.executable, "-c", code]
    return subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "code",
    [
        "from adain_core.cli import make_parser; make_parser().format_help()",
        "import adain_core; adain_core.__version__",
        "from adain_core import WeightsError",
    ],
)
def test_no_torch(code: str) -> None:
    """Every command's parser is built with that of the program."""
    assert python(f"import sys; {code}; print([m for m in {SLOW} if m in sys.modules])") == "[]\n"


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_no_torch_in_a_whole_run(option: str) -> None:
    code = (
        "import sys, contextlib\n"
        "from adain_core.cli import main\n"
        f"with contextlib.suppress(SystemExit): main(['{option}'])\n"
        f"print('imported:', [m for m in {SLOW} if m in sys.modules])\n"
    )
    assert python(code).endswith("imported: []\n")


def test_the_public_names_are_there() -> None:
    for name in adain_core.__all__:
        assert getattr(adain_core, name) is not None
    assert set(adain_core.__all__) <= set(dir(adain_core))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        adain_core.nothing  # noqa: B018


def test_the_version_is_that_of_the_project() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.+)"$', text, re.MULTILINE)
    assert found and adain_core.__version__ == found[1]


def test_the_color_methods_have_functions() -> None:
    assert list(COLOR_METHODS) == list(METHODS)
