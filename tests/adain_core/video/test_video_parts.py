"""A part of a video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from clips import STEADY, UNSTEADY, Clips, chapters_of, length_of, timed_sound_of, times_of

from adain_core import images
from adain_core.errors import VideoFileError
from adain_core.video import Keyframe, Part, VideoReader


@pytest.mark.parametrize(
    ("start", "end", "numbers"),
    [(0.1, 0.2, [3, 4, 5]), (0.29, None, [9]), (0, 0.05, [0, 1]), (0.3, 9, [9])],
)
def test_a_part_equals_the_same_frames_of_the_whole(
    clips: Clips, tmp_path: Path, start: float, end: float | None, numbers: list[int]
) -> None:
    """Keyframes, masks and the numbers of images count from the whole's first frame."""
    other = clips.model.encode_style(clips.make_image(32, 32, seed=8))
    options: dict[str, Any] = {
        "keyframes": [Keyframe(0, clips.style), Keyframe(9, other, alpha=0.5)],
        "masks": [clips.make("mask.mp4")],
        "temporal": "frame",
    }
    clip, seen = clips.make(), []
    clips.stylize(clip, "%d.png", **options)
    result = clips.stylize(
        clip,
        tmp_path / "part-%d.png",
        start=start,
        end=end,
        progress=lambda *told: seen.append(told),
        **options,
    )
    assert (result.frames, result.complete, result.notes) == (len(numbers), True, [])
    assert [told[:2] for told in seen] == [(n + 1, len(numbers)) for n in range(len(numbers))]
    part = sorted(file.name for file in tmp_path.glob("part-*"))
    assert part == [f"part-{number}.png" for number in numbers]
    for number, (_, _, shown) in zip(numbers, seen, strict=True):
        whole = tmp_path / f"{number}.png"
        assert (tmp_path / f"part-{number}.png").read_bytes() == whole.read_bytes()
        assert torch.equal(images.load_image(whole)[0], images.to_tensor(shown)[0])


@pytest.mark.parametrize("times", [STEADY, UNSTEADY], ids=["steady", "unsteady"])
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
@pytest.mark.parametrize(("kind", "sound"), [("mkv", "aac"), ("mkv", "pcm_s16le"), ("ts", "aac")])
def test_times_and_sound_of_a_part(
    clips: Clips, tmp_path: Path, times: list[int], name: str, kind: str, sound: str
) -> None:
    clip, start, end = clips.make(f"clip.{kind}", times, sound=sound), 0.1, 0.25
    clips.stylize(clip, "whole.mp4")
    result = clips.stylize(clip, name, start=start, end=end)
    assert result.complete
    expected = [time - start for time in map(float, times_of(tmp_path / "whole.mp4"))]
    expected = [time for time in expected if -1e-4 < time < end - start - 1e-4]
    assert list(map(float, times_of(tmp_path / name))) == pytest.approx(expected, abs=2e-3)
    assert length_of(tmp_path / name) == pytest.approx(end - start, abs=0.03)  # a packet of sound
    moments, wave = timed_sound_of(tmp_path / name)
    assert 0 <= moments[0] < 0.03 and end - start - 0.03 < moments[-1] < end - start + 0.03
    if name == "out.mp4":  # Matroska's milliseconds are coarse for a wave
        expected_wave = np.interp(moments + start, *timed_sound_of(tmp_path / "whole.mp4"))
        # But for the first packets, which a decoder needs to start. Encoded twice it is 0.79.
        assert np.corrcoef(wave[2048:], expected_wave[2048:])[0, 1] > 0.7


def test_sound_stored_after_the_frames_is_kept(clips: Clips, tmp_path: Path) -> None:
    times = [512 * number for number in range(90)]
    source, clip = clips.make("source.mp4", times, sound="aac"), tmp_path / "clip.mkv"
    # Written as they come: the frames first, then all of the sound.
    at_once = {"max_interleave_delta": "1"}
    with av.open(str(source)) as old, av.open(str(clip), "w", container_options=at_once) as new:
        streams = [new.add_stream_from_template(stream) for stream in old.streams]
        packets = [packet for packet in old.demux() if packet.size]
        for packet in sorted(packets, key=lambda packet: packet.stream.index):
            packet.stream = streams[packet.stream.index]
            new.mux(packet)
    with VideoReader(clip, Part(0.1, 0.2)) as reader:
        items = list(reader.read())
        assert [frame.number for frame in items[:3]] == [3, 4, 5]
        heard = [float(packet.pts * packet.time_base) for packet in items[3:]]
    assert heard == pytest.approx([0.007, 0.028, 0.049, 0.071, 0.092], abs=2e-3)


def test_chapters_and_timecode_of_a_part(clips: Clips, tmp_path: Path) -> None:
    chapters = {"before": (0, 1), "one": (1, 2), "two": (2, 3), "after": (3, 4)}
    clip = clips.make("clip.mkv", chapters=chapters, timecode="01:00:00:00")
    out = tmp_path / "out.mkv"
    result = clips.stylize(clip, out, start=0.15, end=0.25)
    assert result.notes == [f"{clip}: the timecode is left out, which is that of its start"]
    with VideoReader(out) as reader:
        assert reader.timecode is None
    assert chapters_of(out) == {
        "one": pytest.approx((0, 0.05), abs=1e-3),
        "two": pytest.approx((0.05, 0.1), abs=1e-3),
    }
    assert clips.stylize(clip, out, end=0.2, overwrite=True).notes == []


@pytest.mark.parametrize(
    ("start", "end", "numbers"),
    [(0.0, None, range(10)), (0.09, 0.2, [1, 2, 3]), (0.16, 0.17, [3]), (0.23, 9, range(5, 10))],
)
def test_a_part_by_the_files_clock(
    clips: Clips, start: float, end: float | None, numbers: list[int]
) -> None:
    """Here the first frame is at 1000 of 15360 ticks a second, 0.065 s."""
    clip = clips.make("clip.mkv", UNSTEADY)
    with VideoReader(clip, Part(start, end, file_clock=True)) as reader:
        frames = list(reader)
    assert [frame.number for frame in frames] == list(numbers)
    whole = [frame.pixels for frame in VideoReader(clip)]
    assert all(torch.equal(frame.pixels, whole[frame.number]) for frame in frames)


def test_a_cut_between_two_ticks_is_at_the_first(clips: Clips) -> None:
    """Nearest would be the second."""
    clip, tick = clips.make(), 1 / 15360
    with VideoReader(clip, Part(512.9 * tick, 1024.9 * tick, file_clock=True)) as reader:
        assert [frame.number for frame in reader] == [1]


def test_parts_that_are_not_there(clips: Clips, tmp_path: Path) -> None:
    clip, out = clips.make(), tmp_path / "out.mp4"
    with pytest.raises(VideoFileError, match=r"from 2.50 s on, its last one is at 0.30 s"):
        clips.stylize(clip, out, start=2.5)
    with pytest.raises(VideoFileError, match=r"from 0.01 s on, its next one is at 0.03 s"):
        clips.stylize(clip, out, start=0.01, end=0.02)
    for start, end in ((-1, None), (2, 2), (2, 1), (float("nan"), None)):
        with pytest.raises(ValueError, match="start must be 0 or more seconds and before"):
            clips.stylize(clip, out, start=start, end=end)
    assert not out.exists()
