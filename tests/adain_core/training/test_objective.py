"""The objective: what a step minimizes, on which pairs, with which loss network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adain_core import WeightsError
from adain_core.color import transfer_color
from adain_core.evaluation.checkerboard import checkerboard_loss
from adain_core.evaluation.metrics import palette_distance, perceptual_distance
from adain_core.functional import adaptive_instance_norm, channel_statistics
from adain_core.training import Trainer, TrainingConfig
from adain_core.training.batches import add_noise, choose_batch
from adain_core.training.loss_network import LossNetwork
from adain_core.training.losses import balanced_style_loss, smoothness_loss

MakeImage = Callable[..., Tensor]


def test_optional_losses(config: TrainingConfig) -> None:
    config = dataclasses.replace(
        config,
        steps=4,
        identity_weight=1.0,
        random_alpha=True,
        clip_norm=0.5,
    )
    trainer = Trainer(config, progress=False)
    trainer.run()
    assert set(trainer.log.history[-1]) == {"step", "content", "style", "identity", "total"}
    gradients = [p.grad for p in trainer.learner.student.parameters() if p.grad is not None]
    norm = sum(gradient.square().sum() for gradient in gradients)
    assert norm**0.5 <= 0.5 * (1 + 1e-4)


def test_random_alphas_depend_on_the_step(config: TrainingConfig) -> None:
    pool = next(Trainer(config, progress=False).reader.read(0))
    assert choose_batch(config, pool, 1).alpha.tolist() == [[1], [1]]
    random = dataclasses.replace(config, random_alpha=True)
    alphas = [choose_batch(random, pool, step).alpha for step in (1, 1, 2)]
    assert torch.equal(alphas[0], alphas[1]) and not torch.equal(alphas[0], alphas[2])


def test_photos_in_the_colors_of_their_artworks(config: TrainingConfig) -> None:
    pool = next(Trainer(config, progress=False).reader.read(0))
    noisy = dataclasses.replace(config, match_colors=1.0, noise=0.1)
    batch = choose_batch(noisy, pool, 0)
    expected = transfer_color(batch.pairs.content, batch.pairs.style, "transport")
    assert torch.equal(batch.clean, expected) and not torch.equal(batch.photos, expected)
    half = dataclasses.replace(config, match_colors=0.5)
    batches = [choose_batch(half, pool, step) for step in range(8)]
    matched = [
        bool((each != photo).any())
        for batch in batches
        for each, photo in zip(batch.clean, batch.pairs.content, strict=True)
    ]
    assert 0 < sum(matched) < len(matched)


def test_imitation(config: TrainingConfig) -> None:
    config = dataclasses.replace(config, steps=3, imitation_weight=7.0, log_every=1)
    trainer = Trainer(config, progress=False)
    trainer.run()
    names = {"step", "content", "style", "imitation", "total"}
    assert set(trainer.log.history[-1]) == names
    pool = next(trainer.reader.read(0))
    batch = choose_batch(config, pool, 0)
    losses = trainer.learner.objective(batch)
    pairs = batch.pairs
    output, _ = trainer.learner.student(pairs.content, pairs.style, batch.alpha, False)
    # The images of the teacher are of fixed pairs.
    place = [torch.equal(each, pairs.content[0]) for each in pool.content].index(True)
    assert torch.equal(pairs.style[0], pool.style[place])
    teacher = pairs.teacher
    assert torch.equal(teacher[0], pool.teacher[place])
    cells = (output - teacher).unflatten(2, (-1, 8)).unflatten(4, (-1, 8)).mean(dim=(3, 5))
    expected = 100 * (output - teacher).square().mean() + 800 * cells.square().mean()
    for level, wanted in zip(
        *map(trainer.reader.loss_network.levels, (output, teacher)), strict=True
    ):
        expected += (level - wanted).square().mean()
    # The teacher's features are kept in bfloat16.
    torch.testing.assert_close(losses["imitation"], 7 * expected, rtol=1e-3, atol=0)


def test_loss_network_is_frozen_and_computes_in_the_runs_precision(
    folders: Path, make_image: MakeImage
) -> None:
    cpu = torch.device("cpu")
    exact, fast = (
        LossNetwork(folders / "vgg.safetensors", precision, cpu) for precision in ("no", "bf16")
    )
    images = make_image(16, 24).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        levels, wanted = fast.levels(images), exact.levels(images)
        decoded, expected_image = fast.decode(levels[-1]), exact.decode(levels[-1])
    for value, expected in zip([*levels, decoded], [*wanted, expected_image], strict=True):
        assert (value.dtype, expected.dtype) == (torch.bfloat16, torch.float32)
        error = (value.float() - expected).square().mean() / expected.square().mean()
        assert error < 1e-4
    # The gradient reaches the images and no weights; the encoder for a student stays exact.
    decoded.sum().backward()
    assert images.grad is not None and images.grad.abs().max() > 0
    still = fast.levels(images.detach())
    assert not any(level.requires_grad for level in (*still, fast.decode(still[-1])))
    assert not any(p.requires_grad for p in fast.encoder.parameters())
    assert all(p.dtype == torch.float32 for p in fast.encoder.parameters())


def test_perceptual_target_is_the_papers(config: TrainingConfig) -> None:
    """On the VGG's own AdaIN target the content loss is zero by definition of the target."""
    trainer = Trainer(config, progress=False)
    pool = next(trainer.reader.read(0))
    target = adaptive_instance_norm(
        pool.content_features,
        *channel_statistics(trainer.reader.loss_network.levels(pool.style)[-1]),
    )
    levels = [*trainer.reader.loss_network.levels(pool.style)[:3], target]
    losses = pool.losses(torch.ones(4, 1), levels)
    assert losses["content"].item() == pytest.approx(0, abs=1e-8)
    assert losses["style"] < 1e-3  # the eps under the root, for features of 2x2 pixels


def test_slim_loss_network(config: TrainingConfig, tiny_path: Path) -> None:
    with pytest.raises(WeightsError, match="must have the paper's widths"):
        Trainer(dataclasses.replace(config, encoder=str(tiny_path)), progress=False)


def test_losses_of_what_people_see(config: TrainingConfig) -> None:
    weights = {"balanced_style": 3.0, "smoothness": 5.0, "checkerboard": 7.0}
    config = dataclasses.replace(
        config,
        random_alpha=True,
        seed=1,  # at seed 0 the output of so narrow a decoder is black
        **{f"{name}_weight": value for name, value in weights.items()},
    )
    trainer = Trainer(config, progress=False)
    batch = choose_batch(config, next(trainer.reader.read(0)), 0)
    pairs = batch.pairs
    losses = trainer.learner.objective(batch)
    output, _ = trainer.learner.student(batch.photos, pairs.style, batch.alpha, False)
    assert output.std() > 0
    levels = trainer.reader.loss_network.levels(output)
    expected = {
        "balanced": 3 * balanced_style_loss(levels, pairs.targets(batch.alpha)),
        "smoothness": 5 * smoothness_loss(output, pairs.content),
        "checkerboard": 7 * checkerboard_loss(output),
    }
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value)
    names = ("content", "style", *expected)
    torch.testing.assert_close(losses["total"], sum(losses[name] for name in names))


def test_the_student_sees_noise_that_the_losses_do_not(config: TrainingConfig) -> None:
    config = dataclasses.replace(config, noise=0.1)
    pool = next(Trainer(config, progress=False).reader.read(0))
    first, again, other = (choose_batch(config, pool, step) for step in (0, 0, 1))
    assert torch.equal(first.photos, again.photos)
    assert any(torch.equal(each, first.pairs.content[0]) for each in pool.content)
    noise = first.photos - first.pairs.content
    assert noise.abs().max() > 0.001
    assert not torch.equal(noise, other.photos - other.pairs.content)
    still = choose_batch(dataclasses.replace(config, noise=0.0), pool, 0)
    assert torch.equal(still.photos, first.pairs.content)


def test_consistency_compares_the_results_of_a_noisy_and_a_clean_photo(
    config: TrainingConfig,
) -> None:
    config = dataclasses.replace(
        config, noise=0.2, consistency_weight=4.0, identity_weight=2.0, seed=1
    )
    trainer = Trainer(config, progress=False)
    batch = choose_batch(config, next(trainer.reader.read(0)), 0)
    pairs, student = batch.pairs, trainer.learner.student
    losses = trainer.learner.objective(batch)
    noisy, reconstruction = student(batch.photos, pairs.style, batch.alpha, True)
    clean, _ = student(pairs.content, pairs.style, batch.alpha, False)
    expected = 4 * (noisy - clean).square().mean()
    assert expected > 0
    torch.testing.assert_close(losses["consistency"], expected, rtol=1e-4, atol=1e-7)
    identity = 2 * (reconstruction - pairs.content).square().mean()
    torch.testing.assert_close(losses["identity"], identity)


def test_percept_compares_a_result_with_its_photo(config: TrainingConfig) -> None:
    trainer = Trainer(dataclasses.replace(config, percept_weight=3.0), progress=False)
    batch = choose_batch(config, next(trainer.reader.read(0)), 0)
    network = trainer.learner.objective.loss_network
    losses = trainer.learner.objective(batch)
    result, _ = trainer.learner.student(batch.photos, batch.pairs.style, batch.alpha, False)
    levels, photo_levels = network.levels(result), network.levels(batch.pairs.content)
    expected = 3 * perceptual_distance(levels, photo_levels)
    assert expected > 0.01
    torch.testing.assert_close(losses["percept"], expected)


def test_palette_compares_an_image_with_its_artwork(config: TrainingConfig) -> None:
    trainer = Trainer(dataclasses.replace(config, palette_weight=5.0), progress=False)
    batch = choose_batch(config, next(trainer.reader.read(0)), 0)
    losses = trainer.learner.objective(batch)
    image, _ = trainer.learner.student(batch.photos, batch.pairs.style, batch.alpha, False)
    expected = 5 * palette_distance(image, batch.pairs.style)
    assert expected > 0.01
    torch.testing.assert_close(losses["palette"], expected)


def test_noise_of_a_photo_has_a_deviation_up_to_the_largest() -> None:
    gray = torch.full((64, 3, 32, 32), 0.5)
    noisy = add_noise(gray, 0.1, seed=1)
    assert torch.equal(noisy, add_noise(gray, 0.1, seed=1))
    deviations = (noisy - gray).flatten(1).std(dim=1)
    assert 0.09 < deviations.max() < 0.103 and deviations.min() < 0.01
    assert deviations.mean().item() == pytest.approx(0.05, abs=0.01)
    assert noisy.min() >= 0 and add_noise(gray + 0.5, 0.1, seed=1).max() <= 1
