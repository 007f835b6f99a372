"""Apps and subgraph blueprints in ComfyUI's own web page, which newer versions have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest
from graph import BLUEPRINTS, WORKFLOWS
from host_page import Page
from host_server import ROOT
from test_host_page import as_graph

APPS = [path for path in WORKFLOWS if path.stem.endswith(".app")]
WIDE, PHONE = (1440, 900), (390, 844)
_HAS_APPS = """() => {
  const {$pinia} = document.querySelector('#vue-app').__vue_app__.config.globalProperties;
  return $pinia._s.has('appMode');
}"""
_RUN = '[data-testid="linear-run-button"] button:has([data-testid="linear-run-button-icon"])'


@pytest.fixture(params=[WIDE, PHONE], ids=["wide", "phone"])
def app_page(request: pytest.FixtureRequest, page: Page) -> Iterator[Page]:
    """The page at a desktop's and at a phone's size."""
    if not page.page.evaluate(_HAS_APPS):
        pytest.skip("this page has no apps")
    width, height = request.param
    page.page.set_viewport_size({"width": width, "height": height})
    page.reload()
    yield page
    page.page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    # Which the page opens again when it is loaded, and not as an app.
    page.load(as_graph(WORKFLOWS[0]), WORKFLOWS[0].stem)
    page.reload()
    # It has kept the view of a canvas that an app hid: of no size.
    page.page.evaluate("() => window.app.canvas.ds.reset()")


@pytest.mark.parametrize("path", APPS, ids=lambda path: path.stem)
def test_app_runs_at_the_first_click(path: Path, app_page: Page) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert app_page.load(document, path.stem) == []
    page, phone = app_page.page, app_page.page.viewport_size["width"] == PHONE[0]
    name = f"{path.stem}-{'phone' if phone else 'wide'}"
    if phone:
        page.locator("#mobile-app-control-tab").click()
        page.wait_for_timeout(1000)
    controls = page.locator('[data-testid="app-mode-widget-item"]')
    controls.first.wait_for()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.adain-styles img')].every(i => i.naturalWidth)"
    )
    app_page.shot(f"{name}-controls")
    inputs = document["extra"]["linearData"]["inputs"]
    assert controls.count() == len(inputs)
    for (_, widget, *_), control in zip(inputs, controls.all(), strict=True):
        box = control.bounding_box()
        # A label has half of that: what the page hides would be a label alone.
        assert box["height"] >= 60, widget
        assert box["x"] >= 0 and box["x"] + box["width"] <= page.viewport_size["width"], widget

    # Not the same twice: a result that ComfyUI remembers is no new one for the page.
    place = 1 if phone else 2
    styles = page.locator(".adain-styles").first.locator("button")
    shipped = sorted(each.name for each in (ROOT / "weights" / "styles").iterdir())
    assert styles.count() >= len(shipped)
    styles.nth(place).click()
    chosen = [n["inputs"] for n in app_page.prompt().values() if n["class_type"].endswith("Style")]
    assert chosen[0] == {"style": shipped[place]}

    run = app_page.run(button=_RUN)
    assert run.status == "success", run.error
    if phone:
        page.locator("#mobile-app-preview-tab").click()
    (output,) = document["extra"]["linearData"]["outputs"]
    (image,) = run.outputs[str(output)]["images"]
    page.wait_for_function(
        """name => [...document.querySelectorAll('img')].some(
          image => image.src.includes(name) && image.naturalWidth && image.clientWidth > 200)""",
        arg=image["filename"],
    )
    app_page.shot(f"{name}-done")
    assert app_page.words() == []


@pytest.mark.parametrize("app_page", [WIDE], indirect=True, ids=["wide"])
def test_an_app_opened_again_has_a_working_gallery(app_page: Page) -> None:
    """The page keeps an app's controls, and with them the gallery of the first one's node."""
    document = json.loads(APPS[0].read_text(encoding="utf-8"))
    shown = app_page.page.locator('[data-testid="app-mode-widget-item"] .adain-styles')
    pressed = shown.locator('button[aria-pressed="true"]')
    first = None
    for _ in range(2):
        assert app_page.load(document, APPS[0].stem) == []
        app_page.page.wait_for_timeout(2000)
        if first and not shown.count():
            pytest.skip("this page leaves controls of packs empty when an app is opened again")
        shown.locator("button").first.wait_for()
        first = first or pressed.get_attribute("data-style")
        assert pressed.get_attribute("data-style") == first  # the app's own again
        choice = shown.locator("button").first
        choice.click()
        (node,) = (n for n in app_page.prompt().values() if n["class_type"] == "AdaINLoadStyle")
        assert node["inputs"] == {"style": choice.get_attribute("data-style")}
        assert choice.get_attribute("data-style") != first


# What feeds a blueprint's sockets, and what takes its result.
_AROUND = {
    "IMAGE": ("AdaINSampleImage", 0, "SaveImage"),
    "MASK": ("AdaINSampleImage", 1, ""),
    "VIDEO": ("CreateVideo", 0, "SaveVideo"),
}


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
def test_blueprint_is_a_node(path: Path, page: Page) -> None:
    try:
        page.server.get("/global_subgraphs")
    except HTTPError:
        pytest.skip("this ComfyUI has no blueprints of node packs")
    if not page.lists_blueprints():
        pytest.skip("this page lists no blueprints")
    (outer,) = json.loads(path.read_text(encoding="utf-8"))["nodes"]
    assert page.lay_blueprint(path.stem) != "User generated subgraph blueprint"
    kinds = [each["type"] for each in outer["inputs"] if "widget" not in each]
    sources = [(slot, *_AROUND[kind][:2]) for slot, kind in enumerate(kinds)]
    page.connect(sources, _AROUND[outer["outputs"][0]["type"]][2])
    if "VIDEO" in kinds:
        page.page.evaluate(
            """() => {
              const {graph} = window.app, sample = window.LiteGraph.createNode('AdaINSampleImage');
              graph.add(sample);
              sample.widgets[0].value = 'video/castle';
              sample.connect(0, graph._nodes.find(node => node.type === 'CreateVideo'), 0);
            }"""
        )
    page.page.wait_for_timeout(1000)
    page.shot(f"{path.stem}-laid")
    # Its widgets are those of the nodes inside.
    inside = [n["inputs"] for n in page.prompt().values() if n["class_type"].startswith("AdaIN")]
    found = {name: value for inputs in inside for name, value in inputs.items()}
    names = [each["name"] for each in outer["inputs"] if "widget" in each]
    for name, value in zip(names, outer["widgets_values"], strict=True):
        assert found["alpha" if name == "strength" else name] == value
    run = page.run()
    assert run.status == "success", run.error
    assert page.words() == []
    page.shot(f"{path.stem}-done")
