"""Write the texts of the nodes into the translations and help pages.

    python tools/node_texts.py

The English texts are in the code of the nodes, the Japanese and Chinese ones in
``tools/translations``, by the English text, whole or sentence by sentence. This generates
``locales/*/nodeDefs.json`` and the lists of inputs and outputs in ``web/docs``. The rest of a help
page is written by hand.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "web" / "docs"
# Headings of the lists of inputs and outputs, and of the section after them, by language.
HEADINGS = {
    "en": ("Inputs", "Outputs", "How to wire it"),
    "ja": ("入力", "出力", "接続例"),
    "zh": ("输入", "输出", "连接方式"),
}


@dataclass(frozen=True)
class Style:
    """Words and punctuation of a list item in a language.

    Attributes:
        default: prefix of a default.
        on_off: the values of a switch.
        span: between the lowest and the highest value.
        comma: between a range and a default.
        choice: between the choices of a list.
    """

    default: str
    on_off: tuple[str, str]
    span: str
    comma: str
    choice: str


STYLES = {
    "en": Style("default ", ("on", "off"), "–", ", ", ", "),
    "ja": Style("既定値 ", ("オン", "オフ"), "～", "、", "、"),
    "zh": Style("默认 ", ("开", "关"), "～", "，", "、"),
}


class MissingTextError(Exception):
    """A text without its translation."""


class Catalog:
    """The texts of a language.

    Args:
        language: with ``en``, texts stay unchanged.
        names: names of inputs and outputs, with ``#`` for a number at the end.
        texts: translations by the English text.
    """

    def __init__(
        self, language: str, names: Mapping[str, str] = {}, texts: Mapping[str, str] = {}
    ) -> None:
        self.language, self._names, self._texts = language, names, texts
        self.used: set[str] = set()

    @classmethod
    def read(cls, language: str) -> Catalog:
        """Return the catalog of a language."""
        if language == "en":
            return cls(language)
        path = ROOT / "tools" / "translations" / f"{language}.json"
        loaded = json.loads(path.read_text(encoding="utf-8"))
        return cls(language, loaded["names"], loaded["texts"])

    def name(self, name: str) -> str:
        """Return the name of an input or output; numbered ones share a translation."""
        if self.language == "en":
            return name
        number = re.search(r"_(\d)$", name)
        key = name[:-1] + "#" if number else name
        if key not in self._names:
            raise MissingTextError(f"{self.language}: there is no name for {key!r}")
        self.used.add(key)
        return self._names[key].replace("#", number[1] if number else "#")

    def text(self, text: str) -> str:
        """Return the translation of a text, whole or in the longest known runs of sentences."""
        if self.language == "en":
            return text
        sentences, found = re.split(r"(?<=[.?!]) ", text), []
        while sentences:
            for count in range(len(sentences), 0, -1):
                run = " ".join(sentences[:count])
                if run in self._texts:
                    break
            else:
                raise MissingTextError(f"{self.language}: there is no text for {sentences[0]!r}")
            self.used.add(run)
            found.append(self._texts[run])
            del sentences[:count]
        return "".join(found)

    @property
    def unused(self) -> set[str]:
        """The translations that no node uses."""
        return {*self._names, *self._texts} - self.used


@cache
def load_pack() -> ModuleType:
    """Import the pack as ComfyUI does, once."""
    name = "adain_pack"
    spec = importlib.util.spec_from_file_location(
        name, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec and spec.loader
    pack = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pack)
    return pack


def definitions(pack: ModuleType, catalog: Catalog) -> dict[str, Any]:
    """Return the content of a language's ``nodeDefs.json``."""
    return {
        node_id: {
            "display_name": catalog.text(pack.NODE_DISPLAY_NAME_MAPPINGS[node_id]),
            "description": catalog.text(node.DESCRIPTION),
            "inputs": {
                name: {"name": catalog.name(name), "tooltip": catalog.text(options["tooltip"])}
                for name, (_, options) in pack.nodes.inputs.declared_inputs(node).items()
            },
            "outputs": {
                str(number): {"name": catalog.name(name), "tooltip": catalog.text(tooltip)}
                for number, (name, tooltip) in enumerate(
                    zip(node.RETURN_NAMES, node.OUTPUT_TOOLTIPS, strict=True)
                )
            },
        }
        for node_id, node in pack.NODE_CLASS_MAPPINGS.items()
    }


def page_path(node_id: str, language: str) -> Path:
    """Return the path of a help page, as the host expects it."""
    return DOCS / f"{node_id}.md" if language == "en" else DOCS / node_id / f"{language}.md"


def page(pack: ModuleType, node_id: str, catalog: Catalog) -> str:
    """Return a help page with up-to-date lists of inputs and outputs."""
    node = pack.NODE_CLASS_MAPPINGS[node_id]
    text = page_path(node_id, catalog.language).read_text(encoding="utf-8")
    first, second, following = HEADINGS[catalog.language]
    start, end = text.index(f"## {first}\n"), text.index(f"## {following}\n")
    bold = {catalog.text(name) for name in pack.NODE_DISPLAY_NAME_MAPPINGS.values()}
    declared = pack.nodes.inputs.declared_inputs(node)
    inputs = "\n".join(_input_items(declared, catalog, bold))
    pairs = zip(node.RETURN_NAMES, node.OUTPUT_TOOLTIPS, strict=True)
    outputs = "\n".join(
        _item([name], "", _marked(catalog.text(tooltip), bold), catalog) for name, tooltip in pairs
    )
    lists = f"## {first}\n\n{inputs}\n\n## {second}\n\n{outputs}\n\n"
    return text[:start] + lists + text[end:]


def _input_items(declared: Mapping[str, Any], catalog: Catalog, bold: set[str]) -> Iterator[str]:
    """Yield an item per input; inputs that differ only by their number share one."""

    def alike(entry: tuple[str, Any]) -> tuple[str, str, str]:
        name, (kind, options) = entry
        return re.sub(r"_\d$", "", name), options["tooltip"], _values(kind, options, catalog)

    inputs = list(declared.items())
    # Sorted by the first input of each kind.
    kinds = list(dict.fromkeys(map(alike, inputs)))
    inputs.sort(key=lambda entry: kinds.index(alike(entry)))
    for (_, tooltip, values), group in groupby(inputs, key=alike):
        entries = list(group)
        text = _marked(catalog.text(tooltip), bold)
        kind = entries[0][1][0]
        if isinstance(kind, list) and values:
            text = re.sub(rf"\b({'|'.join(kind)})(?=[:：])", r"`\1`", text)
        yield _item([name for name, _ in entries], values, text, catalog)


def _item(names: list[str], values: str, text: str, catalog: Catalog) -> str:
    comma = STYLES[catalog.language].comma
    if catalog.language == "en":
        head = ", ".join(f"`{name}`" for name in names)
        return f"- {head}{f' ({values})' if values else ''}: {text}"
    if len(names) == 1:
        inside = f"`{names[0]}`{comma + values if values else ''}"
        return f"- **{catalog.name(names[0])}**（{inside}）：{text}"
    head = "、".join(f"**{catalog.name(name)}**（`{name}`）" for name in names)
    return f"- {head}{f'（{values}）' if values else ''}：{text}"


def _values(kind: Any, options: Mapping[str, Any], catalog: Catalog) -> str:
    """Return the range or choices of a widget, and its default."""
    style = STYLES[catalog.language]
    if "default" not in options:  # a socket, or a list of files
        return ""
    default = options["default"]
    if catalog.language == "en" and "display_name" in options:
        shown, options = options["display_name"], {**options}
        del options["display_name"]
        return f'shown as "{shown}"; {_values(kind, options, catalog)}'
    if isinstance(kind, list):
        choices = style.choice.join(f"`{value}`" for value in kind)
        separator = "; " if catalog.language == "en" else style.comma
        return f"{choices}{separator}{style.default}`{default}`"
    if kind == "BOOLEAN":
        label = options.get("label_on" if default else "label_off")
        quoted = f'{style.comma}"{label}"' if label else ""
        return f"{style.default}{style.on_off[not default]}{quoted}"
    if kind == "STRING":
        return "" if options.get("multiline") else f'{style.default}"{default}"'
    span = f"{options['min']:g}{style.span}{options['max']:g}"
    return f"{span}{style.comma}{style.default}{default:g}"


def _marked(text: str, bold: set[str]) -> str:
    """Mark names with an underscore as code, and names of nodes as bold."""
    text = re.sub(r"(?<![\w/`.])[a-z]+(?:_[a-z0-9]+)+(?![\w`/])", r"`\g<0>`", text)
    names = "|".join(sorted(map(re.escape, bold), key=len, reverse=True))
    text = text.replace("”“", "”、“").replace("」「", "」、「")
    return re.sub(rf"[“「]?({names})[”」]?", r"**\1**", text)


def files() -> tuple[dict[Path, str], dict[str, set[str]]]:
    """Return the content of the files, and the unused translations by language."""
    pack, written, unused = load_pack(), {}, {}
    for language in HEADINGS:
        catalog = Catalog.read(language)
        if language != "en":
            path = ROOT / "locales" / language / "nodeDefs.json"
            content = json.dumps(definitions(pack, catalog), ensure_ascii=False, indent=2)
            written[path] = content + "\n"
        for node_id in pack.NODE_CLASS_MAPPINGS:
            written[page_path(node_id, language)] = page(pack, node_id, catalog)
        unused[language] = catalog.unused
    return written, unused


def main() -> None:
    """Write the files."""
    written, unused = files()
    for path, content in written.items():
        path.write_text(content, encoding="utf-8")
    for language, texts in unused.items():
        for text in sorted(texts):
            print(f"{language}: unused translation of {text!r}")


if __name__ == "__main__":
    main()
