"""The pack imported as ComfyUI imports it, without a host and with a stand-in for one."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tools"), str(ROOT / "tools" / "workflows")]


def ship_styles(folder: Path) -> None:
    """Put the pack's own styles where the tests' shipped model is."""
    if not (folder / "styles").exists():
        shutil.copytree(ROOT / "weights" / "styles", folder / "styles")


class Graph:
    """The host's DYNPROMPT of a node ``own`` whose inputs come from nodes of these types."""

    def __init__(self, **sources: str) -> None:
        self._nodes = {name: {"class_type": source} for name, source in sources.items()}
        self._nodes["own"] = {"inputs": {name: [name, 0] for name in sources}}

    def get_node(self, node_id: str) -> dict[str, Any]:
        return self._nodes[node_id]


@pytest.fixture
def from_nodes() -> Callable[..., dict[str, Any]]:
    """``from_nodes(mask_1="LoadImage")``: what the host tells a node of its inputs' origins."""
    return lambda **sources: {"graph": Graph(**sources), "node_id": "own"}


class Pack:
    """The imported pack."""

    def __init__(self, name: str) -> None:
        spec = importlib.util.spec_from_file_location(
            name, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        assert spec and spec.loader
        self.name = name
        self.module = importlib.util.module_from_spec(spec)
        sys.modules[name] = self.module
        spec.loader.exec_module(self.module)

    def submodule(self, name: str) -> ModuleType:
        return sys.modules[f"{self.name}.{name}"]

    def run(self, node_id: str, /, **inputs: Any) -> tuple[Any, ...]:
        """Execute a node as the host does: a new object, named inputs, inference mode."""
        node = self.module.NODE_CLASS_MAPPINGS[node_id]
        with torch.inference_mode():
            outputs = getattr(node(), node.FUNCTION)(**inputs)
        if isinstance(outputs, dict):  # beside what the page shows
            outputs = outputs["result"]
        assert len(outputs) == len(node.RETURN_TYPES)
        return outputs

    def forget(self) -> None:
        for name in [n for n in sys.modules if n == self.name or n.startswith(f"{self.name}.")]:
            del sys.modules[name]


@pytest.fixture(scope="session")
def bare_pack() -> Iterator[Pack]:
    """The pack without a host. Its module name is the folder's path, as in ComfyUI."""
    pack = Pack(str(ROOT).replace(".", "_x_"))
    yield pack
    pack.forget()


@pytest.fixture
def pack(bare_pack: Pack, tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pack:
    """The pack with the tiny model as its shipped one and empty folders for the user's files."""
    ship_styles(tiny_path.parent)
    library = bare_pack.submodule("nodes.library")
    monkeypatch.setattr(library, "shipped_folder", lambda: tiny_path.parent)
    monkeypatch.setenv("ADAIN_CACHE", str(tmp_path / "user"))
    return bare_pack


@pytest.fixture
def model(pack: Pack) -> Any:
    """ADAIN_MODEL as the loader gives it: ``model.model`` is the library's."""
    return pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="fp32")[0]


@pytest.fixture(scope="session")
def make_image(make_image: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``make_image(height, width, batch, channels, seed)``: an IMAGE as the host passes it."""

    def make(*args: int, **options: int) -> Tensor:
        return make_image(*args, **options).movedim(1, -1).contiguous()

    return make


class FakeHost(SimpleNamespace):
    """What the pack sees of ComfyUI, with a record of what it asked for."""

    loads: list[dict[str, Any]]
    steps: list[tuple[int, int]]
    previews: list[tuple[str, Any, int]]
    cancelled: bool
    interruption: type[BaseException]
    pack: Pack
    management: ModuleType
    folder_paths: ModuleType


class CancelError(Exception):
    """The host's InterruptProcessingException."""


class _Patcher:
    """As the host's: it sets attributes on the model and moves it as a whole."""

    def __init__(
        self, model: nn.Module, load_device: torch.device, offload_device: torch.device
    ) -> None:
        self.model, self.load_device, self.offload_device = model, load_device, offload_device
        self.model.device = offload_device

    def load(self) -> None:
        self.model.to(self.load_device)
        self.model.device = self.load_device


def _folder_paths(models: Path) -> ModuleType:
    module = ModuleType("folder_paths")
    table: dict[str, tuple[list[str], set[str]]] = {}

    def add_model_folder_path(name: str, path: str, is_default: bool = False) -> None:
        paths = table.setdefault(name, ([], set()))[0]
        if path not in paths:
            paths.insert(0 if is_default else len(paths), path)

    def get_filename_list(name: str) -> list[str]:
        paths, extensions = table[name]
        files = (file for path in paths if Path(path).is_dir() for file in Path(path).iterdir())
        return sorted({f.name for f in files if not extensions or f.suffix.lower() in extensions})

    module.models_dir, module.base_path = str(models), str(models.parent)
    module.folder_names_and_paths = table
    module.add_model_folder_path = add_model_folder_path
    module.get_filename_list = get_filename_list
    module.get_folder_paths = lambda name: list(table[name][0])
    module.get_temp_directory = lambda: str(models.parent / "temp")
    return module


@pytest.fixture
def host(tmp_path: Path, tiny_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHost]:
    """A small ComfyUI of which the user's yaml has given ``adain`` a folder; the pack in it."""
    fake = FakeHost(loads=[], steps=[], previews=[], cancelled=False, interruption=CancelError)
    fake.folder_paths = _folder_paths(tmp_path / "models")
    fake.folder_paths.add_model_folder_path("adain", str(tmp_path / "yaml"))

    management = ModuleType("comfy.model_management")
    management.get_torch_device = lambda: torch.device("cpu")
    management.intermediate_device = lambda: torch.device("cpu")
    management.unet_offload_device = lambda: torch.device("cpu")
    management.FORCE_FP32 = False
    management.should_use_fp16 = lambda device: False
    management.should_use_bf16 = lambda device: False

    def load_models_gpu(models: list[_Patcher], **options: Any) -> None:
        fake.loads.append(options)
        for patcher in models:
            patcher.load()

    def throw_exception_if_processing_interrupted() -> None:
        if fake.cancelled:
            raise fake.interruption

    management.load_models_gpu = load_models_gpu
    management.throw_exception_if_processing_interrupted = throw_exception_if_processing_interrupted
    fake.management = management

    class ProgressBar:
        def __init__(self, total: int) -> None:
            self.total, self.current = total, 0

        def update_absolute(
            self, value: int, total: int | None = None, preview: Any = None
        ) -> None:
            self.total = self.total if total is None else total
            self.current = value
            fake.steps.append((self.current, self.total))
            fake.previews += [] if preview is None else [preview]

    patcher, utils, comfy = (
        ModuleType(name) for name in ("comfy.model_patcher", "comfy.utils", "comfy")
    )
    patcher.ModelPatcher, utils.ProgressBar = _Patcher, ProgressBar
    comfy.model_management, comfy.model_patcher, comfy.utils = management, patcher, utils
    for module in (fake.folder_paths, comfy, management, patcher, utils):
        monkeypatch.setitem(sys.modules, module.__name__, module)

    fake.pack = Pack(str(tmp_path / "custom_nodes" / "adain").replace(".", "_x_"))
    ship_styles(tiny_path.parent)
    library = fake.pack.submodule("nodes.library")
    monkeypatch.setattr(library, "shipped_folder", lambda: tiny_path.parent)
    yield fake
    fake.pack.forget()
