"""What GIFs need: times in hundredths of a second, and 256 colors for each frame."""

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
_SHORTEST = 2  # browsers show a frame of one hundredth of a second for ten


class FrameDropper:
    """Leaves out what comes too soon after another frame, unless it stays until long after.

    A screen recording rests on such a frame.
    """

    def __init__(self) -> None:
        self._dropped, self._end = 0, 0
        self._last: int | None = None
        self._early: Tensor | None = None

    @property
    def last_delay(self) -> int:
        """How long the last frame is shown, in ticks of ``CLOCK``."""
        return max(_SHORTEST, self._end - (self._last or 0))

    def add(self, pixels: Tensor, time: int, end: int) -> Iterator[tuple[Tensor, int]]:
        """Yield the frames to show now, with their times.

        Args:
            pixels: of a frame.
            time: of the frame, in ticks of ``CLOCK``.
            end: of the frame, likewise.
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
        """Yield a frame that came too soon, as soon as it may be shown."""
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
    """Brings each frame to 256 colors chosen for it, so that no frame has to wait for others."""

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

    def apply(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Return a frame with a palette."""
        self._graph.vpush(picture)
        return self._graph.vpull()


def write_last_delay(path: Path, delay: int) -> None:
    """Write into a finished file how long its last frame is shown.

    FFmpeg gives it the time of the frame before.

    Args:
        path: the file.
        delay: ticks of ``CLOCK``.
    """
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        place = content.rfind(_GRAPHIC_CONTROL)
        while place >= 0 and not _is_last_frame(content, place):
            place = content.rfind(_GRAPHIC_CONTROL, 0, place)  # that were pixels
        if place >= 0:
            content[place + 4 : place + 6] = min(delay, 0xFFFF).to_bytes(2, "little")


def _is_last_frame(content: mmap.mmap, place: int) -> bool:
    """Return whether one frame and the file's end follow a place."""
    place += 8  # the block that holds the delay
    if content[place : place + 1] != b",":
        return False
    flags = content[place + 9]
    place += 10 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0) + 1  # palette, code size
    while place < len(content) and content[place]:
        place += content[place] + 1
    return content[place:] == b"\0;"
