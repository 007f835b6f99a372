"""Writing files so that an interruption leaves neither half a file nor a damaged old one."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replace_atomically(path: Path) -> Iterator[Path]:
    """Yield a name beside ``path`` to write to; at the end that file takes ``path``'s place.

    After an error or an interruption the new file is gone and ``path`` is as it was. Writing to a
    symbolic link replaces what it points to.
    """
    target = path.resolve()
    # Not tempfile: its files are readable by their owner only, and stay so.
    temporary = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        with contextlib.suppress(OSError):  # gone already, or never made
            temporary.unlink()
