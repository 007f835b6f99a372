"""Times of a video: the part to read, its clock, the times of its frames, and its announced end."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real
from typing import Any

import av

from ..errors import OptionError, require_kind

# Matroska stores the duration of a stream in a tag; mkvmerge appends a language to its name.
_LENGTH_TAGS = ("DURATION", "DURATION-eng")
_LENGTH = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


@dataclass(frozen=True)
class Part:
    """The part of a video to process; by default all of it.

    Keyframes, masks and frame numbers still refer to the whole video.

    Attributes:
        start: seconds since the start of the video, its first frame or audio.
        end: likewise, exclusive; ``None``: the end of the video.
        fps: frames per second of numbered images, such as ``24`` or ``Fraction(24000, 1001)``;
            ``None``: 25. Not for videos, which have timestamps.
        file_clock: whether start and end are timestamps of the file, which need not begin at 0,
            truncated to its time base.

    Raises:
        TypeError: values other than numbers.
        OptionError: start below 0, end not after start, or fps not above 0.
    """

    start: float = 0.0
    end: float | None = None
    fps: float | Fraction | None = None
    file_clock: bool = False

    def __post_init__(self) -> None:
        require_kind("start", self.start, Real, "a number of seconds")
        require_kind("end", self.end, Real | None, "a number of seconds")
        require_kind("fps", self.fps, Real | None, "a number or a Fraction")
        if not (0 <= self.start < math.inf and (self.end is None or self.start < self.end)):
            raise OptionError(
                "start",
                f"must be 0 or more seconds and before the end, got {self.start} and {self.end}",
            )
        if self.fps is not None and not 0 < self.fps < math.inf:
            raise OptionError("fps", f"must be above 0, such as 24 or 24000/1001, got {self.fps}")


WHOLE = Part()


class Clock:
    """The clock of a video, 0 at the start of the part.

    The timestamps of a file need not begin at 0: the video starts at its first frame or audio.

    Args:
        video: the video stream.
        audio: the audio streams.
        part: the part of the video.

    Attributes:
        time_base: seconds per tick.
        rate: average frames per second.
        skipped: ticks from the start of the video to the start of the part.
        length: ticks of the part; ``None``: up to the end.
    """

    def __init__(self, video: av.VideoStream, audio: Sequence[av.AudioStream], part: Part) -> None:
        self.time_base = video.time_base or Fraction(1, 90000)
        self.rate = video.average_rate or video.guessed_rate or Fraction(25)
        starts = [
            stream.start_time * stream.time_base
            for stream in (video, *audio)
            if stream.start_time is not None and stream.time_base
        ]
        zero = math.floor(min(starts, default=0) / self.time_base)
        if part.file_clock:
            begin, end = (
                None if time is None else math.floor(time / self.time_base) - zero
                for time in (part.start, part.end)
            )
            begin = max(0, begin or 0)
        else:
            begin = round(part.start / self.time_base)
            end = None if part.end is None else round(part.end / self.time_base)
        self.skipped, self.length = begin, None if end is None else end - begin
        self._begin = zero + begin

    @property
    def step(self) -> int:
        """Average number of ticks from one frame to the next."""
        return max(1, round(1 / (self.rate * self.time_base)))

    def seconds(self, ticks: int) -> float:
        """Return seconds."""
        return float(ticks * self.time_base)

    def since_begin(self, pts: int) -> int:
        """Return the time of a frame, ticks from the start of the part."""
        return pts - self._begin

    def begin(self, time_base: Fraction | None) -> int:
        """Return the start of the part in ticks of another time base."""
        return round(self._begin * self.time_base / time_base) if time_base else 0

    def is_before(self, time: float | Fraction) -> bool:
        """Return whether a time in ticks comes before the part."""
        return time < 0 < self.skipped

    def is_after(self, time: float | Fraction) -> bool:
        """Return whether a time in ticks comes after the part."""
        return self.length is not None and time >= self.length

    def count(self, frames: int) -> int | None:
        """Return the expected number of frames in the part.

        Args:
            frames: number of frames in the whole video; 0 if unknown.

        Returns:
            The number, or ``None`` if unknown.
        """
        counts = []
        if frames:
            counts.append(max(0, frames - round(self.skipped * self.time_base * self.rate)))
        if self.length is not None:
            counts.append(round(self.length * self.time_base * self.rate))
        return min(counts, default=0) or None

    def chapters(self, chapters: Iterable[Any]) -> Iterator[Any]:
        """Yield the chapters of the part, with times relative to its start."""
        for chapter in chapters:
            clock = chapter["time_base"]
            start, end = (max(0, chapter[key] - self.begin(clock)) for key in ("start", "end"))
            if self.length is not None:
                end = min(end, round(self.length * self.time_base / clock))
            if start < end:
                yield {**chapter, "start": start, "end": end}


class FrameTimes:
    """Strictly increasing times of the frames of a video.

    Args:
        clock: clock of the video.

    Attributes:
        first: time of the first frame in ticks; ``None`` before it.
        last: time of the last frame so far, in ticks.
        count: number of frames so far.
    """

    def __init__(self, clock: Clock) -> None:
        self.first: int | None = None
        self.last, self.count = 0, 0
        self._clock = clock

    def add(self, pts: int | None) -> int:
        """Return the time of the next frame in ticks.

        Args:
            pts: its timestamp, which may be missing or not increase.
        """
        time = None if pts is None else self._clock.since_begin(pts)
        if time is None or (self.first is not None and time <= self.last):
            # Encoders accept neither.
            step = self._clock.step if time is None else 1
            time = -self._clock.skipped if self.first is None else self.last + step
        if self.first is None:
            self.first = time
        self.last, self.count = time, self.count + 1
        return time

    @property
    def seconds(self) -> float:
        """Seconds from the first frame to the last one so far."""
        return 0.0 if self.first is None else self._clock.seconds(self.last - self.first)


def file_start(container: Any) -> float:
    """Return the time in seconds from which a file counts its durations."""
    if "matroska" in container.format.name:
        return 0  # whenever its first packet begins
    return float(container.start_time or 0) / av.time_base


def announced_end(container: Any, streams: Sequence[av.stream.Stream], alone: bool) -> float | None:
    """Return when the last of some streams should end according to the file's header.

    Args:
        container: the opened file.
        streams: some of its streams.
        alone: whether it has no other streams. Subtitles, for example, often outlast the frames;
            then the end of the file is not that of these streams.

    Returns:
        Seconds, or ``None`` if unknown.
    """
    length = container.duration
    whole = file_start(container) + length / av.time_base if length and length > 0 else None
    ends = [end for stream in streams if (end := _stream_end(container, stream)) is not None]
    if not ends:
        return whole if alone else None
    # Tags may be left over from before the file was cut.
    return max(ends) if whole is None else min(max(ends), whole)


def _stream_end(container: Any, stream: av.stream.Stream) -> float | None:
    if stream.duration and stream.time_base:
        start = file_start(container)
        if stream.start_time is not None:
            start = float(stream.start_time * stream.time_base)
        return start + float(stream.duration * stream.time_base)
    text = next((stream.metadata[tag] for tag in _LENGTH_TAGS if tag in stream.metadata), "")
    match = _LENGTH.match(text)
    if match is None:
        return None
    hours, minutes, seconds = map(float, match.groups())
    return 3600 * hours + 60 * minutes + seconds or None  # 0 until the file is finished
