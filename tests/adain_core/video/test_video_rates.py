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
from adain_core.video.packets import PacketTimes

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
# Times of the frames; each lasts until the next, the last one 1/30 s.
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
    """What other programs read as the times of a video's frames, seconds."""

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
    """Whether a reader can know how long each frame lasts."""
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
def encoded(draw: st.DrawFn) -> tuple[list[Packet], list[Packet]]:
    """Packets as they are shown, and the same in an order of decoding as x264 makes it."""
    durations = draw(st.lists(st.integers(1, 5000), min_size=1, max_size=40))
    shown = [Packet(sum(durations[:place]), 0, each) for place, each in enumerate(durations)]
    order, place = [0], 1
    while place < len(shown):
        following = min(place + draw(st.integers(0, 3)), len(shown) - 1)  # overtakes those before
        between = list(range(place, following))
        if draw(st.booleans()):  # the middle one first
            between.sort(key=lambda each: each != (place + following) // 2)
        order += [following, *between]
        place = following + 1
    return shown, [shown[place] for place in order]


@given(packets=encoded(), step=st.integers(1, 5000), share=st.floats(0, 1))
def test_times_of_decoding(
    packets: tuple[list[Packet], list[Packet]], step: int, share: float
) -> None:
    shown, decoded = packets
    times, cut = PacketTimes(step, reorder=2), int(share * len(shown))
    length = shown[-1].pts + shown[-1].duration
    for packet in shown:
        times.show(packet.pts, packet.duration)
        packet.duration = 0
    for packet in decoded[:cut]:
        times.stamp(packet)
    times.stamp_last(decoded[cut:])
    assert decoded[0].dts >= -2 * step
    assert all(one.dts < other.dts for one, other in pairwise(decoded))
    assert all(packet.dts <= packet.pts for packet in decoded)
    assert all(packet.duration > 0 for packet in decoded)
    if cut == 0 and length > 2 * step:
        assert decoded[-1].dts + decoded[-1].duration - decoded[0].dts == length
        assert max(packet.pts + packet.duration for packet in decoded) == length
