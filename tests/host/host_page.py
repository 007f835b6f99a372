"""ComfyUI's web page, driven as a user does: load a workflow, press Run, read what it says."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host_server import Server

# Nothing but the page itself: no look-ups of other hosts, no traffic of the browser's own.
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
# First-run tours, news and complaints about the checkout's other packages would cover the canvas.
_SETTINGS = {
    "Comfy.TutorialCompleted": True,
    "Comfy.OnboardingCoachmarks.Seen": ["appMode", "firstRun"],
    "Comfy.Notification.ShowVersionUpdates": False,
    "Comfy.VersionCompatibility.DisableWarnings": True,
}

_READY = """() => window.app?.graph && window.app.extensionManager
  && window.LiteGraph?.registered_node_types.AdaINStylize"""
_RECORD = """() => {
  window.record = [];
  for (const kind of ['executed', 'execution_success', 'execution_error', 'execution_interrupted'])
    window.app.api.addEventListener(kind, e => window.record.push([kind, e.detail]));
}"""
# What a workflow looks like once it is on the canvas: each node's faults.
_FAULTS = """() => {
  const faults = [];
  for (const node of window.app.graph._nodes) {
    const name = `${node.id} ${node.type}: `;
    if (!window.LiteGraph.registered_node_types[node.type]) faults.push(name + 'missing');
    if (node.has_errors) faults.push(name + 'red');
    for (const widget of node.widgets ?? []) {
      const choices = widget.options?.values;
      if (Array.isArray(choices) && !choices.includes(widget.value))
        faults.push(`${name}${widget.name} is ${widget.value}, not in its list`);
      if (typeof widget.value === 'number'
          && (widget.value < widget.options?.min || widget.value > widget.options?.max))
        faults.push(`${name}${widget.name} is ${widget.value}, out of range`);
      if (widget.value === undefined || Number.isNaN(widget.value))
        faults.push(`${name}${widget.name} has no value`);
    }
  }
  return faults;
}"""
# Words in front of the canvas: dialogs, toasts, and the newer pages' overlay and panel of errors.
_WORDS = """() => [...document.querySelectorAll(
    '.p-dialog, [role=dialog], [role=alertdialog], .p-toast-message-error, .p-toast-message-warn,'
    + '[data-testid="error-overlay"], [data-testid="properties-panel"]')]
  .filter(e => e.getClientRects().length).map(e => e.innerText.trim()).filter(Boolean)"""

# The ranking behind the search box, by the ids of nodes.
_SEARCH = """word => document.querySelector('#vue-app').__vue_app__.config.globalProperties.$pinia
  ._s.get('nodeDef').nodeSearchService.searchNode(word).map(node => node.name)"""

# A blueprint, by its name, on an empty canvas, as the page lays it there.
# How many blueprints the page lists, of ComfyUI and of node packs.
_BLUEPRINTS = """() =>
  document.querySelector('#vue-app').__vue_app__.config.globalProperties.$pinia._s.get('nodeDef')
    .nodeDefs.filter(each => each.python_module === 'blueprint').length"""
_LAY_BLUEPRINT = """name => {
  const {$pinia} = document.querySelector('#vue-app').__vue_app__.config.globalProperties;
  const {app} = window;
  const found = $pinia._s.get('nodeDef').nodeDefs.find(
    each => each.python_module === 'blueprint' && each.display_name === name);
  const {nodes, definitions} = $pinia._s.get('subgraph').getBlueprint(found.name);
  app.graph.clear();
  app.canvas._deserializeItems({nodes, subgraphs: definitions.subgraphs}, {position: [500, 100]});
  return found.description;
}"""
# A node for each socket of the only one on the canvas, and one for its output: ids by type.
_CONNECT = """([sources, end]) => {
  const {graph} = window.app, [main] = graph._nodes;
  const lay = (type, place) => {
    const node = window.LiteGraph.createNode(type);
    node.pos = place;
    graph.add(node);
    return node;
  };
  for (const [number, [slot, type, output]] of sources.entries())
    lay(type, [50, 100 + 400 * number]).connect(output, main, slot);
  main.connect(0, lay(end, [900, 100]), 0);
}"""

_SET = "([name, value]) => window.app.extensionManager.setting.set(name, value)"
_GET = "name => window.app.extensionManager.setting.get(name)"
_VUE_NODES = "Comfy.VueNodes.Enabled"
# The first pages that have the setting keep it hidden: their newer nodes show no images yet.
_OFFERED = """name => {
  const {$pinia} = document.querySelector('#vue-app').__vue_app__.config.globalProperties;
  const setting = $pinia._s.get('setting').settingsById[name];
  return setting !== undefined && setting.type !== 'hidden';
}"""
# Boxes [left, top, right, bottom] in the canvas's units, titles included: nodes by id as the page's
# elements show them, and groups. What moves the canvas moves all elements: they are measured from
# the first node's corner. And where a line, with 3 units beside it, crosses the edge of a node that
# is at neither end of it: [line, node].
_LAYOUT = """() => {
  const {graph} = window.app, title = window.LiteGraph.NODE_TITLE_HEIGHT;
  const elements = graph._nodes.map(node => document.querySelector(`[data-node-id="${node.id}"]`));
  const first = elements[0].getBoundingClientRect();
  const scale = first.width / elements[0].offsetWidth;
  const [x, y] = graph._nodes[0].pos;
  const nodes = {}, groups = {}, crossed = [];
  elements.forEach((element, index) => {
    const box = element.getBoundingClientRect();
    const left = x + (box.left - first.left) / scale;
    const top = y - title + (box.top - first.top) / scale;
    nodes[graph._nodes[index].id] =
      [left, top, left + box.width / scale, top + box.height / scale];
  });
  for (const group of graph._groups) {
    const [left, top] = group.pos, [width, height] = group.size;
    groups[group.title] = [left, top, left + width, top + height];
  }

  const context = document.createElement('canvas').getContext('2d');
  context.lineWidth = 6;
  const links = [...graph.links.values()];
  const pieces = links.map(link => [link.path, [link]]);
  for (const bend of graph.reroutes.values())
    pieces.push([bend.path, links.filter(link => bend.linkIds.has(link.id))]);
  for (const [path, carried] of pieces) {
    const ends = carried.flatMap(link => [link.origin_id, link.target_id]).map(String);
    for (const [id, [left, top, right, bottom]] of Object.entries(nodes)) {
      if (ends.includes(id)) continue;
      const edge = [];
      for (let at = left; at <= right; at += 4) edge.push([at, top], [at, bottom]);
      for (let at = top; at <= bottom; at += 4) edge.push([left, at], [right, at]);
      if (edge.some(point => context.isPointInStroke(path, ...point)))
        crossed.push([`${carried[0].origin_id} to ${carried.map(l => l.target_id)}`, id]);
    }
  }
  return {nodes, groups, crossed};
}"""


@dataclass
class PageRun:
    """How a run looked from the page.

    Args:
        status: ``success``, ``error``, ``interrupted`` or ``timeout``.
        error: ComfyUI's ``execution_error`` message.
        outputs: by node, what it gave.
    """

    status: str
    error: dict[str, Any]
    outputs: dict[str, dict[str, Any]]


class Page:
    """The page of a running server; ``page`` is playwright's."""

    def __init__(self, page: Any, server: Server, output: Path) -> None:
        self.page, self.server, self.output = page, server, output
        self.failed: list[str] = []
        page.on("response", self._note_failure)

    @classmethod
    @contextmanager
    def opened(cls, driver: Any, browser: str, server: Server, output: Path) -> Iterator[Page]:
        """Start a browser with the page in it."""
        for name, value in _SETTINGS.items():
            server.post(f"/settings/{name}", value)
        started = driver.chromium.launch(executable_path=browser, args=_FLAGS)
        try:
            page = started.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(120_000)
            opened = cls(page, server, output)
            opened.reload()
            yield opened
        finally:
            started.close()

    def _note_failure(self, response: Any) -> None:
        if response.status >= 400:
            self.failed.append(f"{response.status} {response.url}")

    def reload(self) -> None:
        """Open the page anew."""
        self.page.goto(self.server.url, wait_until="domcontentloaded")
        self.page.wait_for_function(_READY)
        self.page.evaluate(_RECORD)
        self.page.wait_for_timeout(1000)
        self.close_dialogs()

    def close_dialogs(self) -> None:
        """Press Escape while there is one."""
        for _ in range(3):
            if not self.page.locator(".p-dialog:visible, [role=dialog]:visible").count():
                break
            self.page.keyboard.press("Escape")
            self.page.wait_for_timeout(400)

    def shot(self, name: str) -> None:
        """Save a screenshot of the page."""
        self.page.screenshot(path=self.output / f"{name}.png")

    def load(self, workflow: dict[str, Any], name: str) -> list[str]:
        """Open a workflow as a template; returns what is wrong with it, dialogs included."""
        self.page.evaluate(
            """([workflow, name]) => window.app.loadGraphData(
              workflow, true, true, name, {openSource: 'template'})""",
            [workflow, name],
        )
        self.page.wait_for_timeout(2000)
        return self.page.evaluate(_FAULTS) + self.words()

    def scale(self) -> float:
        """At what scale the canvas is drawn, and whether with words: 0 without."""
        return float(
            self.page.evaluate(
                "() => window.app.canvas.low_quality ? 0 : window.app.canvas.ds.scale"
            )
        )

    @contextmanager
    def vue_nodes(self) -> Iterator[bool]:
        """Nodes drawn by "Nodes 2.0" meanwhile; whether the page offers that to its users."""
        if not self.page.evaluate(_OFFERED, _VUE_NODES):
            yield False
            return
        before = self.page.evaluate(_GET, _VUE_NODES)
        self.page.evaluate(_SET, [_VUE_NODES, True])
        try:
            yield True
        finally:
            self.page.evaluate(_SET, [_VUE_NODES, before])

    def layout(self) -> dict[str, Any]:
        """Boxes of nodes and groups, and lines that cross nodes, where :meth:`vue_nodes` draws."""
        self.page.wait_for_function(
            """() => window.app.graph._nodes.every(
              node => document.querySelector(`[data-node-id="${node.id}"]`)?.offsetHeight)"""
        )
        self.page.wait_for_timeout(1000)  # what they show settles
        return dict(self.page.evaluate(_LAYOUT))

    def lists_blueprints(self) -> bool:
        """Whether there are blueprints among the nodes; they come after all else."""
        from playwright.sync_api import TimeoutError as Timeout

        with contextlib.suppress(Timeout):
            self.page.wait_for_function(_BLUEPRINTS, timeout=10_000)
        return bool(self.page.evaluate(_BLUEPRINTS))

    def lay_blueprint(self, name: str) -> str:
        """An empty canvas with a blueprint on it; returns its description."""
        return str(self.page.evaluate(_LAY_BLUEPRINT, name))

    def connect(self, sources: list[tuple[int, str, int]], end: str) -> None:
        """Give the only node on the canvas what it needs.

        Args:
            sources: its sockets, the types of the nodes for them and their outputs.
            end: the type of the node for its first output.
        """
        self.page.evaluate(_CONNECT, [sources, end])

    def words(self) -> list[str]:
        """What the page says in dialogs, toasts and error panels."""
        return list(self.page.evaluate(_WORDS))

    def prompt(self) -> dict[str, Any]:
        """What the page would queue for the canvas, without the nodes' titles."""
        prompt = self.page.evaluate("async () => (await window.app.graphToPrompt()).output")
        return {
            name: {key: node[key] for key in ("class_type", "inputs")}
            for name, node in prompt.items()
        }

    def run(self, limit: float = 900, button: str = '[data-testid="queue-button"]') -> PageRun:
        """Press Run once and wait for the end."""
        self.page.evaluate("() => { window.record.length = 0; }")
        self.page.locator(button).first.click()
        end, status, error = time.monotonic() + limit, "timeout", {}
        while time.monotonic() < end and status == "timeout":
            self.page.wait_for_timeout(200)
            for kind, detail in self.page.evaluate("() => window.record"):
                if kind != "executed":
                    status = kind.removeprefix("execution_")
                    error = detail if status == "error" else {}
        self.page.wait_for_timeout(1000)  # what follows the last message
        record = self.page.evaluate("() => window.record")
        outputs = {d["node"]: d["output"] or {} for kind, d in record if kind == "executed"}
        return PageRun(status, error, outputs)

    def wait_for_images(self) -> None:
        """Until every preview on the canvas shows its images."""
        self.page.wait_for_function(
            """() => window.app.graph._nodes.filter(node => node.type === 'SaveImage').every(
              node => node.imgs?.length && node.imgs.every(i => i.complete && i.naturalWidth))"""
        )
        self.page.wait_for_timeout(500)

    def search(self, word: str) -> list[str]:
        """Ids of the nodes that the search box offers for a word, best first."""
        return list(self.page.evaluate(_SEARCH, word))

    def add(self, node: str) -> None:
        """An empty canvas with one node on it, selected."""
        self.page.evaluate(
            """async type => {
              window.app.graph.clear();
              const node = window.LiteGraph.createNode(type);
              node.pos = [60, 60];
              window.app.graph.add(node);
              await window.app.extensionManager.command.execute('Comfy.Canvas.FitView');
              window.app.canvas.selectNode(node);
              window.app.canvas.setDirty(true, true);
            }""",
            node,
        )
        self.page.wait_for_timeout(800)
