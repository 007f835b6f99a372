"""The work of ``adain dataset``."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..dataset import (
    Job,
    LocalRunner,
    PlanOptions,
    Runner,
    Shard,
    Summary,
    prepare_plan,
    stylize_dataset,
)
from ..dataset.job import FAILURES
from ..utils.devices import resolve_device
from .streams import print_error, print_json, print_line


def run(args: argparse.Namespace) -> int:
    """Make the data set; return the exit code."""
    job, shard = _job(args), Shard(*args.shard)
    if args.workers is not None and args.workers < 1:
        raise ValueError(f"--workers must be 1 or more, got {args.workers}")
    if args.plan_only:
        path = prepare_plan(job, args.plan)
        with path.open("rb") as file:
            print_line(f"{path} ({sum(1 for _ in file):,} images)")
        return 0
    try:
        runner = _runner(args)
    except ImportError as error:
        print_error(error)
        return 1
    # Ray prints what becomes of its machines to stdout, where --json must stand alone.
    with _bars() as watch, contextlib.redirect_stdout(sys.stderr):
        summary = stylize_dataset(job, plan=args.plan, shard=shard, runner=runner, watch=watch)
    if args.json:
        print_json(asdict(summary))
    else:
        print_line(_describe(summary, job.output))
    return 1 if summary.failed else 0


def _job(args: argparse.Namespace) -> Job:
    return Job(
        images=args.images,
        styles=args.styles,
        output=args.output,
        plan=PlanOptions(
            per_image=args.per_image,
            alpha=args.alpha,
            seed=args.seed,
            suffix=f".{args.format}" if args.format else "",
            shard_size=args.tar,
        ),
        model=args.model,
        device=args.device,
        dtype=args.dtype,
        size=args.size,
        crop=args.crop,
        style_size=args.style_size,
        stroke_size=args.stroke_size,
        quality=args.quality,
        others=args.others or "",
        exclude=tuple(args.exclude),
        batch_size=args.batch_size,
    )


def _runner(args: argparse.Namespace) -> Callable[[Job, Path], Runner]:
    if args.ray is None:
        resolve_device(args.device)  # checks it before a file is written
        return partial(LocalRunner, workers=args.workers)
    from ..dataset.cluster import RayRunner

    return partial(RayRunner, address=args.ray, workers=args.workers)


@contextlib.contextmanager
def _bars() -> Iterator[Callable[[str, int, int], None]]:
    """Yield what shows progress with rate and remaining time, a bar for each kind of work."""
    with contextlib.ExitStack() as stack:
        bars: dict[str, tqdm[Any]] = {}

        def watch(what: str, done: int, total: int) -> None:
            if what not in bars:
                for bar in bars.values():
                    bar.close()
                # What was there before is no part of the rate.
                bars[what] = stack.enter_context(
                    tqdm(desc=what, unit=what[:-1], initial=done, total=total, disable=None)
                )
            bars[what].update(done - bars[what].n)

        yield watch


def _describe(summary: Summary, folder: Path) -> str:
    rate = f"{summary.stylized / max(summary.seconds, 1e-9):.1f} a second"
    parts = [f"{summary.stylized:,} stylized in {summary.seconds:.1f} s ({rate})"]
    if summary.before:
        parts.append(f"{summary.before:,} there before")
    if summary.failed:
        parts.append(f"{summary.failed:,} failed (listed in {FAILURES})")
    return f"{summary.rows:,} images in {folder}: {', '.join(parts)}"
