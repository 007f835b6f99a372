"""Videos out, through PyAV: playable at any time, and under their names when they are finished."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import av.filter
import numpy as np
import torch
from av.bitstream import BitStreamFilterContext
from torch import Tensor

from ..errors import VideoFileError, reason
from ..images import save_image
from ..pixels import as_uint8, resize
from .formats import (
    CODECS,
    choose_codec,
    copies_sound,
    numbered_names,
    partial_file,
    refuse_inputs,
    same_file,
    takes_sound,
)
from .reader import Color, Frame, Packet, VideoReader, file_url, to_yuv

# A GIF's times are hundredths of a second, and browsers show a frame of one hundredth for ten.
_GIF_CLOCK, _GIF_SHORTEST = Fraction(1, 100), 2
# A semicolon or dot skips numbers, so that 30000/1001 frames a second keep up with the clock.
_TIMECODE = re.compile(r"\d\d:\d\d:\d\d([:;.])\d\d+")


class Writer(Protocol):
    """Takes the pictures of a video in their order.

    Attributes:
        frames: written so far.
        size: width and height of the result; ``None`` before the first frame.
        notes: what had to be done differently, a sentence each.
    """

    frames: int
    size: tuple[int, int] | None
    notes: list[str]

    def write(self, pixels: Tensor, frame: Frame) -> None:
        """Add a picture ``(3, H, W)``, uint8, at a frame's time."""

    def close(self, tail: list[Packet]) -> None:
        """Finish, with the sound after the last frame."""

    def rescue(self) -> tuple[int, Path]:
        """Keep what there is after a failure; returns how many frames that are, and where."""


def open_writer(
    path: str | os.PathLike[str],
    reader: VideoReader,
    codec: str | None = None,
    quality: int | None = None,
    chroma: str | None = None,
    overwrite: bool = False,
    inputs: Iterable[str | os.PathLike[str]] = (),
) -> Writer:
    """A writer for an output file; nothing is written yet.

    Args:
        path: the file, or the pattern of numbered pictures, such as ``frames/%06d.png``.
        reader: of the video that it is made from, for times, colours and sound; open as long.
        codec: one of ``CODECS``; ``None`` for the suffix's own.
        quality: the encoder's constant rate factor, 0 is best; ``None`` for the codec's default.
        chroma: resolution of colour: ``"420"``, half (``"422"`` for ProRes); ``"444"``, full;
            ``None``: the codec's default, but full where an odd size needs it.
        overwrite: replace existing files.
        inputs: files that are read besides the video.

    Raises:
        ValueError: settings that do not fit together.
        VideoFileError: the file exists, or what an earlier run left of it, or it is one that is
            read; its folder does not exist.
    """
    path = Path(path)
    name = choose_codec(path, codec, quality, chroma)
    refuse_inputs(inputs, path)
    if name == "png":
        return _PictureWriter(path, reader, overwrite)
    if path.is_dir():
        raise VideoFileError(f"cannot write {path}: a folder has that name")
    partial = partial_file(path)
    for file, what in (
        (path, "the file"),
        (partial, f"{partial}, what an earlier run left of it,"),
    ):
        if same_file(file, reader.path):
            raise VideoFileError(f"cannot write {path}: {file} is the video that is read")
        if file.exists() and not overwrite:
            raise VideoFileError(
                f"cannot write {path}: {what} exists; pass overwrite=True (--overwrite on the "
                "command line) to replace it"
            )
    if not path.parent.is_dir():
        raise VideoFileError(f"cannot write {path}: there is no folder {path.parent}")
    return _VideoWriter(path, reader, name, quality, chroma)


class _VideoWriter:
    """The file has a name beside its own until it is finished."""

    def __init__(
        self, path: Path, reader: VideoReader, codec: str, quality: int | None, chroma: str | None
    ) -> None:
        self.frames = 0
        self.size: tuple[int, int] | None = None
        self.notes: list[str] = []
        self._path, self._reader, self._codec = path, reader, codec
        self._quality, self._chroma = quality, chroma
        self._partial = partial_file(path)
        self._first: torch.Size | None = None
        self._resized = False
        self._broken = False
        self._container: Any = None
        self._palette: av.filter.Graph | None = None
        self._clock = _GIF_CLOCK if codec == "gif" else reader.time_base
        # The last written frame's time by that clock, and a picture that came too soon after it.
        self._last: int | None = None
        self._early: Tensor | None = None
        self._left_out = 0
        self._is_movie = path.suffix.lower() in (".mp4", ".m4v", ".mov")
        # Filters that take the headers off copied sound, by the index of the input's stream.
        self._headers: dict[int, BitStreamFilterContext] = {}
        self._damaged_sound = 0
        # By time: encoders reorder frames and forget how long the last one lasts.
        self._durations: dict[int, int] = {}
        self._end = 0
        # How long before its time the first picture is decoded; None until it is encoded.
        self._delay: int | None = None

    def write(self, pixels: Tensor, frame: Frame) -> None:
        if self._broken:
            return  # a gap would follow
        with self._explained():
            pixels = self._at_first_size(pixels, frame)
            if self.size is None:
                self._open(pixels.shape[2], pixels.shape[1])
            self._write_sound(frame.sound)
            if self._codec == "gif":
                self._show_in_gif(pixels, round(frame.pts * self._reader.time_base / self._clock))
            else:
                self._show(pixels, frame.pts, frame.duration or self._reader.step)

    def _show_in_gif(self, pixels: Tensor, time: int) -> None:
        """Leave out what comes too soon after another, unless it stays until long after."""
        if self._early is not None and self._last is not None:
            if time >= self._last + 2 * _GIF_SHORTEST:
                self._show_early()
            else:
                self._early = None
                self._left_out += 1
        if self._last is None or time >= self._last + _GIF_SHORTEST:
            self._show(pixels, time)
        else:
            self._early = pixels

    def _show_early(self) -> None:
        """Show what came too soon as soon as it may be: a screen recording rests on such a one."""
        if self._early is not None and self._last is not None:
            pixels, self._early = self._early, None
            self._show(pixels, self._last + _GIF_SHORTEST)

    def _show(self, pixels: Tensor, time: int, duration: int = 0) -> None:
        """Encode a picture at a time and of a duration by the output's clock, 0 if unknown."""
        assert self.size is not None
        width, height = self.size
        array = np.ascontiguousarray(pixels.permute(1, 2, 0).numpy()[:height, :width])
        picture = av.VideoFrame.from_ndarray(array, format="rgb24")
        if self._palette is None:
            picture = to_yuv(picture, self._stream.pix_fmt, self._color)
        picture.pts, picture.time_base = time, self._clock
        if self._last in self._durations:  # a picture lasts until the next
            self._durations[self._last] = time - self._last
        self._durations[time] = duration
        if self._palette is not None:
            self._palette.vpush(picture)
            picture = self._palette.vpull()
        self._encode(picture)
        self._last = time
        self.frames += 1

    def close(self, tail: list[Packet]) -> None:
        with self._explained():
            self._finish(tail)
            self._partial.replace(self._path)
        if self._damaged_sound:
            self.notes.append(
                f"{self._path}: {self._damaged_sound} damaged sound packet(s) are left out"
            )
        if self._left_out:
            self.notes.append(
                f"{self._path}: a GIF shows at most {_GIF_CLOCK.denominator // _GIF_SHORTEST} "
                f"frames a second; {self._left_out} frame(s) are left out"
            )

    def rescue(self) -> tuple[int, Path]:
        if self._container is None:
            return 0, self._path
        count = 0
        with contextlib.suppress(Exception):
            if not self._broken:
                self._finish([])
                count = self.frames
        with contextlib.suppress(Exception):
            self._container.close()
        with contextlib.suppress(OSError):
            count = count or _count_frames(self._partial)
            if not count:
                self._partial.unlink()
        try:
            if count:
                self._partial.replace(self._path)
        except OSError:  # on Windows an old output that a player has open
            return count, self._partial
        return count, self._path

    def _at_first_size(self, pixels: Tensor, frame: Frame) -> Tensor:
        """``(3, H, W)``, uint8; numbered pictures and a browser's recordings change their size."""
        if self._first is None:
            self._first = pixels.shape[1:]
        if pixels.shape[1:] == self._first:
            return pixels
        height, width = self._first
        if not self._resized:
            self.notes.append(
                f"{self._path}: frame {frame.number} is {pixels.shape[2]}x{pixels.shape[1]}, the "
                f"first is {width}x{height}; frames of another size are resized to the first one's"
            )
            self._resized = True
        return as_uint8(resize(pixels[None], (height, width))[0])

    def _open(self, width: int, height: int) -> None:
        settings, reader = CODECS[self._codec], self._reader
        chroma = self._chroma or next(iter(settings.chroma), None)
        if settings.even and chroma == "420" and (width % 2 or height % 2):
            if self._chroma is None and min(width, height) > 1:
                chroma = "444"
                self.notes.append(
                    f"{self._path}: {self._codec} keeps the odd size {width}x{height} only with "
                    "colour at full resolution (4:4:4), which some players do not show; --chroma "
                    "420 leaves the last row or column out instead"
                )
            else:
                width, height = max(2, width - width % 2), max(2, height - height % 2)
        # Fragments outlive a crash; the file becomes an ordinary one in the end. The movie's own
        # clock, 1/1000 s by default, must not round the time of the first frame.
        options = {
            "movflags": "hybrid_fragmented+delay_moov",
            "frag_duration": "1000000",  # 1 s
            "movie_timescale": str(reader.time_base.denominator),
        }
        self._container = av.open(
            file_url(self._partial), "w", container_options=options if self._is_movie else {}
        )
        self._container.metadata.update(reader.metadata)
        self._container.set_chapters(reader.chapters)
        if reader.subtitles:
            self.notes.append(f"{self._path}: {reader.subtitles} subtitle track(s) are left out")
        stream = self._container.add_stream(settings.encoder, rate=reader.rate)
        stream.width, stream.height = width, height
        if reader.timecode is not None:
            self._add_timecode(stream, reader.timecode)
        context = stream.codec_context
        context.time_base = self._clock
        if reader.aspect:
            context.sample_aspect_ratio = reader.aspect
        if chroma is None:
            stream.pix_fmt = "pal8"
            self._palette = _palette_graph(width, height, self._clock)
        else:
            stream.pix_fmt = settings.chroma[chroma]
            color = reader.color
            # ProRes knows the limited range alone.
            self._color = Color(
                color.matrix,
                color.full and self._codec != "prores",
                color.primaries,
                color.transfer,
            )
            context.colorspace, context.color_range = self._color.matrix, self._color.range
            context.color_primaries, context.color_trc = color.primaries, color.transfer
        stream.options = dict(settings.options)
        if settings.quality is not None:
            quality = settings.quality if self._quality is None else self._quality
            stream.options = {**stream.options, "crf": str(quality)}
        if self._codec == "prores":
            stream.options = {"profile": "4" if chroma == "444" else "3"}
        if self._codec == "h265" and self._is_movie:
            context.codec_tag = "hvc1"  # Apple's players want this one of the two
        self._stream = stream
        self._sound = self._add_sound()
        self.size = (width, height)

    def _add_timecode(self, stream: av.VideoStream, timecode: str) -> None:
        match, rate = _TIMECODE.fullmatch(timecode), round(self._reader.rate)
        # FFmpeg would refuse the whole file for one that does not fit.
        fits = match is not None and rate > 0 and (match[1] == ":" or rate % 30 == 0)
        if self._codec == "gif" or not fits:
            self.notes.append(f"{self._path}: the timecode {timecode} is left out")
        else:
            stream.metadata["timecode"] = timecode

    def _add_sound(self) -> dict[int, tuple[Any, bool]]:
        """Stream of the output and whether it is encoded anew, by the index of the input's."""
        streams = self._reader.sound_streams
        if self._reader.unknown_sound:
            self.notes.append(
                f"{self._path}: {self._reader.unknown_sound} sound track(s) of a kind that FFmpeg "
                "does not know are left out"
            )
        if streams and not takes_sound(self._path):
            self.notes.append(f"{self._path}: {self._path.suffix} files have no sound")
            return {}
        known = self._container.supported_codecs
        result: dict[int, tuple[Any, bool]] = {}
        for stream in streams:
            decoder = stream.codec_context.codec
            codec = decoder.canonical_name
            # FFmpeg's list has decoders' names, too, for some codecs these alone.
            copied = copies_sound(self._path, codec, decoder.name in known)
            if copied:
                added = self._container.add_stream_from_template(stream)
                if self._is_movie and codec == "aac" and not stream.codec_context.extradata:
                    # A transport stream describes AAC in every packet (ADTS), a movie once.
                    self._headers[stream.index] = BitStreamFilterContext("aac_adtstoasc", stream)
            else:
                added = self._add_encoder(stream, codec)
            added.disposition = stream.disposition
            for key in ("language", "title"):
                if key in stream.metadata:
                    added.metadata[key] = stream.metadata[key]
            result[stream.index] = (added, not copied)
        return result

    def _add_encoder(self, stream: Any, codec: str) -> Any:
        encoder = "libopus" if self._path.suffix.lower() == ".webm" else "aac"
        rates = av.Codec(encoder, "w").audio_rates or []
        rate = min(rates, key=lambda rate: abs(rate - stream.rate))
        added = self._container.add_stream(encoder, rate=rate)
        added.layout = "mono" if stream.channels == 1 else "stereo"
        mixed = f", its {stream.channels} channels mixed to two" if stream.channels > 2 else ""
        self.notes.append(
            f"{self._path}: {self._path.suffix} does not take {codec} sound; it is encoded as "
            f"{encoder.removeprefix('lib')}{mixed}"
        )
        return added

    def _write_sound(self, packets: list[Packet]) -> None:
        for packet in packets:
            if packet.stream.index not in self._sound:
                continue
            index = packet.stream.index
            stream, anew = self._sound[index]
            if not anew:
                for copied in self._without_headers(index, packet):
                    copied.stream = stream
                    self._container.mux(copied)
                continue
            try:
                parts = packet.decode()
            except av.InvalidDataError:
                self._damaged_sound += 1
                continue
            for part in parts:
                self._container.mux(stream.encode(part))

    def _without_headers(self, index: int, packet: Packet | None) -> list[Packet]:
        """A copied packet as the output takes it, ``None`` to end; none of a damaged one."""
        if index not in self._headers:
            return [] if packet is None else [packet]
        try:
            return self._headers[index].filter(packet)
        except (av.InvalidDataError, av.PatchWelcomeError):  # also for what makes no sense
            self._damaged_sound += 1
            return []

    def _encode(self, picture: av.VideoFrame | None) -> None:
        packets = self._stream.encode(picture)
        for packet in packets:
            duration = self._durations.pop(packet.pts, 0)
            if duration:
                packet.duration = duration
            self._end = max(self._end, packet.pts + packet.duration)
            if self._delay is None:
                self._delay = packet.pts - packet.dts
        if picture is None and packets and self._is_movie:
            # MP4 ends where the last packet does, which is not the last picture where they are
            # reordered: players would leave that one out.
            last = packets[-1]
            last.duration = self._end - last.pts
            # It is counted by the times of decoding: without this a pause just before the end,
            # before which the last packets are decoded, would not count.
            last.dts = max(last.dts, last.pts - self._delay)
        for packet in packets:
            self._container.mux(packet)

    def _finish(self, tail: list[Packet]) -> None:
        self._write_sound(tail)
        self._show_early()
        self._encode(None)
        for index, (stream, anew) in self._sound.items():
            if anew:
                self._container.mux(stream.encode(None))
                continue
            for packet in self._without_headers(index, None):
                packet.stream = stream
                self._container.mux(packet)
        self._container.close()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, av.FFmpegError) as error:
            self._broken = True
            raise VideoFileError(f"cannot write {self._path}: {reason(error)}") from error


class _PictureWriter:
    """A PNG file for each frame, numbered from 0."""

    def __init__(self, path: Path, reader: VideoReader, overwrite: bool) -> None:
        self.frames = 0
        self.size: tuple[int, int] | None = None
        self.notes: list[str] = []
        if reader.sound_streams:
            self.notes.append(f"{path}: pictures have no sound")
        self._path, self._overwrite = path, overwrite
        if path.resolve() == reader.path.resolve():
            raise VideoFileError(f"cannot write {path}: these are the pictures that are read")
        # Of any number: what is left of a longer sequence would look like this one's end.
        there = None if overwrite else self._existing()
        if there is not None:
            raise VideoFileError(
                f"cannot write {path}: {there} exists; pass overwrite=True (--overwrite on the "
                "command line) to replace such files"
            )

    def _existing(self) -> Path | None:
        """A file that one of these pictures could have written."""
        files = self._path.parent.iterdir() if self._path.parent.is_dir() else ()
        names = numbered_names(self._path)
        return min((file for file in files if names.fullmatch(file.name)), default=None)

    def _name(self, number: int) -> Path:
        return self._path.with_name(self._path.name % number)

    def write(self, pixels: Tensor, frame: Frame) -> None:
        if self.size is None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise VideoFileError(
                    f"cannot make the folder {self._path.parent}: {reason(error)}"
                ) from error
            self.size = (pixels.shape[2], pixels.shape[1])
        save_image(self._name(frame.number), pixels, overwrite=self._overwrite)
        self.frames += 1

    def close(self, tail: list[Packet]) -> None:
        pass

    def rescue(self) -> tuple[int, Path]:
        return self.frames, self._path


def _palette_graph(width: int, height: int, clock: Fraction) -> av.filter.Graph:
    """RGB to 256 colours chosen anew for each frame, so that no frame has to wait for others."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=width, height=height, format=av.VideoFormat("rgb24"), time_base=clock
    )
    split = graph.add("split")
    choose = graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
    use = graph.add("paletteuse", "new=1:dither=sierra2_4a")
    sink = graph.add("buffersink")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(choose, 1, 0)
    choose.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph


def _count_frames(path: Path) -> int:
    """How many frames of a file can be read."""
    count, size = 0, path.stat().st_size
    with contextlib.suppress(OSError, av.FFmpegError), av.open(file_url(path)) as container:
        for packet in container.demux(video=0):
            # The last packet may have lost its end.
            count += packet.size > 0 and (packet.pos or 0) + packet.size <= size
    return count
