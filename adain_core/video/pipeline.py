"""``stylize_video``: frames are decoded ahead of the model and encoded behind it."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

from ..errors import OptionError, VideoFileError
from ..options import StylizeOptions
from ..stylizer import Stylizer
from .clock import WHOLE, Part
from .formats import DEFAULT, Encoding
from .frame import Frame, Packet
from .keyframes import Keyframe, Keyframes
from .masks import MaskTrack
from .reader import VideoReader
from .writer import Writer, open_writer

# Frames that wait between two steps: enough to even out their times, little memory (25 MB each
# at 4K).
_WAITING = 4

T = TypeVar("T")
# Called with the number of frames done, of all if that is known, and the last picture.
VideoProgress: TypeAlias = Callable[[int, "int | None", Tensor], None]


@dataclass(frozen=True)
class VideoResult:
    """What became of a video.

    Attributes:
        frames: written.
        width: of the result, pixels.
        height: likewise.
        complete: False where the input was cut off or damaged.
        notes: what was left out or done differently, a sentence each.
    """

    frames: int
    width: int
    height: int
    complete: bool
    notes: list[str]


def stylize_video(
    stylizer: Stylizer,
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    keyframes: Sequence[Keyframe] | None = None,
    part: Part = WHOLE,
    encoding: Encoding = DEFAULT,
    overwrite: bool = False,
    progress: VideoProgress | None = None,
) -> VideoResult:
    """Draw a video.

    Times, rotation, colors, chapters and timecode are the input's. Its sound is copied, or encoded
    anew where the output's kind of file does not take it; subtitles are left out. HDR (PQ, HLG)
    becomes SDR, and interlaced pictures are deinterlaced. Memory does not grow with the length.

    The output has a name beside its own (``clip.partial.mp4``) until it is finished; after an error
    or an interruption what there is by then takes its place and plays.

    Args:
        stylizer: model and options. With a :class:`~adain_core.temporal.TemporalPool`, which is
            reset here, the video does not flicker. A mask of the options may have a frame for each
            of the video's, in a tensor ``(B, H, W)`` or as the name of a video.
        source: a video of any kind that FFmpeg reads, or numbered pictures ``frames/%06d.png``,
            from any number on and without a gap.
        output: ``.mp4``, ``.mov``, ``.mkv``, ``.webm``, ``.gif``, or ``frames/%06d.png``.
        keyframes: styles and alpha that change over time, instead of the options'.
        part: of the video to draw.
        encoding: of the output.
        overwrite: replace an existing file.
        progress: called after each frame with the number done, of all if that is known, and the
            picture, ``(3, H, W)``, uint8, on the CPU.

    Raises:
        ValueError: arguments out of range or that do not fit together.
        VideoFileError: a file that cannot be read or written; the message says what is left.
        KeyboardInterrupt: likewise.

    Example:
        >>> stylizer = Stylizer(model, StylizeOptions("wave.jpg"), TemporalPool("ema"))
        >>> stylize_video(stylizer, "clip.mp4", "painted.mp4")
        >>> wave, stars = model.encode_style("wave.jpg"), model.encode_style("stars.jpg")
        >>> keyframes = [Keyframe(0, wave), Keyframe(120, stars, alpha=0.5)]
        >>> stylize_video(stylizer, "clip.mp4", "changing.mp4", keyframes=keyframes)
    """
    options = stylizer.options
    course = None if keyframes is None else _course(keyframes, options)
    if stylizer.pool is not None:
        stylizer.pool.reset()
    with contextlib.ExitStack() as files:
        reader = files.enter_context(VideoReader(source, part))
        writer = open_writer(output, reader, encoding, overwrite, _files(options))
        tracks = [MaskTrack(mask, files) for mask in options.masks or ()]
        draw = _Drawer(stylizer, course)
        try:
            _run(_steps(reader, tracks), draw, writer, reader.expected_frames, progress)
            if writer.size is None:
                raise VideoFileError(f"cannot read {source}: it has no frame that can be decoded")
            writer.close()
        except BaseException as error:
            _rescue(writer, error)
            raise
        whole = part.end is None
        masks_notes = [note for track in tracks for note in track.notes(whole)]
        notes = [*reader.notes, *writer.notes, *masks_notes]
        return VideoResult(writer.frames, *writer.size, complete=reader.complete, notes=notes)


def _course(keyframes: Sequence[Keyframe], options: StylizeOptions) -> Keyframes:
    """Return the keyframes, checked with the options.

    Raises:
        OptionError: options that keyframes replace, or other numbers of styles and masks.
    """
    course = Keyframes(keyframes)
    count = len(course.styles)
    if options.recolors:
        raise OptionError(
            "preserve_color",
            f"cannot be {options.preserve_color} with keyframes: it recolors artworks, keyframes "
            "mix styles without them; choose luminance",
        )
    if options.alpha != (1.0,):
        raise OptionError(
            "alpha",
            f"belongs to each keyframe where there are some, got {options.alpha} for all",
        )
    if options.masks is None and count > 1:
        raise OptionError(
            "keyframes", "of several styles need a mask for each; Style.mix makes one of several"
        )
    if options.masks is not None and len(options.masks) != count:
        raise OptionError(
            "keyframes",
            f"must have a style for each mask, got {count} and {len(options.masks)}",
        )
    return course


def _files(options: StylizeOptions) -> list[str | os.PathLike[str]]:
    """Return the files that the options name."""
    named = (*options.sources, options.background, *(options.masks or ()))
    return [file for file in named if isinstance(file, str | os.PathLike)]


def _rescue(writer: Writer, error: BaseException) -> None:
    """Keep what is written, and raise the error with a sentence that says what that is."""
    kept, where = writer.rescue()
    if not kept:
        return
    # After a failed write, frames that refer to a lost one do not count as lost here.
    about = "" if kept == writer.frames else "about "
    left = f"{where} holds {about}the first {kept} frame{'s' if kept > 1 else ''}"
    if isinstance(error, KeyboardInterrupt):
        raise KeyboardInterrupt(f"interrupted; {left}") from None
    if isinstance(error, Exception):  # not the program's end, a task's cancellation
        raise VideoFileError(f"{error}; {left}") from error


@dataclass(frozen=True)
class _Step:
    """A frame with its masks, and the sound before it; at the end sound alone."""

    frame: Frame | None
    masks: list[Tensor]
    sound: list[Packet]


class _Drawer:
    """Draws frames, with the styles and the alpha of their moment."""

    def __init__(self, stylizer: Stylizer, course: Keyframes | None) -> None:
        self._stylizer, self._course = stylizer, course

    def __call__(self, frame: Frame, masks: list[Tensor]) -> Tensor:
        styles, alpha = None, None
        if self._course is not None:
            styles, alpha = self._course.at(frame.number, frame.seconds)
        picture = self._stylizer(
            frame.pixels,
            alpha=alpha,
            styles=styles,
            masks=masks or None,
            output_dtype=torch.uint8,
        )
        return picture[0].cpu()


def _steps(reader: VideoReader, tracks: Sequence[MaskTrack]) -> Iterator[_Step]:
    sound: list[Packet] = []
    for item in reader.read():
        if not isinstance(item, Frame):
            sound.append(item)
            continue
        yield _Step(item, [track.at(item.number) for track in tracks], sound)
        sound = []
    yield _Step(None, [], sound)


def _run(
    steps: Iterable[_Step],
    draw: _Drawer,
    writer: Writer,
    expected: int | None,
    progress: VideoProgress | None,
) -> None:
    """Decode, draw and encode, each in a thread of its own; the model in the caller's.

    Whatever ends it, both threads have ended when this returns.
    """
    waiting: deque[Future[None]] = deque()
    ahead = _ahead(steps)
    with ThreadPoolExecutor(1, "adain-encode") as behind:
        try:
            for number, step in enumerate(ahead, 1):
                picture = None if step.frame is None else draw(step.frame, step.masks)
                if len(waiting) == _WAITING:
                    waiting.popleft().result()
                waiting.append(behind.submit(_write, writer, step, picture))
                if progress is not None and picture is not None:
                    progress(number, expected, picture)
        finally:
            ahead.close()
        for future in waiting:
            future.result()


def _write(writer: Writer, step: _Step, picture: Tensor | None) -> None:
    writer.write_sound(step.sound)
    if step.frame is not None and picture is not None:
        writer.write(picture, step.frame)


class _End:
    pass


def _ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """Iterate in a thread, a few items ahead."""
    iterator, end = iter(items), _End()
    with ThreadPoolExecutor(1, "adain-decode") as pool:
        try:
            waiting = deque(pool.submit(next, iterator, end) for _ in range(_WAITING))
            while not isinstance(item := waiting.popleft().result(), _End):
                waiting.append(pool.submit(next, iterator, end))
                yield item
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
