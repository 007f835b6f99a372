"""Times of encoded frames: presentation, duration, and decoding."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, TypeAlias

# PyAV's packets, which have times when they come from an encoder.
Packet: TypeAlias = Any


class PacketTimes:
    """Computes the times of a stream's packets from those of the frames.

    Encoders reorder frames, lose their durations, and need decoding times before the first frame.
    x264 derives these from the times of reordered frames, so that a pause among the first frames
    would delay all decoding by its length; here they are a step apart.

    Args:
        step: average number of ticks from one frame to the next.
        reorder: largest number of frames decoded before one that is shown earlier.
    """

    def __init__(self, step: int, reorder: int) -> None:
        self._step, self._reorder = step, reorder
        self._durations: dict[int, int] = {}
        self._shown: deque[int] = deque()  # times at which no packet is decoded yet
        self._first = self._end = 0
        self._count = 0  # of packets
        self._last: int | None = None  # time of decoding

    def show(self, time: int, duration: int) -> None:
        """Add time and duration of the next frame; a duration of 0 is unknown."""
        if not self._shown and not self._count:
            self._first = time
        self._shown.append(time)
        self._durations[time] = duration
        self._end = time + duration

    def stamp(self, packet: Packet) -> None:
        """Set duration and decoding time of the next packet in decoding order."""
        packet.duration = self._durations.pop(packet.pts) or packet.duration
        early = self._reorder - self._count
        packet.dts = self._first - early * self._step if early > 0 else self._shown.popleft()
        self._last = packet.dts
        self._count += 1

    def stamp_last(self, packets: Sequence[Packet]) -> None:
        """Set the times of the last packets of an MP4 file.

        MP4 stores the differences of decoding times, and readers use their sum for the duration
        and the frame rate. Here the sum is the time from the first frame to the end of the last.
        """
        before = self._last
        for packet in packets:
            self.stamp(packet)
        if not packets:
            return
        last, delay = packets[-1], self._reorder * self._step
        # No sample may last beyond the end of the frames, and the last one lasts until then: a
        # pause before the last frames counts before the decoding of the last one.
        if last.pts + last.duration == self._end or last.dts < last.pts - delay:
            last.dts = last.pts - delay
        limit = end = self._end - delay
        for packet in reversed(packets):
            packet.dts = limit = min(packet.dts, limit - 1)
        for packet in packets:
            packet.dts = packet.dts if before is None else max(packet.dts, before + 1)
            before = packet.dts
        last.duration = max(1, end - last.dts)
