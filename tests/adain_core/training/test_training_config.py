"""Settings: their rules, JSON, the learning rate."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest

from adain_core.errors import OptionError
from adain_core.training import TrainingConfig


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"steps": 0}, r"^steps must be a whole number, 1 or more, got 0$"),
        ({"steps": 3.5}, "steps must be a whole number"),
        ({"batch_size": 2.0}, "batch_size must be a whole number"),
        ({"distill_steps": -1}, "distill_steps must be a whole number, 0 or more"),
        ({"distill_steps": 5}, "distill_steps needs a wider model to start from, got 5 without"),
        ({"warmup_steps": -5}, "warmup_steps"),
        ({"workers": -1}, "workers"),
        ({"pool": -2}, "pool must be a whole number, 0 or more"),
        ({"pool": 3}, r"^pool must be a multiple of the batch size \(2\), got 3$"),
        (
            {"validation_style": "art"},
            "validation_content needs held-out photographs and artworks",
        ),
        ({"crop": 30}, "crop must be a multiple of 8"),
        ({"content_size": (8, 40)}, "content_size"),
        ({"style_size": (40, 24)}, "style_size"),
        ({"ema": 1.0}, "ema"),
        ({"noise": -0.1}, "noise must be from 0 to 1"),
        ({"consistency_weight": 2.0}, "needs noise to compare with, got 2.0 at a noise of 0"),
        ({"scenes": 2}, "scenes must be from 0 to 1"),
        ({"smoothness_weight": -1.0}, "smoothness_weight must be a finite number, 0 or more"),
        ({"style_weight": -1.0}, "style_weight must be a finite number, 0 or more"),
        ({"style_weight": math.inf}, "style_weight must be a finite number"),
        ({"content_weight": math.nan}, "content_weight must be a finite number"),
        ({"style_weight": 0.0, "content_weight": 0.0}, "must be above 0, or nothing is learned"),
        ({"learning_rate": math.inf}, "learning_rate must be a finite number above 0"),
        ({"content_size": (16.0, 24.0)}, "content_size must be .* whole numbers"),
        ({"crop": 16.0}, "crop must be a multiple of 8"),
        ({"widths": (4, 6, 8)}, "widths must be 4 or 9 whole numbers"),
        ({"normalization": "layer"}, "normalization must be one of none, batch, instance"),
    ],
)
def test_bad_settings(config: TrainingConfig, change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        dataclasses.replace(config, **change)


def test_an_error_names_its_setting(config: TrainingConfig) -> None:
    with pytest.raises(OptionError) as error:
        dataclasses.replace(config, learning_rate=0)
    assert error.value.field == "learning_rate"
    assert error.value.message == "must be a finite number above 0, got 0"


def test_settings_as_python_gives_them(config: TrainingConfig) -> None:
    loose = dataclasses.replace(config, content=Path(config.content), widths=list(config.widths))
    assert loose == config
    assert TrainingConfig(**json.loads(json.dumps(loose.to_dict()))) == config
    full = dataclasses.replace(config, widths=[64, 128, 256, 512])
    assert full.trains_decoder_only


def test_learning_rate_schedules(config: TrainingConfig) -> None:
    paper = dataclasses.replace(config, schedule="paper", steps=200_000, learning_rate=1e-4)
    assert paper.learning_rate_at(0) == 1e-4
    assert paper.learning_rate_at(160_000) == pytest.approx(1e-4 / 9)
    cosine = dataclasses.replace(config, schedule="cosine", warmup_steps=2, learning_rate=1.0)
    rates = [cosine.learning_rate_at(step) for step in range(13)]
    assert rates[0] == 0.5
    assert rates[6] == pytest.approx(0.5)
    assert rates[12] == pytest.approx(0)
    assert rates[9] == pytest.approx(0.5 * (1 + math.cos(0.75 * math.pi)))
