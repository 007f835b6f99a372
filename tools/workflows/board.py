"""Workflows in the format of the page, built from the declarations of the nodes."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tools"), str(ROOT / "tests" / "nodes")]
from graph import CORE, declared_inputs, is_widget  # noqa: E402
from node_texts import load_pack  # noqa: E402

NOTES = Path(__file__).with_name("notes")
# Namespace of the ids, which are the same in every run.
IDS = uuid.UUID("6f0f2ea2-8f0d-4f0c-9c35-1f3f1f0ad41e")
# The initial view in older pages: everything, at a scale at which they still render text.
_VIEW = {"scale": 0.62, "offset": [130, 190]}
_NOTE_COLORS = {"color": "#432", "bgcolor": "#653"}


@dataclass(frozen=True)
class Output:
    """An output of a node, as a source for inputs of others.

    Attributes:
        node: number of the node.
        slot: number of the output.
        kind: type of the output.
        bends: points of the line to the input.
        value: initial value of the widget that it controls, if any.
    """

    node: int
    slot: int
    kind: str
    bends: tuple[tuple[int, int], ...] = ()
    value: Any = None

    def around(self, *bends: tuple[int, int]) -> Output:
        """Return the output with a line through some points, around other nodes."""
        return replace(self, bends=bends)


@dataclass
class Board:
    """A graph of nodes.

    Attributes:
        name: name of the file.
        classes: node classes by id: the pack's, and stand-ins for the host's.
        nodes: the nodes in the file's format.
        links: the links in the file's format.
        bends: points of lines that go around nodes, in the file's format.
        bent: the last point of each such line.
    """

    name: str
    classes: Mapping[str, Any] = field(
        default_factory=lambda: {**CORE, **load_pack().NODE_CLASS_MAPPINGS}
    )
    nodes: list[dict[str, Any]] = field(default_factory=list)
    links: list[list[Any]] = field(default_factory=list)
    bends: list[dict[str, Any]] = field(default_factory=list)
    bent: list[dict[str, int]] = field(default_factory=list)

    def add(
        self, kind: str, place: tuple[int, int], size: tuple[int, int], **given: Any
    ) -> dict[str, Output]:
        """Add a node.

        Args:
            kind: id of the node.
            place: its upper left corner, below the title.
            size: width and height.
            **given: values of widgets, and sources of inputs. Other widgets keep their defaults.

        Returns:
            The outputs by their names.
        """
        class_, number = self.classes[kind], len(self.nodes) + 1
        declared, optional = declared_inputs(class_), class_.INPUT_TYPES().get("optional", {})
        unknown = set(given) - set(declared)
        assert not unknown, f"{kind} has no {unknown}"
        # The page lists sockets before widgets.
        names = sorted(declared, key=lambda name: is_widget(declared[name][0]))
        inputs = [
            self._input(number, slot, name, declared[name][0], given.get(name), name in optional)
            for slot, name in enumerate(names)
        ]
        widgets = [name for name in declared if is_widget(declared[name][0])]
        node = self._node(kind, place, size)
        node["inputs"] = inputs
        outputs = list(zip(class_.RETURN_NAMES, class_.RETURN_TYPES, strict=True))
        node["outputs"] = [{"name": name, "type": type_, "links": []} for name, type_ in outputs]
        pack = "comfy-core" if kind in CORE else "adain"
        node["properties"] = {"cnr_id": pack, "Node name for S&R": kind}
        if widgets:
            values = {name: default(*declared[name]) for name in widgets}
            values |= {n: _value(v, values[n]) for n, v in given.items() if n in values}
            node["widgets_values"] = list(values.values())
        return {name: Output(number, slot, type_) for slot, (name, type_) in enumerate(outputs)}

    def note(self, size: tuple[int, int]) -> None:
        """Add the note that explains the workflow, in the upper left corner."""
        text = (NOTES / f"{self.name.removesuffix('.app')}.md").read_text(encoding="utf-8")
        node = self._node("MarkdownNote", (0, 0), size)
        node |= {"title": "Read me", "widgets_values": [text.strip()], **_NOTE_COLORS}

    def document(self, **extra: Any) -> dict[str, Any]:
        """Return the content of the file."""
        extra = {"ds": _VIEW, **extra}
        if self.bends:
            extra |= {"reroutes": self.bends, "linkExtensions": self.bent}
        return {
            "id": str(uuid.uuid5(IDS, self.name)),
            "revision": 0,
            "last_node_id": len(self.nodes),
            "last_link_id": len(self.links),
            "nodes": self.nodes,
            "links": self.links,
            "groups": [],
            "config": {},
            "extra": extra,
            "version": 0.4,
        }

    def _node(self, kind: str, place: tuple[int, int], size: tuple[int, int]) -> dict[str, Any]:
        node: dict[str, Any] = {
            "id": len(self.nodes) + 1,
            "type": kind,
            "pos": list(place),
            "size": list(size),
            "flags": {},
            "order": len(self.nodes),
            "mode": 0,
            "inputs": [],
            "outputs": [],
            "properties": {},
        }
        self.nodes.append(node)
        return node

    def _input(
        self, node: int, slot: int, name: str, kind: Any, value: Any, optional: bool
    ) -> dict[str, Any]:
        saved: dict[str, Any] = {"name": name, "type": "COMBO" if isinstance(kind, list) else kind}
        if is_widget(kind):
            saved["widget"] = {"name": name}
        saved["link"] = None
        if isinstance(value, Output):
            saved["link"] = self._connect(value, node, slot)
        if optional:
            saved["shape"] = 7
        return saved

    def _connect(self, source: Output, node: int, slot: int) -> int:
        link = len(self.links) + 1
        self.links.append([link, source.node, source.slot, node, slot, source.kind])
        self._outputs(source.node)[source.slot]["links"].append(link)
        self._bend(link, source.bends)
        return link

    def _outputs(self, node: int) -> list[dict[str, Any]]:
        outputs: list[dict[str, Any]] = self.nodes[node - 1]["outputs"]
        return outputs

    def _bend(self, link: int, points: tuple[tuple[int, int], ...]) -> None:
        for number, point in enumerate(points):
            bend: dict[str, Any] = {"id": len(self.bends) + 1, "pos": list(point)}
            if number:
                bend["parentId"] = bend["id"] - 1
            self.bends.append({**bend, "linkIds": [link]})
        if points:
            self.bent.append({"id": link, "parentId": len(self.bends)})


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document as JSON, with short lists on one line."""
    path.write_text(_lines(document) + "\n", encoding="utf-8")


def _value(given: Any, otherwise: Any) -> Any:
    value = given.value if isinstance(given, Output) else given
    return otherwise if value is None else value


def default(kind: Any, options: Mapping[str, Any]) -> Any:
    """Return the default of a widget."""
    return options["default"] if "default" in options else kind[0]


def _lines(value: Any, depth: int = 0) -> str:
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, Mapping) and value:
        items = [
            f"{inner}{json.dumps(key)}: {_lines(each, depth + 1)}" for key, each in value.items()
        ]
        return "{\n" + ",\n".join(items) + f"\n{outer}}}"
    if isinstance(value, list) and any(isinstance(each, list | dict) for each in value):
        items = [inner + _lines(each, depth + 1) for each in value]
        return "[\n" + ",\n".join(items) + f"\n{outer}]"
    return json.dumps(value, ensure_ascii=False)
