"""The API page says what the docstrings say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("griffe", reason="needs the development packages")
sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))

import api

import adain_core


def test_the_page_is_up_to_date() -> None:
    assert api.PAGE.read_text(encoding="utf-8") == api.page(), "run tools/api.py"


def test_every_public_name_has_its_place() -> None:
    page = api.PAGE.read_text(encoding="utf-8")
    for name in adain_core.__all__:
        heading = "## adain_core.color\n" if name == "color" else f"\n### {name}\n"
        assert heading in page


def test_call_methods_are_documented() -> None:
    page = api.PAGE.read_text(encoding="utf-8")
    for name in ("Stylizer", "TemporalPool", "Optimization", "FeedForward", "StyleSwap"):
        assert f"\n#### {name}.\\_\\_call\\_\\_\n\n```python\n__call__(" in page


def test_docstrings_become_markdown() -> None:
    assert api.markdown("See :meth:`~a.B.c` for ``(B, 3)``.") == "See `c` for `(B, 3)`."
