"""Figures 5 and 6: decoders with normalization, and content and style joined without AdaIN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..evaluation import ModelCandidate, Pairs, evaluate_candidate, summarize
from ..images.sheets import join_rows
from ..model import AdaINModel
from ..networks.architecture import VGG19_WIDTHS
from ..pixels import as_uint8
from ..training import Callback, Trainer, TrainingConfig
from .lab import Lab
from .plots import plot_curves, smooth
from .text import number, table, verdict
from .trainings import (
    CROPS,
    History,
    Maker,
    affordable_extent,
    loader_processes,
    make_model_run,
    precision,
    train,
)

TITLE = "Figures 5 and 6: decoders with normalization, or without AdaIN"

# The paper's names, and the differences of their architectures from Enc-AdaIN-Dec.
VARIANTS: dict[str, dict[str, Any]] = {
    "Enc-AdaIN-Dec": {},
    "Enc-Concat-Dec": {"fusion": "concat"},
    "Enc-AdaIN-BNDec": {"normalization": "batch"},
    "Enc-AdaIN-INDec": {"normalization": "instance"},
}
_STYLE_WEIGHT, _LEARNING_RATE, _MOST_STEPS = 2.0, 1e-3, 160_000
# Factor of the last layer's random weights: images start gray, instead of far outside 0..1, where a
# decoder first learns a grid.
_START_GAIN = 0.03


@dataclass(frozen=True)
class Plan:
    """The extent of the experiment.

    Attributes:
        steps: steps of each training.
        crop: side of the crops, pixels.
        widths: channels of the four blocks: the VGG's, or those of the model to compare.
        batch: pairs per step.
        pool: pairs that the VGG encodes at once.
        reuse: passes over a pool.
        pairs: number of photographs, and of artworks, of the evaluation.
        size: size of these, pixels.
    """

    steps: int
    crop: int
    widths: Sequence[int] = VGG19_WIDTHS
    batch: int = 4
    pool: int = 64
    reuse: int = 4
    pairs: int = 3
    size: int = 192


_ABOUT = """\
Four decoders for the same frozen encoder, {encoder} (widths {widths}), trained from random weights
with the same settings: {steps:,} steps of {batch} pairs of crops of {crop} pixels, from images of
{crop} to {largest} pixels (pools of {pool} photographs and artworks in {reuse} random orders); the
paper's two losses with style weight {weight:g}; SOAP with a learning rate of {rate:g} and cosine
decay; the last layer starts with {gain:g} times its usual weights, at mid-gray; seed {seed}. (The
paper: the VGG, widths 64-128-256-512, 160,000 steps of 8 pairs of 256 pixels, Adam.) Enc-Concat-Dec
concatenates the content's features with the style's mean and standard deviation as constant maps,
where the paper uses the style's feature map: here a style is two vectors for all models. The table
evaluates {pairs} photographs with {pairs} held-out artworks, at {size}² pixels."""
_VGG = "the normalized VGG-19 up to relu4_1"


def run(lab: Lab) -> str:
    """Measure what is not stored yet; return the section of the report."""
    plan = lab.plan("ablation", Plan, lambda: choose_plan(lab))
    pairs = lab.pairs(plan.pairs, plan.pairs, plan.size)
    make = make_decoder_runs(lab, plan)
    histories: dict[str, History] = {}
    scores: dict[str, dict[str, float]] = {}
    images: dict[str, list[torch.Tensor]] = {}
    with lab.bar("ablation", plan.steps * len(VARIANTS), "step") as bar:
        for name in VARIANTS:
            config = _config(lab, name, plan)
            histories[name] = train(lab, f"ablation/{name}", config, make, bar)
            scores[name], images[name] = _evaluate(lab, Path(config.output), pairs)
    _plot(lab, histories)
    _write_grid(lab, pairs, images)
    lab.write_table(
        "ablation",
        ["model", "step", "content", "style"],
        [
            [name, entry["step"], entry["content"], entry["style"] / _STYLE_WEIGHT]
            for name, history in histories.items()
            for entry in history
        ],
    )
    rows = [
        [name, number(s["target"]), number(s["style"]), f"{s['ssim']:.3f}"]
        for name, s in scores.items()
    ]
    values = asdict(plan) | {"widths": "-".join(map(str, plan.widths))}
    about = _ABOUT.format(
        encoder=_VGG if _is_full(plan) else f"that of `{lab.model.name}`",
        largest=_largest(plan),
        weight=_STYLE_WEIGHT,
        rate=_LEARNING_RATE,
        gain=_START_GAIN,
        seed=lab.config.seed,
        **values,
    )
    return "\n\n".join(
        [
            about,
            "![Content loss and style loss over the steps](ablation.png)",
            table(["model", "content loss", "style loss", "SSIM to the photo"], rows),
            f"![Columns: photo, artwork, {', '.join(VARIANTS)}](ablation.jpg)",
            f"Columns: photo, artwork, {', '.join(VARIANTS)}.",
            _compare(scores),
        ]
    )


def choose_plan(lab: Lab) -> Plan:
    """Return a plan with the paper's widths if the time allows larger crops, else slim widths."""
    smallest = Plan(steps=10, crop=CROPS[-1])
    full = _fit(lab, "ablation", smallest)
    if full.crop > smallest.crop:
        return full
    widths = lab.model.info.architecture.widths
    return _fit(lab, "ablation, slim", replace(smallest, widths=widths))


def _fit(lab: Lab, name: str, plan: Plan) -> Plan:
    """Return the plan with the steps and crops that fit the time."""
    extent = affordable_extent(
        lab,
        name,
        _config(lab, "Enc-AdaIN-Dec", plan),
        make_decoder_runs(lab, plan),
        lab.seconds / len(VARIANTS),
        _MOST_STEPS,
    )
    return replace(plan, steps=extent.steps, crop=extent.crop)


def _is_full(plan: Plan) -> bool:
    return tuple(plan.widths) == VGG19_WIDTHS


def _largest(plan: Plan) -> int:
    """Return the largest shortest side to which images are resized before the crop."""
    return max(plan.crop, min(4 * plan.crop, 512))


def make_decoder_runs(lab: Lab, plan: Plan) -> Maker[TrainingConfig]:
    """Return a maker of runs that train decoders for one frozen encoder, starting at gray."""
    encoder = lab.vgg if _is_full(plan) else lab.model.encoder

    def make(config: TrainingConfig, callback: Callback, resume: bool) -> Trainer:
        trainer = make_model_run(config, callback, resume)
        for student in (trainer.learner.student, trainer.learner.average):
            student.encoder.load_state_dict(encoder.state_dict())
            student.encoder.requires_grad_(False)
            if not resume:
                weight, bias = list(student.decoder.parameters())[-2:]
                with torch.no_grad():
                    weight.mul_(_START_GAIN)
                    bias.fill_(0.5)
        return trainer

    return make


def _compare(scores: dict[str, dict[str, float]]) -> str:
    own = scores["Enc-AdaIN-Dec"]
    concat, batch, instance = (scores[name] for name in list(VARIANTS)[1:])
    claims = [
        verdict(
            "Enc-Concat-Dec cannot lower the content loss as far, whatever its style loss",
            concat["target"] > own["target"],
            f"{number(concat['target'])} against {number(own['target'])}",
        )
    ]
    for name, other in (("batch", batch), ("instance", instance)):
        claims.append(
            verdict(
                f"{name} normalization in the decoder leaves both losses higher",
                other["target"] > own["target"] and other["style"] > own["style"],
                f"content {number(other['target'])} against {number(own['target'])}, style "
                f"{number(other['style'])} against {number(own['style'])}",
            )
        )
    claims.append(
        verdict(
            "instance normalization is the worse of the two in style",
            instance["style"] > batch["style"],
            f"{number(instance['style'])} against {number(batch['style'])}",
        )
    )
    return "\n".join(claims)


def _config(lab: Lab, name: str, plan: Plan) -> TrainingConfig:
    return TrainingConfig(
        content=lab.config.content,
        style=lab.config.style,
        encoder=lab.config.encoder,
        output=lab.folder / "runs" / name,
        widths=tuple(plan.widths),
        steps=plan.steps,
        batch_size=plan.batch,
        optimizer="soap",
        learning_rate=_LEARNING_RATE,
        schedule="cosine",
        warmup_steps=min(20, plan.steps - 1),
        style_weight=_STYLE_WEIGHT,
        content_size=(plan.crop, _largest(plan)),
        style_size=(plan.crop, _largest(plan)),
        crop=plan.crop,
        pool=plan.pool,
        reuse=plan.reuse,
        ema=0.99,
        clip_norm=1.0,
        precision=precision(lab),
        workers=loader_processes(plan.steps),
        seed=lab.config.seed,
        log_every=10,
        save_every=100,
        sample_every=10**9,
        **VARIANTS[name],
    )


def _evaluate(lab: Lab, folder: Path, pairs: Pairs) -> tuple[dict[str, float], list[torch.Tensor]]:
    """Return a trained model's mean scores, and its images of the pairs on the diagonal."""
    path = folder / f"{folder.name}.safetensors"
    model = AdaINModel.from_pretrained(path, lab.device, "fp32")
    scores, images = [], []
    for each in evaluate_candidate(pairs, ModelCandidate(pairs, model)):
        scores.append(each.scores)
        if each.content == each.style:
            images.append(as_uint8(each.image.cpu()))
    return summarize(scores), images


def _plot(lab: Lab, histories: dict[str, History]) -> None:
    def curve(history: History, name: str, weight: float) -> tuple[list[float], list[float]]:
        steps = [entry["step"] for entry in history]
        window = max(1, len(steps) // 20)
        return steps, smooth([entry[name] / weight for entry in history], window)

    plot_curves(
        lab.folder / "ablation.png",
        {
            f"{name} loss": {key: curve(h, name, weight) for key, h in histories.items()}
            for name, weight in (("content", 1.0), ("style", _STYLE_WEIGHT))
        },
    )


def _write_grid(lab: Lab, pairs: Pairs, images: dict[str, list[torch.Tensor]]) -> None:
    rows = [
        [
            as_uint8(pairs.contents[number].cpu()),
            as_uint8(pairs.styles[number].cpu()),
            *(column[number] for column in images.values()),
        ]
        for number in range(len(pairs.contents))
    ]
    lab.write_image("ablation", join_rows(rows).float() / 255)
