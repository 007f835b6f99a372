"""Documents say what the code says, and their links lead somewhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))

import documents  # noqa: E402

PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "weights").glob("*.md")),
]


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives the page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_generated_documents_are_up_to_date() -> None:
    for path, text in documents.documents().items():
        assert path.read_text(encoding="utf-8") == text, "run tools/documents.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page: Path) -> None:
    """Each link of the repository's own leads to a file, and to a heading there."""
    text = page.read_text(encoding="utf-8")
    links = re.findall(r'\]\(([^)\s]+)\)|src="([^"]+)"', text)
    for link in (inline or source for inline, source in links):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert f"](docs/{page.name})" in readme, page.name


def test_a_table_follows_the_names() -> None:
    page = "a\n<!-- generated: temporal modes -->\nold\n<!-- /generated -->\nb\n"
    filled = documents.with_tables(page)
    assert filled.startswith("a\n<!-- generated: temporal modes -->\n| mode | what it does |\n")
    assert "| `ema` | " in filled and "old" not in filled and filled.endswith("generated -->\nb\n")
