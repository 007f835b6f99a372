"""Numbered images such as ``frames/%06d.png``."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from torch import Tensor

from ..errors import VideoFileError, reason
from ..images import save_image
from ..images.formats import INPUT_SUFFIXES
from ..utils.files import real_path
from .frame import Frame, Packet

# The placeholder of the number in a file name; no name has room for more digits.
NUMBER = re.compile(r"%0?\d{0,2}d")


def numbered_names(output: Path) -> re.Pattern[str]:
    """Return a regular expression for the file names of a pattern; none match a single file."""
    head, *tail = map(re.escape, NUMBER.split(output.name))
    return re.compile(rf"{head}\d+{''.join(tail)}" if tail else r"(?!)")


def first_number(pattern: Path) -> int | None:
    """Return the lowest number of the images of a pattern such as ``%06d.png``.

    Raises:
        VideoFileError: a number is missing, where FFmpeg would end silently.
    """
    place = NUMBER.search(pattern.name)
    if place is None or pattern.is_file() or not pattern.parent.is_dir():
        return None
    head, tail = (
        re.escape(os.path.normcase(part))
        for part in (pattern.name[: place.start()], pattern.name[place.end() :])
    )
    names = re.compile(rf"{head}(\d+){tail}")
    found = (names.fullmatch(os.path.normcase(file.name)) for file in pattern.parent.iterdir())
    texts = {match[1] for match in found if match}
    # %03d matches 007 and 1007, not 7.
    numbers = sorted(int(text) for text in texts if text == _digits(place[0], int(text)))
    gap = next((one + 1 for one, other in pairwise(numbers) if other > one + 1), None)
    if gap is not None:
        missing = numbers[-1] - numbers[0] + 1 - len(numbers)
        which = f"frame {gap} is" if missing == 1 else f"frame {gap} and {missing - 1} more are"
        raise VideoFileError(
            f"cannot read {pattern}: expected consecutively numbered images, got "
            f"{numbers[0]} to {numbers[-1]}, of which {which} missing; add them or renumber all"
        )
    return numbers[0] if numbers else None


def pattern_in(folder: Path) -> Path:
    """Return the pattern of the numbered images in a folder.

    Raises:
        VideoFileError: no numbered images, or several patterns.
    """
    numbers: dict[tuple[str, str], list[str]] = {}
    for file in folder.iterdir():
        match = re.fullmatch(r"(|[^.%][^%]*?)(\d+)(\.\w+)", file.name)
        if match is not None and match[3].lower() in INPUT_SUFFIXES:
            numbers.setdefault((match[1], match[3]), []).append(match[2])
    patterns = sorted(f"{head}{_place(found)}{tail}" for (head, tail), found in numbers.items())
    if not patterns:
        raise VideoFileError(
            f"cannot read {folder}: expected a video, or a folder with numbered images such as "
            "0001.png, got a folder without any"
        )
    if len(patterns) > 1:
        raise VideoFileError(
            f"cannot read {folder}: it contains several sequences of numbered images; give one of "
            f"{', '.join(patterns)} together with the folder"
        )
    return folder / patterns[0]


def _place(numbers: list[str]) -> str:
    """Return the placeholder for some numbers: padded with zeros, or not."""
    padded = [number for number in numbers if number[0] == "0" and len(number) > 1]
    return f"%0{min(map(len, padded))}d" if padded else "%d"


def _digits(place: str, number: int) -> str:
    """Return the digits of a number in a file name; ``%4d`` also pads with zeros, as in FFmpeg."""
    return f"{number:0{int(place[1:-1] or 0)}d}"


class SequenceWriter:
    """Writes a PNG file for each frame, numbered from 0.

    Args:
        pattern: pattern of the files.
        source: the input video.
        overwrite: replace existing files.

    Raises:
        VideoFileError: the files are the input images, or exist.
    """

    def __init__(self, pattern: Path, source: Path, overwrite: bool) -> None:
        self.frames = 0
        self.size: tuple[int, int] | None = None
        self.notes: list[str] = []
        self._pattern, self._overwrite = pattern, overwrite
        if real_path(pattern) == real_path(source):
            raise VideoFileError(f"cannot write {pattern}: these are the input images")
        # With any number: the rest of a longer sequence would look like the end of this one.
        there = [] if overwrite else existing_images(pattern)
        if there:
            raise VideoFileError(
                f"cannot write {pattern}: {there[0]} exists; choose another name or allow "
                "replacing such files",
                "replace",
            )

    def usable(self, frames: int) -> bool:
        """Return whether the first frames of an earlier run can be kept."""
        return frames > 0

    def resume(self, frames: int) -> None:
        """Do nothing: :meth:`keep` checks each image."""

    def keep(self, frame: Frame, size: tuple[int, int]) -> None:
        """Keep the image of a frame, of this height and width, from an earlier run."""
        path = self._path(frame)
        if not path.is_file():
            raise VideoFileError(
                f"cannot resume {self._pattern}: {path} is missing; restore it, choose another "
                "name or allow replacing such files",
                "replace",
            )
        self._count(size)

    def write(self, pixels: Tensor, frame: Frame) -> None:
        """Write the image of a frame, ``(3, H, W)``, uint8."""
        if self.size is None:
            make_folder(self._pattern.parent)
        save_image(self._path(frame), pixels, overwrite=self._overwrite)
        self._count((pixels.shape[1], pixels.shape[2]))

    def write_sound(self, packets: Sequence[Packet]) -> None:
        """Note once that images have no audio."""
        if packets and not self.notes:
            self.notes.append(f"{self._pattern}: images have no sound")

    def close(self) -> None:
        """Do nothing: each image is complete."""

    def rescue(self) -> tuple[int, Path]:
        """Return the number of images, and their pattern."""
        return self.frames, self._pattern

    def _path(self, frame: Frame) -> Path:
        name = NUMBER.sub(lambda place: _digits(place[0], frame.number), self._pattern.name)
        return self._pattern.with_name(name)

    def _count(self, size: tuple[int, int]) -> None:
        self.frames += 1
        self.size = self.size or (size[1], size[0])


def make_folder(folder: Path) -> None:
    """Create a folder, unless it exists.

    Raises:
        VideoFileError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VideoFileError(f"cannot make the folder {folder}: {reason(error)}") from error


def existing_images(pattern: Path) -> list[Path]:
    """Return the existing images of a pattern, sorted; none for a single file."""
    folder = pattern.parent
    names = numbered_names(pattern)
    files = folder.iterdir() if folder.is_dir() else ()
    return sorted(file for file in files if names.fullmatch(file.name))
