"""One-style and N-style networks: sizes, normalization, mixing, new styles."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from adain_core.methods.conditional import ConditionalInstanceNorm
from adain_core.methods.network import NetworkArchitecture, TransferNetwork


def make_network(**values: object) -> TransferNetwork:
    torch.manual_seed(0)
    return TransferNetwork(NetworkArchitecture(width=3, **values)).eval()  # type: ignore[arg-type]


def spread(network: TransferNetwork) -> TransferNetwork:
    """Give every style its own pairs."""
    for layer in network.conditional_layers():
        nn.init.uniform_(layer.scale, 0.5, 1.5)
        nn.init.uniform_(layer.shift, -0.5, 0.5)
    return network


@torch.no_grad()
def test_one_conditional_style_is_plain_instance_normalization() -> None:
    plain, conditional = nn.InstanceNorm2d(4, affine=True), ConditionalInstanceNorm(4, 1)
    nn.init.uniform_(plain.weight)
    nn.init.uniform_(plain.bias)
    conditional.scale[0], conditional.shift[0] = plain.weight, plain.bias
    features = torch.randn(2, 4, 7, 5)
    torch.testing.assert_close(
        conditional(features, torch.ones(2, 1)), plain(features), rtol=1e-5, atol=1e-5
    )


@torch.no_grad()
def test_a_mix_of_styles_is_the_mix_of_their_pairs() -> None:
    layer = ConditionalInstanceNorm(4, 2)
    nn.init.uniform_(layer.scale)
    nn.init.uniform_(layer.shift)
    features = torch.randn(1, 4, 7, 5)
    first, second = (layer(features, torch.eye(2)[n : n + 1]) for n in range(2))
    mixed = layer(features, torch.tensor([[0.25, 0.75]]))
    torch.testing.assert_close(mixed, 0.25 * first + 0.75 * second, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_each_sample_has_its_own_style() -> None:
    network = spread(make_network(styles=3))
    images = torch.rand(3, 3, 44, 48)
    together = network(images, torch.eye(3))
    for number in range(3):
        part = slice(number, number + 1)
        alone = network(images[part], torch.eye(3)[part])
        torch.testing.assert_close(together[part], alone, rtol=1e-5, atol=1e-5)
    assert (network(images, torch.eye(3).roll(1, 0)) - together).abs().max() > 1e-3


@pytest.mark.parametrize("normalization", ["instance", "batch"])
@pytest.mark.parametrize("size", [(44, 44), (45, 59), (50, 47)])
@torch.no_grad()
def test_results_have_the_size_of_their_photos(normalization: str, size: tuple[int, int]) -> None:
    network = make_network(normalization=normalization)
    images = network(torch.rand(2, 3, *size), torch.ones(2, 1))
    assert images.shape == (2, 3, *size)
    assert images.min() >= 0 and images.max() <= 1


def test_small_photos_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 44 pixels a side, got \(43, 64\)"):
        make_network()(torch.rand(1, 3, 43, 64), torch.ones(1, 1))


@torch.no_grad()
def test_a_new_style_leaves_the_others_and_starts_at_their_mean() -> None:
    network = spread(make_network(styles=2))
    images = torch.rand(1, 3, 44, 44)
    before = network(images, torch.tensor([[0.0, 1.0]]))
    mean = network(images, torch.tensor([[0.5, 0.5]]))
    network.add_styles(1)
    assert network.architecture.styles == 3
    assert torch.equal(network(images, torch.tensor([[0.0, 1.0, 0.0]])), before)
    torch.testing.assert_close(network(images, torch.tensor([[0.0, 0.0, 1.0]])), mean)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 0}, "width must .* got 0"),
        ({"styles": 0}, "styles must .* got 0"),
        ({"normalization": "layer"}, "normalization must be one of instance, batch"),
        ({"normalization": "batch", "styles": 2}, "supports one style, got 2"),
    ],
)
def test_bad_architectures_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NetworkArchitecture(**values)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        NetworkArchitecture.from_dict(values)


def test_an_architecture_survives_json() -> None:
    architecture = NetworkArchitecture(width=8, styles=3)
    assert NetworkArchitecture.from_dict(architecture.to_dict()) == architecture
