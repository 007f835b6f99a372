"""Times, chapters and timecodes of written videos."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import (
    CLOCK,
    STEADY,
    UNSTEADY,
    Clips,
    chapters_of,
    copy,
    frames_of,
    length_of,
    times_of,
    waves_of,
)

from adain_core.video import VideoReader


@pytest.mark.parametrize("times", [STEADY, UNSTEADY], ids=["steady", "unsteady"])
@pytest.mark.parametrize(
    ("name", "codec", "kind"),
    [
        ("out.mp4", None, "h264"),
        ("out.mp4", "h265", "hevc"),
        ("out.mov", "prores", "prores"),
        ("out.mkv", None, "h264"),
        ("out.webm", None, "vp9"),
    ],
)
def test_times_stay(
    clips: Clips, tmp_path: Path, times: list[int], name: str, codec: str | None, kind: str
) -> None:
    result = clips.stylize(clips.make(times=times), name, codec=codec)
    assert (result.frames, result.width, result.height) == (10, 64, 48)
    assert result.complete
    assert not result.notes
    with av.open(str(tmp_path / name)) as container:
        assert container.streams.video[0].codec_context.name == kind
    expected = [(time - times[0]) * CLOCK for time in times]
    if name.endswith((".mp4", ".mov")):
        assert times_of(tmp_path / name) == expected
        length = float((times[-1] - times[0] + 512) * CLOCK)
        assert length_of(tmp_path / name) == pytest.approx(length, abs=1e-4)
    else:  # Matroska counts milliseconds
        for got, time in zip(times_of(tmp_path / name), expected, strict=True):
            assert abs(got - time) <= Fraction(1, 1000)
    assert not list(tmp_path.glob("*.partial*"))


@pytest.mark.parametrize("start", [-0.9, 36000])
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_times_count_from_the_first_frame_or_sound(
    clips: Clips, tmp_path: Path, start: float, name: str
) -> None:
    # A recording from ten hours on, and one from shortly before its clock of 33 bits begins anew.
    plain, moved = clips.make("clip.ts", sound="aac"), tmp_path / "moved.ts"
    with av.open(str(plain)) as source, av.open(str(moved), "w") as container:
        streams = [container.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                packet.dts += round((start - 1.4) / packet.time_base) % 2**33
                packet.pts += round((start - 1.4) / packet.time_base) % 2**33
                container.mux(packet)
    for clip in (plain, moved):
        clips.stylize(clip, tmp_path / f"{clip.stem}-{name}")
    got, expected = tmp_path / f"moved-{name}", tmp_path / f"clip-{name}"
    assert len(times_of(got)) == 10
    assert times_of(got) == times_of(expected)
    assert min(times_of(got)) < 0.1 and length_of(got) == length_of(expected) < 0.5
    np.testing.assert_array_equal(waves_of(got), waves_of(plain))


def test_a_frame_later_than_its_sound_stays_later(clips: Clips, tmp_path: Path) -> None:
    clip = clips.make(times=UNSTEADY, sound="aac", chapters={"one": (0, 2)})
    clips.stylize(clip, "out.mp4")
    assert times_of(tmp_path / "out.mp4") == [time * CLOCK for time in UNSTEADY]


@pytest.mark.parametrize("name", ["clip.mkv", "clip.ts"])
def test_the_last_frame_is_kept(clips: Clips, tmp_path: Path, name: str) -> None:
    # Ten frames a second in a file that says 1/30 s for each, or nothing: the last ones,
    # reordered, end early.
    for count in range(8, 13):
        times = [1536 * number for number in range(count)]
        clip, out = clips.make(name, times), tmp_path / f"{count}.mp4"
        clips.stylize(clip, out)
        assert len(times_of(out)) == count
        start = times_of(clip)[0]
        assert times_of(out) == [time - start for time in times_of(clip)]


@pytest.mark.parametrize("after", [1, 2, 3, 5])
@pytest.mark.parametrize(
    ("name", "codec"),
    [("out.mp4", "h264"), ("out.mp4", "h265"), ("out.mov", None), ("out.mkv", None)],
)
def test_a_pause_shortly_before_the_end(
    clips: Clips, tmp_path: Path, name: str, codec: str | None, after: int
) -> None:
    # 20 seconds; in MP4 the time to the next packet is not that to the next frame.
    times = STEADY + [512 * (610 + number) for number in range(after)]
    clip, out = clips.make(times=times), tmp_path / name
    result = clips.stylize(clip, out, codec=codec)
    assert result.complete
    frames = frames_of(out)
    assert [float(frame.time) for frame in frames] == pytest.approx(
        [float(time * CLOCK) for time in times], abs=1e-3
    )
    assert length_of(out) == pytest.approx(float((times[-1] + 512) * CLOCK), abs=2e-3)
    if name == "out.mkv":  # here a frame's own
        assert float(frames[9].duration * frames[9].time_base) == pytest.approx(601 / 30, abs=2e-3)


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webm"])
def test_a_pause_counts_once_where_mp4_gives_it_to_the_last_frame(
    clips: Clips, tmp_path: Path, name: str
) -> None:
    times = [512 * number for number in [*range(11), 611, 612]]
    # Every other frame is decoded after the one that it precedes, the last but one, too.
    clip = clips.make(times=times, options={"bf": "1", "x264-params": "b-adapt=0"})
    last = frames_of(clip)[-1]
    assert last.duration * last.time_base > 20
    with VideoReader(clip) as reader:
        durations = [frame.duration * reader.time_base for frame in reader]
    assert durations[0] == durations[-1] == Fraction(1, 30)
    clips.stylize(clip, name)
    assert len(frames_of(tmp_path / name)) == 13
    assert length_of(tmp_path / name) == pytest.approx(613 / 30, abs=2e-3)


def test_chapters_count_from_the_first_frame_or_sound(clips: Clips) -> None:
    chapters = {"before": (0, 40), "one": (45, 52), "two": (52, 53)}
    clip = clips.make("clip.mkv", [5 * 15360 + time for time in STEADY], chapters=chapters)
    assert chapters_of(clip) == {"one": pytest.approx((0, 0.2)), "two": pytest.approx((0.2, 0.3))}


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
def test_chapters_stay(clips: Clips, tmp_path: Path, name: str) -> None:
    clip = clips.make(chapters={"one": (0, 1), "two": (1, 3)})  # in tenths of a second
    clips.stylize(clip, name)
    assert chapters_of(tmp_path / name) == {
        "one": pytest.approx((0, 0.1)),
        "two": pytest.approx((0.1, 0.3)),
    }


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
@pytest.mark.parametrize(
    ("clip", "timecode", "kept"),
    [
        ("clip.mov", "01:00:00:12", True),
        ("clip.mkv", "10:00:00;02", True),
        ("clip.mkv", "tomorrow", False),
    ],
)
def test_the_timecode_stays(
    clips: Clips, tmp_path: Path, clip: str, timecode: str, kept: bool, name: str
) -> None:
    result = clips.stylize(clips.make(clip, timecode=timecode), name)
    with VideoReader(tmp_path / name) as reader:
        assert reader.timecode == (timecode if kept else None)
    left_out = f"{tmp_path / name}: the timecode {timecode} is left out"
    assert result.notes == [left_out] * (not kept)
    assert len(frames_of(tmp_path / name)) == 10
    assert length_of(tmp_path / name) == pytest.approx(1 / 3, abs=2e-3)


def test_numbers_are_skipped_at_30_and_60_frames_a_second_alone(
    clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with VideoReader(clips.make("clip.mkv", STEADY[:2], timecode="00:00:00;00")) as reader:
        monkeypatch.setattr(VideoReader, "rate", Fraction(25))
        [note] = copy(reader, tmp_path / "out.mov")
    assert note.endswith("the timecode 00:00:00;00 is left out")
