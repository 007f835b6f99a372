"""Codecs, and the file formats that support them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..errors import OptionError, VideoFileError, require_kind
from .sequence import NUMBER


@dataclass(frozen=True)
class Encoding:
    """Codec settings of a video.

    Attributes:
        codec: ``"h264"``, ``"h265"``, ``"vp9"``, ``"prores"``, ``"gif"`` or ``"png"``; ``None``: by
            the suffix of the output.
        quality: constant rate factor, 0 is best (for H.264, 0 is lossless, in a profile that many
            players do not support); ``None``: the codec's default.
        chroma: chroma subsampling: ``"420"`` (``"422"`` for ProRes), or ``"444"`` for full
            resolution; ``None``: the codec's default, but ``"444"`` if an odd size needs it.
        bit_depth: bits per channel, from the input to the output: 8, or 10 for smooth gradients;
            ``None``: the codec's default.

    Raises:
        TypeError: values of other types.
    """

    codec: str | None = None
    quality: int | None = None
    chroma: str | None = None
    bit_depth: int | None = None

    def __post_init__(self) -> None:
        require_kind("codec", self.codec, str | None, 'a name such as "h265"')
        require_kind("quality", self.quality, int | None, "a whole number")
        require_kind("chroma", self.chroma, str | None, 'text such as "420"')
        require_kind("bit_depth", self.bit_depth, int | None, "a whole number")


DEFAULT = Encoding()
# Interval of keyframes, for seeking in players and for resuming interrupted videos.
_KEYFRAME_SECONDS, _KEYFRAME_FRAMES = 2, 24


@dataclass(frozen=True)
class Codec:
    """FFmpeg settings of a codec.

    Attributes:
        encoder: FFmpeg's name of the encoder.
        chroma: 8-bit pixel format by chroma subsampling; the first is the default.
        quality: default constant rate factor, lower is better; ``None``: not supported.
        worst: highest constant rate factor.
        options: options of the encoder.
        even: whether 4:2:0 needs an even width and height.
        reorder: largest number of frames decoded before one that is shown earlier.
        bit_depths: bits per channel; the first is the default.
    """

    encoder: str
    chroma: dict[str, str]
    quality: int | None = None
    worst: int = 0
    options: tuple[tuple[str, str], ...] = ()
    even: bool = False
    reorder: int = 0
    bit_depths: tuple[int, ...] = (8,)


_YUV = {"420": "yuv420p", "444": "yuv444p"}
_IDR = (("forced-idr", "1"),)  # no frame refers to one before a requested keyframe
CODECS = {
    # Strokes are fine texture: one step better than the encoders' own defaults (23, 28, 32).
    "h264": Codec("libx264", _YUV, 18, 51, _IDR, even=True, reorder=2, bit_depths=(8, 10)),
    "h265": Codec(
        "libx265",
        _YUV,
        22,
        51,
        (*_IDR, ("x265-params", "log-level=error")),
        even=True,
        reorder=2,
        bit_depths=(8, 10),
    ),
    "vp9": Codec("libvpx-vp9", _YUV, 26, 63, (("b", "0"), ("row-mt", "1"), ("cpu-used", "4"))),
    "prores": Codec("prores_ks", {"422": "yuv422p", "444": "yuv444p"}, bit_depths=(10,)),
    "gif": Codec("gif", {}),
    "png": Codec("png", {}),
}
# Codecs by suffix; the first is the default.
SUFFIXES = {
    ".mp4": ("h264", "h265", "vp9"),
    ".m4v": ("h264",),  # FFmpeg writes it for the iPod
    ".mov": ("h264", "h265", "prores"),
    ".mkv": ("h264", "h265", "vp9", "prores"),
    ".webm": ("vp9",),
    ".gif": ("gif",),
    ".png": ("png",),
}


def choose_codec(path: Path, encoding: Encoding) -> str:
    """Return the codec for an output file, and check the settings.

    Args:
        path: the file, or the pattern of numbered images, such as ``frames/%06d.png``.
        encoding: the requested encoding.

    Raises:
        ValueError: an unknown suffix, or settings that it does not support.
        VideoFileError: the name of a folder.
    """
    suffix = path.suffix.lower()
    if os.path.isdir(path):  # noqa: PTH112 (Path.is_dir fails for a name that is too long)
        raise VideoFileError(
            f"cannot write {path}: a folder has that name; name a file in it, such as "
            f"{path / 'video.mp4'}, or numbered images, such as {path / '%06d.png'}"
        )
    if suffix not in SUFFIXES:
        raise ValueError(
            f"cannot write {path}: expected a file name ending in {', '.join(SUFFIXES)}, such as "
            f"{path.with_suffix('.mp4')}, got {f'the ending {suffix!r}' if suffix else 'no ending'}"
        )
    choices = SUFFIXES[suffix]
    name = encoding.codec or choices[0]
    if name not in choices:
        if name not in CODECS:
            raise OptionError("codec", f"must be one of {', '.join(CODECS)}, got {name!r}")
        fitting = [suffix for suffix, names in SUFFIXES.items() if name in names]
        raise ValueError(
            f"cannot write {path}: {suffix} does not take {name}; name the output "
            f"{' or '.join(fitting)}, or choose {' or '.join(choices)}"
        )
    if suffix == ".png" and not (NUMBER.search(path.name) and path.name.count("%") == 1):
        raise ValueError(
            f"cannot write {path}: numbered images need one placeholder for the number, such as "
            f"{path.with_name(path.stem.partition('%')[0] + '%06d.png')}"
        )
    _check_settings(name, encoding)
    return name


def _check_settings(name: str, encoding: Encoding) -> None:
    settings, quality, chroma = CODECS[name], encoding.quality, encoding.chroma
    if quality is not None:
        if settings.quality is None:
            raise OptionError("quality", f"is no setting of {name}, got {quality}; leave it out")
        if not 0 <= quality <= settings.worst:
            raise OptionError(
                "quality", f"of {name} must lie in 0 (best) to {settings.worst}, got {quality}"
            )
    if chroma is not None and chroma not in settings.chroma:
        choices = " or ".join(settings.chroma) or "left out"
        raise OptionError("chroma", f"of {name} must be {choices}, got {chroma!r}")
    depth = encoding.bit_depth
    if depth is not None and depth not in settings.bit_depths:
        choices = " or ".join(map(str, settings.bit_depths))
        raise OptionError("bit_depth", f"of {name} must be {choices}, got {depth}")


def bit_depth(encoding: Encoding) -> int:
    """Return the bits per channel of an encoding, which has a codec."""
    assert encoding.codec is not None
    return encoding.bit_depth or CODECS[encoding.codec].bit_depths[0]


def pixel_format(encoding: Encoding) -> str:
    """Return FFmpeg's pixel format of an encoding, which has a codec and chroma if it needs it."""
    assert encoding.codec is not None
    if encoding.chroma is None:
        return "pal8"
    return CODECS[encoding.codec].chroma[encoding.chroma] + (
        "10le" if bit_depth(encoding) > 8 else ""
    )


def keyframe_interval(rate: Fraction) -> int:
    """Return the largest number of frames from one keyframe to the next.

    Args:
        rate: frames per second.
    """
    return max(_KEYFRAME_FRAMES, round(_KEYFRAME_SECONDS * rate))


def is_mp4(path: Path) -> bool:
    """Return whether a file is MP4 or QuickTime, by its suffix."""
    return path.suffix.lower() in (".mp4", ".m4v", ".mov")


def mp4_options(time_base: Fraction) -> dict[str, str]:
    """Return the options of an MP4 or QuickTime file with timestamps in units of ``time_base``.

    A fragmented file survives a crash; a finished file is an ordinary one. Fragments begin at
    keyframes: FFmpeg takes the end of the movie from the last fragment, and frames are not
    reordered across them. The time base of the movie, 1/1000 s by default, must not round the time
    of the first frame.
    """
    return {
        "movflags": "hybrid_fragmented+delay_moov+frag_keyframe",
        "min_frag_duration": "1000000",  # 1 s
        "movie_timescale": str(time_base.denominator),
    }
