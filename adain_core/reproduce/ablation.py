"""Figures 5 and 6: decoders with normalization, and content and style joined without AdaIN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..evaluation import ModelPainter, Pairs, judge_painter, summarize
from ..model import AdaINModel
from ..pixels import as_uint8
from ..sheets import join_rows
from ..training import TrainingConfig
from .lab import Lab
from .plots import plot_curves, smooth
from .text import number, table, verdict
from .trainings import History, affordable_steps, make_model_run, precision, train

TITLE = "Figures 5 and 6: decoders with normalization, or without AdaIN"

# The paper's names, and what tells their architectures from Enc-AdaIN-Dec.
VARIANTS: dict[str, dict[str, Any]] = {
    "Enc-AdaIN-Dec": {},
    "Enc-Concat-Dec": {"fusion": "concat"},
    "Enc-AdaIN-BNDec": {"normalization": "batch"},
    "Enc-AdaIN-INDec": {"normalization": "instance"},
}
_WIDTHS, _CROP, _BATCH, _STYLE_WEIGHT, _MOST_STEPS = (16, 32, 64, 128), 128, 4, 10.0, 160_000
_CONTENTS, _STYLES, _SIZE = 3, 3, 192

_ABOUT = """\
Four models of widths {widths}, encoder and decoder trained together, by the same command but
for the architecture: {steps} steps of {batch} pairs of crops of {crop} pixels, Adam at
{rate:g}, style weight {weight:g}, seed {seed}. (The paper trains decoders of four times these
widths for the frozen VGG, for 160,000 steps of 8 pairs of 256 pixels.) Enc-Concat-Dec joins the
content's features with the style's mean and standard deviation as constant maps, where the
paper joins them with the style's feature map: here a style is two vectors for all models. The
table judges pictures of {contents} photographs in {styles} artworks that no step has seen,
{size}²."""


def run(lab: Lab) -> str:
    """Measure what is not known yet; return the section of the report."""
    first = _config(lab, "Enc-AdaIN-Dec", 10)
    seconds = lab.seconds / len(VARIANTS)
    steps = affordable_steps(lab, "ablation", first, make_model_run, seconds, _MOST_STEPS)
    pairs = lab.pairs(_CONTENTS, _STYLES, _SIZE)
    histories: dict[str, History] = {}
    scores: dict[str, dict[str, float]] = {}
    pictures: dict[str, list[torch.Tensor]] = {}
    with lab.bar("ablation", steps * len(VARIANTS), "step") as bar:
        for name in VARIANTS:
            config = _config(lab, name, steps)
            histories[name] = train(lab, f"ablation/{name}", config, make_model_run, bar)
            scores[name], pictures[name] = _judge(lab, Path(config.output), pairs)
    _plot(lab, histories)
    _draw(lab, pairs, pictures)
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
    about = _ABOUT.format(
        widths="-".join(map(str, _WIDTHS)),
        steps=steps,
        batch=_BATCH,
        crop=_CROP,
        rate=first.learning_rate,
        weight=_STYLE_WEIGHT,
        seed=lab.config.seed,
        contents=_CONTENTS,
        styles=_STYLES,
        size=_SIZE,
    )
    return "\n\n".join(
        [
            about,
            "![Losses over the steps](ablation.png)",
            table(["model", "content loss", "style loss", "SSIM to the photo"], rows),
            f"![Columns: photo, artwork, {', '.join(VARIANTS)}](ablation.jpg)",
            _compare(scores),
        ]
    )


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


def _config(lab: Lab, name: str, steps: int) -> TrainingConfig:
    return TrainingConfig(
        content=lab.config.content,
        style=lab.config.style,
        encoder=lab.config.encoder,
        output=lab.folder / "runs" / name,
        widths=_WIDTHS,
        steps=steps,
        batch_size=_BATCH,
        learning_rate=1e-3,
        schedule="cosine",
        style_weight=_STYLE_WEIGHT,
        content_size=(_CROP, 2 * _CROP),
        style_size=(_CROP, 2 * _CROP),
        crop=_CROP,
        ema=0.99,
        clip_norm=1.0,
        precision=precision(lab),
        workers=1,
        seed=lab.config.seed,
        log_every=10,
        save_every=200,
        sample_every=10**9,
        **VARIANTS[name],
    )


def _judge(lab: Lab, folder: Path, pairs: Pairs) -> tuple[dict[str, float], list[torch.Tensor]]:
    """Return a trained model's mean scores, and its pictures of the pairs on the diagonal."""
    path = folder / f"{folder.name}.safetensors"
    model = AdaINModel.from_pretrained(path, lab.device, "fp32")
    scores, pictures = [], []
    for each in judge_painter(pairs, ModelPainter(pairs, model)):
        scores.append(each.scores)
        if each.content == each.style:
            pictures.append(as_uint8(each.picture.cpu()))
    return summarize(scores), pictures


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


def _draw(lab: Lab, pairs: Pairs, pictures: dict[str, list[torch.Tensor]]) -> None:
    rows = [
        [
            as_uint8(pairs.contents[number].cpu()),
            as_uint8(pairs.styles[number].cpu()),
            *(drawn[number] for drawn in pictures.values()),
        ]
        for number in range(min(_CONTENTS, _STYLES))
    ]
    lab.write_picture("ablation", join_rows(rows).float() / 255)
