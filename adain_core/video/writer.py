"""Videos out, through PyAV: playable at any time, and under their names when they are finished."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import av
import torch
from torch import Tensor

from ..errors import VideoFileError, reason
from . import gif
from .encoder import PictureEncoder, fit_size
from .files import file_url, partial_file, refuse_inputs, same_file
from .formats import DEFAULT, Encoding, choose_codec
from .frame import Frame, Packet
from .mp4 import is_movie, movie_options
from .reader import VideoReader
from .sequence import SequenceWriter
from .shape import fit
from .sound import SoundWriter


class Writer(Protocol):
    """Takes the pictures and the sound of a video in their order.

    Attributes:
        notes: what had to be done differently, a sentence each.
    """

    notes: list[str]

    @property
    def frames(self) -> int:
        """Written so far."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the result; ``None`` before the first frame."""

    def write(self, pixels: Tensor, frame: Frame) -> None:
        """Add a picture ``(3, H, W)``, uint8, at a frame's time."""

    def write_sound(self, packets: Sequence[Packet]) -> None:
        """Add sound."""

    def close(self) -> None:
        """Finish."""

    def rescue(self) -> tuple[int, Path]:
        """Keep what there is after a failure; return how many frames that are, and where."""


def open_writer(
    path: str | os.PathLike[str],
    reader: VideoReader,
    encoding: Encoding = DEFAULT,
    overwrite: bool = False,
    inputs: Iterable[str | os.PathLike[str]] = (),
) -> Writer:
    """Return a writer for an output file; nothing is written yet.

    Args:
        path: the file, or the pattern of numbered pictures, such as ``frames/%06d.png``.
        reader: of the video that it is made from, for times, colors and sound; open as long.
        encoding: of the file.
        overwrite: replace existing files.
        inputs: files that are read besides the video.

    Raises:
        ValueError: settings that do not fit together.
        VideoFileError: the file exists, or what an earlier run left of it, or it is one that is
            read; its folder does not exist.
    """
    path = Path(path)
    encoding = replace(encoding, codec=choose_codec(path, encoding))
    refuse_inputs(inputs, path)
    if encoding.codec == "png":
        return SequenceWriter(path, reader.path, overwrite)
    _check_file(path, reader.path, overwrite)
    return _VideoWriter(path, reader, encoding)


def _check_file(path: Path, source: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise VideoFileError(f"cannot write {path}: a folder has that name")
    partial = partial_file(path)
    for file, what in (
        (path, "the file"),
        (partial, f"{partial}, what an earlier run left of it,"),
    ):
        if same_file(file, source):
            raise VideoFileError(f"cannot write {path}: {file} is the video that is read")
        if file.exists() and not overwrite:
            raise VideoFileError(
                f"cannot write {path}: {what} exists; choose another name or allow to replace it"
            )
    if not path.parent.is_dir():
        raise VideoFileError(f"cannot write {path}: there is no folder {path.parent}")


class _Output:
    """An opened container with its streams.

    Args:
        file: to write.
        path: name of the result, for its suffix and the notes.
        reader: of the video that it is made from.
        encoding: with a codec.
        size: width and height of the pictures.
        notes: takes what is left out.
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
        options = movie_options(reader.time_base) if is_movie(path) else {}
        self._container: Any = av.open(file_url(file), "w", container_options=options)
        self._container.metadata.update(reader.metadata)
        self._container.set_chapters(reader.chapters)
        if reader.subtitles:
            notes.append(f"{path}: {reader.subtitles} subtitle track(s) are left out")
        self.pictures = PictureEncoder(path, self._container, encoding, reader, size, notes)
        if reader.unknown_sound:
            notes.append(
                f"{path}: {reader.unknown_sound} sound track(s) of a kind that FFmpeg does not "
                "know are left out"
            )
        self.sound = SoundWriter(path, self._container, reader.sound_streams, notes)

    def finish(self) -> None:
        """Write what still waits, and the container's end."""
        self.pictures.finish()
        self.sound.finish()
        self._container.close()

    def close(self) -> None:
        """Close the file as it is."""
        self._container.close()


class _VideoWriter:
    """A video file. It has a name beside its own until it is finished."""

    def __init__(self, path: Path, reader: VideoReader, encoding: Encoding) -> None:
        self.notes: list[str] = []
        self._path, self._reader, self._encoding = path, reader, encoding
        self._partial = partial_file(path)
        self._first: torch.Size | None = None
        self._fitted = False
        self._broken = False
        self._output: _Output | None = None
        self._early_sound: list[Packet] = []  # before the first picture
        self._dropper = gif.FrameDropper() if encoding.codec == "gif" else None

    @property
    def frames(self) -> int:
        return 0 if self._output is None else self._output.pictures.frames

    @property
    def size(self) -> tuple[int, int] | None:
        return None if self._output is None else self._output.pictures.size

    def write(self, pixels: Tensor, frame: Frame) -> None:
        if self._broken:
            return  # a gap would follow
        with self._explained():
            pixels = self._at_first_size(pixels, frame)
            if self._output is None:
                size = (pixels.shape[2], pixels.shape[1])
                self._output = _Output(
                    self._partial, self._path, self._reader, self._encoding, size, self.notes
                )
                self._output.sound.write(self._early_sound)
            self._show(self._output.pictures, pixels, frame)

    def write_sound(self, packets: Sequence[Packet]) -> None:
        if self._broken:
            return
        with self._explained():
            if self._output is None:
                self._early_sound.extend(packets)
            else:
                self._output.sound.write(packets)

    def close(self) -> None:
        with self._explained():
            self._finish()
            self._partial.replace(self._path)
        if self._output is not None and self._output.sound.damaged:
            self.notes.append(
                f"{self._path}: {self._output.sound.damaged} damaged sound packet(s) are left out"
            )
        if self._dropper is not None:
            self.notes.extend(self._dropper.notes(self._path))

    def rescue(self) -> tuple[int, Path]:
        if self._output is None:
            return 0, self._path
        count = 0
        with contextlib.suppress(Exception):
            if not self._broken:
                self._finish()
                count = self.frames
        with contextlib.suppress(Exception):
            self._output.close()
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

    def _show(self, pictures: PictureEncoder, pixels: Tensor, frame: Frame) -> None:
        if self._dropper is None:
            pictures.show(pixels, frame.pts, frame.duration or self._reader.step)
            return
        ticks = self._reader.time_base / gif.CLOCK
        end = frame.pts + (frame.duration or self._reader.step)
        for shown, moment in self._dropper.add(
            pixels, round(frame.pts * ticks), round(end * ticks)
        ):
            pictures.show(shown, moment)

    def _finish(self) -> None:
        if self._output is None:
            return
        if self._dropper is not None:
            for shown, moment in self._dropper.flush():
                self._output.pictures.show(shown, moment)
        self._output.finish()
        if self._dropper is not None:
            gif.write_last_delay(self._partial, self._dropper.last_delay)

    def _at_first_size(self, pixels: Tensor, frame: Frame) -> Tensor:
        """Return ``(3, H, W)``; numbered pictures and a browser's recordings change their size."""
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


def _count_frames(path: Path) -> int:
    """Return how many frames of a file can be read."""
    count, size = 0, path.stat().st_size
    with contextlib.suppress(OSError, av.FFmpegError), av.open(file_url(path)) as container:
        for packet in container.demux(video=0):
            # The last packet may have lost its end.
            count += packet.size > 0 and (packet.pos or 0) + packet.size <= size
    return count
