"""Help pages, their images, and translations, against what the nodes declare.

The page requests ``docs/<node id>/<locale>.md``, then for ``docs/<node id>.md``, and
puts the address of ``docs/`` before every relative image, wherever the page itself lies.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import node_texts
import pytest
from graph import declared_inputs
from node_ids import NODE_IDS
from PIL import Image
from test_node_errors import quoted

from adain_core.cli import make_parser

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "web" / "docs"
LOCALES = ["ja", "zh"]
LANGUAGES = ["en", *LOCALES]
HEADINGS = {
    "en": ["Inputs", "Outputs", "How to wire it", "Tips", "Common errors"],
    "ja": ["入力", "出力", "接続例", "ヒント", "よくあるエラー"],
    "zh": ["输入", "输出", "连接方式", "提示", "常见错误"],
}
# How commands in the pages begin: ComfyUI's Python in the pack's folder; the portable one's.
PYTHON = "python adain_core "
PORTABLE = "..\\..\\..\\python_embeded\\python.exe "
IMAGE_LINK = re.compile(r"!\[([^\]]+)\]\(([^)]+)\)")


def text(node_id: str, language: str) -> str:
    return node_texts.page_path(node_id, language).read_text(encoding="utf-8")


def sections(node_id: str, language: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)\n", text(node_id, language), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def spans(markdown: str) -> list[str]:
    return re.findall(r"`([^`]+)`", markdown)


def values(node: Any) -> set[str]:
    """The choices of a node's lists."""
    kinds = (kind for kind, _ in declared_inputs(node).values())
    return {value for kind in kinds if isinstance(kind, list) for value in kind}


@cache
def definitions(language: str) -> dict[str, Any]:
    path = ROOT / "locales" / language / "nodeDefs.json"
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def test_every_node_and_no_other(pack: Any) -> None:
    assert list(pack.module.NODE_CLASS_MAPPINGS) == NODE_IDS
    pages = {
        node_texts.page_path(node_id, language) for node_id in NODE_IDS for language in LANGUAGES
    }
    assert set(DOCS.rglob("*.md")) == pages
    # English names come from the nodes; an en file would hide later changes of theirs.
    assert sorted(path.name for path in (ROOT / "locales").iterdir()) == LOCALES
    for language in LOCALES:
        assert list(definitions(language)) == NODE_IDS


def test_web_directory(pack: Any) -> None:
    assert (ROOT / pack.module.WEB_DIRECTORY / "docs").resolve() == DOCS
    assert "WEB_DIRECTORY" in pack.module.__all__
    # The host loads scripts from there into the page: one, and a small one.
    (script,) = (ROOT / "web").rglob("*.js")
    assert script.name == "style_gallery.js" and script.stat().st_size < 6_000


def test_images_of_help_pages() -> None:
    """Each is there, used by all languages, and no larger than a panel needs."""
    used: dict[Path, set[str]] = {}
    for node_id in NODE_IDS:
        for language in LANGUAGES:
            found = IMAGE_LINK.findall(text(node_id, language))
            assert len(found) == 1
            used.setdefault(DOCS / found[0][1], set()).add(language)
    assert set(used) == {
        path for path in DOCS.rglob("*") if path.is_file() and path.suffix != ".md"
    }
    for path, languages in used.items():
        assert languages == set(LANGUAGES), path
        assert path.stat().st_size <= 120_000, path
        with Image.open(path) as image:
            assert image.format == "JPEG"
            assert 850 <= image.width <= 950 and 200 <= image.height <= 900, path


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("node_id", NODE_IDS)
class TestPage:
    def test_sections(self, node_id: str, language: str) -> None:
        found = sections(node_id, language)
        assert list(found) == HEADINGS[language]
        assert all(section.strip() for section in found.values())
        start = text(node_id, language).split("\n\n")
        assert start[0].endswith((".", "。")) and IMAGE_LINK.fullmatch(start[1]) and start[2]

    def test_code_is_real(self, pack: Any, node_id: str, language: str) -> None:
        """What stands in code type is a name, a combo's value, a file, or a message's words."""
        nodes = pack.module.NODE_CLASS_MAPPINGS.values()
        known = {name for node in nodes for name in (*declared_inputs(node), *node.RETURN_NAMES)}
        known |= {value for node in nodes for value in values(node)}
        for span in spans(text(node_id, language)):
            if re.fullmatch(r"[a-z_0-9]+", span):
                assert span in known, span
            elif " " in span and not span.startswith(("adain ", PYTHON, PORTABLE)):
                # An error, which test_node_errors provokes, or keyframes.
                assert span in quoted(node_id) or re.fullmatch(r"[\d:., %]+", span), span
            elif span.startswith("samples/"):
                assert (ROOT / span).is_file()

    def test_same_as_english(self, node_id: str, language: str) -> None:
        """A translation has the same items, names the same files and quotes the same messages."""
        own, english = text(node_id, language), text(node_id, "en")
        assert own.count("\n- ") == english.count("\n- ")
        assert own.count("\n  - ") == english.count("\n  - ")
        quotes = [
            [s for s in spans(t) if not re.fullmatch(r"[a-z_0-9]+", s)] for t in (own, english)
        ]
        assert sorted(quotes[0]) == sorted(quotes[1])


def commands(start: str) -> set[str]:
    """The commands of all pages that begin so, without the beginning."""
    found = (span for node_id in NODE_IDS for span in spans(text(node_id, "en")))
    return {span.removeprefix(start) for span in found if span.startswith(start)}


def test_commands_of_the_command_line() -> None:
    """They say what the pages mean."""
    video, weights = (make_parser().parse_args(shlex.split(c)) for c in sorted(commands(PYTHON)))
    assert (str(video.input), str(video.output)) == ("clip.mp4", "painted.mov")
    assert (ROOT / "custom_nodes" / "adain" / weights.to).resolve() == ROOT / "models" / "adain"


def test_commands_of_the_portable_python() -> None:
    """Its ``._pth`` file isolates it, as ``-I`` does: it does not look into the current folder."""
    (command,) = commands(PORTABLE)
    folder, command = command.replace("\\", "/").split(" ", 1)
    assert command in commands(PYTHON)
    run = [sys.executable, "-I", folder, "--version"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("adain "), done.stderr


@pytest.mark.parametrize("language", LANGUAGES)
def test_node_names(pack: Any, language: str) -> None:
    """Nodes are called what the page shows in that language."""
    english = dict(pack.module.NODE_DISPLAY_NAME_MAPPINGS)
    shown = english
    if language != "en":
        shown = {node_id: definitions(language)[node_id]["display_name"] for node_id in NODE_IDS}
        assert len(set(shown.values())) == len(NODE_IDS)
    for node_id in NODE_IDS:
        wiring = sections(node_id, language)[HEADINGS[language][2]]
        assert shown[node_id] in wiring
        if language != "en":
            prose = re.sub(r"`[^`]*`", "", text(node_id, language))
            assert not [name for name in english.values() if name in prose]


def test_lists_and_translations_are_what_the_nodes_declare() -> None:
    """``python tools/node_texts.py`` writes them anew."""
    files, unused = node_texts.files()
    for path, content in files.items():
        assert path.read_text(encoding="utf-8") == content, path.relative_to(ROOT)
    assert not any(unused.values()), unused


@pytest.mark.parametrize("language", LOCALES)
def test_translations_are_whole_sentences(language: str) -> None:
    for node_id, node in definitions(language).items():
        entries = [*node["inputs"].values(), *node["outputs"].values()]
        names = [entry["name"] for entry in node["inputs"].values()]
        assert len(set(names)) == len(names), node_id
        sentences = [node["description"], *(entry["tooltip"] for entry in entries)]
        assert all(sentence.endswith("。") for sentence in sentences), node_id
        # The frontend's translator reads these signs as its own syntax.
        for sentence in (node["display_name"], *names, *sentences):
            assert re.search(r"[぀-ヿ一-鿿]", sentence), sentence
            assert not re.search(r"[{}@|]", sentence), sentence


def test_a_text_is_translated_as_a_whole_or_by_sentences() -> None:
    texts = {"One.": "1。", "Two. Three.": "2、3。", "Three.": "3。"}
    catalog = node_texts.Catalog("ja", {"style_#": "スタイル#"}, texts)
    assert catalog.text("One. Two. Three.") == "1。2、3。"
    assert catalog.unused == {"style_#", "Three."}
    assert catalog.name("style_3") == "スタイル3"
    with pytest.raises(node_texts.MissingTextError, match=r"ja: there is no text for 'Four\.'"):
        catalog.text("One. Four.")
    with pytest.raises(node_texts.MissingTextError, match=r"ja: there is no name for 'alpha'"):
        catalog.name("alpha")
