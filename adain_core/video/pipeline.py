"""``stylize_video``: frames are decoded ahead of the model and encoded behind it."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

from ..errors import OptionError, VideoFileError
from ..options import StylizeOptions
from ..pixels import as_uint8
from ..stylizer import Stylizer
from .clock import WHOLE, Part
from .files import state_file
from .formats import DEFAULT, Encoding, bit_depth, choose_codec, keyframe_interval
from .frame import Frame, Packet
from .keyframes import Keyframe, Keyframes
from .masks import MaskTrack
from .output import is_unfinished, open_writer
from .reader import VideoReader
from .resume import Checkpoints, State, describe_request
from .writer import Writer

# Frames that wait between two steps: enough to even out their times, little memory (25 MB each
# at 4K, four times that for 10 bits).
_WAITING = 4

T = TypeVar("T")
# Called with the number of frames done, of all if that is known, and the last picture.
VideoProgress: TypeAlias = Callable[[int, "int | None", Tensor], None]


@dataclass(frozen=True)
class VideoResult:
    """The result of :func:`stylize_video`.

    Attributes:
        frames: number of frames written.
        width: of the output, pixels.
        height: likewise.
        complete: False if the input was truncated or damaged.
        notes: what was dropped or changed, one sentence each.
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
    """Stylize a video.

    Timestamps, rotation, colors, chapters and timecode are preserved. Audio is copied, or
    re-encoded if the container does not support its codec; subtitles are dropped. HDR (PQ, HLG) is
    converted to SDR, interlaced video is deinterlaced, and pixels become square. Memory use does
    not depend on the length.

    Until it is complete, the output is named ``clip.partial.mp4``. After an error or an
    interruption it keeps that name, is playable, and can be continued with :func:`resume_video`.
    An existing output file is kept until then.

    Args:
        stylizer: model and options. A :class:`~adain_core.temporal.TemporalPool`, which is reset
            here, suppresses flicker. A mask of the options may have one frame per video frame, as
            a tensor ``(B, H, W)`` or the path of a video.
        source: a video that FFmpeg can read, an animated WebP, or consecutively numbered images (a
            folder, or ``frames/%06d.png``).
        output: ``.mp4``, ``.mov``, ``.mkv``, ``.webm``, ``.gif``, or ``frames/%06d.png``.
        keyframes: styles and alpha that change over time; they replace those of the options.
        part: the part of the video to process.
        encoding: codec settings of the output.
        overwrite: replace an existing file, and the partial result of an interrupted run.
        progress: called after each frame with the number of finished frames, their total if known,
            and the frame, ``(3, H, W)``, uint8, on the CPU.

    Raises:
        ValueError: arguments that are out of range or conflict.
        VideoFileError: a file cannot be read or written, or another process is writing it; the
            message describes the partial result.
        KeyboardInterrupt: likewise.

    Example:
        >>> stylizer = Stylizer(model, StylizeOptions("wave.jpg"), TemporalPool("ema"))
        >>> stylize_video(stylizer, "clip.mp4", "painted.mp4")
        >>> wave, stars = model.encode_style("wave.jpg"), model.encode_style("stars.jpg")
        >>> keyframes = [Keyframe(0, wave), Keyframe(120, stars, alpha=0.5)]
        >>> stylize_video(stylizer, "clip.mp4", "changing.mp4", keyframes=keyframes)
    """
    job = _Job(stylizer, source, Path(output), keyframes, part, encoding)
    return _draw_video(job, progress, overwrite=overwrite)


def resume_video(
    stylizer: Stylizer,
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    keyframes: Sequence[Keyframe] | None = None,
    part: Part = WHOLE,
    encoding: Encoding = DEFAULT,
    progress: VideoProgress | None = None,
) -> VideoResult:
    """Continue an interrupted :func:`stylize_video`, or start it if there is nothing to resume.

    The run continues from the last keyframe (every two seconds) with the state of the pool at that
    time, so the frames equal those of an uninterrupted run. Finished frames are copied. A GIF
    cannot be resumed.

    Args:
        stylizer: as for the interrupted run.
        source: likewise.
        output: likewise.
        keyframes: likewise.
        part: likewise.
        encoding: likewise.
        progress: as for :func:`stylize_video`.

    Raises:
        ValueError: as for :func:`stylize_video`.
        VideoFileError: likewise, or the arguments differ from those of the interrupted run.
        KeyboardInterrupt: as for :func:`stylize_video`.
    """
    job = _Job(stylizer, source, Path(output), keyframes, part, encoding)
    return _draw_video(job, progress, resume=True)


@dataclass(frozen=True)
class _Job:
    """Arguments of :func:`stylize_video`."""

    stylizer: Stylizer
    source: str | os.PathLike[str]
    output: Path
    keyframes: Sequence[Keyframe] | None
    part: Part
    encoding: Encoding


def _draw_video(
    job: _Job, progress: VideoProgress | None, overwrite: bool = False, resume: bool = False
) -> VideoResult:
    options = job.stylizer.options
    course = None if job.keyframes is None else _course(job.keyframes, options)
    encoding = replace(job.encoding, codec=choose_codec(job.output, job.encoding))
    deep = bit_depth(encoding) > 8
    if resume and encoding.codec == "gif":
        raise VideoFileError(
            f"cannot resume {job.output}: each frame of a GIF is stored as a difference from the "
            "previous one; write numbered images, which can be resumed, and convert them to a GIF"
        )
    with contextlib.ExitStack() as files:
        reader = files.enter_context(VideoReader(job.source, job.part, deep))
        tracks = [MaskTrack(mask, files) for mask in options.masks or ()]
        request = describe_request(job.stylizer, reader, encoding, job.keyframes)
        state = None if encoding.codec == "gif" else state_file(job.output)
        checkpoints = Checkpoints(state, request, overwrite)
        resume = resume and is_unfinished(job.output)
        if resume and state is not None:
            checkpoints = Checkpoints.load(state, request)
        writer = open_writer(
            job.output,
            reader,
            encoding,
            overwrite=checkpoints.overwrite,
            resume=resume,
            inputs=_files(options),
        )
        drawer = _Drawer(job.stylizer, course, writer, torch.float32 if deep else torch.uint8)
        if resume:
            drawer.go_on(*checkpoints.last(writer.usable))
        try:
            _run(_steps(reader, tracks), drawer, reader, checkpoints, progress)
            if writer.size is None:
                raise VideoFileError(
                    f"cannot read {job.source}: it has no frame that can be decoded"
                )
            writer.close()
            checkpoints.delete()
        except BaseException as error:
            _rescue(writer, checkpoints, error)
            raise
        masks_notes = [note for track in tracks for note in track.notes(job.part.end is None)]
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
            f"must be set in each keyframe if there are any, got {options.alpha} for all",
        )
    if options.masks is None and count > 1:
        raise OptionError(
            "keyframes", "of several styles need a mask for each; combine styles with Style.mix"
        )
    if options.masks is not None and len(options.masks) != count:
        raise OptionError(
            "keyframes",
            f"must have a style for each mask, got {count} and {len(options.masks)}",
        )
    return course


def _files(options: StylizeOptions) -> list[str | os.PathLike[str]]:
    """Return the files that the options refer to."""
    named = (*options.sources, options.background, *(options.masks or ()))
    return [file for file in named if isinstance(file, str | os.PathLike)]


def _rescue(writer: Writer, checkpoints: Checkpoints, error: BaseException) -> None:
    """Keep the partial result, and raise the error with a description of it."""
    kept, where = writer.rescue()
    if not kept:
        checkpoints.delete()
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


def _steps(reader: VideoReader, tracks: Sequence[MaskTrack]) -> Iterator[_Step]:
    sound: list[Packet] = []
    for item in reader.read():
        if not isinstance(item, Frame):
            sound.append(item)
            continue
        yield _Step(item, [track.at(item.number) for track in tracks], sound)
        sound = []
    yield _Step(None, [], sound)


class _Drawer:
    """Draws frames and has them written, or keeps those of an earlier run.

    Args:
        stylizer: draws.
        course: styles and alpha of each moment, if they change.
        writer: of the pictures.
        dtype: of the pictures.

    Attributes:
        kept: how many of the first frames an earlier run drew.
    """

    def __init__(
        self, stylizer: Stylizer, course: Keyframes | None, writer: Writer, dtype: torch.dtype
    ) -> None:
        self.kept, self._dtype = 0, dtype
        self._stylizer, self._course, self._writer = stylizer, course, writer
        if stylizer.smoothing is not None:
            stylizer.smoothing.reset()

    @property
    def state(self) -> State:
        """What the pool remembers."""
        pool = self._stylizer.smoothing
        return {} if pool is None else pool.state_dict()

    def go_on(self, frames: int, state: State) -> None:
        """Keep the first frames of an earlier run; go on with the pool's state after them."""
        self.kept = frames
        self._writer.go_on(frames)
        if self._stylizer.smoothing is not None:
            self._stylizer.smoothing.load_state_dict(state, self._stylizer.model.networks.device)

    def draw(self, frame: Frame, masks: list[Tensor]) -> Tensor:
        """Return a frame's picture, ``(3, H, W)``, on the CPU."""
        styles, alpha = None, None
        if self._course is not None:
            styles, alpha = self._course.at(frame.number, frame.seconds)
        picture = self._stylizer(
            frame.pixels,
            alpha=alpha,
            styles=styles,
            masks=masks or None,
            output_dtype=self._dtype,
        )
        return picture[0].cpu()

    def write(self, step: _Step, picture: Tensor | None) -> None:
        """Write a frame's sound and its picture; without one that of the earlier run."""
        self._writer.write_sound(step.sound)
        if step.frame is None:
            return
        if picture is not None:
            self._writer.write(picture, step.frame)
            return
        height, width = step.frame.pixels.shape[2:]
        self._writer.keep(step.frame, self._stylizer.size((height, width)))


def _run(
    steps: Iterable[_Step],
    drawer: _Drawer,
    reader: VideoReader,
    checkpoints: Checkpoints,
    progress: VideoProgress | None,
) -> None:
    """Decode, draw and encode, each in a thread of its own; the model in the caller's.

    Whatever ends it, both threads have ended when this returns.
    """
    waiting: deque[Future[None]] = deque()
    expected, interval = reader.expected_frames, keyframe_interval(reader.rate)
    ahead = _ahead(steps)
    with ThreadPoolExecutor(1, "adain-encode") as behind:
        try:
            for number, step in enumerate(ahead):
                picture = None
                if step.frame is not None and number >= drawer.kept:
                    if number == 1 or (number and number % interval == 0):
                        while waiting:  # a state tells that the frames before it are there
                            waiting.popleft().result()
                        checkpoints.add(number - number % interval, drawer.state)
                    picture = drawer.draw(step.frame, step.masks)
                if len(waiting) == _WAITING:
                    waiting.popleft().result()
                waiting.append(behind.submit(drawer.write, step, picture))
                if progress is not None and picture is not None:
                    progress(number + 1, expected, as_uint8(picture))
        finally:
            ahead.close()
        for future in waiting:
            future.result()


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
