"""ComfyUI's VIDEO, as files that the library reads and writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import host

if TYPE_CHECKING:
    from ..adain_core.video import Part

# Quality of videos that the host writes for the pack: hardly any loss.
_INTERMEDIATE_CRF = 8


def video_size(video: Any) -> tuple[int, int]:
    """Return height and width of a VIDEO; 0 outside the host, where a VIDEO is a path."""
    if not host.HOSTED:
        return 0, 0
    # The dimensions of a rotated file are those before the rotation.
    dimensions = getattr(video, "get_display_dimensions", video.get_dimensions)
    width, height = dimensions()
    return height, width


@contextmanager
def video_file(video: Any, as_part: bool) -> Iterator[tuple[Path, Part]]:
    """Yield a file with the frames of a VIDEO: its own, or a temporary one.

    Args:
        video: the VIDEO. It can be a part of its file, cropped or scaled.
        as_part: whether a part may be read from the whole file.

    Yields:
        The file, and the part of it.
    """
    from ..adain_core.video import Part

    if not host.HOSTED:
        yield Path(video), Part()
        return
    source, (start, length) = _own_source(video)
    whole = start == length == 0
    if isinstance(source, str) and (whole or as_part):
        end = start + length if length else None
        yield Path(source), Part() if whole else Part(start, end, file_clock=True)
        return
    path = host.temporary_file(".mp4")
    copied = source is not None and whole  # otherwise encoded, in newer hosts with this quality
    fine = not copied and "crf" in signature(video.save_to).parameters
    try:
        height, width = video_size(video)
        if not copied and (height % 2 or width % 2):
            raise ValueError(
                f"video: width and height must be even, got {width}x{height}; scale or crop the "
                "frames before Create Video"
            )
        video.save_to(str(path), **({"crf": _INTERMEDIATE_CRF} if fine else {}))
        yield path, Part()
    finally:
        path.unlink(missing_ok=True)


def _own_source(video: Any) -> tuple[Any, tuple[float, float]]:
    """Return the source of a VIDEO, a path or bytes, and start and length of its part, 0 for all.

    ``None`` if it has no source, or edits its frames: crops or scales them.
    """
    from comfy_api.input_impl import VideoFromFile

    whole = 0.0, 0.0
    if not isinstance(video, VideoFromFile):
        return None, whole
    if hasattr(video, "has_pending_frame_edits") and video.has_pending_frame_edits():
        return None, whole
    source = video.get_stream_source()
    if hasattr(video, "get_active_trim_window"):
        return source, video.get_active_trim_window()
    # On older hosts, only the duration tells whether it is a part of its file.
    return source if VideoFromFile(source).get_duration() == video.get_duration() else None, whole


def as_video(path: Path) -> Any:
    """Return a file as VIDEO."""
    if not host.HOSTED:
        return path
    from comfy_api.input_impl import VideoFromFile

    return VideoFromFile(str(path))
