from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adain_core import AdaINModel, Architecture
from adain_core.errors import OptionError
from adain_core.networks.architecture import MINIMUM_SIZE, STRIDE, VGG19_WIDTHS
from adain_core.networks.encoder_decoder import Decoder, Encoder
from adain_core.networks.padding import reflection_pad

MakeImage = Callable[..., Tensor]


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def convolution(inputs: int, outputs: int) -> int:
    return outputs * (inputs * 9 + 1)


def test_parameter_counts_at_full_width() -> None:
    with torch.device("meta"):
        encoder, decoder = Encoder(Architecture()), Decoder(Architecture())
    pairs = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256)]
    pairs += [(256, 256)] * 3 + [(256, 512)]
    assert parameters(encoder) == sum(convolution(a, b) for a, b in pairs) == 3_505_728
    assert parameters(decoder) == sum(convolution(b, a) for a, b in pairs) == 3_505_219


def test_layers_carry_vggs_names() -> None:
    names = ["1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "3_4", "4_1"]
    with torch.device("meta"):
        encoder, decoder = Encoder(Architecture()), Decoder(Architecture())
    assert list(encoder.state_dict()) == [f"conv{n}.{p}" for n in names for p in ("weight", "bias")]
    assert list(decoder.state_dict()) == [
        f"conv{n}.{p}" for n in reversed(names) for p in ("weight", "bias")
    ]


def plain_encoder(encoder: Encoder) -> nn.Sequential:
    """The same layers one after the other, as in the paper's Torch7 model."""
    layers: list[nn.Module] = []
    for name, own in encoder.named_children():
        if name.endswith("_1") and layers:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        plain = nn.Conv2d(own.in_channels, own.out_channels, 3)
        plain.load_state_dict(own.state_dict())
        layers += [nn.ReflectionPad2d(1), plain, nn.ReLU()]
    return nn.Sequential(*layers)


def plain_decoder(decoder: Decoder) -> nn.Sequential:
    layers: list[nn.Module] = []
    convolutions = [module for module in decoder.children() if isinstance(module, nn.Conv2d)]
    for number, own in enumerate(convolutions, start=1):
        plain = nn.Conv2d(own.in_channels, own.out_channels, 3)
        plain.load_state_dict(own.state_dict())
        layers += [nn.ReflectionPad2d(1), plain]
        if number < len(convolutions):
            layers.append(nn.ReLU())
        if number in (1, 5, 7):
            layers.append(nn.UpsamplingNearest2d(scale_factor=2))
    return nn.Sequential(*layers)


@pytest.mark.parametrize("size", [(32, 32), (9, 9), (17, 42), (71, 10)])
def test_encoder_equals_plain_layers(
    tiny: AdaINModel, make_image: MakeImage, size: tuple[int, int]
) -> None:
    images = make_image(*size, batch=2)
    with torch.no_grad():
        expected = plain_encoder(tiny.encoder)(images)
    torch.testing.assert_close(tiny.encoder(images), expected)
    assert expected.shape == (2, 10, -(-size[0] // STRIDE), -(-size[1] // STRIDE))


@pytest.mark.parametrize("size", [(2, 2), (3, 7)])
def test_decoder_equals_plain_layers(tiny: AdaINModel, size: tuple[int, int]) -> None:
    features = torch.rand(2, 10, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = plain_decoder(tiny.decoder)(features)
    torch.testing.assert_close(tiny.decoder(features), expected)
    assert expected.shape == (2, 3, STRIDE * size[0], STRIDE * size[1])


def test_levels_are_relu1_1_to_relu4_1(tiny: AdaINModel, make_image: MakeImage) -> None:
    images = make_image(37, 50)
    levels = tiny.encoder.levels(images)
    assert [tuple(level.shape) for level in levels] == [
        (1, 4, 37, 50),
        (1, 6, 19, 25),
        (1, 8, 10, 13),
        (1, 10, 5, 7),
    ]
    # In the plain stack ReLUs of the layers x_1 are modules 2, 9, 16 and 29.
    plain = plain_encoder(tiny.encoder)
    for level, last in zip(levels, (2, 9, 16, 29), strict=True):
        with torch.no_grad():
            torch.testing.assert_close(level, plain[: last + 1](images))
    assert torch.equal(tiny.encoder(images), levels[-1])


@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (1, 2, 2, 2), (1, 4, 3, 9)])
def test_reflection_padding_of_gpus(shape: tuple[int, int, int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
    expected, result = F.pad(features, (1, 1, 1, 1), mode="reflect"), reflection_pad(features)
    assert torch.equal(result, expected)
    gradient = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    kept = gradient.clone()
    (wanted,), (found,) = (
        torch.autograd.grad(padded, features, gradient) for padded in (expected, result)
    )
    torch.testing.assert_close(found, wanted)
    assert torch.equal(gradient, kept)  # which others may read, too


def test_minimum_size_is_the_smallest_that_runs(tiny: AdaINModel) -> None:
    assert tiny.encoder(torch.rand(1, 3, MINIMUM_SIZE, MINIMUM_SIZE)).shape[-2:] == (2, 2)
    with pytest.raises(RuntimeError, match=r"[Pp]adding"):
        tiny.encoder(torch.rand(1, 3, MINIMUM_SIZE - 1, MINIMUM_SIZE))


def test_normalized_decoders() -> None:
    torch.manual_seed(0)
    features = torch.rand(2, 10, 4, 5)
    widths = (4, 6, 8, 10)
    plain = Decoder(Architecture(widths))
    for kind, layer in (("batch", nn.BatchNorm2d), ("instance", nn.InstanceNorm2d)):
        decoder = Decoder(Architecture(widths, normalization=kind))  # type: ignore[arg-type]
        norms = [module for module in decoder.modules() if isinstance(module, layer)]
        # One after each convolution but the last.
        assert [norm.num_features for norm in norms] == [8, 8, 8, 8, 6, 6, 4, 4]
        decoder.load_state_dict(plain.state_dict(), strict=False)
        with torch.no_grad():
            assert decoder(features).shape == (2, 3, 32, 40)
            assert not torch.allclose(decoder(features), plain(features), atol=1e-3)
            if kind == "batch":
                # Running mean 0 and variance 1: the identity, up to the layer's own eps.
                decoder = decoder.train(False)
                for norm in decoder.modules():
                    if isinstance(norm, nn.BatchNorm2d):
                        norm.reset_running_stats()
                torch.testing.assert_close(decoder(features), plain(features), rtol=1e-3, atol=1e-3)


def test_concat_decoder_takes_three_times_the_channels() -> None:
    decoder = Decoder(Architecture((4, 6, 8, 10), fusion="concat"))
    assert decoder.get_submodule("conv4_1").in_channels == 30
    with torch.no_grad():
        assert decoder(torch.rand(1, 30, 2, 3)).shape == (1, 3, 16, 24)


def test_scaled_widths() -> None:
    assert Architecture.scaled(1) == Architecture() == Architecture(VGG19_WIDTHS)
    assert Architecture.scaled(0.25).widths == (16, 32, 64, 128)
    assert Architecture.scaled(0.001).widths == (1, 1, 1, 1)
    for width in (0, -1, 1.01, 5, float("nan"), float("inf")):
        with pytest.raises(OptionError, match=f"width must be above 0 and at most 1.*{width:g}"):
            Architecture.scaled(width)


def test_each_convolution_can_have_its_own_width() -> None:
    widths = (2, 3, 4, 5, 6, 7, 8, 9, 10)
    architecture = Architecture(widths)
    assert architecture.widths == architecture.channels == widths
    encoder, decoder = Encoder(architecture), Decoder(architecture)
    found = [layer.out_channels for layer in encoder.children() if isinstance(layer, nn.Conv2d)]
    assert found == list(widths)
    mirrored = [layer.in_channels for layer in decoder.children() if isinstance(layer, nn.Conv2d)]
    assert mirrored == list(reversed(widths))
    with torch.no_grad():
        assert decoder(encoder(torch.rand(1, 3, 20, 30))).shape == (1, 3, 24, 32)


def test_a_width_for_each_block_is_the_same_as_for_its_convolutions() -> None:
    short, long = Architecture((4, 6, 8, 10)), Architecture((4, 4, 6, 6, 8, 8, 8, 8, 10))
    assert short == long
    assert short.channels == long.channels == (4, 4, 6, 6, 8, 8, 8, 8, 10)
    assert long.to_dict()["widths"] == [4, 6, 8, 10]


@pytest.mark.parametrize("normalization", ["none", "batch", "instance"])
@pytest.mark.parametrize("fusion", ["adain", "concat"])
def test_architecture_goes_through_plain_values(normalization: str, fusion: str) -> None:
    architecture = Architecture((1, 2, 3, 4096), normalization, fusion)  # type: ignore[arg-type]
    values = architecture.to_dict()
    assert values == {
        "widths": [1, 2, 3, 4096],
        "normalization": normalization,
        "fusion": fusion,
    }
    assert Architecture.from_dict(values) == architecture


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"widths": [1, 2, 3]}, "widths must be 4 or 9 whole numbers from 1 to 4096"),
        ({"widths": [1, 2, 3, 0]}, "widths must be"),
        ({"widths": [1, 2, 3, 4097]}, "widths must be"),
        ({"widths": [1, 2, 3, 4.0]}, "widths must be"),
        ({"widths": [True, 2, 3, 4]}, "widths must be"),
        ({"widths": [1, 2, 3, "4"]}, "widths must be"),
        ({"widths": 64}, "not an architecture"),
        ({}, "not an architecture"),
        ({"widths": [1, 2, 3, 4], "depth": 3}, "not an architecture"),
        ({"widths": [1, 2, 3, 4], "fusion": "sum"}, "fusion must be one of adain, concat"),
        (
            {"widths": [1, 2, 3, 4], "normalization": None},
            "normalization must be one of none, batch, instance, got None",
        ),
    ],
)
def test_bad_architecture(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Architecture.from_dict(values)
