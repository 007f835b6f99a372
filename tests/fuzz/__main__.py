"""Search for files that break a reader, or repeat one.

``python -m tests.fuzz TARGET --seconds 300 --seed 7`` damages whole files at random and has them
read. What breaks the reader is kept in ``.fuzz/TARGET``, with the command that repeats it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from .runner import find_fault, search, try_files
from .targets import TARGETS


def main() -> int:
    """Read the arguments; return 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=[*TARGETS, "all"], help="what is read")
    parser.add_argument("--seconds", type=float, default=60, help="of each target (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="of the damage (default: 0)")
    parser.add_argument("--input", type=Path, help="read this file alone")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.input is not None:
        with tempfile.TemporaryDirectory() as folder:
            fault = find_fault(TARGETS[args.target], args.input.read_bytes(), Path(folder))
        print(fault or "nothing is wrong")
        return int(fault is not None)
    if args.child:
        try_files(args.target, args.seconds, args.seed)
        return 0
    names = TARGETS if args.target == "all" else [args.target]
    found = [path for name in names for path in search(name, args.seconds, args.seed)]
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
