"""Numbered images as input and output of videos."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import PIL.Image
import pytest
import torch
from clips import STEADY, Clips, pixels_of, psnr, save, times_of

from adain_core.errors import VideoFileError
from adain_core.video import Part, VideoReader


def test_numbered_images_are_written_and_read(clips: Clips, tmp_path: Path) -> None:
    clip, pattern = clips.make(), tmp_path / "frames" / "a%03d.png"
    clips.stylize(clip, pattern, temporal="frame")
    assert sorted(p.name for p in pattern.parent.iterdir()) == [f"a{i:03d}.png" for i in range(10)]
    for result, frame in zip(pixels_of(pattern), pixels_of(clip), strict=True):
        torch.testing.assert_close(result, clips.stylize_frame(frame), rtol=0, atol=0.6 / 255)
    with pytest.raises(VideoFileError, match=r"a000\.png exists"):
        clips.stylize(clip, pattern)


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [("%d.png", [9, 10, 11]), ("%04d.png", [1001, 1002]), ("a%02db.png", [98, 99, 100, 101])],
)
def test_numbered_images_may_start_at_any_number(
    clips: Clips, tmp_path: Path, pattern: str, numbers: list[int]
) -> None:
    for number in numbers:
        save(tmp_path / (pattern % number), clips.make_image(8, 8, seed=number)[0])
    # Not of the sequence: another number of digits, another name.
    save(tmp_path / "00007.png", clips.make_image(8, 8)[0])
    save(tmp_path / "5.jpg", clips.make_image(8, 8)[0])
    results = pixels_of(tmp_path / pattern)
    assert len(results) == len(numbers)
    for pixels, number in zip(results, numbers, strict=True):
        torch.testing.assert_close(
            pixels, clips.make_image(8, 8, seed=number), rtol=0, atol=0.6 / 255
        )


@pytest.mark.parametrize(
    ("names", "count"),
    [
        (["0001.png", "0002.png", "0003.png"], 3),
        (["998.jpg", "999.jpg", "1000.jpg"], 3),
        (["take2_08.png", "take2_09.png", "take2_10.png"], 3),
        (["0.png", "notes.txt", ".0.jpg", "photo.png"], 1),
    ],
)
@pytest.mark.parametrize("folder", ["frames", "100 % done"])
def test_a_folder_of_numbered_images_is_a_video(
    clips: Clips, tmp_path: Path, folder: str, names: list[str], count: int
) -> None:
    (tmp_path / folder).mkdir()
    for seed, name in enumerate(names):
        if name.endswith("txt"):
            (tmp_path / folder / name).touch()
        else:
            save(tmp_path / folder / name, clips.make_image(32, 32, seed=seed)[0])
    with VideoReader(tmp_path / folder, Part(fps=10)) as reader:
        frames = list(reader)
    assert [frame.seconds for frame in frames] == [number / 10 for number in range(count)]
    for seed, frame in enumerate(frames):
        expected = clips.make_image(32, 32, seed=seed)
        assert psnr(frame.pixels.float() / 255, expected) > 20  # a JPEG has been rounded


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "expected a video, or a folder with numbered images such as 0001.png, got a folder w"),
        (["photo.png"], "got a folder without"),
        (
            ["a1.png", "b01.png"],
            r"several sequences .*; give one of a%d\.png, b%02d\.png together",
        ),
        (["1.png", "3.png"], "got 1 to 3, of which frame 2 is missing"),
    ],
)
def test_folders_that_are_no_videos(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        PIL.Image.new("RGB", (8, 8)).save(tmp_path / name)
    with pytest.raises(VideoFileError, match=message):
        VideoReader(tmp_path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_numbered_photos_with_exif_are_upright(tmp_path: Path, suffix: str) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"  # held upright: turn it clockwise
    photo = PIL.Image.new("RGB", (64, 48), (250, 0, 0))
    photo.paste((0, 0, 250), (0, 0, 32, 48))
    for number in range(2):
        photo.save(tmp_path / f"{number}.{suffix}", exif=exif)
    with VideoReader(tmp_path / f"%d.{suffix}") as reader:
        first, second = (frame.pixels[0] for frame in reader)
    assert first.shape == (3, 64, 48) and torch.equal(first, second)
    assert first[2, :30].min() > 200 > 50 > first[0, :30].max()
    assert first[0, 34:].min() > 200 > 50 > first[2, 34:].max()


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "bmp"])
def test_a_truncated_image_is_left_out_with_a_note(
    clips: Clips, tmp_path: Path, suffix: str
) -> None:
    for number in range(4):
        path = tmp_path / f"{number}.{suffix}"
        save(path, clips.make_image(64, 96, seed=number)[0])
        if number == 2:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with VideoReader(tmp_path / f"%d.{suffix}") as reader:
        assert [round(25 * frame.seconds) for frame in reader] == [0, 1, 3]
        assert not reader.complete
        assert reader.notes == [f"{reader.path}: 1 damaged frame(s) are left out"]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ([0, 1, 3, 4], "got 0 to 4, of which frame 2 is missing; add"),
        ([7, 8, 12], "got 7 to 12, of which frame 9 and 2 more are missing; add"),
    ],
)
def test_a_gap_in_numbered_images_is_refused(
    clips: Clips, tmp_path: Path, numbers: list[int], message: str
) -> None:
    for number in numbers:
        save(tmp_path / f"{number:03d}.png", clips.make_image(8, 8)[0])
    with pytest.raises(VideoFileError, match=message):
        clips.stylize(tmp_path / "%03d.png", "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("options", "rate"),
    [([], 25), (["--fps", "24000/1001"], Fraction(24000, 1001)), (["--fps", "12.5"], 12.5)],
)
def test_the_rate_of_numbered_images(
    clips: Clips,
    run: Callable[..., int],
    artworks: list[Path],
    tmp_path: Path,
    options: list[str],
    rate: float | Fraction,
) -> None:
    for number in range(4):
        save(tmp_path / f"{number}.png", clips.make_image(32, 32)[0])
    out = tmp_path / "out.mp4"
    assert run(tmp_path / "%d.png", "-o", out, "--style", artworks[0], *options) == 0
    assert times_of(out) == [number / Fraction(rate) for number in range(4)]


@pytest.mark.parametrize(
    ("name", "rate", "message"),
    [
        ("clip.mp4", "24", "fps applies to numbered images .* got 24 with"),
        ("%d.png", "0", "fps must be above 0, .* got 0"),
        ("%d.png", "soon", "expected frames per second such as 24 or 24000/1001, got 'soon'"),
        ("%d.png", "24/0", "expected frames per second such as 24 or 24000/1001, got '24/0'"),
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


def test_missing_images_are_refused(tmp_path: Path) -> None:
    for pattern in (tmp_path / "%d.png", tmp_path / "none" / "%d.png"):
        with pytest.raises(VideoFileError, match="there is no such file"):
            VideoReader(pattern)


def test_numbers_may_have_a_reasonable_width(clips: Clips, tmp_path: Path) -> None:
    clip = clips.make(times=STEADY[:2])
    clips.stylize(clip, tmp_path / "f" / "%3d.png")
    assert sorted(path.name for path in (tmp_path / "f").iterdir()) == ["000.png", "001.png"]
    assert len(list(VideoReader(tmp_path / "f" / "%3d.png"))) == 2
    for name in ("%99999999d.png", "%0999999999999d.png", f"%{'9' * 5000}d.png"):
        with pytest.raises(ValueError, match=r"need one placeholder .*, such as .*/%06d\.png"):
            clips.stylize(clip, tmp_path / "f" / name)
        with pytest.raises(VideoFileError, match=r"no such file|too long"):
            VideoReader(tmp_path / "f" / name)


def test_numbered_images_are_not_written_among_others(clips: Clips, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    clips.stylize(clips.make(times=STEADY[:3]), folder / "%d.png")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    again = folder / ".." / "frames" / "%d.png"
    for overwrite in (False, True):
        with pytest.raises(VideoFileError, match="these are the input images"):
            clips.stylize(folder / "%d.png", again, overwrite=overwrite)
    (folder / "0.png").unlink()  # FFmpeg itself numbers from 1
    with pytest.raises(VideoFileError, match=r"1\.png exists"):
        clips.stylize(clips.make(times=STEADY[:1]), folder / "%d.png")
    del before["0.png"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
