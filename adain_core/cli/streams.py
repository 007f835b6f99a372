"""Writing to standard streams, which may be closed."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import ImageFileWarning
from ..utils.text import printable, to_json


def open_streams() -> None:
    """Replace closed standard streams, and make all of them accept any character.

    Services and ``pythonw`` start without streams. The next file to be opened would get the number
    of a standard stream, and receive whatever a library prints.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or stream.closed:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            # A character that the console cannot show must not cause a failure.
            stream.reconfigure(errors="backslashreplace")


def print_line(text: object) -> None:
    """Write one line to stdout, with unprintable characters escaped."""
    print(printable(text))


def print_json(value: Any) -> None:
    """Write one JSON document to stdout."""
    print(to_json(value, indent=2))


def print_error(message: object) -> None:
    """Write an error to stderr as one line, above any progress bar."""
    _print_message(f"adain: error: {printable(message)}")


def print_note(message: object) -> None:
    """Write a note to stderr as one line."""
    _print_message(f"adain: note: {printable(message)}")


@contextlib.contextmanager
def notes_for_warnings() -> Iterator[None]:
    """Print the library's warnings about image files as notes, once each."""
    shown: set[str] = set()
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            if not issubclass(category, ImageFileWarning):
                others(message, category, *rest)
            elif str(message) not in shown:
                shown.add(str(message))
                print_note(message)

        warnings.simplefilter("always", ImageFileWarning)
        warnings.showwarning = show  # type: ignore[assignment]
        yield


def _print_message(line: str) -> None:
    from tqdm import tqdm

    with contextlib.suppress(OSError):  # a closed stream must not stop the work
        tqdm.write(line, file=sys.stderr)
