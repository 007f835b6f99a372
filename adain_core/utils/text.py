"""Foreign text made safe to show, and values as JSON that every reader takes."""

from __future__ import annotations

import json
import math
import unicodedata
from typing import Any

# What joins letters in file names: emoji of several parts, words of Persian and Hindi.
_JOINERS = "\u200c\u200d"
_LONGEST = 2000


def printable(text: object, longest: int = _LONGEST) -> str:
    r"""Return text as one line that is safe to show on a terminal.

    Files and their names are written by others: a control character could clear the screen, feign
    another message or turn the text around. Line breaks become spaces, other characters that show
    nothing become escapes such as ``\x1b``, and the middle of a long text is left out.

    Args:
        text: anything that has a text.
        longest: characters of the result at most, 50 or more.
    """
    line = " ".join(_shorten(str(text), longest).splitlines())
    return _shorten("".join(map(_visible, line)), longest)


def _shorten(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    kept = longest - 32  # for the note in the middle
    start = 2 * kept // 3
    return f"{text[:start]} […{len(text) - kept:,} characters…] {text[start - kept :]}"


def _visible(letter: str) -> str:
    if letter.isprintable() or letter in _JOINERS:
        return letter
    # Python counts all spaces but one and letters of private use as not printable.
    if unicodedata.category(letter) in ("Zs", "Co"):
        return letter
    return letter.encode("unicode_escape").decode("ascii")


def to_json(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON without NaN and infinity, which JSON does not have: they are null."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
