"""Fixtures of all tests: small models, images, tolerances."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import settings
from torch import Tensor, nn

from adain_core import AdaINModel, Architecture, adain
from adain_core.networks.encoder_decoder import Decoder, Encoder
from adain_core.weights import ModelInfo, save_model

# Time says nothing on a busy machine.
settings.register_profile("adain", deadline=None)
settings.load_profile("adain")
# Images here are tiny: more threads wait for each other, on a busy machine five times as long.
torch.set_num_threads(1)
# A job in the background, or under nohup, ignores them, and its children, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_configure(config: pytest.Config) -> None:
    """Hide the GPU from all tests but its own: TF32 and results on another device fail them."""
    gpu = Path(__file__).parent / "gpu"
    if not any(
        Path(argument.split("::")[0]).resolve().is_relative_to(gpu) for argument in config.args
    ):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def build_model(architecture: Architecture | None = None, seed: int = 0) -> AdaINModel:
    """A model with seeded random weights whose results vary and mostly lie within 0..1."""
    architecture = architecture or Architecture(widths=(4, 6, 8, 10))
    generator = torch.Generator().manual_seed(seed)
    encoder, decoder = Encoder(architecture), Decoder(architecture)
    for module in (*encoder.modules(), *decoder.modules()):
        if isinstance(module, nn.Conv2d):
            # torch's default initialization would let the signal fade over 18 layers.
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            nn.init.uniform_(module.bias, -0.05, 0.05, generator=generator)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1, generator=generator)
            nn.init.uniform_(module.running_var, 0.5, 2, generator=generator)
    model = AdaINModel(
        encoder, decoder, ModelInfo(architecture, "MIT", "random numbers", {"seed": seed}), "tiny"
    )
    model.eval().requires_grad_(False)
    style = model.encode_style(smooth_image(64, 64, seed=seed + 1))
    images = decoder(adain(model.encode(smooth_image(64, 64, seed=seed)), style).tensor)
    last = decoder.get_submodule("conv1_1")
    scale = 0.2 / images.std(dim=(0, 2, 3)).clamp_min(1e-3)
    last.weight *= scale[:, None, None, None]
    last.bias.copy_(0.5 + scale * (last.bias - images.mean(dim=(0, 2, 3))))
    return model


def smooth_image(
    height: int, width: int, batch: int = 1, channels: int = 3, seed: int = 0
) -> Tensor:
    """Smooth colors with fine noise in 0..1, ``(batch, channels, height, width)``."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, channels, 5, 5, generator=generator)
    smooth = F.interpolate(coarse, (height, width), mode="bicubic")
    fine = torch.rand(batch, channels, height, width, generator=generator)
    return (0.85 * smooth + 0.15 * fine).clamp(0, 1)


@pytest.fixture(scope="session")
def make_model() -> Callable[..., AdaINModel]:
    """``make_model(architecture, seed)``; without arguments widths (4, 6, 8, 10)."""
    return build_model


@pytest.fixture(scope="session")
def make_image() -> Callable[..., Tensor]:
    """``make_image(height, width, batch, channels, seed)``: a seeded image in 0..1."""
    return smooth_image


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a model with widths (4, 6, 8, 10)."""
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    model = build_model()
    save_model(path, model.info, model.encoder, model.decoder)
    return path


@pytest.fixture(scope="session")
def tolerance() -> dict[torch.dtype, dict[str, float]]:
    """Tolerances of ``torch.testing.assert_close`` by the dtype that a model ran in.

    Rounding of 18 layers and of AdaIN between them, for values around 1.
    """
    return {
        torch.float32: {"rtol": 1e-5, "atol": 1e-5},
        torch.float16: {"rtol": 1e-2, "atol": 1e-2},
        torch.bfloat16: {"rtol": 8e-2, "atol": 8e-2},
    }
