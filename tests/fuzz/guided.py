"""The search by atheris, which prefers damage that has new lines of the readers run.

``python -m tests.fuzz.guided TARGET --seconds 300 --seed 7``, after ``pip install atheris``
(Linux, macOS). It ends at the first file that breaks the reader, which lies in ``.fuzz``.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["adain_core", "PIL"]):
    from .targets import TARGETS

from .runner import FOUND


def main() -> None:
    """Read the arguments, search."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided")
    parser.add_argument("target", choices=TARGETS, help="what is read")
    parser.add_argument("--seconds", type=int, default=60, help="(default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="of the damage (default: 0)")
    args = parser.parse_args()
    target, folder = TARGETS[args.target], FOUND / args.target
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(target.seeds()):
        (corpus / f"seed{number}").write_bytes(content)
    work = Path(tempfile.mkdtemp())

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        return target.mutate(data, random.Random(seed))[:longest]

    limits = [f"-max_total_time={args.seconds}", "-max_len=100000", "-rss_limit_mb=4096"]
    options = [*limits, f"-seed={args.seed + 1}", f"-artifact_prefix={folder}/", str(corpus)]
    atheris.Setup(
        [sys.argv[0], *options],
        lambda data: target.try_out(data, work),
        custom_mutator=mutate,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
