"""Standard streams that a program may be started without, and lines written to them."""

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
from ..text import printable, to_json


def open_streams() -> None:
    """Replace standard streams that are closed, and let none fail at a letter.

    Services and ``pythonw`` start without them. A file that is opened then gets the number of a
    standard stream, and what a library prints goes into the file.
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
            # A name that the console's code page lacks must not fail what was done.
            stream.reconfigure(errors="backslashreplace")


def print_line(text: object) -> None:
    """Write one line to stdout; what files say of themselves is made printable."""
    print(printable(text))


def print_json(value: Any) -> None:
    """Write one JSON document to stdout."""
    print(to_json(value, indent=2))


def print_error(message: object) -> None:
    """Write one line to stderr about what failed, above a progress bar where there is one."""
    _print_message(f"adain: error: {printable(message)}")


def print_note(message: object) -> None:
    """Write one line to stderr about what went through all the same."""
    _print_message(f"adain: note: {printable(message)}")


@contextlib.contextmanager
def notes_for_warnings() -> Iterator[None]:
    """Print the library's warnings about image files as notes, each once."""
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

    with contextlib.suppress(OSError):  # nobody listens any more: the work is worth more
        tqdm.write(line, file=sys.stderr)
