from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest
import torch
from torch import Tensor

from adain_core import AdaINModel, Style, images
from adain_core.cli import main
from adain_core.cli.video import _seconds
from adain_core.errors import VideoFileError
from adain_core.masks import feather_mask, resize_mask
from adain_core.video import Keyframe, Part, VideoReader, stylize_video
from adain_core.video.color import Color, to_yuv
from adain_core.video.files import file_url
from adain_core.video.frame import Frame
from adain_core.video.writer import open_writer

CLOCK = Fraction(1, 15360)
STEADY = [512 * number for number in range(10)]  # 30 frames a second
# Variable rate, and not from 0 on.
UNSTEADY = [1000, 1512, 2400, 2500, 3524, 4036, 4037, 6000, 6512, 7024]


@pytest.fixture
def style(tiny: AdaINModel, picture: Callable[..., Tensor]) -> Style:
    return tiny.encode_style(picture(32, 32, seed=7))


@pytest.fixture
def make_clip(tmp_path: Path, picture: Callable[..., Tensor]) -> Callable[..., Path]:
    def make(
        name: str = "clip.mp4",
        times: list[int] = STEADY,
        size: tuple[int, int] = (64, 48),
        codec: str = "libx264",
        color: Color | None = None,
        sound: str | None = None,
        rotation: int = 0,
        chapters: dict[str, tuple[int, int]] | None = None,
        options: dict[str, str] | None = None,
        timecode: str | None = None,
        title: str | None = None,
        fields: int = 0,
    ) -> Path:
        """A smooth picture that moves, nearly without loss; every other row by some pixels more."""
        path = tmp_path / name
        width, height = size
        wide = (picture(height, width + 2 * len(times), seed=1)[0] * 255).byte()
        movie = {"movie_timescale": str(CLOCK.denominator)} if path.suffix == ".mp4" else {}
        with av.open(str(path), "w", container_options=movie) as container:
            stream = container.add_stream(codec, rate=30)
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuv420p" if color is None else "yuv444p"
            stream.options = {"crf": "4", **(options or {})}
            context = stream.codec_context
            context.time_base = CLOCK
            if color is not None:
                context.colorspace, context.color_range = color.matrix, color.range
                context.color_primaries, context.color_trc = color.primaries, color.transfer
            if timecode:
                stream.metadata["timecode"] = timecode
            if rotation:
                stream.set_display_rotation(rotation)
            audio = container.add_stream(sound, rate=48000) if sound else None
            if audio and title:
                audio.metadata["title"] = title
                audio.disposition = av.stream.Disposition.comment
            container.set_chapters(
                [
                    {
                        "id": place,
                        "start": start,
                        "end": end,
                        "time_base": Fraction(1, 10),
                        "metadata": {"title": title},
                    }
                    for place, (title, (start, end)) in enumerate((chapters or {}).items())
                ]
            )
            for number, time in enumerate(times):
                array = wide[:, :, 2 * number : 2 * number + width].permute(1, 2, 0).numpy().copy()
                array[1::2] = np.roll(array[1::2], fields, axis=1)
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array))
                frame = to_yuv(frame, stream.pix_fmt, color or Color(6))
                frame.pts, frame.time_base = time, CLOCK
                container.mux(stream.encode(frame))
                if audio:
                    wave = np.sin(np.arange(1600) / 20, dtype=np.float32)[None] / 2
                    part = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
                    part.sample_rate, part.pts = 48000, 1600 * number
                    container.mux(audio.encode(part))
            container.start_encoding()
            container.mux(stream.encode(None))
            if audio:
                container.mux(audio.encode(None))
        return path

    return make


def join(path: Path, *sources: Path) -> Path:
    """The first streams of several files as one file."""
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
    """A subtitle from the start to a second before the 60th."""
    path.write_text(f"1\n00:00:00,000 --> 00:00:{seconds:02d},000\nHello\n")
    return path


def save(path: Path, pixels: Tensor, mode: str = "RGB") -> None:
    """``(C, H, W)`` in 0..1 as a picture of 8 bits in one of Pillow's modes."""
    array = (pixels * 255).round().byte().permute(1, 2, 0).numpy()
    PIL.Image.fromarray(array).convert(mode).save(path)


def frames_of(path: Path | str) -> list[Any]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def times_of(path: Path | str) -> list[Fraction]:
    return [frame.pts * frame.time_base for frame in frames_of(path)]


def length_of(path: Path) -> float:
    with av.open(str(path)) as container:
        return container.duration / 1e6


def pixels_of(path: Path | str) -> list[Tensor]:
    with VideoReader(path) as reader:
        return [frame.pixels.float() / 255 for frame in reader]


def chapters_of(path: Path) -> dict[str, tuple[float, float]]:
    """Start and end in seconds by the title."""
    with VideoReader(path) as reader:
        return {
            chapter["metadata"]["title"]: (
                float(chapter["start"] * chapter["time_base"]),
                float(chapter["end"] * chapter["time_base"]),
            )
            for chapter in reader.chapters
        }


def waves_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([part.to_ndarray() for part in container.decode(audio=0)], axis=1)


def timed_sound_of(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Times in seconds and values of the first channel's samples."""
    times, waves = [], []
    with av.open(str(path)) as container:
        for part in container.decode(audio=0):
            start = float(part.pts * part.time_base)
            times.append(start + np.arange(part.samples) / part.sample_rate)
            waves.append(part.to_ndarray()[0])
    return np.concatenate(times), np.concatenate(waves)


def sound_of(path: Path | str) -> tuple[str, bytes]:
    with av.open(str(path)) as container:
        name = container.streams.audio[0].codec_context.name
        return name, b"".join(bytes(packet) for packet in container.demux(audio=0) if packet.size)


def copy(reader: VideoReader, path: Path) -> list[str]:
    """Write what is read as it is; returns the notes."""
    writer = open_writer(path, reader)
    for item in reader.read():
        if isinstance(item, Frame):
            writer.write(item.pixels[0], item)
        else:
            writer.write_sound([item])
    writer.close()
    return writer.notes


def psnr(a: Tensor, b: Tensor) -> float:
    return float(-10 * (a - b).square().mean().log10())


# --- times, size, sound -----------------------------------------------------------------------


@pytest.mark.parametrize("times", [STEADY, UNSTEADY], ids=["steady", "unsteady"])
@pytest.mark.parametrize(
    ("name", "codec", "kind"),
    [
        ("out.mp4", None, "h264"),
        ("out.mp4", "h265", "hevc"),
        ("out.mov", "prores", "prores"),
        ("out.mkv", None, "h264"),
        ("out.webm", None, "vp9"),
    ],
)
def test_times_stay(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    times: list[int],
    name: str,
    codec: str | None,
    kind: str,
) -> None:
    result = stylize_video(tiny, make_clip(times=times), tmp_path / name, style, codec=codec)
    assert (result.frames, result.width, result.height) == (10, 64, 48)
    assert result.complete
    assert not result.notes
    with av.open(str(tmp_path / name)) as container:
        assert container.streams.video[0].codec_context.name == kind
    expected = [(time - times[0]) * CLOCK for time in times]
    if name.endswith((".mp4", ".mov")):
        assert times_of(tmp_path / name) == expected
        if times is STEADY or codec == "prores":  # reordered frames of unsteady length are vague
            length = float((times[-1] - times[0] + 512) * CLOCK)
            assert length_of(tmp_path / name) == pytest.approx(length, abs=1e-4)
    else:  # Matroska counts milliseconds
        for got, time in zip(times_of(tmp_path / name), expected, strict=True):
            assert abs(got - time) <= Fraction(1, 1000)
    assert not list(tmp_path.glob("*.partial*"))


@pytest.mark.parametrize("start", [-0.9, 36000])
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_times_count_from_the_first_picture_or_sound(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    start: float,
    name: str,
) -> None:
    # A recording from ten hours on, and one from shortly before its clock of 33 bits begins anew.
    plain, moved = make_clip("clip.ts", sound="aac"), tmp_path / "moved.ts"
    with av.open(str(plain)) as source, av.open(str(moved), "w") as container:
        streams = [container.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                packet.dts += round((start - 1.4) / packet.time_base) % 2**33
                packet.pts += round((start - 1.4) / packet.time_base) % 2**33
                container.mux(packet)
    for clip in (plain, moved):
        stylize_video(tiny, clip, tmp_path / f"{clip.stem}-{name}", style)
    got, expected = tmp_path / f"moved-{name}", tmp_path / f"clip-{name}"
    assert len(times_of(got)) == 10
    assert times_of(got) == times_of(expected)
    assert min(times_of(got)) < 0.1 and length_of(got) == length_of(expected) < 0.5
    np.testing.assert_array_equal(waves_of(got), waves_of(plain))


def test_a_picture_later_than_its_sound_stays_so(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip(times=UNSTEADY, sound="aac", chapters={"one": (0, 2)})
    stylize_video(tiny, clip, tmp_path / "out.mp4", style)
    assert times_of(tmp_path / "out.mp4") == [time * CLOCK for time in UNSTEADY]


def test_chapters_count_from_the_first_picture_or_sound(
    make_clip: Callable[..., Path],
) -> None:
    chapters = {"before": (0, 40), "one": (45, 52), "two": (52, 53)}
    clip = make_clip("clip.mkv", [5 * 15360 + time for time in STEADY], chapters=chapters)
    assert chapters_of(clip) == {"one": pytest.approx((0, 0.2)), "two": pytest.approx((0.2, 0.3))}


@pytest.mark.parametrize("name", ["clip.mkv", "clip.ts"])
def test_the_last_picture_stays(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    # Ten frames a second in a file that says 1/30 s for each, or nothing: the last ones,
    # reordered, end early.
    for count in range(8, 13):
        times = [1536 * number for number in range(count)]
        clip, out = make_clip(name, times), tmp_path / f"{count}.mp4"
        stylize_video(tiny, clip, out, style)
        assert len(times_of(out)) == count
        start = times_of(clip)[0]
        assert times_of(out) == [time - start for time in times_of(clip)]


@pytest.mark.parametrize("after", [1, 2, 3, 5])
@pytest.mark.parametrize(
    ("name", "codec"),
    [("out.mp4", "h264"), ("out.mp4", "h265"), ("out.mov", None), ("out.mkv", None)],
)
def test_a_pause_shortly_before_the_end(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    name: str,
    codec: str | None,
    after: int,
) -> None:
    # 20 seconds; in MP4 the time to the next packet is not that to the next picture.
    times = STEADY + [512 * (610 + number) for number in range(after)]
    clip, out = make_clip(times=times), tmp_path / name
    result = stylize_video(tiny, clip, out, style, codec=codec)
    assert result.complete
    pictures = frames_of(out)
    assert [float(frame.time) for frame in pictures] == pytest.approx(
        [float(time * CLOCK) for time in times], abs=1e-3
    )
    assert length_of(out) == pytest.approx(float((times[-1] + 512) * CLOCK), abs=2e-3)
    if name == "out.mkv":  # here a picture's own
        assert float(pictures[9].duration * pictures[9].time_base) == pytest.approx(
            601 / 30, abs=2e-3
        )


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webm"])
def test_a_pause_counts_once_where_mp4_gives_it_to_the_last_picture(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    times = [512 * number for number in [*range(11), 611, 612]]
    # Every other picture is decoded after the one that it precedes, the last but one, too.
    clip = make_clip(times=times, options={"bf": "1", "x264-params": "b-adapt=0"})
    last = frames_of(clip)[-1]
    assert last.duration * last.time_base > 20
    with VideoReader(clip) as reader:
        durations = [frame.duration * reader.time_base for frame in reader]
    assert durations[0] == durations[-1] == Fraction(1, 30)
    stylize_video(tiny, clip, tmp_path / name, style)
    assert len(frames_of(tmp_path / name)) == 13
    assert length_of(tmp_path / name) == pytest.approx(613 / 30, abs=2e-3)


@pytest.mark.parametrize(
    ("size", "options", "written", "pixel_format"),
    [
        ((64, 48), {}, (64, 48), "yuv420p"),
        ((63, 47), {}, (63, 47), "yuv444p"),
        ((63, 47), {"chroma": "420"}, (62, 46), "yuv420p"),
        ((64, 48), {"chroma": "444"}, (64, 48), "yuv444p"),
        ((64, 48), {"content_size": 33}, (44, 33), "yuv444p"),
    ],
)
def test_sizes(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    size: tuple[int, int],
    options: dict[str, Any],
    written: tuple[int, int],
    pixel_format: str,
) -> None:
    clip = make_clip("clip.webm", STEADY[:3], size, "libvpx-vp9")
    result = stylize_video(tiny, clip, tmp_path / "out.mp4", style, **options)
    frame = frames_of(tmp_path / "out.mp4")[0]
    assert (frame.width, frame.height) == (result.width, result.height) == written
    assert frame.format.name == pixel_format
    odd = written[0] % 2 or written[1] % 2
    assert [("odd size" in note) for note in result.notes] == [True] * bool(odd)


@pytest.mark.parametrize(("name", "codec"), [("out.webm", "vp9"), ("out.mov", "prores")])
def test_odd_sizes_of_other_codecs(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    name: str,
    codec: str,
) -> None:
    clip = make_clip("clip.webm", STEADY[:2], (63, 47), "libvpx-vp9")
    stylize_video(tiny, clip, tmp_path / name, style, codec=codec)
    assert [(f.width, f.height) for f in frames_of(tmp_path / name)] == [(63, 47)] * 2


def test_sound_is_copied(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip(sound="aac")
    stylize_video(tiny, clip, tmp_path / "out.mp4", style)
    assert sound_of(tmp_path / "out.mp4") == sound_of(clip)


def test_sound_is_encoded_anew_where_it_must_be(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    result = stylize_video(tiny, make_clip(sound="aac"), tmp_path / "out.webm", style)
    assert "does not take aac sound; it is encoded as opus" in result.notes[0]
    copy, sound = waves_of(tmp_path / "out.webm"), waves_of(tmp_path / "clip.mp4")
    assert copy.shape[1] == pytest.approx(sound.shape[1], abs=2048)
    assert np.abs(copy).max() == pytest.approx(np.abs(sound).max(), abs=0.1)


@pytest.mark.parametrize(
    ("codec", "kept"),
    [
        ("ac3", {".mp4", ".mov", ".mkv"}),
        ("flac", {".mp4", ".mkv"}),
        ("libopus", {".mp4", ".mkv"}),
        ("mp2", {".mkv"}),
        ("pcm_s16le", {".mov", ".mkv"}),
        ("pcm_f32le", {".mov", ".mkv"}),
    ],
)
def test_sound_is_copied_where_it_plays_for_sure(
    make_clip: Callable[..., Path], tmp_path: Path, codec: str, kept: set[str]
) -> None:
    clip = make_clip("clip.mkv", sound=codec)
    kind, sound = sound_of(clip)
    for suffix in (".mp4", ".mov", ".mkv"):
        out = tmp_path / f"out{suffix}"
        with VideoReader(clip) as reader:
            notes = copy(reader, out)
        assert sound_of(out)[0] == (kind if suffix in kept else "aac")
        assert (sound_of(out)[1] == sound) is (suffix in kept)
        assert waves_of(out).size > 0.8 * waves_of(clip).size
        assert len(notes) == (suffix not in kept)
        assert len(frames_of(out)) == 10


def test_damaged_sound_that_is_encoded_anew_is_told(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip("clip.mkv", sound="mp2")
    sound = sound_of(clip)[1]
    content = clip.read_bytes()
    mark = content.index(sound[:64])
    clip.write_bytes(content[:mark] + bytes(4) + content[mark + 4 :])
    result = stylize_video(tiny, clip, tmp_path / "out.mp4", style)
    assert [note.split(": ")[1] for note in result.notes] == [
        ".mp4 does not take mp2 sound; it is encoded as aac",
        "1 damaged sound packet(s) are left out",
    ]


@pytest.mark.parametrize("name", ["out.mkv", "out.webm"])
def test_titles_of_sound_tracks_stay(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    clip = make_clip("clip.mkv", sound="mp2", title="Remarks")
    stylize_video(tiny, clip, tmp_path / name, style)
    with av.open(str(tmp_path / name)) as container:
        sound = container.streams.audio[0]
        assert sound.metadata["title"] == "Remarks"
        if name == "out.mkv":  # WebM has no such flag
            assert sound.disposition & av.stream.Disposition.comment


@pytest.mark.parametrize(
    ("layout", "rate", "output", "written", "note"),
    [
        ("5.1", 192000, "out.mp4", 96000, "encoded as aac, its 6 channels mixed to two"),
        ("stereo", 22050, "out.webm", 24000, "encoded as opus"),
    ],
)
def test_sound_of_many_channels_and_samples(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    layout: str,
    rate: int,
    output: str,
    written: int,
    note: str,
) -> None:
    with av.open(str(tmp_path / "sound.mov"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout=layout)
        wave = np.ones((1, stream.channels * rate // 3), np.int16)
        part = av.AudioFrame.from_ndarray(wave, format="s16", layout=layout)
        part.sample_rate, part.pts = rate, 0
        container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    clip = join(tmp_path / "clip.mov", make_clip(), tmp_path / "sound.mov")
    result = stylize_video(tiny, clip, tmp_path / output, style)
    assert [told.endswith(note) for told in result.notes] == [True]
    with av.open(str(tmp_path / output)) as container:
        stream = container.streams.audio[0]
        assert stream.channels == 2
        if output == "out.mp4":  # Opus says 48000 always
            assert stream.rate == written
    assert waves_of(tmp_path / output).shape[1] > 0


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
def test_sound_of_a_transport_stream_is_copied(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    clip = make_clip("clip.ts", sound="aac")
    result = stylize_video(tiny, clip, tmp_path / name, style)
    assert result.frames == 10 and result.complete and not result.notes
    np.testing.assert_array_equal(waves_of(tmp_path / name), waves_of(clip))
    # Headers of 7 bytes (ADTS) in every packet there, one description of all here.
    kind, sound = sound_of(tmp_path / name)
    assert (kind, sound_of(clip)[1][:2], sound[:2] == b"\xff\xf1") == ("aac", b"\xff\xf1", False)
    with av.open(str(tmp_path / name)) as container:
        assert container.streams.audio[0].codec_context.extradata


@pytest.mark.parametrize("after", [4, None], ids=["amid", "end"])
def test_a_track_that_appears_later_does_not_end_the_video(
    make_clip: Callable[..., Path], after: int | None
) -> None:
    class Surprised:
        """PyAV's ``demux`` with a list of streams that is shorter than the file's by then."""

        def __init__(self, container: Any) -> None:
            self.container, self.demuxed = container, 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self.container, name)

        def demux(self, *streams: Any) -> Any:
            self.demuxed += 1
            packets = self.container.demux(*streams)
            if self.demuxed == 1:
                yield from itertools.islice(packets, after)
                raise IndexError("list index out of range")
            yield from packets

    with VideoReader(make_clip("clip.ts", sound="aac")) as reader:
        reader._container = Surprised(reader._container)
        frames = list(reader)
        assert reader._container.demuxed == 2
        assert (len(frames), reader.complete, reader.notes) == (10, True, [])


def test_damaged_sound_of_a_transport_stream_is_left_out(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip("clip.ts", sound="aac", times=[512 * number for number in range(30)])
    content, sound = bytearray(clip.read_bytes()), sound_of(clip)[1]
    marks = [match.start() for match in re.finditer(rb"\xff\xf1", content)]
    for mark in marks[len(marks) // 2 :][:3]:
        content[mark : mark + 2] = bytes(2)
    clip.write_bytes(content)
    result = stylize_video(tiny, clip, tmp_path / "out.mp4", style)
    assert result.frames == 30 and result.complete
    [note] = result.notes
    assert re.search(r"out\.mp4: \d damaged sound packet\(s\) are left out$", note)
    assert len(sound) / 2 < len(sound_of(tmp_path / "out.mp4")[1]) < len(sound)
    assert len(frames_of(tmp_path / "out.mp4")) == 30


def test_sound_of_an_unknown_kind_is_left_out(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip(sound="aac")
    # Apple's spatial audio: another name, and no description in the way of AAC.
    content = clip.read_bytes().replace(b"mp4a", b"apac").replace(b"esds", b"free")
    clip.write_bytes(content)
    result = stylize_video(tiny, clip, tmp_path / "out.mp4", style)
    assert result.frames == 10 and result.complete
    assert [note.split(": ")[1][:36] for note in result.notes] == [
        "1 sound track(s) of a kind that FFmp"
    ]
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not container.streams.audio


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
def test_chapters_stay(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    clip = make_clip(chapters={"one": (0, 1), "two": (1, 3)})  # in tenths of a second
    stylize_video(tiny, clip, tmp_path / name, style)
    assert chapters_of(tmp_path / name) == {
        "one": pytest.approx((0, 0.1)),
        "two": pytest.approx((0.1, 0.3)),
    }


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
@pytest.mark.parametrize(
    ("clip", "timecode", "kept"),
    [
        ("clip.mov", "01:00:00:12", True),
        ("clip.mkv", "10:00:00;02", True),
        ("clip.mkv", "tomorrow", False),
    ],
)
def test_the_timecode_stays(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    clip: str,
    timecode: str,
    kept: bool,
    name: str,
) -> None:
    result = stylize_video(tiny, make_clip(clip, timecode=timecode), tmp_path / name, style)
    with VideoReader(tmp_path / name) as reader:
        assert reader.timecode == (timecode if kept else None)
    left_out = f"{tmp_path / name}: the timecode {timecode} is left out"
    assert result.notes == [left_out] * (not kept)
    assert len(frames_of(tmp_path / name)) == 10
    assert length_of(tmp_path / name) == pytest.approx(1 / 3, abs=2e-3)


def test_numbers_are_skipped_at_30_and_60_frames_a_second_alone(
    make_clip: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with VideoReader(make_clip("clip.mkv", STEADY[:2], timecode="00:00:00;00")) as reader:
        monkeypatch.setattr(VideoReader, "rate", Fraction(25))
        [note] = copy(reader, tmp_path / "out.mov")
    assert note.endswith("the timecode 00:00:00;00 is left out")


def test_subtitles_are_left_out(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = join(tmp_path / "clip.mkv", make_clip(), words_until(tmp_path / "words.srt", 1))
    result = stylize_video(tiny, clip, tmp_path / "out.mkv", style)
    assert result.notes == [f"{tmp_path / 'out.mkv'}: 1 subtitle track(s) are left out"]
    assert result.frames == 10 and result.complete


def test_frames_of_other_sizes_become_as_large_as_the_first(
    tiny: AdaINModel, style: Style, tmp_path: Path, picture: Callable[..., Tensor]
) -> None:
    for number, (height, width) in enumerate([(48, 64), (96, 128), (40, 40)]):
        array = (picture(height, width, seed=1)[0] * 255).byte().permute(1, 2, 0).numpy()
        PIL.Image.fromarray(array).save(tmp_path / f"{number}.png")
    result = stylize_video(tiny, tmp_path / "%d.png", tmp_path / "out.mkv", style, alpha=0)
    assert (result.width, result.height, result.frames) == (64, 48, 3)
    assert [note.split(": ")[1] for note in result.notes] == [
        "frame 1 is 128x96, the first is 64x48; frames of another size are resized to the first "
        "one's"
    ]
    drawn = pixels_of(tmp_path / "out.mkv")
    for number, pixels in enumerate(drawn):
        with PIL.Image.open(tmp_path / f"{number}.png") as image:
            array = np.array(image)
        alone = tiny.stylize(
            torch.from_numpy(array).permute(2, 0, 1)[None], style, alpha=0, output_dtype=torch.uint8
        )
        expected = torch.nn.functional.interpolate(
            alone.float() / 255, (48, 64), mode="bilinear", antialias=True
        )
        assert psnr(pixels, expected) > 20


def test_gif(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip(sound="aac", times=[1536 * number for number in range(4)])
    result = stylize_video(tiny, clip, tmp_path / "out.gif", style, temporal="frame")
    assert "no sound" in result.notes[0]
    assert times_of(tmp_path / "out.gif") == [Fraction(number, 10) for number in range(4)]
    for drawn, frame in zip(pixels_of(tmp_path / "out.gif"), pixels_of(clip), strict=True):
        assert psnr(drawn, tiny.stylize(frame, style)) > 22  # 256 colours, dithered


@pytest.mark.parametrize(
    ("times", "written"),
    [
        # 60 frames a second, in hundredths of a second: 0, 2, 3, 5, 7, 8, …
        ([256 * number for number in range(11)], [0, 2, 5, 7, 10, 12, 15, 17]),
        ([154 * number for number in range(7)], [0, 2, 4, 6]),  # 100 a second
        ([307 * number for number in range(5)], [0, 2, 4, 6, 8]),  # 50
        # What stays comes a little later instead, and so does the last one.
        ([0, 154, 15360, 15514, 15667, 15821], [0, 2, 100, 102, 104]),
    ],
    ids=["60", "100", "50", "unsteady"],
)
def test_a_gif_has_no_frames_too_short_for_browsers(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    times: list[int],
    written: list[int],
) -> None:
    clip, out = make_clip(times=times), tmp_path / "out.gif"
    result = stylize_video(tiny, clip, out, style)
    assert [time * 100 for time in times_of(out)] == written
    assert (result.frames, result.complete) == (len(written), True)
    lost = len(times) - len(written)
    note = f"{out}: a GIF shows at most 50 frames a second; {lost} frame(s) are left out"
    assert result.notes == [note] * (lost > 0)


def test_numbered_pictures_out_and_in(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip, pattern = make_clip(), tmp_path / "frames" / "a%03d.png"
    stylize_video(tiny, clip, pattern, style, temporal="frame")
    assert sorted(p.name for p in pattern.parent.iterdir()) == [f"a{i:03d}.png" for i in range(10)]
    for drawn, frame in zip(pixels_of(pattern), pixels_of(clip), strict=True):
        torch.testing.assert_close(drawn, tiny.stylize(frame, style), rtol=0, atol=0.6 / 255)
    with pytest.raises(VideoFileError, match=r"a000\.png exists"):
        stylize_video(tiny, clip, pattern, style)


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [("%d.png", [9, 10, 11]), ("%04d.png", [1001, 1002]), ("a%02db.png", [98, 99, 100, 101])],
)
def test_pictures_are_numbered_from_any_number_on(
    tmp_path: Path, picture: Callable[..., Tensor], pattern: str, numbers: list[int]
) -> None:
    for number in numbers:
        save(tmp_path / (pattern % number), picture(8, 8, seed=number)[0])
    # Not of the sequence: another number of digits, another name.
    save(tmp_path / "00007.png", picture(8, 8)[0])
    save(tmp_path / "5.jpg", picture(8, 8)[0])
    drawn = pixels_of(tmp_path / pattern)
    assert len(drawn) == len(numbers)
    for pixels, number in zip(drawn, numbers, strict=True):
        torch.testing.assert_close(pixels, picture(8, 8, seed=number), rtol=0, atol=0.6 / 255)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ([0, 1, 3, 4], "got 0 to 4, of which frame 2 is missing; add"),
        ([7, 8, 12], "got 7 to 12, of which frame 9 and 2 more are missing; add"),
    ],
)
def test_a_gap_among_numbered_pictures_is_refused(
    tiny: AdaINModel,
    style: Style,
    tmp_path: Path,
    picture: Callable[..., Tensor],
    numbers: list[int],
    message: str,
) -> None:
    for number in numbers:
        save(tmp_path / f"{number:03d}.png", picture(8, 8)[0])
    with pytest.raises(VideoFileError, match=message):
        stylize_video(tiny, tmp_path / "%03d.png", tmp_path / "out.mp4", style)
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("options", "rate"),
    [([], 25), (["--fps", "24000/1001"], Fraction(24000, 1001)), (["--fps", "12.5"], 12.5)],
)
def test_the_rate_of_numbered_pictures(
    run: Callable[..., int],
    artworks: list[Path],
    tmp_path: Path,
    picture: Callable[..., Tensor],
    options: list[str],
    rate: float | Fraction,
) -> None:
    for number in range(4):
        save(tmp_path / f"{number}.png", picture(32, 32)[0])
    out = tmp_path / "out.mp4"
    assert run(tmp_path / "%d.png", "-o", out, "--style", artworks[0], *options) == 0
    assert times_of(out) == [number / Fraction(rate) for number in range(4)]


@pytest.mark.parametrize(
    ("name", "rate", "message"),
    [
        ("clip.mp4", "24", "fps is for numbered pictures, .* got fps=24 with"),
        ("%d.png", "0", "fps must be above 0, .* got 0"),
        ("%d.png", "soon", "expected frames a second such as 24 or 24000/1001, got 'soon'"),
        ("%d.png", "24/0", "expected frames a second such as 24 or 24000/1001, got '24/0'"),
    ],
)
def test_wrong_rates(
    run: Callable[..., int],
    artworks: list[Path],
    capsys: pytest.CaptureFixture[str],
    name: str,
    rate: str,
    message: str,
) -> None:
    with contextlib.suppress(SystemExit):
        assert run(name, "-o", "o.mp4", "--style", artworks[0], "--fps", rate) == 2
    assert re.search(message, capsys.readouterr().err)


def test_pictures_that_are_not_there(tmp_path: Path) -> None:
    for pattern in (tmp_path / "%d.png", tmp_path / "none" / "%d.png"):
        with pytest.raises(VideoFileError, match="there is no such file"):
            VideoReader(pattern)


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P"])
def test_transparency_is_told(
    tiny: AdaINModel, style: Style, tmp_path: Path, picture: Callable[..., Tensor], kind: str
) -> None:
    clear, opaque = tmp_path / "clear%d.png", tmp_path / "opaque%d.png"
    for number, pattern in [(0, opaque), (1, opaque), (0, clear), (1, clear)]:
        pixels = torch.cat((picture(32, 32, seed=1)[0], torch.ones(1, 32, 32)))
        if number == 1 and pattern is clear:
            pixels[3, :8] = 0.5
        save(tmp_path / (pattern.name % number), pixels, kind)
    for pattern, notes in ((opaque, []), (clear, [f"{clear}: transparency is left out"])):
        result = stylize_video(tiny, pattern, tmp_path / f"{pattern.stem[:-2]}.mp4", style)
        assert (result.frames, result.complete, result.notes) == (2, True, notes)


def test_transparency_of_webm_is_told(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "clip.webm"), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva420p"
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 4), 100, np.uint8), format="rgba")
        container.mux(stream.encode(frame.reformat(format="yuva420p")))
        container.mux(stream.encode(None))
    with VideoReader(tmp_path / "clip.webm") as reader:
        assert len(list(reader)) == 1
        assert reader.notes == [f"{tmp_path / 'clip.webm'}: transparency is left out"]
        assert reader.complete


@pytest.mark.parametrize("name", ["2024-05-01T12:30:45.mp4", "a:b.gif", "12:%04d.png"])
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_names_with_a_colon(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    clip = make_clip(times=[1536 * number for number in range(3)])
    monkeypatch.chdir(tmp_path)
    stylize_video(tiny, clip, name, style)
    assert stylize_video(tiny, name, Path("a:gain.mkv"), style).frames == 3
    assert len(frames_of(tmp_path / "a:gain.mkv")) == 3


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("clip.mp4", "file:clip.mp4"),
        ("12:30.mp4", "file:12:30.mp4"),
        (Path("12:30/%04d.png"), f"file:{Path('12:30/%04d.png')}"),
        ("C:\\films\\a.mp4", "file:C:\\films\\a.mp4"),
        ("https://example.org/a.mp4", "https://example.org/a.mp4"),
        ("file:a.mp4", "file:a.mp4"),
        ("pipe:0", "pipe:0"),
        ("fd:", "fd:"),
        ("concat:a.ts|b.ts", "concat:a.ts|b.ts"),
        ("subfile,,start,32,end,0,,:a.ts", "subfile,,start,32,end,0,,:a.ts"),
        ("data:video/mp4;base64,AAAA", "data:video/mp4;base64,AAAA"),
        ("pipe.mp4", "file:pipe.mp4"),
        ("data:.mp4", "data:.mp4"),
        (Path("pipe:0"), "file:pipe:0"),
        (Path("file:a.mp4"), "file:file:a.mp4"),
    ],
)
def test_names_for_ffmpeg(path: str | Path, url: str) -> None:
    assert file_url(path) == url


def test_addresses_that_are_no_files(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip, out = make_clip("clip.ts"), tmp_path / "out.mp4"
    content = base64.b64encode(clip.read_bytes()).decode()
    (tmp_path / "behind.bin").write_bytes(bytes(1000) + clip.read_bytes())
    with clip.open("rb") as file:
        for address, frames in (
            (f"pipe:{file.fileno()}", 10),
            (f"concat:{clip}|{clip}", 20),
            (f"subfile,,start,1000,end,0,,:{tmp_path / 'behind.bin'}", 10),
            (f"data:video/mp2t;base64,{content}", 10),
        ):
            assert stylize_video(tiny, address, out, style, overwrite=True).frames == frames
            assert len(frames_of(out)) == frames


# --- colours ----------------------------------------------------------------------------------


@pytest.mark.parametrize("matrix", [1, 6, 9], ids=["709", "601", "2020"])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
def test_a_frame_equals_the_same_picture(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    picture: Callable[..., Tensor],
    tmp_path: Path,
    matrix: int,
    full: bool,
) -> None:
    clip = make_clip(times=STEADY[:3], color=Color(matrix, full))
    original = picture(48, 64 + 6, seed=1)[..., :64]
    assert psnr(pixels_of(clip)[0], original) > 38
    stylize_video(
        tiny, clip, tmp_path / "out.mp4", style, quality=0, chroma="444", temporal="frame"
    )
    for drawn, frame in zip(pixels_of(tmp_path / "out.mp4"), pixels_of(clip), strict=True):
        expected = tiny.stylize(frame, style)
        # What rounding to 8 bits of YCbCr leaves.
        assert (drawn - expected).abs().max() < 4 / 255
        assert psnr(drawn, expected) > 48
    frame = frames_of(tmp_path / "out.mp4")[0]
    assert (frame.colorspace, frame.color_range) == (matrix, 2 if full else 1)


def test_untagged_small_videos_are_bt601(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    stylize_video(tiny, make_clip(), tmp_path / "out.mp4", style)
    frame = frames_of(tmp_path / "out.mp4")[0]
    assert (frame.colorspace, frame.color_range) == (6, 1)


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_rotation_is_applied(make_clip: Callable[..., Path], rotation: int) -> None:
    turned, plain = pixels_of(make_clip("turned.mp4", rotation=rotation)), pixels_of(make_clip())
    assert psnr(turned[0], torch.rot90(plain[0], rotation // 90, (2, 3))) > 50


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((-1, 0, 0, 1), lambda pixels: pixels.flip(3)),
        ((1, 0, 0, -1), lambda pixels: pixels.flip(2)),
        ((0, 1, 1, 0), lambda pixels: pixels.transpose(2, 3)),
        ((0, -1, -1, 0), lambda pixels: pixels.rot90(2, (2, 3)).transpose(2, 3)),
    ],
    ids=["horizontal", "vertical", "turned", "turned back"],
)
def test_a_mirrored_video_is_mirrored(
    make_clip: Callable[..., Path],
    matrix: tuple[int, ...],
    expected: Callable[[Tensor], Tensor],
) -> None:
    clip = make_clip(times=STEADY[:2])
    plain = pixels_of(clip)[0]
    start, place = b"", clip.read_bytes().index(b"tkhd") + 44  # of the track's head
    for row in (matrix[:2], matrix[2:]):
        start += b"".join((number << 16).to_bytes(4, "big", signed=True) for number in row)
        start += bytes(4)
    content = clip.read_bytes()
    clip.write_bytes(content[:place] + start + content[place + len(start) :])
    assert torch.equal(pixels_of(clip)[0], expected(plain))


@pytest.mark.parametrize(
    ("transfer", "grays"),
    [(18, {0: 0, 0.5: 115, 0.75: 173, 1: 254}), (16, {0: 0, 0.5: 125, 0.75: 206, 1: 255})],
    ids=["hlg", "pq"],
)
def test_hdr_becomes_sdr(tmp_path: Path, transfer: int, grays: dict[float, int]) -> None:
    """A little darker below white, so that highlights are not cut off."""
    clip = tmp_path / "clip.mp4"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx265", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_range = 9, 1
        context.color_primaries, context.color_trc = 9, transfer
        for signal in grays:
            frame = av.VideoFrame(64, 48, "yuv420p10le")
            values = (round(64 + 876 * signal), 512, 512)
            for plane, value in zip(frame.planes, values, strict=True):
                plane.update(np.full(plane.buffer_size // 2, value, np.uint16).tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with VideoReader(clip) as reader:
        pixels = torch.cat([frame.pixels for frame in reader])
        assert reader.color == Color(1, False, 1, 1)
        assert reader.notes == [f"{clip}: HDR (PQ or HLG) is converted to SDR"]
    expected = torch.tensor(list(grays.values()))[:, None, None, None].expand(pixels.shape)
    torch.testing.assert_close(pixels, expected.to(pixels.dtype), rtol=0, atol=4)


def test_wide_colours_alone_are_no_hdr(make_clip: Callable[..., Path]) -> None:
    with VideoReader(make_clip(times=STEADY[:2], color=Color(9, False, 9, 14))) as reader:
        assert len(list(reader)) == 2
        assert (reader.color.transfer, reader.notes) == (14, [])


@pytest.mark.parametrize("times", [STEADY, UNSTEADY], ids=["steady", "unsteady"])
@pytest.mark.parametrize("rotation", [0, 90])
def test_interlaced_pictures_are_deinterlaced(
    make_clip: Callable[..., Path], times: list[int], rotation: int
) -> None:
    """As many frames as before at the same times, without combs."""
    options = {"x264-params": "tff=1"}
    plain = make_clip(times=times, rotation=rotation)
    clip = make_clip("fields.mp4", times, rotation=rotation, options=options, fields=8)
    with VideoReader(plain) as expected, VideoReader(clip) as reader:
        for one, other in itertools.zip_longest(expected, reader):
            assert one.pixels.shape == other.pixels.shape
            assert (one.number, one.pts, one.duration) == (other.number, other.pts, other.duration)
        assert expected.notes == []
        assert reader.notes == [f"{clip}: interlaced pictures are deinterlaced"]

    def combs(rows: np.ndarray) -> float:
        """How much rows differ from those around them."""
        return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())

    woven = frames_of(clip)[5].to_ndarray(format="rgb24").astype(float)
    [drawn] = pixels_of(clip)[5].permute(0, 2, 3, 1).numpy() * 255
    assert combs(drawn.swapaxes(0, 1) if rotation else drawn) < combs(woven) / 4


# --- styles over time, masks ------------------------------------------------------------------


def test_keyframes(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    picture: Callable[..., Tensor],
    tmp_path: Path,
) -> None:
    other = tiny.encode_style(picture(32, 32, seed=8))
    clip, pattern = make_clip(), tmp_path / "%d.png"
    keyframes = [Keyframe(2, style), Keyframe(6, other, alpha=0.5)]
    stylize_video(tiny, clip, pattern, keyframes=keyframes, temporal="frame")
    drawn = pixels_of(pattern)
    for number, share in ((0, 0), (2, 0), (3, 0.25), (5, 0.75), (9, 1)):
        expected = tiny.stylize(
            pixels_of(clip)[number],
            [style, other],
            weights=[1 - share, share],
            alpha=1 - share / 2,
        )
        torch.testing.assert_close(drawn[number], expected, rtol=0, atol=1 / 255)


def test_masks_still_and_moving(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip, mask, pattern = make_clip(), make_clip("mask.mp4"), tmp_path / "%d.png"
    left = torch.zeros(48, 64)
    left[:, :32] = 1
    result = stylize_video(tiny, clip, pattern, style, masks=[left], temporal="frame")
    assert not result.notes
    torch.testing.assert_close(
        pixels_of(pattern)[3][..., 32:], pixels_of(clip)[3][..., 32:], rtol=0, atol=0.6 / 255
    )
    stylize_video(tiny, clip, pattern, style, masks=[mask], temporal="frame", overwrite=True)
    red, green, blue = pixels_of(mask)[4][0]
    expected = tiny.stylize(
        pixels_of(clip)[4], style, masks=[0.299 * red + 0.587 * green + 0.114 * blue]
    )
    torch.testing.assert_close(pixels_of(pattern)[4], expected, rtol=0, atol=1 / 255)


def test_a_mask_of_each_frame(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    """Softened at the picture's size, and the last one for the frames after it."""
    clip, pattern = make_clip(), tmp_path / "%d.png"
    masks = torch.zeros(8, 6, 8)
    for number, mask in enumerate(masks):
        mask[:, : number + 1] = 1
    options = {"temporal": "frame", "feather": 3}
    result = stylize_video(tiny, clip, pattern, style, masks=[masks], **options)
    assert result.notes == [
        "a mask has 8 frames, the video 10: its last frame was used for the rest"
    ]
    drawn = pixels_of(pattern)
    for number, mask in ((0, 0), (5, 5), (9, 7)):
        soft = feather_mask(resize_mask(masks[mask, None, None], (48, 64)), 3)
        expected = tiny.stylize(pixels_of(clip)[number], style, masks=[soft])
        torch.testing.assert_close(drawn[number], expected, rtol=0, atol=1 / 255)


def test_a_still_mask_is_softened_once(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the size of the pictures that are drawn."""
    sizes = []

    def soften(mask: Tensor, radius: int) -> Tensor:
        sizes.append(tuple(mask.shape))
        return feather_mask(mask, radius)

    monkeypatch.setattr("adain_core.video.masks.feather_mask", soften)
    left, pattern = torch.eye(6, 8), tmp_path / "%d.png"
    options = {"masks": [left], "feather": 2, "content_size": 24}
    stylize_video(tiny, make_clip(), pattern, style, temporal="frame", **options)
    assert sizes == [(1, 1, 24, 32)]
    expected = tiny.stylize(pixels_of(make_clip())[3], style, **options)
    torch.testing.assert_close(pixels_of(pattern)[3], expected, rtol=0, atol=1 / 255)


@pytest.mark.parametrize("kind", ["video", "tensor"])
@pytest.mark.parametrize(
    ("count", "message"),
    [(4, "has 4 frames, the video 10: its last"), (12, "more frames than the video's 10")],
)
def test_a_mask_of_another_length_is_told(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    kind: str,
    count: int,
    message: str,
) -> None:
    mask: Any = torch.ones(count, 2, 2)
    if kind == "video":
        mask = make_clip("mask.mp4", [512 * number for number in range(count)])
    result = stylize_video(tiny, make_clip(), tmp_path / "out.mp4", style, masks=[mask])
    assert result.frames == 10
    [note] = result.notes
    assert message in note


# --- a part of it -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "numbers"),
    [(0.1, 0.2, [3, 4, 5]), (0.29, None, [9]), (0, 0.05, [0, 1]), (0.3, 9, [9])],
)
def test_a_part_is_drawn_as_in_the_whole(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    picture: Callable[..., Tensor],
    tmp_path: Path,
    start: float,
    end: float | None,
    numbers: list[int],
) -> None:
    """Keyframes, masks and the pictures' numbers count from the whole's first frame."""
    other = tiny.encode_style(picture(32, 32, seed=8))
    options: dict[str, Any] = {
        "keyframes": [Keyframe(0, style), Keyframe(9, other, alpha=0.5)],
        "masks": [make_clip("mask.mp4")],
        "temporal": "frame",
    }
    clip, told, watched = make_clip(), [], []
    stylize_video(tiny, clip, tmp_path / "%d.png", **options)
    result = stylize_video(
        tiny,
        clip,
        tmp_path / "part-%d.png",
        start=start,
        end=end,
        progress=lambda *counts: told.append(counts),
        watch=watched.append,
        **options,
    )
    assert (result.frames, result.complete, result.notes) == (len(numbers), True, [])
    assert told == [(number + 1, len(numbers)) for number in range(len(numbers))]
    part = sorted(file.name for file in tmp_path.glob("part-*"))
    assert part == [f"part-{number}.png" for number in numbers]
    for number, shown in zip(numbers, watched, strict=True):
        whole = tmp_path / f"{number}.png"
        assert (tmp_path / f"part-{number}.png").read_bytes() == whole.read_bytes()
        assert torch.equal(images.load_image(whole)[0], images.to_tensor(shown)[0])


@pytest.mark.parametrize("times", [STEADY, UNSTEADY], ids=["steady", "unsteady"])
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
@pytest.mark.parametrize(("kind", "sound"), [("mkv", "aac"), ("mkv", "pcm_s16le"), ("ts", "aac")])
def test_times_and_sound_of_a_part(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    times: list[int],
    name: str,
    kind: str,
    sound: str,
) -> None:
    clip, start, end = make_clip(f"clip.{kind}", times, sound=sound), 0.1, 0.25
    stylize_video(tiny, clip, tmp_path / "whole.mp4", style)
    result = stylize_video(tiny, clip, tmp_path / name, style, start=start, end=end)
    assert result.complete
    expected = [time - start for time in map(float, times_of(tmp_path / "whole.mp4"))]
    expected = [time for time in expected if -1e-4 < time < end - start - 1e-4]
    assert list(map(float, times_of(tmp_path / name))) == pytest.approx(expected, abs=2e-3)
    assert length_of(tmp_path / name) == pytest.approx(end - start, abs=0.03)  # a packet of sound
    moments, wave = timed_sound_of(tmp_path / name)
    assert 0 <= moments[0] < 0.03 and end - start - 0.03 < moments[-1] < end - start + 0.03
    if name == "out.mp4":  # Matroska's milliseconds are coarse for a wave
        expected_wave = np.interp(moments + start, *timed_sound_of(tmp_path / "whole.mp4"))
        # But for the first packets, which a decoder needs to start. Encoded twice it is 0.79.
        assert np.corrcoef(wave[2048:], expected_wave[2048:])[0, 1] > 0.7


def test_sound_that_comes_after_the_pictures_in_the_file(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    times = [512 * number for number in range(90)]
    source, clip = make_clip("source.mp4", times, sound="aac"), tmp_path / "clip.mkv"
    # Written as they come: the pictures first, then all of the sound.
    at_once = {"max_interleave_delta": "1"}
    with av.open(str(source)) as old, av.open(str(clip), "w", container_options=at_once) as new:
        streams = [new.add_stream_from_template(stream) for stream in old.streams]
        packets = [packet for packet in old.demux() if packet.size]
        for packet in sorted(packets, key=lambda packet: packet.stream.index):
            packet.stream = streams[packet.stream.index]
            new.mux(packet)
    with VideoReader(clip, Part(0.1, 0.2)) as reader:
        items = list(reader.read())
        assert [frame.number for frame in items[:3]] == [3, 4, 5]
        heard = [float(packet.pts * packet.time_base) for packet in items[3:]]
    assert heard == pytest.approx([0.007, 0.028, 0.049, 0.071, 0.092], abs=2e-3)


def test_chapters_and_timecode_of_a_part(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    chapters = {"before": (0, 1), "one": (1, 2), "two": (2, 3), "after": (3, 4)}
    clip = make_clip("clip.mkv", chapters=chapters, timecode="01:00:00:00")
    out = tmp_path / "out.mkv"
    result = stylize_video(tiny, clip, out, style, start=0.15, end=0.25)
    assert result.notes == [f"{clip}: the timecode is left out, which is that of its start"]
    with VideoReader(out) as reader:
        assert reader.timecode is None
    assert chapters_of(out) == {
        "one": pytest.approx((0, 0.05), abs=1e-3),
        "two": pytest.approx((0.05, 0.1), abs=1e-3),
    }
    assert stylize_video(tiny, clip, out, style, end=0.2, overwrite=True).notes == []


def test_parts_that_are_not_there(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip, out = make_clip(), tmp_path / "out.mp4"
    with pytest.raises(VideoFileError, match=r"from 2.50 s on, its last one is at 0.30 s"):
        stylize_video(tiny, clip, out, style, start=2.5)
    with pytest.raises(VideoFileError, match=r"from 0.01 s on, its next one is at 0.03 s"):
        stylize_video(tiny, clip, out, style, start=0.01, end=0.02)
    for start, end in ((-1, None), (2, 2), (2, 1), (float("nan"), None)):
        with pytest.raises(ValueError, match="0 <= start < end, got"):
            stylize_video(tiny, clip, out, style, start=start, end=end)
    assert not out.exists()


# --- bad input, interruptions -----------------------------------------------------------------


class StopError(Exception):
    pass


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webm", "out.gif", "%d.png"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, StopError])
def test_an_interruption_leaves_what_is_drawn(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    name: str,
    error: type[BaseException],
) -> None:
    def progress(done: int, total: int | None) -> None:
        assert total == 10
        if done == 6:
            raise error

    threads = threading.active_count()
    raised = error if error is KeyboardInterrupt else VideoFileError
    with pytest.raises(raised, match="holds the first 6 frames"):
        stylize_video(tiny, make_clip(), tmp_path / name, style, progress=progress)
    assert len(frames_of(tmp_path / name)) == 6
    assert threading.active_count() == threads
    assert not list(tmp_path.glob("*.partial*"))


@pytest.mark.parametrize("error", [SystemExit, asyncio.CancelledError])
def test_the_end_of_the_program_stays_what_it_is(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    error: type[BaseException],
) -> None:
    def progress(done: int, total: int | None) -> None:
        if done == 6:
            raise error

    with pytest.raises(error):
        stylize_video(tiny, make_clip(), tmp_path / "out.mp4", style, progress=progress)
    assert len(frames_of(tmp_path / "out.mp4")) == 6


def test_nothing_is_left_of_a_failure_at_the_first_frame(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "out.mp4").write_bytes(b"old")
    with pytest.raises(ValueError, match="tile"):
        stylize_video(tiny, make_clip(), tmp_path / "out.mp4", style, tile=1, overwrite=True)
    assert (tmp_path / "out.mp4").read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "out.mp4"}


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_full_disk(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    name: str,
) -> None:
    resource = pytest.importorskip("resource")
    clip = make_clip(times=[512 * number for number in range(60)])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(VideoFileError, match=r"cannot write .*too large; ") as raised:
            stylize_video(tiny, clip, tmp_path / name, style, quality=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    kept = len(pixels_of(tmp_path / name))
    assert 0 < kept < 60
    assert "holds about the first" in str(raised.value)
    told = int(str(raised.value).split("first ")[1].split()[0])
    assert kept <= told <= kept + 8  # the last ones may refer to one that is lost


@pytest.mark.parametrize("name", ["clip.mkv", "clip.ts"])
def test_a_truncated_video(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    clip = make_clip(name, times=[1536 * number for number in range(40)])
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    result = stylize_video(tiny, clip, tmp_path / "out.mp4", style)
    assert 5 < result.frames < 40
    assert len(frames_of(tmp_path / "out.mp4")) == result.frames
    if name == "clip.mkv":  # a transport stream does not say how long it should be
        assert not result.complete
        assert "is cut off" in result.notes[0]


@pytest.mark.parametrize("tagged", [True, False])
@pytest.mark.parametrize(
    ("name", "other"), [("clip.mkv", "words"), ("clip.mkv", "video"), ("clip.mp4", "video")]
)
def test_a_stream_that_is_not_read_may_last_longer(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    name: str,
    other: str,
    tagged: bool,
) -> None:
    longer = (
        words_until(tmp_path / "words.srt", 5)
        if other == "words"
        else make_clip("longer.mp4", [1536 * number for number in range(40)])
    )
    clip = join(tmp_path / name, make_clip("short.mp4"), longer)
    assert length_of(clip) > 3.9
    if not tagged:
        clip.write_bytes(clip.read_bytes().replace(b"DURATION", b"duratiox"))
    result = stylize_video(tiny, clip, tmp_path / "out.mp4", style)
    assert (result.frames, result.complete) == (10, True)
    assert not any("cut off" in note for note in result.notes)


@pytest.mark.parametrize(
    ("tagged", "words", "noticed"),
    [(True, True, True), (False, False, True), (True, False, True), (False, True, False)],
)
def test_a_truncated_matroska_file_beside_other_streams(
    make_clip: Callable[..., Path], tmp_path: Path, tagged: bool, words: bool, noticed: bool
) -> None:
    pictures = make_clip(times=[1536 * number for number in range(40)])
    beside = [words_until(tmp_path / "words.srt", 9)] if words else []
    clip = join(tmp_path / "clip.mkv", pictures, *beside)
    content = clip.read_bytes()[: clip.stat().st_size // 2]
    clip.write_bytes(content if tagged else content.replace(b"DURATION", b"duratiox"))
    with VideoReader(clip) as reader:
        assert 5 < len(list(reader)) < 40
        assert reader.complete is not noticed
        assert [" of 3.9 seconds could be read" in note for note in reader.notes] == (
            [True] * noticed
        )


def test_a_matroska_file_that_starts_late_is_whole(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip("clip.mkv", times=[5 * 15360 + time for time in STEADY])
    # Its length, from 0 to the end, as the head alone says it.
    clip.write_bytes(clip.read_bytes().replace(b"DURATION", b"duratiox"))
    assert length_of(clip) == pytest.approx(5.333, abs=2e-3)
    with VideoReader(clip) as reader:
        assert len(list(reader)) == 10
        assert (reader.complete, reader.notes) == (True, [])


def test_a_length_tag_may_have_outlived_a_cut(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("clip.mkv")
    content = clip.read_bytes()
    assert content.count(b"00:00:00.333") == 1
    clip.write_bytes(content.replace(b"00:00:00.333", b"00:00:09.333"))
    with VideoReader(clip) as reader:
        assert reader.expected_frames == 10
        assert len(list(reader)) == 10
        assert (reader.complete, reader.notes) == (True, [])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "not a video that FFmpeg knows"),
        (b"no video at all", "not a video that FFmpeg knows"),
    ],
)
def test_what_is_no_video(
    tiny: AdaINModel, style: Style, tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(VideoFileError, match=message):
        stylize_video(tiny, tmp_path / "clip.mp4", tmp_path / "out.mp4", style)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("frames", "got a folder"),
        ("frames/*.png", "no such file"),
        ("frames/f####.png", "no such file"),
    ],
)
def test_folders_and_wildcards_are_no_videos(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "frames").mkdir()
    with pytest.raises(VideoFileError, match=message) as raised:
        VideoReader(tmp_path / name)
    assert "a pattern such as frames/%06d.png" in str(raised.value)


def test_an_mp4_without_its_end(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip()
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    with pytest.raises(VideoFileError, match="index is missing"):
        stylize_video(tiny, clip, tmp_path / "out.mp4", style)


def test_no_video_stream_and_no_frames(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        part = av.AudioFrame.from_ndarray(np.zeros((2, 4096), np.float32), format="fltp")
        part.sample_rate = 48000
        container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    with pytest.raises(VideoFileError, match="no video stream"):
        stylize_video(tiny, tmp_path / "sound.mp4", tmp_path / "out.mp4", style)
    clip = make_clip("empty.mkv", times=[])
    with pytest.raises(VideoFileError, match="ends before its first frame"):
        stylize_video(tiny, clip, tmp_path / "out.mp4", style)
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [
        ("out.avi", {}, "expected a file name ending in"),
        ("out", {}, "got 'none'"),
        ("out.webm", {"codec": "prores"}, r"name the output \.mov or \.mkv, or choose vp9"),
        ("out.mp4", {"codec": "av1"}, "codec must be one of"),
        ("out.png", {}, "place of its number"),
        ("%d-%d.png", {}, "place of its number, once"),
        ("out.m4v", {"codec": "h265"}, "m4v does not take h265"),
        ("out.mp4", {"quality": 52}, "0 .best. to 51, got 52"),
        ("out.gif", {"quality": 5}, "no quality setting"),
        ("out.mov", {"codec": "prores", "chroma": "420"}, "chroma of prores must be 422 or 444"),
        ("out.mp4", {"temporal": "mean"}, "temporal must be"),
        ("out.mp4", {"weights": [1, 2]}, "weights must be 1"),
        ("out.mp4", {"masks": [torch.ones(4, 4)] * 2}, "one mask for each style"),
        ("out.mp4", {"feather": 2}, "feather needs masks, got 2 pixels and none"),
        ("out.mp4", {"keyframes": []}, "styles .* or keyframes, not both"),
    ],
)
def test_wrong_arguments(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    output: str,
    options: dict[str, Any],
    message: str,
) -> None:
    clip = make_clip(times=STEADY[:2])
    with pytest.raises(ValueError, match=message):
        stylize_video(tiny, clip, tmp_path / output, style, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_alpha_belongs_to_the_keyframes(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"give each Keyframe its alpha, .* got alpha=0\.5"):
        stylize_video(
            tiny,
            make_clip(times=STEADY[:2]),
            tmp_path / "out.mp4",
            keyframes=[Keyframe(0, style)],
            alpha=0.5,
        )


def test_outputs_that_cannot_be(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip(times=STEADY[:2])
    done, left = tmp_path / "done.mp4", tmp_path / "later.mp4"
    for path in (done, tmp_path / "later.partial.mp4"):
        path.write_bytes(b"old")
    (tmp_path / "folder.mp4").mkdir()
    for output, overwrite, message in (
        (tmp_path / "none" / "out.mp4", False, "there is no folder"),
        (clip, False, "clip.mp4 is the video that is read"),
        (clip, True, "clip.mp4 is the video that is read"),
        (done, False, "the file exists"),
        (left, False, "later.partial.mp4, what an earlier run left of it, exists"),
        (tmp_path / "folder.mp4", True, "a folder has that name"),
    ):
        with pytest.raises(VideoFileError, match=message):
            stylize_video(tiny, clip, output, style, overwrite=overwrite)
    assert len(frames_of(clip)) == 2
    assert done.read_bytes() == (tmp_path / "later.partial.mp4").read_bytes() == b"old"


def test_a_video_with_the_name_of_an_unfinished_one(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip("clip.partial.mp4", times=STEADY[:2])
    for overwrite in (False, True):
        with pytest.raises(VideoFileError, match=r"clip\.partial\.mp4 is the video that is read"):
            stylize_video(tiny, clip, tmp_path / "clip.mp4", style, overwrite=overwrite)
    assert len(frames_of(clip)) == 2


def test_what_an_earlier_run_left_is_replaced_when_asked(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip, left = make_clip(times=STEADY[:2]), tmp_path / "out.partial.mp4"
    left.write_bytes(b"old")
    stylize_video(tiny, clip, tmp_path / "out.mp4", style, overwrite=True)
    assert len(frames_of(tmp_path / "out.mp4")) == 2 and not left.exists()


def test_pictures_are_not_written_among_others(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tmp_path / "frames"
    stylize_video(tiny, make_clip(times=STEADY[:3]), folder / "%d.png", style)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    again = folder / ".." / "frames" / "%d.png"
    for overwrite in (False, True):
        with pytest.raises(VideoFileError, match="these are the pictures that are read"):
            stylize_video(tiny, folder / "%d.png", again, style, overwrite=overwrite)
    (folder / "0.png").unlink()  # FFmpeg itself numbers from 1
    with pytest.raises(VideoFileError, match=r"1\.png exists"):
        stylize_video(tiny, make_clip(times=STEADY[:1]), folder / "%d.png", style)
    del before["0.png"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_output_that_cannot_be_replaced_is_told(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def replace(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    clip, out = make_clip(), tmp_path / "out.mp4"
    out.write_bytes(b"open in a player")
    monkeypatch.setattr(Path, "replace", replace)
    told = r"Permission denied; .*out\.partial\.mp4 holds (about )?the first 10 frames"
    with pytest.raises(VideoFileError, match=told):
        stylize_video(tiny, clip, out, style, overwrite=True)
    assert out.read_bytes() == b"open in a player"
    assert len(frames_of(tmp_path / "out.partial.mp4")) == 10


# --- the command ------------------------------------------------------------------------------


@pytest.fixture
def run(tiny_path: Path) -> Callable[..., int]:
    def run(*arguments: object) -> int:
        words = [str(argument) for argument in arguments]
        where = ["--device", "cpu", "--dtype", "fp32"]  # "auto" is bf16 on some processors
        return main(["video", *words, "--model", str(tiny_path), *where])

    return run


@pytest.fixture
def artworks(tmp_path: Path, picture: Callable[..., Tensor]) -> list[Path]:
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for seed, path in enumerate(paths):
        array = (picture(32, 32, seed=seed)[0] * 255).byte().permute(1, 2, 0).numpy()
        PIL.Image.fromarray(array).save(path)
    return paths


def test_command(
    run: Callable[..., int],
    make_clip: Callable[..., Path],
    artworks: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    tiny: AdaINModel,
) -> None:
    clip, out = make_clip(), tmp_path / "%d.png"
    options = ["--style", *artworks, "--style-weights", 3, 1, "--alpha", 0.5, "--temporal", "frame"]
    assert run(clip, "-o", out, *options, "--preserve-color", "luminance") == 0
    assert "(64x48, 10 frames, " in capsys.readouterr().out
    expected = tiny.stylize(
        pixels_of(clip)[2], artworks, weights=[3, 1], alpha=0.5, preserve_color="luminance"
    )
    torch.testing.assert_close(pixels_of(out)[2], expected, rtol=0, atol=1 / 255)


def test_recoloured_artworks_are_read_once(
    make_clip: Callable[..., Path],
    artworks: list[Path],
    tmp_path: Path,
    tiny: AdaINModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read, calls = images.read_image_file, []

    def counted(path: Path, **options: bool) -> object:
        calls.append(path)
        return read(path, **options)

    monkeypatch.setattr(images.tensors, "read_image_file", counted)
    clip, out = make_clip(), tmp_path / "%d.png"
    options: dict[str, Any] = {"preserve_color": "mean_std", "style_size": 24}
    stylize_video(tiny, clip, out, artworks, temporal="frame", **options)
    assert calls == artworks
    expected = tiny.stylize(pixels_of(clip)[2], artworks, **options)
    torch.testing.assert_close(pixels_of(out)[2], expected, rtol=0, atol=1 / 255)


def test_command_with_keyframes_and_masks(
    run: Callable[..., int],
    make_clip: Callable[..., Path],
    artworks: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    tiny: AdaINModel,
) -> None:
    a, b = artworks
    tiny.encode_style(b).save(tmp_path / "b.safetensors")
    PIL.Image.fromarray(np.full((4, 4), 255, np.uint8)).save(tmp_path / "white.png")
    clip, out = make_clip(), tmp_path / "%d.png"
    keyframes = [
        *("--keyframe", f"0={a},{b},weights=3:1"),
        *("--keyframe", f"0.2s={tmp_path / 'b.safetensors'},alpha=0.5"),
    ]
    mask = ["--mask", tmp_path / "white.png"]
    assert run(clip, "-o", out, *keyframes, *mask, "--temporal", "frame", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["frames"], result["width"], result["complete"]) == (10, 64, True)
    expected = tiny.stylize(
        pixels_of(clip)[3], Style.mix([tiny.encode_style(p) for p in artworks], [3, 5]), alpha=0.75
    )
    torch.testing.assert_close(pixels_of(out)[3], expected, rtol=0, atol=1 / 255)


def test_command_with_a_part(
    run: Callable[..., int], make_clip: Callable[..., Path], artworks: list[Path], tmp_path: Path
) -> None:
    clip, style = make_clip(), ["--style", artworks[0]]
    assert run(clip, "-o", tmp_path / "%d.png", *style, "--start", "0:0:00.1", "--end", 0.2) == 0
    assert {path.name for path in tmp_path.glob("?.png")} >= {"3.png", "4.png", "5.png"}
    assert not (tmp_path / "2.png").exists() and not (tmp_path / "6.png").exists()


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7), ("12.5", 12.5), ("1:02", 62), ("2:00:01.5", 7201.5)]
)
def test_moments(text: str, seconds: float) -> None:
    assert _seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1", "5s", "1:2:3:4", "1.5:00", "nan"])
def test_no_moments(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected seconds"):
        _seconds(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "expected --style or --keyframe"),
        (["--style", "a.png", "--keyframe", "0=a.png"], "not both"),
        (["--keyframe", "soon=a.png"], "expected a keyframe such as"),
        (["--keyframe", "0="], "expected a keyframe such as"),
        (["--keyframe", "0=a.png", "--preserve-color", "coral"], "use --preserve-color luminance"),
        (["--style", "a.png", "--background", "b.png"], "--background needs --mask"),
    ],
)
def test_command_refuses(
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    assert run("clip.mp4", "-o", "out.mp4", *options) == 2
    assert message in capsys.readouterr().err


def test_command_tells_what_an_interruption_leaves(
    run: Callable[..., int],
    make_clip: Callable[..., Path],
    artworks: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw, calls = AdaINModel.stylize, iter([True] * 4)

    def interrupted(*args: Any, **options: Any) -> Tensor:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return draw(*args, **options)

    monkeypatch.setattr(AdaINModel, "stylize", interrupted)
    out = tmp_path / "out.mp4"
    assert run(make_clip(), "-o", out, "--style", artworks[0]) == 130
    assert f"interrupted; {out} holds the first 4 frames" in capsys.readouterr().err
    assert len(frames_of(out)) == 4


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ("sys.modules['av'] = None", "videos need the package av (PyAV): "),
        (
            "import av; av.__version__ = '17.0.1'",
            "videos need version 17.1 of PyAV or a later one, got 17.0.1: ",
        ),
    ],
    ids=["none", "old"],
)
def test_without_pyav_one_sentence_says_what_to_install(before: str, message: str) -> None:
    code = (
        f"import sys; {before}; from adain_core.cli import main;"
        "sys.exit(main(['video', 'a.mp4', '-o', 'b.mp4', '--style', 'c.png']))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert message + 'install it with: python -m pip install "av>=17.1"' in line


@pytest.mark.parametrize(
    ("read", "output"),
    [("m.mp4", "m.mp4"), ("out.partial.mp4", "out.mp4"), ("0007.png", "%04d.png")],
)
def test_other_files_that_are_read_are_not_replaced(
    tiny: AdaINModel,
    style: Style,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    read: str,
    output: str,
) -> None:
    clip, file = make_clip(times=STEADY[:2]), tmp_path / read
    PIL.Image.new("RGB", (16, 16), "grey").save(tmp_path / "grey.png")
    if read.endswith("png"):
        (tmp_path / "grey.png").rename(file)
        options: dict[str, Any] = {"styles": file}
        command = ["--style", str(file)]
    else:
        make_clip(read, times=STEADY[:2])
        options = {"styles": style, "masks": [file]}
        command = ["--style", str(tmp_path / "grey.png"), "--mask", str(file)]
    before = file.read_bytes()
    with pytest.raises(VideoFileError, match=f"cannot write .*: {re.escape(str(file))} is read"):
        stylize_video(tiny, clip, tmp_path / output, overwrite=True, **options)
    assert main(["video", str(clip), *command, "-o", str(tmp_path / output), "--overwrite"]) != 0
    assert file.read_bytes() == before


def test_masks_of_numpy_and_in_one_tensor(
    tiny: AdaINModel, style: Style, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip(times=STEADY[:2])
    left = torch.zeros(6, 8)
    left[:, :4] = 1
    masks = torch.stack([left, 1 - left])
    for name, given in (("a.mkv", list(masks)), ("b.mkv", masks), ("c.mkv", [*masks.numpy()])):
        stylize_video(tiny, clip, tmp_path / name, [style, style], masks=given)
    drawn = [frames_of(tmp_path / name) for name in ("a.mkv", "b.mkv", "c.mkv")]
    for frames in drawn[1:]:
        for frame, expected in zip(frames, drawn[0], strict=True):
            np.testing.assert_array_equal(frame.to_ndarray(), expected.to_ndarray())
