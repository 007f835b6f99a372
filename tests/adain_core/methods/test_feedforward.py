"""Trained networks as a method: styles by name and number, mixing, files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from adain_core import WeightsError
from adain_core.errors import OptionError
from adain_core.methods.feedforward import FeedForward
from adain_core.methods.network import NetworkArchitecture, TransferNetwork
from adain_core.methods.network_file import (
    NetworkInfo,
    is_network_file,
    load_network,
    save_network,
)
from adain_core.options import StylizeOptions

MakeImage = Callable[..., Tensor]
NAMES = ("wave", "stars", "7")


@pytest.fixture(scope="module")
def network() -> TransferNetwork:
    """Of three styles that differ."""
    torch.manual_seed(0)
    network = TransferNetwork(NetworkArchitecture(width=3, styles=3)).eval().requires_grad_(False)
    for layer in network.conditional_layers():
        nn.init.uniform_(layer.scale, 0.5, 1.5)
        nn.init.uniform_(layer.shift, -0.5, 0.5)
    return network


@pytest.mark.parametrize(
    ("style", "number"), [("wave", 0), ("stars", 1), ("7", 2), ("0", 0), ("1", 1)]
)
def test_a_style_is_found_by_name_or_number(
    network: TransferNetwork, make_image: MakeImage, style: str, number: int
) -> None:
    photo = make_image(48, 52)
    result = FeedForward(network, NAMES, StylizeOptions(style))(photo)
    assert torch.equal(result, network(photo, torch.eye(3)[number : number + 1]))


@pytest.mark.parametrize("style", ["3", "sea", "-1"])
def test_a_style_that_it_has_not_is_refused(network: TransferNetwork, style: str) -> None:
    with pytest.raises(OptionError, match=r"styles\[1\] must .*0 wave, 1 stars, 2 7.* got"):
        FeedForward(network, NAMES, StylizeOptions(("wave", style)))


def test_weights_mix_styles(network: TransferNetwork, make_image: MakeImage) -> None:
    photos = make_image(48, 52, 2)
    options = StylizeOptions(("stars", "wave"), weights=[[1, 3], [1, 0]])
    result = FeedForward(network, NAMES, options)(photos)
    shares = torch.tensor([[0.75, 0.25, 0.0], [0.0, 1.0, 0.0]])
    torch.testing.assert_close(result, network(photos, shares))


def test_the_photo_keeps_its_opacity(network: TransferNetwork, make_image: MakeImage) -> None:
    photo = torch.cat([make_image(48, 52), torch.full((1, 1, 48, 52), 0.25)], dim=1)
    result = FeedForward(network, NAMES, StylizeOptions("wave"))(photo)
    assert torch.equal(result[:, 3:], photo[:, 3:])


@pytest.mark.parametrize(
    ("options", "field"),
    [({"alpha": 0.5}, "alpha"), ({"preserve_color": "coral"}, "preserve_color")],
)
def test_what_it_cannot_do_is_refused(
    network: TransferNetwork, options: dict[str, object], field: str
) -> None:
    with pytest.raises(OptionError) as error:
        FeedForward(network, NAMES, StylizeOptions("wave", **options))  # type: ignore[arg-type]
    assert error.value.field == field


@pytest.mark.parametrize("normalization", ["instance", "batch"])
def test_a_saved_network_gives_the_same_results(
    tmp_path: Path, make_image: MakeImage, normalization: str
) -> None:
    architecture = NetworkArchitecture(3, normalization)  # type: ignore[arg-type]
    network = TransferNetwork(architecture)
    network(make_image(48, 52, 2), torch.ones(2, 1))  # running statistics
    info = NetworkInfo(architecture, ("wave",), "MIT", "somebody", {"steps": 3})
    save_network(tmp_path / "wave.safetensors", info, network)
    assert is_network_file(tmp_path / "wave.safetensors")
    loaded_info, loaded = load_network(tmp_path / "wave.safetensors")
    assert loaded_info == info
    photo = make_image(48, 52)
    assert torch.equal(loaded(photo, torch.ones(1, 1)), network.eval()(photo, torch.ones(1, 1)))


def test_foreign_and_damaged_files_are_refused(
    tmp_path: Path, tiny_path: Path, network: TransferNetwork
) -> None:
    assert not is_network_file(tiny_path)
    with pytest.raises(WeightsError, match=r"'adain-style-network', got .*'adain-model'"):
        load_network(tiny_path)
    path = tmp_path / "network.safetensors"
    with pytest.raises(WeightsError, match="no such file; expected that of a network"):
        load_network(path)
    save_network(path, NetworkInfo(network.architecture, ("wave",)), network)
    with pytest.raises(WeightsError, match="names of 3 styles, got 1"):
        load_network(path)
    save_network(path, NetworkInfo(network.architecture, NAMES), network.double())
    assert {tensor.dtype for tensor in load_network(path)[1].parameters()} == {torch.float32}
    save_network(path, NetworkInfo(NetworkArchitecture(4, styles=3), NAMES), network.float())
    with pytest.raises(WeightsError, match="should have shape"):
        load_network(path)
