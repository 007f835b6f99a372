"""Checkpoints: whose they are, what they refuse, what cannot be written."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from runs import After, spoil_weights, stop_after

from adain_core.training import Trainer, TrainingConfig, TrainingError
from adain_core.weights import fingerprint, load_info, load_model


@pytest.mark.parametrize(("log_every", "save_every", "found"), [(6, 4, 6), (4, 4, 8), (100, 2, 6)])
def test_infinite_loss_is_found_with_its_step(
    config: TrainingConfig, log_every: int, save_every: int, found: int
) -> None:
    """At the next entry or checkpoint."""
    config = dataclasses.replace(config, log_every=log_every, save_every=save_every)
    spoil = After(5, lambda: spoil_weights(trainer, float("nan")))
    trainer = Trainer(config, progress=False, callbacks=[spoil])
    with pytest.raises(TrainingError, match="loss is nan at step 5; go on from the last") as error:
        trainer.run()
    assert error.value.fields == ("resume", "learning_rate", "clip_norm")
    assert trainer.step == found
    assert torch.load(trainer.checkpoint, weights_only=True)["step"] == 4
    # What the message proposes is possible.
    slower = dataclasses.replace(config, learning_rate=1e-5, clip_norm=1.0)
    again = Trainer(slower, resume=True, progress=False)
    assert again.run()
    assert again.learner.optimizer.param_groups[0]["lr"] < 1e-5
    # The card tells of it.
    change = {"step": 4, "setting": "learning_rate", "before": 2e-3, "after": 1e-5}
    clipped = {"step": 4, "setting": "clip_norm", "before": 0.0, "after": 1.0}
    training = load_info(again.model_file).training
    assert sorted(training["changes"], key=str) == sorted([change, clipped], key=str)
    card = again.model_file.with_suffix(".md").read_text(encoding="utf-8")
    assert "- after step 4: learning_rate `1e-05`, before that `0.002`\n" in card
    told = "after step 4, the run goes on with learning_rate 1e-05 instead of 0.002; its results"
    assert any(warning.startswith(told) for warning in again.log.warnings)


def test_soaps_first_step_with_gradients_that_are_not_finite(config: TrainingConfig) -> None:
    trainer = Trainer(dataclasses.replace(config, optimizer="soap"), progress=False)
    spoil_weights(trainer, float("nan"))
    with pytest.raises(TrainingError, match=r"not finite at step 0; .* with a lower learning rate"):
        trainer.run()


def test_infinite_weights_are_not_saved(config: TrainingConfig) -> None:
    # As by an infinite gradient of a finite loss.
    spoil = After(4, lambda: spoil_weights(trainer, float("inf")))
    trainer = Trainer(dataclasses.replace(config, save_every=2), progress=False, callbacks=[spoil])
    with pytest.raises(TrainingError, match="weights are not finite at step 4; go on from the"):
        trainer.run()
    state = torch.load(trainer.checkpoint, weights_only=True)
    assert state["step"] == 2
    assert all(value.isfinite().all() for value in state["student"].values())


def test_a_checkpoint_that_cannot_be_written_is_a_warning(
    config: TrainingConfig, fill_disk: Callable[[int], None]
) -> None:
    trainer = Trainer(dataclasses.replace(config, save_every=4), progress=False)
    fill_disk(4)
    assert trainer.run()
    assert "no checkpoint at step 4: [Errno 28] No space left on device" in trainer.log.warnings
    assert torch.load(trainer.checkpoint, weights_only=True)["step"] == config.steps


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")
def test_a_full_disk_is_an_os_error(config: TrainingConfig) -> None:
    import resource

    trainer = Trainer(config, progress=False)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            trainer.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not any(trainer.folder.iterdir())


def test_another_number_of_devices_is_reported(config: TrainingConfig) -> None:
    trainer = Trainer(config, progress=False)
    trainer.save()
    state = torch.load(trainer.checkpoint, weights_only=True)
    torch.save({**state, "processes": 4}, trainer.checkpoint)
    resumed = Trainer(config, resume=True, progress=False)
    [warning] = resumed.log.warnings
    assert warning.startswith("the run was on 4 devices and goes on with 1: ")
    assert resumed.changes == [{"step": 0, "setting": "processes", "before": 4, "after": 1}]


def test_a_checkpoint_of_another_format(config: TrainingConfig) -> None:
    trainer = Trainer(config, progress=False)
    trainer.save()
    state = torch.load(trainer.checkpoint, weights_only=True)
    for other in ({**state, "format": 2}, {k: v for k, v in state.items() if k != "format"}):
        torch.save(other, trainer.checkpoint)
        with pytest.raises(TrainingError, match=r"expected a checkpoint of format 1, got (2|None)"):
            Trainer(config, resume=True, progress=False)


def test_a_run_is_not_started_over_another(config: TrainingConfig) -> None:
    trainer = Trainer(config, progress=False)
    trainer.save()
    with pytest.raises(TrainingError, match="is there already: resume the run"):
        Trainer(config, progress=False)
    with pytest.raises(TrainingError, match=r"other settings: batch_size 2 \(got 4\)") as error:
        Trainer(dataclasses.replace(config, batch_size=4), resume=True, progress=False)
    assert error.value.fields == ("batch_size", "output")


def test_a_resumed_run_cannot_take_back_steps(config: TrainingConfig) -> None:
    stopped = Trainer(config, progress=False, callbacks=[stop_after(6)])
    assert not stopped.run()
    for steps in (1, 5):
        with pytest.raises(TrainingError, match=rf"done 6 steps already, got {steps} in") as error:
            Trainer(dataclasses.replace(config, steps=steps), resume=True, progress=False)
        assert error.value.fields == ("steps",)
    shorter = Trainer(dataclasses.replace(config, steps=6), resume=True, progress=False)
    assert shorter.run()
    training = load_info(shorter.model_file).training
    assert (training["settings"]["steps"], shorter.step) == (6, 6)
    assert training["changes"] == [{"step": 6, "setting": "steps", "before": 12, "after": 6}]
    # Changes of earlier sessions stay.
    longer = Trainer(dataclasses.replace(config, steps=8), resume=True, progress=False)
    assert longer.run()
    assert [(each["before"], each["after"]) for each in longer.changes] == [(12, 6), (6, 8)]


def test_settings_before_the_first_step_stay(config: TrainingConfig, tiny_path: Path) -> None:
    start = dataclasses.replace(config, init=tiny_path, widths=(3, 5, 7, 8))
    Trainer(start, progress=False)  # saves what it starts from
    for change in ({"distill_steps": 2}, {"init": "adain-slim"}):
        with pytest.raises(TrainingError, match="belongs to a run with other settings"):
            Trainer(dataclasses.replace(start, **change), resume=True, progress=False)


def test_folders_may_move(config: TrainingConfig, folders: Path, tmp_path: Path) -> None:
    Trainer(config, progress=False).save()
    shutil.copytree(folders / "content", tmp_path / "content")
    shutil.copytree(folders / "style", tmp_path / "art")
    shutil.move(config.output, tmp_path / "elsewhere")
    moved = dataclasses.replace(
        config,
        content=tmp_path / "content",
        style=tmp_path / "art",
        output=tmp_path / "elsewhere",
        workers=1,
    )
    resumed = Trainer(moved, resume=True, progress=False)
    assert resumed.changes == [{"step": 0, "setting": "style", "before": "style", "after": "art"}]


def test_a_run_goes_on_with_its_own_vgg(config: TrainingConfig, folders: Path) -> None:
    trainer = Trainer(config, progress=False)
    trainer.save()
    state = torch.load(trainer.checkpoint, weights_only=True)
    assert state["vgg"] == fingerprint(load_model(folders / "vgg.safetensors")[1].state_dict())
    torch.save({**state, "vgg": "0123456789ab"}, trainer.checkpoint)
    with pytest.raises(
        TrainingError, match="another VGG: expected one of fingerprint 0123456789ab"
    ):
        Trainer(config, resume=True, progress=False)


def test_a_run_is_refused_before_it_reads_anything(config: TrainingConfig) -> None:
    Trainer(config, progress=False).save()
    with pytest.raises(TrainingError, match="is there already: resume the run"):
        Trainer(dataclasses.replace(config, encoder="none.safetensors"), progress=False)


def test_resume_without_a_checkpoint(config: TrainingConfig) -> None:
    with pytest.raises(TrainingError, match="no checkpoint to resume from"):
        Trainer(config, resume=True, progress=False)


def test_resume_from_a_damaged_checkpoint(config: TrainingConfig) -> None:
    Path(config.output).mkdir()
    (Path(config.output) / "checkpoint.pt").write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match="damaged"):
        Trainer(config, resume=True, progress=False)
