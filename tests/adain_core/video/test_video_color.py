"""Colors, rotation, HDR, fields, transparency."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from clips import STEADY, UNSTEADY, Clips, frames_of, pixels_of, psnr, save
from torch import Tensor

from adain_core.video import VideoReader
from adain_core.video.color import Color


@pytest.mark.parametrize("matrix", [1, 6, 9], ids=["709", "601", "2020"])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
def test_a_frame_equals_the_same_image_stylized(
    clips: Clips, tmp_path: Path, matrix: int, full: bool
) -> None:
    clip = clips.make(times=STEADY[:3], color=Color(matrix, full))
    original = clips.make_image(48, 64 + 6, seed=1)[..., :64]
    assert psnr(pixels_of(clip)[0], original) > 38
    clips.stylize(clip, "out.mp4", quality=0, chroma="444", temporal="frame")
    for result, frame in zip(pixels_of(tmp_path / "out.mp4"), pixels_of(clip), strict=True):
        expected = clips.stylize_frame(frame)
        # What rounding to 8 bits of YCbCr leaves.
        assert (result - expected).abs().max() < 4 / 255
        assert psnr(result, expected) > 48
    frame = frames_of(tmp_path / "out.mp4")[0]
    assert (frame.colorspace, frame.color_range) == (matrix, 2 if full else 1)


def test_untagged_small_videos_are_bt601(clips: Clips, tmp_path: Path) -> None:
    clips.stylize(clips.make(), "out.mp4")
    frame = frames_of(tmp_path / "out.mp4")[0]
    assert (frame.colorspace, frame.color_range) == (6, 1)


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_rotation_is_applied(clips: Clips, rotation: int) -> None:
    turned, plain = pixels_of(clips.make("turned.mp4", rotation=rotation)), pixels_of(clips.make())
    assert psnr(turned[0], torch.rot90(plain[0], rotation // 90, (2, 3))) > 50


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((-1, 0, 0, 1), lambda pixels: pixels.flip(3)),
        ((1, 0, 0, -1), lambda pixels: pixels.flip(2)),
        ((0, 1, 1, 0), lambda pixels: pixels.transpose(2, 3)),
        ((0, -1, -1, 0), lambda pixels: pixels.rot90(2, (2, 3)).transpose(2, 3)),
    ],
    ids=["horizontal", "vertical", "turned", "turned back"],
)
def test_a_mirrored_video_is_mirrored(
    clips: Clips, matrix: tuple[int, ...], expected: Callable[[Tensor], Tensor]
) -> None:
    clip = clips.make(times=STEADY[:2])
    plain = pixels_of(clip)[0]
    start, place = b"", clip.read_bytes().index(b"tkhd") + 44  # of the track's head
    for row in (matrix[:2], matrix[2:]):
        start += b"".join((number << 16).to_bytes(4, "big", signed=True) for number in row)
        start += bytes(4)
    content = clip.read_bytes()
    clip.write_bytes(content[:place] + start + content[place + len(start) :])
    assert torch.equal(pixels_of(clip)[0], expected(plain))


@pytest.mark.parametrize(
    ("transfer", "grays"),
    [(18, {0: 0, 0.5: 115, 0.75: 173, 1: 254}), (16, {0: 0, 0.5: 125, 0.75: 206, 1: 255})],
    ids=["hlg", "pq"],
)
def test_hdr_becomes_sdr(tmp_path: Path, transfer: int, grays: dict[float, int]) -> None:
    """A little darker below white, so that highlights are not cut off."""
    clip = tmp_path / "clip.mp4"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx265", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_range = 9, 1
        context.color_primaries, context.color_trc = 9, transfer
        for signal in grays:
            frame = av.VideoFrame(64, 48, "yuv420p10le")
            values = (round(64 + 876 * signal), 512, 512)
            for plane, value in zip(frame.planes, values, strict=True):
                plane.update(np.full(plane.buffer_size // 2, value, np.uint16).tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with VideoReader(clip) as reader:
        pixels = torch.cat([frame.pixels for frame in reader])
        assert reader.color == Color(1, False, 1, 1)
        assert reader.notes == [f"{clip}: HDR (PQ or HLG) is converted to SDR"]
    expected = torch.tensor(list(grays.values()))[:, None, None, None].expand(pixels.shape)
    torch.testing.assert_close(pixels, expected.to(pixels.dtype), rtol=0, atol=4)
    with VideoReader(clip, deep=True) as reader:
        deep = torch.cat([frame.pixels for frame in reader])
    torch.testing.assert_close(deep * 255, pixels.float(), rtol=0, atol=2)


def test_wide_colors_alone_are_no_hdr(clips: Clips) -> None:
    with VideoReader(clips.make(times=STEADY[:2], color=Color(9, False, 9, 14))) as reader:
        assert len(list(reader)) == 2
        assert (reader.color.transfer, reader.notes) == (14, [])


@pytest.mark.parametrize("times", [STEADY, UNSTEADY], ids=["steady", "unsteady"])
@pytest.mark.parametrize("rotation", [0, 90])
def test_interlaced_frames_are_deinterlaced(clips: Clips, times: list[int], rotation: int) -> None:
    """As many frames as before at the same times, without combs."""
    options = {"x264-params": "tff=1"}
    plain = clips.make(times=times, rotation=rotation)
    clip = clips.make("fields.mp4", times, rotation=rotation, options=options, fields=8)
    with VideoReader(plain) as expected, VideoReader(clip) as reader:
        for one, other in itertools.zip_longest(expected, reader):
            assert one.pixels.shape == other.pixels.shape
            assert (one.number, one.pts, one.duration) == (other.number, other.pts, other.duration)
        assert expected.notes == []
        assert reader.notes == [f"{clip}: interlaced frames are deinterlaced"]

    def combs(rows: np.ndarray) -> float:
        """How much rows differ from those around them."""
        return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())

    woven = frames_of(clip)[5].to_ndarray(format="rgb24").astype(float)
    [result] = pixels_of(clip)[5].permute(0, 2, 3, 1).numpy() * 255
    assert combs(result.swapaxes(0, 1) if rotation else result) < combs(woven) / 4


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P"])
def test_transparency_is_reported(clips: Clips, tmp_path: Path, kind: str) -> None:
    clear, opaque = tmp_path / "clear%d.png", tmp_path / "opaque%d.png"
    for number, pattern in [(0, opaque), (1, opaque), (0, clear), (1, clear)]:
        pixels = torch.cat((clips.make_image(32, 32, seed=1)[0], torch.ones(1, 32, 32)))
        if number == 1 and pattern is clear:
            pixels[3, :8] = 0.5
        save(tmp_path / (pattern.name % number), pixels, kind)
    for pattern, notes in ((opaque, []), (clear, [f"{clear}: transparency is left out"])):
        result = clips.stylize(pattern, tmp_path / f"{pattern.stem[:-2]}.mp4")
        assert (result.frames, result.complete, result.notes) == (2, True, notes)


def test_transparency_of_webm_is_reported(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "clip.webm"), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva420p"
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 4), 100, np.uint8), format="rgba")
        container.mux(stream.encode(frame.reformat(format="yuva420p")))
        container.mux(stream.encode(None))
    with VideoReader(tmp_path / "clip.webm") as reader:
        assert len(list(reader)) == 1
        assert reader.notes == [f"{tmp_path / 'clip.webm'}: transparency is left out"]
        assert reader.complete
