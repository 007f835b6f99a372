"""The work of ``adain stylize``, from file to file."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor
from tqdm import tqdm

from ..errors import AdaINError, ImageFileError, reason
from ..images import (
    ImageFile,
    check_output_size,
    read_resized,
    write_image_file,
)
from ..utils.devices import is_out_of_memory
from .arguments import OUT_OF_MEMORY
from .background import Background
from .methods import make_method
from .request import read_request
from .streams import print_error, print_json, print_line
from .stylize_plan import make_plan

if TYPE_CHECKING:
    from .methods import Stylize

_EXPECTED = (ValueError, AdaINError, RuntimeError, MemoryError)


@dataclass(frozen=True)
class _Result:
    """The report of one image; its fields are those of ``--json``."""

    content: str
    output: str | None = None
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    skipped: bool = False
    error: str | None = None


def run(args: argparse.Namespace) -> int:
    """Stylize all photos and return the exit code."""
    if not 1 <= args.quality <= 100:
        raise ValueError(f"--quality must lie in 1..100, got {args.quality}")
    options = read_request(args)
    plan = make_plan(args)
    contents = plan.contents
    stylize = make_method(args, options)

    _make_folder(plan.folder)
    started = time.perf_counter()
    results: list[_Result] = []

    def report(done: list[_Result]) -> None:
        for result in done:
            if result.error:
                print_error(result.error)
            results.append(result)

    background: Background[_Result] = Background()
    # disable=None: no bar if stderr is not a terminal.
    pairs = zip(contents, plan.outputs, strict=True)
    try:
        for content, output in tqdm(
            pairs, total=len(contents), unit="image", disable=None if len(contents) > 1 else True
        ):
            work, size = _stylize_file(stylize, content, output, args, len(contents) == 1)
            report(background.add(work, size))
    finally:  # also after Ctrl-C: finished images are written
        report(background.finish())
        written = [result for result in results if not (result.error or result.skipped)]
        skipped = [result for result in results if result.skipped]
        if args.json:
            print_json([asdict(result) for result in results])
        elif len(contents) > 1:
            seconds = time.perf_counter() - started
            print_line(
                f"{len(written)} of {len(contents)} images written to {plan.folder} "
                f"in {seconds:.1f} s" + (f", {len(skipped)} skipped" if skipped else "")
            )
        else:
            for result in skipped:
                print_line(f"{result.output} exists: skipped")
            for result in written:
                print_line(
                    f"{result.output} ({result.width}x{result.height}, {result.seconds:.1f} s)"
                )
    return 0 if len(written) + len(skipped) == len(contents) else 1


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageFileError(f"cannot make the folder {folder}: {reason(error)}") from error


def _stylize_file(
    stylize: Stylize,
    content: Path,
    output: Path,
    args: argparse.Namespace,
    show_progress: bool,
) -> tuple[Callable[[], _Result], int]:
    """Stylize one photo; return a function that writes the result, and the bytes that it holds.

    Errors are reported and do not stop the other photos.
    """
    if args.skip_existing and output.exists():
        skipped = _Result(str(content), str(output), skipped=True)
        return lambda: skipped, 0
    started = time.perf_counter()
    try:
        photo = _stylize_photo(stylize, content, output, args, show_progress)
    except _EXPECTED as error:
        failure = _failure(content, error)
        return lambda: failure, 0
    stylizing = time.perf_counter() - started

    def write() -> _Result:
        started = time.perf_counter()
        try:
            _make_folder(output.parent)
            write_image_file(output, photo, overwrite=args.overwrite, quality=args.quality)
        except _EXPECTED as error:
            return _failure(content, error)
        height, width = photo.pixels.shape[-2:]
        seconds = round(stylizing + time.perf_counter() - started, 3)
        return _Result(str(content), str(output), width, height, seconds)

    return write, photo.pixels.nbytes


def _stylize_photo(
    stylize: Stylize,
    content: Path,
    output: Path,
    args: argparse.Namespace,
    show_progress: bool,
) -> ImageFile:
    photo = read_resized(content, args.content_size)
    check_output_size(output, (photo.pixels.shape[2], photo.pixels.shape[3]))  # before any work
    # The photo's pixels are released, because writing needs memory, too.
    return replace(photo, pixels=_stylize_with_bar(stylize, photo.pixels, show_progress))


def _failure(content: Path, error: Exception) -> _Result:
    """Return the report of an expected error; raise any other again."""
    if isinstance(error, ValueError):  # before AdaINError: NotFiniteError is both
        return _Result(str(content), error=f"{content}: {error}")
    if isinstance(error, AdaINError):
        return _Result(str(content), error=str(error))
    if not is_out_of_memory(error):
        raise error
    return _Result(str(content), error=f"{content}: {OUT_OF_MEMORY}")


def _stylize_with_bar(stylize: Stylize, pixels: Tensor, show_progress: bool) -> Tensor:
    # With a delay: images of ordinary size do not need a bar.
    with tqdm(
        desc="stylizing", unit="part", delay=1, leave=False, disable=None if show_progress else True
    ) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return stylize(pixels, progress)
