"""Pixels that are not square, and frames that change their size."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from clips import STEADY, Clips, frames_of, pixels_of, psnr, save

from adain_core.video import VideoReader
from adain_core.video.shape import fit, square_size


@pytest.mark.parametrize(
    ("size", "aspect", "expected"),
    [
        ((720, 576), Fraction(16, 15), (768, 576)),
        ((720, 576), Fraction(64, 45), (1024, 576)),
        ((720, 480), Fraction(10, 11), (720, 528)),
        ((1440, 1080), Fraction(4, 3), (1920, 1080)),
        ((63, 47), Fraction(3, 2), (94, 47)),
        ((640, 480), None, (640, 480)),
        ((640, 480), Fraction(0), (640, 480)),
        ((640, 480), Fraction(1), (640, 480)),
        ((1920, 1080), Fraction(4095, 4096), (1920, 1080)),
        ((640, 480), Fraction(1, 100), (640, 480)),
    ],
)
def test_square_size(
    size: tuple[int, int], aspect: Fraction | None, expected: tuple[int, int]
) -> None:
    assert square_size(size, aspect) == expected


@pytest.mark.parametrize("rotation", [0, 90])
@pytest.mark.parametrize(
    ("name", "codec"),
    [("out.mp4", "h264"), ("out.mov", "prores"), ("out.mkv", "vp9"), ("out.webm", "vp9")],
)
def test_pixels_become_square(
    clips: Clips, tmp_path: Path, name: str, codec: str, rotation: int
) -> None:
    clip = clips.make(times=STEADY[:2], aspect=Fraction(3, 2), rotation=rotation)
    result = clips.stylize(clip, name, codec=codec)
    width, height = (48, 96) if rotation else (96, 48)
    assert (result.width, result.height, result.complete) == (width, height, True)
    before = "48x64" if rotation else "64x48"
    assert result.notes == [
        f"{clip}: its pixels are not square; frames of {before} become {width}x{height}"
    ]
    for frame in frames_of(tmp_path / name):
        assert (frame.width, frame.height) == (width, height)
    with VideoReader(tmp_path / name) as reader:
        list(reader)
        assert reader.notes == []


def test_pixels_that_are_not_square_are_resized(clips: Clips) -> None:
    clip = clips.make(times=STEADY[:2], aspect=Fraction(2, 3))
    plain = clips.make("plain.mp4", times=STEADY[:2])
    [found, _], [expected, _] = pixels_of(clip), pixels_of(plain)
    assert found.shape == (1, 3, 72, 64)
    resized = torch.nn.functional.interpolate(expected, (72, 64), mode="bilinear")
    assert psnr(found, resized) > 30


def test_frames_of_other_sizes_are_fitted_into_the_first(clips: Clips, tmp_path: Path) -> None:
    for number, (height, width) in enumerate([(48, 64), (96, 128), (40, 40)]):
        save(tmp_path / f"{number}.png", clips.make_image(height, width, seed=1)[0])
    result = clips.stylize(tmp_path / "%d.png", "out.mkv", alpha=0)
    assert (result.width, result.height, result.frames) == (64, 48, 3)
    assert [note.split(": ")[1] for note in result.notes] == [
        "frame 1 is 128x96, the first is 64x48; frames of another size are fitted into the first "
        "one's"
    ]
    results = pixels_of(tmp_path / "out.mkv")
    parts: list[Any] = [slice(None), slice(None), slice(8, 56)]  # a square in the middle
    for number, (pixels, part) in enumerate(zip(results, parts, strict=True)):
        with PIL.Image.open(tmp_path / f"{number}.png") as image:
            array = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
        size = pixels[..., part].shape[2:]
        expected = torch.nn.functional.interpolate(array, size, mode="bilinear", antialias=True)
        assert psnr(pixels[..., part], expected) > 20
    assert results[2][..., :7].max() < 0.1 and results[2][..., 57:].max() < 0.1


def test_fit() -> None:
    white = torch.full((3, 10, 40), 255, dtype=torch.uint8)
    fitted = fit(white, (20, 20))
    assert fitted.shape == (3, 20, 20)
    assert (fitted == 255).all(dim=(0, 2)).nonzero()[:, 0].tolist() == list(range(7, 12))
    assert int((fitted > 0).sum()) == 3 * 5 * 20
