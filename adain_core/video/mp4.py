"""What MP4 and QuickTime files need besides other containers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path


def is_movie(path: Path) -> bool:
    """Return whether a file is of this kind, by its suffix."""
    return path.suffix.lower() in (".mp4", ".m4v", ".mov")


def movie_options(time_base: Fraction) -> dict[str, str]:
    """Return the container's options for pictures with times in units of ``time_base``.

    Fragments outlive a crash; the file becomes an ordinary one in the end. They begin at keyframes:
    FFmpeg takes the movie's end from the last fragment, and pictures are not reordered across them.
    The movie's own clock, 1/1000 s by default, must not round the time of the first frame.
    """
    return {
        "movflags": "hybrid_fragmented+delay_moov+frag_keyframe",
        "min_frag_duration": "1000000",  # 1 s
        "movie_timescale": str(time_base.denominator),
    }
