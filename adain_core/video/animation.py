"""Animations that FFmpeg cannot read completely, read with Pillow."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
import numpy as np
import PIL.Image
import PIL.ImageSequence

_CLOCK = Fraction(1, 1000)
_DELAY = 100  # ticks, for a frame without a duration, as in browsers


def is_animated_image(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is a GIF, PNG or WebP with several frames."""
    return _is_animated(path, ("GIF", "PNG", "WEBP"))


def needs_pillow(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is an animated WebP, or a GIF whose first frame has no duration.

    FFmpeg cannot decode the former, and loses a frame of the latter.
    """
    return _is_animated(path, ("WEBP",)) or _is_animated(path, ("GIF",), lacks="duration")


def gif_repeats(path: str | os.PathLike[str]) -> int:
    """Return how often a GIF made from a file is repeated; -1 for not at all, 0 for endlessly.

    An animated GIF, PNG or WebP keeps its own number; a video is repeated endlessly.
    """
    if not is_animated_image(path):
        return 0
    with PIL.Image.open(path, formats=("GIF", "PNG", "WEBP")) as image:
        if image.format == "GIF":
            return int(image.info.get("loop", -1))
        plays = int(image.info.get("loop", 0))
    return -1 if plays == 1 else max(0, plays - 1)


def open_animation(path: str | os.PathLike[str]) -> Any:
    """Return an opened container with the frames of an animation, encoded losslessly.

    Raises:
        OSError: the file is damaged.
    """
    file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (the container keeps it)
    with PIL.Image.open(path, formats=("GIF", "WEBP")) as image:
        _write(file, image)
    file.seek(0)
    return av.open(file, metadata_errors="replace")


def _write(file: IO[bytes], image: PIL.Image.Image) -> None:
    frames = list(_times(image))
    rate = Fraction(len(frames) * 1000, sum(duration for _, duration in frames))
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=rate.limit_denominator(1001))
        stream.width, stream.height = image.size
        stream.pix_fmt = "bgra" if image.has_transparency_data else "bgr0"
        stream.codec_context.time_base = _CLOCK
        for frame, (time, duration) in zip(PIL.ImageSequence.Iterator(image), frames, strict=True):
            array = np.array(frame.convert("RGBA"))
            video_frame = av.VideoFrame.from_ndarray(array, format="rgba")
            video_frame.pts, video_frame.time_base = time, _CLOCK
            for packet in stream.encode(video_frame):
                packet.duration = duration
                container.mux(packet)
        container.mux(stream.encode(None))


def _times(image: PIL.Image.Image) -> Iterator[tuple[int, int]]:
    """Yield start and duration of each frame, in ticks."""
    time = 0
    for frame in PIL.ImageSequence.Iterator(image):
        frame.load()  # sets the duration
        duration = round(frame.info.get("duration", 0)) or _DELAY
        yield time, duration
        time += duration


def _is_animated(
    path: str | os.PathLike[str], formats: tuple[str, ...], lacks: str | None = None
) -> bool:
    if not Path(path).is_file():
        return False
    try:
        with PIL.Image.open(path, formats=formats) as image:
            return lacks not in image.info and getattr(image, "n_frames", 1) > 1
    except Exception:  # Pillow raises many kinds for other files
        return False
