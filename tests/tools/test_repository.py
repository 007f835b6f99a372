"""What stands in two files of the repository is the same in both."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_oldest_versions_are_those_admitted() -> None:
    """CI runs the tests with the lower bounds of pyproject.toml."""
    oldest = dict(re.findall(r"^([\w-]+)==([\d.]+)$", text(".ci/oldest.txt"), re.MULTILINE))
    bounds = dict(re.findall(r'"([\w-]+)>=([\d.]+)"', text("pyproject.toml")))
    assert {"torch", "numpy", "pillow"} <= set(oldest)
    for name, version in oldest.items():
        assert (version + ".0").startswith(bounds[name] + ".0"), name
    python = re.search(r'requires-python = ">=([\d.]+)"', text("pyproject.toml"))
    assert python and f'python: "{python[1]}"' in text(".github/workflows/test.yml")


def test_one_version_of_ruff() -> None:
    (pinned,) = re.findall(r"^ruff==(.+)$", text("constraints.txt"), re.MULTILINE)
    assert f"rev: v{pinned}\n" in text(".pre-commit-config.yaml")


def test_the_changelog_knows_the_version() -> None:
    version = re.search(r'^version = "(.+)"$', text("pyproject.toml"), re.MULTILINE)
    assert version and f"\n## [{version[1]}]" in text("CHANGELOG.md")
    assert text("CHANGELOG.md").index("\n## [Unreleased]") < text("CHANGELOG.md").index("\n## [0.")
