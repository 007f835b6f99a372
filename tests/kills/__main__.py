"""Kill commands, and print how often that was amid their work; ``python -m tests.kills --help``."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from .commands import COMMANDS
from .killer import Trial


def main() -> None:
    """Read the arguments, kill, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("command", nargs="*", default=[*COMMANDS], help=f"of {', '.join(COMMANDS)}")
    parser.add_argument("--kills", type=int, default=30, help="of each (default: 30)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    args = parser.parse_args()
    for name in args.command:
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            trial = Trial(COMMANDS[name], Path(folder))
            count = trial.run(args.kills, args.seed)
            seconds = time.monotonic() - started
            print(
                f"{name}: {count}, a run takes {trial.seconds:.1f} s; {seconds:.0f} s", flush=True
            )


if __name__ == "__main__":
    main()
