"""Runs: losses fall, a resumed run is exact, a stop leaves a checkpoint."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from runs import After, assert_same_run, stop_after, weights_of
from torch import Tensor

from adain_core import AdaINModel, ImageFileError
from adain_core.training import Trainer, TrainingConfig, TrainingError
from adain_core.training.config import Optimizer
from adain_core.training.pools import Pool
from adain_core.weights import load_info


@pytest.mark.parametrize(("optimizer", "fall"), [("adam", 0.8), ("soap", 0.85)])
def test_eighty_steps_lower_both_losses(
    config: TrainingConfig, optimizer: Optimizer, fall: float
) -> None:
    config = dataclasses.replace(config, steps=80, log_every=10, optimizer=optimizer)
    trainer = Trainer(config, progress=False)
    assert trainer.run()
    before, after = trainer.before, load_info(trainer.model_file).training["after"]
    assert after["content"] < 0.9 * before["content"]
    assert after["style"] < 0.9 * before["style"]
    totals = [entry["total"] for entry in trainer.log.history]
    assert totals[-1] < fall * totals[0]


def test_the_papers_decoder_learns_and_its_encoder_does_not(
    config: TrainingConfig, folders: Path
) -> None:
    config = dataclasses.replace(
        config,
        widths=(64, 128, 256, 512),
        steps=6,
        learning_rate=1e-3,
        ema=0.0,
    )
    trainer = Trainer(config, progress=False)
    before = {k: v.clone() for k, v in trainer.learner.student.state_dict().items()}
    trainer.run()
    for name, value in trainer.learner.student.state_dict().items():
        changed = not torch.equal(value, before[name])
        assert changed == name.startswith("decoder"), name
    after = load_info(trainer.model_file).training["after"]
    assert after["content"] < trainer.before["content"]


@pytest.mark.parametrize(
    ("optimizer", "stop_at"), [("adam", 3), ("adam", 7), ("adam", 10), ("soap", 3), ("soap", 10)]
)
def test_resumed_run_equals_an_uninterrupted_one(
    config: TrainingConfig, tmp_path: Path, optimizer: Optimizer, stop_at: int
) -> None:
    config = dataclasses.replace(config, optimizer=optimizer)
    whole = Trainer(config, progress=False)
    whole.run()

    halved = dataclasses.replace(config, output=str(tmp_path / "halved"))
    first = Trainer(halved, progress=False, callbacks=[stop_after(stop_at)])
    assert not first.run()
    assert first.step == stop_at

    second = Trainer(halved, resume=True, progress=False)
    assert second.step == stop_at
    assert second.run()
    assert_same_run(whole, second)


def test_a_stop_does_not_wait_for_the_pool(config: TrainingConfig, tmp_path: Path) -> None:
    whole = Trainer(config, progress=False)
    whole.run()
    halved = dataclasses.replace(config, output=str(tmp_path / "halved"))
    first = Trainer(halved, progress=False)
    encode, encoded = first.reader.encode, []

    def interrupted(content: Tensor, style: Tensor) -> Pool:
        encoded.append(first.step)
        if len(encoded) == 4:  # the fixed pairs, a pool of two batches, the next one's first
            signal.raise_signal(signal.SIGTERM)
        return encode(content, style)

    first.reader.encode = interrupted  # type: ignore[method-assign]
    assert not first.run()
    assert encoded == [0, 0, 0, 4] and first.step == 4
    second = Trainer(halved, resume=True, progress=False)
    assert second.run()
    assert_same_run(whole, second)


def test_a_run_outside_the_main_thread(config: TrainingConfig) -> None:
    trainer = Trainer(dataclasses.replace(config, steps=1), progress=False)
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(trainer.run).result()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="Windows has no process groups")
@pytest.mark.parametrize("name", ["INT", "TERM"])
def test_a_signal_to_the_process_group_leaves_a_checkpoint(
    config: TrainingConfig, name: str
) -> None:
    config = dataclasses.replace(config, workers=1)
    # In a group of its own; half a second is enough for workers to die in.
    script = f"""
import os, subprocess, sys, time
from runs import After
from adain_core.training import Trainer, TrainingConfig

def interrupt():
    # By another process: PyTorch's workers know their parent's SIGTERM.
    subprocess.run(["kill", "-{name}", "--", f"-{{os.getpgid(0)}}"])
    time.sleep(0.5)

config = TrainingConfig(**{dataclasses.asdict(config)!r})
trainer = Trainer(config, progress=False, callbacks=[After(3, interrupt)])
sys.exit(trainer.run())  # 0: not finished
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        timeout=240,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    assert done.returncode == 0
    assert Trainer(config, resume=True, progress=False).step == 3


def test_two_runs_of_one_process_may_differ_in_precision(config: TrainingConfig) -> None:
    for precision in ("no", "bf16", "no"):
        run = dataclasses.replace(
            config, steps=1, precision=precision, output=f"{config.output}-{precision}"
        )
        trainer = Trainer(run, resume=Path(run.output, "checkpoint.pt").exists(), progress=False)
        assert trainer.accelerator.mixed_precision == precision


@pytest.mark.parametrize(
    "options", [{"normalization": "batch"}, {"normalization": "instance"}, {"fusion": "concat"}]
)
def test_ablations_train(config: TrainingConfig, options: dict[str, str]) -> None:
    config = dataclasses.replace(config, steps=9, **options)
    trainer = Trainer(config, progress=False)
    trainer.run()
    model = AdaINModel.from_pretrained(trainer.model_file, device="cpu")
    assert model.info.architecture == config.architecture
    image = model.stylize(torch.rand(1, 3, 20, 30), torch.rand(1, 3, 24, 24))
    assert image.shape == (1, 3, 20, 30)


@pytest.mark.parametrize(
    ("ema", "decays"), [(0.0, [0, 0, 0]), (0.15, [0.1, 0.15, 0.15]), (0.999, [0.1, 2 / 11, 0.25])]
)
def test_mean_of_the_weights(config: TrainingConfig, ema: float, decays: list[float]) -> None:
    def follow() -> None:
        student, decay = trainer.learner.student, decays[trainer.step - 1]
        for name, current in student.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * current
        for name, statistics in student.named_buffers():  # are means already
            expected[name] = statistics.clone()

    run = dataclasses.replace(config, ema=ema, normalization="batch", steps=3)
    callbacks = [After(step, follow) for step in (1, 2, 3)]
    trainer = Trainer(run, progress=False, callbacks=callbacks)
    expected = weights_of(trainer)
    trainer.run()
    torch.testing.assert_close(weights_of(trainer), expected)


@pytest.mark.parametrize("package", ["accelerate", "tensorboard", "matplotlib"])
def test_missing_packages_are_named_before_anything_is_done(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        TrainingError, match=f"training needs {package}: python -m pip install {package}"
    ):
        Trainer(dataclasses.replace(config, encoder="none.safetensors"), progress=False)


def test_soap_without_its_package_says_what_to_install(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_optimizer", None)
    Trainer(config, progress=False)
    with pytest.raises(
        TrainingError, match="training needs pytorch-optimizer: python -m pip install"
    ):
        Trainer(dataclasses.replace(config, optimizer="soap"), progress=False)


def test_folder_without_images(config: TrainingConfig, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageFileError, match="no image files"):
        Trainer(dataclasses.replace(config, content=str(tmp_path / "empty")), progress=False)
