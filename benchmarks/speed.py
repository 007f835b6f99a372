"""Images per second of each model, compared with plain eager code and a matrix product.

``python benchmarks/speed.py`` measures; ``benchmarks/README.md`` explains the results.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import math
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from adain_core import AdaINModel, Architecture
from adain_core.errors import AdaINError
from adain_core.networks.encoder_decoder import Decoder, Encoder
from adain_core.utils.devices import DTYPES, resolve_device, resolve_dtype
from adain_core.weights import available_models

PRODUCT = "matrix product"
EAGER, FULL_WIDTH = "eager ", "eager, full width"
CACHED, NEW_STYLE = "all", "all, new style"
# A case that takes longer is called only once.
LIMIT_SECONDS = 30.0


@dataclass
class Case:
    """One operation to time.

    Attributes:
        model: name or path of the model.
        dtype: ``"fp32"``, ``"bf16"`` or ``"fp16"``.
        size: side of the square image or matrix.
        operation: name of the operation.
        call: runs it once.
        plain: the same in plain layers, whose operations are counted.
        flops: floating-point operations of ``plain``, two per multiply-add.
        peak: additional memory during the first call, bytes; NaN: unknown.
        seconds: duration of each timed call.
    """

    model: str
    dtype: str
    size: int
    operation: str
    call: Callable[[], object]
    plain: Callable[[], object]
    flops: int = 0
    peak: float = math.nan
    seconds: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """GFLOP/s of the median call."""
        return self.flops / median(self.seconds) / 1e9


def product_case(dtype: str, device: torch.device) -> Case:
    """Return a matrix product large enough to run at full speed."""
    size = 2048 if device.type == "cpu" else 4096
    left, right = torch.rand(2, size, size).to(device, DTYPES[dtype])
    call = partial(torch.matmul, left, right)
    return Case("", dtype, size, PRODUCT, call, call)


class EagerModel:
    """``AdaINModel`` in plain PyTorch: float32, layer by layer.

    Args:
        encoder: the encoder whose weights are used.
        decoder: without normalization layers.
        device: to run on.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, device: torch.device) -> None:
        layers: list[nn.Module] = []
        for name, convolution in encoder.named_children():
            if name.endswith("_1") and layers:
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
            layers += [nn.ReflectionPad2d(1), plain_convolution(convolution), nn.ReLU()]
        self.encoder = nn.Sequential(*layers).to(device).requires_grad_(False)
        layers = []
        for name in decoder.layer_names:
            convolution = decoder.get_submodule(f"conv{name}")
            layers += [nn.ReflectionPad2d(1), plain_convolution(convolution), nn.ReLU()]
            if name.endswith("_1"):
                layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
        # Without the ReLU and upsampling after the last convolution.
        self.decoder = nn.Sequential(*layers[:-2]).to(device).requires_grad_(False)

    @torch.inference_mode()
    def statistics(self, artwork: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and standard deviation of an artwork."""
        features = self.encoder(artwork)
        return features.mean((2, 3), keepdim=True), features.std((2, 3), keepdim=True)

    @torch.inference_mode()
    def stylize(self, content: Tensor, style: tuple[Tensor, Tensor] | Tensor) -> Tensor:
        """Stylize with the statistics of a style, or with an artwork."""
        mean, std = self.statistics(style) if isinstance(style, Tensor) else style
        features = self.encoder(content)
        features = F.instance_norm(features, eps=1e-5) * std + mean
        images: Tensor = self.decoder(features).clamp(0, 1)
        return images


def plain_convolution(module: nn.Module) -> nn.Conv2d:
    """Return a copy without padding."""
    assert isinstance(module, nn.Conv2d)
    plain = nn.Conv2d(module.in_channels, module.out_channels, 3)
    plain.load_state_dict(module.float().state_dict())
    return plain


def eager_cases(
    name: str, model: EagerModel, sizes: list[int], batch: int, device: torch.device
) -> list[Case]:
    """Return the baseline at each size, with an encoded style and with a new one."""
    cases = []
    for size in sizes:
        content, artwork = torch.rand(2, batch, 3, size, size).to(device)
        operations = {CACHED: model.statistics(artwork), NEW_STYLE: artwork}
        for label, style in operations.items():
            call = partial(model.stylize, content, style)
            cases.append(Case(name, "fp32", size, label, call, call))
    return cases


def model_cases(
    name: str, dtype: str, sizes: list[int], batch: int, device: torch.device
) -> list[Case]:
    """Return the operations of one model at each size, on images that are already on the device."""
    model = AdaINModel.from_pretrained(name, device, dtype)
    cases = []
    for size in sizes:
        content, artwork = torch.rand(2, batch, 3, size, size).to(device)
        features, style = model.encode(content), model.encode_style(artwork, size=0)
        encoder = partial(model.encoder, content.to(model.dtype))
        decoder = partial(model.decoder, features.tensor)
        single = partial(model.stylize, content, style, stroke_size="single")
        another = partial(stylize_another, model, content, artwork)
        operations: dict[str, tuple[Callable[[], object], ...]] = {
            "encode style": (partial(encode_another, model, artwork), encoder),
            "encode content": (partial(model.encode, content), encoder),
            "decode": (partial(model.decode, features), decoder),
            CACHED: (single, encoder, decoder),
            NEW_STYLE: (another, encoder, encoder, decoder),
        }
        for label, (call, *plain) in operations.items():
            cases.append(Case(name, dtype, size, label, call, partial(run_all, plain)))
    return cases


def encode_another(model: AdaINModel, artwork: Tensor) -> None:
    """Encode an artwork that is not in the model's cache."""
    artwork[0, 0, 0, 0].uniform_()
    model.encode_style(artwork, size=0, closeup=False)


def stylize_another(model: AdaINModel, content: Tensor, artwork: Tensor) -> None:
    """Stylize with an artwork that is not in the model's cache."""
    artwork[0, 0, 0, 0].uniform_()
    model.stylize(content, artwork, style_size=0, stroke_size="single")


def run_all(calls: list[Callable[[], object]]) -> None:
    """Call functions one after the other."""
    for call in calls:
        call()


def synchronize(device: torch.device) -> None:
    """Wait for the device, whose kernels run asynchronously."""
    if device.type == "mps":
        torch.mps.synchronize()
    elif device.type != "cpu":
        getattr(torch, device.type).synchronize(device)


def timed(call: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of one call."""
    synchronize(device)
    start = time.perf_counter()
    call()
    synchronize(device)
    return time.perf_counter() - start


def measure(cases: list[Case], repeats: int, device: torch.device) -> None:
    """Set ``flops``, ``peak`` and ``seconds``, with one call of every case per round.

    Rounds spread the load of the machine, which varies over seconds and minutes, over all cases.
    """
    for case in tqdm(cases, desc="warm-up", leave=False):
        before = start_peak(device)
        elapsed = timed(case.call, device)
        case.peak = read_peak(device) - before
        with FlopCounterMode(display=False) as counter:
            case.plain()
        case.flops = counter.get_total_flops()
        if elapsed > LIMIT_SECONDS:
            case.seconds.append(elapsed)  # its only measurement
    for _ in tqdm(range(repeats), desc="rounds", leave=False):
        for case in cases:
            if max(case.seconds, default=0) <= LIMIT_SECONDS:
                case.seconds.append(timed(case.call, device))


def start_peak(device: torch.device) -> float:
    """Start to measure the peak memory; return the bytes in use."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return float(torch.cuda.memory_allocated(device))
    if device.type == "cpu" and platform.system() == "Linux":
        if platform.libc_ver()[0] == "glibc":
            ctypes.CDLL(None).malloc_trim(
                0
            )  # freed memory that is still resident would hide new allocations
        Path("/proc/self/clear_refs").write_text("5")
        return read_peak(device)
    return math.nan


def read_peak(device: torch.device) -> float:
    """Return the peak bytes in use since :func:`start_peak`."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    if device.type == "cpu" and platform.system() == "Linux":
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return math.nan


def device_name(device: torch.device) -> str:
    """Return the name of the hardware."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if device.type == "cpu" and cpuinfo.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, f"{device.type} ({platform.processor() or platform.machine()})")


def row_of(
    case: Case, batch: int, product: Case, baselines: dict[tuple[str, int, str], Case]
) -> dict[str, str | int | float]:
    """Return one row of the table, not rounded; NaN without a baseline."""
    seconds = median(case.seconds)

    def ratio(name: str) -> float:
        baseline = baselines.get((name, case.size, case.operation))
        return median(baseline.seconds) / seconds if baseline else math.nan

    return {
        "model": case.model,
        "dtype": case.dtype,
        "size": case.size,
        "operation": case.operation,
        "ms": seconds * 1e3,
        "images/s": batch / seconds,
        "x eager": ratio(EAGER + case.model),
        "x eager, full width": ratio(FULL_WIDTH),
        "GFLOP/s": case.rate,
        "share of product": case.rate / product.rate,
        "peak MiB": case.peak / 2**20,
        "calls": len(case.seconds),
    }


def print_markdown(rows: list[dict[str, str | int | float]]) -> None:
    """Print rows as a table."""
    formats = {"ms": ".1f", "share of product": ".0%", "peak MiB": ".0f", "calls": ""}
    print("| " + " | ".join(rows[0]) + " |")
    text = {"model", "dtype", "operation"}
    print("| " + " | ".join("---" if name in text else "---:" for name in rows[0]) + " |")
    for row in rows:
        cells = (
            ""
            if value != value
            else format(value, formats.get(name, ".2f"))
            if isinstance(value, float)
            else str(value)
            for name, value in row.items()
        )
        print("| " + " | ".join(cells) + " |")


def positive(text: str) -> int:
    """Parse a whole number from 1, for argparse."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def argument_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", help="names or paths (default: all)")
    parser.add_argument("--sizes", nargs="+", type=positive, default=[256, 512, 1024])
    parser.add_argument(
        "--dtypes",
        nargs="+",
        choices=["fp32", "bf16", "fp16"],
        help="(default: fp32, and the dtype that 'auto' selects)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps (default: auto)")
    parser.add_argument("--batch", type=positive, default=1, help="images in one call")
    parser.add_argument("--repeats", type=positive, default=7, help="rounds after the warm-up")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write the table as CSV")
    return parser


def main() -> None:
    """Run the benchmark."""
    parser = argument_parser()
    arguments = parser.parse_args()
    models = arguments.models or list(available_models())
    if not models:
        parser.error("no model found; give a .safetensors file as --models")
    torch.manual_seed(0)
    try:
        device = resolve_device(arguments.device)
        # The dtype that "auto" selects, besides float32.
        automatic = resolve_dtype("auto", device)
        half = [name for name in ("bf16", "fp16") if DTYPES[name] == automatic]
        dtypes = arguments.dtypes or ["fp32", *half]
        if device.type == "cuda":
            # cuDNN convolves float32 in TF32 by default, so the product does, too.
            torch.set_float32_matmul_precision("high")
        products = {
            dtype: product_case(dtype, device) for dtype in {"fp32": None, **dict.fromkeys(dtypes)}
        }
        cases = [
            case
            for name in models
            for dtype in dtypes
            for case in model_cases(name, dtype, arguments.sizes, arguments.batch, device)
        ]
        # Time does not depend on the weights.
        networks = {FULL_WIDTH: (Encoder(Architecture()), Decoder(Architecture()))}
        for name in models:
            model = AdaINModel.from_pretrained(name, "cpu", "fp32")
            architecture = model.info.architecture
            if (architecture.normalization, architecture.fusion) == ("none", "adain"):
                networks[EAGER + name] = model.encoder, model.decoder
        eager = [
            case
            for name, (encoder, decoder) in networks.items()
            for case in eager_cases(
                name,
                EagerModel(encoder, decoder, device),
                arguments.sizes,
                arguments.batch,
                device,
            )
        ]
    except (AdaINError, ValueError) as error:
        parser.error(str(error))
    measure([*products.values(), *eager, *cases], arguments.repeats, device)
    baselines = {(case.model, case.size, case.operation): case for case in eager}

    print(
        f"{device_name(device)}; {torch.get_num_threads()} threads, "
        f"{torch.backends.cpu.get_cpu_capability()}; torch {torch.__version__}; "
        f"batch {arguments.batch}; medians of {arguments.repeats} rounds"
    )
    for dtype, product in products.items():
        print(f"{PRODUCT} {product.size}x{product.size}, {dtype}: {product.rate:.1f} GFLOP/s")
    print()
    rows = [
        row_of(case, arguments.batch, products[case.dtype], baselines) for case in [*eager, *cases]
    ]
    print_markdown(rows)
    if arguments.csv:
        with arguments.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
