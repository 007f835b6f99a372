"""Training of networks: falling losses, exact resume, new styles, the command."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adain_core.cli import main
from adain_core.errors import OptionError, TrainingError
from adain_core.images import load_image, save_image
from adain_core.methods.network_config import NetworkConfig
from adain_core.methods.network_file import load_network
from adain_core.methods.network_trainer import NetworkTrainer
from adain_core.training import Callback

MakeImage = Callable[..., Tensor]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, make_image: MakeImage) -> Path:
    """``photos`` with 4 images, ``art`` and ``more`` with 2 and 1."""
    root = tmp_path_factory.mktemp("networks")
    for kind, names in (("photos", "abcd"), ("art", ("stars", "wave")), ("more", ("sea",))):
        (root / kind).mkdir()
        for number, name in enumerate(names):
            save_image(
                root / kind / f"{name}.png", make_image(48, 56, seed=10 * len(kind) + number)
            )
    return root


@pytest.fixture
def config(folders: Path, full_path: Path, tmp_path: Path) -> NetworkConfig:
    return NetworkConfig(
        content=folders / "photos",
        style=folders / "art",
        encoder=full_path,
        output=tmp_path / "run",
        width=3,
        steps=4,
        batch_size=1,
        crop=44,
        content_size=(44, 48),
        style_size=44,
        workers=0,
        log_every=1,
        save_every=100,
        sample_every=100,
    )


def train(config: NetworkConfig, **options: object) -> NetworkTrainer:
    trainer = NetworkTrainer(config, progress=False, **options)  # type: ignore[arg-type]
    trainer.run()
    return trainer


class StopAfter(Callback):
    """Asks a run to stop."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, step: int, losses: Mapping[str, Tensor]) -> None:
        if step == self.step:
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.parametrize("normalization", ["instance", "batch"])
def test_training_reduces_the_loss(
    config: NetworkConfig, folders: Path, normalization: str
) -> None:
    config = replace(
        config,
        style=folders / "art" / "wave.png",
        normalization=normalization,  # type: ignore[arg-type]
        steps=60,
        batch_size=2,
    )
    totals = [entry["total"] for entry in train(config).log.history]
    assert sum(totals[-10:]) < 0.7 * sum(totals[:10])


def test_a_run_leaves_its_network(config: NetworkConfig) -> None:
    trainer = train(config)
    info, network = load_network(trainer.model_file)
    assert info.styles == ("stars", "wave")
    assert info.training["settings"]["style"] == "art"
    assert info.training["photographs"] == 4
    for name, value in trainer.network.state_dict().items():
        assert torch.equal(network.state_dict()[name], value)
    grid = load_image(trainer.folder / "run-grid.jpg")
    assert grid.shape == (1, 3, 4 * 44 + 3 * 6, 3 * 44 + 2 * 6)
    assert (trainer.folder / "run-curves.png").stat().st_size > 1000


def test_a_resumed_run_is_exact(config: NetworkConfig, tmp_path: Path) -> None:
    whole = train(config)
    config = replace(config, output=tmp_path / "other")
    stopped = train(config, callbacks=[StopAfter(2)])
    assert stopped.step == 2 and not stopped.model_file.exists()
    resumed = train(config, resume=True)
    assert resumed.log.history == whole.log.history
    for name, value in whole.network.state_dict().items():
        assert torch.equal(resumed.network.state_dict()[name], value)


def test_a_checkpoint_that_cannot_be_written_is_a_warning(
    config: NetworkConfig, fill_disk: Callable[[int], None]
) -> None:
    trainer = NetworkTrainer(replace(config, save_every=2), progress=False)
    fill_disk(2)
    assert trainer.run()
    assert "no checkpoint at step 2: [Errno 28] No space left on device" in trainer.log.warnings
    assert torch.load(trainer.checkpoint, weights_only=True)["step"] == config.steps


def test_a_resumed_run_tells_what_changed(config: NetworkConfig) -> None:
    train(config)
    with pytest.raises(TrainingError, match="has done 4 steps already, got 3 in all"):
        NetworkTrainer(replace(config, steps=3), resume=True, progress=False)
    trainer = train(replace(config, steps=5, learning_rate=1e-4), resume=True)
    training = load_network(trainer.model_file)[0].training
    assert training["changes"] == [
        {"step": 4, "setting": "steps", "before": 4, "after": 5},
        {"step": 4, "setting": "learning_rate", "before": 1e-3, "after": 1e-4},
    ]


def test_a_new_style_changes_its_own_vectors_alone(
    config: NetworkConfig, folders: Path, tmp_path: Path
) -> None:
    before = train(config).network.state_dict()
    file = Path(config.output) / "run.safetensors"
    more = replace(config, init=file, style=folders / "more", output=tmp_path / "more")
    trainer = train(more)
    assert trainer.names == ("stars", "wave", "sea")
    for name, value in trainer.network.state_dict().items():
        if name.endswith(("scale", "shift")):
            assert torch.equal(value[:2], before[name])
            assert not torch.equal(value[2], before[name].mean(dim=0))
        else:
            assert torch.equal(value, before[name])


def test_photographs_are_prepared(config: NetworkConfig) -> None:
    seen: list[Tensor] = []

    def gray(photos: Tensor) -> Tensor:
        seen.append(photos)
        return torch.full_like(photos, 0.5)

    trainer = train(replace(config, steps=1), prepare=gray)
    grid = load_image(trainer.folder / "run-grid.jpg")[..., :40, :40]
    assert (grid - 0.5).abs().max() < 0.02
    assert len(seen) == 2 and seen[0].shape == (1, 3, 44, 44)


def test_the_losses_are_weighted(config: NetworkConfig) -> None:
    trainer = NetworkTrainer(config, progress=False)
    photos, styles = torch.rand(2, 3, 44, 44), torch.tensor([0, 1])
    losses = trainer.losses(photos, styles)
    heavier = NetworkTrainer(
        replace(config, style_weight=20.0, roughness_weight=0.0), progress=False
    ).losses(photos, styles)
    torch.testing.assert_close(heavier["style"], 2 * losses["style"])
    assert heavier["roughness"] == 0
    total = sum(value for name, value in losses.items() if name != "total")
    torch.testing.assert_close(losses["total"], total)


def test_runs_that_cannot_go_on_are_refused(
    config: NetworkConfig, folders: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="no checkpoint to resume from"):
        NetworkTrainer(config, resume=True, progress=False)
    trainer = train(replace(config, steps=1))
    with pytest.raises(TrainingError, match="is there already"):
        NetworkTrainer(config, progress=False)
    with pytest.raises(TrainingError, match=r"other settings: width 3 \(got 4\)"):
        NetworkTrainer(replace(config, width=4), resume=True, progress=False)
    shutil.copytree(folders / "art", tmp_path / "art")
    (tmp_path / "art" / "wave.png").rename(tmp_path / "art" / "waves.png")
    with pytest.raises(TrainingError, match="expected stars, wave, got stars, waves; use") as error:
        NetworkTrainer(replace(config, style=tmp_path / "art"), resume=True, progress=False)
    assert error.value.fields == ("style",)
    again = replace(config, init=trainer.model_file, output=tmp_path / "again")
    with pytest.raises(TrainingError, match="already has stars, wave"):
        NetworkTrainer(again, progress=False)


def test_artworks_of_one_name_are_refused(
    config: NetworkConfig, folders: Path, tmp_path: Path
) -> None:
    shutil.copytree(folders / "art", tmp_path / "art")
    shutil.copy(folders / "art" / "wave.png", tmp_path / "art" / "wave.jpg")
    with pytest.raises(TrainingError, match="different names, got wave more than once; rename"):
        NetworkTrainer(replace(config, style=tmp_path / "art"), progress=False)


def test_a_diverged_run_keeps_its_last_checkpoint(config: NetworkConfig) -> None:
    trainer = NetworkTrainer(config, progress=False)
    next(trainer.network.parameters()).data[0] = torch.nan
    with pytest.raises(TrainingError, match=r"the loss is nan at step 0.*lower learning rate"):
        trainer.run()
    assert not trainer.checkpoint.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("crop", 40),
        ("learning_rate", 0.0),
        ("precision", "fp16"),
        ("content_size", (40, 48)),
        ("style_size", 10),
    ],
)
def test_bad_settings_are_refused(config: NetworkConfig, field: str, value: object) -> None:
    with pytest.raises(OptionError, match=r"must be .*got ") as error:
        replace(config, **{field: value})  # type: ignore[arg-type]
    assert error.value.field == field


def test_train_command_writes_a_network(
    folders: Path, full_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "--method", "feedforward", "--content", folders / "photos"]
    words += ["--style", folders / "art" / "wave.png", "--encoder", full_path, "--width", "0.1"]
    words += ["-o", tmp_path / "wave", "--steps", 1, "--batch-size", 1, "--crop", 44]
    words += ["--content-size", 44, 48, "--style-size", 44, 44, "--workers", 0]
    assert main([*map(str, words)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'wave' / 'wave.safetensors'}\n"
    info, _ = load_network(tmp_path / "wave" / "wave.safetensors")
    assert (info.styles, info.architecture.width) == (("wave",), 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ema", "0.9"], "--ema goes with --method adain, not with feedforward"),
        (["--style-size", "44", "48"], "--style-size must be one size twice"),
        (["--width", "5"], "--width must be above 0 and at most 1, the full width, got 5"),
        (["--crop", "40"], "--crop must be a whole number, 44 or more, got 40"),
    ],
)
def test_what_does_not_fit_is_refused(
    folders: Path,
    full_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    need = ["--content", folders / "photos", "--style", folders / "art", "--encoder", full_path]
    need += ["-o", tmp_path / "run", "--method", "feedforward"]
    assert main(["train", *map(str, need), *words]) == 2
    assert message in capsys.readouterr().err
