"""Free memory of devices and of the machine, and returning freed memory to the system."""

from __future__ import annotations

import contextlib
import ctypes
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import torch


def free_memory(device: torch.device) -> int | None:
    """Return the bytes that can still be allocated on a device; ``None`` if unknown."""
    if device.type == "cuda":
        # Memory that torch has reserved but does not use counts as free.
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    return free_host_memory() if device.type == "cpu" else None


def free_host_memory(root: Path = Path("/")) -> int | None:
    """Return the bytes of main memory that the process can still use, on Linux.

    This is the minimum of the kernel's available memory and of what the control groups of the
    process leave, because /proc/meminfo does not show the limits of a container.

    Args:
        root: root of the file system with ``proc`` and ``sys``.

    Returns:
        Bytes, 0 or more; ``None`` on other systems.
    """
    amounts = [*_available(root / "proc/meminfo"), *_left_in_groups(root)]
    return max(0, min(amounts)) if amounts else None


def _available(meminfo: Path) -> Iterator[int]:
    for line in _lines(meminfo):
        if line.startswith("MemAvailable:"):
            yield 1024 * int(line.split()[1])


def _left_in_groups(root: Path) -> Iterator[int]:
    """Yield what each memory control group of the process, and each parent group, leaves."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, group = (*line.split(":", 2), "", "")[:3]
        if not controllers:  # version 2
            mount, limit, usage = root / "sys/fs/cgroup", "memory.max", "memory.current"
            cache = "inactive_file"
        elif "memory" in controllers.split(","):
            mount, limit = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
            usage, cache = "memory.usage_in_bytes", "total_inactive_file"
        else:
            continue
        # A container may see its own group as the root of the mount, but the host's path here.
        folder = mount / group.lstrip("/")
        for each in [folder, *folder.parents][: len(folder.relative_to(mount).parts) + 1]:
            with contextlib.suppress(IndexError, ValueError):  # no such file, or "max"
                total, used = (int(_lines(each / name)[0]) for name in (limit, usage))
                # The kernel drops its file cache before it refuses memory.
                stat = dict(line.split() for line in _lines(each / "memory.stat"))
                yield total - used + int(stat.get(cache, 0))


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except (OSError, ValueError):
        return []


class HeapTrimmer:
    """Returns freed memory to the system after images of many sizes.

    glibc keeps freed memory for the next image of the same size. Images of other sizes do not fit
    into the gaps and need more, so a long-running process would grow without limit.

    Args:
        changes: number of size changes after which memory is returned; each megapixel counts as
            one more. It takes 5 to 30 ms.
    """

    def __init__(self, changes: int = 4) -> None:
        self._changes, self._count = changes, 0
        self._last: tuple[int, ...] = ()

    def note(self, size: tuple[int, ...]) -> None:
        """Register the size of an image, and return memory if it is due.

        Args:
            size: number of images, height, width.
        """
        if size == self._last:
            return
        self._last = size
        self._count += 1 + math.prod(size) // 2**20
        if self._count >= self._changes:
            self._count = 0
            trim_heap()


def trim_heap() -> None:
    """Return the free memory of the process to the system, with glibc."""
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
