"""The command ``adain video``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from clips import STEADY, Clips, frames_of, pixels_of
from torch import Tensor

from adain_core import Style
from adain_core.stylizer import Stylizer


def test_command(
    clips: Clips,
    run: Callable[..., int],
    artworks: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clip, out = clips.make(), tmp_path / "%d.png"
    options = ["--style", *artworks, "--style-weights", 3, 1, "--alpha", 0.5, "--temporal", "frame"]
    assert run(clip, "-o", out, *options, "--preserve-color", "luminance") == 0
    assert "(64x48, 10 frames, " in capsys.readouterr().out
    expected = clips.stylize_frame(
        pixels_of(clip)[2], artworks, weights=[3, 1], alpha=0.5, preserve_color="luminance"
    )
    torch.testing.assert_close(pixels_of(out)[2], expected, rtol=0, atol=1 / 255)


def test_command_with_keyframes_and_masks(
    clips: Clips,
    run: Callable[..., int],
    artworks: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    a, b = artworks
    clips.model.encode_style(b).save(tmp_path / "b.safetensors")
    PIL.Image.fromarray(np.full((4, 4), 255, np.uint8)).save(tmp_path / "white.png")
    clip, out = clips.make(), tmp_path / "%d.png"
    keyframes = [
        *("--keyframe", f"0={a},{b},weights=3:1"),
        *("--keyframe", f"0.2s={tmp_path / 'b.safetensors'},alpha=0.5"),
    ]
    mask = ["--mask", tmp_path / "white.png"]
    assert run(clip, "-o", out, *keyframes, *mask, "--temporal", "frame", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["frames"], result["width"], result["complete"]) == (10, 64, True)
    expected = clips.stylize_frame(
        pixels_of(clip)[3],
        Style.mix([clips.model.encode_style(p) for p in artworks], [3, 5]),
        alpha=0.75,
    )
    torch.testing.assert_close(pixels_of(out)[3], expected, rtol=0, atol=1 / 255)


def test_command_with_a_part(
    clips: Clips, run: Callable[..., int], artworks: list[Path], tmp_path: Path
) -> None:
    clip, style = clips.make(), ["--style", artworks[0]]
    assert run(clip, "-o", tmp_path / "%d.png", *style, "--start", "0:0:00.1", "--end", 0.2) == 0
    assert {path.name for path in tmp_path.glob("?.png")} >= {"3.png", "4.png", "5.png"}
    assert not (tmp_path / "2.png").exists() and not (tmp_path / "6.png").exists()


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7), ("12.5", 12.5), ("1:02", 62), ("2:00:01.5", 7201.5)]
)
def test_moments(
    clips: Clips,
    run: Callable[..., int],
    artworks: list[Path],
    capsys: pytest.CaptureFixture[str],
    text: str,
    seconds: float,
) -> None:
    words = ["-o", clips.folder / "out.mp4", "--style", artworks[0], "--start", text]
    assert run(clips.make(), *words) == 1
    assert f"no frame of it is in the part from {seconds:.2f} s on" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "soon", "-1", "5s", "1:2:3:4", "1.5:00", "nan"])
def test_no_moments(run: Callable[..., int], capsys: pytest.CaptureFixture[str], text: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("clip.mp4", "-o", "out.mp4", "--style", "a.png", f"--start={text}")
    assert f"expected seconds (12.5) or minutes:seconds (1:12.5, 0:01:12.5), got {text!r}" in (
        capsys.readouterr().err
    )


def test_command_with_a_file_format(
    clips: Clips, run: Callable[..., int], artworks: list[Path], tmp_path: Path
) -> None:
    options = ["--codec", "h265", "--chroma", "444", "--bit-depth", 10]
    assert run(clips.make(), "-o", tmp_path / "out.mov", "--style", artworks[0], *options) == 0
    frame = frames_of(tmp_path / "out.mov")[0]
    assert frame.format.name == "yuv444p10le"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "expected --style or --keyframe"),
        (["--style", "a.png", "--keyframe", "0=a.png"], "not both"),
        (["--keyframe", "soon=a.png"], "expected a keyframe such as"),
        (["--keyframe", "0="], "expected a keyframe such as"),
        (["--keyframe", "0=a.png", "--preserve-color", "coral"], "mix styles without them"),
        (["--style", "a.png", "--background", "b.png"], "--background b.png needs masks"),
        (
            ["--keyframe", "0=a.png,alpha=2"],
            "--keyframe 0=a.png,alpha=2: alpha must lie in 0..1, got 2",
        ),
        (
            ["--keyframe", "0=a.png,b.png"],
            "--keyframe 0=a.png,b.png: several styles are mixed with weights such as weights=3:1",
        ),
        (
            ["--keyframe", "0=a.png,beta=3"],
            "0=a.png,beta=3: expected a file, alpha=… or weights=…, got 'beta=3'",
        ),
    ],
)
def test_command_refuses(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert run("clip.mp4", "-o", "out.mp4", *options) == 2
    assert message in capsys.readouterr().err


def test_wrong_weights_name_their_keyframe(
    clips: Clips, run: Callable[..., int], artworks: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = artworks
    words = ["--keyframe", f"0={a},{b},weights=3:1:1"]
    assert run(clips.make(), "-o", clips.folder / "out.mp4", *words) == 2
    message = f"--keyframe 0={a},{b},weights=3:1:1: weights must have one number for each style"
    assert message in capsys.readouterr().err


def test_a_file_name_with_an_equals_sign_is_a_style(
    clips: Clips,
    run: Callable[..., int],
    artworks: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    artworks[0].rename(tmp_path / "size=1.png")
    monkeypatch.chdir(tmp_path)
    clip = clips.make(times=STEADY[:1])
    assert run(clip, "-o", "out.mp4", "--keyframe", "0=size=1.png") == 0
    assert "out.mp4 (64x48, 1 frame, " in capsys.readouterr().out


def test_a_finished_video_is_resumed_with_success(
    clips: Clips,
    run: Callable[..., int],
    artworks: list[Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Another form is an error that names the option."""
    clip, out = clips.make(), clips.folder / "out.mp4"
    words = [clip, "-o", out, "--style", artworks[0]]
    assert run(*words, "--resume") == 0
    before = out.read_bytes()
    assert run(*words, "--resume") == 0
    told = capsys.readouterr()
    assert f"adain: note: {out} is finished already and is kept" in told.err
    assert told.out.splitlines()[-1].startswith(f"{out} (64x48, 10 frames, ")
    assert run(*words, "--resume", "--codec", "h265") == 1
    assert "it is h264, not h265; choose another name or allow replacing it (--overwrite)" in (
        capsys.readouterr().err
    )
    assert out.read_bytes() == before


def test_existing_images_and_partial_results_name_the_options(
    clips: Clips, run: Callable[..., int], artworks: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    clip, words = clips.make(), ["--style", artworks[0], "-o"]
    PIL.Image.new("RGB", (8, 8)).save(clips.folder / "7.png")
    assert run(clip, *words, clips.folder / "%d.png") == 1
    assert "7.png exists; choose another name or allow replacing such files (--overwrite)" in (
        capsys.readouterr().err
    )
    (clips.folder / "out.partial.mp4").write_bytes(b"frames")
    (clips.folder / "out.partial.resume").touch()
    assert run(clip, *words, clips.folder / "out.mp4") == 1
    assert "or allow replacing it (--resume, --overwrite)" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--resume"]])
def test_a_folder_as_output(
    run: Callable[..., int],
    artworks: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    assert run("clip.mp4", "-o", f"{tmp_path}/", "--style", artworks[0], *words) in (1, 2)
    assert f"{tmp_path}: a folder has that name; name a file in it" in capsys.readouterr().err


def test_command_tells_what_an_interruption_leaves(
    clips: Clips,
    run: Callable[..., int],
    artworks: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stylize, calls = Stylizer.__call__, iter([True] * 4)

    def interrupted(*args: Any, **options: Any) -> Tensor:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return stylize(*args, **options)

    monkeypatch.setattr(Stylizer, "__call__", interrupted)
    out = tmp_path / "out.mp4"
    assert run(clips.make(), "-o", out, "--style", artworks[0]) == 130
    left = tmp_path / "out.partial.mp4"
    assert f"interrupted; {left} holds the first 4 frames" in capsys.readouterr().err
    assert len(frames_of(left)) == 4
    monkeypatch.setattr(Stylizer, "__call__", stylize)
    assert run(clips.folder / "clip.mp4", "-o", out, "--style", artworks[0], "--resume") == 0
    assert len(frames_of(out)) == 10 and not left.exists()
    # As a file that any program makes.
    (tmp_path / "any").touch()
    assert out.stat().st_mode == (tmp_path / "any").stat().st_mode
    capsys.readouterr()
    assert run(clips.folder / "clip.mp4", "-o", out, "--style", artworks[0]) == 2
    assert f"{out} exists; pass --overwrite to replace it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ("sys.modules['av'] = None", "videos need the package av (PyAV): "),
        (
            "import av; av.__version__ = '17.0.1'",
            "videos need PyAV 17.1 or newer, got 17.0.1: ",
        ),
    ],
    ids=["none", "old"],
)
def test_without_pyav_one_sentence_says_what_to_install(before: str, message: str) -> None:
    code = (
        f"import sys; {before}; from adain_core.cli import main;"
        "sys.exit(main(['video', 'a.mp4', '-o', 'b.mp4', '--style', 'c.png']))"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert message + 'install it with: python -m pip install "av>=17.1"' in line
