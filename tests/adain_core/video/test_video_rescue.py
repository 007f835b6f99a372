"""What is left after an interruption or failure; what is never replaced."""

from __future__ import annotations

import asyncio
import re
import threading
from pathlib import Path

import PIL.Image
import pytest
from clips import STEADY, Clips, frames_of, pixels_of
from torch import Tensor

from adain_core.cli import main
from adain_core.errors import VideoFileError


class StopError(Exception):
    pass


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webm", "out.gif", "%d.png"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, StopError])
def test_an_interruption_leaves_the_frames_so_far(
    clips: Clips, tmp_path: Path, name: str, error: type[BaseException]
) -> None:
    def progress(done: int, total: int | None, frame: Tensor) -> None:
        assert total == 10
        if done == 6:
            raise error

    threads = threading.active_count()
    left = name if name == "%d.png" else name.replace("out", "out.partial")
    with pytest.raises(error) as raised:
        clips.stylize(clips.make(), name, progress=progress)
    [told] = getattr(raised.value, "__notes__", [str(raised.value)])
    assert told.endswith(f"{left} holds the first 6 frames")
    assert len(frames_of(tmp_path / left)) == 6
    assert threading.active_count() == threads
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("error", [SystemExit, asyncio.CancelledError])
def test_the_end_of_the_program_stays_what_it_is(
    clips: Clips, tmp_path: Path, error: type[BaseException]
) -> None:
    def progress(done: int, total: int | None, frame: Tensor) -> None:
        if done == 6:
            raise error

    with pytest.raises(error):
        clips.stylize(clips.make(), "out.mp4", progress=progress)
    assert len(frames_of(tmp_path / "out.partial.mp4")) == 6


def test_an_interruption_keeps_the_older_film(clips: Clips, tmp_path: Path) -> None:
    def progress(done: int, total: int | None, frame: Tensor) -> None:
        if done == 6:
            raise KeyboardInterrupt

    clip, out = clips.make(), tmp_path / "out.mp4"
    clips.stylize(clip, out, alpha=0)
    older = out.read_bytes()
    with pytest.raises(KeyboardInterrupt, match=r"out\.partial\.mp4 holds the first 6 frames"):
        clips.stylize(clip, out, overwrite=True, progress=progress)
    assert out.read_bytes() == older
    assert len(frames_of(tmp_path / "out.partial.mp4")) == 6


@pytest.mark.parametrize("overwrite", [False, True])
def test_another_run_may_not_write_the_same_video(
    clips: Clips, tmp_path: Path, overwrite: bool
) -> None:
    clip, told = clips.make(), []

    def progress(done: int, total: int | None, frame: Tensor) -> None:
        if done == 6:
            with pytest.raises(
                VideoFileError, match=r"out\.mp4: another run is writing .*out"
            ) as e:
                clips.stylize(clip, "out.mp4", overwrite=overwrite)
            told.append(e)

    result = clips.stylize(clip, "out.mp4", overwrite=overwrite, progress=progress)
    assert len(told) == 1
    assert result.frames == len(frames_of(tmp_path / "out.mp4")) == 10
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "out.mp4"}


def test_nothing_is_left_of_a_failure_at_the_first_frame(clips: Clips, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"old")
    with pytest.raises(ValueError, match="tile"):
        clips.stylize(clips.make(), "out.mp4", tile=1, overwrite=True)
    assert (tmp_path / "out.mp4").read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "out.mp4"}


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_full_disk_is_reported(clips: Clips, tmp_path: Path, name: str) -> None:
    resource = pytest.importorskip("resource")
    clip = clips.make(times=[512 * number for number in range(60)])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(VideoFileError, match=r"cannot write .*too large; ") as raised:
            clips.stylize(clip, name, quality=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    kept = len(pixels_of(tmp_path / name.replace("out", "out.partial")))
    assert 0 < kept < 60
    assert "holds about the first" in str(raised.value)
    told = int(str(raised.value).split("first ")[1].split()[0])
    assert kept <= told <= kept + 8  # the last ones may refer to one that is lost


def test_outputs_that_cannot_be(clips: Clips, tmp_path: Path) -> None:
    clip = clips.make(times=STEADY[:2])
    done, left = tmp_path / "done.mp4", tmp_path / "later.mp4"
    for path in (done, tmp_path / "later.partial.mp4"):
        path.write_bytes(b"old")
    (tmp_path / "folder.mp4").mkdir()
    for output, overwrite, message in (
        (tmp_path / "none" / "out.mp4", False, "there is no folder"),
        (clip, False, "clip.mp4 is the input video"),
        (clip, True, "clip.mp4 is the input video"),
        (done, False, "the file exists"),
        (left, False, "later.partial.mp4 from an earlier run exists"),
        (tmp_path / "folder.mp4", True, "a folder has that name"),
    ):
        with pytest.raises(VideoFileError, match=message):
            clips.stylize(clip, output, overwrite=overwrite)
    assert len(frames_of(clip)) == 2
    assert done.read_bytes() == (tmp_path / "later.partial.mp4").read_bytes() == b"old"


def test_a_video_with_the_name_of_an_unfinished_one(clips: Clips) -> None:
    clip = clips.make("clip.partial.mp4", times=STEADY[:2])
    for overwrite in (False, True):
        with pytest.raises(VideoFileError, match=r"clip\.partial\.mp4 is the input video"):
            clips.stylize(clip, "clip.mp4", overwrite=overwrite)
    assert len(frames_of(clip)) == 2


def test_what_an_earlier_run_left_is_replaced_when_asked(clips: Clips, tmp_path: Path) -> None:
    clip, left = clips.make(times=STEADY[:2]), tmp_path / "out.partial.mp4"
    left.write_bytes(b"old")
    clips.stylize(clip, "out.mp4", overwrite=True)
    assert len(frames_of(tmp_path / "out.mp4")) == 2 and not left.exists()


def test_an_output_that_cannot_be_replaced_is_reported(
    clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, out, replace = clips.make(), tmp_path / "out.mp4", Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if target == out:
            raise PermissionError(13, "Permission denied")
        return replace(self, target)

    out.write_bytes(b"open in a player")
    monkeypatch.setattr(Path, "replace", refuse)
    told = r"Permission denied; .*out\.partial\.mp4 holds (about )?the first 10 frames"
    with pytest.raises(VideoFileError, match=told):
        clips.stylize(clip, out, overwrite=True)
    assert out.read_bytes() == b"open in a player"
    assert len(frames_of(tmp_path / "out.partial.mp4")) == 10


@pytest.mark.parametrize(
    ("read", "output"),
    [("m.mp4", "m.mp4"), ("out.partial.mp4", "out.mp4"), ("0007.png", "%04d.png")],
)
def test_other_files_that_are_read_are_not_replaced(
    clips: Clips, tmp_path: Path, read: str, output: str
) -> None:
    clip, file = clips.make(times=STEADY[:2]), tmp_path / read
    PIL.Image.new("RGB", (16, 16), "gray").save(tmp_path / "gray.png")
    if read.endswith("png"):
        (tmp_path / "gray.png").rename(file)
        styles, options = [file], {}
        command = ["--style", str(file)]
    else:
        clips.make(read, times=STEADY[:2])
        styles, options = [clips.style], {"masks": [file]}
        command = ["--style", str(tmp_path / "gray.png"), "--mask", str(file)]
    before = file.read_bytes()
    with pytest.raises(VideoFileError, match=f"write .*: {re.escape(str(file))} is an input"):
        clips.stylize(clip, output, *styles, overwrite=True, **options)
    assert main(["video", str(clip), *command, "-o", str(tmp_path / output), "--overwrite"]) != 0
    assert file.read_bytes() == before
