"""A real ComfyUI with the pack in it, if there is one: see :func:`comfyui`.

    COMFYUI_DIR=~/ComfyUI COMFYUI_PYTHON=~/ComfyUI/venv/bin/python python -m pytest tests/host

The tests' own interpreter needs ``pip install '.[host]'``, and for the page's tests a Chromium or
Chrome on the machine (``CHROMIUM`` names it where it is not found). Screenshots and the server's
log go to the folder ``HOST_OUTPUT`` if that is set.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from host_page import Page
from host_server import ROOT, Client, Server
from PIL import Image

# The workflows' runner without a host.
sys.path.append(str(ROOT / "tests" / "nodes"))
from graph import USERS_PHOTO


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not os.environ.get("COMFYUI_DIR"):
        skip = pytest.mark.skip(reason="COMFYUI_DIR does not name a ComfyUI checkout")
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go."""
    path = Path(os.environ.get("HOST_OUTPUT") or tmp_path_factory.mktemp("host-output"))
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture(scope="session")
def comfyui(
    tmp_path_factory: pytest.TempPathFactory, tiny_path: Path, output: Path
) -> Iterator[Server]:
    """ComfyUI from ``COMFYUI_DIR``, with the pack and, in ``models/adain``, another tiny model."""
    checkout = Path(os.environ["COMFYUI_DIR"]).expanduser()
    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    server = Server(checkout, python, tmp_path_factory.mktemp("comfyui"))
    try:
        shutil.copy(tiny_path, server.base / "models" / "adain")
        # ComfyUI comes with an image of this name.
        Image.open(USERS_PHOTO).save(server.base / "input" / "example.png")
        server.wait()
        yield server
    finally:
        server.stop()
        shutil.copy(server.log, output)


@pytest.fixture
def client(comfyui: Server) -> Iterator[Client]:
    """A connection to ComfyUI."""
    sync = pytest.importorskip("websockets.sync.client", reason="pip install websockets")
    with Client.connected(comfyui, sync.connect) as client:
        yield client


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The pack's nodes by id, imported into this process, where they find no host."""
    name = "pack_of_the_host_tests"
    spec = importlib.util.spec_from_file_location(
        name, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec and spec.loader
    sys.modules[name] = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADAIN_CACHE", str(tmp_path_factory.mktemp("cache")))
        spec.loader.exec_module(sys.modules[name])
        yield sys.modules[name].NODE_CLASS_MAPPINGS


@pytest.fixture(scope="session")
def page(comfyui: Server, output: Path) -> Iterator[Page]:
    """ComfyUI's own web page in a headless browser."""
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    browser = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        pytest.skip("there is no Chromium; CHROMIUM may name one")
    with (
        playwright.sync_playwright() as driver,
        Page.opened(driver, browser, comfyui, output) as page,
    ):
        yield page
