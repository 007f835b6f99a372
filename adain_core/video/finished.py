"""Finished outputs: whether one is what a run would make, as far as its file tells."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import av
import PIL.Image

from ..errors import VideoFileError
from .clock import announced_end
from .earlier import EarlierFrames
from .encoder import fit_size
from .formats import CODECS, Encoding, pixel_format
from .inputs import open_input
from .reader import VideoReader
from .resume import Checkpoints
from .sequence import existing_images

# Times in files are rounded, and codecs change the end by a frame or two.
_TOLERANCE = 0.5


def is_finished(output: Path, checkpoints: Checkpoints) -> bool:
    """Return whether an existing output is that of a finished run.

    Args:
        output: the file, or the pattern of numbered images.
        checkpoints: those of the run to resume, or of a new one.
    """
    if checkpoints.are_loaded:
        # A run that replaces nothing begins without the file: it was killed after its last step.
        return output.is_file() and not checkpoints.overwrite
    return output.is_file() or bool(existing_images(output))


def check_finished(
    output: Path,
    reader: VideoReader,
    encoding: Encoding,
    size: tuple[int, int],
    inputs: Iterable[str | os.PathLike[str]],
) -> tuple[int, int, int]:
    """Check that a finished output has the form that a run would give it.

    The style and options that leave no trace in the file are not known.

    Args:
        output: the file, or the pattern of numbered images.
        reader: reader of the input.
        encoding: the encoding, with codec.
        size: width and height of the stylized frames.
        inputs: other input files.

    Returns:
        Number of frames, width and height.

    Raises:
        VideoFileError: the run would make another video, or an input has changed since.
    """
    encoding, size, _ = fit_size(encoding, size)
    check = _check_images if encoding.codec == "png" else _check_file
    difference, frames = check(output, reader, encoding, size)
    difference = difference or _newer(existing_images(output) or [output], [reader.path, *inputs])
    if difference:
        raise VideoFileError(
            f"cannot resume {output}: it is finished, but not by the same command: {difference}; "
            "choose another name or allow replacing it",
            "replace",
        )
    return frames, *size


def _check_file(
    output: Path, reader: VideoReader, encoding: Encoding, size: tuple[int, int]
) -> tuple[str, int]:
    """Return the difference from what the run would make, if there is one, and the frames."""
    assert encoding.codec is not None
    try:
        with open_input(output) as container:
            stream = container.streams.video[0]
            decoder, form = stream.codec_context.name, stream.codec_context.pix_fmt or ""
            there = stream.width, stream.height
            end = announced_end(container, [stream], alone=len(container.streams) == 1)
    except (OSError, IndexError, av.FFmpegError):
        return "it is not a video", 0
    codec = {"hevc": "h265"}.get(decoder, decoder)
    expected = pixel_format(encoding)
    form = form.replace("yuvj", "yuv")  # FFmpeg's older names for the full range
    if codec != encoding.codec:
        return f"it is {codec}, not {encoding.codec}", 0
    if there != size:
        return _other_size(there, size), 0
    if form != expected and len(CODECS[codec].bit_depths) > 1:
        return f"its pixels are {form}, not {expected}", 0
    if end is not None and reader.end is not None:
        planned = float(reader.end * reader.time_base)
        if abs(end - planned) > _TOLERANCE:
            return f"it ends at {end:.1f} s, not at {planned:.1f} s", 0
    return "", EarlierFrames(output).count


def _check_images(
    output: Path, reader: VideoReader, encoding: Encoding, size: tuple[int, int]
) -> tuple[str, int]:
    images = existing_images(output)
    try:
        with PIL.Image.open(images[0]) as image:
            there = image.size
    except OSError:
        return f"{images[0]} is not an image", 0
    if there != size:
        return _other_size(there, size), 0
    expected = reader.expected_frames
    if expected and abs(len(images) - expected) > _TOLERANCE * reader.rate:
        return f"it has {len(images)} images, not {expected}", 0
    return "", len(images)


def _other_size(there: tuple[int, int], size: tuple[int, int]) -> str:
    return f"it is {there[0]}x{there[1]}, not {size[0]}x{size[1]}"


def _newer(outputs: Iterable[Path], inputs: Iterable[str | os.PathLike[str]]) -> str:
    """Return a sentence if an input has changed since the outputs were written."""
    written = min(file.stat().st_mtime_ns for file in outputs)
    for file in inputs:
        try:
            changed = Path(file).stat().st_mtime_ns
        except OSError:  # an address, or a pattern
            continue
        if changed > written:
            return f"{file} has changed since"
    return ""
