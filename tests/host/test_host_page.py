"""The pack in ComfyUI's own web page, in a headless browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from graph import WORKFLOWS, Workflow
from host_page import Page
from host_server import PACK, ROOT
from test_host_api import node, prompt, saved, stylized

# At 1440×900, as the page opens a template: below 0.57 it draws no words.
READABLE = 0.62


def as_graph(path: Path) -> dict[str, Any]:
    """A workflow, an app's as that of its nodes."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    document["extra"].pop("linearMode", None)
    return document


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_loads_and_runs_at_the_first_click(
    path: Path, page: Page, classes: dict[str, Any]
) -> None:
    faults = page.load(as_graph(path), path.stem)
    page.shot(f"{path.stem}-loaded")
    assert faults == []
    assert page.scale() >= READABLE
    # What the page queues is what the other tests compare with the library, and what ComfyUI's own
    # nodes have got since.
    queued, expected = page.prompt(), Workflow(path, classes).prompt()
    assert queued.keys() == expected.keys()
    for name, wanted in expected.items():
        inputs = queued[name]["inputs"]
        new = {} if wanted["class_type"] in classes else inputs
        assert queued[name]["class_type"] == wanted["class_type"]
        assert inputs == {**new, **wanted["inputs"]}

    run = page.run()
    assert run.status == "success", run.error
    page.wait_for_images()
    page.shot(f"{path.stem}-done")
    assert page.words() == []
    assert any(output.get("images") for output in run.outputs.values())


@pytest.fixture
def vue_page(page: Page) -> Iterator[Page]:
    """The page with its newer way to draw nodes, in which they are taller."""
    with page.vue_nodes() as there:
        if not there:
            pytest.skip("this page offers no Nodes 2.0")
        yield page


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_layout_in_nodes_2(path: Path, vue_page: Page) -> None:
    assert vue_page.load(as_graph(path), path.stem) == []
    assert vue_page.scale() >= READABLE
    layout = vue_page.layout()
    vue_page.shot(f"{path.stem}-nodes-2")
    faults = [f"the line {line} crosses {name}" for line, name in layout["crossed"]]
    for (one, box), (other, box_2) in combinations(layout["nodes"].items(), 2):
        if not beside(box, box_2) and gap(box, box_2) < 10:
            faults.append(f"from {one} to {other} there are {gap(box, box_2):.0f} units")
    for title, (left, top, right, bottom) in layout["groups"].items():
        for name, box in layout["nodes"].items():
            inside = left < box[0] and box[2] < right and top < box[1] and box[3] < bottom
            around = [left, top, right, bottom]
            if not inside and not beside(box, around) and gap(box, around) < 10:
                faults.append(f"{name} is half in {title}, or at its edge")
    assert faults == []


def beside(box: list[float], other: list[float]) -> bool:
    """Whether one is to the left of the other."""
    return box[2] < other[0] or other[2] < box[0]


def gap(box: list[float], other: list[float]) -> float:
    """Units from the upper one's lower edge to the lower one's upper edge."""
    return max(box[1] - other[3], other[1] - box[3])


# Words of a newcomer, and how far up the list the node stands at least. Before it are nodes whose
# names begin with the word, or hold it.
FIRST_WORDS = {
    **dict.fromkeys(["style", "style transfer", "neural style", "stylize", "artistic"], 3),
    **dict.fromkeys(["painting", "paint"], 40),
}


@pytest.mark.parametrize("word", FIRST_WORDS)
def test_found_under_the_first_word_typed(page: Page, classes: dict[str, Any], word: str) -> None:
    told = page.server.json("/object_info/AdaINStylize")["AdaINStylize"]
    if word not in f"{told['name']} {told['display_name']}".lower() and (
        "search_aliases" not in told
    ):
        pytest.skip("this page searches names alone: its server hands it no aliases")
    found = page.search(word)
    assert next(node for node in found if node in classes) == "AdaINStylize"
    assert found.index("AdaINStylize") < FIRST_WORDS[word]


@pytest.mark.parametrize("vue", [False, True], ids=["litegraph", "nodes-2"])
def test_a_style_is_chosen_by_its_preview(page: Page, vue: bool) -> None:
    with page.vue_nodes() if vue else nullcontext(True) as there:
        if not there:
            pytest.skip("this page offers no Nodes 2.0")
        page.add("AdaINLoadStyle")
        buttons = page.page.locator(".adain-styles button")
        buttons.first.wait_for()
        shipped = sorted(path.name for path in (ROOT / "weights" / "styles").iterdir())
        shown = buttons.evaluate_all("all => all.map(button => button.dataset.style)")
        assert shown[: len(shipped)] == shipped
        page.page.wait_for_function(
            "() => [...document.querySelectorAll('.adain-styles img')].every(i => i.naturalWidth)"
        )
        buttons.nth(4).dispatch_event("click")
        page.shot(f"gallery-{'nodes-2' if vue else 'litegraph'}")
        assert buttons.nth(4).get_attribute("aria-pressed") == "true"
        (node,) = page.prompt().values()
        assert node["inputs"] == {"style": shipped[4]}
        saved = page.page.evaluate("() => window.app.graph.serialize().nodes[0].widgets_values")
        assert saved == [shipped[4]]
        # Pages may go on showing the gallery of a node that another has replaced.
        page.add("AdaINLoadStyle")
        pressed = page.page.locator('.adain-styles button[aria-pressed="true"]')
        (node,) = page.prompt().values()
        assert node["inputs"] == {"style": pressed.get_attribute("data-style")}
        buttons.nth(2).dispatch_event("click")
        assert pressed.get_attribute("data-style") == shipped[2]
        (node,) = page.prompt().values()
        assert node["inputs"] == {"style": shipped[2]}


def test_an_error_reaches_the_page(page: Page) -> None:
    broken = prompt(
        broken=node("TestsBrokenImage", size=64),
        stylized=stylized("broken"),
        out=saved("stylized"),
    )
    page.page.evaluate("prompt => window.app.loadApiJson(prompt, 'broken')", broken)
    page.page.wait_for_timeout(1500)
    run = page.run()
    assert run.status == "error"
    page.shot("error")
    details = page.page.get_by_test_id("error-overlay-see-errors")
    if details.count():  # newer pages show the text one click away
        details.click()
        page.page.wait_for_timeout(1000)
        page.shot("error-details")
    assert any("content: entry 2 of 2: " in words for words in page.words())
    page.reload()


def help_text(page: Page, node: str) -> str:
    """The help page of a node, opened by the button that a selected node shows."""
    button = page.page.get_by_test_id("info-button").first
    for _ in range(10):
        page.add(node)
        if button.count():
            break
        # The page forgets a selection that comes while it is at the help of another node.
        page.page.wait_for_timeout(3000)
    # Not a click at its place: the help of the node before may lie there.
    button.dispatch_event("click")
    content = page.page.locator(".node-help-content")
    image = content.locator("img").first
    image.wait_for()
    page.page.wait_for_timeout(500)
    assert image.evaluate("image => image.naturalWidth") >= 300
    return str(content.inner_text())


@pytest.mark.parametrize("language", ["en", "ja", "zh"])
def test_help_opens_in_the_users_language(
    page: Page, classes: dict[str, Any], language: str
) -> None:
    pages = ROOT / "web" / "docs"
    page.server.post("/settings/Comfy.Locale", language)
    page.reload()
    # Every node in English, one in the others: what differs is a file, and test_host_files has all.
    for name in classes if language == "en" else ["AdaINStylize"]:
        file = pages / f"{name}.md" if language == "en" else pages / name / f"{language}.md"
        first_words = file.read_text(encoding="utf-8").lstrip("# ")[:12]
        assert first_words in help_text(page, name)
    page.shot(f"help-{language}")
    if language != "en":
        translations = json.loads((ROOT / f"locales/{language}/nodeDefs.json").read_text("utf-8"))
        title = page.page.evaluate("() => window.app.graph._nodes[0].title")
        assert title == translations["AdaINStylize"]["display_name"]
    page.server.post("/settings/Comfy.Locale", "en")
    page.reload()


def test_templates_show_their_thumbnails_and_open(page: Page) -> None:
    page.page.evaluate(
        "() => { window.app.extensionManager.command.execute('Comfy.BrowseTemplates'); }"
    )
    page.page.get_by_text(PACK, exact=True).first.click()
    cards = page.page.locator('[data-testid^="template-workflow-"]')
    cards.first.locator("img").wait_for()
    page.page.wait_for_timeout(3000)
    page.shot("templates")
    # Cards further down load theirs when they are scrolled to.
    assert cards.first.locator("img").evaluate("image => image.naturalWidth") >= 200
    # Older pages show twelve at first, and more as one scrolls.
    assert cards.count() in (12, len(WORKFLOWS))
    cards.first.locator("img").click()
    page.page.wait_for_function("() => window.app.graph._nodes.length > 3")
    page.page.wait_for_timeout(1000)
    page.shot("template-opened")
    page.reload()
