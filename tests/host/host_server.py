"""A ComfyUI process of the tests' own, and a client that talks to it as the web page does."""

from __future__ import annotations

import io
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

ROOT = Path(__file__).resolve().parents[2]
PACK = "adain"
# What is no part of an installed pack.
_LEFT_OUT = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "tests", "benchmarks", "runs", "build", "dist", "demo*.png"
)
# A node for the tests alone: the image of NaN that a model in half precision may hand on.
_BROKEN_NODE = """
import torch
class BrokenImage:
    CATEGORY, FUNCTION, RETURN_TYPES = "tests", "make", ("IMAGE",)
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"size": ("INT", {"default": 64})}}
    def make(self, size):
        image = torch.zeros(2, size, size, 3)
        image[1, 0, 0] = float("nan")
        return (image,)
NODE_CLASS_MAPPINGS = {"TestsBrokenImage": BrokenImage}
"""


class Server:
    """ComfyUI on the CPU and on loopback, with folders of its own; the checkout stays untouched.

    Args:
        checkout: ComfyUI's folder.
        python: the interpreter that has its requirements.
        base: an empty folder for models, images and the copied pack.
    """

    def __init__(self, checkout: Path, python: str, base: Path) -> None:
        for name in ("custom_nodes", "input", "output", "temp", "user"):
            (base / name).mkdir()
        (base / "models" / "adain").mkdir(parents=True)
        shutil.copytree(ROOT, base / "custom_nodes" / PACK, ignore=_LEFT_OUT)
        (base / "custom_nodes" / "broken.py").write_text(_BROKEN_NODE)
        port = _free_port()
        self.base, self.log, self.start_log = base, base / "server.log", ""
        self.url = f"http://127.0.0.1:{port}"
        command = [python, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(port)]
        command += ["--base-directory", str(base), "--database-url", "sqlite:///:memory:"]
        command += ["--disable-auto-launch", "--disable-api-nodes"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=checkout,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def wait(self, seconds: float = 300) -> dict[str, Any]:
        """Until it answers; returns its ``/system_stats`` and keeps :attr:`start_log`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._process.poll() is None:
            try:
                stats = self.json("/system_stats")
            except OSError:
                time.sleep(0.5)
            else:
                self.start_log = self.log_text()
                return dict(stats)
        raise RuntimeError(f"ComfyUI did not start:\n{self.log_text()[-5000:]}")

    def stop(self) -> None:
        """End the process that was started here."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def log_text(self) -> str:
        """What it printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def get(self, path: str, **query: str) -> bytes:
        """The body of an answer; ``urllib.error.HTTPError`` unless it is 200."""
        path = urllib.parse.quote(path) + (f"?{urllib.parse.urlencode(query)}" if query else "")
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return answer.read()

    def json(self, path: str, **query: str) -> Any:
        """The same as a JSON value."""
        return json.loads(self.get(path, **query))

    def post(self, path: str, value: Any) -> Any:
        """Post JSON; the answer's JSON, whether it is a success or a refusal."""
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(value).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:
            body = error.read()
        return json.loads(body) if body else None

    def file(self, file: dict[str, str]) -> bytes:
        """The content of a file that a node saved."""
        query = {key: file[key] for key in ("filename", "subfolder", "type")}
        return self.get("/view", **query)

    def images(self, file: dict[str, str]) -> list[np.ndarray[Any, Any]]:
        """The image, or frames, of a file that a node saved: ``(H, W, 3)`` uint8 each."""
        with Image.open(io.BytesIO(self.file(file))) as image:
            return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Run:
    """How a prompt went.

    Args:
        status: ``success``, ``error``, ``interrupted`` or ``refused``.
        message: what the user is told in the last three.
        outputs: by node, what it gave the page.
        progress: by node, the steps ``(value, total)`` that were announced.
        previews: how many images were shown while nodes ran.
        seconds: from queueing to the end.
        cancel_seconds: from Cancel to the end.
    """

    status: str = ""
    message: str = ""
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    progress: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    previews: int = 0
    seconds: float = 0.0
    cancel_seconds: float = 0.0

    def files(self, node: str) -> list[dict[str, str]]:
        """The files that a node saved or previews."""
        return list(self.outputs[node]["images"])


class Client:
    """Queues prompts in the API's form and follows them over the websocket."""

    def __init__(self, server: Server, websocket: Any, name: str) -> None:
        self.server, self._socket, self._name = server, websocket, name

    @classmethod
    @contextmanager
    def connected(cls, server: Server, connect: Callable[..., Any]) -> Iterator[Client]:
        """Connect with ``websockets.sync.client.connect``."""
        name = uuid.uuid4().hex
        address = f"{server.url.replace('http', 'ws', 1)}/ws?clientId={name}"
        with connect(address, max_size=None, compression=None) as websocket:
            yield cls(server, websocket, name)

    def run(self, prompt: dict[str, Any], cancel_at: int | None = None, limit: float = 900) -> Run:
        """Run a prompt to its end.

        Args:
            prompt: nodes by id.
            cancel_at: press Cancel when a node announces this step.
            limit: seconds to wait at most.
        """
        run, started, cancelled = Run(), time.monotonic(), 0.0
        answer = self.server.post("/prompt", {"prompt": prompt, "client_id": self._name})
        if "prompt_id" not in answer:
            run.status, run.message = "refused", _refusal(answer)
            return run
        while not run.status:
            message = self._socket.recv(timeout=limit - (time.monotonic() - started))
            if isinstance(message, bytes):
                run.previews += 1
                continue
            event = json.loads(message)
            kind, data = event["type"], event.get("data") or {}
            if data.get("prompt_id") not in (None, answer["prompt_id"]):
                continue
            if kind == "progress":
                run.progress.setdefault(data["node"], []).append((data["value"], data["max"]))
                if cancel_at is not None and data["value"] >= cancel_at and not cancelled:
                    cancelled = time.monotonic()
                    self.server.post("/interrupt", {})
            elif kind == "executed" and data.get("output"):
                run.outputs[data["node"]] = data["output"]
            elif kind == "execution_error":
                run.status, run.message = "error", data["exception_message"]
            elif kind in ("execution_success", "execution_interrupted"):
                run.status = kind.removeprefix("execution_")
        run.seconds = time.monotonic() - started
        run.cancel_seconds = time.monotonic() - cancelled if cancelled else 0.0
        return run


def _refusal(answer: dict[str, Any]) -> str:
    """Everything that the host says about a prompt that it does not take."""
    errors = [answer["error"]]
    errors += [error for node in answer["node_errors"].values() for error in node["errors"]]
    return "\n".join(f"{error.get('message')}: {error.get('details')}" for error in errors)
