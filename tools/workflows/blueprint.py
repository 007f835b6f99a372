"""Subgraph blueprints: several nodes that the page offers as one, with its own inputs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from board import IDS, Board, Output, default
from graph import declared_inputs

# The page's ids for the inputs and the outputs of a subgraph.
INPUTS, OUTPUTS = -10, -20
_END = (128, 120)


@dataclass
class Blueprint(Board):
    """A graph with inputs and outputs.

    Attributes:
        taken: the inputs in the file's format.
        given: the outputs in the file's format.
        exposed: initial values of the inputs that control widgets of nodes, by name.
    """

    taken: list[dict[str, Any]] = field(default_factory=list)
    given: list[dict[str, Any]] = field(default_factory=list)
    exposed: dict[str, Any] = field(default_factory=dict)

    def take(self, name: str, kind: str) -> Output:
        """Declare an input.

        Args:
            name: shown on the page.
            kind: its type.

        Returns:
            The input, as a source for nodes.
        """
        slot = len(self.taken)
        self.taken.append(self._end(name, kind, (-100, slot)))
        return Output(INPUTS, slot, kind)

    def expose(self, name: str, node: str, widget: str, value: Any = None) -> Output:
        """Declare an input that controls a widget of a node.

        Args:
            name: shown on the page.
            node: id of the node.
            widget: name of the widget.
            value: initial value; ``None``: the widget's default.

        Returns:
            The input, as a source for the node.
        """
        kind, options = declared_inputs(self.classes[node])[widget]
        self.exposed[name] = default(kind, options) if value is None else value
        taken = self.take(name, "COMBO" if isinstance(kind, list) else kind)
        return replace(taken, value=self.exposed[name])

    def give(self, name: str, source: Output) -> None:
        """Declare an output, connected to one of a node."""
        slot = len(self.given)
        self.given.append(self._end(name, source.kind, (800, slot)))
        self.given[slot]["linkIds"].append(self._connect(source, OUTPUTS, slot))

    def document(self, **extra: Any) -> dict[str, Any]:
        """Return the file's content: a graph of one node, and the subgraph that it represents.

        Args:
            **extra: ``description``, ``aliases`` and ``category`` of the blueprint.
        """
        inputs = [
            {"name": each["name"], "type": each["type"], "link": None}
            | ({"widget": {"name": each["name"]}} if each["name"] in self.exposed else {})
            for each in self.taken
        ]
        outputs = [{"name": each["name"], "type": each["type"], "links": []} for each in self.given]
        node = {
            "id": 1,
            "type": self._id(),
            "pos": [0, 0],
            "size": [300, 20 + 26 * len(inputs)],
            "flags": {},
            "order": 0,
            "mode": 0,
            "inputs": inputs,
            "outputs": outputs,
            "properties": {"cnr_id": "adain"},
            "widgets_values": list(self.exposed.values()),
            "title": self.name,
        }
        return {
            "id": self._id("graph"),
            "revision": 0,
            "last_node_id": 1,
            "last_link_id": 0,
            "nodes": [node],
            "links": [],
            "version": 0.4,
            "definitions": {"subgraphs": [self._definition(extra)]},
            "extra": {
                "BlueprintDescription": extra["description"],
                "BlueprintSearchAliases": extra["aliases"],
            },
        }

    def _definition(self, extra: dict[str, Any]) -> dict[str, Any]:
        state = {"lastGroupId": 0, "lastNodeId": len(self.nodes), "lastLinkId": len(self.links)}
        names = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
        return {
            "id": self._id(),
            "version": 1,
            "state": {**state, "lastRerouteId": 0},
            "revision": 0,
            "config": {},
            "name": self.name,
            "description": extra["description"],
            "category": extra["category"],
            "essentials_category": extra["category"].partition("/")[0],
            "inputNode": {"id": INPUTS, "bounding": [-220, 0, *_END]},
            "outputNode": {"id": OUTPUTS, "bounding": [780, 0, *_END]},
            "inputs": self.taken,
            "outputs": self.given,
            "widgets": [],
            "nodes": self.nodes,
            "groups": [],
            "links": [dict(zip(names, link, strict=True)) for link in self.links],
            "extra": {},
        }

    def _end(self, name: str, kind: str, place: tuple[int, int]) -> dict[str, Any]:
        end = {"id": self._id(f"{place}"), "name": name, "type": kind, "linkIds": []}
        return {**end, "pos": [place[0], 20 + 20 * place[1]]}

    def _outputs(self, node: int) -> list[dict[str, Any]]:
        if node != INPUTS:
            return super()._outputs(node)
        return [{"links": each["linkIds"]} for each in self.taken]

    def _id(self, part: str = "subgraph") -> str:
        return str(uuid.uuid5(IDS, f"{self.name}/{part}"))
