"""The built page in Chromium without a GPU, served from this machine.

    make page
    python -m pytest tests/page

Requires ``pip install '.[page]'`` and Chromium or Chrome; set ``CHROMIUM`` to its path if it is not
found.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_server import PageServer
from studio import CHROMIUM, Studio, launch

from adain_core import AdaINModel

DIST = Path(__file__).resolve().parents[2] / "page" / "dist"


def reason_to_skip() -> str:
    """Return why the page cannot be tested; empty if it can."""
    if importlib.util.find_spec("playwright") is None:
        return "needs playwright: pip install '.[page]'"
    if not CHROMIUM:
        return "needs Chromium or Chrome"
    if not (DIST / "catalog.json").is_file():
        return "the page is not built: make page"
    return ""


@pytest.fixture(scope="session")
def model() -> AdaINModel:
    """The bundled model, with which the page was built."""
    return AdaINModel.from_pretrained(device="cpu", dtype="fp32")


@pytest.fixture(scope="session")
def dist(model: AdaINModel) -> Path:
    """The built page."""
    if reason := reason_to_skip():
        pytest.skip(reason)
    catalog = json.loads((DIST / "catalog.json").read_text())
    if catalog["encoder"] != model.fingerprint:
        pytest.skip("the page was built with other weights: make page")
    return DIST


@pytest.fixture(scope="session")
def server(dist: Path) -> Iterator[PageServer]:
    """A server of static files that sets no headers for isolation."""
    with PageServer(dist) as running:
        yield running


# Not for the whole session: its event loop would disturb other tests.
@pytest.fixture(scope="package")
def playwright(dist: Path) -> Iterator[Any]:
    """Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(playwright: Any) -> Iterator[Any]:
    """Headless Chromium without a GPU."""
    browser = launch(playwright, "--disable-gpu")
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def studio(browser: Any, server: PageServer) -> Iterator[Studio]:
    """The opened page, shared by tests that set all options they need."""
    studio = Studio(browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-US"))
    studio.open(server.url)
    yield studio
    studio.context.close()
