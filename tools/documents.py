"""Write the generated parts of the documents: ``python tools/documents.py``.

``docs/commands.md`` lists every option of the command line, from its parsers. In the other pages of
``docs`` a table between ``<!-- generated: NAME -->`` and ``<!-- /generated -->`` comes from the
names in ``adain_core/choices.py``.
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(ROOT))

from adain_core.choices import COLOR_METHODS, TEMPORAL_MODES  # noqa: E402
from adain_core.cli import make_parser  # noqa: E402

TABLES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "color methods": ("method", COLOR_METHODS),
    "temporal modes": ("mode", TEMPORAL_MODES),
}
# Column titles for the two groups of argparse.
_TITLES = {"positional arguments": "argument", "options": "option"}
_START = """\
# All commands and options

<!-- Made from the parsers by tools/documents.py: change the help texts there. -->

What `--help` says, on one page. [By example](command-line.md)
"""


class Recorder(argparse.HelpFormatter):
    """A formatter that records the contents of a parser's help.

    Attributes:
        sections: names and help texts of the options, by the title of their group.
        commands: summaries of the sub-commands.
        parsers: parsers of the sub-commands.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self.sections: dict[str, dict[str, str]] = {}
        self.commands: dict[str, str] = {}
        self.parsers: dict[str, argparse.ArgumentParser] = {}
        self._title = ""

    def start_section(self, heading: str | None) -> None:
        """Start a group of options."""
        super().start_section(heading)
        self._title = heading or ""

    def add_argument(self, action: argparse.Action) -> None:
        """Record an option, or the sub-commands."""
        if isinstance(action.choices, Mapping):
            self.parsers.update(action.choices)
            for command in self._iter_indented_subactions(action):
                self.commands[command.dest] = command.help or ""
        elif action.help and "--help" not in action.option_strings:
            title = _TITLES.get(self._title, self._title)
            rows = self.sections.setdefault(title, {})
            rows[self._name(action)] = self._expand_help(action)

    def _name(self, action: argparse.Action) -> str:
        default = action.dest.upper() if action.option_strings else action.dest
        value = "" if action.nargs == 0 else self._format_args(action, default)
        # "S [S ...]" becomes "S …": one or more.
        value = re.sub(r"(\S+) \[\1 \.\.\.\]", r"\1 …", value)
        return f"{', '.join(action.option_strings)} {value}".strip()


def record(parser: argparse.ArgumentParser) -> Recorder:
    """Return the recorded help of a parser."""
    recorder = Recorder(parser.prog)
    formatter = parser.formatter_class
    parser.formatter_class = lambda prog: recorder  # type: ignore[assignment]
    parser.format_help()
    parser.formatter_class = formatter
    return recorder


def subparsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers of all commands, each before its sub-commands."""
    for command in record(parser).parsers.values():
        yield command
        yield from subparsers(command)


def table(head: str, rows: Mapping[str, str]) -> str:
    """Return a Markdown table of names and descriptions."""
    lines = [f"| {head} | what it does |", "| --- | --- |"]
    escaped = {name.replace("|", "\\|"): text.replace("|", "\\|") for name, text in rows.items()}
    return "\n".join([*lines, *(f"| `{name}` | {text} |" for name, text in escaped.items()), ""])


def commands() -> str:
    """Return ``docs/commands.md``."""
    parts = [_START]
    for parser in subparsers(make_parser()):
        recorded = record(parser)
        parts.append(f"## {parser.prog}\n\n{parser.description}\n")
        if recorded.commands:
            named = {f"{parser.prog} {name}": text for name, text in recorded.commands.items()}
            parts.append(table("command", named))
        parts += [table(title, rows) for title, rows in recorded.sections.items()]
        example = textwrap.dedent((parser.epilog or "").removeprefix("examples:\n"))
        parts.append(f"```sh\n{example.strip()}\n```\n")
    return "\n".join(parts)


def with_tables(text: str) -> str:
    """Return a document with up-to-date generated tables."""

    def fill(match: re.Match[str]) -> str:
        head, rows = TABLES[match[2]]
        return f"{match[1]}\n{table(head, rows)}{match[3]}"

    marks = r"(<!-- generated: (.+?) -->)\n.*?(<!-- /generated -->)"
    return re.sub(marks, fill, text, flags=re.DOTALL)


def documents() -> dict[Path, str]:
    """Return all documents that are generated from the code, wholly or in part."""
    pages = [*sorted(DOCS.glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    texts = {page: with_tables(page.read_text(encoding="utf-8")) for page in pages}
    return {**texts, DOCS / "commands.md": commands()}


def main() -> None:
    """Write the documents that changed."""
    for path, text in documents().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
