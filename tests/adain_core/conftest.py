"""Fixtures of the library's tests: a loaded model, the shared folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from adain_core import AdaINModel, Architecture


@pytest.fixture(scope="session")
def tiny(tiny_path: Path) -> AdaINModel:
    """The model of ``tiny_path``: float32, on the CPU. Do not change it."""
    return AdaINModel.from_pretrained(tiny_path, device="cpu", dtype="fp32")


@pytest.fixture(scope="session")
def full(make_model: Callable[..., AdaINModel]) -> AdaINModel:
    """A model at the paper's widths, whose encoder stands in for the VGG. Do not change it."""
    return make_model(Architecture())


@pytest.fixture(scope="session")
def full_path(tmp_path_factory: pytest.TempPathFactory, full: AdaINModel) -> Path:
    """The file of ``full``."""
    path = tmp_path_factory.mktemp("full") / "full.safetensors"
    full.save(path)
    return path


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of development data beside the repository; the test is skipped without it."""
    folder = Path(__file__).resolve().parents[3] / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder of development data beside the repository")
    return folder


@pytest.fixture
def fill_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Make the checkpoint of a step fail, and no other."""
    save = torch.save

    def fill(step: int) -> None:
        def full(state: dict[str, int], file: object) -> None:
            if state["step"] == step:
                raise OSError(28, "No space left on device")
            save(state, file)  # type: ignore[arg-type]

        monkeypatch.setattr(torch, "save", full)

    return fill
