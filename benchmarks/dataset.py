"""CPU time per image of ``adain dataset``, and how time and memory grow with the plan.

``python benchmarks/dataset.py`` compares the command with its network, reading and writing alone,
on photos of ImageNet's size. With ``--rows 1000 10000 100000`` it processes that many small images
instead. ``benchmarks/README.md`` explains the results.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from adain_core import AdaINModel, ImageFile, StylizeOptions, Stylizer, read_image_file
from adain_core.choices import SINGLE_PASS
from adain_core.images import encode_image_file, list_images
from adain_core.pixels import resize_shortest_side

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
# Photos of 500x375 as in ImageNet, resized to 256 and cropped to 224 as for training networks.
PHOTO, SIZE, CROP = 375, 256, 224
# Images that `adain dataset` stylizes at once on a CPU.
BATCH = 4
FOLDER_SIZE = 1000


def make_images(folder: Path, count: int, side: int) -> None:
    """Write JPEGs with this shortest side, random crops of the sample photos."""
    photos = [
        resize_shortest_side(read_image_file(path).pixels[:, :3], 2 * side)
        for path in list_images([SAMPLES / "content"])
    ]
    generator = torch.Generator().manual_seed(0)
    for number in range(count):
        photo = photos[number % len(photos)]
        height, width = side, min(side * 4 // 3, photo.shape[3])
        margins = photo.shape[2] - height, photo.shape[3] - width
        top, left = (int(torch.randint(each + 1, (), generator=generator)) for each in margins)
        path = folder / f"{number // FOLDER_SIZE:04d}" / f"{number:07d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = photo[:, :, top : top + height, left : left + width]
        path.write_bytes(encode_image_file(path, ImageFile(pixels), quality=90))


def run(images: Path, output: Path, *options: str) -> tuple[float, float, float, str]:
    """Run the command; return CPU seconds, wall seconds, peak MiB, and its summary."""
    command = [sys.executable, "-m", "adain_core", "dataset", str(images), "--styles"]
    command += [str(SAMPLES / "style"), "-o", str(output), *options]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = max(watch_memory(process), default=0.0)
    assert process.stdout is not None
    summary = process.stdout.read().strip()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, time.perf_counter() - started, peak, summary


def watch_memory(process: subprocess.Popen[str]) -> Iterator[float]:
    """Yield the peak memory of a process in MiB until it ends."""
    while process.poll() is None:
        try:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        except OSError:
            continue
        yield from (int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
        time.sleep(0.2)


def measure(call: Callable[[], object], images: int, repeats: int = 5) -> float:
    """Return the CPU milliseconds per image of the fastest call."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return 1000 * min(times) / images


def compare(count: int, dtype: str) -> None:
    """Print the CPU time per image: all, and of the network, reading and writing alone."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images"
        make_images(images, count, PHOTO)
        files = sorted(images.rglob("*.jpg"))[:64]

        def read() -> list[Tensor]:
            pixels = [read_image_file(f, keep_uint8=True, min_side=SIZE).pixels for f in files]
            cut = [resize_shortest_side(each, SIZE) for each in pixels]
            return [each[:, :, 16 : 16 + CROP, 16 : 16 + CROP] for each in cut]

        photos = read()
        model = AdaINModel.from_pretrained(device="cpu", dtype=dtype)
        style = model.encode_style(next(iter(list_images([SAMPLES / "style"]))))
        stylizer = Stylizer(model, StylizeOptions(style, stroke_size=SINGLE_PASS))

        def stylize() -> list[Tensor]:
            batches = [torch.cat(photos[n : n + BATCH]) for n in range(0, 64, BATCH)]
            results = [stylizer(batch, output_dtype=torch.uint8) for batch in batches]
            return [each[None] for batch in results for each in batch]

        outputs = [ImageFile(each) for each in stylize()]
        costs = {
            "network": measure(stylize, 64),
            "reading, resizing": measure(read, 64),
            "JPEG": measure(lambda: [encode_image_file("a.jpg", each) for each in outputs], 64),
        }
        options = ("--size", str(SIZE), "--crop", str(CROP), "--dtype", dtype, "--device", "cpu")
        whole = run(images, Path(folder) / "out", *options)
        # Without startup, artworks and the first images.
        some = run(images / "0000", Path(folder) / "some", *options)
        costs["adain dataset"] = 1000 * (whole[0] - some[0]) / (count - FOLDER_SIZE)
    print(f"{dtype}, {CROP}x{CROP} of {PHOTO * 4 // 3}x{PHOTO}:")
    for name, cost in costs.items():
        print(f"  {name}: {cost:.1f} ms of a core, {1000 / cost:.1f} images/s per core")
    print(f"  the network's share: {costs['network'] / costs['adain dataset']:.0%}")
    print(f"  {whole[3]}")


def grow(rows: list[int], side: int) -> None:
    """Print time and memory for plans of so many rows, and for a second run that only checks."""
    print("| rows | plan s | all s | ms per image | peak MiB | again s | again MiB |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for count in rows:
        with tempfile.TemporaryDirectory() as folder:
            images, output = Path(folder) / "images", Path(folder) / "out"
            make_images(images, count, side)
            plan = run(images, output, "--plan-only")
            all_ = run(images, output)
            again = run(images, output)
            cells = [plan[0], all_[0], 1000 * all_[0] / count, all_[2], again[0], again[2]]
            print(f"| {count:,} | {' | '.join(f'{cell:,.1f}' for cell in cells)} |", flush=True)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", help="rows of plans of small images")
    parser.add_argument("--side", type=int, default=32, help="their shortest side (default: 32)")
    parser.add_argument("--count", type=int, default=2000, help="number of photos (default: 2000)")
    parser.add_argument("--dtype", nargs="+", default=["fp32", "bf16"], help="(default: fp32 bf16)")
    arguments = parser.parse_args()
    if arguments.rows:
        grow(arguments.rows, arguments.side)
        return
    for dtype in arguments.dtype:
        compare(arguments.count, dtype)


if __name__ == "__main__":
    main()
