"""GIF: times in hundredths of a second, and 256 colors per frame."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.filter
from torch import Tensor

CLOCK = Fraction(1, 100)
_GRAPHIC_CONTROL = b"!\xf9\x04"
_SHORTEST = 2  # browsers show a frame with a delay of 1 for 10 ticks


class FrameDropper:
    """Drops frames that come too soon after another one, unless they are shown for long.

    In a screen recording, the last frame before a pause can be such a frame.
    """

    def __init__(self) -> None:
        self._dropped, self._end = 0, 0
        self._last: int | None = None
        self._early: Tensor | None = None

    @property
    def last_delay(self) -> int:
        """Duration of the last frame, in ticks of ``CLOCK``."""
        return max(_SHORTEST, self._end - (self._last or 0))

    def add(self, pixels: Tensor, time: int, end: int) -> Iterator[tuple[Tensor, int]]:
        """Yield the frames to show now, with their times.

        Args:
            pixels: pixels of a frame.
            time: its time, in ticks of ``CLOCK``.
            end: its end, likewise.
        """
        self._end = end
        if self._early is not None and self._last is not None:
            if time >= self._last + 2 * _SHORTEST:
                yield from self.flush()
            else:
                self._early = None
                self._dropped += 1
        if self._last is None or time >= self._last + _SHORTEST:
            self._last = time
            yield pixels, time
        else:
            self._early = pixels

    def flush(self) -> Iterator[tuple[Tensor, int]]:
        """Yield a delayed frame, at the earliest time at which it may be shown."""
        if self._early is not None and self._last is not None:
            pixels, self._early = self._early, None
            self._last += _SHORTEST
            yield pixels, self._last

    def notes(self, path: Path) -> list[str]:
        """Return a sentence if frames were left out."""
        if not self._dropped:
            return []
        return [
            f"{path}: a GIF shows at most {CLOCK.denominator // _SHORTEST} frames a second; "
            f"{self._dropped} frame(s) are left out"
        ]


class Palette:
    """Reduces each frame to 256 colors of its own, so that no frame waits for others."""

    def __init__(self, width: int, height: int) -> None:
        self._graph = av.filter.Graph()
        source = self._graph.add_buffer(
            width=width, height=height, format=av.VideoFormat("rgb24"), time_base=CLOCK
        )
        split = self._graph.add("split")
        choose = self._graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
        use = self._graph.add("paletteuse", "new=1:dither=sierra2_4a")
        sink = self._graph.add("buffersink")
        source.link_to(split)
        split.link_to(use, 0, 0)
        split.link_to(choose, 1, 0)
        choose.link_to(use, 0, 1)
        use.link_to(sink)
        self._graph.configure()

    def apply(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return a frame with a palette."""
        self._graph.vpush(frame)
        return self._graph.vpull()


def write_last_delay(path: Path, delay: int) -> None:
    """Set the duration of the last frame in a finished file.

    FFmpeg writes that of the previous frame.

    Args:
        path: the file.
        delay: duration in ticks of ``CLOCK``.
    """
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        place = content.rfind(_GRAPHIC_CONTROL)
        while place >= 0 and not _is_last_frame(content, place):
            place = content.rfind(_GRAPHIC_CONTROL, 0, place)  # these bytes were pixels
        if place >= 0:
            content[place + 4 : place + 6] = min(delay, 0xFFFF).to_bytes(2, "little")


def _is_last_frame(content: mmap.mmap, place: int) -> bool:
    """Return whether a graphic control block is followed by one frame and the end of the file."""
    place += 8  # past the block with the delay
    if content[place : place + 1] != b",":
        return False
    flags = content[place + 9]
    place += 10 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0) + 1  # palette, code size
    while place < len(content) and content[place]:
        place += content[place] + 1
    return content[place:] == b"\0;"
