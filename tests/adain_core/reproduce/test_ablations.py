"""The paper's ablations (section 7.2): all of them train, load and are judged."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from pathlib import Path

import pytest
from torch import Tensor

from adain_core import AdaINModel, adain
from adain_core.evaluation import ModelPainter, Pairs, judge_painter
from adain_core.images import save_image
from adain_core.reproduce.ablation import VARIANTS
from adain_core.training import Trainer, TrainingConfig


@pytest.mark.parametrize("name", list(VARIANTS))
def test_every_variant_trains_loads_and_is_judged(
    name: str, full: AdaINModel, full_path: Path, tmp_path: Path, picture: Callable[..., Tensor]
) -> None:
    for kind in ("photos", "art"):
        (tmp_path / kind).mkdir()
        for number in range(2):
            image = picture(24, 24, seed=10 * len(kind) + number)
            save_image(tmp_path / kind / f"{number}.png", image)
    config = TrainingConfig(
        content=tmp_path / "photos",
        style=tmp_path / "art",
        encoder=full_path,
        output=tmp_path / "run",
        widths=(8, 12, 16, 24),
        steps=3,
        batch_size=2,
        content_size=(16, 16),
        style_size=(16, 16),
        crop=16,
        workers=0,
        **VARIANTS[name],
    )
    trainer = Trainer(config, progress=False)
    assert trainer.run()
    model = AdaINModel.from_pretrained(trainer.model_file, "cpu", "fp32")
    assert model.info.architecture == config.architecture
    images = [sorted((tmp_path / kind).iterdir()) for kind in ("photos", "art")]
    pairs = Pairs(*images, 24, full.encoder)
    scores = [each.scores for each in judge_painter(pairs, ModelPainter(pairs, model))]
    assert len(scores) == 4
    assert all(isfinite(each.target) and isfinite(each.style) for each in scores)
    # Before clamping, since three steps hardly bring pictures into 0..1.
    drawn = [
        model.decoder(adain(model.encode(photo), model.encode_style(artwork)).tensor)
        for photo, artwork in zip(pairs.contents, pairs.styles, strict=True)
    ]
    assert (drawn[0] - drawn[1]).abs().max() > 1e-4
