from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from adain_core import AdaINModel, Architecture, adain
from adain_core.networks import inference as inference_module
from adain_core.networks.architecture import MINIMUM_SIZE, STRIDE
from adain_core.networks.inference import Inference
from adain_core.networks.winograd import winograd_pays
from adain_core.utils.devices import memory_format

MakeModel = Callable[..., AdaINModel]
MakeImage = Callable[..., Tensor]
WIDE = Architecture(widths=(16, 128, 136, 128))


def both(model: AdaINModel, images: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The features and images of the inference form and of the plain networks."""
    with torch.no_grad():
        features = model.encoder(images)
        mixed = adain(model.encode(images), model.encode_style(images.flip(3), size=0), 0.7)
        return [
            (Inference(model.encoder)(images), features),
            (Inference(model.decoder)(mixed.tensor), model.decoder(mixed.tensor)),
        ]


def assert_equal(model: AdaINModel, images: Tensor) -> None:
    for actual, expected in both(model, images):
        assert actual.shape == expected.shape
        assert (actual - expected).abs().max() <= 1e-4 * max(1, expected.abs().max())


@given(
    widths=st.tuples(*[st.integers(1, 24)] * 9),
    height=st.integers(MINIMUM_SIZE, 75),
    width=st.integers(MINIMUM_SIZE, 75),
    batch=st.integers(1, 3),
    concat=st.booleans(),
    normalization=st.sampled_from(["none", "batch", "instance"]),
)
@settings(max_examples=25)
def test_equals_the_plain_networks(
    make_model: MakeModel,
    make_image: MakeImage,
    widths: tuple[int, ...],
    height: int,
    width: int,
    batch: int,
    concat: bool,
    normalization: Any,
) -> None:
    fusion: Any = "concat" if concat else "adain"
    # Instance normalization divides by the spread of a map, which may be next to nothing here.
    if normalization == "instance":
        widths, height, width = (6, 6, 8, 8), 64, 72
    model = make_model(Architecture(widths, normalization, fusion))
    assert_equal(model, make_image(height, width, batch))


@pytest.mark.parametrize("size", [(9, 9), (17, 42), (71, 33)])
def test_bands_of_rows_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
    make_model: MakeModel,
    make_image: MakeImage,
    size: tuple[int, int],
) -> None:
    monkeypatch.setattr(inference_module, "BAND_BYTES", 1)
    height, width = 3 * size[0] + 80, size[1]  # several bands at every resolution but the last
    assert_equal(make_model(), make_image(height, width))
    assert_equal(
        make_model(Architecture((4, 6, 8, 10), "batch")), make_image(height, width, batch=2)
    )


@pytest.mark.parametrize("size", [(9, 9), (33, 20), (50, 71)])
def test_wide_layers_with_winograd(
    monkeypatch: pytest.MonkeyPatch,
    make_model: MakeModel,
    make_image: MakeImage,
    size: tuple[int, int],
) -> None:
    monkeypatch.setattr("adain_core.networks.winograd.WINOGRAD_WEIGHTS", 128 * 128 * 4)
    model = make_model(WIDE)
    fast = Inference(model.decoder)
    fast(torch.rand(1, 128, 2, 2))
    layers = [layer for block in fast.blocks for layer in block.convolutions]
    assert {layer.weight.shape[-1] for layer in layers if layer.winograd} == {2, 3}
    assert_equal(model, make_image(*size, batch=2))


def test_winograd_only_where_it_pays() -> None:
    assert winograd_pays(torch.zeros(256, 128, 3, 3))
    assert winograd_pays(torch.zeros(512, 256, 2, 2))
    assert not winograd_pays(torch.zeros(128, 128, 3, 3))
    assert not winograd_pays(torch.zeros(256, 128, 2, 2))
    assert not winograd_pays(torch.zeros(256, 128, 3, 3, dtype=torch.bfloat16))
    assert not winograd_pays(torch.zeros(256, 128, 3, 3, device="meta"))


def test_flat_areas_get_one_tone_in_bfloat16() -> None:
    """The four phases of an upsampled pixel have kernels of one sum, or a lattice would appear."""
    decoder = AdaINModel.from_pretrained(device="cpu", dtype="bf16").decoder
    forms = Inference(copy.deepcopy(decoder).float()), Inference(decoder)
    for form, dtype in zip(forms, (torch.float32, torch.bfloat16), strict=True):
        form(torch.zeros(1, 192, 2, 2, dtype=dtype))
    exact, rounded = (
        [layer.weight for block in form.blocks for layer in block.convolutions if layer.phases]
        for form in forms
    )
    assert len(exact) == 3
    for wanted, found in zip(exact, rounded, strict=True):
        sums = wanted.sum(dim=(2, 3))
        nearest = (wanted.bfloat16().float().sum(dim=(2, 3)) - sums).square().mean()
        assert (found.float().sum(dim=(2, 3)) - sums).square().mean() < 0.1 * nearest
        torch.testing.assert_close(found.float(), wanted, rtol=0.02, atol=0.02)


def test_bfloat16_sees_less_than_a_level() -> None:
    """Alone, it would round white minus a third of a level to white."""
    encoder = AdaINModel.from_pretrained(device="cpu", dtype="bf16").encoder
    white, less = (Inference(encoder)(torch.full((1, 3, 16, 16), each)) for each in (1, 0.9987))
    assert white.dtype == torch.bfloat16
    assert (white.float() - less.float()).abs().max() > 0


def test_bfloat16(make_image: MakeImage) -> None:
    # The shipped model: random weights, unlike trained ones, do not average rounding out.
    model, images = AdaINModel.from_pretrained(device="cpu", dtype="fp32"), make_image(41, 52)
    with torch.no_grad():
        features = adain(model.encode(images), model.encode_style(images.flip(2), size=0)).tensor
        exact_features, exact = model.encoder(images), model.decoder(features).clamp(0, 1)
    model.to(torch.bfloat16)
    actual = Inference(model.encoder)(images.bfloat16())
    decoded = Inference(model.decoder)(features.bfloat16())
    assert actual.dtype == decoded.dtype == torch.bfloat16
    assert decibels(actual, exact_features, exact_features.max()) > 45
    assert decibels(decoded.clamp(0, 1), exact, 1) > 45


def decibels(actual: Tensor, expected: Tensor, peak: float | Tensor) -> Tensor:
    """Peak signal-to-noise ratio."""
    return 10 * torch.log10(peak**2 / (actual.float() - expected).square().mean())


def test_follows_its_network(make_model: MakeModel, make_image: MakeImage) -> None:
    model, images = make_model(), make_image(40, 40)
    fast = Inference(model.encoder)
    before = fast(images)
    blocks = fast.blocks
    torch.testing.assert_close(fast(images), before, rtol=0, atol=0)
    assert fast.blocks is blocks

    with torch.no_grad():
        model.encoder.get_submodule("conv1_1").weight.mul_(2)
    torch.testing.assert_close(fast(images), model.encoder(images))
    assert (fast(images) - before).abs().max() > 0.1

    model.double()
    assert fast(images.double()).dtype == torch.float64
    model.load_state_dict(make_model(seed=3).state_dict())
    torch.testing.assert_close(fast(images.double()), model.encoder(images.double()))
    model.half().float()  # rounded on the way
    torch.testing.assert_close(fast(images), model.encoder(images))


def test_layout_survives_to(make_model: MakeModel) -> None:
    fast = Inference(make_model().decoder)
    for dtype in (torch.float32, torch.float16, torch.float32):
        fast.network.to(dtype)
        fast(torch.rand(1, 10, 4, 4, dtype=dtype))
        for block in fast.blocks:
            for layer in block.convolutions:
                assert layer.weight.dtype == dtype
                assert layer.weight.is_contiguous(memory_format=memory_format(layer.weight.device))


def test_nothing_more_is_stored(make_model: MakeModel, make_image: MakeImage) -> None:
    model, images = make_model(), make_image(24, 24)
    names = list(model.state_dict())
    expected = model.stylize(images, images.flip(3))
    assert list(model.state_dict()) == names
    assert all(name.startswith(("encoder.conv", "decoder.conv")) for name in names)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        model.decoder.get_submodule("conv1_1").weight.zero_()
    torch.testing.assert_close(twin.stylize(images, images.flip(3)), expected)


def test_follows_a_fused_optimizer(make_model: MakeModel, make_image: MakeImage) -> None:
    # Its steps leave the weights' version as it is.
    model = make_model()
    decoder, features = model.decoder.requires_grad_(True), model.encode(make_image(24, 24)).tensor
    fast = Inference(decoder)
    fast(features)
    optimizer = torch.optim.Adam(decoder.parameters(), 1e-2, fused=True)
    decoder(features).square().mean().backward()
    optimizer.step()
    torch.testing.assert_close(fast(features), decoder(features), rtol=1e-4, atol=1e-4)


def test_smallest_map(make_model: MakeModel) -> None:
    model = make_model()
    features = torch.rand(1, 10, 2, 2)
    images = Inference(model.decoder)(features)
    assert images.shape == (1, 3, 2 * STRIDE, 2 * STRIDE)
    torch.testing.assert_close(images, model.decoder(features), rtol=1e-4, atol=1e-4)


def test_inputs_stay_as_they_are(make_model: MakeModel, make_image: MakeImage) -> None:
    model, images = make_model(), make_image(32, 40).contiguous(memory_format=torch.channels_last)
    kept = images.clone()
    features = Inference(model.encoder)(images)
    assert torch.equal(images, kept)
    kept = features.clone()
    Inference(model.decoder)(features)
    assert torch.equal(features, kept)
    assert not features.requires_grad


def test_batch_normalization_is_folded(make_model: MakeModel) -> None:
    model = make_model(Architecture((4, 6, 8, 10), "batch"))
    fast = Inference(model.decoder)
    fast(torch.rand(1, 10, 3, 3))
    convolutions = [m for m in model.decoder.children() if isinstance(m, nn.Conv2d)]
    layers = [layer for block in fast.blocks for layer in block.convolutions]
    assert len(layers) == len(convolutions)
    assert not torch.equal(layers[0].weight, convolutions[0].weight)


def test_bands_start_where_pooling_does(
    monkeypatch: pytest.MonkeyPatch, make_model: MakeModel, make_image: MakeImage
) -> None:
    # 17 rows of the first block would fit.
    monkeypatch.setattr(inference_module, "BAND_BYTES", 17 * 4 * 20 * 4)
    assert_equal(make_model(), make_image(150, 20))
