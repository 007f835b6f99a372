"""The log: means over steps and processes, warnings."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import After
from torch import Tensor

from adain_core.training import Callback, Trainer, TrainingConfig
from adain_core.training.log import TrainingLog, find_rise


def same(values: Any, how: str) -> Any:
    return values


def test_entries_are_means_over_steps_and_processes() -> None:
    """The other process's losses are 1 higher."""

    def reduce(losses: dict[str, Tensor], how: str) -> dict[str, Tensor]:
        assert how == "mean"
        return {name: values + 0.5 for name, values in losses.items()}

    log = TrainingLog(reduce, print)
    for value in (1.0, 3.0):
        log.add({"total": torch.tensor(value)})
    assert log.enter(2) == {"total": 2.5}
    assert log.history == [{"step": 2, "total": 2.5}]
    assert log.pending == []


def test_callbacks_see_a_run(config: TrainingConfig) -> None:
    calls: list[tuple[object, ...]] = []

    class Recorder(Callback):
        def on_start(self, step: int) -> None:
            calls.append(("start", step))

        def on_step(self, step: int, losses: Any) -> None:
            calls.append(("step", step, *losses))

        def on_log(self, step: int, entry: Any) -> None:
            calls.append(("log", step, *entry))

        def on_sample(self, step: int, grid: Tensor, scores: Any) -> None:
            calls.append(("sample", step, *grid.shape))

        def on_end(self) -> None:
            calls.append(("end",))

    run = dataclasses.replace(config, steps=3, sample_every=2)
    Trainer(run, progress=False, callbacks=[Recorder()]).run()
    losses = ("content", "style", "total")
    assert calls == [
        ("start", 0),
        ("step", 1, *losses),
        ("step", 2, *losses),
        ("log", 2, *losses),
        ("sample", 2, 1, 3, 5 * 16 + 4 * 6, 7 * 16 + 6 * 6),
        ("step", 3, *losses),
        ("log", 3, *losses),
        ("end",),
    ]


def test_an_error_of_a_callback_ends_the_run(config: TrainingConfig) -> None:
    ended = []

    class Last(Callback):
        def on_end(self) -> None:
            ended.append(True)

    fail = After(2, lambda: 1 / 0)
    trainer = Trainer(config, progress=False, callbacks=[fail, Last()])
    with pytest.raises(ZeroDivisionError):
        trainer.run()
    assert (trainer.step, ended) == (2, [True])


def test_few_images(config: TrainingConfig, capsys: pytest.CaptureFixture[str]) -> None:
    run = dataclasses.replace(config, steps=1)
    trainer = Trainer(run, progress=False)
    trainer.run()
    assert len(trainer.log.warnings) == 2  # of photographs and of artworks
    assert all("has only 6 images; below 500" in warning for warning in trainer.log.warnings)
    assert capsys.readouterr().err == ""
    Trainer(dataclasses.replace(run, output=f"{run.output}2")).run()
    assert f"warning: {run.content} has only 6 images" in capsys.readouterr().err


def test_a_broken_image_is_named_in_the_run(
    config: TrainingConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(config.content, tmp_path / "photos")
    broken = tmp_path / "photos" / "broken.png"
    broken.write_bytes(b"no image")
    trainer = Trainer(dataclasses.replace(config, content=str(tmp_path / "photos")))
    trainer.run()
    warning = f"{broken} cannot be read; other images take its place"
    assert warning in trainer.log.warnings and trainer.reader.broken == {str(broken)}
    assert capsys.readouterr().err.count(f"adain: warning: {warning}") == 1


def test_a_loss_that_rises_is_reported_once() -> None:
    told: list[str] = []
    log = TrainingLog(same, told.append)
    for number in range(20):
        log.add_entry(number, {"total": 1 + 0.01 * number})
        if number == 15:
            log.add_entry(number, {"validation target": 1.0})
        log.warn_if_not_falling(number)
    assert told == log.warnings
    [warning] = told
    assert warning.startswith("the loss is not falling: 1.045, then 1.145 at step 19")
    log.add_entry(20, {"total": 1.5})
    log.warn_if_not_falling(20)
    assert len(told) == 1


def test_a_loss_that_differs_by_chance_does_not_rise() -> None:
    # Ten entries of 3.4, ten of 3.5, each 0.15 more or less than that.
    totals = [3.4 + 0.1 * (n >= 10) + 0.15 * (-1) ** n for n in range(20)]
    assert find_rise(totals) is None
    rising = [value + 0.2 * (n >= 10) for n, value in enumerate(totals)]
    assert find_rise(rising) == pytest.approx((3.4, 3.7))
    assert find_rise(rising[1:]) is None
