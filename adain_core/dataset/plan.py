"""The plan of a data set: image, artwork, alpha and name of each result.

It has one JSON object per line, so that any program can read, edit and split it. A row depends only
on the seed, the name of the image and the list of artworks.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from ..errors import OptionError
from ..images import check_output_suffix
from .archives import SUFFIX, split_archive
from .trees import Folder, Tree, image_stem, split_suffix


@dataclass(frozen=True)
class Row:
    """One result.

    Attributes:
        image: its content, relative to the tree of images, ``"/"`` between parts.
        artwork: relative to the tree of artworks.
        alpha: style strength, 0..1.
        seed: seed of the random choice of artwork and alpha.
        output: path relative to the folder of results; a path in a ``.tar`` goes to an archive.
    """

    image: str
    artwork: str
    alpha: float
    seed: int
    output: str

    def __post_init__(self) -> None:
        for name in ("image", "artwork", "output"):
            path = getattr(self, name)
            if not isinstance(path, str) or not path:
                raise ValueError(f"expected a relative path as {name}, got {path!r}")
            if path.startswith("/") or ".." in path.split("/") or "\\" in path or ":" in path[:2]:
                raise ValueError(f"{name} must stay below its folder, got {path!r}")
        if not isinstance(self.alpha, int | float) or not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha must lie in 0..1, got {self.alpha!r}")
        check_output_suffix(self.output)

    @property
    def archive(self) -> str:
        """The archive that the result goes into; empty: it is a file of its own."""
        return split_archive(self.output)[0]


@dataclass(frozen=True)
class PlanOptions:
    """Settings of a plan.

    Attributes:
        per_image: results per image, each with a different artwork.
        alpha: range of the uniform distribution of alpha, within 0..1.
        seed: seed of the random choice of artworks and alphas.
        suffix: of results, such as ``".png"``; empty: that of the image if it can be written, else
            ``".png"``.
        shard_size: write results of image files to tar files of this many; 0: to single files.

    Raises:
        OptionError: an option out of range.
    """

    per_image: int = 1
    alpha: tuple[float, float] = (1.0, 1.0)
    seed: int = 0
    suffix: str = ""
    shard_size: int = 0

    def __post_init__(self) -> None:
        if self.per_image < 1:
            raise OptionError("per_image", f"must be 1 or more, got {self.per_image}")
        low, high = self.alpha
        if not 0 <= low <= high <= 1:
            raise OptionError("alpha", f"must be a range within 0..1, got {low:g} to {high:g}")
        if self.suffix:
            check_output_suffix(f"result{self.suffix}")
        if self.shard_size < 0:
            raise OptionError("shard_size", f"must be 0 or more images, got {self.shard_size}")


def make_rows(images: Tree, artworks: Sequence[str], options: PlanOptions) -> Iterator[Row]:
    """Yield the rows of a plan, folder by folder.

    Args:
        images: the images.
        artworks: names of the artworks, sorted.
        options: settings.

    Raises:
        ImageFileError: a folder that cannot be read.
        ValueError: too few artworks, or two images whose results would have the same name.
    """
    if len(artworks) < options.per_image:
        raise ValueError(
            f"expected at least {options.per_image} artworks, one for each result of an image, "
            f"got {len(artworks)}"
        )
    rows = itertools.chain.from_iterable(
        _folder_rows(folder, artworks, options) for folder in images.folders()
    )
    if not options.shard_size:
        yield from rows
        return
    for number, row in enumerate(rows):
        if row.archive:
            raise ValueError(
                f"{row.image} is in a tar file, and its results go to one of the same name; leave "
                "the number of images per tar file out"
            )
        archive = f"{number // options.shard_size:06d}{SUFFIX}"
        yield replace(row, output=f"{archive}/{_sample_name(row.output)}")


def _folder_rows(folder: Folder, artworks: Sequence[str], options: PlanOptions) -> Iterator[Row]:
    low, high = options.alpha
    for image, stem, suffix in _name_results(map(folder.join, folder.images), options.suffix):
        for number, artwork in enumerate(_choose(artworks, options, image), start=1):
            alpha = low + (high - low) * _uniform(options.seed, image, "alpha", number)
            output = f"{stem}-{number}{suffix}" if options.per_image > 1 else f"{stem}{suffix}"
            yield Row(image, artwork, round(alpha, 4), options.seed, output)


def _name_results(images: Iterable[str], suffix: str) -> Iterator[tuple[str, str, str]]:
    """Yield the images of a folder with stem and suffix of their results."""
    parts = [(image, image_stem(image)) for image in images]
    suffixes = [suffix or _writable(image.removeprefix(stem)) for image, stem in parts]
    taken: dict[str, str] = {}
    # What keeps its name comes first: a.bmp beside a.png becomes a.bmp.png.
    for kept in (True, False):
        for place, (image, stem) in enumerate(parts):
            output = f"{stem}{suffixes[place]}"
            if (output == image) is not kept:
                continue
            if output in taken:
                parts[place] = image, image
                output = f"{image}{suffixes[place]}"
            if output in taken:
                raise ValueError(
                    f"{taken[output]} and {image} would both become {output}; rename one"
                )
            taken[output] = image
    for (image, stem), own in zip(parts, suffixes, strict=True):
        yield image, stem, own


def _writable(suffix: str) -> str:
    """Return a suffix, or ``".png"`` for one that cannot be written."""
    try:
        check_output_suffix(f"result{suffix}")
    except ValueError:
        return ".png"
    return suffix


def _choose(artworks: Sequence[str], options: PlanOptions, image: str) -> list[str]:
    chosen: dict[str, None] = {}
    attempts = itertools.count()
    while len(chosen) < options.per_image:
        place = _uniform(options.seed, image, "artwork", next(attempts)) * len(artworks)
        chosen[artworks[int(place)]] = None
    return list(chosen)


def _uniform(*key: object) -> float:
    """Return a number in 0..1, below 1, that depends on the key alone."""
    digest = hashlib.blake2b(json.dumps(key).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def _sample_name(output: str) -> str:
    """Return a name whose first dot begins its suffix, as webdataset understands it."""
    stem, suffix = split_suffix(output)
    folder, slash, file = stem.rpartition("/")
    return f"{folder}{slash}{file.replace('.', '_')}{suffix}"


def write_plan(path: Path, rows: Iterable[Row]) -> None:
    """Write a plan, row by row.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")


@dataclass(frozen=True)
class Part:
    """Consecutive rows for one worker: a batch of files, or an archive.

    Attributes:
        start: first byte of its rows in the plan.
        length: bytes of its rows.
        archive: that its results go to, or empty.
        first: number of the first row to process, from 0; a batch can belong to several shares.
        end: number after that of the last one.
    """

    start: int
    length: int
    archive: str
    first: int
    end: int


def read_parts(path: Path, batch_size: int) -> Iterator[tuple[Part, list[Row]]]:
    """Yield a plan in parts, with their rows.

    Args:
        path: of the plan.
        batch_size: rows of a part, but that all rows of an archive are one.

    Raises:
        OSError: it cannot be read.
        ValueError: a row that is none, a result that is named twice (found within a folder), or
            rows of an archive that do not follow each other.
    """
    outputs = _Outputs(path)
    rows: list[Row] = []
    start = end = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                row = _parse(path, number, line)
                outputs.add(row, number)
                if rows and (
                    row.archive != rows[0].archive or (not row.archive and len(rows) == batch_size)
                ):
                    yield Part(start, end - start, rows[0].archive, 0, len(rows)), rows
                    start, rows = end, []
                rows.append(row)
            end += len(line)
    if rows:
        yield Part(start, end - start, rows[0].archive, 0, len(rows)), rows


def count_rows(path: Path) -> int:
    """Return the number of rows of a plan, without a check of them.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return sum(1 for line in file if line.strip())


class _Outputs:
    """What a plan names, to find results that would replace each other."""

    def __init__(self, path: Path) -> None:
        self._path, self._place = path, ""
        self._names: set[str] = set()
        self._archives: set[str] = set()

    def add(self, row: Row, number: int) -> None:
        place = row.archive or row.output.rpartition("/")[0]
        if place != self._place:
            if row.archive in self._archives:
                raise ValueError(
                    f"{self._path}, line {number}: expected all rows of {row.archive} one after "
                    "the other"
                )
            if row.archive:
                self._archives.add(row.archive)
            self._place = place
            self._names.clear()
        if row.output in self._names:
            raise ValueError(f"{self._path}, line {number}: {row.output} is there already")
        self._names.add(row.output)


def read_rows(path: Path, part: Part) -> list[Row]:
    """Return the rows of a part of a plan.

    Raises:
        OSError: it cannot be read.
        ValueError: the plan is not the one that the part comes from.
    """
    with path.open("rb") as file:
        file.seek(part.start)
        lines = file.read(part.length).splitlines()
    return [_parse(path, 0, line) for line in lines if line.strip()]


def _parse(path: Path, number: int, line: bytes) -> Row:
    names = [field.name for field in fields(Row)]
    try:
        values = json.loads(line)
        if not isinstance(values, dict) or not set(names) <= set(values):
            raise ValueError(f"expected an object with {', '.join(names)}")
        if isinstance(values["alpha"], float) and not math.isfinite(values["alpha"]):
            raise ValueError(f"alpha must lie in 0..1, got {values['alpha']}")
        return Row(**{name: values[name] for name in names})
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}, line {number}: {error}") from None
