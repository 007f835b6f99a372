"""Making a data set: plan, other files, styles, results, summary."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ..errors import DatasetError
from .archives import split_archive
from .job import FAILURES, RECORDS, STYLE_SUFFIX, STYLES, Job
from .local import LocalRunner, Runner, Task
from .plan import Part, count_rows, read_parts
from .preparation import prepare_plan
from .results import Results
from .style_table import StyleTable, merge_tables
from .trees import Folder, image_stem

# Artworks that a worker encodes at once, and that are repeated after a kill at most.
_ARTWORKS = 16

# Told what is being done, how much of it is done, and how much there is in all.
Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Shard:
    """One of several equal shares of a data set: consecutive rows of the plan, or whole archives.

    Attributes:
        number: from 1.
        count: of all shares.

    Raises:
        ValueError: a number that is not among them.
    """

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(
                f"expected a share from 1/{self.count} to {self.count}/{self.count}, "
                f"got {self.number}/{self.count}"
            )


@dataclass(frozen=True)
class Summary:
    """The outcome of a data set, or of a share of it.

    Attributes:
        rows: number of rows in the plan.
        stylized: results written by this run.
        before: results that existed already.
        failed: rows without a result.
        seconds: duration.
    """

    rows: int
    stylized: int
    before: int
    failed: int
    seconds: float


def stylize_dataset(
    job: Job,
    *,
    plan: Path | None = None,
    shard: Shard = Shard(),
    runner: Callable[[Job, Path], Runner] = LocalRunner,
    watch: Watch = lambda what, done, total: None,
) -> Summary:
    """Make a data set, or resume an interrupted one.

    Args:
        job: settings.
        plan: a plan to use; ``None``: the one in the folder of results, or a new one.
        shard: the share of the plan to process.
        runner: makes a runner from the job and the file of the plan.
        watch: called with the progress.

    Returns:
        The summary. Failures are listed in the folder of results.

    Raises:
        ValueError: an invalid plan, or options that conflict.
        AdaINError: a tree or the model cannot be read, or results cannot be written.
    """
    results = Results(job.output)
    path = prepare_plan(job, plan)
    if shard.count == 1:
        results.remove_leftovers()
    if shard.number == 1 and job.others:
        _copy_others(job, results)
    share = _find_share(path, job.batch_size, shard, results)
    started = time.perf_counter()
    stylized = failed = 0
    if share.parts:
        workers = runner(job, path)
        try:
            _encode_styles(results, share.artworks, shard, workers, watch)
            started = time.perf_counter()
            stylized, failed = _stylize(results, share, shard, workers, watch)
        finally:
            workers.close()
    else:
        _failures_file(results, shard).unlink(missing_ok=True)
    _finish(results, shard)
    seconds = time.perf_counter() - started
    return Summary(share.rows, stylized, share.rows - stylized - failed, failed, seconds)


@dataclass
class _Share:
    """The remaining work of a plan.

    Attributes:
        rows: number of all rows.
        present: number of rows in complete parts.
        parts: incomplete parts, and those that a worker has to check.
        artworks: artworks of their rows, and of the rows of other shares in the same batch.
    """

    rows: int = 0
    present: int = 0
    parts: list[Part] = field(default_factory=list)
    artworks: set[str] = field(default_factory=set)


def _find_share(path: Path, batch_size: int, shard: Shard, results: Results) -> _Share:
    share = _Share()
    total, start = count_rows(path), 0
    begin, end = (total * number // shard.count for number in (shard.number - 1, shard.number))
    for part, rows in read_parts(path, batch_size):
        # The last bits of a result depend on its batch, so a worker reads all of it.
        first, last = max(begin - start, 0), min(end - start, len(rows))
        if part.archive:  # one worker writes it: it belongs to the share of its first row
            first, last = (0, len(rows)) if begin <= start < end else (0, 0)
        start += len(rows)
        if first >= last:
            continue
        own = rows[first:last]
        share.rows += len(own)
        if part.archive or not all(map(results.has, own)):
            share.parts.append(replace(part, first=first, end=last))
            share.artworks.update(row.artwork for row in rows)
        else:
            share.present += len(own)
    return share


def _copy_others(job: Job, results: Results) -> None:
    """Copy or link the files that belong to no image; the others come with their image."""
    images = job.open_images()
    for folder in images.folders():
        if split_archive(f"{folder.name}/")[0]:
            continue
        for name in _lone_files(folder):
            # The records of a data set that was made of this one are its own.
            if name.startswith(RECORDS) or (results.folder / name).exists():
                continue
            if job.others == "link":
                results.link(name, images.root / name)
            else:
                results.write(name, images.read(name))


def _lone_files(folder: Folder) -> Iterator[str]:
    stems = {image_stem(folder.join(image)) for image in folder.images}
    for name in map(folder.join, folder.others):
        dots = [place for place, letter in enumerate(name) if letter == "."]
        if not any(name[:dot] in stems for dot in dots):
            yield name


def _encode_styles(
    results: Results, artworks: set[str], shard: Shard, workers: Runner, watch: Watch
) -> None:
    """Complete the table of styles."""
    table = results.folder / STYLES
    known = set(StyleTable(table).names()) if table.exists() else set()
    made = _MadeTables(results.work / "styles")
    missing = sorted(artworks - known)
    done = 0
    if missing:
        for report in workers.run(_artwork_tasks(missing, made, shard)):
            done += report.done
            watch("artworks", done, len(missing))
    if missing or not table.exists():
        made.update()
        with results.replace(STYLES) as temporary:
            merge_tables(temporary, [*([table] if table.exists() else []), *made.paths])


class _MadeTables:
    """Tables of the workers of all shares that are not merged yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.paths: list[Path] = []
        self.names: set[str] = set()

    def update(self) -> None:
        """Read new tables."""
        for path in sorted(set(self._folder.glob(f"*{STYLE_SUFFIX}")) - set(self.paths)):
            table = StyleTable(path)
            self.names.update(table.names(), table.failures)
            self.paths.append(path)


def _artwork_tasks(missing: list[str], made: _MadeTables, shard: Shard) -> Iterator[Task]:
    """Yield artworks that nobody has encoded yet; each share begins at another place."""
    first = len(missing) * (shard.number - 1) // shard.count
    turned = missing[first:] + missing[:first]
    for start in range(0, len(turned), _ARTWORKS):
        made.update()
        task = tuple(a for a in turned[start : start + _ARTWORKS] if a not in made.names)
        if task:
            yield task


def _stylize(
    results: Results, share: _Share, shard: Shard, workers: Runner, watch: Watch
) -> tuple[int, int]:
    """Stylize the missing images; return how many results were written and how many failed."""
    done, stylized, failed = share.present, 0, 0
    listed = _failures_file(results, shard)
    watch("images", done, share.rows)
    with listed.open("w", encoding="utf-8", newline="\n") as file:
        for report in workers.run(share.parts):
            done, stylized = done + report.done, stylized + report.stylized
            failed += len(report.failures)
            for failure in report.failures:
                line = asdict(failure.row) | {"reason": failure.reason}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            watch("images", done, share.rows)
    if done != share.rows:
        raise DatasetError(
            f"expected reports of {share.rows:,} images, got {done:,}: workers were lost; run "
            "the same command again"
        )
    if not failed:
        listed.unlink()
    return stylized, failed


def _failures_file(results: Results, shard: Shard) -> Path:
    path = results.folder / FAILURES
    if shard.count == 1:
        return path
    return path.with_stem(f"{path.stem}-{shard.number}-of-{shard.count}")


def _finish(results: Results, shard: Shard) -> None:
    """Remove the work folder, unless other shares may still need it."""
    marks = [results.work / f"done-{n}-of-{shard.count}" for n in range(1, shard.count + 1)]
    results.work.mkdir(exist_ok=True)
    marks[shard.number - 1].touch()
    if all(mark.exists() for mark in marks):
        results.remove_work()
