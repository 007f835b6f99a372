"""The methods in the same table as the models."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adain_core import AdaINModel, WeightsError
from adain_core.cli import main
from adain_core.evaluation import Pairs, evaluate_candidate
from adain_core.images import save_image
from adain_core.methods.candidates import MethodCandidate, NetworkCandidate
from adain_core.methods.network import NetworkArchitecture, TransferNetwork
from adain_core.methods.network_file import NetworkInfo, save_network
from adain_core.methods.optimize import Optimization, OptimizeOptions
from adain_core.methods.swap import StyleSwap
from adain_core.networks.encoder_decoder import Encoder
from adain_core.options import StylizeOptions

MakeImage = Callable[..., Tensor]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, make_image: MakeImage) -> Path:
    """``photos`` and ``art`` with two images of 48 pixels each."""
    root = tmp_path_factory.mktemp("candidates")
    for kind, names in (("photos", ("dog", "house")), ("art", ("stars", "wave"))):
        (root / kind).mkdir()
        for number, name in enumerate(names):
            save_image(
                root / kind / f"{name}.png", make_image(48, 48, seed=10 * len(kind) + number)
            )
    return root


@pytest.fixture
def pairs(folders: Path, vgg: Encoder) -> Pairs:
    photos, artworks = (sorted((folders / kind).iterdir()) for kind in ("photos", "art"))
    return Pairs(photos, artworks, 48, vgg)


@pytest.fixture(scope="module")
def network() -> tuple[NetworkInfo, TransferNetwork]:
    torch.manual_seed(0)
    network = TransferNetwork(NetworkArchitecture(width=3, styles=2)).eval().requires_grad_(False)
    return NetworkInfo(network.architecture, ("wave", "stars")), network


def test_methods_are_evaluated(pairs: Pairs, vgg: Encoder, tiny: AdaINModel) -> None:
    how = OptimizeOptions(steps=20)
    optimize = MethodCandidate(pairs, lambda options: Optimization(vgg, options, how))
    swap = MethodCandidate(pairs, lambda options: StyleSwap(tiny, options))
    optimized, swapped = (
        list(evaluate_candidate(pairs, candidate)) for candidate in (optimize, swap)
    )
    places = [(each.content, each.style) for each in optimized]
    assert places == [(0, 0), (0, 1), (1, 0), (1, 1)]
    for each in optimized:
        assert each.scores.style == pairs.score(each.content, each.style, each.image).style
        untouched = pairs.score(each.content, each.style, pairs.contents[each.content])
        assert each.scores.style < 0.3 * untouched.style
    expected = StyleSwap(tiny, StylizeOptions(pairs.styles[1], style_size=0))(pairs.contents[0])
    assert torch.equal(swapped[1].image, expected)


def test_a_network_finds_each_style_by_its_name(
    pairs: Pairs, network: tuple[NetworkInfo, TransferNetwork]
) -> None:
    for each in evaluate_candidate(pairs, NetworkCandidate(pairs, *network)):
        # Wave is the network's first style, not the pairs'.
        share = torch.eye(2)[1 - each.style : 2 - each.style]
        assert torch.equal(each.image, network[1](pairs.contents[each.content], share))


def test_a_network_is_evaluated_on_its_own_artworks(
    pairs: Pairs, network: tuple[NetworkInfo, TransferNetwork]
) -> None:
    info = NetworkInfo(network[0].architecture, ("wave", "sea"))
    with pytest.raises(WeightsError, match="learned the artwork stars, got one of wave, sea"):
        NetworkCandidate(pairs, info, network[1])


def test_evaluate_puts_all_into_one_table(
    folders: Path,
    tmp_path: Path,
    tiny_path: Path,
    full_path: Path,
    network: tuple[NetworkInfo, TransferNetwork],
    capsys: pytest.CaptureFixture[str],
) -> None:
    save_network(tmp_path / "both.safetensors", *network)
    words = ["--content", folders / "photos", "--style", folders / "art", "--size", 48]
    words += ["--loss-network", full_path, "--model", tiny_path, tmp_path / "both.safetensors"]
    words += [
        "--method",
        "swap",
        "optimize",
        "--steps",
        2,
        "--scene-size",
        0,
        "--csv",
        tmp_path / "scores.csv",
    ]
    assert main(["evaluate", *map(str, words)]) == 0
    rows = [line.split(" | ")[0] for line in capsys.readouterr().out.splitlines()[2:]]
    names = ["tiny", "both", "swap", "optimize", "photo, untouched", "artwork itself"]
    assert rows == [f"| {name}" for name in names]
    with (tmp_path / "scores.csv").open() as file:
        table = list(csv.DictReader(file))
    style = {
        name: sum(float(row["style"]) for row in table if row["model"] == name) for name in names
    }
    assert len(table) == 24
    assert style["optimize"] < style["photo, untouched"]
