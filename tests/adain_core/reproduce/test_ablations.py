"""The paper's ablations (section 7.2): all of them train, load and are evaluated."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adain_core import AdaINModel, adain
from adain_core.evaluation import ModelCandidate, Pairs, evaluate_candidate
from adain_core.images import save_image
from adain_core.networks.architecture import VGG19_WIDTHS
from adain_core.reproduce.ablation import VARIANTS, Plan, choose_plan, make_decoder_runs
from adain_core.reproduce.config import ReproduceConfig
from adain_core.reproduce.lab import Lab
from adain_core.training import Callback, Trainer, TrainingConfig


@pytest.fixture
def folders(tmp_path: Path, make_image: Callable[..., Tensor]) -> Path:
    """``photos`` and ``art`` with 2 images each."""
    for kind in ("photos", "art"):
        (tmp_path / kind).mkdir()
        for number in range(2):
            image = make_image(24, 24, seed=10 * len(kind) + number)
            save_image(tmp_path / kind / f"{number}.png", image)
    return tmp_path


@pytest.fixture
def config(folders: Path, full_path: Path) -> TrainingConfig:
    return TrainingConfig(
        content=folders / "photos",
        style=folders / "art",
        encoder=full_path,
        output=folders / "run",
        widths=(4, 6, 8, 10),
        steps=3,
        batch_size=2,
        optimizer="soap",
        content_size=(16, 16),
        style_size=(16, 16),
        crop=16,
        workers=0,
    )


@pytest.fixture
def lab(folders: Path, full_path: Path, tiny_path: Path) -> Lab:
    photos, artworks = folders / "photos", folders / "art"
    return Lab(
        ReproduceConfig(
            *(photos, artworks, photos, artworks, full_path),
            output=folders / "report",
            what=("ablation",),
            budget=100.0,
            model=str(tiny_path),
            device="cpu",
        )
    )


@pytest.mark.parametrize("name", list(VARIANTS))
def test_every_variant_trains_loads_and_is_evaluated(
    name: str, config: TrainingConfig, full: AdaINModel, folders: Path
) -> None:
    config = replace(config, optimizer="adam", widths=(8, 12, 16, 24), **VARIANTS[name])
    trainer = Trainer(config, progress=False)
    assert trainer.run()
    model = AdaINModel.from_pretrained(trainer.model_file, "cpu", "fp32")
    assert model.info.architecture == config.architecture
    images = [sorted((folders / kind).iterdir()) for kind in ("photos", "art")]
    pairs = Pairs(*images, 24, full.encoder)
    scores = [each.scores for each in evaluate_candidate(pairs, ModelCandidate(pairs, model))]
    assert len(scores) == 4
    assert all(isfinite(each.target) and isfinite(each.style) for each in scores)
    # Before clamping, since three steps hardly bring images into 0..1.
    results = [
        model.decoder(adain(model.encode(photo), model.encode_style(artwork)).tensor)
        for photo, artwork in zip(pairs.contents, pairs.styles, strict=True)
    ]
    assert (results[0] - results[1]).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("full_step", "plan"),
    [
        # 1,500 s for each: at the paper's widths where crops are larger than the smallest ones.
        (0.001, Plan(steps=93750, crop=256)),
        (0.06, Plan(steps=6250, crop=128)),
        (0.1, Plan(steps=15000, crop=64, widths=(4, 6, 8, 10))),
        (0.5, Plan(steps=15000, crop=64, widths=(4, 6, 8, 10))),
    ],
)
def test_the_paper_s_widths_take_time(lab: Lab, full_step: float, plan: Plan) -> None:
    lab.recall("ablation/step seconds", lambda: full_step)
    lab.recall("ablation, slim/step seconds", lambda: 0.1)
    assert choose_plan(lab) == plan


def test_slim_decoders_take_larger_crops_where_there_is_time(lab: Lab) -> None:
    lab.recall("ablation/step seconds", lambda: 0.5)
    lab.recall("ablation, slim/step seconds", lambda: 0.02)
    assert choose_plan(lab) == Plan(steps=4688, crop=256, widths=(4, 6, 8, 10))


@pytest.mark.parametrize("widths", [(4, 6, 8, 10), VGG19_WIDTHS])
def test_decoders_start_from_gray(
    lab: Lab, config: TrainingConfig, full: AdaINModel, tiny: AdaINModel, widths: tuple[int, ...]
) -> None:
    plan = Plan(steps=3, crop=16, widths=widths)
    make = make_decoder_runs(lab, plan)
    trainer = make(replace(config, widths=widths), Callback(), False)
    model = tiny if widths == tiny.info.architecture.widths else full
    for student in (trainer.learner.student, trainer.learner.average):
        equal(student.encoder, model.encoder)
        features = torch.rand(2, widths[-1], 4, 4)
        with torch.no_grad():
            images = student.decoder(features)
        assert (images - 0.5).abs().mean() < 0.1


def test_decoders_learn_alone_and_go_on_after_ctrl_c(
    lab: Lab, config: TrainingConfig, tiny: AdaINModel, folders: Path
) -> None:
    make = make_decoder_runs(lab, Plan(steps=3, crop=16, widths=config.widths))
    assert not make(config, CtrlC(), False).run()
    resumed = make(config, Callback(), True)
    assert resumed.run()
    whole = make(replace(config, output=folders / "whole"), Callback(), False)
    before = whole.learner.average.decoder.conv4_1.weight.clone()
    assert whole.run()
    for student in (resumed.learner.average, whole.learner.average):
        equal(student.encoder, tiny.encoder)
    equal(resumed.learner.average.decoder, whole.learner.average.decoder)
    assert (whole.learner.average.decoder.conv4_1.weight - before).abs().max() > 1e-5


class CtrlC(Callback):
    """Pressed at the second step."""

    def on_step(self, step: int, losses: Mapping[str, Tensor]) -> None:
        if step == 2:
            signal.raise_signal(signal.SIGINT)


def equal(network: torch.nn.Module, other: torch.nn.Module) -> None:
    """Assert that two networks have the same weights."""
    torch.testing.assert_close(network.state_dict(), other.state_dict(), rtol=0, atol=0)
