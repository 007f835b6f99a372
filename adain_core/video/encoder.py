"""Encoding of frames."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType
from torch import Tensor

from . import gif
from .color import to_yuv
from .earlier import EarlierFrames
from .formats import CODECS, Encoding, is_mp4, keyframe_interval, pixel_format
from .packets import PacketTimes
from .reader import VideoReader

# A semicolon or dot means drop-frame timecode, for 30000/1001 frames per second.
_TIMECODE = re.compile(r"\d\d:\d\d:\d\d([:;.])\d\d+")


class FrameEncoder:
    """Encodes frames into the video stream of an opened container.

    Args:
        path: name of the output, for its suffix and the notes.
        container: opened for writing, before its first packet.
        encoding: the encoding, with codec, and chroma if the codec has it.
        reader: reader of the input, for times and colors.
        size: width and height.
        notes: receives a sentence if the timecode is left out.

    Attributes:
        frames: number of frames so far.
        size: width and height.
    """

    def __init__(
        self,
        path: Path,
        container: Any,
        encoding: Encoding,
        reader: VideoReader,
        size: tuple[int, int],
        notes: list[str],
    ) -> None:
        assert encoding.codec is not None
        self.frames, self.size = 0, size
        self._interval = keyframe_interval(reader.rate)
        self._settings = CODECS[encoding.codec]
        self._container, self._is_mp4 = container, is_mp4(path)
        self._clock = gif.CLOCK if encoding.codec == "gif" else reader.time_base
        self._color = reader.color
        if encoding.codec == "prores":  # supports only limited range
            self._color = replace(reader.color, full=False)
        self._palette = gif.Palette(*size) if encoding.codec == "gif" else None
        self._stream = self._add_stream(encoding, reader)
        if reader.timecode is not None and not self._add_timecode(encoding, reader):
            notes.append(f"{path}: the timecode {reader.timecode} is left out")
        self._times = PacketTimes(reader.step, self._settings.reorder)
        # Of an earlier run: packets with their display positions, and the times of its frames.
        self._earlier: Iterator[tuple[int, av.Packet[Any]]] = iter(())
        self._kept: list[int] = []
        self._next: tuple[int, av.Packet[Any]] | None = None

    def show(self, pixels: Tensor, time: int, duration: int = 0) -> None:
        """Encode a frame.

        Args:
            pixels: ``(3, H, W)``, uint8 or float in 0..1, at least as large as the stream.
            time: time in ticks of the stream.
            duration: duration in ticks; 0 if unknown.
        """
        width, height = self.size
        array = np.ascontiguousarray(pixels.permute(1, 2, 0).numpy()[:height, :width])
        if array.dtype != np.uint8:
            array = (array * 65535).round().astype(np.uint16)
        kind = "rgb24" if array.dtype == np.uint8 else "rgb48le"
        frame = av.VideoFrame.from_ndarray(array, format=kind)
        if self._palette is None:
            frame = to_yuv(frame, self._stream.pix_fmt, self._color)
        frame.pts, frame.time_base = time, self._clock
        if self.frames % self._interval == 0:
            frame.pict_type = PictureType.I
        if self._palette is not None:
            frame = self._palette.apply(frame)
        self._times.show(time, duration)
        for packet in self._stream.encode(frame):
            self._times.stamp(packet)
            self._container.mux(packet)
        self.frames += 1

    def resume(self, earlier: EarlierFrames, frames: int) -> None:
        """Prepare to copy the first frames of an earlier run; :meth:`keep` adds each of them.

        Raises:
            ValueError: the earlier run encoded differently.
        """
        self._container.start_encoding()
        if not earlier.fits(bytes(self._stream.codec_context.extradata or b"")):
            raise ValueError("the earlier run encoded it differently; start over")
        self._earlier = earlier.read(frames)
        self._next = next(self._earlier, None)

    def keep(self, time: int, duration: int) -> None:
        """Copy the next frame of the earlier run.

        Args:
            time: time in ticks of the stream.
            duration: duration in ticks.
        """
        self._times.show(time, duration)
        self._kept.append(time)
        self.frames += 1
        while self._next is not None and self._next[0] < len(self._kept):
            place, packet = self._next
            packet.stream, packet.time_base = self._stream, self._clock
            packet.pts = self._kept[place]
            self._times.stamp(packet)
            self._container.mux(packet)
            self._next = next(self._earlier, None)

    def finish(self) -> None:
        """Write the frames that the encoder still holds."""
        packets = self._stream.encode(None)
        if self._is_mp4:
            self._times.stamp_last(packets)
        else:
            for packet in packets:
                self._times.stamp(packet)
        for packet in packets:
            self._container.mux(packet)

    def _add_stream(self, encoding: Encoding, reader: VideoReader) -> Any:
        settings = self._settings
        stream = self._container.add_stream(settings.encoder, rate=reader.rate)
        stream.width, stream.height = self.size
        context = stream.codec_context
        context.time_base = self._clock
        context.gop_size = 2 * self._interval  # otherwise x264 adds one before each requested one
        stream.pix_fmt = pixel_format(encoding)
        if encoding.chroma is not None:
            self._color.tag(context)
        options = dict(settings.options)
        if settings.quality is not None:
            quality = settings.quality if encoding.quality is None else encoding.quality
            options["crf"] = str(quality)
        if encoding.codec == "prores":
            options["profile"] = "4" if encoding.chroma == "444" else "3"
        stream.options = options
        if encoding.codec == "h265" and self._is_mp4:
            context.codec_tag = "hvc1"  # Apple's players need this tag
        return stream

    def _add_timecode(self, encoding: Encoding, reader: VideoReader) -> bool:
        match, rate = _TIMECODE.fullmatch(reader.timecode or ""), round(reader.rate)
        # FFmpeg rejects the whole file for an invalid timecode.
        fits = match is not None and rate > 0 and (match[1] == ":" or rate % 30 == 0)
        if encoding.codec == "gif" or not fits:
            return False
        self._stream.metadata["timecode"] = reader.timecode
        return True


def fit_size(
    encoding: Encoding, size: tuple[int, int]
) -> tuple[Encoding, tuple[int, int], str | None]:
    """Return chroma subsampling and size that a codec supports.

    Args:
        encoding: the encoding, with codec.
        size: width and height of the frames.

    Returns:
        The encoding with its chroma subsampling, width and height, and a sentence if one of them
        had to change.
    """
    assert encoding.codec is not None
    settings, (width, height) = CODECS[encoding.codec], size
    chroma = encoding.chroma or next(iter(settings.chroma), None)
    note = None
    if settings.even and chroma == "420" and (width % 2 or height % 2):
        if encoding.chroma is None and min(width, height) > 1:
            chroma = "444"
            note = (
                f"{encoding.codec} keeps the odd size {width}x{height} only with color at full "
                "resolution (4:4:4), which some players do not show; chroma 420 leaves the last "
                "row or column out instead"
            )
        else:
            width, height = max(2, width - width % 2), max(2, height - height % 2)
            note = (
                f"{encoding.codec} with chroma 420 takes even sizes only: frames of "
                f"{size[0]}x{size[1]} become {width}x{height}"
            )
    return replace(encoding, chroma=chroma), (width, height), note
