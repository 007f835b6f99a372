"""tools/structure.py finds what it is for, in small projects written here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))

import structure  # noqa: E402

NODE = """
class Stylize:
    FUNCTION = "stylize"
    def stylize(self, {}): pass
    def helper(self, {}): pass
"""


def complaints(root: Path, files: dict[str, str]) -> list[str]:
    """What is said of a project of these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(structure.check(root))


def names(count: int) -> str:
    return ", ".join(f"a{number}" for number in range(count))


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("adain_core/a.py", f"def f({names(9)}): pass\n", "9 parameters"),
        ("adain_core/a.py", f"def f({names(7)}, *b, **c): pass\n", "9 parameters"),
        ("nodes/a.py", NODE.format(names(2), names(9)), "Stylize.helper has 9 parameters"),
        ("adain_core/a.py", "def f():\n" + "    pass\n" * 70, "f has 71 lines"),
        ("adain_core/a.py", "class C:\n" + "    a = 1\n" * 250, "class C has 251 lines"),
        ("adain_core/a.py", "a = 1\n" * 401, "a.py: 401 lines, at most 400"),
        ("tests/test_a.py", "a = 1\n" * 601, "test_a.py: 601 lines, at most 600"),
    ],
)
def test_exceeding_a_limit_is_reported(
    tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    (found,) = complaints(tmp_path, {name: text})
    assert complaint in found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("adain_core/a.py", f"class C:\n    def f(self, {names(8)}): pass\n"),
        ("nodes/a.py", NODE.format(names(30), names(2))),
        ("adain_core/model.py", f"class AdaINModel:\n    def stylize(self, {names(9)}): pass\n"),
        ("adain_core/a.py", "def f():\n" + "    pass\n" * 69),
        ("tests/test_a.py", "a = 1\n" * 600),
    ],
)
def test_code_within_the_limits_is_accepted(tmp_path: Path, name: str, text: str) -> None:
    assert complaints(tmp_path, {name: text}) == []


@pytest.mark.parametrize(
    "use",
    [
        "from adain_core.a import _secret\n",
        "import adain_core.a\nadain_core.a._secret()\n",
        "def test(monkeypatch, module): monkeypatch.setattr(module, '_secret', 1)\n",
    ],
)
def test_a_private_name_in_a_test(tmp_path: Path, use: str) -> None:
    files = {"adain_core/a.py": "def _secret(): pass\n", "tests/test_a.py": use}
    (found,) = complaints(tmp_path, files)
    assert found.endswith("a test uses the private name _secret")


def test_private_names_of_others_are_not_counted(tmp_path: Path) -> None:
    files = {
        "adain_core/a.py": "def _secret(): pass\n",
        "tests/test_a.py": "import torch\ntorch._C\nclass A:\n    def f(self): self._secret\n",
    }
    assert complaints(tmp_path, files) == []


def test_an_import_cycle(tmp_path: Path) -> None:
    files = {
        "adain_core/__init__.py": "",
        "adain_core/a.py": "from .sub import b\n",
        "adain_core/sub/__init__.py": "",
        "adain_core/sub/b.py": "def f():\n    from ..a import g\n",
    }
    (found,) = complaints(tmp_path, files)
    assert found.startswith("import cycle: ") and "adain_core.sub.b" in found
    files["adain_core/sub/b.py"] = "from . import c\n"
    assert complaints(tmp_path, files) == []
