from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adain_core.errors import AdaINError
from adain_core.utils.text import printable, to_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ordinary text, Müller, 写真", "ordinary text, Müller, 写真"),
        ("\x1b[2Jgone\x07", "\\x1b[2Jgone\\x07"),
        ("a\nadain: all is well\r\nb\u2028c", "a adain: all is well b c"),
        ("abc\u202egpj.exe", "abc\\u202egpj.exe"),
        ("bad \udcff name", "bad \\udcff name"),
        # Spaces of Japanese and macOS file names, an emoji of two parts, a Persian word.
        ("写\u3000真 9.41\u202fAM", "写\u3000真 9.41\u202fAM"),
        ("👩\u200d🎨 می\u200cخواهم", "👩\u200d🎨 می\u200cخواهم"),
        (12, "12"),
    ],
)
def test_printable(text: object, shown: str) -> None:
    assert printable(text) == shown


def test_long_text_loses_its_middle() -> None:
    text = "photo.jpg: " + "x" * 1_000_000 + "; choose another"
    short = printable(text)
    assert len(short) < 2100
    assert short.startswith("photo.jpg: xxx") and short.endswith("x; choose another")
    assert f" […{len(text) - 1968:,} characters…] " in short
    assert printable("x" * 50, longest=50) == "x" * 50
    assert printable("abc" * 17, longest=50) == "abcabcabcabc […33 characters…] abcabc"


@given(st.text())
def test_printable_is_stable_and_one_line(text: str) -> None:
    shown = printable(text)
    assert printable(shown) == shown
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown


@given(st.text(alphabet="\x1bx\n", min_size=40, max_size=400), st.integers(50, 100))
def test_printable_is_never_longer(text: str, longest: int) -> None:
    shown = printable(text, longest)
    assert len(shown) <= longest
    assert printable(shown, longest) == shown


def test_messages_of_errors_are_printable() -> None:
    assert str(AdaINError("\x1b[31m.png: there is no such file")) == (
        "\\x1b[31m.png: there is no such file"
    )
    assert len(str(AdaINError("x" * 10**6))) < 2100


def test_json_has_no_nan() -> None:
    value = {"a": [float("nan"), 1.5, (float("inf"), "NaN")], "b": {"c": -float("inf"), "d": None}}
    text = to_json(value)
    assert json.loads(text, parse_constant=pytest.fail) == {
        "a": [None, 1.5, [None, "NaN"]],
        "b": {"c": None, "d": None},
    }
    assert to_json({"a": 1}, indent=2) == '{\n  "a": 1\n}'
