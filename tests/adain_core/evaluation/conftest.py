"""Fixtures of the tests of evaluation: images, a narrow loss network, pairs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor

from adain_core import AdaINModel, Architecture, save_image
from adain_core.evaluation import Pairs

MakeImage = Callable[..., Tensor]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory, make_image: MakeImage) -> tuple[Path, Path]:
    """Two photos and three paintings of 40x56 pixels."""
    root = tmp_path_factory.mktemp("evaluation")
    for kind, count in (("photos", 2), ("paintings", 3)):
        (root / kind).mkdir()
        for number in range(count):
            seed = 10 * len(kind) + number
            save_image(root / kind / f"{kind[:2]}{number}.png", make_image(40, 56, seed=seed))
    return root / "photos", root / "paintings"


@pytest.fixture(scope="session")
def loss_network(make_model: Callable[..., AdaINModel]) -> AdaINModel:
    """A narrow stand-in for the VGG."""
    return make_model(Architecture(widths=(5, 6, 7, 8)), 3)


@pytest.fixture
def pairs(folders: tuple[Path, Path], loss_network: AdaINModel) -> Pairs:
    """The photos and paintings at 32 pixels."""
    photos, artworks = folders
    return Pairs(sorted(photos.iterdir()), sorted(artworks.iterdir()), 32, loss_network.encoder)
