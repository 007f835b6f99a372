"""Work that threads do behind the caller's, with results in the order of the work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")

_THREADS, _WAITING = 2, 4
# Of the pictures that wait: large ones are written one by one.
_BYTES = 2**28


class Behind(Generic[T]):
    """A few threads, and a short queue before them, bounded in number and in memory."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, "adain-write")
        self._waiting: deque[tuple[Future[T], int]] = deque()

    def add(self, work: Callable[[], T], size: int = 0) -> list[T]:
        """Have work done; wait where too much is to be done already.

        Args:
            work: to do.
            size: bytes that it holds until then.

        Returns:
            Results that there are by now and that were not returned before.
        """
        done: list[T] = []
        while self._waiting and (self._waiting[0][0].done() or not self._has_room(size)):
            done.append(self._waiting.popleft()[0].result())
        self._waiting.append((self._pool.submit(work), size))
        return done

    def finish(self) -> list[T]:
        """Wait for all work; return the results that were not returned before."""
        self._pool.shutdown()
        done = [future.result() for future, _ in self._waiting]
        self._waiting.clear()
        return done

    def _has_room(self, size: int) -> bool:
        held = sum(each for _, each in self._waiting)
        return len(self._waiting) < _WAITING and held + size <= _BYTES
