"""Times of encoded pictures: when each is shown, for how long, and when it is decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, TypeAlias

# PyAV's packets, which have times when they come from an encoder.
Packet: TypeAlias = Any


class PacketTimes:
    """Times of a stream's packets, made from those of the pictures.

    Encoders reorder pictures, forget how long they last, and begin to decode some pictures before
    the first one's time. x264 takes for that the time of the pictures that are overtaken, so that a
    pause among the first ones would move all decoding back by its length; here it is a step each.

    Args:
        step: ticks from one picture to the next, as a rule.
        reorder: how many pictures may be decoded before one that is shown earlier.
    """

    def __init__(self, step: int, reorder: int) -> None:
        self._step, self._reorder = step, reorder
        self._durations: dict[int, int] = {}
        self._shown: deque[int] = deque()  # times at which no packet is decoded yet
        self._first = self._end = 0
        self._count = 0  # of packets
        self._last: int | None = None  # time of decoding

    def show(self, time: int, duration: int) -> None:
        """Take the next picture's time and duration; 0 if that is unknown."""
        if not self._shown and not self._count:
            self._first = time
        self._shown.append(time)
        self._durations[time] = duration
        self._end = time + duration

    def stamp(self, packet: Packet) -> None:
        """Set a packet's duration and its time of decoding; packets come in the order of that."""
        packet.duration = self._durations.pop(packet.pts) or packet.duration
        early = self._reorder - self._count
        packet.dts = self._first - early * self._step if early > 0 else self._shown.popleft()
        self._last = packet.dts
        self._count += 1

    def stamp_last(self, packets: Sequence[Packet]) -> None:
        """Set the times of a movie's last packets.

        MP4 stores the time from one decoding to the next, and readers take the sum of these times
        for the length and for the frame rate. Here the sum is the time from the first picture to
        the end of the last one.
        """
        before = self._last
        for packet in packets:
            self.stamp(packet)
        if not packets:
            return
        last, delay = packets[-1], self._reorder * self._step
        # No sample may last beyond the end of the pictures, and the last picture's up to there: a
        # pause before the last ones counts before the last one's decoding.
        if last.pts + last.duration == self._end or last.dts < last.pts - delay:
            last.dts = last.pts - delay
        limit = end = self._end - delay
        for packet in reversed(packets):
            packet.dts = limit = min(packet.dts, limit - 1)
        for packet in packets:
            packet.dts = packet.dts if before is None else max(packet.dts, before + 1)
            before = packet.dts
        last.duration = max(1, end - last.dts)
