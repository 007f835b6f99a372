"""Figure 3: content and style loss of an optimization, with the other methods as lines."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from ..evaluation import (
    Candidate,
    ModelCandidate,
    Pairs,
    PhotoBaseline,
    evaluate_candidate,
    summarize,
)
from ..images import list_images
from ..methods.descent import Step
from ..methods.feedforward import FeedForward
from ..methods.network_config import NetworkConfig
from ..methods.network_file import load_network
from ..methods.optimize import Optimization, OptimizeOptions
from ..options import StylizeOptions
from .lab import Lab
from .plots import plot_curves
from .text import count, number, table, verdict
from .trainings import (
    CROPS,
    affordable_extent,
    loader_processes,
    make_network_run,
    precision,
    train,
)

TITLE = "Figure 3: losses over the steps of an optimization"

# Plans by size, photographs, artworks and steps; the first that needs at most half the time is
# chosen.
_OPTIMIZATIONS = (
    *((512, 50, 10, 500), (512, 10, 10, 300), (256, 10, 10, 300), (256, 5, 5, 200)),
    *((256, 3, 3, 150), (192, 3, 3, 150), (128, 3, 3, 120), (128, 2, 2, 120), (96, 2, 2, 100)),
    *((64, 2, 2, 60), (64, 1, 1, 30)),
)


@dataclass(frozen=True)
class Plan:
    """The extent of the experiment.

    Attributes:
        size: size of photographs and artworks, pixels.
        contents: number of photographs.
        styles: number of artworks.
        steps: steps of each optimization.
        network_steps: training steps for each artwork; 0: no networks are trained.
        crop: side of the training crops, pixels.
        width: channels of a network's first layer.
        batch: photographs per step.
    """

    size: int
    contents: int
    styles: int
    steps: int
    network_steps: int = 0
    crop: int = CROPS[-1]
    width: int = 16
    batch: int = 4


# Mean scores by name.
Summary = dict[str, float]
_FEWEST_NETWORK_STEPS, _MOST_NETWORK_STEPS = 50, 40_000

_ABOUT = """\
Means over the pairs of {photographs} and {artworks} at {size}² pixels, measured with the frozen
VGG. The optimization starts from the photo and minimizes, with L-BFGS, the content loss plus ten
times the style loss of means and standard deviations (the paper's fair variant). A step is one
evaluation of the losses; in line searches, the best image so far counts. {network} The paper:
50 photographs and 10 artworks at 512²."""

_NETWORKS = (
    "Each one-style network (instance normalization, first layer of {width} channels) was trained "
    "for its artwork in {network_steps} steps of {batch} crops of {crop} pixels; Johnson et al. "
    "use 40,000."
)
_NO_NETWORKS = "There was no time to train networks for one style."


def run(lab: Lab) -> str:
    """Measure what is not stored yet; return the section of the report."""
    plan = lab.plan("losses", Plan, lambda: _choose_plan(lab))
    pairs = lab.pairs(plan.contents, plan.styles, plan.size)
    curves = _optimize(lab, pairs, plan.steps)
    lines: dict[str, Summary] = {
        name: lab.recall(f"losses/{name}", measure)
        for name, measure in {
            "AdaIN, the paper's decoder": lambda: _evaluate(
                pairs, ModelCandidate(pairs, lab.paper_model)
            ),
            f"AdaIN, {lab.config.model}": lambda: _evaluate(
                pairs, ModelCandidate(pairs, lab.model)
            ),
            "photo, untouched": lambda: _evaluate(pairs, PhotoBaseline(pairs)),
        }.items()
        if lab.has_paper_decoder or "paper" not in name
    }
    if plan.network_steps:
        lines["network for each style"] = _train_networks(lab, pairs, plan)
    names = ("content", "style")
    xs = list(range(plan.steps + 1))
    plot_curves(
        lab.folder / "losses.png",
        {f"{name} loss": {"optimization": (xs, curves[name])} for name in names},
        {f"{name} loss": {k: v for k, s in lines.items() if (v := s[name]) > 0} for name in names},
    )
    lab.write_table(
        "losses", ["step", *names], zip(xs, *(curves[name] for name in names), strict=True)
    )
    rows = [
        [k, number(s["content"]), number(s["style"]), f"{s['ssim']:.3f}"] for k, s in lines.items()
    ]
    at = [number(curves[name][-1]) for name in names]
    rows.append([f"optimization, {plan.steps} steps", *at, "–"])
    values = asdict(plan)
    networks = _NETWORKS.format(**values) if plan.network_steps else _NO_NETWORKS
    return "\n\n".join(
        [
            _ABOUT.format(
                photographs=count(plan.contents, "photograph"),
                artworks=count(plan.styles, "artwork"),
                network=networks,
                **values,
            ),
            "![Content loss and style loss over the steps of an optimization](losses.png)",
            table(["method", "content loss", "style loss", "SSIM to the photo"], rows),
            _compare(curves["style"], lines),
        ]
    )


def _compare(style: list[float], lines: dict[str, Summary]) -> str:
    claims = []
    for name, scores in lines.items():
        if name.startswith("photo"):
            continue
        step = next((n for n, value in enumerate(style) if value <= scores["style"]), None)
        reached = f"step {step}" if step is not None else f"none of {len(style) - 1} steps"
        claims.append(
            verdict(
                f"{name} reaches the style loss that optimization has between 50 and 100 steps",
                step is not None and 50 <= step <= 100,
                f"optimization has it at {reached}",
            )
        )
        untouched = lines["photo, untouched"]["style"]
        claims.append(
            verdict(
                f"the style loss of {name} is far below the photo's own",
                scores["style"] < 0.5 * untouched,
                f"{number(scores['style'])} against {number(untouched)}",
            )
        )
    return "\n".join(claims)


def _choose_plan(lab: Lab) -> Plan:
    plan = _choose_optimizations(lab)
    width, batch = (32, 4) if plan.size >= 256 else (16, 4)
    plan = replace(plan, width=width, batch=batch, network_steps=10)
    extent = affordable_extent(
        lab,
        "losses",
        _network_config(lab, plan, 0),
        make_network_run,
        lab.seconds / 2 / plan.styles,
        _MOST_NETWORK_STEPS,
    )
    steps = extent.steps if extent.steps >= _FEWEST_NETWORK_STEPS else 0
    return replace(plan, crop=extent.crop, network_steps=steps)


def _choose_optimizations(lab: Lab) -> Plan:
    size = _OPTIMIZATIONS[-1][0]
    pair = lab.pairs(1, 1, size)
    optimization = Optimization(
        lab.vgg, StylizeOptions(pair.styles[0], style_size=0), OptimizeOptions(steps=2)
    )
    optimization(pair.contents[0])
    unit = lab.stopwatch(lambda: optimization(pair.contents[0])) / 3
    have = [
        len(list_images([folder]))
        for folder in (lab.config.validation_content, lab.config.validation_style)
    ]
    for plan in _OPTIMIZATIONS:
        side, contents, styles, steps = plan
        fits = contents * styles * steps * unit * (side / size) ** 2 < lab.seconds / 2
        if fits and contents <= have[0] and styles <= have[1]:
            return Plan(*plan)
    return Plan(*_OPTIMIZATIONS[-1])


def _optimize(lab: Lab, pairs: Pairs, steps: int) -> dict[str, list[float]]:
    """Return content and style loss at each step, means over the pairs."""
    records = []
    with lab.bar("losses: optimization", len(pairs) * steps, "step") as bar:
        for content, style in pairs:
            key = f"losses/{pairs.content_names[content]} {pairs.style_names[style]}"

            def measure(content: int = content, style: int = style) -> list[tuple[float, float]]:
                options = StylizeOptions(pairs.styles[style], style_size=0)
                optimization = Optimization(lab.vgg, options, OptimizeOptions(steps=steps))
                best: list[Step] = []

                def watch(step: Step) -> None:
                    best.append(step if not best or step.total < best[-1].total else best[-1])
                    bar.update(step.step > 0)

                optimization(pairs.contents[content], watch=watch)
                best += [best[-1]] * (steps + 1 - len(best))
                return [(step.content, step.style) for step in best]

            before = bar.n
            records.append(lab.recall(key, measure))
            bar.update(before + steps - bar.n)
    mean = torch.tensor(records, dtype=torch.float64).mean(dim=0)
    return {"content": mean[:, 0].tolist(), "style": mean[:, 1].tolist()}


def _train_networks(lab: Lab, pairs: Pairs, plan: Plan) -> Summary:
    """Train a network for each artwork; return their mean scores."""
    scores = []
    with lab.bar("losses: networks", plan.network_steps * plan.styles, "step") as bar:
        for number in range(plan.styles):
            config = _network_config(lab, plan, number)
            train(lab, f"losses/network {number}", config, make_network_run, bar)
            info, network = load_network(Path(config.output) / f"one-style-{number}.safetensors")
            method = FeedForward(network.to(lab.device), info.styles, StylizeOptions("0"))
            scores += [
                pairs.score(content, number, method(image))
                for content, image in enumerate(pairs.contents)
            ]
    return summarize(scores)


def _network_config(lab: Lab, plan: Plan, artwork: int) -> NetworkConfig:
    return NetworkConfig(
        content=lab.config.content,
        style=list_images([lab.config.validation_style])[artwork],
        encoder=lab.config.encoder,
        output=lab.folder / "runs" / f"one-style-{artwork}",
        width=plan.width,
        steps=plan.network_steps,
        batch_size=plan.batch,
        content_size=(plan.crop, 2 * plan.crop),
        style_size=plan.size,
        crop=plan.crop,
        precision=precision(lab),
        workers=loader_processes(plan.network_steps),
        seed=lab.config.seed,
        log_every=10,
        save_every=100,
        sample_every=10**9,
    )


def _evaluate(pairs: Pairs, candidate: Candidate) -> Summary:
    return summarize([each.scores for each in evaluate_candidate(pairs, candidate)])
