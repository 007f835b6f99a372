"""Table 1: seconds per image, without encoding the style."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from statistics import median

import torch
from torch.utils.flop_counter import FlopCounterMode

from ..methods.network import NetworkArchitecture
from .contenders import STYLES, TIMED_STEPS, Contender, make_contenders
from .lab import Lab
from .text import number, table, verdict

TITLE = "Table 1: speed"

# Of an optimization; the paper does not say how many its time is for.
ITERATIONS = 500
_SIZES = (512, 256, 128, 64)
_REPEATS = 3
# Seconds in the paper (Pascal Titan X) at 256 and 512 pixels.
_PAPER_SIZES = (256, 512)
PAPER = {
    "AdaIN": (0.018, 0.065),
    "one style": (0.011, 0.038),
    f"{STYLES} styles": (0.011, 0.038),
    "style swap": (0.171, 3.214),
    "optimization": (14.17, 46.75),
}
# Measurements of a method at a size.
_KINDS = ("seconds", "multiplications")
# Approximate time of all methods together, relative to AdaIN at the same size; swap's share grows.
_ALL = {64: 12, 128: 12, 256: 18, 512: 40}

_ABOUT = f"""\
Seconds per image, without encoding the style: medians of {_REPEATS} rounds of all methods, after
one round to warm up. All methods except the last two rows run as plain modules in float32: AdaIN
at the paper's widths; the residual network of Johnson et al., with a first layer of
{NetworkArchitecture().width} channels, for one style and for {STYLES} styles; style swap at relu3_1
with patches of 3x3 features, with two convolutions as published, and with the lookup of this
library, both with a decoder that mirrors VGG from relu3_1, as the authors' does; optimization as in
Gatys et al. (relu1_1 to relu5_1, Gram matrices, L-BFGS), of which {TIMED_STEPS} evaluations of the
losses are timed and scaled to {ITERATIONS}. The last two rows are AdaIN as this library runs it.
Weights do not affect the time; missing ones are random. In brackets: the number of multiplications
relative to AdaIN."""


def run(lab: Lab) -> str:
    """Measure what is not known yet; return the section of the report."""
    sizes: list[int] = lab.recall("speed/sizes", lambda: _choose_sizes(lab))
    figures: dict[int, dict[str, dict[str, float]]] = {}
    with lab.bar("speed", len(sizes), "size") as bar:
        for size in sizes:
            figures[size] = lab.recall(f"speed/{size}", partial(_measure, lab, size))
            bar.update()
    seconds = {size: figures[size]["seconds"] for size in sizes}
    work = {size: figures[size]["multiplications"] for size in sizes}
    methods = list(seconds[sizes[0]])
    rows = []
    for method in methods:
        row = [method]
        for size in sizes:
            ratio = seconds[size][method] / seconds[size]["AdaIN"]
            cell = f"{number(seconds[size][method])} s, {number(ratio)}×"
            if method in work[size]:
                cell += f" ({number(work[size][method] / work[size]['AdaIN'])})"
            row.append(cell)
        for paper, adain in zip(PAPER.get(method, ()), PAPER["AdaIN"], strict=False):
            row.append(f"{number(paper)} s, {number(paper / adain)}×")
        rows.append([*row, *["–"] * (1 + len(sizes) + len(_PAPER_SIZES) - len(row))])
    header = ["method", *(f"{size}²" for size in sizes)]
    header += [f"the paper's, {size}²" for size in _PAPER_SIZES]
    columns = [f"{name}, {size}" for size in sizes for name in ("seconds", "multiplications")]
    values = [
        [method, *(figures[size][kind].get(method, "") for size in sizes for kind in _KINDS)]
        for method in methods
    ]
    lab.write_table("speed", ["method", *columns], values)
    return "\n\n".join([_ABOUT, table(header, rows), _compare(figures[sizes[-1]], sizes[-1])])


def _compare(figures: dict[str, dict[str, float]], size: int) -> str:
    """Compare the order of the methods at the largest size with the paper's."""
    seconds, work = (figures[kind] for kind in _KINDS)

    def measured(method: str, paper: str) -> tuple[float, str]:
        times, counted = (each[method] / each["AdaIN"] for each in (seconds, work))
        return times, (
            f"{number(times)} times AdaIN's time at {size}², {number(counted)} times its "
            f"multiplications; the paper's times: {paper}"
        )

    one, one_measured = measured("one style", "0.61 at 256², 0.58 at 512²")
    swap, swap_measured = measured("style swap", "9.5 at 256², 49 at 512²")
    optimized, optimized_measured = measured("optimization", "790 at 256², 720 at 512²")
    return "\n".join(
        [
            verdict(
                "a network of one style is faster than AdaIN, by about half",
                one < 0.8,
                one_measured,
            ),
            verdict(
                "style swap is at least ten times as slow",
                swap >= 10,
                f"{swap_measured}; its share grows with the area",
            ),
            verdict(
                f"an optimization of {ITERATIONS} evaluations is at least 700 times as slow",
                optimized >= 700,
                optimized_measured,
            ),
        ]
    )


def _contenders(lab: Lab, size: int) -> dict[str, Contender]:
    torch.manual_seed(lab.config.seed)
    return make_contenders(lab.paper_model, lab.model, size, ITERATIONS)


def _choose_sizes(lab: Lab) -> list[int]:
    """Return two sizes that fit the time, from the time of AdaIN at the smallest."""
    adain = _contenders(lab, _SIZES[-1])["AdaIN"].work
    adain()
    unit = lab.stopwatch(adain)
    for largest, smaller in pairwise(_SIZES):
        costs = [unit * (size / _SIZES[-1]) ** 2 * _ALL[size] for size in (smaller, largest)]
        if (1 + _REPEATS) * sum(costs) < lab.seconds:
            return [smaller, largest]
    return [_SIZES[-1]]


def _measure(lab: Lab, size: int) -> dict[str, dict[str, float]]:
    """Return the seconds per image of each method, and the multiplications of plain modules."""
    contenders = _contenders(lab, size)
    multiplications = {}
    for name, contender in contenders.items():  # the first time prepares kernels and memory
        with FlopCounterMode(display=False) as counter:
            contender.work()
        if contender.plain:
            # One multiplication and one addition count as two.
            multiplications[name] = contender.repeats * counter.get_total_flops() / 2
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(_REPEATS):
        for name, contender in contenders.items():
            times[name].append(contender.repeats * lab.stopwatch(contender.work))
    seconds = {name: median(values) for name, values in times.items()}
    return dict(zip(_KINDS, (seconds, multiplications), strict=True))
