"""``VideoWriter``: a video file that is playable at any time, and renamed when it is complete."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import av
import torch
from torch import Tensor

from ..errors import VideoFileError, reason
from . import gif
from .animation import gif_repeats
from .earlier import EarlierFrames
from .encoder import FrameEncoder, fit_size
from .files import file_url
from .formats import Encoding, is_mp4, mp4_options
from .frame import Frame, Packet
from .partial import PartialFile
from .reader import VideoReader
from .shape import fit
from .sound import SoundWriter


class Writer(Protocol):
    """Writes the frames and the audio of a video in order.

    Attributes:
        notes: what was dropped or changed, one sentence each.
    """

    notes: list[str]

    @property
    def frames(self) -> int:
        """Number of frames so far, including those of an earlier run."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the result; ``None`` before the first frame."""

    def usable(self, frames: int) -> bool:
        """Return whether the first frames of an earlier run can be kept."""

    def resume(self, frames: int) -> None:
        """Prepare to keep the first frames of an earlier run; :meth:`keep` adds each of them."""

    def keep(self, frame: Frame, size: tuple[int, int]) -> None:
        """Keep the image of a frame, of this height and width, from the earlier run."""

    def write(self, pixels: Tensor, frame: Frame) -> None:
        """Write an image ``(3, H, W)``, uint8 or float in 0..1, at the time of a frame."""

    def write_sound(self, packets: Sequence[Packet]) -> None:
        """Write audio."""

    def close(self) -> None:
        """Complete the output."""

    def rescue(self) -> tuple[int, Path]:
        """Keep the partial result after a failure; return its number of frames and its name."""


class _Output:
    """An opened container with its streams.

    Args:
        file: the file to write.
        path: name of the result, for its suffix and the notes.
        reader: reader of the input.
        encoding: the encoding, with codec.
        size: width and height of the frames.
        notes: receives a sentence for everything that is left out.
    """

    def __init__(
        self,
        file: Path,
        path: Path,
        reader: VideoReader,
        encoding: Encoding,
        size: tuple[int, int],
        notes: list[str],
    ) -> None:
        encoding, size, note = fit_size(encoding, size)
        if note:
            notes.append(f"{path}: {note}")
        # Packets are flushed at once, to survive a crash. Frames wait for audio, which may have
        # ended, for at most a second (1,000,000).
        options = {"flush_packets": "1", "max_interleave_delta": "1000000"}
        if is_mp4(path):
            options |= mp4_options(reader.time_base)
        if encoding.codec == "gif":
            options["loop"] = str(gif_repeats(reader.path))
        self._container: Any = av.open(file_url(file), "w", container_options=options)
        self._container.metadata.update(reader.metadata)
        self._container.set_chapters(reader.chapters)
        if reader.subtitles:
            notes.append(f"{path}: {reader.subtitles} subtitle track(s) are left out")
        self.video = FrameEncoder(path, self._container, encoding, reader, size, notes)
        if reader.unknown_sound:
            notes.append(
                f"{path}: {reader.unknown_sound} sound track(s) of a kind that FFmpeg does not "
                "know are left out"
            )
        self.sound = SoundWriter(path, self._container, reader.sound_streams, notes)

    def finish(self) -> None:
        """Write the remaining packets and the end of the container."""
        self.video.finish()
        self.sound.finish()
        self._container.close()

    def close(self) -> None:
        """Close the file as it is."""
        self._container.close()


class VideoWriter:
    """Writes a video file, under another name until it is complete.

    Args:
        path: name of the result.
        partial: the file until then.
        reader: reader of the input, for times, colors and audio; it must stay open.
        encoding: the encoding, with codec.
    """

    def __init__(
        self, path: Path, partial: PartialFile, reader: VideoReader, encoding: Encoding
    ) -> None:
        self.notes: list[str] = []
        self._path, self._partial = path, partial
        self._reader, self._encoding = reader, encoding
        self._first: torch.Size | None = None
        self._fitted = False
        self._broken = False
        self._output: _Output | None = None
        self._early_sound: list[Packet] = []  # before the first frame
        self._dropper = gif.FrameDropper() if encoding.codec == "gif" else None
        self._earlier = EarlierFrames(partial.earlier) if partial.earlier else None
        self._kept = 0  # number of frames to keep from an earlier run

    @property
    def frames(self) -> int:
        """Number of frames so far, including those of an earlier run."""
        return 0 if self._output is None else self._output.video.frames

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the result; ``None`` before the first frame."""
        return None if self._output is None else self._output.video.size

    def usable(self, frames: int) -> bool:
        """Return whether the first frames of an earlier run can be kept."""
        return self._earlier is not None and self._earlier.usable(frames)

    def resume(self, frames: int) -> None:
        """Prepare to keep the first frames of an earlier run; :meth:`keep` adds each of them."""
        self._kept = frames

    def keep(self, frame: Frame, size: tuple[int, int]) -> None:
        """Keep the image of a frame, of this height and width, from the earlier run."""
        with self._explained():
            if self._output is None:
                assert self._earlier is not None
                self._first = torch.Size(size)
                self._open(size).video.resume(self._earlier, self._kept)
            self._opened.video.keep(frame.pts, frame.duration or self._reader.step)

    def write(self, pixels: Tensor, frame: Frame) -> None:
        """Write an image ``(3, H, W)``, uint8 or float in 0..1, at the time of a frame."""
        if self._broken:
            return  # a gap would follow
        with self._explained():
            pixels = self._at_first_size(pixels, frame)
            if self._output is None:
                self._open((pixels.shape[1], pixels.shape[2]))
            self._show(self._opened.video, pixels, frame)

    def write_sound(self, packets: Sequence[Packet]) -> None:
        """Write audio."""
        if self._broken:
            return
        with self._explained():
            if self._output is None:
                self._early_sound.extend(packets)
            else:
                self._output.sound.write(packets)

    def close(self) -> None:
        """Complete the output."""
        with self._explained():
            self._finish()
            self._partial.finish()
        if self._output is not None and self._output.sound.damaged:
            self.notes.append(
                f"{self._path}: {self._output.sound.damaged} damaged sound packet(s) are left out"
            )
        if self._dropper is not None:
            self.notes.extend(self._dropper.notes(self._path))

    def rescue(self) -> tuple[int, Path]:
        """Keep the partial result after a failure; return its number of frames and its name."""
        count = 0
        with contextlib.suppress(Exception):
            if self._output is not None and not self._broken:
                self._finish()
                count = self.frames
        with contextlib.suppress(Exception):
            if self._output is not None:
                self._output.close()
        with contextlib.suppress(OSError):
            count = count or EarlierFrames(self._partial.path).count
        if count and count >= self._kept:
            return count, self._partial.keep()
        self._partial.discard()
        return (
            (0, self._path) if self._earlier is None else (self._earlier.count, self._partial.held)
        )

    @property
    def _opened(self) -> _Output:
        assert self._output is not None
        return self._output

    def _open(self, size: tuple[int, int]) -> _Output:
        """Open the container for frames of a height and width."""
        self._output = _Output(
            self._partial.path,
            self._path,
            self._reader,
            self._encoding,
            (size[1], size[0]),
            self.notes,
        )
        self._output.sound.write(self._early_sound)
        return self._output

    def _show(self, encoder: FrameEncoder, pixels: Tensor, frame: Frame) -> None:
        duration = frame.duration or self._reader.step
        if self._dropper is None:
            encoder.show(pixels, frame.pts, duration)
            return
        start, end = (
            round(time * self._reader.time_base / gif.CLOCK)
            for time in (frame.pts, frame.pts + duration)
        )
        for shown, moment in self._dropper.add(pixels, start, end):
            encoder.show(shown, moment)

    def _finish(self) -> None:
        if self._output is None:
            return
        if self._dropper is not None:
            for shown, moment in self._dropper.flush():
                self._output.video.show(shown, moment)
        self._output.finish()
        if self._dropper is not None:
            gif.write_last_delay(self._partial.path, self._dropper.last_delay)

    def _at_first_size(self, pixels: Tensor, frame: Frame) -> Tensor:
        """Return the image at the size of the first; numbered images and recordings may differ."""
        if self._first is None:
            self._first = pixels.shape[1:]
        if pixels.shape[1:] == self._first:
            return pixels
        height, width = self._first
        if not self._fitted:
            self.notes.append(
                f"{self._path}: frame {frame.number} is {pixels.shape[2]}x{pixels.shape[1]}, the "
                f"first is {width}x{height}; frames of another size are fitted into the first one's"
            )
            self._fitted = True
        return fit(pixels, (height, width))

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, av.FFmpegError) as error:
            self._broken = True
            raise VideoFileError(f"cannot write {self._path}: {reason(error)}") from error
