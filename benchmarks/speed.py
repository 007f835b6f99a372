"""Images per second of each model, beside the rate at which this machine multiplies matrices.

``python benchmarks/speed.py`` measures; ``benchmarks/README.md`` says how to read the result.
"""

from __future__ import annotations

import argparse
import csv
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import torch
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from adain_core import AdaINModel
from adain_core.devices import DTYPES, resolve_device
from adain_core.errors import AdaINError
from adain_core.weights import available_models

PRODUCT = "matrix product"
# A case with a call longer than this is not called again.
LIMIT_SECONDS = 30.0


@dataclass
class Case:
    """One thing to time.

    Args:
        model: its name or path.
        dtype: ``"fp32"``, ``"bf16"`` or ``"fp16"``.
        size: side of the square image or matrix.
        operation: what is timed.
        call: does it once.
        flops: floating-point operations of one call, two for each multiplication and addition.
        seconds: of each timed call.
    """

    model: str
    dtype: str
    size: int
    operation: str
    call: Callable[[], object]
    flops: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """GFLOP/s of the median call."""
        return self.flops / median(self.seconds) / 1e9


def product_case(dtype: str, device: torch.device) -> Case:
    """The yardstick: a matrix product large enough to run at full speed."""
    size = 2048 if device.type == "cpu" else 4096
    left, right = torch.rand(2, size, size).to(device, DTYPES[dtype])
    return Case("", dtype, size, PRODUCT, partial(torch.matmul, left, right))


def model_cases(
    name: str, dtype: str, sizes: list[int], batch: int, device: torch.device
) -> list[Case]:
    """The four operations of one model at each size; images lie on the device already."""
    model = AdaINModel.from_pretrained(name, device, dtype)
    cases = []
    for size in sizes:
        content, artwork = torch.rand(2, batch, 3, size, size).to(device)
        features, style = model.encode(content), model.encode_style(artwork, size=0)
        operations: dict[str, Callable[[], object]] = {
            "encode style": partial(model.encode_style, artwork, size=0),
            "encode content": partial(model.encode, content),
            "decode": partial(model.decode, features),
            "all": partial(model.stylize, content, style),
        }
        cases += [Case(name, dtype, size, label, call) for label, call in operations.items()]
    return cases


def synchronize(device: torch.device) -> None:
    """Wait for the device: its kernels run after the call that asks for them returned."""
    if device.type == "mps":
        torch.mps.synchronize()
    elif device.type != "cpu":
        getattr(torch, device.type).synchronize(device)


def timed(call: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call."""
    synchronize(device)
    start = time.perf_counter()
    call()
    synchronize(device)
    return time.perf_counter() - start


def measure(cases: list[Case], repeats: int, device: torch.device) -> None:
    """Fill in ``flops`` and ``seconds``, one call of every case in each round.

    Neighbours on the machine slow it for seconds or minutes. Rounds spread that over all cases;
    timing one case after the other would blame the case that was running.
    """
    for case in tqdm(cases, desc="warm-up", leave=False):
        with FlopCounterMode(display=False) as counter:
            elapsed = timed(case.call, device)
        case.flops = counter.get_total_flops()
        if elapsed > LIMIT_SECONDS:
            case.seconds.append(elapsed)  # the only figure it gets
    for _ in tqdm(range(repeats), desc="rounds", leave=False):
        for case in cases:
            if max(case.seconds, default=0) <= LIMIT_SECONDS:
                case.seconds.append(timed(case.call, device))


def device_name(device: torch.device) -> str:
    """Of the hardware, as people know it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if device.type == "cpu" and cpuinfo.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, f"{device.type} ({platform.processor() or platform.machine()})")


def row_of(case: Case, batch: int, product: Case) -> dict[str, str | int | float]:
    """One line of the result, not rounded."""
    seconds = median(case.seconds)
    return {
        "model": case.model,
        "dtype": case.dtype,
        "size": case.size,
        "operation": case.operation,
        "ms": seconds * 1e3,
        "images/s": batch / seconds,
        "GFLOP/s": case.rate,
        "share of product": case.rate / product.rate,
        "calls": len(case.seconds),
    }


def print_markdown(rows: list[dict[str, str | int | float]]) -> None:
    """A table of ``rows``."""
    formats = {"ms": ".1f", "images/s": ".2f", "GFLOP/s": ".1f", "share of product": ".0%"}
    print("| " + " | ".join(rows[0]) + " |")
    text = {"model", "dtype", "operation"}
    print("| " + " | ".join("---" if name in text else "---:" for name in rows[0]) + " |")
    for row in rows:
        print("| " + " | ".join(format(row[name], formats.get(name, "")) for name in row) + " |")


def positive(text: str) -> int:
    """A whole number from 1, for argparse."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", help="names or paths (default: all there are)")
    parser.add_argument("--sizes", nargs="+", type=positive, default=[256, 512, 1024])
    parser.add_argument(
        "--dtypes",
        nargs="+",
        choices=["fp32", "bf16", "fp16"],
        help="default: fp32, and fp16 where there is a GPU",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps (default: auto)")
    parser.add_argument("--batch", type=positive, default=1, help="images in one call")
    parser.add_argument("--repeats", type=positive, default=7, help="rounds after the warm-up")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write the figures here")
    arguments = parser.parse_args()
    models = arguments.models or list(available_models())
    if not models:
        parser.error("there are no models here; name a .safetensors file with --models")
    torch.manual_seed(0)
    try:
        device = resolve_device(arguments.device)
        # Half precision on a CPU without AVX-512 or AMX is up to 128 times slower than float32.
        dtypes = arguments.dtypes or (["fp32"] if device.type == "cpu" else ["fp32", "fp16"])
        if device.type == "cuda":
            # cuDNN convolves float32 in TF32 by default; the product must do likewise.
            torch.set_float32_matmul_precision("high")
        products = {dtype: product_case(dtype, device) for dtype in dtypes}
        cases = [
            case
            for name in models
            for dtype in dtypes
            for case in model_cases(name, dtype, arguments.sizes, arguments.batch, device)
        ]
    except (AdaINError, ValueError) as error:
        parser.error(str(error))
    measure([*products.values(), *cases], arguments.repeats, device)

    print(
        f"{device_name(device)}; {torch.get_num_threads()} threads, "
        f"{torch.backends.cpu.get_cpu_capability()}; torch {torch.__version__}; "
        f"batch {arguments.batch}; medians of {arguments.repeats} rounds"
    )
    for dtype, product in products.items():
        print(f"{PRODUCT} {product.size}x{product.size}, {dtype}: {product.rate:.1f} GFLOP/s")
    print()
    rows = [row_of(case, arguments.batch, products[case.dtype]) for case in cases]
    print_markdown(rows)
    if arguments.csv:
        with arguments.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
