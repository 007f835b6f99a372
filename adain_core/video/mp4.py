"""What MP4 and QuickTime files need besides other containers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from .frame import Packet


def is_movie(path: Path) -> bool:
    """Return whether a file is of this kind, by its suffix."""
    return path.suffix.lower() in (".mp4", ".m4v", ".mov")


def movie_options(time_base: Fraction) -> dict[str, str]:
    """Return the container's options for pictures with times in units of ``time_base``.

    Fragments outlive a crash; the file becomes an ordinary one in the end. The movie's own clock,
    1/1000 s by default, must not round the time of the first frame.
    """
    return {
        "movflags": "hybrid_fragmented+delay_moov",
        "frag_duration": "1000000",  # 1 s
        "movie_timescale": str(time_base.denominator),
    }


def end_movie(packets: Sequence[Packet], end: int, delay: int) -> None:
    """Let a movie end where its last picture does.

    MP4 ends where the last packet does, which is not the last picture where they are reordered:
    players would leave that one out.

    Args:
        packets: the last ones of the pictures.
        end: of the last picture.
        delay: how long before its time the first picture was decoded.
    """
    last = packets[-1]
    assert last.pts is not None and last.dts is not None
    last.duration = end - last.pts
    # It is counted by the times of decoding: without this a pause just before the end, before which
    # the last packets are decoded, would not count.
    last.dts = max(last.dts, last.pts - delay)
