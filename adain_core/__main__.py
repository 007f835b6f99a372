"""``python -m adain_core`` and, in the repository's folder, ``python adain_core``: ``adain``."""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    # Run as a folder: ComfyUI's portable Python does not search the current folder for modules.
    sys.path[0] = str(Path(__file__).resolve().parents[1])


def main() -> int:
    """Run ``adain``, whose own ``main`` cannot answer a Ctrl-C that comes while it is imported."""
    try:
        from adain_core.cli import main as run

        return run()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("adain: error: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
