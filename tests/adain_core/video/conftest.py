"""Fixtures of the tests of videos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from clips import Clips, save
from torch import Tensor

from adain_core import AdaINModel
from adain_core.cli import main


@pytest.fixture
def clips(tiny: AdaINModel, make_image: Callable[..., Tensor], tmp_path: Path) -> Clips:
    """Makes clips, and stylizes them with a small artwork."""
    return Clips(tmp_path, tiny, make_image, tiny.encode_style(make_image(32, 32, seed=7)))


@pytest.fixture
def run(tiny_path: Path) -> Callable[..., int]:
    """``run(*arguments)``: the command with the small model."""

    def run(*arguments: object) -> int:
        words = [str(argument) for argument in arguments]
        where = ["--device", "cpu", "--dtype", "fp32"]  # "auto" is bf16 on some processors
        return main(["video", *words, "--model", str(tiny_path), *where])

    return run


@pytest.fixture
def artworks(tmp_path: Path, make_image: Callable[..., Tensor]) -> list[Path]:
    """Two image files."""
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for seed, path in enumerate(paths):
        save(path, make_image(32, 32, seed=seed)[0])
    return paths
