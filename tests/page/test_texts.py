"""Texts of the page in all languages; needs no browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "page"
LOCALES = {path.stem: json.loads(path.read_text("utf-8")) for path in PAGE.glob("locales/*.json")}


def flat(words: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Return texts by their keys, joined by dots."""
    found: dict[str, str] = {}
    for key, value in words.items():
        found |= (
            flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return found


def test_there_are_three_languages() -> None:
    assert set(LOCALES) == {"en", "ja", "zh"}
    script = (PAGE / "src" / "language.js").read_text()
    assert 'LANGUAGES = ["en", "ja", "zh"]' in script


@pytest.mark.parametrize("language", ["ja", "zh"])
def test_every_sentence_is_translated_with_its_gaps(language: str) -> None:
    english, other = flat(LOCALES["en"]), flat(LOCALES[language])
    assert list(english) == list(other)
    for key, sentence in english.items():
        assert other[key], key
        assert set(re.findall(r"{\w+}", sentence)) == set(re.findall(r"{\w+}", other[key])), key


@pytest.mark.parametrize("language", sorted(LOCALES))
def test_shipped_styles_and_photos_have_names(language: str) -> None:
    artworks, photos = LOCALES[language]["artworks"], LOCALES[language]["photos"]
    assert set(artworks) == {path.stem for path in (ROOT / "weights" / "styles").iterdir()}
    assert set(photos) == {path.stem for path in (ROOT / "samples" / "content").iterdir()}


def test_every_key_of_the_page_is_known_and_used() -> None:
    html = (PAGE / "index.html").read_text("utf-8")
    scripts = "".join(path.read_text("utf-8") for path in (PAGE / "src").glob("*.js"))
    english = flat(LOCALES["en"])
    named = set(re.findall(r'data-(?:text|label)="([^"]+)"', html))
    assert named <= set(english)
    quoted = set(re.findall(r'"([\w.-]+)"', scripts)) | named
    for key in english:
        if not key.startswith(("artworks.", "photos.")):
            assert key in quoted or key.removeprefix("errors.") in quoted, f"{key} is not used"


def test_english_of_the_file_is_english_of_the_locale() -> None:
    html = (PAGE / "index.html").read_text("utf-8")
    english = flat(LOCALES["en"])
    for key, words in re.findall(r'data-text="([^"]+)"[^>]*>([^<]+)<', html):
        assert words == english[key], key
