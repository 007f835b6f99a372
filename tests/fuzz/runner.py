"""The search: a child process tries one damaged file after the other, and is watched."""

from __future__ import annotations

import faulthandler
import hashlib
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from .targets import TARGETS, Target

ROOT = Path(__file__).resolve().parents[2]
# Ignored by git.
FOUND = ROOT / ".fuzz"
_CURRENT = "current"
# What a small file may take: seconds of the processor, of waiting, and bytes of memory.
_SECONDS, _WAIT, _BYTES = 60, 900, 4 * 2**30
_FAULT = 3


def search(name: str, seconds: float, seed: int) -> list[Path]:
    """Try damaged files; return those that something is wrong with.

    Args:
        name: of the target.
        seconds: to go on for.
        seed: of the first child's files; after each crash another one goes on with the next.
    """
    folder = FOUND / name
    folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + seconds
    found: list[Path] = []
    while (left := end - time.monotonic()) > 0:
        (folder / _CURRENT).unlink(missing_ok=True)
        words = [name, "--child", "--seconds", str(left), "--seed", str(seed)]
        child = subprocess.Popen([sys.executable, "-m", "tests.fuzz", *words], cwd=ROOT)
        why = _watch(child, folder / _CURRENT)
        if why is None:
            break
        found.append(_keep(folder, (folder / _CURRENT).read_bytes(), why))
        seed += 1
    found += [path for path in folder.iterdir() if path.suffix == ".txt"]
    (folder / _CURRENT).unlink(missing_ok=True)
    return sorted({path.with_suffix("") for path in found})


def _watch(child: subprocess.Popen[bytes], current: Path) -> str | None:
    """Wait for a child's end; return what was wrong with the file that it had last."""
    try:
        while child.poll() is None:
            time.sleep(0.2)
            if current.exists() and time.time() - current.stat().st_mtime > _WAIT:
                return f"takes more than {_WAIT} s"
    finally:
        child.kill()
        child.wait()
    if child.returncode == -signal.SIGPROF:
        return f"takes more than {_SECONDS} s of the processor"
    return f"the process ended with {child.returncode}" if child.returncode else None


def _keep(folder: Path, data: bytes, why: str) -> Path:
    """Write a file, and what is wrong with it, under a name that its content gives it."""
    path = folder / hashlib.sha256(data).hexdigest()[:12]
    path.write_bytes(data)
    repeat = f"python -m tests.fuzz {folder.name} --input {path.relative_to(ROOT).as_posix()}"
    why = why.encode("ascii", "backslashreplace").decode()
    path.with_suffix(".txt").write_text(f"{repeat}\n\n{why}\n")
    print(f"{why.strip().splitlines()[-1][:300]}\n  {repeat}", flush=True)
    return path


def try_files(name: str, seconds: float, seed: int) -> None:
    """Try damaged files in this process, which a native crash ends."""
    target, chance, folder = TARGETS[name], random.Random(seed), FOUND / name
    folder.mkdir(parents=True, exist_ok=True)
    faulthandler.enable()
    places: set[str] = set()
    count, end = 0, time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as work:
        while time.monotonic() < end:
            data = target.damage(chance)
            (folder / _CURRENT).write_bytes(data)
            signal.setitimer(signal.ITIMER_PROF, _SECONDS)
            fault = find_fault(target, data, Path(work))
            if fault is not None and _place(fault) not in places:
                places.add(_place(fault))
                _keep(folder, data, fault)
            count += 1
            if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > _BYTES:
                print(f"{name}: more than {_BYTES >> 30} GiB of memory")
                sys.exit(_FAULT)
    print(f"{name}: {count} files, seed {seed}", flush=True)


def find_fault(target: Target, data: bytes, folder: Path) -> str | None:
    """Return the traceback of what should not have been raised; ``None``: all is well."""
    try:
        target.try_out(data, folder)
    except Exception:
        return traceback.format_exc()
    return None


def _place(fault: str) -> str:
    """Return where a traceback ends, which is what makes faults alike."""
    lines = [line for line in fault.splitlines() if line.startswith("  File")]
    return f"{lines[-2:]} {fault.strip().splitlines()[-1].partition(':')[0]}"
