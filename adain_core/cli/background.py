"""Work in background threads, with results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")

_THREADS, _WAITING = 2, 4
# Bytes held by waiting work; large images are written one by one.
_BYTES = 2**28


class Background(Generic[T]):
    """A few threads with a short queue, bounded in number and in memory."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, "adain-write")
        self._waiting: deque[tuple[Future[T], int]] = deque()

    def add(self, work: Callable[[], T], size: int = 0) -> list[T]:
        """Queue work; wait if the queue is full.

        Args:
            work: the work.
            size: bytes that it holds until it is done.

        Returns:
            New results, in order.
        """
        done: list[T] = []
        while self._waiting and (self._waiting[0][0].done() or not self._has_room(size)):
            done.append(self._waiting.popleft()[0].result())
        self._waiting.append((self._pool.submit(work), size))
        return done

    def finish(self) -> list[T]:
        """Wait for all work and return the remaining results."""
        self._pool.shutdown()
        done = [future.result() for future, _ in self._waiting]
        self._waiting.clear()
        return done

    def _has_room(self, size: int) -> bool:
        held = sum(each for _, each in self._waiting)
        return len(self._waiting) < _WAITING and held + size <= _BYTES
