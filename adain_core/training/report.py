"""Results of a run: the model, sample grids, loss curves, and the model card."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import __version__
from ..functional import channel_statistics, fuse
from ..images import save_image
from ..images.sheets import join_rows
from ..utils.files import replace_atomically
from ..weights import ModelInfo, save_model
from .command import command_line, without_folders
from .config import TrainingConfig
from .student import Student


@torch.no_grad()
def sample_grid(student: Student, contents: Tensor, styles: Tensor) -> Tensor:
    """Stylize every content in every style: styles along the top, contents down the left.

    Args:
        student: the networks.
        contents: ``(N, 3, S, S)``.
        styles: ``(M, 3, S, S)``.

    Returns:
        The grid, ``(1, 3, H, W)`` in 0..1.
    """
    encoder, decoder, fusion = student.encoder, student.decoder, student.config.fusion
    statistics = [channel_statistics(encoder(style)) for style in torch.split(styles, 1)]
    rows = [[torch.ones_like(styles[:1]), *torch.split(styles, 1)]]
    for content in torch.split(contents, 1):
        features = encoder(content)
        rows.append([content, *(decoder(fuse(features, *each, fusion)) for each in statistics)])
    return join_rows(rows).clamp(0, 1).float()


def write_grid(path: Path, grid: Tensor) -> None:
    """Write a grid as an image, replacing an older one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image(path, grid, overwrite=True, quality=88)


def write_curves(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Plot every loss over the steps, on a logarithmic scale."""
    from matplotlib.figure import Figure  # pyplot would change the caller's backend

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    names = dict.fromkeys(name for entry in history for name in entry if name != "step")
    for name in names:
        points = [(entry["step"], entry[name]) for entry in history if name in entry]
        marker = "." if len(points) == 1 else None  # a single point has no line
        axes.plot(*zip(*points, strict=True), label=name, linewidth=1, marker=marker)
    axes.set(xlabel="step", ylabel="weighted loss (mean since the last entry)", yscale="log")
    axes.grid(alpha=0.3)
    if names:
        axes.legend()
    with replace_atomically(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def write_results(
    model_file: Path,
    student: Student,
    facts: Mapping[str, Any],
    grid: Tensor,
    history: Sequence[Mapping[str, float]],
    broken: Collection[str],
) -> None:
    """Write the model of a run, with its sample grid, loss curves and card.

    Args:
        model_file: the ``.safetensors`` file; its stem is the name of the model.
        student: the networks.
        facts: as for :func:`training_summary`.
        grid: sample grid, ``(1, 3, H, W)`` in 0..1.
        history: entries of the log.
        broken: files that could not be read.
    """
    config, name = student.config, model_file.stem
    summary = training_summary(config, facts)
    info = ModelInfo(config.architecture, source="trained with 'adain train'", training=summary)
    # The running variance of batch normalization may exceed float16.
    dtype = torch.float32 if config.normalization == "batch" else torch.float16
    save_model(model_file, info, student.encoder, student.decoder, dtype)
    write_grid(model_file.with_name(f"{name}-grid.jpg"), grid)
    write_curves(model_file.with_name(f"{name}-curves.png"), history)
    networks = (student.encoder, student.decoder)
    card = model_card(
        name,
        summary,
        parameters=sum(p.numel() for network in networks for p in network.parameters()),
        broken=sorted(Path(path).name for path in broken),
    )
    with replace_atomically(model_file.with_name(f"{name}.md")) as temporary:
        temporary.write_text(card, encoding="utf-8")


def training_summary(config: TrainingConfig, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the training metadata of the model file, with names instead of paths.

    Args:
        config: configuration of the run.
        facts: further values for :func:`model_card`: ``images``, the numbers of both kinds,
            ``minutes``, ``device``, ``processes``, the losses ``before`` and ``after``, the
            ``validation_size`` in pixels, and the ``changes`` of the settings in the run.
    """
    settings = without_folders(config.to_dict())
    return {
        "command": command_line(settings),
        "settings": settings,
        "adain_core": __version__,
        "torch": torch.__version__,
        **facts,
    }


def model_card(
    name: str, summary: Mapping[str, Any], parameters: int, broken: Sequence[str]
) -> str:
    """Return the model card, Markdown, to be completed by hand.

    Args:
        name: name of the model.
        summary: from :func:`training_summary`.
        parameters: number of parameters.
        broken: names of the files that could not be read.
    """
    settings, images = summary["settings"], summary["images"]
    before, after = summary["before"], summary["after"]
    # Validation images can be added when a run is resumed.
    first = {name: f"{before[name]:.3f}" if name in before else "–" for name in after}
    losses = "\n".join(f"| {k} | {first[k]} | {value:.3f} |" for k, value in after.items())
    aside = ""
    if settings["validation_content"]:
        size = summary["validation_size"]
        aside = f"; validation: on pairs of held-out images, {size} pixels"
    options = "\n".join(f"| {key} | `{value}` |" for key, value in settings.items())
    changes = ""
    if summary["changes"]:
        lines = (
            f"- after step {each['step']}: {each['setting']} `{each['after']}`, before that "
            f"`{each['before']}`"
            for each in summary["changes"]
        )
        changes = "\n".join(["The run was resumed with other settings:\n", *lines, "\n"])
    return f"""# {name}

An AdaIN model (Huang & Belongie, ICCV 2017) with widths {"-".join(map(str, settings["widths"]))}:
{parameters:,} parameters, encoder and decoder together.

![Every content (left) in every style (top)]({name}-grid.jpg)

## Training

{images["content"]} photographs and {images["style"]} artworks ({len(broken)} files
could not be read{": " * bool(broken)}{", ".join(broken)}),
{settings["steps"]} steps of {settings["batch_size"] * summary["processes"]} pairs,
{summary["minutes"]} minutes on {platform.machine()} ({summary["device"].upper()}).

```sh
{summary["command"]}
```

{changes}(adain_core {summary["adain_core"]}, torch {summary["torch"]}.) Losses on 8 pairs of crops
of the training images, which no step has seen, measured by the frozen VGG (means over channels and
pixels, unweighted{aside}):

| loss | at the first step | at the end |
| --- | --- | --- |
{losses}

![Losses over the steps]({name}-curves.png)

| setting | value |
| --- | --- |
{options}
"""
