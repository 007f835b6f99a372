"""What ComfyUI serves of the pack besides its nodes: help pages, translations, templates."""

from __future__ import annotations

import io
import re
import urllib.error
from typing import Any

from host_server import PACK, ROOT, Server
from PIL import Image

# As the newer pages ask for them; without a page in its language a user gets the English one.
LANGUAGES = ("ja", "zh")


def help_page(server: Server, node: str, language: str) -> str:
    """A node's help page, asked for in the page's order."""
    folder = f"/extensions/{PACK}/docs"
    for path in (f"{folder}/{node}/{language}.md", f"{folder}/{node}.md"):
        try:
            return server.get(path).decode()
        except urllib.error.HTTPError as error:
            assert error.code == 404
    raise AssertionError(f"{node} has no help page in {language}")


def test_every_node_has_a_help_page_in_every_language(
    comfyui: Server, classes: dict[str, Any]
) -> None:
    for node in classes:
        pages = {language: help_page(comfyui, node, language) for language in ("en", *LANGUAGES)}
        assert len(set(pages.values())) == 3, node
        for page in pages.values():
            images = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page)
            assert images, node
            for image in images:
                # The page resolves them against the folder of all help pages.
                data = comfyui.get(f"/extensions/{PACK}/docs/{image}")
                assert Image.open(io.BytesIO(data)).width >= 300


def test_translations_cover_every_node_and_input(comfyui: Server) -> None:
    translations = comfyui.json("/i18n")
    # An English file would replace the names and tooltips of the Python code.
    assert PACK not in str(translations.get("en", ""))
    nodes = {
        name: info
        for name, info in comfyui.json("/object_info").items()
        if info["python_module"] == f"custom_nodes.{PACK}"
    }
    for language in LANGUAGES:
        translated = translations[language]["nodeDefs"]
        for name, info in nodes.items():
            assert translated[name]["display_name"]
            assert translated[name]["description"]
            sections = {**info["input"], "hidden": {}}.values()
            inputs = {key for section in sections for key in section}
            assert set(translated[name]["inputs"]) == inputs, f"{language} {name}"


def test_templates_are_offered_with_thumbnails(comfyui: Server) -> None:
    offered = comfyui.json("/workflow_templates")[PACK]
    shipped = sorted(path.stem for path in (ROOT / "workflows").glob("*.json"))
    assert sorted(offered) == shipped
    for name in shipped:
        folder = f"/api/workflow_templates/{PACK}"
        assert comfyui.json(f"{folder}/{name}.json")["nodes"]
        with Image.open(io.BytesIO(comfyui.get(f"{folder}/{name}.jpg"))) as thumbnail:
            assert thumbnail.format == "JPEG"
            assert min(thumbnail.size) >= 200
