"""Which codecs there are, and which file takes which."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import VideoFileError


@dataclass(frozen=True)
class Codec:
    """How FFmpeg is asked for a codec.

    Args:
        encoder: FFmpeg's name.
        chroma: pixel format by the resolution of colour; the first is the default.
        quality: the encoder's constant rate factor, lower is better; ``None``: it has none.
        worst: the highest factor.
        options: of the encoder.
        even: 4:2:0 needs an even width and height.
    """

    encoder: str
    chroma: dict[str, str]
    quality: int | None = None
    worst: int = 0
    options: tuple[tuple[str, str], ...] = ()
    even: bool = False


_YUV = {"420": "yuv420p", "444": "yuv444p"}
CODECS = {
    # Strokes are fine texture: one step better than the encoders' own defaults (23, 28, 32).
    "h264": Codec("libx264", _YUV, 18, 51, even=True),
    "h265": Codec("libx265", _YUV, 22, 51, (("x265-params", "log-level=error"),), even=True),
    "vp9": Codec("libvpx-vp9", _YUV, 26, 63, (("b", "0"), ("row-mt", "1"), ("cpu-used", "4"))),
    "prores": Codec("prores_ks", {"422": "yuv422p10le", "444": "yuv444p10le"}),
    "gif": Codec("gif", {}),
    "png": Codec("png", {}),
}
# The first is the default.
SUFFIXES = {
    ".mp4": ("h264", "h265", "vp9"),
    ".m4v": ("h264",),  # FFmpeg takes it for an iPod's
    ".mov": ("h264", "h265", "prores"),
    ".mkv": ("h264", "h265", "vp9", "prores"),
    ".webm": ("vp9",),
    ".gif": ("gif",),
    ".png": ("png",),
}
# Sound that players take from a movie for sure. FFmpeg would write more, but some of it fails, also
# at the end, when all is drawn, and some plays nowhere.
_PCM = "s8 u8 s16le s16be s24le s24be s32le s32be f32le f32be f64le f64be alaw mulaw"
_MOVIE_SOUND = {
    ".mp4": ("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"),
    ".m4v": ("aac", "ac3", "alac"),
    ".mov": ("aac", "mp3", "ac3", "eac3", "alac", *(f"pcm_{kind}" for kind in _PCM.split())),
}
# The place of the frame's number in the name of a picture.
NUMBER = re.compile(r"%0?\d*d")


def choose_codec(path: Path, codec: str | None, quality: int | None, chroma: str | None) -> str:
    """The name of the codec for an output file, checked with its settings.

    Args:
        path: the file, or the pattern of pictures, such as ``frames/%06d.png``.
        codec: one of ``CODECS``; ``None`` for the suffix's own.
        quality: see :class:`Codec`; ``None`` for the codec's default.
        chroma: one of the codec's, or ``None``.

    Raises:
        ValueError: an unknown suffix, or settings that do not fit it.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"cannot write {path}: expected a file name ending in {', '.join(SUFFIXES)}, "
            f"got {suffix or 'none'!r}"
        )
    choices = SUFFIXES[suffix]
    name = codec or choices[0]
    if name not in choices:
        if name not in CODECS:
            raise ValueError(f"codec must be one of {', '.join(CODECS)}, got {name!r}")
        fitting = [suffix for suffix, names in SUFFIXES.items() if name in names]
        raise ValueError(
            f"cannot write {path}: {suffix} does not take {name}; name the output "
            f"{' or '.join(fitting)}, or choose {' or '.join(choices)}"
        )
    if suffix == ".png" and not (NUMBER.search(path.name) and path.name.count("%") == 1):
        raise ValueError(
            f"cannot write {path}: a picture for each frame needs the place of its number, once, "
            f"such as {path.with_name(path.stem + '-%06d.png')}"
        )
    settings = CODECS[name]
    if quality is not None:
        if settings.quality is None:
            raise ValueError(f"{name} has no quality setting; leave it out")
        if not 0 <= quality <= settings.worst:
            raise ValueError(
                f"quality of {name} must lie in 0 (best) to {settings.worst}, got {quality}"
            )
    if chroma is not None and chroma not in settings.chroma:
        raise ValueError(
            f"chroma of {name} must be {' or '.join(settings.chroma) or 'left out'}, got {chroma!r}"
        )
    return name


def partial_file(path: Path) -> Path:
    """The name that an output has until it is finished."""
    return path.with_stem(f"{path.stem}.partial")


def refuse_inputs(inputs: Iterable[str | os.PathLike[str]], output: str | os.PathLike[str]) -> None:
    """Refuse an output, a file or numbered pictures, that would replace what it is made of.

    Raises:
        VideoFileError: drawing to it would write or remove one of the files that are read.
    """
    for file in inputs:
        if _is_written(Path(file), Path(output)):
            raise VideoFileError(f"cannot write {output}: {file} is read; choose another name")


def _is_written(file: Path, output: Path) -> bool:
    if any(
        file.resolve() == written.resolve() or same_file(file, written)
        for written in (output, partial_file(output))
    ):
        return True
    names = numbered_names(output)
    return any(
        each.parent.resolve() == output.parent.resolve() and names.fullmatch(each.name)
        for each in (file, file.resolve())
    )


def numbered_names(output: Path) -> re.Pattern[str]:
    """The names that pictures of any number have; none where the output is one file."""
    head, *tail = map(re.escape, NUMBER.split(output.name))
    return re.compile(rf"{head}\d+{''.join(tail)}" if tail else r"(?!)")


def same_file(one: Path, other: Path) -> bool:
    """Whether these are one file that exists."""
    try:
        return one.samefile(other)
    except OSError:  # also for an address (``data:…``) that is too long for a name
        return False


def takes_sound(path: Path) -> bool:
    """Whether files of that suffix hold sound."""
    return path.suffix.lower() not in (".gif", ".png")


def copies_sound(path: Path, codec: str, known: bool) -> bool:
    """Whether a file takes sound of a codec as it is, which FFmpeg knows or not for such files."""
    sure = _MOVIE_SOUND.get(path.suffix.lower())
    return known if sure is None else codec in sure
