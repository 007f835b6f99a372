"""Codecs, sizes, names of files."""

from __future__ import annotations

import base64
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch
from clips import STEADY, Clips, frames_of, join, pixels_of, psnr, times_of, words_until

from adain_core.video import Encoding
from adain_core.video.files import file_url


@pytest.mark.parametrize(
    ("size", "options", "written", "pixel_format"),
    [
        ((64, 48), {}, (64, 48), "yuv420p"),
        ((63, 47), {}, (63, 47), "yuv444p"),
        ((63, 47), {"chroma": "420"}, (62, 46), "yuv420p"),
        ((1, 1), {}, (2, 2), "yuv420p"),
        ((64, 48), {"chroma": "444"}, (64, 48), "yuv444p"),
        ((64, 48), {"content_size": 33}, (44, 33), "yuv444p"),
    ],
)
def test_sizes(
    clips: Clips,
    tmp_path: Path,
    size: tuple[int, int],
    options: dict[str, Any],
    written: tuple[int, int],
    pixel_format: str,
) -> None:
    clip = clips.make("clip.webm", STEADY[:3], size, "libvpx-vp9")
    result = clips.stylize(clip, "out.mp4", **options)
    frame = frames_of(tmp_path / "out.mp4")[0]
    assert (frame.width, frame.height) == (result.width, result.height) == written
    assert frame.format.name == pixel_format
    if written[0] % 2 or written[1] % 2:
        assert "odd size" in result.notes[0]
    elif written == size or "content_size" in options:
        assert not result.notes
    else:
        change = f"frames of {size[0]}x{size[1]} become {written[0]}x{written[1]}"
        assert result.notes[0].endswith(f"h264 with chroma 420 takes even sizes only: {change}")


@pytest.mark.parametrize(("name", "codec"), [("out.webm", "vp9"), ("out.mov", "prores")])
def test_odd_sizes_of_other_codecs(clips: Clips, tmp_path: Path, name: str, codec: str) -> None:
    clip = clips.make("clip.webm", STEADY[:2], (63, 47), "libvpx-vp9")
    clips.stylize(clip, name, codec=codec)
    assert [(f.width, f.height) for f in frames_of(tmp_path / name)] == [(63, 47)] * 2


def test_gif(clips: Clips, tmp_path: Path) -> None:
    clip = clips.make(sound="aac", times=[1536 * number for number in range(4)])
    result = clips.stylize(clip, "out.gif", temporal="frame")
    assert "no sound" in result.notes[0]
    assert times_of(tmp_path / "out.gif") == [Fraction(number, 10) for number in range(4)]
    for stylized, frame in zip(pixels_of(tmp_path / "out.gif"), pixels_of(clip), strict=True):
        assert psnr(stylized, clips.stylize_frame(frame)) > 22  # 256 colors, dithered


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
    clips: Clips, tmp_path: Path, times: list[int], written: list[int]
) -> None:
    clip, out = clips.make(times=times), tmp_path / "out.gif"
    result = clips.stylize(clip, out)
    assert [time * 100 for time in times_of(out)] == written
    assert (result.frames, result.complete) == (len(written), True)
    lost = len(times) - len(written)
    note = f"{out}: a GIF shows at most 50 frames a second; {lost} frame(s) are left out"
    assert result.notes == [note] * (lost > 0)


@pytest.mark.parametrize(
    ("name", "loop", "written"),
    [
        *(("clip.gif", None, None), ("clip.gif", 0, 0), ("clip.gif", 3, 3)),
        *(("clip.webp", 0, 0), ("clip.webp", 1, None), ("clip.webp", 4, 3)),
        *(("clip.mp4", None, 0), ("clip.png", 2, 1)),
    ],
)
def test_a_gif_repeats_as_often_as_the_input(
    clips: Clips, tmp_path: Path, name: str, loop: int | None, written: int | None
) -> None:
    if name == "clip.mp4":
        clips.make(times=STEADY[:3])
    else:
        frames = [PIL.Image.new("RGB", (32, 32), color) for color in ("red", "blue")]
        often = {} if loop is None else {"loop": loop}
        frames[0].save(
            tmp_path / name, save_all=True, append_images=frames[1:], duration=100, **often
        )
    clips.stylize(tmp_path / name, "out.gif")
    with PIL.Image.open(tmp_path / "out.gif") as image:
        assert image.info.get("loop") == written


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"codec": 265}, "codec must be a name"),
        ({"quality": "18"}, "quality must be a whole number, got str"),
        ({"chroma": 420}, 'chroma must be text such as "420", got int'),
        ({"bit_depth": "10"}, "bit_depth must be a whole number, got str"),
    ],
)
def test_other_types_in_an_encoding_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Encoding(**values)


def test_subtitles_are_left_out(clips: Clips, tmp_path: Path) -> None:
    clip = join(tmp_path / "clip.mkv", clips.make(), words_until(tmp_path / "words.srt", 1))
    result = clips.stylize(clip, "out.mkv")
    assert result.notes == [f"{tmp_path / 'out.mkv'}: 1 subtitle track(s) are left out"]
    assert result.frames == 10 and result.complete


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [
        ("out.avi", {}, "expected a file name ending in"),
        ("out", {}, r"such as .*out\.mp4, got no ending"),
        ("out.avi", {}, r"such as .*out\.mp4, got the ending '\.avi'"),
        ("out.webm", {"codec": "prores"}, r"name the output \.mov or \.mkv, or choose vp9"),
        ("out.mp4", {"codec": "av1"}, "codec must be one of"),
        ("out.png", {}, "need one placeholder for the number"),
        ("%d-%d.png", {}, "need one placeholder for the number"),
        ("out.m4v", {"codec": "h265"}, "m4v does not take h265"),
        ("out.mp4", {"quality": 52}, "0 .best. to 51, got 52"),
        ("out.gif", {"quality": 5}, "quality is no setting of gif, got 5"),
        ("out.mov", {"codec": "prores", "chroma": "420"}, "chroma of prores must be 422 or 444"),
        ("out.mp4", {"temporal": "mean"}, "temporal must be"),
        ("out.mp4", {"weights": [1, 2]}, "weights must have one number for each style"),
        (
            "out.mp4",
            {"masks": [torch.ones(4, 4)] * 2},
            r"one per style \(1\), got 2",
        ),
        ("out.mp4", {"feather": 2}, "feather needs masks, got 2 pixels without masks"),
    ],
)
def test_wrong_arguments(
    clips: Clips, tmp_path: Path, output: str, options: dict[str, Any], message: str
) -> None:
    clip = clips.make(times=STEADY[:2])
    with pytest.raises(ValueError, match=message):
        clips.stylize(clip, output, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("name", ["2024-05-01T12:30:45.mp4", "a:b.gif", "12:%04d.png"])
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_names_with_a_colon(
    clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    clip = clips.make(times=[1536 * number for number in range(3)])
    monkeypatch.chdir(tmp_path)
    clips.stylize(clip, name)
    assert clips.stylize(name, Path("a:gain.mkv")).frames == 3
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


def test_addresses_that_are_no_files(clips: Clips, tmp_path: Path) -> None:
    clip, out = clips.make("clip.ts"), tmp_path / "out.mp4"
    content = base64.b64encode(clip.read_bytes()).decode()
    (tmp_path / "behind.bin").write_bytes(bytes(1000) + clip.read_bytes())
    with clip.open("rb") as file:
        for address, frames in (
            (f"pipe:{file.fileno()}", 10),
            (f"concat:{clip}|{clip}", 20),
            (f"subfile,,start,1000,end,0,,:{tmp_path / 'behind.bin'}", 10),
            (f"data:video/mp2t;base64,{content}", 10),
        ):
            assert clips.stylize(address, out, overwrite=True).frames == frames
            assert len(frames_of(out)) == frames
