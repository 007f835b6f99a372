"""The built page in a real Chromium without a graphics card, served from this machine.

    make page
    python -m pytest tests/page

The tests' interpreter needs ``pip install '.[page]'``, and the machine a Chromium or Chrome
(``CHROMIUM`` names it where it is not found). Screenshots go to the folder ``PAGE_OUTPUT`` if that
is set.
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
    """Return what the tests of the page lack, if anything."""
    if importlib.util.find_spec("playwright") is None:
        return "needs playwright: pip install '.[page]'"
    if not CHROMIUM:
        return "needs a Chromium or Chrome"
    if not (DIST / "catalog.json").is_file():
        return "the page is not built: make page"
    return ""


@pytest.fixture(scope="session")
def model() -> AdaINModel:
    """The shipped model, which the page was built with."""
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
    """A plain server of static files, which sets no headers for isolation."""
    with PageServer(dist) as running:
        yield running


# Not longer than these tests: its event loop would be in the way of others.
@pytest.fixture(scope="package")
def playwright(dist: Path) -> Iterator[Any]:
    """What drives browsers."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(playwright: Any) -> Iterator[Any]:
    """A Chromium without a window and without a graphics card."""
    browser = launch(playwright, "--disable-gpu")
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def studio(browser: Any, server: PageServer) -> Iterator[Studio]:
    """The page, opened and ready, shared by tests that set all they need."""
    studio = Studio(browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-US"))
    studio.open(server.url)
    yield studio
    studio.context.close()
