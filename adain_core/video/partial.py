"""The file of an unfinished output, locked by one process."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import VideoFileError, reason
from .earlier import EarlierFrames
from .files import delete_partial, partial_file, resumed_file, state_file

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Position of the byte locked on Windows, where locks prevent writing: beyond the end of any file.
_BYTE = 2**60


class PartialFile:
    """The file of an unfinished output, locked by one process.

    Args:
        output: the name of the finished output.
        overwrite: replace the partial result of an earlier run.
        resume: continue the partial result of an earlier run.

    Attributes:
        held: name of the locked file.
        path: name of the file to write.
        earlier: name of the partial result of an earlier run; ``None`` without one.

    Raises:
        VideoFileError: another process is writing it, a partial result exists, or it cannot be
            created.
    """

    def __init__(self, output: Path, overwrite: bool = False, resume: bool = False) -> None:
        self._output, self._handle = output, -1
        self.held = self.path = partial_file(output)
        self.earlier: Path | None = None
        self._hold()
        # An empty file is that of a run that was killed before its first frame.
        if self.held.stat().st_size and not (overwrite or resume):
            self._release()
            raise self._exists()
        if resume:
            self._choose_earlier()
            self.earlier, self.path = self.held, resumed_file(output)
        else:
            resumed_file(output).unlink(missing_ok=True)

    def finish(self) -> None:
        """Rename the file to the output, and delete all partial files."""
        self._release()
        self.path.replace(self._output)
        delete_partial(self._output)

    def keep(self) -> Path:
        """Keep the file for resuming, and return its name."""
        self._release()
        if self.path != self.held:
            self.path.replace(self.held)
        return self.held

    def discard(self) -> None:
        """Delete the file, but keep the partial result of an earlier run."""
        self._release()
        if self.earlier is None:
            delete_partial(self._output)
        else:
            self.path.unlink(missing_ok=True)

    def _exists(self) -> VideoFileError:
        there = f"cannot write {self._output}: {self.held} from an earlier run exists"
        others = "choose another name or allow replacing it"
        if state_file(self._output).exists():
            return VideoFileError(f"{there}; resume it, {others}", "resume", "replace")
        return VideoFileError(f"{there}, and cannot be resumed; {others}", "replace")

    def _hold(self) -> None:
        try:
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self._handle = os.open(self.held, flags, 0o666)
        except OSError as error:
            raise VideoFileError(f"cannot write {self._output}: {reason(error)}") from error
        if not (_lock(self._handle) and _is_open(self.held, self._handle)):
            self._release()
            raise VideoFileError(
                f"cannot write {self._output}: another run is writing {self.held}; wait until it "
                "ends or choose another name"
            )

    def _choose_earlier(self) -> None:
        """Use the longer of two files: a resumed run may have been killed."""
        resumed = resumed_file(self._output)
        if not resumed.exists():
            return
        if EarlierFrames(resumed).count > EarlierFrames(self.held).count:
            self._release()
            resumed.replace(self.held)
            self._hold()

    def _release(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _lock(handle: int) -> bool:
    """Lock a file as long as its handle is open; return whether that succeeded."""
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            _lock_byte(handle)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _lock_byte(handle: int) -> None:
    import msvcrt

    os.lseek(handle, _BYTE, os.SEEK_SET)
    msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]


def _is_open(path: Path, handle: int) -> bool:
    """Return whether a name still refers to the opened file, which may just have been renamed."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except OSError:
        return False
