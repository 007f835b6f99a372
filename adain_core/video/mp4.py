"""What MP4 and QuickTime files need besides other containers."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

# PyAV's packets, which have times when they come from an encoder.
Packet: TypeAlias = Any


def is_movie(path: Path) -> bool:
    """Return whether a file is of this kind, by its suffix."""
    return path.suffix.lower() in (".mp4", ".m4v", ".mov")


def movie_options(time_base: Fraction) -> dict[str, str]:
    """Return the container's options for pictures with times in units of ``time_base``.

    Fragments outlive a crash; the file becomes an ordinary one in the end. They begin at keyframes:
    FFmpeg takes the movie's end from the last fragment, and pictures are not reordered across them.
    The movie's own clock, 1/1000 s by default, must not round the time of the first frame.
    """
    return {
        "movflags": "hybrid_fragmented+delay_moov+frag_keyframe",
        "min_frag_duration": "1000000",  # 1 s
        "movie_timescale": str(time_base.denominator),
    }


class DecodingTimes:
    """When a movie's pictures are decoded.

    MP4 stores the time from one decoding to the next, and readers take the sum of these times for
    the length and for the frame rate. Encoders that reorder pictures begin to decode some pictures
    before the first one's time, and end as many before the last one's. Here the sum is the time
    from the first picture to the end of the last one.

    Args:
        step: ticks from one picture to the next, as a rule.
    """

    def __init__(self, step: int) -> None:
        self._step = step
        self._first: int | None = None  # picture's time
        self._early: list[Packet] | None = []  # what is decoded before it, until that is all
        self._delay = 0
        self._last: int | None = None  # time of decoding

    def add(self, packets: Iterable[Packet]) -> list[Packet]:
        """Take an encoder's packets; return those whose times are known by now."""
        ready: list[Packet] = []
        for packet in packets:
            if self._first is None:
                self._first = packet.pts
            if self._early is not None:
                if packet.dts < self._first:
                    self._early.append(packet)
                    continue
                ready += self._lead_in()
            ready.append(packet)
        if ready:
            self._last = ready[-1].dts
        return ready

    def finish(self, packets: Iterable[Packet], end: int) -> list[Packet]:
        """Take an encoder's last packets; return what is left.

        Args:
            packets: of the encoder.
            end: of the last picture, ticks.
        """
        before = self._last
        ready = [*self.add(packets), *self._lead_in()]
        if not ready:
            return []
        last = ready[-1]
        at_best = last.pts - self._delay
        # No sample may last beyond the end of the pictures, and the last picture's up to there: a
        # pause before the last ones counts before the last one's decoding.
        if last.pts + last.duration == end or last.dts < at_best:
            last.dts = at_best
        end -= self._delay
        limit = end
        for packet in reversed(ready):
            packet.dts = limit = min(packet.dts, limit - 1)
        for packet in ready:
            packet.dts = packet.dts if before is None else max(packet.dts, before + 1)
            before = packet.dts
        last.duration = max(1, end - last.dts)
        return ready

    def _lead_in(self) -> list[Packet]:
        """Return what is decoded before the first picture's time, by a step each.

        Encoders take the time of the pictures that overtake, and a pause among the first ones would
        move all decoding back by its length.
        """
        early, self._early = self._early or [], None
        if early and self._first is not None:
            self._delay = min(self._first - early[0].dts, len(early) * self._step)
            for place, packet in enumerate(early):
                packet.dts = self._first - (len(early) - place) * self._delay // len(early)
        return early
