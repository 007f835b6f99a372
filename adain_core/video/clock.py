"""Times of a video: the part to read, its clock, where its pictures come and when it should end."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av

from ..errors import OptionError

# Matroska tells how long a stream is in a tag; mkvmerge adds a language to its name.
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
        OptionError: start below 0, end not after start, or fps not above 0.
    """

    start: float = 0.0
    end: float | None = None
    fps: float | Fraction | None = None
    file_clock: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.start < math.inf and (self.end is None or self.start < self.end)):
            raise OptionError(
                "start",
                f"must be 0 or more seconds and before the end, got {self.start} and {self.end}",
            )
        if self.fps is not None and not 0 < self.fps < math.inf:
            raise OptionError("fps", f"must be above 0, such as 24 or 24000/1001, got {self.fps}")


WHOLE = Part()


class Clock:
    """A video's clock, at 0 where the part that is read begins.

    A recording's own clock may have run before it: times count from the first picture or sound.

    Args:
        pictures: stream of the pictures.
        sounds: streams of the sound that is read.
        part: of the video.

    Attributes:
        time_base: seconds per tick.
        rate: frames per second, as a rule.
        skipped: ticks from the start of the video to the start of the part.
        length: ticks of the part; ``None``: up to the end.
    """

    def __init__(
        self, pictures: av.VideoStream, sounds: Sequence[av.AudioStream], part: Part
    ) -> None:
        self.time_base = pictures.time_base or Fraction(1, 90000)
        self.rate = pictures.average_rate or pictures.guessed_rate or Fraction(25)
        starts = [
            stream.start_time * stream.time_base
            for stream in (pictures, *sounds)
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
        """Ticks from one frame to the next, as a rule."""
        return max(1, round(1 / (self.rate * self.time_base)))

    def seconds(self, ticks: int) -> float:
        """Return seconds."""
        return float(ticks * self.time_base)

    def since_begin(self, pts: int) -> int:
        """Return the time of a picture, ticks from the start of the part."""
        return pts - self._begin

    def begin(self, time_base: Fraction | None) -> int:
        """Return the start of the part in ticks of another clock that begins with the file's."""
        return round(self._begin * self.time_base / time_base) if time_base else 0

    def is_before(self, time: float | Fraction) -> bool:
        """Return whether a time in ticks comes before the part."""
        return time < 0 < self.skipped

    def is_after(self, time: float | Fraction) -> bool:
        """Return whether a time in ticks comes after the part."""
        return self.length is not None and time >= self.length

    def count(self, frames: int) -> int | None:
        """Return how many frames the part has, as a rule.

        Args:
            frames: of the whole video; 0 if unknown.

        Returns:
            ``None`` if unknown.
        """
        counts = []
        if frames:
            counts.append(max(0, frames - round(self.skipped * self.time_base * self.rate)))
        if self.length is not None:
            counts.append(round(self.length * self.time_base * self.rate))
        return min(counts, default=0) or None

    def chapters(self, chapters: Iterable[Any]) -> Iterator[Any]:
        """Yield the chapters of the part, with their times in it."""
        for chapter in chapters:
            clock = chapter["time_base"]
            start, end = (max(0, chapter[key] - self.begin(clock)) for key in ("start", "end"))
            if self.length is not None:
                end = min(end, round(self.length * self.time_base / clock))
            if start < end:
                yield {**chapter, "start": start, "end": end}


class PictureTimes:
    """Times of the pictures of a video, each after the one before.

    Args:
        clock: of the video.

    Attributes:
        first: ticks, of the first picture; ``None`` before it.
        last: ticks, of the last picture so far.
        count: of the pictures so far.
    """

    def __init__(self, clock: Clock) -> None:
        self.first: int | None = None
        self.last, self.count = 0, 0
        self._clock = clock

    def add(self, pts: int | None) -> int:
        """Return the time of the next picture in ticks; it may have none, or one back in time."""
        time = None if pts is None else self._clock.since_begin(pts)
        if time is None or (self.first is not None and time <= self.last):
            # Encoders take neither.
            step = self._clock.step if time is None else 1
            time = -self._clock.skipped if self.first is None else self.last + step
        if self.first is None:
            self.first = time
        self.last, self.count = time, self.count + 1
        return time

    @property
    def seconds(self) -> float:
        """From the first picture to the last one so far."""
        return 0.0 if self.first is None else self._clock.seconds(self.last - self.first)


def file_start(container: Any) -> float:
    """Return where a file's lengths count from, seconds."""
    if "matroska" in container.format.name:
        return 0  # whenever its first packet comes
    return float(container.start_time or 0) / av.time_base


def announced_end(container: Any, streams: Sequence[av.stream.Stream], alone: bool) -> float | None:
    """Return when the last of some streams should end, by the file's head.

    Args:
        container: the opened file.
        streams: of it.
        alone: whether it has no other streams: subtitles often outlast the pictures, and then the
            end of the file is not that of these streams.

    Returns:
        Seconds, ``None`` if the file does not tell.
    """
    length = container.duration
    whole = file_start(container) + length / av.time_base if length and length > 0 else None
    ends = [end for stream in streams if (end := _stream_end(container, stream)) is not None]
    if not ends:
        return whole if alone else None
    # Tags may have outlived a cut of the file.
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
