"""``stylize_video``: frames are decoded ahead of the model and encoded behind it."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..choices import recolors_artwork
from ..errors import OptionError, VideoFileError
from ..images import ImageLike, to_pixels
from ..masks import MaskLike
from ..model import AdaINModel
from ..pixels import fitted
from ..style import Style, normalized_weights
from ..style_encoder import resize_style
from ..temporal import Temporal, TemporalPool
from ..transfer import check_alpha
from .clock import Part
from .formats import Encoding
from .frame import Frame, Packet
from .keyframes import Keyframe, Keyframes
from .masks import MaskTrack
from .reader import VideoReader
from .writer import Writer, open_writer

# Frames that wait between two steps: enough to even out their times, little memory (25 MB each
# at 4K).
_WAITING = 4

T = TypeVar("T")


@dataclass(frozen=True)
class VideoResult:
    """What became of a video.

    Args:
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
    model: AdaINModel,
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    styles: ImageLike | Style | Sequence[ImageLike | Style] | None = None,
    *,
    keyframes: Sequence[Keyframe] | None = None,
    weights: Sequence[float] | None = None,
    alpha: float = 1.0,
    masks: Sequence[MaskLike | str | os.PathLike[str]] | None = None,
    background: ImageLike | Style | None = None,
    feather: int = 0,
    preserve_color: str | None = None,
    content_size: int = 0,
    style_size: int | None = None,
    temporal: Temporal = "ema",
    temporal_length: int = 8,
    codec: str | None = None,
    quality: int | None = None,
    chroma: str | None = None,
    fps: float | Fraction | None = None,
    start: float = 0.0,
    end: float | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
    watch: Callable[[Tensor], None] | None = None,
    **controls: Any,
) -> VideoResult:
    """Draw a video in a style, in several, or in styles that change over time.

    Times from the first picture or sound on, rotation, colours, chapters and timecode are the
    input's; its sound is copied, or encoded anew where the output's kind of file does not take it,
    and subtitles are left out. HDR (PQ, HLG) becomes SDR, and interlaced pictures are deinterlaced,
    both by FFmpeg. Memory does not grow with the length. The output has a name beside
    its own (``clip.partial.mp4``) until it is finished; after an error or an interruption what
    there is by then takes its place and plays.

    Args:
        model: the model.
        source: a video of any kind that FFmpeg reads, or numbered pictures ``frames/%06d.png``,
            from any number on and without a gap.
        output: ``.mp4``, ``.mov``, ``.mkv``, ``.webm``, ``.gif``, or ``frames/%06d.png``.
        styles: artwork(s) or :class:`Style`, as for :meth:`AdaINModel.stylize`.
        keyframes: instead of styles and alpha, styles that change over time.
        weights: of the styles.
        alpha: content-style trade-off.
        masks: instead of weights, where each style goes: ``(H, W)`` tensors or arrays,
            ``(B, H, W)`` for a mask of each frame, or videos of as many frames whose brightness
            counts.
        background: style of what the masks leave free.
        feather: as for :meth:`AdaINModel.stylize`.
        preserve_color: likewise.
        content_size: shortest side of the frames, likewise.
        style_size: of the artworks, likewise.
        temporal: how the content's statistics are pooled, see
            :class:`~adain_core.temporal.TemporalPool`.
        temporal_length: frames.
        codec: ``"h264"``, ``"h265"``, ``"vp9"``, ``"prores"``, ``"gif"``, ``"png"``; ``None``: by
            the output's suffix.
        quality: the encoder's constant rate factor, 0 is best (but H.264's 0, lossless, has a
            profile that many players refuse); ``None``: the codec's default.
        chroma: ``"420"`` or ``"444"``, see :func:`~adain_core.video.writer.open_writer`.
        fps: frames a second of numbered pictures, such as ``24`` or ``Fraction(24000, 1001)``;
            ``None``: 25. A video has its own times.
        start: seconds from the start of the video, to draw a part of it alone. What is before is
            read all the same: keyframes, masks and the numbers of pictures count as in the whole.
        end: likewise, exclusive; ``None``: up to the end.
        overwrite: replace an existing file.
        progress: called after each frame with the number done and of all, if that is known.
        watch: called before that with the picture, ``(3, H, W)``, uint8, on the CPU.
        **controls: more of :meth:`AdaINModel.stylize`: ``region_statistics``,
            ``content_residual``, ``tile``.

    Raises:
        ValueError: arguments out of range or that do not fit together.
        VideoFileError: a file that cannot be read or written; the message says what is left.
        KeyboardInterrupt: likewise.

    Example:
        >>> from adain_core import AdaINModel
        >>> from adain_core.video import Keyframe, stylize_video
        >>> model = AdaINModel.from_pretrained()
        >>> stylize_video(model, "clip.mp4", "painted.mp4", "wave.jpg", temporal="ema")
        >>> wave, stars = model.encode_style("wave.jpg"), model.encode_style("stars.jpg")
        >>> keyframes = [Keyframe(0, wave), Keyframe(120, stars, alpha=0.5)]
        >>> stylize_video(model, "clip.mp4", "changing.mp4", keyframes=keyframes)
    """
    check_alpha(alpha)
    if feather and masks is None:
        raise OptionError("feather", f"needs masks, got {feather} pixels and none")
    if feather < 0:
        raise OptionError("feather", f"must be 0 pixels or more, got {feather}")
    masks = None if masks is None else list(masks)
    pool = TemporalPool(temporal, temporal_length)
    recolors = recolors_artwork(preserve_color)
    course = None
    if keyframes is not None:
        if styles is not None or weights is not None:
            raise ValueError("give styles (and weights) or keyframes, not both")
        if recolors:
            raise ValueError(
                f"preserve_color={preserve_color!r} recolours artworks, keyframes mix styles "
                "without them: use preserve_color='luminance'"
            )
        if alpha != 1:
            raise ValueError(f"give each Keyframe its alpha, not the video, got alpha={alpha}")
        course = Keyframes(keyframes)
        sources: list[Any] = list(course.styles)
    elif styles is None:
        raise ValueError("expected styles or keyframes, got neither")
    else:
        sources = list(styles) if isinstance(styles, list | tuple) else [styles]
    if masks is not None and len(masks) != len(sources):
        raise ValueError(f"expected one mask for each style, got {len(masks)} and {len(sources)}")
    if masks is None and course is not None and len(sources) > 1:
        raise ValueError(
            "keyframes of several styles need a mask for each; Style.mix makes one of several"
        )
    if masks is None:
        normalized_weights(weights, len(sources))

    def encoded(artwork: ImageLike | Style) -> ImageLike | Style:
        """Once for all frames; an artwork that is recoloured to each of them is only resized."""
        if isinstance(artwork, Style):
            return artwork
        if recolors:
            return resize_style(to_pixels(artwork), style_size)
        return model.encode_style(artwork, size=style_size)

    with contextlib.ExitStack() as files:
        reader = files.enter_context(VideoReader(source, Part(start, end, fps)))
        artworks = [*sources, *([] if background is None else [background])]
        inputs = [
            file for file in [*artworks, *(masks or [])] if isinstance(file, str | os.PathLike)
        ]
        writer = open_writer(output, reader, Encoding(codec, quality, chroma), overwrite, inputs)
        tracks = [MaskTrack(mask, feather, files) for mask in masks or []]
        sources = [encoded(artwork) for artwork in sources]
        background = None if background is None else encoded(background)

        def draw(frame: Frame, frame_masks: list[Tensor]) -> Tensor:
            used, strength = (
                (sources, alpha) if course is None else course.at(frame.number, frame.seconds)
            )
            picture: Tensor = model.stylize(
                frame.pixels,
                used,
                weights=weights,
                alpha=strength,
                masks=frame_masks or None,
                background=background,
                preserve_color=preserve_color,
                content_size=content_size,
                style_size=0,
                smoothing=pool,
                output_dtype=torch.uint8,
                **controls,
            )
            drawn = picture[0].cpu()
            if watch is not None:
                watch(drawn)
            return drawn

        try:
            steps = _steps(reader, tracks, content_size)
            _run(steps, draw, writer, reader.expected_frames, progress)
            if writer.size is None:
                raise VideoFileError(f"cannot read {source}: it has no frame that can be decoded")
            writer.close()
        except BaseException as error:
            kept, where = writer.rescue()
            if not kept:
                raise
            # After a failed write, frames that refer to a lost one do not count as lost here.
            about = "" if kept == writer.frames else "about "
            left = f"{where} holds {about}the first {kept} frame{'s' if kept > 1 else ''}"
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(f"interrupted; {left}") from None
            if not isinstance(error, Exception):  # the program's end, a task's cancellation
                raise
            raise VideoFileError(f"{error}; {left}") from error
        notes = [
            *reader.notes,
            *writer.notes,
            *(note for track in tracks for note in track.notes(whole=end is None)),
        ]
        return VideoResult(writer.frames, *writer.size, complete=reader.complete, notes=notes)


@dataclass(frozen=True)
class _Step:
    """A frame with its masks, and the sound before it; at the end sound alone."""

    frame: Frame | None
    masks: list[Tensor]
    sound: list[Packet]


def _steps(reader: VideoReader, tracks: Sequence[MaskTrack], content_size: int) -> Iterator[_Step]:
    sound: list[Packet] = []
    for item in reader.read():
        if not isinstance(item, Frame):
            sound.append(item)
            continue
        size = fitted((item.pixels.shape[2], item.pixels.shape[3]), content_size)
        yield _Step(item, [track.at(item.number, size) for track in tracks], sound)
        sound = []
    yield _Step(None, [], sound)


def _run(
    steps: Iterable[_Step],
    draw: Callable[[Frame, list[Tensor]], Tensor],
    writer: Writer,
    expected: int | None,
    progress: Callable[[int, int | None], None] | None,
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
                if progress is not None and step.frame is not None:
                    progress(number, expected)
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
