"""Fixtures of the library's tests: a loaded model, the shared folder."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from adain_core import AdaINModel, Architecture


def _let_torchvision_import() -> torch.library.Library | None:
    """Define torchvision's operators nms and qnms where its compiled library cannot be loaded.

    A torchvision built for CUDA beside a CPU build of torch fails at import for want of these two;
    its transforms, which are all that training needs, use neither. Nothing is done where
    torchvision is absent or its library loads. torchvision itself is not imported here.

    Returns:
        What must live as long as the definitions, if there are any.
    """
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return None
    for compiled in Path(spec.submodule_search_locations[0]).glob("_C*"):
        with contextlib.suppress(OSError):
            torch.ops.load_library(str(compiled))
            return None
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


# Here, not in a fixture: test files are imported before any fixture runs.
_TORCHVISION_OPERATORS = _let_torchvision_import()


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
