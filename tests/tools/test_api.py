"""The API page says what the docstrings say."""

from __future__ import annotations

import inspect
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("griffe", reason="needs the development packages")
sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))

import api


def test_the_page_is_up_to_date() -> None:
    assert api.PAGE.read_text(encoding="utf-8") == api.page(), "run tools/api.py"


@pytest.mark.parametrize("module", api.MODULES)
def test_every_public_name_has_its_place(module: str) -> None:
    start = f"\n## {module}\n"
    page = api.PAGE.read_text(encoding="utf-8")
    part = page[page.index(start) :].split("\n## ")[1]
    for name in getattr(import_module(module), "__all__", ()):
        assert (f"\n### {name}\n" in part) != (name == "color")


def test_every_method_and_property_has_its_place() -> None:
    """Those of the library's own base classes, too."""
    page = api.PAGE.read_text(encoding="utf-8")
    for module in api.MODULES:
        loaded = import_module(module)
        for each in (getattr(loaded, name) for name in getattr(loaded, "__all__", ())):
            for name, member in inspect.getmembers(each) if inspect.isclass(each) else ():
                if name.startswith("_"):
                    continue
                if isinstance(member, property) and member.fget.__module__.startswith("adain"):
                    assert f"\n- `{name}`: " in section(page, each.__name__), (each, name)
                home = str(getattr(member, "__module__", ""))
                if inspect.isroutine(member) and home.startswith("adain") and member.__doc__:
                    assert f"\n#### {each.__name__}.{name}\n" in page


def section(page: str, name: str) -> str:
    """The part of the page about a class."""
    return page[page.index(f"\n### {name}\n") :].split("\n### ")[1]


def test_call_methods_are_documented() -> None:
    page = api.PAGE.read_text(encoding="utf-8")
    for name in ("Stylizer", "TemporalPool", "Optimization", "FeedForward", "StyleSwap"):
        assert f"\n#### {name}.\\_\\_call\\_\\_\n\n```python\n__call__(" in page


def test_docstrings_become_markdown() -> None:
    assert api.markdown("See :meth:`~a.B.c` for ``(B, 3)``.") == "See `c` for `(B, 3)`."
    assert api.markdown("As :meth:`B.c <a.B.c>` does.") == "As `B.c` does."
    assert not re.search(r":\w+:`", api.PAGE.read_text(encoding="utf-8"))
