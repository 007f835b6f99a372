"""Ten bits per channel, from the input's pixels to the output's."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from clips import STEADY, Clips, frames_of
from torch import Tensor

from adain_core.errors import OptionError
from adain_core.options import StylizeOptions
from adain_core.stylizer import Stylizer
from adain_core.video import VideoReader

WIDTH, HEIGHT = 256, 32
_LUMA = 400  # of 1023, from which on each column is a step brighter


@pytest.fixture
def ramp(tmp_path: Path) -> Path:
    """Three frames of a gray ramp in steps of 10 bits, of which 8 bits make bands of four."""
    clip = tmp_path / "ramp.mkv"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv444p10le"
        for _ in range(3):
            container.mux(stream.encode(_gray(np.arange(_LUMA, _LUMA + WIDTH))))
        container.mux(stream.encode(None))
    return clip


def _gray(row: np.ndarray) -> av.VideoFrame:
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv444p10le")
    rows = (row, np.full(WIDTH, 512), np.full(WIDTH, 512))
    for plane, values in zip(frame.planes, rows, strict=True):
        plane.update(np.tile(values.astype(np.uint16), (HEIGHT, 1)).tobytes())
    return frame


def luma_of(path: Path) -> np.ndarray:
    """The first frame's luma in steps of 10 bits, ``(H, W)``."""
    frame = frames_of(path)[0]
    bits, plane = frame.format.components[0].bits, frame.planes[0]
    kind = np.uint8 if bits == 8 else np.uint16
    luma = np.frombuffer(plane, kind).reshape(HEIGHT, -1)[:, :WIDTH]
    return luma.astype(int) * 1024 // 2**bits


def left_half() -> Tensor:
    """A mask: what it does not cover stays the video's own."""
    mask = torch.zeros(1, HEIGHT, WIDTH)
    mask[:, :, : WIDTH // 2] = 1
    return mask


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("out.mp4", "h264", "yuv444p10le"),
        ("out.mp4", "h265", "yuv444p10le"),
        ("out.mov", "prores", "yuv444p12le"),  # as FFmpeg decodes it
    ],
)
def test_pixels_outside_the_mask_keep_every_step(
    clips: Clips, tmp_path: Path, ramp: Path, name: str, codec: str, pixel_format: str
) -> None:
    quality = {} if codec == "prores" else {"quality": 1}
    options = {"codec": codec, "chroma": "444", "bit_depth": 10, "masks": [left_half()], **quality}
    clips.stylize(ramp, name, [clips.style], **options)
    assert frames_of(tmp_path / name)[0].format.name == pixel_format
    rest = slice(WIDTH // 2 + 16, None)
    found = luma_of(tmp_path / name)[:, rest]
    assert np.abs(found - np.arange(_LUMA, _LUMA + WIDTH)[rest]).mean() < 0.6
    assert len(np.unique(found)) > 100


def test_eight_bits_are_the_default(clips: Clips, tmp_path: Path, ramp: Path) -> None:
    clips.stylize(ramp, "out.mp4", [clips.style], quality=1, masks=[left_half()])
    assert frames_of(tmp_path / "out.mp4")[0].format.name == "yuv420p"
    assert len(np.unique(luma_of(tmp_path / "out.mp4")[:, WIDTH // 2 + 16 :])) < 40


def test_stylized_frames_are_not_rounded_to_8_bits(
    clips: Clips, tmp_path: Path, ramp: Path
) -> None:
    """ProRes has ten bits whatever is asked for."""
    clips.stylize(ramp, "out.mov", codec="prores", chroma="444", temporal="frame")
    with VideoReader(ramp, deep=True) as reader:
        frame = next(iter(reader))
    expected = Stylizer(clips.model, StylizeOptions(clips.style, stroke_size="single"))(
        frame.pixels
    )
    with VideoReader(tmp_path / "out.mov", deep=True) as reader:
        found = next(iter(reader)).pixels
    assert found.dtype == torch.float32
    # Half a step of 10 bits in YCbCr, and what ProRes loses: less than half a step of 8 bits.
    assert (found - expected).abs().mean() < 0.5 / 255


def test_progress_shows_8_bits(clips: Clips, ramp: Path) -> None:
    shown: list[Tensor] = []
    clips.stylize(
        ramp, "out.mp4", bit_depth=10, progress=lambda done, of, frame: shown.append(frame)
    )
    assert [(frame.dtype, tuple(frame.shape)) for frame in shown] == [
        (torch.uint8, (3, HEIGHT, WIDTH))
    ] * 3


def test_a_reader_keeps_more_bits_of_all_kinds(clips: Clips) -> None:
    """Turned, with pixels that are not square, in 8 bits: the same frames in finer steps."""
    clip = clips.make(times=STEADY[:2], rotation=90, aspect=Fraction(4, 3))
    with VideoReader(clip) as coarse, VideoReader(clip, deep=True) as deep:
        for one, other in zip(coarse, deep, strict=True):
            assert other.pixels.dtype == torch.float32
            difference = (other.pixels * 255 - one.pixels).abs()
            assert difference.max() < 2 and difference.mean() < 0.6


@pytest.mark.parametrize(
    ("name", "codec", "depth", "words"),
    [
        ("out.webm", None, 10, "of vp9 must be 8, got 10"),
        ("out.gif", None, 10, "of gif must be 8, got 10"),
        ("out.mp4", None, 12, "of h264 must be 8 or 10, got 12"),
        ("out.mov", "prores", 8, "of prores must be 10, got 8"),
    ],
)
def test_refused_depths(
    clips: Clips, ramp: Path, name: str, codec: str | None, depth: int, words: str
) -> None:
    with pytest.raises(OptionError, match=words):
        clips.stylize(ramp, name, codec=codec, bit_depth=depth)
