"""A reproduction from its first measurement to its report."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from types import ModuleType

from ..utils.files import replace_atomically
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
_IMAGES = """\
Photographs in `{validation_content}` are stylized with artworks in `{validation_style}`, and
evaluated with the frozen, normalized VGG-19."""
_TRAININGS = """\
Networks are trained on the folders `{content}` and `{style}`, for much less time than in the
paper: each section gives sizes and steps."""


def reproduce(config: ReproduceConfig) -> Path:
    """Run the experiments, and write a report of these and of earlier ones.

    Args:
        config: the configuration. An interrupted reproduction in its folder is resumed.

    Returns:
        The report, Markdown, with plots (PNG), images (JPEG) and tables (CSV) in the same folder.

    Raises:
        AdaINError: the folder has a different reproduction, or training lacks a package.
        WeightsError: the loss network or the model cannot be read.
        ImageFileError: a folder has too few images.
        KeyboardInterrupt: interrupted; results so far are kept.
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
    """Return the introduction of all sections."""
    sentences = [_HEAD]
    if set(sections) != {"speed"}:  # which stylizes noise
        sentences.append(_IMAGES)
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
