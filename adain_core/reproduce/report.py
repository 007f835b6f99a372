"""A reproduction from its first measurement to its report."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from types import ModuleType

from ..files import replace_atomically
from . import ablation, controls, losses, normalization, speed
from .config import ReproduceConfig
from .lab import Lab
from .text import count

_MODULES: dict[str, ModuleType] = {
    "speed": speed,
    "losses": losses,
    "ablation": ablation,
    "normalization": normalization,
    "controls": controls,
}

_HEAD = """\
# The paper, measured again

Huang & Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization",
ICCV 2017 (arXiv 1703.06868). Written by `adain reproduce`, with a budget of {budget:g} minutes
for {count}, seed {seed}. Machine: {machine}."""
_PICTURES = """\
Pictures are drawn of the photographs in `{validation_content}`, in the artworks in
`{validation_style}`, and evaluated by the frozen, normalized VGG-19."""
_TRAININGS = """\
Networks are trained on the folders `{content}` and `{style}`. What was budgeted is far less than
the paper's training: each section says the sizes and steps."""


def reproduce(config: ReproduceConfig) -> Path:
    """Run the experiments, and write a report of these and of those that were run before.

    Args:
        config: what is reproduced. A folder that holds the beginnings of the same reproduction is
            gone on with.

    Returns:
        The report, Markdown. Its plots (PNG), pictures (JPEG) and tables (CSV) lie beside it.

    Raises:
        AdaINError: the folder holds another reproduction, or training lacks a package.
        WeightsError: the loss network or the model cannot be read.
        ImageFileError: a folder has too few images.
        KeyboardInterrupt: stopped; what was measured is kept.
    """
    lab = Lab(config)
    for name in config.what:
        section = f"## {_MODULES[name].TITLE}\n\n{_MODULES[name].run(lab)}\n"
        _write(lab.folder / f"{name}.md", section)
        report = _write_report(lab)
    return report


def _write_report(lab: Lab) -> Path:
    files = {name: lab.folder / f"{name}.md" for name in _MODULES}
    sections = {
        name: file.read_text(encoding="utf-8") for name, file in files.items() if file.exists()
    }
    path = lab.folder / "report.md"
    _write(path, "\n\n".join([_head(lab, sections), *sections.values()]))
    return path


def _head(lab: Lab, sections: Collection[str]) -> str:
    """Return what holds of all sections, each by its experiment's name."""
    sentences = [_HEAD]
    if set(sections) != {"speed"}:  # which draws noise
        sentences.append(_PICTURES)
    if lab.has_trained:
        sentences.append(_TRAININGS)
    settings = lab.config.to_dict()
    folders = ("content", "style", "validation_content", "validation_style")
    return "\n".join(sentences).format(
        budget=lab.config.budget,
        count=count(len(lab.config.what), "experiment"),
        seed=lab.config.seed,
        machine=lab.machine,
        **{name: Path(settings[name]).name for name in folders},
    )


def _write(path: Path, text: str) -> None:
    with replace_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
