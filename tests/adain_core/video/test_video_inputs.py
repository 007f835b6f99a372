"""Which files are opened as videos: none that has others opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import STEADY, Clips

from adain_core.errors import VideoFileError
from adain_core.options import StylizeOptions
from adain_core.stylizer import Stylizer
from adain_core.video import Part, VideoReader, stylize_video

_M3U8 = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.3,\n{}\n#EXT-X-ENDLIST\n"
_CONCAT = "ffconcat version 1.0\nfile {}\n"
_DASH = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S">
<Period><AdaptationSet contentType="video"><Representation id="0" bandwidth="1" mimeType="video/mp4"
width="64" height="48"><BaseURL>{}</BaseURL><SegmentList duration="1"><SegmentURL media="{}"/>
</SegmentList></Representation></AdaptationSet></Period></MPD>
"""
_SDP = (
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
)


@pytest.mark.parametrize("where", ["{name}", "{folder}/{name}", "http://127.0.0.1:9/{name}"])
@pytest.mark.parametrize("name", ["list.mp4", "list.mkv", "list.m3u8", "list.ffconcat", "list.mpd"])
@pytest.mark.parametrize(
    "text", [_M3U8, _CONCAT, _DASH, _SDP], ids=["hls", "concat", "dash", "sdp"]
)
def test_lists_open_no_other_file(
    clips: Clips, tmp_path: Path, text: str, name: str, where: str
) -> None:
    secret = clips.make("secret.ts")
    target = where.format(name=secret.name, folder=tmp_path)
    (tmp_path / name).write_text(text.replace("{}", target))
    with pytest.raises(VideoFileError, match=r"is a playlist, or of another|not a video that FF"):
        VideoReader(tmp_path / name)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"stylizer": None}, r"stylizer must be a Stylizer, .*, got NoneType"),
        ({"source": 5}, "a video must be a path, got int"),
        ({"output": None}, "output must be a path, got NoneType"),
        ({"part": (0, 5)}, "part must be a Part, .*, got tuple"),
        ({"encoding": "h265"}, "encoding must be an Encoding, .*, got str"),
        ({"progress": 1}, "progress must be a function, got int"),
    ],
)
def test_other_types_are_refused(clips: Clips, changed: dict[str, Any], message: str) -> None:
    stylizer = Stylizer(clips.model, StylizeOptions(clips.style))
    arguments = {"stylizer": stylizer, "source": "clip.mp4", "output": "out.mp4", **changed}
    with pytest.raises(TypeError, match=message):
        stylize_video(**arguments)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("0", None), "start must be a number of seconds, got str"),
        ((0, "5"), "end must be a number of seconds, got str"),
        ((0, None, "24"), "fps must be a number or a Fraction, got str"),
    ],
)
def test_other_types_in_a_part_are_refused(values: tuple[Any, ...], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Part(*values)


def test_what_ffmpeg_alone_would_open(clips: Clips, tmp_path: Path) -> None:
    """The test above would say nothing of lists that FFmpeg does not take for such."""
    secret = clips.make("secret.ts")
    for name, text in (("list.m3u8", _M3U8), ("list.mp4", _CONCAT)):
        (tmp_path / name).write_text(text.format(secret.name))
        with av.open(str(tmp_path / name)) as container:
            assert len(list(container.decode(video=0))) == len(STEADY)
        with pytest.raises(VideoFileError, match="is a playlist, or of another kind"):
            VideoReader(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        *(("clip.mp4", codec) for codec in ("libx264", "libx265", "mpeg4")),
        *(("clip.mov", "libx264"), ("clip.mkv", "ffv1"), ("clip.webm", "libvpx-vp9")),
        *(("clip.avi", "mpeg4"), ("clip.ts", "libx264"), ("clip.mpg", "mpeg2video")),
        *(("clip.flv", "flv"), ("clip.ogv", "libvpx"), ("clip.wmv", "wmv2"), ("clip.3gp", "mpeg4")),
        *(("clip.mxf", "mpeg2video"), ("clip.nut", "ffv1"), ("clip.h264", "libx264")),
        *(("clip.hevc", "libx265"), ("clip.m4v", "mpeg4"), ("clip.y4m", "wrapped_avframe")),
        ("clip.ivf", "libvpx-vp9"),
    ],
)
def test_the_usual_kinds_are_opened(tmp_path: Path, name: str, codec: str) -> None:
    clip = _write(tmp_path / name, codec, lambda number: np.full((96, 128, 3), 20 * number))
    with VideoReader(clip) as reader:
        assert len(list(reader)) == 10


def test_ten_bits_are_rounded(tmp_path: Path) -> None:
    """Limited range: 64 is black, 940 white, 4 * (16 + 219 * v / 255) a gray of v."""
    with av.open(str(tmp_path / "clip.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        frame = av.VideoFrame(64, 48, "yuv420p10le")
        luma = np.frombuffer(frame.planes[0], np.uint16).reshape(48, -1).copy()
        steps = np.repeat([64, 283, 502, 721, 940, 505, 507, 1023], 8)
        luma[:, :64] = steps
        frame.planes[0].update(luma.tobytes())
        for plane in frame.planes[1:]:
            plane.update(np.full(plane.buffer_size // 2, 512, np.uint16).tobytes())
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with VideoReader(tmp_path / "clip.mkv") as reader:
        [read] = list(reader)
    expected = np.clip((steps - 64) / 876 * 255, 0, 255).round()
    got = read.pixels[0].numpy()
    assert np.abs(got - expected).max() <= 1


def _write(path: Path, codec: str, pixels: Callable[[int], np.ndarray]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(pixels(number).astype(np.uint8))
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return path
