"""Going on with an interrupted video."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
import torch
from clips import Clips, pixels_of, psnr, sound_of, times_of
from torch import Tensor

from adain_core.errors import OptionError, VideoFileError
from adain_core.video import Keyframe

# 12 frames a second: a keyframe after every 24 frames.
TIMES = [1280 * number for number in range(60)]
OUTPUTS = [
    ("out.mp4", "h264"),
    ("out.mp4", "h265"),
    ("out.mp4", "vp9"),
    ("out.mov", "prores"),
    ("out.mkv", "h264"),
    ("out.mkv", "h265"),
    ("out.webm", "vp9"),
    ("frames/%d.png", "png"),
]


@pytest.fixture
def clip(clips: Clips) -> Path:
    """Five seconds with sound."""
    return clips.make("clip.mkv", TIMES, sound="aac", rate=12)


class FrameRecorder:
    """The frames of a run that stops after some, or has a call made there."""

    def __init__(self, at: int = 0, call: Callable[[], object] | None = None) -> None:
        self.frames: dict[int, Tensor] = {}
        self._at, self._call = at, call

    def __call__(self, done: int, total: int | None, frame: Tensor) -> None:
        self.frames[done - 1] = frame
        if done == self._at:
            if self._call is None:
                raise KeyboardInterrupt
            self._call()


def interrupted(clips: Clips, clip: Path, name: str, at: int, **options: Any) -> FrameRecorder:
    recorder = FrameRecorder(at)
    frames = "1 frame" if at == 1 else f"{at} frames"
    with pytest.raises(KeyboardInterrupt, match=f"holds the first {frames}$"):
        clips.stylize(clip, name, progress=recorder, **options)
    return recorder


def packets_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize(
    ("name", "codec", "temporal"), [(*each, "ema") for each in OUTPUTS] + [(*OUTPUTS[0], "window")]
)
def test_the_join_equals_an_uninterrupted_run(
    clips: Clips, clip: Path, tmp_path: Path, name: str, codec: str, temporal: str
) -> None:
    options = {"codec": codec, "temporal": temporal}
    out, whole, expected = tmp_path / name, tmp_path / "whole" / name, FrameRecorder()
    whole.parent.mkdir(parents=True)
    clips.stylize(clip, whole, progress=expected, **options)

    before = interrupted(clips, clip, name, 40, **options).frames
    left = [] if codec == "png" else packets_of(out.with_stem("out.partial"))
    after = FrameRecorder()
    result = clips.stylize(clip, out, progress=after, resume=True, **options)
    assert (result.frames, result.complete) == (60, True)
    assert sorted(after.frames) == list(range(24, 60))
    for number, frame in expected.frames.items():
        both = [run[number] for run in (before, after.frames) if number in run]
        assert both and all(torch.equal(frame, each) for each in both)

    assert times_of(out) == times_of(whole)
    for one, other in zip(pixels_of(out), pixels_of(whole), strict=True):
        assert torch.equal(one, other) if codec in ("png", "prores") else psnr(one, other) > 28
    if codec != "png":
        assert len(left) == 40 and packets_of(out)[:24] == left[:24]
        assert sound_of(out) == sound_of(whole)
        with av.open(str(out)) as one, av.open(str(whole)) as other:
            streams = one.streams.video[0], other.streams.video[0]
            for name in ("average_rate", "duration", "time_base"):
                assert getattr(streams[0], name) == getattr(streams[1], name)
            assert one.duration == other.duration
    assert not list(tmp_path.rglob("*.partial*")) and not list(tmp_path.rglob("*.resumed*"))


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "codec", "twice"),
    [
        *(("out.mp4", "h264", False), ("out.mp4", "h265", True), ("out.mkv", "h264", True)),
        *(("out.mov", "prores", False), ("out.webm", "vp9", False), ("frames/%d.png", "png", True)),
    ],
)
def test_a_killed_run_is_resumed(
    clips: Clips, tmp_path: Path, name: str, codec: str, twice: bool
) -> None:
    """What is on the disk after some frames is what a killed process leaves."""
    clip = clips.make("clip.mkv", [1280 * number for number in range(140)], rate=12)
    left, out = tmp_path / "left", tmp_path / "out"
    (out / name).parent.mkdir(parents=True)

    def kill() -> None:
        shutil.rmtree(left, ignore_errors=True)
        shutil.copytree(out, left, ignore=shutil.ignore_patterns(".*"))

    expected, again, after = FrameRecorder(100, kill), FrameRecorder(125, kill), FrameRecorder()
    clips.stylize(clip, out / name, codec=codec, progress=expected)
    if twice:
        shutil.rmtree(out)
        shutil.copytree(left, out)
        clips.stylize(clip, out / name, codec=codec, resume=True, progress=again)
        assert 24 <= min(again.frames) < 100
    whole = pixels_of(out / name)
    result = clips.stylize(clip, left / name, codec=codec, resume=True, progress=after)
    assert (result.frames, result.complete) == (140, True)
    assert 24 <= min(after.frames) < 125 and min(after.frames) % 24 == 0
    for number, frame in after.frames.items():
        assert torch.equal(frame, expected.frames[number])
    for one, other in zip(pixels_of(left / name), whole, strict=True):
        assert torch.equal(one, other) if codec in ("png", "prores") else psnr(one, other) > 28
    assert times_of(left / name) == times_of(out / name)
    assert not list(left.rglob("*.partial*")) and not list(left.rglob("*.resumed*"))


def test_a_part_with_masks_and_keyframes_is_resumed(
    clips: Clips, clip: Path, tmp_path: Path
) -> None:
    other = clips.model.encode_style(clips.make_image(32, 32, seed=8))
    options: dict[str, Any] = {
        "masks": [clips.make("mask.mp4", TIMES)],
        "feather": 2,
        "keyframes": [Keyframe(0, clips.style), Keyframe(60, other, alpha=0.5)],
        "start": 0.5,
    }
    expected: list[Tensor] = []
    clips.stylize(clip, "whole.mp4", progress=lambda *told: expected.append(told[2]), **options)

    def stop(done: int, total: int | None, frame: Tensor) -> None:
        if done == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clips.stylize(clip, "out.mkv", progress=stop, **options)
    results: list[Tensor] = []
    clips.stylize(clip, "out.mkv", resume=True, progress=lambda *t: results.append(t[2]), **options)
    assert len(expected) == 54 and len(results) == 30
    for one, two in zip(results, expected[24:], strict=True):
        assert torch.equal(one, two)
    assert len(times_of(tmp_path / "out.mkv")) == 54


@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_an_odd_size_is_resumed(clips: Clips, tmp_path: Path, size: tuple[int, int]) -> None:
    clip = clips.make("clip.webm", TIMES, size, "libvpx-vp9", rate=12)
    interrupted(clips, clip, "out.mp4", 30, chroma="420")
    result = clips.stylize(clip, "out.mp4", resume=True, chroma="420")
    assert (result.width, result.height, result.frames) == (size[0] // 2 * 2, size[1] // 2 * 2, 60)


def test_an_older_film_is_replaced_as_the_interrupted_run_would_have(
    clips: Clips, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    out.write_bytes(b"older")
    interrupted(clips, clip, "out.mp4", 30, overwrite=True)
    assert out.read_bytes() == b"older"
    assert clips.stylize(clip, out, resume=True).frames == 60
    assert len(times_of(out)) == 60


def test_interrupted_again(clips: Clips, clip: Path, tmp_path: Path) -> None:
    interrupted(clips, clip, "out.mp4", 30)
    again = interrupted(clips, clip, "out.mp4", 52, resume=True)
    assert min(again.frames) == 24
    last = FrameRecorder()
    assert clips.stylize(clip, "out.mp4", resume=True, progress=last).frames == 60
    assert min(last.frames) == 48


def test_stopped_while_the_earlier_frames_are_copied(
    clips: Clips, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of the first run stays."""
    interrupted(clips, clip, "out.mp4", 30)
    before = files_of(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("adain_core.video.encoder.FrameEncoder.keep", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError) as raised:
            clips.stylize(clip, "out.mp4", resume=True)
    [note] = raised.value.__notes__
    assert note == f"{tmp_path / 'out.partial.mp4'} holds about the first 30 frames"
    assert files_of(tmp_path) == before
    assert clips.stylize(clip, "out.mp4", resume=True).frames == 60


@pytest.mark.parametrize("name", ["out.mp4", "frames/%d.png"])
def test_nothing_to_go_on_with(clips: Clips, clip: Path, name: str) -> None:
    recorder = FrameRecorder()
    assert clips.stylize(clip, name, resume=True, progress=recorder).frames == 60
    assert len(recorder.frames) == 60


@pytest.mark.parametrize(("name", "codec"), OUTPUTS)
def test_a_finished_output_is_kept(
    clips: Clips, clip: Path, tmp_path: Path, name: str, codec: str
) -> None:
    clips.stylize(clip, name, codec=codec)
    before, recorder = files_of(tmp_path), FrameRecorder()
    result = clips.stylize(clip, name, codec=codec, resume=True, progress=recorder)
    assert (result.frames, result.width, result.height, result.complete) == (60, 64, 48, True)
    [note] = result.notes
    assert f"{name} is finished already and is kept; its style and options are not known" in note
    assert not recorder.frames and files_of(tmp_path) == before


@pytest.mark.parametrize("name", ["out.mp4", "%d.png"])
def test_a_finished_part_is_kept(clips: Clips, tmp_path: Path, name: str) -> None:
    clip = clips.make("clip.mp4", [1280 * number for number in range(60)], sound="aac", rate=12)
    part = {"start": 1.0, "end": 2.5}
    assert clips.stylize(clip, name, **part).frames == 18
    assert clips.stylize(clip, name, resume=True, **part).frames == 18
    before = files_of(tmp_path)
    with pytest.raises(VideoFileError, match=r"it (ends at 1\.5 s, not at|has 18 images, not)"):
        clips.stylize(clip, name, resume=True)
    assert files_of(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "changed", "difference"),
    [
        ("out.mp4", {"codec": "h265"}, "it is h264, not h265"),
        ("out.mp4", {"chroma": "444"}, "its pixels are yuv420p, not yuv444p"),
        ("out.mp4", {"bit_depth": 10}, "its pixels are yuv420p, not yuv420p10le"),
        ("out.mp4", {"content_size": 32}, "it is 64x48, not 42x32"),
        ("%d.png", {"content_size": 32}, "it is 64x48, not 42x32"),
    ],
)
def test_a_finished_output_of_another_command_is_kept_with_an_error(
    clips: Clips,
    clip: Path,
    tmp_path: Path,
    name: str,
    changed: dict[str, Any],
    difference: str,
) -> None:
    clips.stylize(clip, name)
    before = files_of(tmp_path)
    message = f"finished, but not by the same command: {difference}; .* allow replacing it"
    with pytest.raises(VideoFileError, match=message) as raised:
        clips.stylize(clip, name, resume=True, **changed)
    assert raised.value.remedies == ("replace",)
    assert files_of(tmp_path) == before


def test_another_file_with_the_name_of_the_output(clips: Clips, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"another")
    with pytest.raises(VideoFileError, match="it is not a video; choose another name"):
        clips.stylize(clip, "out.mp4", resume=True)
    assert (tmp_path / "out.mp4").read_bytes() == b"another"


def test_a_finished_output_is_older_than_an_input(clips: Clips, clip: Path, tmp_path: Path) -> None:
    clips.stylize(clip, "out.mp4")
    later = (tmp_path / "out.mp4").stat().st_mtime + 1
    os.utime(clip, (later, later))
    with pytest.raises(VideoFileError, match=r"clip\.mkv has changed since; .* allow replacing"):
        clips.stylize(clip, "out.mp4", resume=True)


@pytest.mark.parametrize("again", [False, True])
def test_killed_after_the_output_has_its_name(
    clips: Clips, clip: Path, tmp_path: Path, again: bool
) -> None:
    """The state, and with a second run the first one's file, are still there."""
    interrupted(clips, clip, "out.mp4", 30)
    for file in [tmp_path / "out.partial.resume", *[tmp_path / "out.partial.mp4"] * again]:
        shutil.copy(file, tmp_path / f"left {file.name}")
    clips.stylize(clip, "out.mp4", resume=True)
    whole = (tmp_path / "out.mp4").read_bytes()
    for file in tmp_path.glob("left *"):
        file.rename(tmp_path / file.name.removeprefix("left "))
    assert clips.stylize(clip, "out.mp4", resume=True).frames == 60
    assert files_of(tmp_path) == {"clip.mkv": clip.read_bytes(), "out.mp4": whole}


@pytest.mark.parametrize("name", ["out.mp4", "frames/%d.png"])
@pytest.mark.parametrize("at", [1, 2, 5])
def test_before_the_first_keyframe(
    clips: Clips, clip: Path, tmp_path: Path, name: str, at: int
) -> None:
    interrupted(clips, clip, name, at)
    recorder = FrameRecorder()
    assert clips.stylize(clip, name, resume=True, progress=recorder).frames == 60
    assert min(recorder.frames) == 0 and len(times_of(tmp_path / name)) == 60


@pytest.mark.parametrize(
    "changed",
    [
        {"alpha": 0.5},
        {"content_residual": True},
        {"masks": [torch.ones(4, 4)]},
        {"temporal": "window"},
        {"temporal_length": 4},
        {"quality": 30},
        {"codec": "h265"},
        {"start": 0.1},
    ],
)
def test_other_options_are_refused(
    clips: Clips, clip: Path, tmp_path: Path, changed: dict[str, Any]
) -> None:
    interrupted(clips, clip, "out.mp4", 30)
    before = files_of(tmp_path)
    with pytest.raises(VideoFileError, match="the earlier run had another model, video or other o"):
        clips.stylize(clip, "out.mp4", resume=True, **changed)
    assert files_of(tmp_path) == before
    assert clips.stylize(clip, "out.mp4", resume=True, tile=64).frames == 60  # the same frames


def test_another_style_or_video_is_refused(clips: Clips, clip: Path) -> None:
    interrupted(clips, clip, "out.mp4", 30)
    with pytest.raises(VideoFileError, match="had another model, video or other options"):
        clips.stylize(clip, "out.mp4", clips.make_image(32, 32), resume=True)
    clip.write_bytes(clip.read_bytes() + b" ")
    with pytest.raises(VideoFileError, match="had another model, video or other options"):
        clips.stylize(clip, "out.mp4", resume=True)


@pytest.mark.parametrize("damage", [None, b"", b"no state"])
def test_without_a_state_there_is_no_going_on(
    clips: Clips, clip: Path, tmp_path: Path, damage: bytes | None
) -> None:
    interrupted(clips, clip, "out.mp4", 30)
    state = tmp_path / "out.partial.resume"
    if damage is None:
        state.unlink()
    else:
        state.write_bytes(damage)
    with pytest.raises(
        VideoFileError, match=r"cannot be resumed|resume does not say where"
    ) as told:
        clips.stylize(clip, "out.mp4", resume=True)
    assert told.value.remedies == ("replace",)
    assert len(times_of(tmp_path / "out.partial.mp4")) == 30


@pytest.mark.parametrize("resume", [False, True])
def test_killed_before_the_first_frame(
    clips: Clips, clip: Path, tmp_path: Path, resume: bool
) -> None:
    """An empty file is left, then a state without frames."""
    (tmp_path / "out.partial.mp4").touch()
    assert clips.stylize(clip, "out.mp4", resume=resume).frames == 60
    assert {file.name for file in tmp_path.iterdir()} == {"clip.mkv", "out.mp4"}


@pytest.mark.parametrize("name", ["out.mp4", "frames/%d.png"])
def test_stopped_before_the_first_frame_is_kept(
    clips: Clips, clip: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run's frames stay, and can be resumed."""
    interrupted(clips, clip, name, 30)
    before = files_of(tmp_path)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("adain_core.video.reader.VideoReader.read", stop)
        with pytest.raises(KeyboardInterrupt):
            clips.stylize(clip, name, resume=True)
    assert files_of(tmp_path) == before
    recorder = FrameRecorder()
    assert clips.stylize(clip, name, resume=True, progress=recorder).frames == 60
    assert min(recorder.frames) == 24


def test_a_missing_frame_prevents_resuming(clips: Clips, clip: Path, tmp_path: Path) -> None:
    interrupted(clips, clip, "%d.png", 30)
    (tmp_path / "7.png").unlink()
    with pytest.raises(VideoFileError, match=r"cannot resume .*: .*7\.png is missing"):
        clips.stylize(clip, "%d.png", resume=True)


def test_a_gif_is_not_resumed(clips: Clips, clip: Path, tmp_path: Path) -> None:
    interrupted(clips, clip, "out.gif", 30)
    assert not list(tmp_path.glob("*.resume"))
    with pytest.raises(VideoFileError, match="each frame of a GIF is stored as a difference"):
        clips.stylize(clip, "out.gif", resume=True)


def test_other_words_for_what_exists_are_refused(clips: Clips, clip: Path) -> None:
    with pytest.raises(OptionError, match="error, replace, resume, got 'overwrite'"):
        clips.stylize(clip, "out.mp4", if_exists="overwrite")


def test_a_live_run_is_not_resumed(clips: Clips, clip: Path) -> None:
    def intrude() -> None:
        with pytest.raises(VideoFileError, match="another run is writing"):
            clips.stylize(clip, "out.mp4", resume=True)

    assert clips.stylize(clip, "out.mp4", progress=FrameRecorder(30, intrude)).frames == 60
