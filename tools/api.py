"""Write ``docs/api.md`` from the docstrings: ``python tools/api.py``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import griffe

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "api.md"
# Modules whose exports are public.
MODULES = (
    *("adain_core", "adain_core.color", "adain_core.video", "adain_core.training"),
    "adain_core.methods",
)
_START = """\
# API

<!-- Made from the docstrings by tools/api.py: change them. -->

The public classes and functions. [By example](python.md)
"""
# Titles of the sections of a docstring that list names.
_LISTS = {
    "parameters": "Arguments",
    "attributes": "Attributes",
    "raises": "Raises",
}


def markdown(text: str) -> str:
    """Return a docstring's text with its references and literals in Markdown."""
    text = re.sub(r":\w+:`([^`<]+?) <[^`>]+>`", r"`\1`", text)
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text)
    return text.replace("``", "`")


def one_line(text: str) -> str:
    """Return a description as one line."""
    return markdown(" ".join(text.split()))


def signature(function: griffe.Function) -> str:
    """Return a function's signature, in one line or with a line per parameter."""
    shown, star = [], False
    for parameter in function.parameters:
        if parameter.name in ("self", "cls"):
            continue
        kind = parameter.kind
        prefix = {"variadic positional": "*", "variadic keyword": "**"}.get(kind.value, "")
        if kind is griffe.ParameterKind.keyword_only and not star:
            shown.append("*")
        star = star or kind.value in ("keyword-only", "variadic positional")
        default = "" if parameter.default is None or prefix else f"={parameter.default}"
        shown.append(f"{prefix}{parameter.name}{default}")
    line = f"{function.name}({', '.join(shown)})"
    if len(line) > 100:
        line = f"{function.name}(\n    " + ",\n    ".join(shown) + ",\n)"
    return line


def sections(docstring: griffe.Docstring | None) -> Iterator[str]:
    """Yield the parts of a docstring."""
    for section in docstring.parsed if docstring else []:
        kind = section.kind.value
        if kind == "text":
            yield markdown(section.value)
        elif kind in _LISTS:
            items = []
            for item in section.value:
                name = getattr(item, "name", None) or item.annotation
                items.append(f"- `{name}`: {one_line(item.description)}")
            yield f"{_LISTS[kind]}:\n\n" + "\n".join(items)
        elif kind == "returns":
            text = " ".join(item.description for item in section.value)
            yield f"Returns: {one_line(text)}"
        elif kind == "examples":
            code = "\n".join(example for _, example in section.value)
            yield f"```python\n{re.sub(r'^(>>>|[.]{3}) ?', '', code, flags=re.MULTILINE)}\n```"


def describe(item: griffe.Object | griffe.Alias, level: int) -> Iterator[str]:
    """Yield the parts of a class, with its public properties and methods, or of a function."""
    heading = "#" * level
    if item.is_class:
        yield f"{heading} {item.name}"
        # Those of a base first: they create and save an object.
        members = {**item.inherited_members, **item.members}
        start = members.get("__init__")
        if start is not None and start.is_function:
            yield f"```python\n{signature(start).replace('__init__', item.name, 1)}\n```"
        yield from sections(item.docstring)
        described = [
            each
            for name, each in members.items()
            if each.docstring and (name == "__call__" or not name.startswith("_"))
        ]
        properties = [
            f"- `{each.name}`: {one_line(each.docstring.value)}"
            for each in described
            if each.is_attribute
        ]
        if properties:
            yield "Properties:\n\n" + "\n".join(properties)
        for each in described:
            if each.is_function:
                yield from describe(each, level + 1)
    elif item.is_function:
        owner = f"{item.parent.name}." if item.parent and item.parent.is_class else ""
        yield f"{heading} {owner}{item.name}".replace("__", r"\_\_")
        yield f"```python\n{signature(item)}\n```"
        yield from sections(item.docstring)
    elif item.is_attribute:
        yield f"{heading} {item.name}"
        yield from sections(item.docstring)


def page() -> str:
    """Return ``docs/api.md``."""
    library = griffe.load("adain_core", search_paths=[ROOT], docstring_parser="google")
    parts = [_START.rstrip()]
    for path in MODULES:
        module = library if path == "adain_core" else library[path.removeprefix("adain_core.")]
        names = sorted(module.exports or (), key=str.lower)
        # By the path of its import: griffe takes `methods["refine"]` for the module of that name.
        homes = [module.imports.get(name, f"{path}.{name}") for name in names]
        members = [library[home.removeprefix("adain_core.")] for home in homes]
        parts += [f"## {path}", *list(sections(module.docstring))[:1]]
        for item in members:
            parts += describe(item, 3)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
