"""Files that are damaged or no videos."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from clips import STEADY, Clips, frames_of, join, length_of, words_until

from adain_core.errors import VideoFileError
from adain_core.video import VideoReader


@pytest.mark.parametrize("name", ["clip.mkv", "clip.ts"])
def test_a_truncated_video_is_stylized_up_to_the_cut(
    clips: Clips, tmp_path: Path, name: str
) -> None:
    clip = clips.make(name, times=[1536 * number for number in range(40)])
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    result = clips.stylize(clip, "out.mp4")
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
    clips: Clips, tmp_path: Path, name: str, other: str, tagged: bool
) -> None:
    longer = (
        words_until(tmp_path / "words.srt", 5)
        if other == "words"
        else clips.make("longer.mp4", [1536 * number for number in range(40)])
    )
    clip = join(tmp_path / name, clips.make("short.mp4"), longer)
    assert length_of(clip) > 3.9
    if not tagged:
        clip.write_bytes(clip.read_bytes().replace(b"DURATION", b"duratiox"))
    result = clips.stylize(clip, "out.mp4")
    assert (result.frames, result.complete) == (10, True)
    assert not any("cut off" in note for note in result.notes)


@pytest.mark.parametrize(
    ("tagged", "words", "noticed"),
    [(True, True, True), (False, False, True), (True, False, True), (False, True, False)],
)
def test_a_truncated_matroska_file_beside_other_streams(
    clips: Clips, tmp_path: Path, tagged: bool, words: bool, noticed: bool
) -> None:
    video = clips.make(times=[1536 * number for number in range(40)])
    beside = [words_until(tmp_path / "words.srt", 9)] if words else []
    clip = join(tmp_path / "clip.mkv", video, *beside)
    content = clip.read_bytes()[: clip.stat().st_size // 2]
    clip.write_bytes(content if tagged else content.replace(b"DURATION", b"duratiox"))
    with VideoReader(clip) as reader:
        assert 5 < len(list(reader)) < 40
        assert reader.complete is not noticed
        assert [" of 3.9 seconds could be read" in note for note in reader.notes] == (
            [True] * noticed
        )


def test_a_matroska_file_that_starts_late_is_whole(clips: Clips) -> None:
    clip = clips.make("clip.mkv", times=[5 * 15360 + time for time in STEADY])
    # Its length, from 0 to the end, as the head alone says it.
    clip.write_bytes(clip.read_bytes().replace(b"DURATION", b"duratiox"))
    assert length_of(clip) == pytest.approx(5.333, abs=2e-3)
    with VideoReader(clip) as reader:
        assert len(list(reader)) == 10
        assert (reader.complete, reader.notes) == (True, [])


def test_an_outdated_length_tag_does_not_make_a_file_incomplete(clips: Clips) -> None:
    clip = clips.make("clip.mkv")
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
        (b"", "it is empty$"),
        (b"no video at all", "not a video that FFmpeg knows"),
    ],
)
def test_files_without_video_are_refused(
    clips: Clips, tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(VideoFileError, match=message):
        clips.stylize(tmp_path / "clip.mp4", "out.mp4")


@pytest.mark.parametrize("name", ["frames/*.png", "frames/f####.png"])
def test_wildcards_are_no_videos(tmp_path: Path, name: str) -> None:
    (tmp_path / "frames").mkdir()
    with pytest.raises(VideoFileError, match="no such file") as raised:
        VideoReader(tmp_path / name)
    assert "a pattern such as frames/%06d.png" in str(raised.value)


def test_an_mp4_without_its_end(clips: Clips) -> None:
    clip = clips.make()
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    with pytest.raises(VideoFileError, match="index is missing"):
        clips.stylize(clip, "out.mp4")


def test_no_video_stream_and_no_frames(clips: Clips, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        part = av.AudioFrame.from_ndarray(np.zeros((2, 4096), np.float32), format="fltp")
        part.sample_rate = 48000
        container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    with pytest.raises(VideoFileError, match="no video stream"):
        clips.stylize(tmp_path / "sound.mp4", "out.mp4")
    clip = clips.make("empty.mkv", times=[])
    with pytest.raises(VideoFileError, match="ends before its first frame"):
        clips.stylize(clip, "out.mp4")
    assert not (tmp_path / "out.mp4").exists()
