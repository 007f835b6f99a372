"""The student: its start from other models, pruned, distilled or widened."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from runs import assert_same_run
from torch import Tensor

from adain_core import AdaINModel, Architecture
from adain_core.functional import adaptive_instance_norm, channel_statistics
from adain_core.images import save_image
from adain_core.networks.encoder_decoder import Decoder, Encoder
from adain_core.training import Trainer, TrainingConfig, TrainingError
from adain_core.training.pruning import distill, prune
from adain_core.training.student import Student, initialize, widen
from adain_core.weights import ModelInfo, save_model

MakeImage = Callable[..., Tensor]


def test_a_run_starts_from_a_model(
    config: TrainingConfig, tiny_path: Path, tiny: AdaINModel
) -> None:
    start = dataclasses.replace(config, init=str(tiny_path), widths=(4, 6, 8, 10))
    student = Trainer(start, progress=False).learner.student
    for network, expected in ((student.encoder, tiny.encoder), (student.decoder, tiny.decoder)):
        for name, value in network.state_dict().items():
            assert torch.equal(value, expected.state_dict()[name]), name


def test_a_run_starts_from_a_narrower_model(
    config: TrainingConfig, tiny_path: Path, tiny: AdaINModel, make_image: MakeImage
) -> None:
    start = dataclasses.replace(config, init=str(tiny_path), widths=(5, 6, 11, 12))
    trainer = Trainer(start, progress=False)
    student = trainer.learner.student
    content, style = make_image(24, 24, seed=1), make_image(24, 24, seed=2)
    features, statistics = tiny.encoder(content), channel_statistics(tiny.encoder(style))
    expected = tiny.decoder(adaptive_instance_norm(features, *statistics))
    alpha = torch.ones(1, 1)
    output, _ = student(content, style, alpha, reconstruct=False)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-5)
    # The new channels are alive, and their first gradient goes to what takes them.
    output.square().mean().backward()
    assert student.decoder.get_parameter("conv3_3.weight").grad[:, 8:].abs().max() > 0


def test_a_run_starts_from_a_model_wider_here_and_narrower_there(
    config: TrainingConfig, tiny: AdaINModel, make_image: MakeImage, tmp_path: Path
) -> None:
    """Pruned of channels that nothing reads, then widened: the same images as before."""
    torch.manual_seed(0)
    (tmp_path / "images").mkdir()
    mixed = Architecture((4, 6, 12, 14))
    networks = Encoder(mixed), Decoder(mixed)
    for network, narrower in zip(networks, (tiny.encoder, tiny.decoder), strict=True):
        widen(network, narrower)
    save_model(tmp_path / "mixed.safetensors", ModelInfo(mixed), *networks)
    for number in range(8):
        save_image(tmp_path / "images" / f"{number}.png", make_image(96, 96, seed=10 + number))
    images = {"content": tmp_path / "images", "style": tmp_path / "images"}
    sizes = {"crop": 96, "content_size": (96, 96), "style_size": (96, 96)}
    start = dataclasses.replace(
        config, init=tmp_path / "mixed.safetensors", widths=(5, 6, 8, 10), **images, **sizes
    )
    student = Trainer(start, progress=False).learner.student
    assert (student.encoder.conv1_1.out_channels, student.encoder.conv3_1.out_channels) == (5, 8)
    content, style = make_image(40, 56, seed=7), make_image(40, 56, seed=8)
    features, statistics = tiny.encoder(content), channel_statistics(tiny.encoder(style))
    expected = tiny.decoder(adaptive_instance_norm(features, *statistics)).clamp(0, 1)
    found, _ = student(content, style, torch.ones(1, 1), reconstruct=False)
    assert -10 * (found.clamp(0, 1) - expected).square().mean().log10() > 30


def test_a_run_starts_from_no_other_architecture(config: TrainingConfig, tiny_path: Path) -> None:
    start = dataclasses.replace(config, init=str(tiny_path), widths=(4, 6, 9, 12), fusion="concat")
    with pytest.raises(TrainingError, match="a run starts from a model of the same architecture"):
        Trainer(start, progress=False)


def pruned_images(
    wide: tuple[Encoder, Decoder], slim: tuple[Encoder, Decoder], make_image: MakeImage
) -> list[Tensor]:
    """Prune the wide networks to the slim ones; return the images of both for another pair."""
    contents, styles = (make_image(96, 96, batch=4, seed=seed) for seed in (1, 2))
    prune(wide, slim, contents, styles, iter(()), distill_steps=0)
    content, style = make_image(40, 56, seed=7), make_image(32, 32, seed=8)
    return [
        decoder(
            adaptive_instance_norm(encoder(content), *channel_statistics(encoder(style)))
        ).clamp(0, 1)
        for encoder, decoder in (wide, slim)
    ]


def test_pruning_finds_the_channels_that_matter(tiny: AdaINModel, make_image: MakeImage) -> None:
    """A model widened by channels that nothing reads is pruned to its old images."""
    torch.manual_seed(0)
    wide, slim = (
        (Encoder(Architecture(widths)), Decoder(Architecture(widths)))
        for widths in ((6, 9, 12, 14), tiny.info.architecture.widths)
    )
    for network, narrower in zip(wide, (tiny.encoder, tiny.decoder), strict=True):
        widen(network, narrower)
    expected, actual = pruned_images(wide, slim, make_image)
    assert -10 * (actual - expected).square().mean().log10() > 30  # its mean color: 16


def test_pruning_drops_what_others_say_too(tiny: AdaINModel, make_image: MakeImage) -> None:
    """Of a channel that is there twice one goes, however strong it is."""
    twice = torch.tensor([0, 1, 2, 3, 0, 1])
    architecture = Architecture((6, 4, 6, 6, 8, 8, 8, 8, 10))
    wide = Encoder(architecture), Decoder(architecture)
    changes = (("conv1_1", "conv1_2"), ("conv1_2", "conv1_1"))  # a layer, and what reads it
    for network, given, (layer, reader) in zip(
        wide, (tiny.encoder, tiny.decoder), changes, strict=True
    ):
        weights = dict(given.state_dict())
        for kind in ("weight", "bias"):
            weights[f"{layer}.{kind}"] = weights[f"{layer}.{kind}"][twice]
        share = torch.tensor([0.5, 0.5, 1, 1, 0.5, 0.5])[:, None, None]
        weights[f"{reader}.weight"] = weights[f"{reader}.weight"][:, twice] * share
        network.load_state_dict(weights)
    slim = Encoder(tiny.info.architecture), Decoder(tiny.info.architecture)
    expected, actual = pruned_images(wide, slim, make_image)
    assert -10 * (actual - expected).square().mean().log10() > 30


def test_a_run_starts_from_a_wider_model(
    config: TrainingConfig, tiny_path: Path, make_image: MakeImage
) -> None:
    start = dataclasses.replace(config, init=str(tiny_path), widths=(3, 5, 7, 8))
    starts = (
        dataclasses.replace(start, init=""),
        start,
        dataclasses.replace(start, distill_steps=20),
    )
    losses = []
    for number, change in enumerate(starts):
        run = dataclasses.replace(change, output=f"{config.output}{number}", steps=1)
        trainer = Trainer(run, progress=False)
        trainer.run()
        losses.append(trainer.before["style"])
    # Pruned is better than random; twenty steps of distillation take effect, whatever they gain
    # on random filters.
    assert losses[1] < losses[0]
    assert losses[2] != losses[1]


def test_a_pruned_start_is_saved_before_the_first_step(
    config: TrainingConfig, tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = dataclasses.replace(
        config, init=str(tiny_path), widths=(3, 5, 7, 8), distill_steps=2, optimizer="soap", steps=3
    )
    first = Trainer(start, progress=False)
    monkeypatch.setattr(Student, "start_from", None)  # not called again
    second = Trainer(start, resume=True, progress=False)
    assert (second.step, second.seconds) == (0, first.seconds)
    assert first.seconds > 0  # part of the card's minutes
    for trainer in (first, second):
        assert trainer.run()
    assert_same_run(first, second)


def test_distillation_brings_the_features_nearer(tiny: AdaINModel, make_image: MakeImage) -> None:
    torch.manual_seed(0)
    slim = Encoder(Architecture((3, 4, 6, 8)))
    initialize(slim)
    chosen, scale = torch.arange(8), torch.full((8,), 2.0)
    images = make_image(32, 32, batch=4)

    @torch.no_grad()
    def error() -> float:
        return (slim(images) - 2 * tiny.encoder(images)[:, chosen]).square().mean().item()

    before = error()
    distill(tiny.encoder, slim, chosen, scale, iter([images] * 300), 300)
    assert error() < 0.5 * before


def test_init_of_a_full_width_run_must_be_full_width(
    config: TrainingConfig, tiny_path: Path
) -> None:
    full = dataclasses.replace(config, init=str(tiny_path), widths=Architecture().widths)
    with pytest.raises(TrainingError, match="the encoder is the frozen VGG"):
        Trainer(full, progress=False)
