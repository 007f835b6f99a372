"""Fixtures of the tests of training: images, a VGG of random filters, a short run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from adain_core import Architecture
from adain_core.images import save_image
from adain_core.networks.encoder_decoder import Decoder, Encoder
from adain_core.training import TrainingConfig
from adain_core.weights import ModelInfo, save_model


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Tensor]) -> Path:
    """``content`` and ``style`` with 6 images each, and ``vgg.safetensors``, full width."""
    root = tmp_path_factory.mktemp("training")
    for kind, start in (("content", 0), ("style", 100)):
        (root / kind).mkdir()
        for number in range(6):
            save_image(root / kind / f"{number}.png", make_image(40, 48, seed=start + number))
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
