"""What a run leaves: model, card, grid, curves; what it says of itself."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import pytest
import torch
from matplotlib.figure import Figure
from runs import After

from adain_core import AdaINModel, __version__
from adain_core.cli import main
from adain_core.evaluation import ModelCandidate, Pairs, evaluate_candidate, summarize
from adain_core.images import list_images, load_image
from adain_core.training import Trainer, TrainingConfig
from adain_core.training.report import model_card, training_summary, write_curves
from adain_core.weights import load_info, load_model


def test_the_card_has_the_command_of_the_run(
    config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(config, content="my photos", augment=False, random_alpha=True)
    facts = {"images": {"content": 600, "style": 700}, "minutes": 3, "device": "mps"}
    losses = {"before": {"style": 2.0}, "after": {"style": 1.0}}
    facts |= {"processes": 4, "validation_size": 256, "changes": []}
    summary = training_summary(config, {**facts, **losses})
    card = model_card("mine", summary, parameters=1, broken=[])
    assert "12 steps of 8 pairs,\n3 minutes on" in card and "(MPS)" in card
    assert "8 pairs of crops\nof the training images" in card
    assert f"adain_core {__version__}, torch {torch.__version__}" in card
    [command] = [line for line in card.splitlines() if line.startswith("adain train ")]
    assert command == summary["command"]
    assert "--lr 0.002 " in command and "--schedule" not in command
    given: list[TrainingConfig] = []

    def taken(config: TrainingConfig, resume: bool) -> SimpleNamespace:
        given.append(config)
        return SimpleNamespace(run=lambda: False, step=0)

    monkeypatch.setattr("adain_core.training.trainer.Trainer", taken)
    assert main(shlex.split(command)[1:]) == 130
    named = dataclasses.replace(config, style="style", encoder="vgg.safetensors", output="run")
    assert given == [named]


def test_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib.use("pdf")
    history = [{"step": step, "total": 1.0 + step} for step in range(2)]
    write_curves(tmp_path / "curves.png", history)
    assert matplotlib.get_backend().lower() == "pdf"  # the caller's
    assert load_image(tmp_path / "curves.png").shape[2:] == (495, 990)
    figures: list[Figure] = []

    def keep(figure: Figure, path: Path, **_: object) -> None:
        figures.append(figure)
        path.touch()

    monkeypatch.setattr(Figure, "savefig", keep)
    for length in (1, 2):
        write_curves(tmp_path / "curves.png", history[:length])
    markers = [figure.axes[0].lines[0].get_marker() for figure in figures]
    assert markers == [".", "None"]  # no line is seen of a single point


def test_a_run_writes_its_files(config: TrainingConfig) -> None:
    trainer = Trainer(dataclasses.replace(config, sample_every=6), progress=False)
    trainer.run()
    folder = trainer.folder
    assert {p.name for p in folder.iterdir()} == {
        "checkpoint.pt",
        "run.safetensors",
        "run.md",
        "run-grid.jpg",
        "run-curves.png",
        "samples",
        "tensorboard",
    }
    assert {p.name for p in (folder / "samples").iterdir()} == {"0000006.jpg", "0000012.jpg"}
    training = load_info(folder / "run.safetensors").training
    assert training["settings"]["steps"] == 12
    assert training["images"] == {"content": 6, "style": 6}
    assert set(training["after"]) == {"content", "style"}
    # Nobody's folders end up in a published file.
    assert str(folder.parent) not in json.dumps(training)
    card = (folder / "run.md").read_text(encoding="utf-8")
    assert "6 photographs and 6 artworks" in card and "run-grid.jpg" in card
    model = AdaINModel.from_pretrained(folder / "run.safetensors", "cpu", "fp32")
    averaged = trainer.learner.average.encoder.get_submodule("conv1_1").weight
    torch.testing.assert_close(
        model.encoder.get_submodule("conv1_1").weight, averaged.detach(), rtol=1e-3, atol=1e-4
    )


def test_validation_is_what_evaluation_says(
    config: TrainingConfig, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("validation", "trainer"):
        monkeypatch.setattr(f"adain_core.training.{module}.SIZE", 24)
    monkeypatch.setattr("adain_core.training.validation.IMAGES", 2)
    run = dataclasses.replace(config, steps=4)
    Trainer(run, progress=False).run()
    # The run resumes, with held-out images from now on.
    kept = {f"validation_{kind}": folders / kind for kind in ("content", "style")}
    run = dataclasses.replace(run, steps=8, sample_every=3, **kept)
    trainer = Trainer(run, resume=True, progress=False)
    assert trainer.run()
    entries = [entry for entry in trainer.log.history if "validation target" in entry]
    assert [entry["step"] for entry in entries] == [6]
    assert set(entries[0]) == {"step", "validation target", "validation style"}
    vgg = load_model(folders / "vgg.safetensors")[1]
    files = [list_images(folders / kind)[:2] for kind in ("content", "style")]
    model = AdaINModel.from_pretrained(trainer.model_file, "cpu", "fp32")
    pairs = Pairs(*files, 24, vgg)
    evaluated = evaluate_candidate(pairs, ModelCandidate(pairs, model))
    scores = summarize([each.scores for each in evaluated])
    after = load_info(trainer.model_file).training["after"]
    assert after["validation target"] == pytest.approx(
        scores["target"], rel=0.01
    )  # saved in float16
    assert after["validation style"] == pytest.approx(scores["style"], rel=0.01)
    card = trainer.model_file.with_suffix(".md").read_text(encoding="utf-8")
    assert f"| validation target | – | {after['validation target']:.3f} |" in card
    assert "pairs of held-out images, 24 pixels" in card
    # They change nothing in the run.
    other = dataclasses.replace(config, steps=8, output=Path(config.output).with_name("other"))
    plain = Trainer(other, progress=False)
    plain.run()
    torch.testing.assert_close(
        trainer.learner.average.state_dict(), plain.learner.average.state_dict()
    )


def test_statistics_beyond_float16_are_saved(config: TrainingConfig) -> None:
    def enlarge() -> None:
        for name, value in trainer.learner.average.named_buffers():
            if name.endswith("running_var"):
                value.fill_(1e5)

    run = dataclasses.replace(config, normalization="batch", steps=1)
    trainer = Trainer(run, progress=False, callbacks=[After(1, enlarge)])
    assert trainer.run()
    decoder = AdaINModel.from_pretrained(trainer.model_file, "cpu", "fp32").decoder
    assert decoder.get_buffer("norm4_1.running_var").eq(1e5).all()
