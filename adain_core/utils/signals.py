"""Requests to stop: Ctrl-C, ``docker stop``, a closed terminal, all the same to the library."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

# Ctrl-C; kill, docker stop, systemd; a terminal that goes; Ctrl-Break and a console's close button.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
STOP_SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))

Handler = Callable[[int, FrameType | None], None]


@contextlib.contextmanager
def handle_stop_signals(handler: Handler) -> Iterator[None]:
    """Call a handler for every request to stop while the context is open.

    A signal that the process ignores stays ignored, as ``nohup`` wants it. Outside the main thread,
    which alone may set handlers, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: previous
        for number in STOP_SIGNALS
        # None: set by a program around Python, which could not be restored.
        if (previous := signal.getsignal(number)) not in (signal.SIG_IGN, None)
    }
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


@contextlib.contextmanager
def interrupt_on_stop_signals() -> Iterator[list[int]]:
    """Raise ``KeyboardInterrupt`` at every request to stop, so that it is cleaned up after.

    A second Ctrl-C interrupts the cleaning up. A second request of another kind does not: a
    terminal that closes sends its own, and the shell in it sends one, too.

    Yields:
        The numbers of the signals that came.
    """
    received: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if len(received) == 1 or number == signal.SIGINT:
            raise KeyboardInterrupt

    with handle_stop_signals(interrupt):
        yield received


@contextlib.contextmanager
def flag_stop_signals() -> Iterator[Callable[[], bool]]:
    """Turn the first request to stop into a flag, so that a step of the work is not cut in two.

    A second Ctrl-C interrupts.

    Yields:
        A function that returns whether a stop was requested.
    """
    received: list[int] = []

    def flag(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1 and number == signal.SIGINT:
            raise KeyboardInterrupt

    with handle_stop_signals(flag):
        yield lambda: bool(received)
