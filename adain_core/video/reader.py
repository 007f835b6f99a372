"""``VideoReader``: frames and audio of a video, in the order of the file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av

from ..errors import OptionError, VideoFileError, reason, require_kind
from .animation import needs_pillow, open_animation
from .clock import WHOLE, Clock, FrameTimes, Part, announced_end, file_start
from .color import Color, read_color
from .files import is_address
from .filters import DEINTERLACE, FilterChain
from .frame import Frame, Packet
from .inputs import open_input
from .sequence import NUMBER, first_number, pattern_in
from .shape import PixelReader

# A last packet this much before the announced end means that the file is truncated.
_MISSING_SECONDS = 0.5


class VideoReader:
    """A video file, or numbered images such as ``frames/%06d.png``; iterate over it once.

    HDR is converted to SDR, interlaced video is deinterlaced, pixels become square, and damaged
    frames and transparency are dropped. Afterwards ``notes`` describes this, one sentence each, and
    ``complete`` is False if frames are missing.

    Args:
        path: a file, a URL such as ``https://…``, or consecutively numbered images, as a pattern
            or as a folder that contains a single such sequence.
        part: the part of the video to read.
        deep: keep more than 8 bits per channel, as float32 in 0..1.

    Raises:
        OptionError: frames per second for a video.
        VideoFileError: the file is missing, not a video, or has no video stream, or numbered images
            have gaps.

    Example:
        >>> with VideoReader("clip.mp4") as reader:
        ...     for frame in reader:
        ...         print(frame.seconds, frame.pixels.shape)
    """

    def __init__(
        self, path: str | os.PathLike[str], part: Part = WHOLE, deep: bool = False
    ) -> None:
        path = _pattern_of(path)
        self.path, self.part = Path(path), part
        self.notes: list[str] = []
        self.complete = True
        self._container = _open(path, part)
        covers = [s for s in self._container.streams.video if _is_cover(s)]
        streams = [s for s in self._container.streams.video if s not in covers]
        if not streams:
            self.close()
            raise VideoFileError(f"cannot read {path}: it has no video stream")
        self._stream = streams[0]
        numbered = self._container.format.name == "image2"
        # With frame threads, a damaged image near the end would also damage the next ones.
        self._stream.thread_type = "SLICE" if numbered else "AUTO"
        if numbered and self._stream.codec_context.name == "mjpeg":
            # Otherwise the decoder invents the missing part of a truncated image.
            self._stream.codec_context.options = {"err_detect": "explode"}
        sounds = self._container.streams.audio
        # Without a decoder (Apple's spatial audio), PyAV can neither read nor copy a stream.
        self.sound_streams = [s for s in sounds if s.codec_context is not None]
        self.unknown_sound = len(sounds) - len(self.sound_streams)
        self.subtitles = len(self._container.streams.subtitles)
        # Covers and attached files have no times.
        timed = [s for s in self._container.streams if s.type != "attachment" and s not in covers]
        self._alone = len(timed) == 1 + len(self.sound_streams)
        self._clock = Clock(self._stream, self.sound_streams, part)
        self.chapters = list(self._clock.chapters(self._container.chapters()))
        self.metadata = {
            key: text for key, text in self._container.metadata.items() if key.lower() != "timecode"
        }
        self.timecode = self._timecode()
        self.color = Color()
        self._pixels = PixelReader(self._stream, self.path, self.notes, deep)
        self._deinterlace: FilterChain | None = None  # created for the first interlaced frame
        self._over = False

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    @property
    def time_base(self) -> Fraction:
        """Seconds per unit of the times of frames."""
        return self._clock.time_base

    @property
    def rate(self) -> Fraction:
        """Average frames per second."""
        return self._clock.rate

    @property
    def step(self) -> int:
        """Average time from one frame to the next in units of ``time_base``."""
        return self._clock.step

    @property
    def expected_frames(self) -> int | None:
        """Number of frames according to the file's header; ``None`` if unknown."""
        count, end = self._stream.frames, self._announced_end([self._stream])
        if not count and end is not None:
            count = round((end - file_start(self._container)) * self.rate)
        return self._clock.count(count)

    def __iter__(self) -> Iterator[Frame]:
        return (item for item in self.read() if isinstance(item, Frame))

    def read(self) -> Iterator[Frame | Packet]:
        """Yield frames and packets of audio in the order of the file."""
        times = FrameTimes(self._clock)
        last: Frame | None = None  # its duration is known when the next one comes
        damaged, read = 0, 0
        for item in self._decoded():
            if isinstance(item, av.Packet):
                yield item
                continue
            if item is None:
                damaged += 1
                continue
            for frame in item:
                pts = times.add(frame.pts)
                if times.count == 1:
                    self.color = read_color(frame)
                if self._clock.is_before(pts):
                    continue
                if last is not None:
                    yield replace(last, duration=min(pts, self._clock.length or pts) - last.pts)
                last = None
                if self._clock.is_after(pts):
                    self._over = True
                    break
                pixels, duration = self._pixels.read(frame), frame.duration or 0
                last = Frame(pixels, times.count - 1, pts, duration, times.seconds)
                read += 1
        if last is not None:
            yield replace(last, duration=self._last_duration(last))
        if times.count and not read:
            raise self._nothing_read(times)
        if damaged:
            self.complete = False
            self.notes.append(f"{self.path}: {damaged} damaged frame(s) are left out")

    def _decoded(self) -> Iterator[list[av.VideoFrame] | Packet | None]:
        """Yield packets of audio, and the frames of each video packet; ``None`` if damaged."""
        end, cut_off = 0.0, False
        # Tracks that may have more audio of the part after its last frame.
        behind = {stream.index for stream in self.sound_streams}
        packets = self._container.demux(self._stream, *self.sound_streams)
        while True:
            if self._over and not behind:
                return
            try:
                packet = next(packets, None)
            except IndexError:
                # PyAV fails if a track appears later, as in a transport stream.
                packets = self._container.demux(self._stream, *self.sound_streams)
                continue
            except (OSError, av.FFmpegError):
                packet, cut_off = None, True
            if packet is None:
                break
            if packet.pts is not None and packet.time_base is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream is self._stream:
                if not self._over:
                    yield self._decode(packet)
            elif packet.dts is not None:
                time = self._since_begin(packet)
                if self._clock.is_after(time):
                    behind.discard(packet.stream.index)
                elif not self._clock.is_before(time):
                    yield packet
        if cut_off:  # otherwise the last packet, which is empty, has flushed the decoder
            yield self._decode(None)
        if self._deinterlace is not None:
            yield self._deinterlace.flush()
        self._check_length(end, cut_off)

    def _since_begin(self, packet: Packet) -> Fraction:
        """Make a packet's times relative to the part; return its decoding time in ticks."""
        begin = self._clock.begin(packet.time_base)
        dts = (packet.dts or 0) - begin
        packet.dts = dts
        if packet.pts is not None:
            packet.pts -= begin
        return dts * packet.time_base / self.time_base

    def _decode(self, packet: Packet | None) -> list[av.VideoFrame] | None:
        try:
            frames: list[av.VideoFrame] = self._stream.decode(packet)
        except av.FFmpegError as error:
            return [] if isinstance(error, av.EOFError) else None
        if self._deinterlace is None and any(frame.interlaced_frame for frame in frames):
            self._deinterlace = FilterChain(DEINTERLACE)
            self.notes.append(f"{self.path}: interlaced frames are deinterlaced")
        if self._deinterlace is None:
            return frames
        return [done for frame in frames for done in self._deinterlace.push(frame)]

    def _announced_end(self, streams: Sequence[av.stream.Stream]) -> float | None:
        return announced_end(self._container, streams, self._alone)

    @property
    def end(self) -> int | None:
        """Announced end of the frames in units of ``time_base``; ``None`` if unknown."""
        announced = self._announced_end([self._stream])
        ends = [
            None
            if announced is None
            else self._clock.since_begin(round(announced / self.time_base)),
            self._clock.length,
        ]
        return min((end for end in ends if end is not None), default=None)

    def _last_duration(self, last: Frame) -> int:
        end = self.end
        if end is None or end <= last.pts:
            return last.duration
        rest = end - last.pts
        # In MP4 with reordered frames, the duration is that to the next packet.
        if self._stream.duration is not None and self._clock.seconds(rest) < _MISSING_SECONDS:
            return rest
        return min(last.duration, rest)

    def _check_length(self, end: float, cut_off: bool) -> None:
        announced = self._announced_end([self._stream, *self.sound_streams])
        if announced is not None and end < announced - _MISSING_SECONDS:
            cut_off = True
        if cut_off:
            self.complete = False
            start = file_start(self._container)
            of = "" if announced is None else f" of {announced - start:.1f}"
            read = max(0, end - start)
            self.notes.append(f"{self.path} is cut off: {read:.1f}{of} seconds could be read")

    def _nothing_read(self, times: FrameTimes) -> VideoFileError:
        skipped = self._clock.skipped
        start, last = map(self._clock.seconds, (skipped, skipped + times.last))
        what = "next" if self._over else "last"
        return VideoFileError(
            f"cannot read {self.path}: no frame of it is in the part from {start:.2f} s on, "
            f"its {what} one is at {last:.2f} s"
        )

    def _timecode(self) -> str | None:
        """Return the timecode of the first frame, such as ``01:00:00:00``."""
        tags = [*self._stream.metadata.items(), *self._container.metadata.items()]
        timecode = next((text for key, text in tags if key.lower() == "timecode"), None)
        if timecode is not None and self._clock.skipped:
            self.notes.append(f"{self.path}: the timecode is left out, which is that of its start")
            return None
        return timecode


def _pattern_of(path: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """Return the pattern of a folder with numbered images; a file or address is unchanged."""
    require_kind("a video", path, str | os.PathLike, "a path")
    try:
        return pattern_in(Path(path)) if not is_address(path) and Path(path).is_dir() else path
    except OSError as error:  # no permission, or a name that is too long
        raise VideoFileError(f"cannot read {path}: {reason(error)}") from None


def _open(path: str | os.PathLike[str], part: Part) -> Any:
    """Return the opened container."""
    name = Path(path)
    rate = {}
    if part.fps is not None:
        if NUMBER.search(name.name) is None:
            raise OptionError(
                "fps",
                f"applies to numbered images such as frames/%06d.png, got {part.fps} with {name}, "
                "which has its own timestamps; leave it out",
            )
        rate = {"framerate": str(Fraction(part.fps).limit_denominator(1001))}
    try:
        if not is_address(path) and needs_pillow(path):
            return open_animation(name)
        first = first_number(name)
        if first is None:
            return open_input(path)
        # FFmpeg looks for the first number only among 0 to 4, and for placeholders also in the name
        # of the folder.
        pattern = Path(str(name.parent).replace("%", "%%"), name.name)
        return open_input(pattern, {"start_number": str(first), **rate})
    except (OSError, av.FFmpegError) as error:
        why = _why_unreadable(name, error)
        raise VideoFileError(f"cannot read {path}: {why}") from None


def _is_cover(stream: av.VideoStream) -> bool:
    """Return whether a stream is the cover image of a music file, not a video."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _why_unreadable(path: Path, error: Exception) -> str:
    expected = "expected a video, or numbered images as a pattern such as frames/%06d.png"
    if isinstance(error, FileNotFoundError):
        return f"there is no such file{f'; {expected}' if set(path.name) & set('*?#[') else ''}"
    if path.is_file() and not path.stat().st_size:
        return "it is empty"
    if isinstance(error, av.InvalidDataError):
        return (
            "it is not a video that FFmpeg knows, or its index is missing (an MP4 file that was "
            "cut off has lost it)"
        )
    if isinstance(error, av.EOFError):
        return "it ends before its first frame"
    if isinstance(error, av.ArgumentError):
        return (
            "it is a playlist, or of another kind that is not read; give a video file, such as "
            ".mp4 or .mkv"
        )
    return reason(error)
