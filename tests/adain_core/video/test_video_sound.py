"""Sound: copied, encoded anew, damaged."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import Clips, copy, frames_of, join, sound_of, waves_of

from adain_core.video import VideoReader


def test_sound_is_copied(clips: Clips, tmp_path: Path) -> None:
    clip = clips.make(sound="aac")
    clips.stylize(clip, "out.mp4")
    assert sound_of(tmp_path / "out.mp4") == sound_of(clip)


def test_sound_is_encoded_anew_where_it_must_be(clips: Clips, tmp_path: Path) -> None:
    result = clips.stylize(clips.make(sound="aac"), "out.webm")
    assert "does not take aac sound; it is encoded as opus" in result.notes[0]
    anew, sound = waves_of(tmp_path / "out.webm"), waves_of(tmp_path / "clip.mp4")
    assert anew.shape[1] == pytest.approx(sound.shape[1], abs=2048)
    assert np.abs(anew).max() == pytest.approx(np.abs(sound).max(), abs=0.1)


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
    clips: Clips, tmp_path: Path, codec: str, kept: set[str]
) -> None:
    clip = clips.make("clip.mkv", sound=codec)
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


def test_damaged_sound_that_is_encoded_anew_is_reported(clips: Clips) -> None:
    clip = clips.make("clip.mkv", sound="mp2")
    sound = sound_of(clip)[1]
    content = clip.read_bytes()
    mark = content.index(sound[:64])
    clip.write_bytes(content[:mark] + bytes(4) + content[mark + 4 :])
    result = clips.stylize(clip, "out.mp4")
    assert [note.split(": ")[1] for note in result.notes] == [
        ".mp4 does not take mp2 sound; it is encoded as aac",
        "1 damaged sound packet(s) are left out",
    ]


@pytest.mark.parametrize("name", ["out.mkv", "out.webm"])
def test_titles_of_sound_tracks_stay(clips: Clips, tmp_path: Path, name: str) -> None:
    clip = clips.make("clip.mkv", sound="mp2", title="Remarks")
    clips.stylize(clip, name)
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
    clips: Clips, tmp_path: Path, layout: str, rate: int, output: str, written: int, note: str
) -> None:
    with av.open(str(tmp_path / "sound.mov"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout=layout)
        wave = np.ones((1, stream.channels * rate // 3), np.int16)
        part = av.AudioFrame.from_ndarray(wave, format="s16", layout=layout)
        part.sample_rate, part.pts = rate, 0
        container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    clip = join(tmp_path / "clip.mov", clips.make(), tmp_path / "sound.mov")
    result = clips.stylize(clip, output)
    assert [told.endswith(note) for told in result.notes] == [True]
    with av.open(str(tmp_path / output)) as container:
        stream = container.streams.audio[0]
        assert stream.channels == 2
        if output == "out.mp4":  # Opus says 48000 always
            assert stream.rate == written
    assert waves_of(tmp_path / output).shape[1] > 0


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
def test_sound_of_a_transport_stream_is_copied(clips: Clips, tmp_path: Path, name: str) -> None:
    clip = clips.make("clip.ts", sound="aac")
    result = clips.stylize(clip, name)
    assert result.frames == 10 and result.complete and not result.notes
    np.testing.assert_array_equal(waves_of(tmp_path / name), waves_of(clip))
    # Headers of 7 bytes (ADTS) in every packet there, one description of all here.
    kind, sound = sound_of(tmp_path / name)
    assert (kind, sound_of(clip)[1][:2], sound[:2] == b"\xff\xf1") == ("aac", b"\xff\xf1", False)
    with av.open(str(tmp_path / name)) as container:
        assert container.streams.audio[0].codec_context.extradata


def test_damaged_sound_of_a_transport_stream_is_left_out(clips: Clips, tmp_path: Path) -> None:
    clip = clips.make("clip.ts", sound="aac", times=[512 * number for number in range(30)])
    content, sound = bytearray(clip.read_bytes()), sound_of(clip)[1]
    marks = [match.start() for match in re.finditer(rb"\xff\xf1", content)]
    for mark in marks[len(marks) // 2 :][:3]:
        content[mark : mark + 2] = bytes(2)
    clip.write_bytes(content)
    result = clips.stylize(clip, "out.mp4")
    assert result.frames == 30 and result.complete
    [note] = result.notes
    assert re.search(r"out\.mp4: \d damaged sound packet\(s\) are left out$", note)
    assert len(sound) / 2 < len(sound_of(tmp_path / "out.mp4")[1]) < len(sound)
    assert len(frames_of(tmp_path / "out.mp4")) == 30


def test_sound_of_an_unknown_kind_is_left_out(clips: Clips, tmp_path: Path) -> None:
    clip = clips.make(sound="aac")
    # Apple's spatial audio: another name, and no description in the way of AAC.
    content = clip.read_bytes().replace(b"mp4a", b"apac").replace(b"esds", b"free")
    clip.write_bytes(content)
    result = clips.stylize(clip, "out.mp4")
    assert result.frames == 10 and result.complete
    assert [note.split(": ")[1][:36] for note in result.notes] == [
        "1 sound track(s) of a kind that FFmp"
    ]
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not container.streams.audio


@pytest.mark.parametrize("after", [4, None], ids=["amid", "end"])
def test_a_track_that_appears_later_does_not_end_the_video(
    clips: Clips, monkeypatch: pytest.MonkeyPatch, after: int | None
) -> None:
    """PyAV goes on with a list of streams that is shorter than the file's by then."""

    class Surprised:
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

    surprised = Surprised(av.open(str(clips.make("clip.ts", sound="aac"))))
    monkeypatch.setattr(av, "open", lambda *arguments, **options: surprised)
    with VideoReader(clips.folder / "clip.ts") as reader:
        assert len(list(reader)) == 10
        assert (surprised.demuxed, reader.complete, reader.notes) == (2, True, [])
