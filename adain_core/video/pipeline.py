"""``stylize_video``: decoding, stylizing and encoding of frames in parallel."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar, get_args

from torch import Tensor

from ..errors import AdaINError, OptionError, VideoFileError, require_kind
from ..options import StylizeOptions
from ..pixels import as_uint8
from ..stylizer import Stylizer
from .clock import WHOLE, Part
from .files import delete_partial, state_file
from .finished import check_finished, is_finished
from .formats import DEFAULT, Encoding, bit_depth, choose_codec, keyframe_interval
from .frame import Frame, Packet
from .keyframes import Keyframe, Keyframes
from .masks import MaskTrack
from .output import open_writer
from .reader import VideoReader
from .resume import Checkpoints, State, describe_request
from .writer import Writer

# Frames buffered between decoder, model and encoder: enough to even out their times, little memory
# (25 MB each at 4K, four times that for 10 bits).
_WAITING = 4

T = TypeVar("T")
# What to do with an existing output, or with the partial result of an interrupted run.
IfExists = Literal["error", "replace", "resume"]
# Called with the number of finished frames, their total if known, and the last frame.
VideoProgress: TypeAlias = Callable[[int, "int | None", Tensor], None]


@dataclass(frozen=True)
class VideoResult:
    """The result of :func:`stylize_video`.

    Attributes:
        frames: number of frames written.
        width: width of the output, pixels.
        height: height, likewise.
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
    keyframes: Keyframes | Sequence[Keyframe] | None = None,
    part: Part = WHOLE,
    encoding: Encoding = DEFAULT,
    if_exists: IfExists = "error",
    progress: VideoProgress | None = None,
) -> VideoResult:
    """Stylize a video.

    Timestamps, rotation, colors, chapters and timecode are preserved. Audio is copied, or
    re-encoded if the container does not support its codec; subtitles are dropped. HDR (PQ, HLG) is
    converted to SDR, interlaced video is deinterlaced, and pixels become square. Memory use does
    not depend on the length.

    Until it is complete, the output is named ``clip.partial.mp4``, also after an error or an
    interruption; it is playable and can be resumed. An existing output file is kept until then.

    Args:
        stylizer: model and options. A :class:`~adain_core.temporal.TemporalPool`, which is reset
            here, suppresses flicker. A mask of the options may have one frame per video frame, as
            a tensor ``(B, H, W)`` or the path of a video.
        source: a video that FFmpeg can read, an animated WebP, or consecutively numbered images (a
            folder, or ``frames/%06d.png``).
        output: ``.mp4``, ``.mov``, ``.mkv``, ``.webm``, ``.gif``, or ``frames/%06d.png``.
        keyframes: styles and alpha over time, instead of those in the options.
        part: the part of the video to process.
        encoding: codec settings of the output.
        if_exists: what to do with an existing or partial output: ``"error"``, ``"replace"``, or
            ``"resume"``, which continues an interrupted run with the same arguments, so that the
            stylized frames equal those of an uninterrupted run, starts from the beginning if there
            is none, and keeps a finished output of the same form with a note. Not for GIF.
        progress: called after each frame with the number of finished frames, their total if known,
            and the frame, ``(3, H, W)``, uint8, on the CPU. Its exceptions end the run.

    Raises:
        TypeError: arguments of other types.
        ValueError: arguments that are out of range or conflict.
        VideoFileError: a file cannot be read or written, another process is writing it, or an
            earlier run had other arguments; the message describes the partial result.
        KeyboardInterrupt: likewise.

    Example:
        >>> stylizer = Stylizer(model, StylizeOptions("wave.jpg"), TemporalPool("ema"))
        >>> stylize_video(stylizer, "clip.mp4", "painted.mp4")
        >>> keyframes = [Keyframe(0, wave), Keyframe(120, stars, alpha=0.5)]
        >>> stylize_video(stylizer, "clip.mp4", "changing.mp4", keyframes=keyframes)
    """
    _check_kinds(stylizer, output, part, encoding, progress)
    output, options = Path(output), stylizer.options
    schedule = _schedule(keyframes, options)
    encoding = _choose_encoding(output, encoding, if_exists)
    with contextlib.ExitStack() as files:
        reader = files.enter_context(VideoReader(source, part, bit_depth(encoding) > 8))
        tracks = [MaskTrack(mask, files) for mask in options.masks or ()]
        request = describe_request(stylizer, reader, encoding, schedule)
        checkpoints = _open_checkpoints(output, encoding, request, if_exists)
        if if_exists == "resume" and is_finished(output, checkpoints):
            return _keep_finished(output, reader, encoding, stylizer, checkpoints)
        writer = _open_writer(output, reader, encoding, checkpoints, options)
        frame_stylizer = _FrameStylizer(stylizer, schedule, writer)
        width, height = _write_video(reader, tracks, frame_stylizer, checkpoints, progress)
        notes = [*reader.notes, *writer.notes]
        notes += [note for track in tracks for note in track.notes(part.end is None)]
        if schedule is not None and part.end is None:
            notes += schedule.notes(*frame_stylizer.last)
        return VideoResult(writer.frames, width, height, reader.complete, notes)


def _check_kinds(
    stylizer: object, output: object, part: object, encoding: object, progress: object
) -> None:
    words = "a Stylizer, such as Stylizer(model, StylizeOptions(style))"
    require_kind("stylizer", stylizer, Stylizer, words)
    require_kind("output", output, str | os.PathLike, "a path")
    require_kind("part", part, Part, "a Part, such as Part(0, 5)")
    require_kind("encoding", encoding, Encoding, 'an Encoding, such as Encoding("h265")')
    require_kind("progress", progress, Callable | None, "a function")


def _schedule(
    keyframes: Keyframes | Sequence[Keyframe] | None, options: StylizeOptions
) -> Keyframes | None:
    if keyframes is None:
        return None
    schedule = keyframes if isinstance(keyframes, Keyframes) else Keyframes(keyframes)
    schedule.check_options(options)
    return schedule


def _choose_encoding(output: Path, encoding: Encoding, if_exists: IfExists) -> Encoding:
    """Return the encoding with its codec."""
    if if_exists not in get_args(IfExists):
        names = ", ".join(get_args(IfExists))
        raise OptionError("if_exists", f"must be one of {names}, got {if_exists!r}")
    encoding = replace(encoding, codec=choose_codec(output, encoding))
    if if_exists == "resume" and encoding.codec == "gif":
        raise VideoFileError(
            f"cannot resume {output}: each frame of a GIF is stored as a difference from the "
            "previous one; write numbered images, which can be resumed, and convert them to a GIF"
        )
    return encoding


def _open_checkpoints(
    output: Path, encoding: Encoding, request: str, if_exists: IfExists
) -> Checkpoints:
    """Return the checkpoints of the run to resume, or those of a new one."""
    path = None if encoding.codec == "gif" else state_file(output)
    if path is not None and if_exists == "resume" and path.exists():
        return Checkpoints.load(path, request)
    return Checkpoints(path, request, overwrite=if_exists == "replace")


def _keep_finished(
    output: Path,
    reader: VideoReader,
    encoding: Encoding,
    stylizer: Stylizer,
    checkpoints: Checkpoints,
) -> VideoResult:
    """Return the result of an earlier run that has finished; nothing is left to do."""
    first = next(iter(reader), None)
    if first is None:
        raise VideoFileError(f"cannot read {reader.path}: it has no frame that can be decoded")
    height, width = stylizer.size((first.pixels.shape[2], first.pixels.shape[3]))
    inputs = _input_files(stylizer.options)
    frames, width, height = check_finished(output, reader, encoding, (width, height), inputs)
    if checkpoints.are_loaded:
        delete_partial(output)
    note = f"{output} is finished already and is kept; its style and options are not known"
    return VideoResult(frames, width, height, True, [note])


def _open_writer(
    output: Path,
    reader: VideoReader,
    encoding: Encoding,
    checkpoints: Checkpoints,
    options: StylizeOptions,
) -> Writer:
    return open_writer(
        output,
        reader,
        encoding,
        overwrite=checkpoints.overwrite,
        resume=checkpoints.are_loaded,
        inputs=_input_files(options),
    )


def _input_files(options: StylizeOptions) -> list[str | os.PathLike[str]]:
    """Return the artworks and masks that are files."""
    named = (*options.sources, options.background, *(options.masks or ()))
    return [file for file in named if isinstance(file, str | os.PathLike)]


def _write_video(
    reader: VideoReader,
    tracks: Sequence[MaskTrack],
    frame_stylizer: _FrameStylizer,
    checkpoints: Checkpoints,
    progress: VideoProgress | None,
) -> tuple[int, int]:
    """Write all frames; return width and height, or keep the partial result."""
    writer = frame_stylizer.writer
    try:
        if checkpoints.are_loaded:
            frame_stylizer.resume(*checkpoints.last(writer.usable))
        _run(_steps(reader, tracks), frame_stylizer, reader, checkpoints, progress)
        if writer.size is None:
            raise VideoFileError(f"cannot read {reader.path}: it has no frame that can be decoded")
        size = writer.size
        writer.close()
        checkpoints.delete()
    except BaseException as error:
        _rescue(writer, checkpoints, error)
        raise
    return size


def _rescue(writer: Writer, checkpoints: Checkpoints, error: BaseException) -> None:
    """Keep the partial result, and raise the error or note in it what is kept."""
    kept, where = writer.rescue()
    if not kept:
        if not checkpoints.are_loaded:  # else what there was stays
            checkpoints.delete()
        return
    # After a failed write, frames that refer to a lost one do not count as lost here.
    about = "" if kept == writer.frames else "about "
    left = f"{where} holds {about}the first {kept} frame{'s' if kept > 1 else ''}"
    if isinstance(error, KeyboardInterrupt):
        raise KeyboardInterrupt(f"interrupted; {left}") from None
    if isinstance(error, AdaINError):
        remedies = error.remedies if isinstance(error, VideoFileError) else ()
        raise VideoFileError(f"{error}; {left}", *remedies) from error
    # As add_note of Python 3.11: an exception of progress stays what it is.
    error.__notes__ = [*getattr(error, "__notes__", ()), left]


@dataclass(frozen=True)
class _Step:
    """A frame with its masks and the audio before it; the last step has audio only."""

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


class _FrameStylizer:
    """Stylizes frames and writes them, or keeps those of an earlier run.

    Args:
        stylizer: the stylizer.
        schedule: styles and alpha over time, if they change.
        writer: writer of the output.

    Attributes:
        kept: number of frames kept from an earlier run.
        last: number and seconds of the last frame so far.
    """

    def __init__(self, stylizer: Stylizer, schedule: Keyframes | None, writer: Writer) -> None:
        self.writer, self.kept, self.last = writer, 0, (0, 0.0)
        self._stylizer, self._schedule = stylizer, schedule
        if stylizer.smoothing is not None:
            stylizer.smoothing.reset()

    @property
    def state(self) -> State:
        """The state of the pool."""
        pool = self._stylizer.smoothing
        return {} if pool is None else pool.state_dict()

    def resume(self, frames: int, state: State) -> None:
        """Keep the first frames of an earlier run; continue with the pool's state after them."""
        self.kept = frames
        self.writer.resume(frames)
        if self._stylizer.smoothing is not None:
            self._stylizer.smoothing.load_state_dict(state, self._stylizer.model.networks.device)

    def stylize(self, frame: Frame, masks: list[Tensor]) -> Tensor:
        """Return the stylized frame, ``(3, H, W)``, on the CPU, in the dtype of its pixels."""
        styles, alpha = None, None
        if self._schedule is not None:
            styles, alpha = self._schedule.at(frame.number, frame.seconds)
        image = self._stylizer(
            frame.pixels,
            alpha=alpha,
            styles=styles,
            masks=masks or None,
            output_dtype=frame.pixels.dtype,
        )
        return image[0].cpu()

    def write(self, step: _Step, image: Tensor | None) -> None:
        """Write the audio and the frame of a step; without an image, keep the earlier run's."""
        self.writer.write_sound(step.sound)
        if step.frame is None:
            return
        self.last = step.frame.number, step.frame.seconds
        if image is not None:
            self.writer.write(image, step.frame)
            return
        height, width = step.frame.pixels.shape[2:]
        self.writer.keep(step.frame, self._stylizer.size((height, width)))


def _run(
    steps: Iterable[_Step],
    frame_stylizer: _FrameStylizer,
    reader: VideoReader,
    checkpoints: Checkpoints,
    progress: VideoProgress | None,
) -> None:
    """Decode and encode in separate threads, and stylize in this one.

    Both threads have ended when this returns or raises.
    """
    waiting: deque[Future[None]] = deque()
    expected, interval = reader.expected_frames, keyframe_interval(reader.rate)
    ahead = _ahead(steps)
    with ThreadPoolExecutor(1, "adain-encode") as behind:
        try:
            for number, step in enumerate(ahead):
                image = None
                if step.frame is not None and number >= frame_stylizer.kept:
                    if number and number % interval == 0:
                        while waiting:  # a state implies that all frames before it are written
                            waiting.popleft().result()
                        checkpoints.add(number, frame_stylizer.state)
                    image = frame_stylizer.stylize(step.frame, step.masks)
                    if number == 0:  # before there is a file, so that none lacks a state
                        checkpoints.add(number, {})
                if len(waiting) == _WAITING:
                    waiting.popleft().result()
                waiting.append(behind.submit(frame_stylizer.write, step, image))
                if progress is not None and image is not None:
                    progress(number + 1, expected, as_uint8(image))
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
