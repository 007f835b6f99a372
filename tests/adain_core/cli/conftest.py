"""Fixtures of the command line's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cli_folder import Folder
from torch import Tensor

from adain_core import AdaINModel
from adain_core.weights import save_model


@pytest.fixture
def folder(tmp_path: Path, tiny_path: Path, make_image: Callable[..., Tensor]) -> Folder:
    return Folder(tmp_path, tiny_path, make_image)


@pytest.fixture
def models(
    tmp_path: Path, tiny: AdaINModel, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Path]:
    """No shipped models; ``models(name)`` puts the tiny one into the cache folder."""
    cache, shipped = tmp_path / "cache", tmp_path / "shipped"
    cache.mkdir()
    monkeypatch.setenv("ADAIN_CACHE", str(cache))
    monkeypatch.setattr("adain_core.weights.model_files.shipped_folder", lambda: shipped)

    def add(name: str) -> Path:
        path = cache / f"{name}.safetensors"
        save_model(path, tiny.info, tiny.encoder, tiny.decoder)
        return path

    return add
