"""Animated WebP, and GIFs without durations."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from clips import Clips, pixels_of, times_of
from torch import Tensor

from adain_core.errors import VideoFileError
from adain_core.video import VideoReader

DURATIONS = [40, 100, 33, 200, 50]


@pytest.fixture
def animation(clips: Clips) -> Path:
    """Five frames, each of a length of its own."""
    return write(clips, "RGB")


def write(clips: Clips, mode: str) -> Path:
    frames = [
        PIL.Image.fromarray(
            (clips.make_image(48, 64, seed=seed)[0] * 255).byte().permute(1, 2, 0).numpy()
        ).convert(mode)
        for seed in range(len(DURATIONS))
    ]
    if mode == "RGBA":
        frames[2].putpixel((5, 5), (1, 2, 3, 100))
    path = clips.folder / "clip.webp"
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=DURATIONS, lossless=True, exact=True
    )
    return path


def test_frames(clips: Clips, animation: Path) -> None:
    with VideoReader(animation) as reader:
        assert reader.expected_frames == 5
        frames = list(reader)
        assert (reader.complete, reader.notes, reader.time_base) == (True, [], Fraction(1, 1000))
    assert [frame.duration for frame in frames] == DURATIONS
    assert [frame.pts for frame in frames] == [0, 40, 140, 173, 373]
    for seed, frame in enumerate(frames):
        assert torch.equal(frame.pixels, (clips.make_image(48, 64, seed=seed) * 255).byte())


def test_a_stylized_animation_keeps_its_times(
    clips: Clips, animation: Path, tmp_path: Path
) -> None:
    result = clips.stylize(animation, "out.mp4")
    assert (result.frames, result.complete, result.notes) == (5, True, [])
    assert times_of(tmp_path / "out.mp4") == [Fraction(t, 1000) for t in (0, 40, 140, 173, 373)]


def test_transparency_is_reported(clips: Clips) -> None:
    animation = write(clips, "RGBA")
    with VideoReader(animation) as reader:
        assert len(list(reader)) == 5
        assert reader.notes == [f"{animation}: transparency is left out"]


@pytest.mark.parametrize("count", [2, 6])
def test_a_gif_without_durations_has_all_frames(tmp_path: Path, count: int) -> None:
    levels = [40 * number for number in range(count)]
    first, *others = (PIL.Image.new("L", (16, 8), level) for level in levels)
    first.save(tmp_path / "clip.gif", save_all=True, append_images=others)
    with VideoReader(tmp_path / "clip.gif") as reader:
        frames = list(reader)
        assert (reader.complete, reader.notes) == (True, [])
    assert [frame.pixels.unique().tolist() for frame in frames] == [[level] for level in levels]
    assert [frame.seconds for frame in frames] == [number / 10 for number in range(count)]


@pytest.mark.parametrize("suffix", [".webp", ".gif", ".png"])
def test_an_animation_is_a_mask_of_each_frame(clips: Clips, tmp_path: Path, suffix: str) -> None:
    masks = np.zeros((10, 6, 8), np.uint8)
    for number, mask in enumerate(masks):
        mask[:, : number % 7 + 1] = 255
    first, *others = map(PIL.Image.fromarray, masks)
    path = tmp_path / f"mask{suffix}"
    first.save(path, save_all=True, append_images=others, duration=100, lossless=True)
    clip, frames = clips.make(), list[Tensor]()
    result = clips.stylize(
        clip,
        "out.mp4",
        masks=[path],
        temporal="frame",
        progress=lambda *told: frames.append(told[2]),
    )
    assert result.notes == []
    for number in (0, 3, 9):
        expected = clips.stylize_frame(pixels_of(clip)[number], masks=[masks[number] / 255])
        torch.testing.assert_close(frames[number] / 255, expected[0], rtol=0, atol=1.1 / 255)


def test_a_damaged_animation_is_refused(clips: Clips, animation: Path) -> None:
    animation.write_bytes(animation.read_bytes()[:3000])
    with pytest.raises(VideoFileError, match=r"cannot read .*clip\.webp"):
        clips.stylize(animation, "out.mp4")
