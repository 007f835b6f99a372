"""The pack in ComfyUI's own web page, in a headless browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from graph import WORKFLOWS, Workflow
from host_page import Page
from host_server import PACK, ROOT
from test_host_api import node, prompt, saved, stylized
from test_host_workflows import api_prompt


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_loads_and_runs_at_the_first_click(
    path: Path, page: Page, classes: dict[str, Any]
) -> None:
    faults = page.load(json.loads(path.read_text(encoding="utf-8")), path.stem)
    page.shot(f"{path.stem}-loaded")
    assert faults == []
    # What the page queues is what the other tests compare with the library.
    assert page.prompt() == api_prompt(Workflow(path, classes))

    run = page.run()
    assert run.status == "success", run.error
    page.wait_for_pictures()
    page.shot(f"{path.stem}-done")
    assert page.words() == []
    assert any(output.get("images") for output in run.outputs.values())


def test_an_error_reaches_the_page(page: Page) -> None:
    broken = prompt(
        broken=node("TestsBrokenPicture", size=64),
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
    assert any("content: picture 2 of 2: " in words for words in page.words())
    page.reload()


def help_text(page: Page, node: str) -> str:
    """The help page of a node, opened by the button that a selected node shows."""
    page.add(node)
    page.page.get_by_test_id("info-button").first.click()
    content = page.page.locator(".node-help-content")
    picture = content.locator("img").first
    picture.wait_for()
    page.page.wait_for_timeout(500)
    assert picture.evaluate("image => image.naturalWidth") >= 300
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
    assert cards.count() == len(WORKFLOWS)
    # Cards further down load theirs when they are scrolled to.
    assert cards.first.locator("img").evaluate("image => image.naturalWidth") >= 200
    cards.first.locator("img").click()
    page.page.wait_for_function("() => window.app.graph._nodes.length > 3")
    page.page.wait_for_timeout(1000)
    page.shot("template-opened")
    page.reload()
