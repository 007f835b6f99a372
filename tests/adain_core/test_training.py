"""Training: the losses, exact data and exact resume, falling losses, what a run leaves."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from adain_core import AdaINModel, Architecture, ImageFileError, WeightsError, __version__
from adain_core.architecture import Fusion
from adain_core.checkerboard import checkerboard_loss
from adain_core.cli import main
from adain_core.evaluation import Pairs, judge_model, mean_scores
from adain_core.functional import adaptive_instance_norm, channel_statistics
from adain_core.images import list_images, load_image, save_image
from adain_core.networks import Decoder, Encoder
from adain_core.training import Trainer, TrainingConfig, TrainingError
from adain_core.training.config import Optimizer
from adain_core.training.data import Crops, crop_batches, seeded
from adain_core.training.loss_network import LossNetwork
from adain_core.training.losses import (
    content_loss,
    imitation_loss,
    level_statistics,
    mean_squared_difference,
    style_loss,
)
from adain_core.training.pools import Pool
from adain_core.training.pruning import _distill, prune
from adain_core.training.report import model_card, training_summary, write_curves
from adain_core.training.student import Student, _initialize, _widen
from adain_core.weights import ModelInfo, fingerprint, load_info, load_model, save_model

Picture = Callable[..., Tensor]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, picture: Picture) -> Path:
    """``content`` and ``style`` with 6 pictures each, and ``vgg.safetensors``, full width."""
    root = tmp_path_factory.mktemp("training")
    for kind, start in (("content", 0), ("style", 100)):
        (root / kind).mkdir()
        for number in range(6):
            save_image(root / kind / f"{number}.png", picture(40, 48, seed=start + number))
    # Random filters serve the paper's losses nearly as well on data this small.
    architecture = Architecture()
    torch.manual_seed(0)
    encoder, decoder = Encoder(architecture), Decoder(architecture)
    for module in (*encoder.modules(), *decoder.modules()):
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    save_model(root / "vgg.safetensors", ModelInfo(architecture), encoder, decoder)
    return root


@pytest.fixture
def config(folders: Path, tmp_path: Path) -> TrainingConfig:
    """A slim run of 12 steps, without worker processes."""
    return TrainingConfig(
        content=str(folders / "content"),
        style=str(folders / "style"),
        encoder=str(folders / "vgg.safetensors"),
        output=str(tmp_path / "run"),
        widths=(4, 6, 8, 12),
        steps=12,
        batch_size=2,
        learning_rate=2e-3,
        content_size=(16, 24),
        style_size=(16, 24),
        crop=16,  # the full-width VGG takes most of the time
        pool=4,
        reuse=2,
        workers=0,
        log_every=2,
        save_every=100,
        sample_every=100,
    )


def weights_of(trainer: Trainer) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in trainer.average.state_dict().items()}


# --- losses -----------------------------------------------------------------------------------


def test_losses_are_zero_at_their_targets() -> None:
    levels = [torch.rand(2, channels, 8, 8) for channels in (3, 5)]
    assert style_loss(levels, level_statistics(levels)) == 0
    assert content_loss(levels[0], levels[0]) == 0


def test_style_loss_is_a_mean_over_channels_and_a_sum_over_levels() -> None:
    features = torch.rand(2, 4, 8, 8)
    mean, std = channel_statistics(features)
    # Means off by 0.5, stds off by 0.25, in each of two levels.
    loss = style_loss([features, features], [(mean + 0.5, std - 0.25)] * 2)
    assert loss.item() == pytest.approx(2 * (0.25 + 0.0625), rel=1e-5)


def test_content_loss_is_a_mean() -> None:
    features = torch.rand(2, 4, 8, 8)
    assert content_loss(features, features + 0.5).item() == pytest.approx(0.25, rel=1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
def test_mean_squared_difference_has_the_value_and_gradient_of_mse_loss(
    dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 4, 8, 8).to(dtype).requires_grad_()
    target = torch.randn(2, 4, 8, 8).to(dtype)
    value = mean_squared_difference(features, target)
    expected = torch.nn.functional.mse_loss(features.float(), target.float())
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, expected, rtol=tolerance, atol=0)
    (gradient,), (wanted,) = (torch.autograd.grad(7 * loss, features) for loss in (value, expected))
    assert gradient.dtype == dtype
    torch.testing.assert_close(gradient, wanted, rtol=tolerance, atol=1e-8)


def evenness(places: int, value: float) -> float:
    """Variance over the 64 places of a cell, of which some have a value and the others 0."""
    return (places / 64 - (places / 64) ** 2) * value**2


@pytest.mark.parametrize(
    ("period", "share"),
    [(8, 1.0), (16, 1 / 4), (1, 0.0)],
    ids=["a dot in every cell", "a dot in every fourth cell", "one colour"],
)
def test_checkerboard_loss_is_of_what_every_cell_repeats(period: int, share: float) -> None:
    image = torch.rand(2, 3, 1, 1).repeat(1, 1, 64, 128)
    image[..., 3 % period :: period, 3 % period :: period] += 1
    # Of 3 colours and 6 steps: the dot itself, and the steps to it and from it.
    expected = (3 * evenness(1, share) + 6 * evenness(2, share)) / 9
    assert checkerboard_loss(image).item() == pytest.approx(expected, rel=1e-4, abs=1e-10)


def test_checkerboard_loss_sees_cells_of_different_colours_by_their_edges() -> None:
    rows, columns = torch.arange(64)[:, None] // 8, torch.arange(64)[None] // 8
    cells = ((rows + columns) % 2).float().expand(1, 3, 64, 64)
    # Black and white average out; the step to the next cell, which 7 of 8 cells have, does not.
    expected = 6 * evenness(8, 7 / 8) / 9
    assert checkerboard_loss(cells).item() == pytest.approx(expected, rel=1e-4)


def test_checkerboard_loss_averages_out_other_periods() -> None:
    eight, seven = torch.zeros(2, 1, 3, 64, 64)
    eight[..., ::8, ::8] = 1
    seven[..., ::7, ::7] = 1
    assert checkerboard_loss(seven) < 0.05 * checkerboard_loss(eight)
    # A single row of cells, fewer than the window has: each stands for itself.
    one, two = torch.zeros(2, 1, 3, 8, 16)
    one[..., 3, 3] = 1
    two[..., 3, 3::8] = 1
    for image, share in ((one, 1 / 2), (two, 1)):
        expected = share * (3 * evenness(1, 1) + 6 * evenness(2, 1)) / 9
        assert checkerboard_loss(image).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)], ids=["fp32", "bf16"]
)
def test_level_statistics_and_their_gradient(dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 5, 6, 7).relu().to(dtype)
    weights = torch.randn(2, 2, 5)
    gradients, values = [], []
    for statistics in (channel_statistics, lambda x: level_statistics([x])[0]):
        leaf = features.clone().requires_grad_()
        pair = torch.stack(statistics(leaf))
        (pair * weights).sum().backward()
        values.append(pair)
        gradients.append(leaf.grad)
    torch.testing.assert_close(values[1], values[0], rtol=1e-5, atol=1e-6)
    # Relative to the largest, since bfloat16 rounds the sum of two terms that nearly cancel.
    assert (gradients[1] - gradients[0]).abs().max() < tolerance * gradients[0].abs().max()


def test_losses_in_float64() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    target, moments = torch.randn_like(features), torch.rand(2, 2, 3, dtype=torch.float64)
    picture, teacher = torch.rand(2, 1, 3, 9, 8, dtype=torch.float64)
    picture.requires_grad_()
    for loss in (
        lambda x: content_loss(x, target),
        lambda x: mean_squared_difference(x, target),
        lambda x: style_loss([x], [(moments[0], moments[1])]),
        lambda x: imitation_loss(picture, [x], teacher, [target]),
    ):
        assert loss(features).dtype == torch.float64
        assert torch.autograd.gradcheck(loss, features)
    assert torch.autograd.gradcheck(lambda x: imitation_loss(x, [], teacher, []), picture)


@pytest.mark.filterwarnings("error")
def test_one_target_of_a_batch() -> None:
    levels = [torch.rand(2, channels, 8, 8) for channels in (3, 5)]
    one = level_statistics([level[:1] for level in levels])
    for_all = [(mean.repeat(2, 1), std.repeat(2, 1)) for mean, std in one]
    assert style_loss(levels, one) == style_loss(levels, for_all)
    target = levels[0][1:]
    assert content_loss(levels[0], target) == content_loss(levels[0], target.repeat(2, 1, 1, 1))


def test_targets_that_do_not_fit() -> None:
    levels = [torch.rand(2, channels, 8, 8) for channels in (3, 5)]
    targets = level_statistics(levels)
    with pytest.raises(ValueError, match=r"of every level, got 1 for 2 levels"):
        style_loss(levels, targets[:1])
    with pytest.raises(ValueError, match=r"of shape \(2, 5\), or of one sample, got \(2, 1\)"):
        style_loss(levels, [targets[0], (targets[1][0][:, :1], targets[1][1])])
    for other in (levels[1], levels[0][:, :, :1], levels[0][[0, 1, 0]]):
        with pytest.raises(ValueError, match=r"of shape \(2, 3, 8, 8\), or of one sample, got"):
            content_loss(levels[0], other)


# --- configuration ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"steps": 0}, r"^training: steps must be a whole number, 1 or more, got 0$"),
        ({"steps": 3.5}, "steps must be a whole number"),
        ({"batch_size": 2.0}, "batch_size must be a whole number"),
        ({"distill_steps": -1}, "distill_steps must be a whole number, 0 or more"),
        ({"distill_steps": 5}, "distill_steps need init, a wider model to distil from, got 5"),
        ({"warmup_steps": -5}, "warmup_steps"),
        ({"workers": -1}, "workers"),
        ({"pool": -2}, "pool must be a whole number, 0 or more"),
        ({"pool": 3}, r"^training: pool must be a multiple of batch_size \(2\), got 3$"),
        ({"validation_style": "art"}, "validation_content and validation_style belong together"),
        ({"crop": 30}, "crop must be a multiple of 8"),
        ({"content_size": (8, 40)}, "content_size"),
        ({"style_size": (40, 24)}, "style_size"),
        ({"ema": 1.0}, "ema"),
        ({"style_weight": -1.0}, "style_weight must be a finite number, 0 or more"),
        ({"style_weight": math.inf}, "style_weight must be a finite number"),
        ({"content_weight": math.nan}, "content_weight must be a finite number"),
        ({"style_weight": 0.0, "content_weight": 0.0}, "must be above 0, or nothing is learnt"),
        ({"learning_rate": math.inf}, "learning_rate must be a finite number above 0"),
        ({"content_size": (16.0, 24.0)}, "content_size and style_size must be .* whole numbers"),
        ({"crop": 16.0}, "crop must be a multiple of 8"),
        ({"widths": (4, 6, 8)}, "widths must be 4 whole numbers"),
        ({"normalization": "layer"}, "normalization must be one of none, batch, instance"),
    ],
)
def test_bad_settings(config: TrainingConfig, change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        dataclasses.replace(config, **change)


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


# --- data -------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [49, 98, 103])
def test_sizes_that_are_rounded_down_to_less_than_the_crop(
    tmp_path: Path, picture: Picture, side: int
) -> None:
    save_image(tmp_path / "picture.png", picture(side, side + 30))
    assert int(side * (128 / side)) == 127
    crop, broken = Crops(str(tmp_path), (128, 128), 128, seed=0)[0]
    assert crop.shape == (3, 128, 128) and not broken


def test_crops_depend_on_seed_and_number_alone(config: TrainingConfig) -> None:
    first, second = (Crops(config.content, (32, 40), 32, seed=5) for _ in range(2))
    backwards = {number: second[number][0] for number in reversed(range(9))}
    for number in range(9):
        crop, broken = first[number]
        assert crop.shape == (3, 32, 32)
        assert torch.equal(crop, backwards[number])
        assert broken == frozenset()
    assert not torch.equal(first[0][0], Crops(config.content, (32, 40), 32, seed=6)[0][0])


def test_recoloured_crops(config: TrainingConfig, tmp_path: Path, picture: Picture) -> None:
    plain, always, half = (Crops(config.content, (32, 40), 32, 5, share) for share in (0, 1, 0.5))
    assert all((plain[n][0] - always[n][0]).abs().mean() > 0.01 for n in range(24))
    assert all(torch.equal(always[n][0], always[n][0]) for n in range(3))
    changed = sum(not torch.equal(plain[n][0], half[n][0]) for n in range(24))
    assert 6 <= changed <= 18
    # Of grey nothing but the curve from old to new brightness changes: the place is the same.
    grey = picture(48, 40).mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    save_image(tmp_path / "grey.png", 0.3 + 0.4 * grey)
    plain, always = (Crops(str(tmp_path), (32, 40), 32, 5, share) for share in (0, 1))
    for number in range(6):
        both = torch.stack([plain[number][0].flatten(), always[number][0].flatten()])
        assert torch.corrcoef(both)[0, 1].abs() > 0.7


def test_exchanged_palettes(tmp_path: Path, picture: Picture) -> None:
    """Crops take the mean and std of another image's colours, and keep their own drawing."""
    moments = []
    for name, levels in {"red": (0.6, 0.4, 0.3), "blue": (0.3, 0.35, 0.6)}.items():
        image = torch.tensor(levels).reshape(3, 1, 1) + 0.2 * (picture(40, 40)[0] - 0.5)
        save_image(tmp_path / f"{name}.png", image[None])
        image = load_image(tmp_path / f"{name}.png")[0]
        moments.append(torch.stack([image.mean((1, 2)), image.std((1, 2))]))
    plain = Crops(str(tmp_path), (40, 40), 32, 5)
    exchanged = Crops(str(tmp_path), (40, 40), 32, 5, palette_exchange=1)
    taken = set()
    for number in range(12):
        before, after = plain[number][0], exchanged[number][0]
        found = torch.stack([after.mean((1, 2)), after.std((1, 2))])
        distances = [(found - wanted).abs().max().item() for wanted in moments]
        assert min(distances) < 1e-5
        taken.add(distances.index(min(distances)))
        for channel in range(3):
            both = torch.stack([before[channel].flatten(), after[channel].flatten()])
            assert torch.corrcoef(both)[0, 1] == pytest.approx(1, abs=1e-5)
    assert taken == {0, 1}
    half = Crops(str(tmp_path), (40, 40), 32, 5, palette_exchange=0.5)
    changed = sum(not torch.equal(plain[n][0], half[n][0]) for n in range(24))
    assert 6 <= changed <= 18


def test_turned_crops(config: TrainingConfig) -> None:
    plain = Crops(config.content, (32, 40), 32, 5)
    turned = Crops(config.content, (32, 40), 32, 5, turn=True)
    turns = set()
    for number in range(24):
        same = [
            quarter
            for quarter in range(4)
            if torch.equal(plain[number][0].rot90(quarter, (1, 2)), turned[number][0])
        ]
        assert same
        turns |= set(same)
    assert turns == {0, 1, 2, 3}


def test_crops_without_mirroring(config: TrainingConfig) -> None:
    mirrored, plain = (Crops(config.content, (32, 40), 32, 5, flip=flip) for flip in (True, False))
    same = []
    for number in range(24):
        crop, wanted = plain[number][0], mirrored[number][0]
        same.append(torch.equal(crop, wanted))
        assert same[-1] or torch.equal(crop.flip(2), wanted)
    assert 6 <= sum(same) <= 18


def test_crops_of_a_run_without_augmentation(config: TrainingConfig) -> None:
    for augment in (True, False):
        crops = Trainer(dataclasses.replace(config, augment=augment), progress=False).reader.crops
        [flip] = {each.transform.transforms[2].p for each in crops}
        assert flip == (0.5 if augment else 0)
        assert [each.turn for each in crops] == [False, augment]


def test_images_in_sub_folders(tmp_path: Path, picture: Picture) -> None:
    root = tmp_path / "art [1]"
    for name in ("b", "Baroque/a", "Cubism/late/c"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        save_image(root / f"{name}.png", picture(32, 32))
    crops = Crops(root, (32, 32), 32, seed=0)
    assert {path.stem for path in crops.paths} == {"a", "b", "c"}


def test_large_jpegs_are_decoded_smaller(tmp_path: Path, picture: Picture) -> None:
    save_image(tmp_path / "a.jpg", picture(100, 127))
    pixels = Crops(tmp_path, (16, 32), 16, seed=0)._read(0)[0]  # less than four times as large
    assert torch.equal(pixels, load_image(tmp_path / "a.jpg")[0])
    smaller = Crops(tmp_path, (16, 25), 16, seed=0)._read(0)[0]
    assert smaller.shape == (3, 50, 64)
    halved = torch.nn.functional.interpolate(pixels[None], (50, 64), mode="area")[0]
    assert (smaller - halved).abs().mean() < 0.03


def test_only_artworks_are_turned_and_exchange_palettes(config: TrainingConfig) -> None:
    trainer = Trainer(dataclasses.replace(config, palette_exchange=0.5), progress=False)
    contents, styles = trainer.reader.crops
    assert (contents.turn, contents.palette_exchange) == (False, 0)
    assert (styles.turn, styles.palette_exchange) == (True, 0.5)


def test_reading_crops_leaves_the_global_generator_alone(config: TrainingConfig) -> None:
    state = torch.random.get_rng_state()
    Crops(config.content, (32, 40), 32, seed=5)[3]
    assert torch.equal(state, torch.random.get_rng_state())


def test_each_pass_shows_every_image_once(tmp_path: Path) -> None:
    for number in range(6):
        save_image(tmp_path / f"{number}.png", torch.full((1, 3, 32, 32), number / 5))
    crops = Crops(str(tmp_path), (32, 40), 32, seed=5)
    shown = [round(5 * crops[number][0].mean().item()) for number in range(18)]
    for lap in range(3):
        assert sorted(shown[lap * 6 : lap * 6 + 6]) == list(range(6))
    assert shown[:6] != shown[6:12]


def test_batches_start_anywhere_and_are_shared_between_processes(config: TrainingConfig) -> None:
    crops = Crops(config.content, (32, 40), 32, seed=5)
    whole = torch.cat([next(b)[0] for b in [crop_batches(crops, 8, 0, 0)]])
    from_three = next(crop_batches(crops, 2, 0, 3))[0]
    assert torch.equal(from_three, whole[3:5])
    odd = next(crop_batches(crops, 2, 0, 1, stride=2))[0]
    assert torch.equal(odd, whole[[1, 3]])


def test_worker_processes_read_the_same(config: TrainingConfig) -> None:
    crops = Crops(config.content, (32, 40), 32, seed=5)
    batches = [crop_batches(crops, 4, workers, 0) for workers in (0, 2)]
    for _ in range(2):
        here, there = (next(source)[0] for source in batches)
        assert torch.equal(here, there)


def test_broken_images_are_replaced_and_counted(tmp_path: Path, picture: Picture) -> None:
    for number in range(3):
        save_image(tmp_path / f"{number}.png", picture(32, 32, seed=number))
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:100])
    crops = Crops(str(tmp_path), (32, 32), 32, seed=0)
    found = [crops[number] for number in range(3)]
    assert frozenset().union(*(broken for _, broken in found)) == {1}
    assert all(crop.shape == (3, 32, 32) for crop, _ in found)


def test_a_readable_image_is_found_among_broken_ones(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    save_image(tmp_path / "b.png", picture(32, 32) * 0.5 + 0.5)
    # On the border of two passes the order may have the broken file twice, one after the other.
    crops = Crops(str(tmp_path), (32, 32), 32, seed=0)
    assert all(crops[number][0].min() > 0.4 for number in range(20))


@pytest.mark.parametrize("workers", [0, 1])
def test_only_broken_images(tmp_path: Path, workers: int) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"no picture")
    crops = Crops(str(tmp_path), (32, 32), 32, seed=0, palette_exchange=1.0)
    with pytest.raises(ImageFileError) as error:
        next(crop_batches(crops, 2, workers, 0))
    assert str(error.value) == f"{tmp_path}: none of its images can be read"


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match=r"photoz: expected a folder of images, found none"):
        Crops(str(tmp_path / "photoz"), (32, 32), 32, seed=0)


def test_seeded_generators_differ() -> None:
    draws = {torch.rand(1, generator=seeded(*key)).item() for key in [(0,), (1,), (0, 0), (0, 1)]}
    assert len(draws) == 4


# --- runs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("optimizer", "fall"), [("adam", 0.8), ("soap", 0.85)])
def test_eighty_steps_lower_both_losses(
    config: TrainingConfig, optimizer: Optimizer, fall: float
) -> None:
    config = dataclasses.replace(config, steps=80, log_every=10, optimizer=optimizer)
    trainer = Trainer(config, progress=False)
    assert trainer.run()
    before, after = trainer.before, trainer._fixed_losses()
    assert after["content"] < 0.9 * before["content"]
    assert after["style"] < 0.9 * before["style"]
    totals = [entry["total"] for entry in trainer.history]
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
    before = {k: v.clone() for k, v in trainer._unwrapped.state_dict().items()}
    trainer.run()
    for name, value in trainer._unwrapped.state_dict().items():
        changed = not torch.equal(value, before[name])
        assert changed == name.startswith("decoder"), name
    assert trainer._fixed_losses()["content"] < trainer.before["content"]


@pytest.mark.parametrize(
    ("optimizer", "stop_at"), [("adam", 3), ("adam", 7), ("adam", 10), ("soap", 3), ("soap", 10)]
)
def test_resumed_run_equals_an_uninterrupted_one(
    config: TrainingConfig, tmp_path: Path, optimizer: Optimizer, stop_at: int
) -> None:
    config = dataclasses.replace(config, optimizer=optimizer)
    whole = Trainer(config, progress=False)
    whole.run()

    halved = dataclasses.replace(config, output=str(tmp_path / "halved"), random_alpha=False)
    first = Trainer(dataclasses.replace(halved, steps=12), progress=False)
    step = first._train_step

    def interrupted(pool: Pool) -> dict[str, Tensor]:
        losses = step(pool)
        if first.step + 1 == stop_at:
            signal.raise_signal(signal.SIGTERM)
        return losses

    first._train_step = interrupted  # type: ignore[method-assign]
    assert not first.run()
    assert first.step == stop_at

    second = Trainer(halved, resume=True, progress=False)
    assert second.step == stop_at
    assert second.run()
    for name, value in weights_of(whole).items():
        torch.testing.assert_close(weights_of(second)[name], value, rtol=0, atol=0, msg=name)
    assert second.history == whole.history


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
    assert second.history == whole.history
    for name, value in weights_of(whole).items():
        torch.testing.assert_close(weights_of(second)[name], value, rtol=0, atol=0, msg=name)


def test_a_run_outside_the_main_thread(config: TrainingConfig) -> None:
    trainer = Trainer(dataclasses.replace(config, steps=1), progress=False)
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(trainer.run).result()


def test_losses_are_means_over_processes(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process's losses are 1 higher."""
    trainer = Trainer(config, progress=False)
    asked = []

    def reduce(losses: dict[str, Tensor], how: str) -> dict[str, Tensor]:
        asked.append(how)
        return {name: values + 0.5 for name, values in losses.items()}

    monkeypatch.setattr(trainer.accelerator, "reduce", reduce)
    trainer.pending = [{"total": torch.tensor(value)} for value in (1.0, 3.0)]
    with trainer._bar() as bar:
        trainer._log(bar, None)
    assert asked == ["mean"]
    assert trainer.history == [{"step": 0, "total": 2.5}]
    assert trainer.pending == []


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="Windows has no process groups")
@pytest.mark.parametrize("name", ["INT", "TERM"])
def test_a_signal_to_the_process_group_leaves_a_checkpoint(
    config: TrainingConfig, name: str
) -> None:
    config = dataclasses.replace(config, workers=1)
    # In a group of its own; half a second is enough for workers to die in.
    script = f"""
import os, subprocess, sys, time
import conftest  # torchvision's missing operators
from adain_core.training import Trainer, TrainingConfig

trainer = Trainer(TrainingConfig(**{dataclasses.asdict(config)!r}), progress=False)
step = trainer._train_step

def interrupted(pool):
    losses = step(pool)
    if trainer.step == 2:
        # By another process: PyTorch's workers know their parent's SIGTERM.
        subprocess.run(["kill", "-{name}", "--", f"-{{os.getpgid(0)}}"])
        time.sleep(0.5)
    return losses

trainer._train_step = interrupted
sys.exit(trainer.run())  # 0: not finished
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        timeout=60,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    assert done.returncode == 0
    assert Trainer(config, resume=True, progress=False).step == 3


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
    assert set(trainer.history[-1]) == {"step", "content", "style", "identity", "total"}
    norm = sum(p.grad.square().sum() for p in trainer.student.parameters() if p.grad is not None)
    assert norm**0.5 <= 0.5 * (1 + 1e-4)
    alphas = [trainer._alpha(2) for trainer.step in (1, 1, 2)]
    assert torch.equal(alphas[0], alphas[1]) and not torch.equal(alphas[0], alphas[2])


@pytest.mark.parametrize("imitation", [0.0, 1.0])
def test_pairs_of_a_pool(config: TrainingConfig, imitation: float) -> None:
    reader = Trainer(dataclasses.replace(config, imitation_weight=imitation), progress=False).reader
    pool = next(reader.read(0))
    contents, styles = torch.tensor([2, 0]), torch.tensor([1, 3])
    pairs = pool.pairs(contents, styles)
    assert torch.equal(pairs.content, pool.content[contents])
    assert torch.equal(pairs.style, pool.style[styles])
    assert torch.equal(pairs.content_features, pool.content_features[contents])
    for level in range(4):
        for which in range(2):  # mean and std
            found, whole = pairs.content_statistics[level][which], pool.content_statistics[level]
            assert torch.equal(found, whole[which][contents])
            found, whole = pairs.style_statistics[level][which], pool.style_statistics[level]
            assert torch.equal(found, whole[which][styles])
        if imitation:
            expected = pool.teacher_levels[level][contents]
            assert torch.equal(pairs.teacher_levels[level], expected)
    if imitation:
        assert torch.equal(pairs.teacher, pool.teacher[contents])
    # A graph's inputs: a tensor that is missing would stay the first batch's.
    fields = pairs.__dict__.values()
    expected = [field for field in fields if isinstance(field, Tensor)] + pairs.teacher_levels
    for mean, std in [*pairs.content_statistics, *pairs.style_statistics]:
        expected += [mean, std]
    assert sorted(map(id, pairs.tensors)) == sorted(map(id, expected))


def test_imitation_and_checkerboard(config: TrainingConfig) -> None:
    config = dataclasses.replace(config, steps=3, imitation_weight=7.0, log_every=1)
    trainer = Trainer(config, progress=False)
    trainer.run()
    names = {"step", "content", "style", "imitation", "checkerboard", "total"}
    assert set(trainer.history[-1]) == names
    pool = next(trainer.reader.read(0))
    trainer.step = 0
    batch, alpha = trainer._batch(pool), torch.ones(2, 1)
    losses = trainer._losses(batch, alpha)
    output, _ = trainer.student(batch.content, batch.style, alpha, False)
    # The teacher's pictures are of fixed pairs.
    place = [torch.equal(each, batch.content[0]) for each in pool.content].index(True)
    assert torch.equal(batch.style[0], pool.style[place])
    teacher = batch.teacher
    assert torch.equal(teacher[0], pool.teacher[place])
    checkerboard = 7 * 30_000 * checkerboard_loss(output)
    torch.testing.assert_close(losses["checkerboard"], checkerboard, rtol=1e-3, atol=0)
    cells = (output - teacher).unflatten(2, (-1, 8)).unflatten(4, (-1, 8)).mean(dim=(3, 5))
    expected = 100 * (output - teacher).square().mean() + 800 * cells.square().mean()
    for level, wanted in zip(*map(trainer.loss_network.levels, (output, teacher)), strict=True):
        expected += (level - wanted).square().mean()
    # The teacher's features are kept in bfloat16.
    torch.testing.assert_close(losses["imitation"], 7 * expected, rtol=1e-3, atol=0)


def test_loss_network_is_frozen_and_computes_in_the_runs_precision(
    folders: Path, picture: Picture
) -> None:
    cpu = torch.device("cpu")
    exact, fast = (
        LossNetwork(folders / "vgg.safetensors", precision, cpu) for precision in ("no", "bf16")
    )
    images = picture(16, 24).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        levels, wanted = fast.levels(images), exact.levels(images)
        drawn, expected_picture = fast.draw(levels[-1]), exact.draw(levels[-1])
    for value, expected in zip([*levels, drawn], [*wanted, expected_picture], strict=True):
        assert (value.dtype, expected.dtype) == (torch.bfloat16, torch.float32)
        error = (value.float() - expected).square().mean() / expected.square().mean()
        assert error < 1e-4
    # The gradient reaches the pictures and no weights; the encoder for a student stays exact.
    drawn.sum().backward()
    assert images.grad is not None and images.grad.abs().max() > 0
    for network in (fast.encoder, fast._vgg, fast._teacher):
        assert network is not None and not any(p.requires_grad for p in network.parameters())
    assert all(p.dtype == torch.float32 for p in fast.encoder.parameters())


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


@pytest.mark.parametrize("fusion", [None, "concat"])
def test_imitation_needs_a_teacher(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch, fusion: Fusion | None
) -> None:
    networks = Encoder(Architecture()), fusion and Decoder(Architecture(fusion=fusion))
    monkeypatch.setattr("adain_core.training.loss_network.read_loss_network", lambda _: networks)
    with pytest.raises(
        TrainingError, match=r"imitation needs a teacher: expected .* got .*vgg\.saf"
    ):
        Trainer(dataclasses.replace(config, imitation_weight=1.0), progress=False)


def test_a_run_starts_from_a_model(
    config: TrainingConfig, tiny_path: Path, tiny: AdaINModel
) -> None:
    start = dataclasses.replace(config, init=str(tiny_path), widths=(4, 6, 8, 10))
    student = Trainer(start, progress=False)._unwrapped
    for network, expected in ((student.encoder, tiny.encoder), (student.decoder, tiny.decoder)):
        for name, value in network.state_dict().items():
            assert torch.equal(value, expected.state_dict()[name]), name


def test_a_run_starts_from_a_narrower_model(
    config: TrainingConfig, tiny_path: Path, tiny: AdaINModel, picture: Picture
) -> None:
    start = dataclasses.replace(config, init=str(tiny_path), widths=(5, 6, 11, 12))
    trainer = Trainer(start, progress=False)
    student = trainer._unwrapped
    content, style = picture(24, 24, seed=1), picture(24, 24, seed=2)
    features, statistics = tiny.encoder(content), channel_statistics(tiny.encoder(style))
    expected = tiny.decoder(adaptive_instance_norm(features, *statistics))
    alpha = torch.ones(1, 1)
    output, _ = student(content, style, alpha, reconstruct=False)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-5)
    # The new channels are alive, and their first gradient goes to what takes them.
    output.square().mean().backward()
    assert student.decoder.get_parameter("conv3_3.weight").grad[:, 8:].abs().max() > 0


def test_a_run_starts_from_a_model_wider_here_and_narrower_there(
    config: TrainingConfig, tiny: AdaINModel, picture: Picture, tmp_path: Path
) -> None:
    """Pruned of channels that nothing reads, then widened: the old pictures."""
    torch.manual_seed(0)
    (tmp_path / "images").mkdir()
    mixed = Architecture((4, 6, 12, 14))
    networks = Encoder(mixed), Decoder(mixed)
    for network, narrower in zip(networks, (tiny.encoder, tiny.decoder), strict=True):
        _widen(network, narrower)
    save_model(tmp_path / "mixed.safetensors", ModelInfo(mixed), *networks)
    for number in range(8):
        save_image(tmp_path / "images" / f"{number}.png", picture(96, 96, seed=10 + number))
    images = {"content": tmp_path / "images", "style": tmp_path / "images"}
    sizes = {"crop": 96, "content_size": (96, 96), "style_size": (96, 96)}
    start = dataclasses.replace(
        config, init=tmp_path / "mixed.safetensors", widths=(5, 6, 8, 10), **images, **sizes
    )
    student = Trainer(start, progress=False)._unwrapped
    assert (student.encoder.conv1_1.out_channels, student.encoder.conv3_1.out_channels) == (5, 8)
    content, style = picture(40, 56, seed=7), picture(40, 56, seed=8)
    features, statistics = tiny.encoder(content), channel_statistics(tiny.encoder(style))
    expected = tiny.decoder(adaptive_instance_norm(features, *statistics)).clamp(0, 1)
    found, _ = student(content, style, torch.ones(1, 1), reconstruct=False)
    assert -10 * (found.clamp(0, 1) - expected).square().mean().log10() > 30


def test_a_run_starts_from_no_other_architecture(config: TrainingConfig, tiny_path: Path) -> None:
    start = dataclasses.replace(config, init=str(tiny_path), widths=(4, 6, 9, 12), fusion="concat")
    with pytest.raises(TrainingError, match="a run starts from a model of the same architecture"):
        Trainer(start, progress=False)


def test_pruning_finds_the_channels_that_matter(tiny: AdaINModel, picture: Picture) -> None:
    """A model widened by channels that nothing reads is pruned to its old pictures."""
    torch.manual_seed(0)
    wide, slim = (
        (Encoder(Architecture(widths)), Decoder(Architecture(widths)))
        for widths in ((6, 9, 12, 14), tiny.info.architecture.widths)
    )
    for network, narrower in zip(wide, (tiny.encoder, tiny.decoder), strict=True):
        _widen(network, narrower)
    contents, styles = (picture(96, 96, batch=4, seed=seed) for seed in (1, 2))
    prune(wide, slim, contents, styles, iter(()), distill_steps=0)
    content, style = picture(40, 56, seed=7), picture(32, 32, seed=8)
    expected, actual = (
        decoder(
            adaptive_instance_norm(encoder(content), *channel_statistics(encoder(style)))
        ).clamp(0, 1)
        for encoder, decoder in (wide, slim)
    )
    assert -10 * (actual - expected).square().mean().log10() > 30  # its mean colour: 16


def test_a_run_starts_from_a_wider_model(
    config: TrainingConfig, tiny_path: Path, picture: Picture
) -> None:
    start = dataclasses.replace(config, init=str(tiny_path), widths=(3, 5, 7, 8))
    losses = [
        Trainer(
            dataclasses.replace(change, output=f"{config.output}{number}"), progress=False
        )._fixed_losses()["style"]
        for number, change in enumerate(
            (
                dataclasses.replace(start, init=""),
                start,
                dataclasses.replace(start, distill_steps=20),
            )
        )
    ]
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
    assert second.history == first.history
    for name, value in weights_of(first).items():
        torch.testing.assert_close(weights_of(second)[name], value, rtol=0, atol=0, msg=name)


def test_distillation_brings_the_features_nearer(tiny: AdaINModel, picture: Picture) -> None:
    torch.manual_seed(0)
    slim = Encoder(Architecture((3, 4, 6, 8)))
    _initialize(slim)
    chosen, scale = torch.arange(8), torch.full((8,), 2.0)
    images = picture(32, 32, batch=4)

    @torch.no_grad()
    def error() -> float:
        return (slim(images) - 2 * tiny.encoder(images)[:, chosen]).square().mean().item()

    before = error()
    _distill(tiny.encoder, slim, chosen, scale, iter([images] * 300), 300)
    assert error() < 0.5 * before


def test_perceptual_target_is_the_papers(config: TrainingConfig) -> None:
    """On the VGG's own AdaIN target the content loss is zero by definition of the target."""
    trainer = Trainer(config, progress=False)
    pool = next(trainer.reader.read(0))
    target = adaptive_instance_norm(
        pool.content_features, *channel_statistics(trainer.loss_network.levels(pool.style)[-1])
    )
    levels = [*trainer.loss_network.levels(pool.style)[:3], target]
    losses = pool.losses(torch.ones(4, 1), levels)
    assert losses["content"].item() == pytest.approx(0, abs=1e-8)
    assert losses["style"] < 1e-3  # the eps under the root, for features of 2x2 pixels


@pytest.mark.parametrize(
    "options", [{"normalization": "batch"}, {"normalization": "instance"}, {"fusion": "concat"}]
)
def test_ablations_train(config: TrainingConfig, options: dict[str, str]) -> None:
    config = dataclasses.replace(config, steps=9, **options)
    trainer = Trainer(config, progress=False)
    trainer.run()
    model = AdaINModel.from_pretrained(trainer.model_file, device="cpu")
    assert model.info.architecture == config.architecture
    picture = model.stylize(torch.rand(1, 3, 20, 30), torch.rand(1, 3, 24, 24))
    assert picture.shape == (1, 3, 20, 30)


@pytest.mark.parametrize(
    ("ema", "decays"), [(0.0, [0, 0, 0]), (0.15, [0.1, 0.15, 0.15]), (0.999, [0.1, 2 / 11, 0.25])]
)
def test_mean_of_the_weights(config: TrainingConfig, ema: float, decays: list[float]) -> None:
    config = dataclasses.replace(config, ema=ema, normalization="batch")
    trainer = Trainer(config, progress=False)
    expected = weights_of(trainer)
    pool = next(trainer.reader.read(0))
    for trainer.step, decay in enumerate(decays):
        trainer._train_step(trainer._batch(pool))
        for name, current in trainer.student.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * current
    for name, statistics in trainer.student.named_buffers():  # are means already
        expected[name] = statistics
    torch.testing.assert_close(weights_of(trainer), expected)


def test_statistics_beyond_float16_are_saved(config: TrainingConfig) -> None:
    trainer = Trainer(dataclasses.replace(config, normalization="batch"), progress=False)
    trainer.before = trainer._fixed_losses()
    for name, value in trainer.average.named_buffers():
        if name.endswith("running_var"):
            value.fill_(1e5)
    trainer._finish()
    decoder = AdaINModel.from_pretrained(trainer.model_file, "cpu", "fp32").decoder
    assert decoder.get_buffer("norm4_1.running_var").eq(1e5).all()


def test_the_card_has_the_command_of_the_run(
    config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(config, content="my photos", augment=False, random_alpha=True)
    summary = training_summary(
        config,
        {"content": 600, "style": 700},
        minutes=3,
        device="mps",
        processes=4,
        before={"style": 2.0},
        after={"style": 1.0},
    )
    card = model_card("mine", summary, parameters=1, broken=[])
    assert "12 steps of 8 pairs,\n3 minutes on" in card and "(MPS)" in card
    assert "8 pairs of crops of the\ntraining images" in card
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
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    for length in (1, 2):
        write_curves(tmp_path / "curves.png", history[:length])
    markers = [figure.axes[0].lines[0].get_marker() for figure in figures]
    assert markers == [".", "None"]  # no line is seen of a single point


def test_what_a_run_leaves(config: TrainingConfig) -> None:
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
    averaged = trainer.average.encoder.get_submodule("conv1_1").weight
    torch.testing.assert_close(
        model.encoder.get_submodule("conv1_1").weight, averaged.detach(), rtol=1e-3, atol=1e-4
    )


def test_validation_is_what_evaluation_says(
    config: TrainingConfig, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("validation", "report"):
        monkeypatch.setattr(f"adain_core.training.{module}.SIZE", 24)
    monkeypatch.setattr("adain_core.training.validation.IMAGES", 2)
    run = dataclasses.replace(config, steps=4)
    Trainer(run, progress=False).run()
    # The run goes on, and looks at images kept aside from now on.
    kept = {f"validation_{kind}": folders / kind for kind in ("content", "style")}
    run = dataclasses.replace(run, steps=8, sample_every=3, **kept)
    trainer = Trainer(run, resume=True, progress=False)
    assert trainer.run()
    entries = [entry for entry in trainer.history if "validation target" in entry]
    assert [entry["step"] for entry in entries] == [6]
    assert set(entries[0]) == {"step", "validation target", "validation style"}
    vgg = load_model(folders / "vgg.safetensors")[1]
    files = [list_images(folders / kind)[:2] for kind in ("content", "style")]
    model = AdaINModel.from_pretrained(trainer.model_file, "cpu", "fp32")
    scores = mean_scores([score for *_, score in judge_model(model, Pairs(*files, 24, vgg))])
    after = load_info(trainer.model_file).training["after"]
    assert after["validation target"] == pytest.approx(scores.target, rel=0.01)  # saved in float16
    assert after["validation style"] == pytest.approx(scores.style, rel=0.01)
    card = trainer.model_file.with_suffix(".md").read_text(encoding="utf-8")
    assert f"| validation target | – | {after['validation target']:.3f} |" in card
    assert "pairs of images kept aside, 24 pixels" in card
    # They change nothing in the run.
    other = dataclasses.replace(config, steps=8, output=Path(config.output).with_name("other"))
    plain = Trainer(other, progress=False)
    plain.run()
    torch.testing.assert_close(trainer.average.state_dict(), plain.average.state_dict())


def test_warnings(config: TrainingConfig, capsys: pytest.CaptureFixture[str]) -> None:
    trainer = Trainer(config, progress=False)
    trainer._warn_of_few_images()
    assert "has only 6 images" in capsys.readouterr().err
    trainer.step = 9
    trainer.history = [{"step": 9, "total": 1 + 0.01 * n} for n in range(20)]
    trainer.history.insert(15, {"step": 9, "validation target": 1.0})
    trainer._warn_if_not_falling()
    assert "the loss is not falling" in capsys.readouterr().err
    trainer.history.append({"step": 9, "total": 1.5})
    trainer._warn_if_not_falling()
    assert len(trainer.warnings) == 3


def test_no_warning_of_a_loss_that_differs_by_chance(config: TrainingConfig) -> None:
    trainer = Trainer(config, progress=False)
    trainer.step = 9
    # Ten entries of 3.4, ten of 3.5, each 0.15 more or less than that.
    trainer.history = [{"total": 3.4 + 0.1 * (n >= 10) + 0.15 * (-1) ** n} for n in range(20)]
    trainer._warn_if_not_falling()
    assert not trainer.warnings
    trainer.history = [
        {"total": value["total"] + 0.2 * (n >= 10)} for n, value in enumerate(trainer.history)
    ]
    trainer._warn_if_not_falling()
    assert len(trainer.warnings) == 1


@pytest.mark.parametrize(("log_every", "save_every", "found"), [(6, 4, 6), (4, 4, 8), (100, 2, 6)])
def test_infinite_loss_is_found_with_its_step(
    config: TrainingConfig, log_every: int, save_every: int, found: int
) -> None:
    """At the next entry or checkpoint."""
    config = dataclasses.replace(config, log_every=log_every, save_every=save_every)
    trainer = Trainer(config, progress=False)
    losses = trainer._losses

    def explode(batch: Pool, alpha: Tensor) -> dict[str, Tensor]:
        values = losses(batch, alpha)
        return {k: v * float("nan") if trainer.step == 5 else v for k, v in values.items()}

    trainer._losses = explode  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match="loss is nan at step 5; go on from the last"):
        trainer.run()
    assert trainer.step == found
    assert torch.load(trainer.checkpoint, weights_only=True)["step"] == 4
    # What the message proposes is possible.
    slower = dataclasses.replace(config, learning_rate=1e-5, clip_norm=1.0)
    again = Trainer(slower, resume=True, progress=False)
    assert again.run()
    assert again.optimizer.param_groups[0]["lr"] < 1e-5


def test_soaps_first_step_with_gradients_that_are_not_finite(config: TrainingConfig) -> None:
    trainer = Trainer(dataclasses.replace(config, optimizer="soap"), progress=False)
    losses = trainer._losses

    def explode(batch: Pool, alpha: Tensor) -> dict[str, Tensor]:
        return {name: value * float("nan") for name, value in losses(batch, alpha).items()}

    trainer._losses = explode  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match="not finite at step 0; start again with a lower --lr"):
        trainer.run()


def test_infinite_weights_are_not_saved(config: TrainingConfig) -> None:
    trainer = Trainer(dataclasses.replace(config, save_every=2), progress=False)
    step = trainer._train_step

    def explode(batch: Pool) -> dict[str, Tensor]:
        losses = step(batch)
        if trainer.step == 3:  # as by an infinite gradient of a finite loss
            next(trainer.student.parameters()).data[0] = float("inf")
        return losses

    trainer._train_step = explode  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match="weights are not finite at step 4; go on from the"):
        trainer.run()
    state = torch.load(trainer.checkpoint, weights_only=True)
    assert state["step"] == 2
    assert all(value.isfinite().all() for value in state["student"].values())


def test_a_checkpoint_that_cannot_be_written_is_a_warning(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(dataclasses.replace(config, save_every=4), progress=False)
    save = torch.save

    def full(state: dict[str, int], file: object) -> None:
        if state["step"] == 4:
            raise OSError(28, "No space left on device")
        save(state, file)  # type: ignore[arg-type]

    monkeypatch.setattr(torch, "save", full)
    assert trainer.run()
    assert "no checkpoint at step 4: [Errno 28] No space left on device" in trainer.warnings
    assert torch.load(trainer.checkpoint, weights_only=True)["step"] == config.steps


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")
def test_a_full_disk_is_an_os_error(config: TrainingConfig) -> None:
    import resource

    trainer = Trainer(config, progress=False)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            trainer.save_checkpoint()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not any(trainer.folder.iterdir())


def test_another_number_of_devices_is_told(config: TrainingConfig) -> None:
    trainer = Trainer(config, progress=False)
    trainer.save_checkpoint()
    state = torch.load(trainer.checkpoint, weights_only=True)
    torch.save({**state, "processes": 4}, trainer.checkpoint)
    [warning] = Trainer(config, resume=True, progress=False).warnings
    assert warning.startswith("the run was on 4 devices and goes on with 1: ")


def test_a_checkpoint_of_an_earlier_version(config: TrainingConfig) -> None:
    trainer = Trainer(config, progress=False)
    trainer.save_checkpoint()
    state = torch.load(trainer.checkpoint, weights_only=True)
    settings = json.loads(state["config"])
    del settings["augment"], state["vgg"], state["pending"]
    average = {f"module.{name}": value + 1 for name, value in state["average"].items()}
    average["n_averaged"] = torch.tensor(0)
    earlier = {**state, "config": json.dumps(settings), "average": average}
    torch.save(earlier, trainer.checkpoint)
    resumed = Trainer(config, resume=True, progress=False)
    assert resumed.pending == []
    expected = {name: value + 1 for name, value in weights_of(trainer).items()}
    torch.testing.assert_close(weights_of(resumed), expected, rtol=0, atol=0)
    plain = dataclasses.replace(config, augment=False)
    with pytest.raises(TrainingError, match=r"other settings: augment True \(got False\)"):
        Trainer(plain, resume=True, progress=False)


# --- refusals ---------------------------------------------------------------------------------


def test_a_run_is_not_started_over_another(config: TrainingConfig) -> None:
    trainer = Trainer(config, progress=False)
    trainer.save_checkpoint()
    with pytest.raises(TrainingError, match="pass --resume"):
        Trainer(config, progress=False)
    with pytest.raises(TrainingError, match=r"other settings: batch_size 2 \(got 4\)"):
        Trainer(dataclasses.replace(config, batch_size=4), resume=True, progress=False)


def test_a_run_goes_on_with_its_own_vgg(config: TrainingConfig, folders: Path) -> None:
    trainer = Trainer(config, progress=False)
    trainer.save_checkpoint()
    state = torch.load(trainer.checkpoint, weights_only=True)
    assert state["vgg"] == fingerprint(load_model(folders / "vgg.safetensors")[1].state_dict())
    torch.save({**state, "vgg": "0123456789ab"}, trainer.checkpoint)
    with pytest.raises(
        TrainingError, match="another VGG: expected one of fingerprint 0123456789ab"
    ):
        Trainer(config, resume=True, progress=False)


def test_a_run_is_refused_before_it_reads_anything(config: TrainingConfig) -> None:
    Trainer(config, progress=False).save_checkpoint()
    with pytest.raises(TrainingError, match="pass --resume"):
        Trainer(dataclasses.replace(config, encoder="none.safetensors"), progress=False)


def test_init_of_a_full_width_run_must_be_full_width(
    config: TrainingConfig, tiny_path: Path
) -> None:
    full = dataclasses.replace(config, init=str(tiny_path), widths=Architecture().widths)
    with pytest.raises(TrainingError, match="the encoder is the frozen VGG"):
        Trainer(full, progress=False)


def test_resume_without_a_checkpoint(config: TrainingConfig) -> None:
    with pytest.raises(TrainingError, match="no checkpoint to resume from"):
        Trainer(config, resume=True, progress=False)


def test_resume_from_a_damaged_checkpoint(config: TrainingConfig) -> None:
    Path(config.output).mkdir()
    (Path(config.output) / "checkpoint.pt").write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match="damaged"):
        Trainer(config, resume=True, progress=False)


def test_slim_loss_network(config: TrainingConfig, tiny_path: Path) -> None:
    with pytest.raises(WeightsError, match="must have the paper's widths"):
        Trainer(dataclasses.replace(config, encoder=str(tiny_path)), progress=False)


def test_folder_without_images(config: TrainingConfig, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageFileError, match="no image files"):
        Trainer(dataclasses.replace(config, content=str(tmp_path / "empty")), progress=False)


def test_command_line(folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = (
        f"train --content {folders}/content --style {folders}/style -o {tmp_path}/mine "
        f"--encoder {folders}/vgg.safetensors --width 0.05 --steps 3 --batch-size 2 --crop 16 "
        "--content-size 16 16 --style-size 16 16 --workers 0"
    ).split()
    assert main(command) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "mine" / "mine.safetensors")
    model = AdaINModel.from_pretrained(tmp_path / "mine" / "mine.safetensors", device="cpu")
    assert model.info.architecture.widths == (3, 6, 13, 26)
    assert main(command) != 0
    assert "pass --resume" in capsys.readouterr().err


def test_unusable_torchvision_is_explained_in_one_sentence(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name.startswith("torchvision"):
                raise RuntimeError("operator torchvision::nms does not exist")

    for name in [name for name in sys.modules if name.startswith("torchvision")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(Exception, match="torchvision does not fit the installed torch"):
        Crops(config.content, (32, 32), 32, seed=0)
