"""Peak memory and time of ``adain stylize``, file to file, from 1 to 100 megapixels.

``python benchmarks/large.py`` measures; ``benchmarks/README.md`` explains the results.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import PIL.Image

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
PHOTO = SAMPLES / "content" / "castle.jpg"
STYLE = SAMPLES / "style" / "van-gogh-starry-night.jpg"
# ru_maxrss counts kilobytes, on macOS bytes.
RSS_UNIT = 1 if platform.system() == "Darwin" else 1024


class Figures(NamedTuple):
    """Memory and time of a run of the command.

    Attributes:
        peak: resident memory of the process, bytes.
        wall: wall time, seconds.
        cpu: CPU time of all cores, seconds.
    """

    peak: int
    wall: float
    cpu: float


def write_photo(path: Path, side: int) -> None:
    """Write the sample photo, enlarged to a square."""
    with PIL.Image.open(PHOTO) as photo:
        enlarged = photo.convert("RGB").resize((side, side), PIL.Image.Resampling.BICUBIC)
    enlarged.save(path, compress_level=1)


def measure(command: list[str]) -> Figures:
    """Run a command in its own process; raise an error if it fails."""
    import resource  # not on Windows

    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Figures(usage.ru_maxrss * RSS_UNIT, wall, usage.ru_utime + usage.ru_stime)


def run_case(model: str, side: int, options: list[str], folder: Path) -> Figures:
    """Run ``adain stylize`` on an image of ``side`` x ``side`` pixels."""
    photo, result = folder / f"{side}.png", folder / f"{side}-stylized.png"
    # Each step in a fresh process: ru_maxrss is that of the largest child so far.
    context = multiprocessing.get_context("spawn")
    writer = context.Process(target=write_photo, args=(photo, side))
    writer.start()
    writer.join()
    command = [sys.executable, "-m", "adain_core", "stylize", str(photo), "--style", str(STYLE)]
    command += ["--model", model, "-o", str(result), *options]
    with context.Pool(1) as pool:
        figures = pool.apply(measure, (command,))
    photo.unlink()
    result.unlink()
    return figures


def main() -> None:
    """Run the benchmark; print each line as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=["adain-slim"], help="names or paths")
    parser.add_argument(
        "--megapixels", nargs="+", type=float, default=[1, 4, 16, 50, 100], metavar="MP"
    )
    parser.add_argument(
        "options", nargs="*", help="for adain stylize, after --: -- --tile 256 --dtype bf16"
    )
    arguments = parser.parse_args()
    threads = os.environ.get("OMP_NUM_THREADS", os.cpu_count())
    print(f"{platform.machine()}, {threads} threads; adain stylize {' '.join(arguments.options)}\n")
    print("| model | pixels | megapixels | peak MiB | s | s/megapixel | core s/megapixel |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    with TemporaryDirectory() as folder:
        for model in arguments.models:
            for megapixels in arguments.megapixels:
                side = round((megapixels * 1e6) ** 0.5)
                figures = run_case(model, side, arguments.options, Path(folder))
                size = side * side / 1e6
                print(
                    f"| {Path(model).stem} | {side}x{side} | {size:.0f} "
                    f"| {figures.peak / 2**20:.0f} | {figures.wall:.0f} "
                    f"| {figures.wall / size:.2f} | {figures.cpu / size:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
