"""Table 1: seconds for a picture, without encoding the style."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor

from ..devices import inference
from ..methods.descent import DescentOptions, minimize
from ..methods.network import NetworkArchitecture, TransferNetwork
from ..methods.objective import LossWeights
from ..methods.patches import swap_patches
from ..methods.targets import make_objective
from ..methods.tasks import Task
from ..model import AdaINModel
from ..networks import Decoder
from .lab import Lab
from .text import number, table, verdict

TITLE = "Table 1: speed"

# Of an optimization; the paper does not say how many its time is for.
ITERATIONS = 500
_SIZES = (512, 256, 128, 64)
_REPEATS, _TIMED_STEPS, _STYLES = 3, 2, 32
# Seconds in the paper (Pascal Titan X) at 256 and 512 pixels.
_PAPER_SIZES = (256, 512)
PAPER = {
    "AdaIN": (0.018, 0.065),
    "one style": (0.011, 0.038),
    f"{_STYLES} styles": (0.011, 0.038),
    "style swap": (0.171, 3.214),
    "optimization": (14.17, 46.75),
}
# All methods together take about so many times AdaIN's time at the same size; swap's share grows.
_ALL = {64: 35, 128: 35, 256: 40, 512: 60}

_ABOUT = f"""\
Seconds for one picture, the style encoded before; medians of {_REPEATS} rounds in which every
method has its turn. AdaIN at the paper's widths, and the model `{{model}}`; networks of one and
of {_STYLES} styles (the residual network of Johnson et al., its first layer
{NetworkArchitecture().width} wide); style swap at relu3_1 with patches of 3 features, drawn by
the upper three quarters of AdaIN's decoder (a decoder for that layer has the same shape; here
it is untrained, which costs the same); optimization: {ITERATIONS} steps, of which {
    _TIMED_STEPS + 1
} are timed. Weights do not matter to the time."""


def run(lab: Lab) -> str:
    """Measure what is not known yet; return the section of the report."""
    sizes: list[int] = lab.recall("speed/sizes", lambda: _choose_sizes(lab))
    seconds: dict[int, dict[str, float]] = {}
    with lab.bar("speed", len(sizes), "size") as bar:
        for size in sizes:
            seconds[size] = lab.recall(f"speed/{size}", partial(_measure, lab, size))
            bar.update()
    methods = list(seconds[sizes[0]])
    rows = []
    for method in methods:
        row = [method]
        for size in sizes:
            adain = seconds[size]["AdaIN"]
            row.append(
                f"{number(seconds[size][method])} s, {number(seconds[size][method] / adain)}×"
            )
        for paper, adain in zip(PAPER.get(method, ()), PAPER["AdaIN"], strict=False):
            row.append(f"{number(paper)} s, {number(paper / adain)}×")
        rows.append([*row, *["–"] * (1 + len(sizes) + len(_PAPER_SIZES) - len(row))])
    header = ["method", *(f"{size}²" for size in sizes)]
    header += [f"the paper's, {size}²" for size in _PAPER_SIZES]
    values = [[method, *(seconds[size][method] for size in sizes)] for method in methods]
    lab.write_table("speed", ["method", *map(str, sizes)], values)
    about = _ABOUT.format(model=lab.config.model)
    return "\n\n".join([about, table(header, rows), _compare(seconds[sizes[-1]], sizes[-1])])


def _compare(seconds: dict[str, float], size: int) -> str:
    """Return what of the paper's order holds at the largest size."""
    adain = seconds["AdaIN"]
    one, swap, optimized = (
        seconds[name] / adain for name in ("one style", "style swap", "optimization")
    )
    return "\n".join(
        [
            verdict(
                "a network of one style is faster than AdaIN, by about half",
                one < 0.8,
                f"{number(one)} of its time at {size}², the paper's {0.038 / 0.065:.2f} at 512²",
            ),
            verdict(
                "style swap is at least ten times as slow",
                swap >= 10,
                f"{number(swap)} times at {size}²; its work grows with the square of the area, and "
                "the paper's factor is 9.5 at 256² and 49 at 512²",
            ),
            verdict(
                "optimization is at least 700 times as slow",
                optimized >= 700,
                f"{number(optimized)} times for {ITERATIONS} steps; the paper's 790 and 720",
            ),
        ]
    )


def _choose_sizes(lab: Lab) -> list[int]:
    """Return two sizes that fit the time, after one picture of AdaIN at the smallest."""
    methods = _methods(lab, _SIZES[-1])
    methods["AdaIN"]()
    unit = lab.stopwatch(methods["AdaIN"])
    for largest, smaller in pairwise(_SIZES):
        costs = [unit * (size / _SIZES[-1]) ** 2 * _ALL[size] for size in (smaller, largest)]
        if (1 + _REPEATS) * sum(costs) < lab.seconds:
            return [smaller, largest]
    return [_SIZES[-1]]


def _measure(lab: Lab, size: int) -> dict[str, float]:
    methods = _methods(lab, size)
    times: dict[str, list[float]] = {name: [] for name in methods}
    for repeat in range(1 + _REPEATS):
        for name, work in methods.items():
            seconds = lab.stopwatch(work)
            if repeat:  # the first one prepares kernels and memory
                times[name].append(seconds)
    medians = {name: median(values) for name, values in times.items()}
    medians["optimization"] *= ITERATIONS / (_TIMED_STEPS + 1)
    return medians


def _methods(lab: Lab, size: int) -> dict[str, Callable[[], object]]:
    """Return what draws one picture by each method, by its name in the table."""
    torch.manual_seed(lab.config.seed)
    photo, artwork = torch.rand(2, 1, 3, size, size, device=lab.device)
    paper, slim = lab.paper_model, lab.model
    styles = {model.name: model.encode_style(artwork) for model in (paper, slim)}
    networks = {
        count: TransferNetwork(NetworkArchitecture(styles=count)).to(lab.device).eval()
        for count in (1, _STYLES)
    }
    task = Task(photo, [artwork], torch.ones(1, 1, 1, 1, device=lab.device))
    objective = make_objective(lab.vgg, task, LossWeights())
    patches = lab.vgg.levels(artwork)[2]

    def draw(model: AdaINModel) -> Callable[[], object]:
        return lambda: model.stylize(photo, styles[model.name])

    def pass_through(count: int) -> Callable[[], object]:
        shares = torch.eye(count, device=lab.device)[:1]

        def work() -> object:
            with inference(lab.device):
                return networks[count](photo, shares)

        return work

    def swap() -> object:
        with inference(lab.device):
            swapped = swap_patches(lab.vgg.levels(photo)[2], patches)
            return _draw_from_relu3_1(paper.decoder, swapped)

    return {
        "AdaIN": draw(paper),
        slim.name: draw(slim),
        "one style": pass_through(1),
        f"{_STYLES} styles": pass_through(_STYLES),
        "style swap": swap,
        "optimization": lambda: minimize(objective, photo, DescentOptions(_TIMED_STEPS)),
    }


def _draw_from_relu3_1(decoder: Decoder, features: Tensor) -> Tensor:
    """Return a picture from relu3_1: the decoder without its first convolution and upsampling."""
    *inner, last = decoder.layer_names[1:]
    for name in inner:
        features = F.relu(decoder.get_submodule(f"conv{name}")(features))
        if name.endswith("_1"):
            features = F.interpolate(features, scale_factor=2.0, mode="nearest")
    picture: Tensor = decoder.get_submodule(f"conv{last}")(features)
    return picture
