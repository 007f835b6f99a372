"""Frame rates and lengths of written videos: those of what they are made from."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from clips import CLOCK, Clips, copy
from hypothesis import given
from hypothesis import strategies as st

from adain_core.video import Part, VideoReader
from adain_core.video.clock import WHOLE
from adain_core.video.mp4 import DecodingTimes

OUTPUTS = [
    ("out.mp4", "h264"),
    ("out.mp4", "h265"),
    ("out.mp4", "vp9"),
    ("out.m4v", "h264"),
    ("out.mov", "h264"),
    ("out.mov", "h265"),
    ("out.mov", "prores"),
    ("out.mkv", "h264"),
    ("out.mkv", "h265"),
    ("out.mkv", "vp9"),
    ("out.mkv", "prores"),
    ("out.webm", "vp9"),
    ("out.gif", "gif"),
]
MOVIES = (".mp4", ".m4v", ".mov")
# Times of the pictures; each lasts until the next, the last one 1/30 s.
TIMES = {
    "steady": [512 * n for n in range(25)],
    "two fragments": [512 * n for n in range(61)],
    "one": [0],
    "two": [0, 512],
    "unsteady": [0, 512, 1400, 1500, 2524, 3036, 3500, 5000, 5512, 6024],
    "pause": [512 * n for n in [*range(10), 610, 611, 612]],
    "pause first": [512 * n for n in [0, *range(610, 620)]],
    "rush last": [*range(0, 10000, 1000), 10001, 10020, 10040, 10060],
}


@dataclass(frozen=True)
class Written:
    """What other programs read of a video's pictures, seconds."""

    length: Fraction
    rate: Fraction
    times: list[Fraction]
    durations: list[Fraction]


def read(path: Path) -> Written:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        packets.sort(key=lambda packet: packet.pts)
        length = Fraction(container.duration, av.time_base)
        if stream.duration is not None:
            length = stream.duration * stream.time_base
        return Written(
            length,
            stream.average_rate,
            [packet.pts * stream.time_base for packet in packets],
            [packet.duration * stream.time_base for packet in packets],
        )


def tick_of(name: str) -> Fraction:
    """The unit of a file's times."""
    return {".gif": Fraction(1, 100), ".mkv": Fraction(1, 1000), ".webm": Fraction(1, 1000)}.get(
        Path(name).suffix, CLOCK
    )


def written(
    clips: Clips, name: str, codec: str, times: list[int], b_frames: int = 0, part: Part = WHOLE
) -> Written:
    clip = clips.make("clip.mp4", times, options={"bf": str(b_frames)})
    with VideoReader(clip, part) as reader:
        copy(reader, clips.folder / name, codec)
    return read(clips.folder / name)


def tells_durations(name: str, codec: str, kind: str) -> bool:
    """Whether a reader can know how long each picture lasts."""
    if codec == "gif":  # some are too short to be shown
        return kind not in ("unsteady", "rush last")
    if not name.endswith(MOVIES) or kind in ("steady", "two fragments", "one", "two"):
        return True
    # A movie holds the time from one decoding to the next, and where VP9 is in it, FFmpeg reports
    # the usual one.
    return codec == "prores"


@pytest.mark.parametrize("kind", TIMES)
@pytest.mark.parametrize(
    ("name", "codec", "b_frames"),
    [*((name, codec, 3) for name, codec in OUTPUTS), ("out.mp4", "h264", 0), ("out.mkv", "vp9", 0)],
)
def test_rate_and_durations(clips: Clips, name: str, codec: str, b_frames: int, kind: str) -> None:
    times = TIMES[kind]
    ends = [*times[1:], times[-1] + 512]
    found = written(clips, name, codec, times, b_frames)
    assert abs(found.length - ends[-1] * CLOCK) <= tick_of(name)
    if name.endswith(MOVIES):
        assert found.rate == len(times) / (ends[-1] * CLOCK)
    elif codec != "gif":  # whose rate FFmpeg estimates
        assert found.rate == pytest.approx(read(clips.folder / "clip.mp4").rate, rel=1e-4)
    if tells_durations(name, codec, kind):
        assert len(found.times) == len(times)
        for time, end, duration in zip(times, ends, found.durations, strict=True):
            assert abs(duration - (end - time) * CLOCK) <= tick_of(name)


@pytest.mark.parametrize(("name", "codec"), OUTPUTS)
@pytest.mark.parametrize("kind", ["steady", "unsteady"])
def test_a_part_has_its_own_length(clips: Clips, name: str, codec: str, kind: str) -> None:
    part = Part(3000 * CLOCK, 5600 * CLOCK)
    found = written(clips, name, codec, TIMES[kind], part=part)
    times = [time - 3000 for time in TIMES[kind] if 3000 <= time < 5600]
    tick = tick_of(name)
    assert len(found.times) == len(times)
    for got, time in zip(found.times, times, strict=True):
        assert abs(got - time * CLOCK) <= tick
    length = (2600 - times[0]) * CLOCK  # the last one ends with the part
    if name.endswith(MOVIES):
        assert (found.length, found.rate) == (length, len(times) / length)
    else:
        assert abs(sum(found.durations) - length) <= tick * len(times)


def test_a_gif_ends_with_its_last_frame(clips: Clips) -> None:
    """The frame before the pause lasts 20 seconds, the last one a thirtieth."""
    found = written(clips, "out.gif", "gif", [0, 512, 512 * 600])
    assert found.durations == [Fraction(3, 100), Fraction(1997, 100), Fraction(3, 100)]


@dataclass
class Packet:
    """An encoder's packet, as far as its times go."""

    pts: int
    dts: int
    duration: int


@st.composite
def encoded(draw: st.DrawFn) -> list[Packet]:
    """Packets in the order of decoding, with times as x264 gives them."""
    durations = draw(st.lists(st.integers(1, 5000), min_size=1, max_size=40))
    times = [sum(durations[:place]) for place in range(len(durations))]
    order, place = [0], 1
    while place < len(times):
        following = min(place + draw(st.integers(0, 3)), len(times) - 1)  # overtakes those before
        order += [following, *range(place, following)]
        place = following + 1
    delay = int(any(a > b for a, b in pairwise(order)))
    lead = times[delay] - times[0]
    return [
        Packet(
            times[shown],
            times[place] - lead if place < delay else times[place - delay],
            durations[shown],
        )
        for place, shown in enumerate(order)
    ]


@given(packets=encoded(), step=st.integers(1, 5000), share=st.floats(0, 1))
def test_times_of_decoding(packets: list[Packet], step: int, share: float) -> None:
    first, end = packets[0].pts, max(packet.pts + packet.duration for packet in packets)
    times, cut = DecodingTimes(step), int(share * len(packets))
    early = times.add(packets[:cut])
    late = times.finish(packets[cut:], end)
    assert [packet.pts for packet in (*early, *late)] == [packet.pts for packet in packets]
    decoded = [packet.dts for packet in packets]
    assert all(one < other for one, other in pairwise(decoded))
    assert all(packet.dts <= packet.pts for packet in packets)
    assert first - decoded[0] <= step
    if not early:
        assert decoded[-1] + packets[-1].duration - decoded[0] == end - first
        assert max(packet.pts + packet.duration for packet in packets) == end
