"""On a GPU (CUDA): results are those of the CPU, and training's shortcuts change no gradient.

    python -m pytest tests/gpu

The other tests never see a GPU, so that they say the same on every machine.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from adain_core import AdaINModel, Architecture
from adain_core.images import save_image
from adain_core.networks.encoder_decoder import Decoder, Encoder
from adain_core.networks.padding import reflection_pad
from adain_core.training import Trainer, TrainingConfig
from adain_core.training.batches import choose_batch
from adain_core.training.graphs import replay_graph
from adain_core.weights import ModelInfo, save_model

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a GPU: python -m pytest tests/gpu"
)
SAMPLES = Path(__file__).parents[2] / "samples"


# Seen on an H100, largest and mean difference: float32 (with TF32) 0.010 and 0.0003, float16 0.010
# and 0.0004, bfloat16 0.071 and 0.005.
@pytest.mark.parametrize(
    ("dtype", "largest", "mean"),
    [("fp32", 0.03, 1e-3), ("fp16", 0.03, 1e-3), ("bf16", 0.2, 0.015)],
)
def test_results_equal_the_cpu(dtype: str, largest: float, mean: float) -> None:
    photo, artwork = SAMPLES / "content/castle.jpg", SAMPLES / "style/van-gogh-night-cafe.jpg"
    expected, result = (
        AdaINModel.from_pretrained(None, *where).stylize(photo, artwork, content_size=384).cpu()
        for where in (("cpu", "fp32"), ("cuda", dtype))
    )
    difference = (result - expected).abs()
    assert difference.max() < largest and difference.mean() < mean


# In bfloat16 up to four gradients are added up in another order: 0.004 apart on an H200.
@pytest.mark.parametrize(
    ("dtype", "rtol", "atol"), [(torch.float32, 1.3e-6, 1e-5), (torch.bfloat16, 0.016, 0.02)]
)
def test_reflection_padding_is_torchs(dtype: torch.dtype, rtol: float, atol: float) -> None:
    features = torch.randn(2, 8, 5, 7, device="cuda", dtype=dtype)
    features = features.contiguous(memory_format=torch.channels_last).requires_grad_()
    padded = F.pad(features, (1, 1, 1, 1), mode="reflect")
    gradient = torch.randn_like(padded)
    (expected,) = torch.autograd.grad(padded, features, gradient)
    result = reflection_pad(features)
    assert torch.equal(result, padded)
    assert result.is_contiguous(memory_format=torch.channels_last)
    (found,) = torch.autograd.grad(result, features, gradient)
    torch.testing.assert_close(found, expected, rtol=rtol, atol=atol)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Tensor]) -> Path:
    """Photographs, artworks and a VGG of random numbers."""
    root = tmp_path_factory.mktemp("training")
    for number, kind in enumerate(("content", "style")):
        (root / kind).mkdir()
        for seed in range(6):
            save_image(root / kind / f"{seed}.png", make_image(80, 96, seed=100 * number + seed))
    architecture = Architecture()
    torch.manual_seed(0)
    networks = Encoder(architecture), Decoder(architecture)
    save_model(root / "vgg.safetensors", ModelInfo(architecture), *networks)
    return root


@pytest.fixture
def config(folder: Path, tmp_path: Path) -> TrainingConfig:
    return TrainingConfig(
        content=folder / "content",
        style=folder / "style",
        encoder=folder / "vgg.safetensors",
        output=tmp_path / "run",
        widths=(8, 16, 24, 32),
        steps=30,
        batch_size=2,
        learning_rate=2e-3,
        imitation_weight=1.0,
        content_size=(64, 80),
        style_size=(64, 80),
        crop=64,
        pool=4,
        reuse=2,
        clip_norm=1.0,
        precision="bf16",
        workers=2,
        log_every=5,
    )


def test_a_graphs_gradients_are_those_of_its_function(config: TrainingConfig) -> None:
    trainer = Trainer(config, progress=False)
    learner, pool = trainer.learner, next(trainer.reader.read(0))
    replay = replay_graph(learner.compute_gradients)
    # The first call captures, the others replay: with new inputs, and with the first again.
    for step in (0, 1, 0):
        batch = choose_batch(config, pool, step)
        losses = replay(batch)
        parameters = [p for p in learner.student.parameters() if p.grad is not None]
        kept = [p.grad for p in parameters]
        gradients = [gradient.clone() for gradient in kept]
        for name, value in learner.compute_gradients(batch).items():
            torch.testing.assert_close(losses[name], value, rtol=1e-3, atol=1e-6)
        for parameter, found in zip(parameters, gradients, strict=True):
            torch.testing.assert_close(found, parameter.grad, rtol=2e-2, atol=1e-3)
        for parameter, gradient in zip(parameters, kept, strict=True):
            parameter.grad = gradient  # which the graph writes to


@pytest.mark.parametrize("optimizer", ["adam", "soap"])
def test_a_run(config: TrainingConfig, optimizer: str) -> None:
    config = dataclasses.replace(config, optimizer=optimizer)
    trainer = Trainer(config, progress=False)
    assert trainer.run()
    totals = [entry["total"] for entry in trainer.log.history if "total" in entry]
    assert totals[-1] < 0.9 * totals[0]
    longer = dataclasses.replace(config, steps=35)
    assert Trainer(longer, resume=True, progress=False).run()
