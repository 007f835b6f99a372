"""Keyframes and masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from clips import STEADY, Clips, frames_of, pixels_of
from torch import Tensor

from adain_core import images
from adain_core.errors import OptionError
from adain_core.masks import feather_mask, resize_mask
from adain_core.video import Keyframe, Keyframes


@pytest.mark.parametrize("kind", [list, Keyframes])
def test_keyframes(
    clips: Clips, tmp_path: Path, kind: Callable[[list[Keyframe]], list[Keyframe] | Keyframes]
) -> None:
    other = clips.model.encode_style(clips.make_image(32, 32, seed=8))
    clip, pattern = clips.make(), tmp_path / "%d.png"
    keyframes = [Keyframe(2, clips.style), Keyframe(6, other, alpha=0.5)]
    clips.stylize(clip, pattern, keyframes=kind(keyframes), temporal="frame")
    results = pixels_of(pattern)
    for number, share in ((0, 0), (2, 0), (3, 0.25), (5, 0.75), (9, 1)):
        expected = clips.stylize_frame(
            pixels_of(clip)[number],
            [clips.style, other],
            weights=[1 - share, share],
            alpha=1 - share / 2,
        )
        torch.testing.assert_close(results[number], expected, rtol=0, atol=1 / 255)


@pytest.mark.parametrize(
    ("times", "part", "notes"),
    [
        ((0, 9), {}, []),
        ((0, 12), {}, ["the keyframe at 12 is never reached: the last frame is at 9"]),
        ((0.1, 0.5), {}, ["the keyframe at 0.5 s is never reached: the last frame is at 0.3 s"]),
        ((0, 12), {"end": 0.2}, []),  # on purpose: keyframes count from the start of the video
    ],
)
def test_a_keyframe_after_the_end_is_reported(
    clips: Clips, times: tuple[float, ...], part: dict[str, float], notes: list[str]
) -> None:
    keyframes = [Keyframe(at, clips.style, seconds=0 < times[0] < 1) for at in times]
    assert clips.stylize(clips.make(), "out.mp4", keyframes=keyframes, **part).notes == notes


@pytest.mark.parametrize(
    ("styles", "options", "message"),
    [
        (1, {"alpha": 0.5}, r"alpha must be set in each keyframe .*, got \(0\.5,\) for all"),
        (2, {}, "keyframes of several styles need a mask for each"),
        (2, {"masks": [torch.ones(2, 2)]}, "must have a style for each mask, got 2 and 1"),
        (0, {}, "at least one keyframe, got none"),
    ],
)
def test_keyframes_that_do_not_fit(
    clips: Clips, styles: int, options: dict[str, Any], message: str
) -> None:
    keyframes = [Keyframe(0, [clips.style] * styles)] * bool(styles)
    with pytest.raises(ValueError, match=message):
        clips.stylize(clips.make(times=STEADY[:2]), "out.mp4", keyframes=keyframes, **options)
    assert not (clips.folder / "out.mp4").exists()


def test_keyframes_recolor_no_artworks(clips: Clips) -> None:
    options = {"keyframes": [Keyframe(0, clips.style)], "preserve_color": "coral"}
    with pytest.raises(OptionError, match="preserve_color cannot be coral with keyframes"):
        clips.stylize(clips.make(), "out.mp4", clips.make_image(32, 32), **options)


def test_recolored_artworks_are_read_once(
    clips: Clips, artworks: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, calls = images.read_image_file, []

    def counted(path: Path, **options: bool) -> object:
        calls.append(path)
        return read(path, **options)

    monkeypatch.setattr(images.tensors, "read_image_file", counted)
    clip, out = clips.make(), tmp_path / "%d.png"
    options: dict[str, Any] = {"preserve_color": "mean_std", "style_size": 24}
    clips.stylize(clip, out, artworks, temporal="frame", **options)
    assert calls == artworks
    expected = clips.stylize_frame(pixels_of(clip)[2], artworks, **options)
    torch.testing.assert_close(pixels_of(out)[2], expected, rtol=0, atol=1 / 255)


def test_masks_still_and_moving(clips: Clips, tmp_path: Path) -> None:
    clip, mask, pattern = clips.make(), clips.make("mask.mp4"), tmp_path / "%d.png"
    left = torch.zeros(48, 64)
    left[:, :32] = 1
    result = clips.stylize(clip, pattern, masks=[left], temporal="frame")
    assert not result.notes
    torch.testing.assert_close(
        pixels_of(pattern)[3][..., 32:], pixels_of(clip)[3][..., 32:], rtol=0, atol=0.6 / 255
    )
    clips.stylize(clip, pattern, masks=[mask], temporal="frame", overwrite=True)
    red, green, blue = pixels_of(mask)[4][0]
    expected = clips.stylize_frame(
        pixels_of(clip)[4], masks=[0.299 * red + 0.587 * green + 0.114 * blue]
    )
    torch.testing.assert_close(pixels_of(pattern)[4], expected, rtol=0, atol=1 / 255)


def test_a_mask_that_selects_nothing_is_told(clips: Clips, tmp_path: Path) -> None:
    mask = tmp_path / "black.png"
    images.save_image(mask, torch.zeros(1, 3, 6, 8))
    result = clips.stylize(clips.make(), tmp_path / "%d.png", masks=[mask], temporal="frame")
    assert result.notes == [
        f"the mask {mask} is black (or transparent) everywhere: its style was not used"
    ]


def test_a_mask_of_each_frame(clips: Clips, tmp_path: Path) -> None:
    """Softened at the frame's size, and the last one for the frames after it."""
    clip, pattern = clips.make(), tmp_path / "%d.png"
    masks = torch.zeros(8, 6, 8)
    for number, mask in enumerate(masks):
        mask[:, : number + 1] = 1
    options = {"temporal": "frame", "feather": 3}
    result = clips.stylize(clip, pattern, masks=[masks], **options)
    assert result.notes == [
        "a mask has 8 frames, the video 10: its last frame was used for the rest"
    ]
    results = pixels_of(pattern)
    for number, mask in ((0, 0), (5, 5), (9, 7)):
        soft = feather_mask(resize_mask(masks[mask, None, None], (48, 64)), 3)
        expected = clips.stylize_frame(pixels_of(clip)[number], masks=[soft])
        torch.testing.assert_close(results[number], expected, rtol=0, atol=1 / 255)


def test_a_still_mask_is_softened_once(
    clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the size of the stylized frames."""
    sizes = []

    def soften(mask: Tensor, radius: int) -> Tensor:
        sizes.append(tuple(mask.shape))
        return feather_mask(mask, radius)

    monkeypatch.setattr("adain_core.stylizer.feather_mask", soften)
    left, pattern = torch.eye(6, 8), tmp_path / "%d.png"
    options = {"masks": [left], "feather": 2, "content_size": 24}
    clips.stylize(clips.make(), pattern, temporal="frame", **options)
    assert sizes == [(1, 1, 24, 32)]
    expected = clips.stylize_frame(pixels_of(clips.make())[3], clips.style, **options)
    torch.testing.assert_close(pixels_of(pattern)[3], expected, rtol=0, atol=1 / 255)


@pytest.mark.parametrize("kind", ["video", "tensor"])
@pytest.mark.parametrize(
    ("count", "message"),
    [(4, "has 4 frames, the video 10: its last"), (12, "more frames than the video's 10")],
)
def test_a_mask_of_another_length_is_reported(
    clips: Clips, kind: str, count: int, message: str
) -> None:
    mask: Any = torch.ones(count, 2, 2)
    if kind == "video":
        mask = clips.make("mask.mp4", [512 * number for number in range(count)])
    result = clips.stylize(clips.make(), "out.mp4", masks=[mask])
    assert result.frames == 10
    [note] = result.notes
    assert message in note


def test_masks_of_numpy_and_in_one_tensor(clips: Clips, tmp_path: Path) -> None:
    clip = clips.make(times=STEADY[:2])
    left = torch.zeros(6, 8)
    left[:, :4] = 1
    masks = torch.stack([left, 1 - left])
    for name, given in (("a.mkv", list(masks)), ("b.mkv", masks), ("c.mkv", [*masks.numpy()])):
        clips.stylize(clip, name, [clips.style, clips.style], masks=given)
    results = [frames_of(tmp_path / name) for name in ("a.mkv", "b.mkv", "c.mkv")]
    for frames in results[1:]:
        for frame, expected in zip(frames, results[0], strict=True):
            np.testing.assert_array_equal(frame.to_ndarray(), expected.to_ndarray())
