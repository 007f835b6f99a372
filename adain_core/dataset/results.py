"""Writing results as files or archives; each is complete or absent."""

from __future__ import annotations

import contextlib
import functools
import glob
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from ..errors import DatasetError, reason
from .archives import ArchiveWriter, split_archive, whole_samples
from .plan import Part, Row
from .trees import split_suffix

# Below the folder of results while a run is under way: what is not whole yet.
WORK = ".adain"
# Folders whose names stay in memory: the results of one follow each other in a plan.
_FOLDERS = 64
# Looks at an archive that others are changing.
_ATTEMPTS = 10

# A file to be added: on disk under a temporary name, or in memory.
Staged = Path | bytes
# Suffix of a file that goes with a result, and its content, or the file to link to.
Companion = tuple[str, bytes | Path]


class Results:
    """The folder of results.

    Args:
        folder: the folder; created if missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.work = folder, folder / WORK
        self._names = functools.lru_cache(_FOLDERS)(self._list)

    def has(self, row: Row) -> bool:
        """Return whether a row's file was there when its folder was looked at first."""
        folder, _, name = row.output.rpartition("/")
        return name in self._names(folder)

    def open(self, part: Part, rows: Sequence[Row]) -> Sink:
        """Return where the results of a part go."""
        if not part.archive:
            return FileSink(self)
        return ArchiveSink(self, part.archive, [row.output for row in rows])

    def write(self, name: str, content: bytes) -> None:
        """Write a file under its relative name; it appears whole.

        Raises:
            DatasetError: it cannot be written.
        """
        self.place(self.stage(content), name)

    def stage(self, content: bytes) -> Path:
        """Write a temporary file and flush it to disk, so that a power cut cannot empty it later.

        Raises:
            DatasetError: it cannot be written.
        """
        try:
            temporary = self._temporary()
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DatasetError(f"cannot write to {self.folder}: {reason(error)}") from None
        return temporary

    @contextlib.contextmanager
    def replace(self, name: str) -> Iterator[Path]:
        """Yield a path to write to; at the end that file gets its relative name.

        Raises:
            DatasetError: it cannot be written.
        """
        absent = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        temporary: Path | None = None
        try:
            temporary = self._temporary()
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        except BaseException as error:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            self._remove_empty(absent)
            if not isinstance(error, OSError):
                raise
            raise DatasetError(f"cannot write {self.folder / name}: {reason(error)}") from None
        self.place(temporary, name)

    def place(self, staged: Path, name: str) -> None:
        """Give a staged file its relative name.

        Raises:
            DatasetError: it cannot have it.
        """
        target = self.folder / name
        try:
            try:
                staged.replace(target)
            except FileNotFoundError:
                target.parent.mkdir(parents=True, exist_ok=True)
                staged.replace(target)
        except OSError as error:
            raise DatasetError(f"cannot write {target}: {reason(error)}") from None

    def link(self, name: str, target: Path) -> None:
        """Make a symbolic link under a relative name.

        Raises:
            DatasetError: it cannot be made.
        """
        try:
            temporary = self._temporary()
            temporary.symlink_to(target.resolve())
        except OSError as error:
            raise DatasetError(f"cannot link {self.folder / name}: {reason(error)}") from None
        self.place(temporary, name)

    def _temporary(self) -> Path:
        """Return an unused name on the disk of the results."""
        folder = self.work / "new"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / uuid.uuid4().hex

    def _remove_empty(self, folders: Sequence[Path]) -> None:
        """Remove the folders of temporary files and some around them, if nothing is in them."""
        with contextlib.suppress(OSError):
            for folder in (self.work / "new", self.work, *folders):
                folder.rmdir()

    def remove_leftovers(self) -> None:
        """Remove partial files of an interrupted run, except archives, which are continued."""
        shutil.rmtree(self.work / "new", ignore_errors=True)

    def remove_work(self) -> None:
        """Remove temporary files."""
        shutil.rmtree(self.work, ignore_errors=True)

    def _list(self, folder: str) -> frozenset[str]:
        try:
            with os.scandir(self.folder / folder) as entries:
                return frozenset(entry.name for entry in entries)
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()


class Sink(Protocol):
    """Where the results of one part go."""

    def has(self, row: Row) -> bool:
        """Return whether a row's result is there, whole."""
        ...

    def stage(self, content: bytes) -> Staged:
        """Prepare the content of a file for being added, from any thread."""
        ...

    def add(self, row: Row, staged: Staged, companions: Sequence[Companion]) -> None:
        """Write a result after its companions, so that a result implies its companions.

        Args:
            row: whose result it is.
            staged: from :meth:`stage`.
            companions: suffix of each, and its content, or the file to link to.

        Raises:
            DatasetError: it cannot be written.
        """
        ...

    def finish(self) -> None:
        """Finish the part after all results are written."""
        ...

    def close(self) -> None:
        """Release it, finished or not."""
        ...


class FileSink:
    """Files of their own."""

    def __init__(self, results: Results) -> None:
        self._results = results

    def has(self, row: Row) -> bool:
        """Return whether a row's file exists."""
        return (self._results.folder / row.output).exists()

    def stage(self, content: bytes) -> Path:
        """Write a file that has no name yet."""
        return self._results.stage(content)

    def add(self, row: Row, staged: Staged, companions: Sequence[Companion]) -> None:
        """Name a file, after its companions."""
        assert isinstance(staged, Path)
        stem = split_suffix(row.output)[0]
        for suffix, companion in companions:
            if isinstance(companion, Path):
                self._results.link(stem + suffix, companion)
            else:
                self._results.write(stem + suffix, companion)
        self._results.place(staged, row.output)

    def finish(self) -> None:
        """Do nothing: each file is whole."""

    def close(self) -> None:
        """Do nothing: no file is open."""


class ArchiveSink:
    """Samples of an archive.

    Args:
        results: where it lies.
        archive: its name.
        outputs: all results that go into it.
    """

    def __init__(self, results: Results, archive: str, outputs: Sequence[str]) -> None:
        self._last_names = {split_archive(output)[1] for output in outputs}
        self._path = results.folder / archive
        self._unfinished = results.work / "archives" / archive.replace("/", "%")
        self._writer: ArchiveWriter | None = None
        self._names = self._take_up()

    def _take_up(self) -> set[str]:
        """Return the names of what there is of it, whole or begun."""
        for _ in range(_ATTEMPTS):
            # A worker that was given up may still be writing, and finishes its own at any moment.
            with contextlib.suppress(FileNotFoundError):
                versions = self._versions()
                if not versions or versions[-1] != self._path:
                    return self._begin(versions).names
                names = whole_samples(self._path, self._last_names)[0]
                self._remove(versions)
                return names
        raise DatasetError(f"cannot continue {self._path}: another worker is writing it; run again")

    def _versions(self) -> list[Path]:
        """Return it, if it is there, and what interrupted workers have left of it, largest last."""
        begun = self._unfinished.parent.glob(f"{glob.escape(self._unfinished.name)}.*")
        whole = [self._path] if self._path.exists() else []
        return sorted([*begun, *whole], key=lambda path: path.stat().st_size)

    def _begin(self, versions: Sequence[Path]) -> ArchiveWriter:
        """Continue a copy of the largest version."""
        mine = self._unfinished.with_name(f"{self._unfinished.name}.{uuid.uuid4().hex}")
        mine.parent.mkdir(parents=True, exist_ok=True)
        if versions:
            shutil.copyfile(versions[-1], mine)
        self._writer = ArchiveWriter(self._path, mine, self._last_names)
        self._remove(versions)
        return self._writer

    def _remove(self, versions: Sequence[Path]) -> None:
        for each in versions:
            if each != self._path:
                each.unlink(missing_ok=True)

    def has(self, row: Row) -> bool:
        """Return whether a row's sample is in the archive."""
        return split_archive(row.output)[1] in self._names

    def stage(self, content: bytes) -> bytes:
        """Return the content: it goes into the archive in its turn."""
        return content

    def add(self, row: Row, staged: Staged, companions: Sequence[Companion]) -> None:
        """Append a sample."""
        assert isinstance(staged, bytes)
        name = split_archive(row.output)[1]
        stem = split_suffix(name)[0]
        files = [(stem + suffix, data) for suffix, data in companions if isinstance(data, bytes)]
        try:
            (self._writer or self._begin(self._versions())).add([*files, (name, staged)])
        except OSError as error:
            raise DatasetError(f"cannot write {self._path}: {reason(error)}") from None

    def finish(self) -> None:
        """Give the archive its name."""
        if self._writer is None:
            return
        try:
            self._writer.finish()
        except OSError as error:
            raise DatasetError(f"cannot write {self._path}: {reason(error)}") from None

    def close(self) -> None:
        """Leave an unfinished archive, to be continued later."""
        if self._writer is not None:
            self._writer.close()
