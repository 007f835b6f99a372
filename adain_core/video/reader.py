"""Videos in, through PyAV: pictures, their times, colours and sound."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import av
import numpy as np
import torch
from torch import Tensor

from ..errors import VideoFileError, reason
from .filters import DEINTERLACE, TO_SDR, FilterChain
from .formats import NUMBER

Packet: TypeAlias = "av.Packet[Any]"

# FFmpeg's AVColorSpace to swscale's matrices, for those it can compute: 709, FCC, 601 (twice),
# 240M, 2020 (twice).
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
_BT709, _BT601 = 1, 6
_LIMITED, _FULL = 1, 2
_HDR = (16, 18)  # transfer by PQ (SMPTE 2084) and HLG (ARIB STD-B67)
# Bilinear, colour interpolated at full resolution, accurate rounding.
SCALING = 2 | 0x2000 | 0x4000 | 0x40000
# A last packet this much before the end that the file announces means that it was cut off.
_MISSING_SECONDS = 0.5
# Matroska says how long a stream is in a tag; mkvmerge adds a language to its name.
_LENGTH_TAGS = ("DURATION", "DURATION-eng")
_LENGTH = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
# FFmpeg's addresses without ``://`` that are taken for such; others are names with a colon.
_PROTOCOLS = ("file:", "pipe:", "fd:", "data:", "concat:", "subfile,")


@dataclass(frozen=True)
class Color:
    """How a video's numbers stand for colours, as FFmpeg's codes.

    Args:
        matrix: AVColorSpace.
        full: luma takes 0..255, not 16..235.
        primaries: AVColorPrimaries, 2 for unknown.
        transfer: AVColorTransferCharacteristic, 2 for unknown.
    """

    matrix: int
    full: bool = False
    primaries: int = 2
    transfer: int = 2

    @property
    def range(self) -> int:
        """AVColorRange."""
        return _FULL if self.full else _LIMITED


@dataclass(frozen=True)
class Frame:
    """A picture of a video.

    Args:
        pixels: ``(1, 3, H, W)``, uint8, upright.
        number: from 0, also where the frames before the part that is read are left out.
        pts: its time from the start of the part that is read, by default of the video, its first
            picture or sound, in units of the reader's ``time_base``.
        duration: likewise; 0 if unknown. MP4 with reordered pictures does not tell it, but the
            time to the next packet; it ends with the video at the latest.
        seconds: its time from the video's first frame.
        sound: packets that come before it in the file.
    """

    pixels: Tensor
    number: int
    pts: int
    duration: int
    seconds: float
    sound: list[Packet] = field(default_factory=list)


class VideoReader:
    """A video file, or numbered pictures such as ``frames/%06d.png``; iterate once for its frames.

    HDR becomes SDR, fields become frames, what is damaged or transparent is left out; ``notes``
    says so afterwards in a sentence each, and ``complete`` is False where frames are missing.

    Args:
        path: the file, or the pattern of pictures that are numbered without a gap, from any
            number on; also an address such as ``https://…``.
        fps: frames a second of numbered pictures, such as ``24`` or ``Fraction(24000, 1001)``;
            ``None``: 25. A video has its own.
        start: seconds from the start of the video, its first picture or sound, to read from. What
            is before is decoded all the same, so that frames keep their numbers.
        end: likewise, to read up to, exclusive; ``None``: all.

    Raises:
        ValueError: fps that is not above 0, or of anything but numbered pictures; start below 0
            or end not after it.
        VideoFileError: the file is missing, no video, or has no picture stream; a number is
            missing among the pictures.

    Example:
        >>> with VideoReader("clip.mp4") as reader:
        ...     for frame in reader:
        ...         print(frame.seconds, frame.pixels.shape)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        fps: float | Fraction | None = None,
        start: float = 0.0,
        end: float | None = None,
    ) -> None:
        if not (0 <= start < math.inf and (end is None or start < end)):
            raise ValueError(
                f"expected start and end in seconds with 0 <= start < end, got {start} and {end}"
            )
        self.path = Path(path)
        rate = {} if fps is None else {"framerate": _rate(self.path, fps)}
        try:
            first = _first_number(self.path)
            # FFmpeg looks for the first number among 0 to 4 only.
            options = {} if first is None else {"start_number": str(first), **rate}
            self._container = av.open(file_url(path), options=options, metadata_errors="replace")
        except (OSError, av.FFmpegError) as error:
            why = _why_unreadable(self.path, error)
            raise VideoFileError(f"cannot read {path}: {why}") from None
        covers = [s for s in self._container.streams.video if _is_cover(s)]
        streams = [s for s in self._container.streams.video if s not in covers]
        if not streams:
            self.close()
            raise VideoFileError(f"cannot read {path}: it has no video stream")
        self._stream = streams[0]
        self._stream.thread_type = "AUTO"
        self.time_base = self._stream.time_base or Fraction(1, 90000)
        self.rate = self._stream.average_rate or self._stream.guessed_rate or Fraction(25)
        sounds = self._container.streams.audio
        # Without a decoder (Apple's spatial audio) PyAV can neither read nor copy one.
        self.sound_streams = [s for s in sounds if s.codec_context is not None]
        self.unknown_sound = len(sounds) - len(self.sound_streams)
        self.subtitles = len(self._container.streams.subtitles)
        # Covers and attached files have no times.
        timed = [s for s in self._container.streams if s.type != "attachment" and s not in covers]
        self._unread = len(timed) - 1 - len(self.sound_streams)
        # A recording's clock ran before it. All times count from the first picture or sound on,
        # or from where the part that is read begins.
        read = [self._stream, *self.sound_streams]
        starts = [
            s.start_time * s.time_base for s in read if s.start_time is not None and s.time_base
        ]
        self._skipped = round(start / self.time_base)
        self._begin = math.floor(min(starts, default=0) / self.time_base) + self._skipped
        self._length = None if end is None else round(end / self.time_base) - self._skipped
        self._over = False
        self.chapters = list(self._part_of(self._container.chapters()))
        self.metadata = {
            key: text for key, text in self._container.metadata.items() if key.lower() != "timecode"
        }
        self.timecode = self._timecode()
        self.color = Color(_BT709)
        self.aspect: Fraction | None = None
        self.notes: list[str] = []
        self.complete = True
        self._told_transparency = False
        # Once there are HDR frames, and interlaced ones.
        self._to_sdr: FilterChain | None = None
        self._deinterlace: FilterChain | None = None
        if self._skipped and self.timecode is not None:
            self.notes.append(f"{self.path}: the timecode is left out, which is that of its start")
            self.timecode = None
        # Sound after the last frame.
        self.tail: list[Packet] = []

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
    def expected_frames(self) -> int | None:
        """How many frames there should be, from the file's head; ``None`` if it does not say."""
        count, end = self._stream.frames, self._announced_end([self._stream])
        if not count and end is not None:
            count = round((end - self._start) * self.rate)
        counts = []
        if count:
            counts.append(max(0, count - round(self._skipped * self.time_base * self.rate)))
        if self._length is not None:
            counts.append(round(self._length * self.time_base * self.rate))
        return min(counts, default=0) or None

    @property
    def step(self) -> int:
        """From one frame to the next in units of ``time_base``, as a rule."""
        return max(1, round(1 / (self.rate * self.time_base)))

    def __iter__(self) -> Iterator[Frame]:
        first: int | None = None
        last_pts, number, damaged, any_read = 0, 0, 0, False
        announced = self._announced_end([self._stream])
        ends = [
            None if announced is None else round(announced / self.time_base) - self._begin,
            self._length,
        ]
        end = min((end for end in ends if end is not None), default=None)
        sound = self.tail
        for packet_frames in self._decoded(sound):
            if packet_frames is None:
                damaged += 1
                continue
            for picture in packet_frames:
                pts = None if picture.pts is None else picture.pts - self._begin
                if pts is None or (first is not None and pts <= last_pts):
                    # Without a time, or back in time: encoders take neither.
                    step = self.step if pts is None else 1
                    pts = -self._skipped if first is None else last_pts + step
                if first is None:
                    first = pts
                    self.color, self.aspect = _color(picture), self._aspect(picture)
                last_pts, number = pts, number + 1
                if pts < 0 < self._skipped:
                    continue
                if self._length is not None and pts >= self._length:
                    self._over = True
                    break
                any_read = True
                self._tell_transparency(picture)
                duration = picture.duration or 0
                if end is not None and end > pts:
                    duration = min(duration, end - pts)
                yield Frame(
                    self._to_pixels(picture),
                    number - 1,
                    pts,
                    duration,
                    float((pts - first) * self.time_base),
                    list(sound),
                )
                sound.clear()
        if first is not None and not any_read:
            start, last = (
                float(time * self.time_base) for time in (self._skipped, self._skipped + last_pts)
            )
            what = "next" if self._over else "last"
            raise VideoFileError(
                f"cannot read {self.path}: no frame of it is in the part from {start:.2f} s on, "
                f"its {what} one is at {last:.2f} s"
            )
        if damaged:
            self.complete = False
            self.notes.append(f"{self.path}: {damaged} damaged frame(s) are left out")

    def _decoded(self, sound: list[Packet]) -> Iterator[list[av.VideoFrame] | None]:
        """Frames of one packet after the other, ``None`` for a damaged one."""
        end = 0.0
        cut_off = False
        # Tracks that may have more sound for the part that is read, after its last frame.
        behind = {stream.index for stream in self.sound_streams}
        packets = self._container.demux(self._stream, *self.sound_streams)
        while True:
            if self._over and not behind:
                return
            try:
                packet = next(packets, None)
            except IndexError:
                # PyAV does not expect that a track appears later, as in a transport stream.
                packets = self._container.demux(self._stream, *self.sound_streams)
                continue
            except (OSError, av.FFmpegError):
                packet, cut_off = None, True
            if packet is None:
                break
            if packet.pts is not None and packet.time_base is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream is not self._stream:
                if packet.dts is not None:
                    before = self._before(packet.time_base)
                    packet.dts -= before
                    if packet.pts is not None:
                        packet.pts -= before
                    time = packet.dts * packet.time_base / self.time_base
                    if self._length is not None and time >= self._length:
                        behind.discard(packet.stream.index)
                    elif not time < 0 < self._skipped:
                        sound.append(packet)
            elif not self._over:
                yield self._decode(packet)
        if cut_off:  # otherwise the last packet, an empty one, has emptied the decoder
            yield self._decode(None)
        if self._deinterlace is not None:
            yield self._deinterlace.flush()
        announced = self._announced_end([self._stream, *self.sound_streams])
        if announced is not None and end < announced - _MISSING_SECONDS:
            cut_off = True
        if cut_off:
            self.complete = False
            of = "" if announced is None else f" of {announced - self._start:.1f}"
            read = max(0, end - self._start)
            self.notes.append(f"{self.path} is cut off: {read:.1f}{of} seconds could be read")

    def _part_of(self, chapters: Iterable[Any]) -> Iterator[Any]:
        """Chapters by the clock of the part that is read."""
        for chapter in chapters:
            clock = chapter["time_base"]
            start, end = (max(0, chapter[key] - self._before(clock)) for key in ("start", "end"))
            if self._length is not None:
                end = min(end, round(self._length * self.time_base / clock))
            if start < end:
                yield {**chapter, "start": start, "end": end}

    def _before(self, clock: Fraction | None) -> int:
        """The start of the part that is read by another clock."""
        return round(self._begin * self.time_base / clock) if clock else 0

    def _decode(self, packet: Packet | None) -> list[av.VideoFrame] | None:
        try:
            pictures = self._stream.decode(packet)
        except av.FFmpegError as error:
            return [] if isinstance(error, av.EOFError) else None
        if self._deinterlace is None and any(picture.interlaced_frame for picture in pictures):
            self._deinterlace = FilterChain(DEINTERLACE)
            self.notes.append(f"{self.path}: interlaced pictures are deinterlaced")
        if self._deinterlace is None:
            return pictures
        return [done for picture in pictures for done in self._deinterlace.push(picture)]

    @property
    def _start(self) -> float:
        """Seconds; Matroska's lengths count from 0, whenever its first packet comes."""
        if "matroska" in self._container.format.name:
            return 0
        return (self._container.start_time or 0) / av.time_base

    def _announced_end(self, streams: Sequence[av.stream.Stream]) -> float | None:
        """When the last of these streams should end, seconds, from the file's head.

        ``None`` if it does not say: the end of the whole file may be that of a stream that is not
        read, since subtitles often outlast the pictures.
        """
        length = self._container.duration
        whole = self._start + length / av.time_base if length and length > 0 else None
        ends = [end for end in map(self._stream_end, streams) if end is not None]
        if not ends:
            return None if self._unread else whole
        # Tags may have outlived a cut of the file.
        return max(ends) if whole is None else min(max(ends), whole)

    def _stream_end(self, stream: av.stream.Stream) -> float | None:
        if stream.duration and stream.time_base:
            start = self._start
            if stream.start_time is not None:
                start = float(stream.start_time * stream.time_base)
            return start + float(stream.duration * stream.time_base)
        text = next((stream.metadata[tag] for tag in _LENGTH_TAGS if tag in stream.metadata), "")
        match = _LENGTH.match(text)
        if match is None:
            return None
        hours, minutes, seconds = map(float, match.groups())
        return 3600 * hours + 60 * minutes + seconds or None  # 0 until the file is finished

    def _to_pixels(self, picture: av.VideoFrame) -> Tensor:
        """``(1, 3, H, W)``, uint8, upright."""
        if picture.color_trc not in _HDR:
            rgb = _to_rgb(picture)
        else:
            if self._to_sdr is None:
                self._to_sdr = FilterChain(TO_SDR)
                self.notes.append(f"{self.path}: HDR (PQ or HLG) is converted to SDR")
            [rgb] = self._to_sdr.push(picture)
        array = np.ascontiguousarray(_upright(rgb.to_ndarray(), picture))
        return torch.from_numpy(array).permute(2, 0, 1)[None]

    def _tell_transparency(self, picture: av.VideoFrame) -> None:
        """Once, at the first frame that has some; most files with an alpha channel are opaque."""
        if not self._told_transparency and self._is_transparent(picture):
            self.notes.append(f"{self.path}: transparency is left out")
            self._told_transparency = True

    def _is_transparent(self, picture: av.VideoFrame) -> bool:
        if self._stream.metadata.get("alpha_mode") == "1":
            return True  # WebM keeps it beside the frames, where FFmpeg's own decoder does not look
        kind = picture.format
        if not (kind.has_palette or any(component.is_alpha for component in kind.components)):
            return False
        return bool(picture.reformat(format="rgba").to_ndarray()[..., 3].min() < 255)

    def _timecode(self) -> str | None:
        """Of the first frame, as editors count, such as ``01:00:00:00``; ``;`` drops numbers."""
        tags = [*self._stream.metadata.items(), *self._container.metadata.items()]
        return next((text for key, text in tags if key.lower() == "timecode"), None)

    def _aspect(self, picture: av.VideoFrame) -> Fraction | None:
        aspect = self._stream.sample_aspect_ratio
        return 1 / aspect if aspect and picture.rotation % 180 else aspect


def file_url(path: str | os.PathLike[str]) -> str:
    """A file's name for FFmpeg, which would take ``12:30.mp4`` for a protocol named 12.

    An address stays what it is; a ``Path`` is none.
    """
    if isinstance(path, str) and ("://" in path or path.startswith(_PROTOCOLS)):
        return path
    return f"file:{os.fspath(path)}"


def _rate(pattern: Path, fps: float | Fraction) -> str:
    if not 0 < fps < float("inf"):
        raise ValueError(f"fps must be above 0, such as 24 or 24000/1001, got {fps}")
    if NUMBER.search(pattern.name) is None:
        raise ValueError(
            f"fps is for numbered pictures, such as frames/%06d.png, got fps={fps} with {pattern}, "
            "which has times of its own; leave it out"
        )
    return str(Fraction(fps).limit_denominator(1001))


def _first_number(pattern: Path) -> int | None:
    """Lowest number of the pictures that a pattern such as ``%06d.png`` stands for, if any.

    Raises:
        VideoFileError: a number is missing between two others: FFmpeg would end there silently.
    """
    place = NUMBER.search(pattern.name)
    if place is None or pattern.is_file() or not pattern.parent.is_dir():
        return None
    digits = int(place[0][1:-1] or 0)
    head, tail = (
        re.escape(os.path.normcase(part))
        for part in (pattern.name[: place.start()], pattern.name[place.end() :])
    )
    names = re.compile(rf"{head}(\d+){tail}")
    found = (names.fullmatch(os.path.normcase(file.name)) for file in pattern.parent.iterdir())
    texts = {match[1] for match in found if match}
    # %03d stands for 007 and 1007, not for 7.
    numbers = sorted(int(text) for text in texts if text == f"{int(text):0{digits}d}")
    gap = next((one + 1 for one, other in pairwise(numbers) if other > one + 1), None)
    if gap is not None:
        missing = numbers[-1] - numbers[0] + 1 - len(numbers)
        which = f"frame {gap} is" if missing == 1 else f"frame {gap} and {missing - 1} more are"
        raise VideoFileError(
            f"cannot read {pattern}: expected pictures numbered without a gap, got "
            f"{numbers[0]} to {numbers[-1]}, of which {which} missing; add them or number the "
            "pictures anew"
        )
    return numbers[0] if numbers else None


def _is_cover(stream: av.VideoStream) -> bool:
    """A picture beside the sound of a music file, not a video."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _color(picture: av.VideoFrame) -> Color:
    """Of what is drawn: HDR is converted before."""
    if picture.color_trc in _HDR:
        return Color(_BT709, primaries=_BT709, transfer=_BT709)
    if _is_rgb(picture):
        return Color(_BT709)
    matrix = int(picture.colorspace)
    if matrix not in _MATRICES:
        # Untagged: as players take it, SD is BT.601 and anything larger BT.709.
        matrix = _BT709 if picture.width >= 1280 or picture.height > 576 else _BT601
    full = picture.color_range == _FULL or picture.format.name.startswith("yuvj")
    return Color(matrix, full, int(picture.color_primaries), int(picture.color_trc))


def _is_rgb(picture: av.VideoFrame) -> bool:
    return picture.format.is_rgb or picture.format.has_palette


def _to_rgb(picture: av.VideoFrame) -> av.VideoFrame:
    if _is_rgb(picture):
        return picture.reformat(format="rgb24")
    color = _color(picture)
    return picture.reformat(
        format="rgb24",
        src_colorspace=_MATRICES[color.matrix],
        dst_colorspace=_MATRICES[color.matrix],
        src_color_range=color.range,
        dst_color_range=_FULL,
        interpolation=SCALING,
    )


def _upright(array: np.ndarray, picture: av.VideoFrame) -> np.ndarray:
    """``(H, W, C)`` by the nearest quarter turn and mirrored, as the picture's matrix says.

    Phones turn videos so, and selfie cameras mirror them; PyAV's ``rotation`` knows turns alone.
    """
    matrix: Any = picture.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return array
    # Where the way along a row leads to, right and down, and then that along a column.
    right, over, across, down = np.frombuffer(matrix, np.int32)[[0, 1, 3, 4]].tolist()
    if abs(over) > abs(right):
        array, right, down = array.swapaxes(0, 1), across, over
    return array[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1]


def to_yuv(picture: av.VideoFrame, pixel_format: str, color: Color) -> av.VideoFrame:
    """An RGB picture as a codec takes it, tagged."""
    picture.colorspace = color.matrix  # PyAV 17 does not know BT.2020 by the argument alone
    yuv = picture.reformat(
        format=pixel_format,
        src_colorspace=_MATRICES[color.matrix],
        dst_colorspace=_MATRICES[color.matrix],
        src_color_range=_FULL,
        dst_color_range=color.range,
        interpolation=SCALING,
    )
    yuv.colorspace, yuv.color_range = color.matrix, color.range
    yuv.color_primaries, yuv.color_trc = color.primaries, color.transfer
    return yuv


def _why_unreadable(path: Path, error: Exception) -> str:
    pictures = "expected a video, or numbered pictures as a pattern such as frames/%06d.png"
    if isinstance(error, FileNotFoundError):
        return f"there is no such file{f'; {pictures}' if set(path.name) & set('*?#[') else ''}"
    if path.is_dir():  # Windows calls the error another
        return f"{pictures}, got a folder"
    if isinstance(error, av.InvalidDataError):
        return (
            "it is not a video that FFmpeg knows, or its index is missing (an MP4 file that was "
            "cut off has lost it)"
        )
    if isinstance(error, av.EOFError):
        return "it ends before its first frame"
    return reason(error)
