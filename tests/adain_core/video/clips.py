"""Short videos: made, stylized with a small model, and read as other programs read them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
from torch import Tensor
from videos import stylize_with_options

from adain_core import AdaINModel, Style
from adain_core.video import Encoding, VideoReader, VideoResult
from adain_core.video.color import Color, to_yuv
from adain_core.video.formats import choose_codec
from adain_core.video.frame import Frame
from adain_core.video.output import open_writer

CLOCK = Fraction(1, 15360)
STEADY = [512 * number for number in range(10)]  # 30 frames a second
# Variable rate, and not from 0 on.
UNSTEADY = [1000, 1512, 2400, 2500, 3524, 4036, 4037, 6000, 6512, 7024]


@dataclass(frozen=True)
class Clip:
    """A smooth image that moves, nearly without loss; every other row by some pixels more."""

    name: str = "clip.mp4"
    times: list[int] = field(default_factory=lambda: STEADY)
    size: tuple[int, int] = (64, 48)
    codec: str = "libx264"
    color: Color | None = None
    sound: str | None = None
    rotation: int = 0
    chapters: dict[str, tuple[int, int]] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    timecode: str | None = None
    title: str | None = None
    fields: int = 0
    aspect: Fraction | None = None  # of a pixel, width by height
    rate: int = 30  # as a rule

    def write(self, folder: Path, wide: Tensor) -> Path:
        """Write it; ``wide`` is the image, ``(3, H, W)`` in 0..1, two pixels more a frame."""
        path = folder / self.name
        movie = {"movie_timescale": str(CLOCK.denominator)} if path.suffix == ".mp4" else {}
        with av.open(str(path), "w", container_options=movie) as container:
            video = self._add_video(container)
            sound = container.add_stream(self.sound, rate=48000) if self.sound else None
            if sound and self.title:
                sound.metadata["title"] = self.title
                sound.disposition = av.stream.Disposition.comment
            container.set_chapters(
                [
                    {
                        "id": place,
                        "start": start,
                        "end": end,
                        "time_base": Fraction(1, 10),
                        "metadata": {"title": title},
                    }
                    for place, (title, (start, end)) in enumerate(self.chapters.items())
                ]
            )
            for number, time in enumerate(self.times):
                frame = self._frame(wide, number, video.pix_fmt)
                frame.pts, frame.time_base = time, CLOCK
                container.mux(video.encode(frame))
                if sound:
                    container.mux(sound.encode(_wave(number)))
            container.start_encoding()
            container.mux(video.encode(None))
            if sound:
                container.mux(sound.encode(None))
        return path

    def _add_video(self, container: Any) -> Any:
        stream = container.add_stream(self.codec, rate=self.rate)
        stream.width, stream.height = self.size
        stream.pix_fmt = "yuv420p" if self.color is None else "yuv444p"
        stream.options = {"crf": "4", **self.options}
        stream.codec_context.time_base = CLOCK
        if self.color is not None:
            self.color.tag(stream.codec_context)
        if self.aspect is not None:
            stream.codec_context.sample_aspect_ratio = self.aspect
        if self.timecode:
            stream.metadata["timecode"] = self.timecode
        if self.rotation:
            stream.set_display_rotation(self.rotation)
        return stream

    def _frame(self, wide: Tensor, number: int, pixel_format: str) -> av.VideoFrame:
        part = wide[:, :, 2 * number : 2 * number + self.size[0]]
        array = (part * 255).byte().permute(1, 2, 0).numpy().copy()
        array[1::2] = np.roll(array[1::2], self.fields, axis=1)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array))
        return to_yuv(frame, pixel_format, self.color or Color(6))


def _wave(number: int) -> av.AudioFrame:
    """The sound of a frame."""
    wave = np.sin(np.arange(1600) / 20, dtype=np.float32)[None] / 2
    part = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
    part.sample_rate, part.pts = 48000, 1600 * number
    return part


@dataclass(frozen=True)
class Clips:
    """Makes clips in a folder, and stylizes them there."""

    folder: Path
    model: AdaINModel
    make_image: Callable[..., Tensor]  # make_image(height, width, batch, channels, seed)
    style: Style

    def make(self, *values: Any, **options: Any) -> Path:
        """Write a :class:`Clip` and return its file."""
        clip = Clip(*values, **options)
        width, height = clip.size
        return clip.write(
            self.folder, self.make_image(height, width + 2 * len(clip.times), seed=1)[0]
        )

    def stylize(self, source: Any, output: Any, styles: Any = None, **options: Any) -> VideoResult:
        """Stylize a video, in :attr:`style` unless given others."""
        styles = self.style if styles is None else styles
        return stylize_with_options(self.model, source, self.folder / output, styles, **options)

    def stylize_frame(self, frame: Tensor, styles: Any = None, **options: Any) -> Tensor:
        """Stylize one frame likewise."""
        options.setdefault("stroke_size", "single")
        return self.model.stylize(frame, self.style if styles is None else styles, **options)


def copy(reader: VideoReader, path: Path, codec: str | None = None) -> list[str]:
    """Write what is read as it is; return the notes."""
    codec = choose_codec(path, Encoding(codec))
    writer = open_writer(path, reader, Encoding(codec), overwrite=True)
    for item in reader.read():
        if isinstance(item, Frame):
            writer.write(item.pixels[0], item)
        else:
            writer.write_sound([item])
    writer.close()
    return writer.notes


def join(path: Path, *sources: Path) -> Path:
    """Write the first streams of several files into one."""
    with contextlib.ExitStack() as files:
        container = files.enter_context(av.open(str(path), "w"))
        opened = [files.enter_context(av.open(str(source))) for source in sources]
        streams = [container.add_stream_from_template(source.streams[0]) for source in opened]
        packets = []
        for source, stream in zip(opened, streams, strict=True):
            for packet in source.demux(0):
                if packet.dts is not None:
                    packets.append((packet.dts * packet.time_base, packet))
                    packet.stream = stream
        for _, packet in sorted(packets, key=lambda timed: timed[0]):
            container.mux(packet)
    return path


def words_until(path: Path, seconds: int) -> Path:
    """Write a subtitle from the start to a second before the 60th."""
    path.write_text(f"1\n00:00:00,000 --> 00:00:{seconds:02d},000\nHello\n")
    return path


def save(path: Path, pixels: Tensor, mode: str = "RGB") -> None:
    """Write ``(C, H, W)`` in 0..1 as an image of 8 bits in one of Pillow's modes."""
    array = (pixels * 255).round().byte().permute(1, 2, 0).numpy()
    PIL.Image.fromarray(array).convert(mode).save(path)


def frames_of(path: Path | str) -> list[Any]:
    """Return the decoded frames."""
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def times_of(path: Path | str) -> list[Fraction]:
    """Return the times of the frames, seconds."""
    return [frame.pts * frame.time_base for frame in frames_of(path)]


def length_of(path: Path) -> float:
    """Return the length of the file, seconds."""
    with av.open(str(path)) as container:
        return container.duration / 1e6


def pixels_of(path: Path | str) -> list[Tensor]:
    """Return the frames, ``(1, 3, H, W)`` in 0..1."""
    with VideoReader(path) as reader:
        return [frame.pixels.float() / 255 for frame in reader]


def chapters_of(path: Path) -> dict[str, tuple[float, float]]:
    """Return start and end in seconds by the title."""
    with VideoReader(path) as reader:
        return {
            chapter["metadata"]["title"]: (
                float(chapter["start"] * chapter["time_base"]),
                float(chapter["end"] * chapter["time_base"]),
            )
            for chapter in reader.chapters
        }


def waves_of(path: Path) -> np.ndarray:
    """Return the samples of the sound, ``(channels, samples)``."""
    with av.open(str(path)) as container:
        return np.concatenate([part.to_ndarray() for part in container.decode(audio=0)], axis=1)


def timed_sound_of(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return times in seconds and values of the first channel's samples."""
    times, waves = [], []
    with av.open(str(path)) as container:
        for part in container.decode(audio=0):
            start = float(part.pts * part.time_base)
            times.append(start + np.arange(part.samples) / part.sample_rate)
            waves.append(part.to_ndarray()[0])
    return np.concatenate(times), np.concatenate(waves)


def sound_of(path: Path | str) -> tuple[str, bytes]:
    """Return the codec of the sound, and its packets joined."""
    with av.open(str(path)) as container:
        name = container.streams.audio[0].codec_context.name
        return name, b"".join(bytes(packet) for packet in container.demux(audio=0) if packet.size)


def psnr(a: Tensor, b: Tensor) -> float:
    """Return the ratio of 1 to the difference, dB."""
    return float(-10 * (a - b).square().mean().log10())
