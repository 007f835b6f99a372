"""Figure 1: instance against batch normalization in a network for one style."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from torch import Tensor

from ..choices import SINGLE_PASS
from ..images import list_images, load_image
from ..methods.network_config import NetworkConfig
from ..methods.network_trainer import NetworkTrainer, Prepare
from ..model import AdaINModel
from ..pixels import luma, resize_shortest_side
from ..style import Style
from ..training import Callback
from .lab import Lab
from .plots import Curve, plot_curves, smooth
from .text import number, table, verdict
from .trainings import (
    CROPS,
    History,
    affordable_extent,
    loader_processes,
    make_network_run,
    precision,
    train,
)

TITLE = "Figure 1: instance against batch normalization"

PHOTOS = ("original", "contrast normalized", "style normalized")
_KINDS = ("batch", "instance")
_STYLE_WEIGHT, _MOST_STEPS = 10.0, 40_000


@dataclass(frozen=True)
class Plan:
    """The extent of the experiment.

    Attributes:
        steps: steps of each training.
        crop: side of the crops, pixels.
        width: channels of a network's first layer.
        batch: photographs per step.
    """

    steps: int
    crop: int
    width: int = 16
    batch: int = 4


_ABOUT = """\
Six networks (the residual network of Johnson et al., with a first layer of {width} channels) for
the artwork {artwork}, each trained for {steps} steps of {batch} crops of {crop} pixels on the same
photographs in the same order: unchanged, with equalized luminance, and stylized with AdaIN
(`{model}`) in the style of another artwork, {other}. The style loss compares means and standard
deviations. The paper trains texture networks of Ulyanov et al. for some 10,000 steps."""


def run(lab: Lab) -> str:
    """Measure what is not stored yet; return the section of the report."""
    artwork, other = list_images([lab.config.validation_style])[:2]
    style = lab.model.encode_style(_read(other))
    prepare: dict[str, Prepare] = {
        "original": lambda photos: photos,
        "contrast normalized": equalize_luminance,
        "style normalized": _style_normalizer(lab.model, style),
    }
    plan = lab.plan("normalization", Plan, lambda: _choose_plan(lab))
    histories: dict[str, dict[str, History]] = {photos: {} for photos in PHOTOS}
    with lab.bar("normalization", plan.steps * len(PHOTOS) * len(_KINDS), "step") as bar:
        for photos in PHOTOS:
            for kind in _KINDS:
                config = _config(lab, photos, kind, plan)
                histories[photos][kind] = train(
                    lab, f"normalization/{photos} {kind}", config, _maker(prepare[photos]), bar
                )
    _plot(lab, histories)
    finals = {
        photos: {kind: _final(history) for kind, history in by_kind.items()}
        for photos, by_kind in histories.items()
    }
    lab.write_table(
        "normalization",
        ["photographs", "normalization", "step", "style loss"],
        [
            [photos, kind, entry["step"], entry["style"] / _STYLE_WEIGHT]
            for photos, by_kind in histories.items()
            for kind, history in by_kind.items()
            for entry in history
        ],
    )
    rows = [
        [photos, number(f["batch"]), number(f["instance"]), f"{f['batch'] / f['instance']:.2f}"]
        for photos, f in finals.items()
    ]
    about = _ABOUT.format(
        artwork=artwork.name, other=other.name, model=lab.config.model, **asdict(plan)
    )
    header = ["photographs", "style loss, batch", "instance", "batch / instance"]
    return "\n\n".join(
        [
            about,
            "![Style loss over the steps](normalization.png)",
            "Style loss, the mean of the last fifth of the steps:",
            table(header, rows),
            _compare(finals),
        ]
    )


def _choose_plan(lab: Lab) -> Plan:
    smallest = Plan(steps=10, crop=CROPS[-1])
    extent = affordable_extent(
        lab,
        "normalization",
        _config(lab, "original", "instance", smallest),
        make_network_run,
        lab.seconds / len(PHOTOS) / len(_KINDS),
        _MOST_STEPS,
    )
    return replace(smallest, steps=extent.steps, crop=extent.crop)


def equalize_luminance(photos: Tensor) -> Tensor:
    """Return photos ``(B, 3, H, W)`` whose luminance has an even histogram, clamped to 0..1."""
    before = luma(photos)
    ranks = before.flatten(2).argsort(dim=2).argsort(dim=2)
    after = (ranks / max(1, ranks.shape[2] - 1)).view_as(before).to(photos)
    return (photos + after - before).clamp(0, 1)


def _compare(finals: dict[str, dict[str, float]]) -> str:
    gains = {photos: f["batch"] / f["instance"] for photos, f in finals.items()}
    original, contrast, style = (gains[photos] for photos in PHOTOS)
    return "\n".join(
        [
            verdict(
                "instance normalization has the lower style loss on original photographs",
                original > 1,
                f"batch normalization's is {original:.2f} times as high",
            ),
            verdict(
                "also on contrast-normalized ones: it normalizes more than contrast",
                contrast > 1,
                f"{contrast:.2f} times",
            ),
            verdict(
                "on style-normalized photographs, the gap is small: it normalizes style",
                style < original and abs(style - 1) < abs(original - 1),
                f"{style:.2f} times, {original:.2f} times on original ones",
            ),
        ]
    )


def _final(history: History) -> float:
    """Return the mean style loss of the last fifth."""
    last = history[-max(1, len(history) // 5) :]
    return sum(entry["style"] for entry in last) / len(last) / _STYLE_WEIGHT


def _maker(prepare: Prepare) -> Callable[[NetworkConfig, Callback, bool], NetworkTrainer]:
    return lambda config, callback, resume: make_network_run(config, callback, resume, prepare)


def _style_normalizer(model: AdaINModel, style: Style) -> Prepare:
    return lambda photos: model.stylize(photos, style, stroke_size=SINGLE_PASS).to(photos)


def _config(lab: Lab, photos: str, kind: str, plan: Plan) -> NetworkConfig:
    return NetworkConfig(
        content=lab.config.content,
        style=list_images([lab.config.validation_style])[0],
        encoder=lab.config.encoder,
        output=lab.folder / "runs" / f"{photos} {kind}".replace(" ", "-"),
        width=plan.width,
        normalization=kind,  # type: ignore[arg-type]
        steps=plan.steps,
        batch_size=plan.batch,
        style_weight=_STYLE_WEIGHT,
        content_size=(plan.crop, 2 * plan.crop),
        style_size=256,
        crop=plan.crop,
        precision=precision(lab),
        workers=loader_processes(plan.steps),
        seed=lab.config.seed,
        log_every=5,
        save_every=100,
        sample_every=10**9,
    )


def _plot(lab: Lab, histories: dict[str, dict[str, History]]) -> None:
    def curve(history: History) -> Curve:
        values = [entry["style"] / _STYLE_WEIGHT for entry in history]
        return [entry["step"] for entry in history], smooth(values, max(1, len(values) // 20))

    plot_curves(
        lab.folder / "normalization.png",
        {
            f"style loss, {photos} photographs": {
                f"{k} normalization": curve(h) for k, h in by_kind.items()
            }
            for photos, by_kind in histories.items()
        },
        share_scale=True,
    )


def _read(path: object) -> Tensor:
    return resize_shortest_side(load_image(path), 256)  # type: ignore[arg-type]
