"""Pools: which crops a run reads, pairs of them, the teacher's images."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from adain_core import Architecture
from adain_core.networks.architecture import Fusion
from adain_core.networks.encoder_decoder import Decoder, Encoder
from adain_core.training import Trainer, TrainingConfig, TrainingError
from adain_core.training.data import Augmentation, Crops


@pytest.mark.parametrize("augment", [True, False])
def test_photos_become_scenes_artworks_are_turned_and_exchange_palettes(
    config: TrainingConfig, augment: bool
) -> None:
    """And without augmentation nothing is turned or mirrored."""
    run = dataclasses.replace(config, seed=3, palette_exchange=0.5, augment=augment, scenes=0.5)
    sizes = run.content_size, run.crop
    contents = Crops(run.content, *sizes, 6, Augmentation(flip=augment, scenes=0.5))
    turned = Augmentation(palette_exchange=0.5, flip=augment, turn=augment)
    styles = Crops(run.style, *sizes, 7, turned)
    reader = Trainer(run, progress=False).reader
    for found, expected in zip(reader.crops, (contents, styles), strict=True):
        assert all(torch.equal(found[number][0], expected[number][0]) for number in range(12))


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
