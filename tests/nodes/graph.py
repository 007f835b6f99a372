"""Runs the example workflows without ComfyUI: the page's JSON, node by node in order.

The few nodes of ComfyUI's own that the workflows use have plain stand-ins here, which declare what
those declare in ComfyUI 0.3.64 to 0.33.
"""

# ComfyUI's names.
# ruff: noqa: N802
from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
# By the numbers at the heads of their names.
WORKFLOWS = sorted(
    (ROOT / "workflows").glob("*.json"), key=lambda path: int(path.stem.partition(" ")[0])
)
BLUEPRINTS = sorted((ROOT / "subgraphs").glob("*.json"))
# The page's ids of the two ends of a subgraph.
INPUTS, OUTPUTS = -10, -20
# Nodes of the page alone: it does not send them to be run.
NOTES = ("MarkdownNote", "Note")
WIDGET_TYPES = {"INT": int, "FLOAT": float, "BOOLEAN": bool, "STRING": str}
# Stands for a photo of the user.
USERS_PHOTO = ROOT / "samples" / "content" / "astronaut.jpg"
_SIZE = {"default": 512, "min": 0, "max": 16384}


class PreviewImage:
    """Shows images; :attr:`Run.inputs` has them."""

    RETURN_TYPES = ()
    RETURN_NAMES = ()
    FUNCTION = "show"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"images": ("IMAGE",)}}

    def show(self, images: Tensor) -> tuple[()]:
        return ()


class SaveImage(PreviewImage):
    """Likewise."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        prefix = ("STRING", {"default": "ComfyUI"})
        return {"required": {"images": ("IMAGE",), "filename_prefix": prefix}}

    def show(self, images: Tensor, filename_prefix: str) -> tuple[()]:
        return ()


class SaveAnimatedWEBP(PreviewImage):
    """Likewise."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "images": ("IMAGE",),
                "filename_prefix": ("STRING", {"default": "ComfyUI"}),
                "fps": ("FLOAT", {"default": 6.0, "min": 0.01, "max": 1000.0}),
                "lossless": ("BOOLEAN", {"default": True}),
                "quality": ("INT", {"default": 80, "min": 0, "max": 100}),
                "method": (["default", "fastest", "slowest"],),
            }
        }

    def show(self, images: Tensor, **options: Any) -> tuple[()]:
        return ()


class LoadImage:
    """The user's photo, which is a sample here, with the mask of one without transparency."""

    RETURN_TYPES = ("IMAGE", "MASK")
    RETURN_NAMES = ("IMAGE", "MASK")
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": (["example.png"], {"image_upload": True})}}

    def load(self, image: str) -> tuple[Tensor, Tensor]:
        with Image.open(USERS_PHOTO) as file:
            values = torch.from_numpy(np.array(file.convert("RGB")))
        return (values[None] / 255, torch.zeros(1, 64, 64))


class ImageToMask:
    """One channel of images as masks."""

    RETURN_TYPES = ("MASK",)
    RETURN_NAMES = ("MASK",)
    FUNCTION = "convert"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        channels = ["red", "green", "blue", "alpha"]
        return {"required": {"image": ("IMAGE",), "channel": (channels,)}}

    def convert(self, image: Tensor, channel: str) -> tuple[Tensor]:
        return (image[..., ["red", "green", "blue", "alpha"].index(channel)],)


class ImageScale:
    """Resizes images; a width or height of 0 keeps the shape."""

    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("IMAGE",)
    FUNCTION = "resize"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        methods = ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]
        return {
            "required": {
                "image": ("IMAGE",),
                "upscale_method": (methods,),
                "width": ("INT", _SIZE),
                "height": ("INT", _SIZE),
                "crop": (["disabled", "center"],),
            }
        }

    def resize(
        self, image: Tensor, upscale_method: str, width: int, height: int, crop: str
    ) -> tuple[Tensor]:
        assert (upscale_method, crop) == ("lanczos", "disabled"), "this stand-in does no other"
        width = width or round(image.shape[2] * height / image.shape[1])
        height = height or round(image.shape[1] * width / image.shape[2])
        resized = [
            Image.fromarray(one.mul(255).byte().numpy()).resize((width, height), Image.LANCZOS)
            for one in image
        ]
        return (torch.stack([torch.from_numpy(np.array(one)) for one in resized]) / 255,)


class CreateVideo:
    """Images as a video, nearly without loss; outside ComfyUI a VIDEO is a path."""

    RETURN_TYPES = ("VIDEO",)
    RETURN_NAMES = ("VIDEO",)
    FUNCTION = "create"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        rate = {"default": 30.0, "min": 1.0, "max": 120.0, "step": 1.0}
        return {
            "required": {"images": ("IMAGE",), "fps": ("FLOAT", rate)},
            "optional": {"audio": ("AUDIO",)},
        }

    def create(self, images: Tensor, fps: float) -> tuple[Path]:
        with tempfile.NamedTemporaryFile(suffix=".mp4", delete=False) as file:
            path = Path(file.name)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=round(fps), options={"crf": "4"})
            stream.height, stream.width, stream.pix_fmt = *images.shape[1:3], "yuv420p"
            for image in images:
                values = image.mul(255).byte().numpy()
                container.mux(stream.encode(av.VideoFrame.from_ndarray(values)))
            container.mux(stream.encode(None))
        return (path,)


class SaveVideo(PreviewImage):
    """Likewise; newer ones have more choices of formats."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "video": ("VIDEO",),
                "filename_prefix": ("STRING", {"default": "video/ComfyUI"}),
                "format": (["auto", "mp4"],),
                "codec": (["auto", "h264"],),
            }
        }

    def show(self, video: Path, **options: Any) -> tuple[()]:
        return ()


_STAND_INS = (
    *(PreviewImage, SaveImage, SaveAnimatedWEBP, LoadImage, ImageToMask, ImageScale),
    *(CreateVideo, SaveVideo),
)
CORE = {node.__name__: node for node in _STAND_INS}


def declared_inputs(node: Any) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Type and options of a class's inputs, in order."""
    declared = node.INPUT_TYPES()
    inputs = {**declared["required"], **declared.get("optional", {})}
    return {
        name: (kind, options[0] if options else {}) for name, (kind, *options) in inputs.items()
    }


def is_widget(kind: Any) -> bool:
    """Whether the page makes an input of this type a widget rather than a socket."""
    return isinstance(kind, list) or kind in WIDGET_TYPES


@dataclass
class Node:
    """A node of a workflow.

    Args:
        title: as the page shows it, the type if it has none of its own.
        values: of its widgets, by name; a test may change them before a run.
        links: socket to the node and output slot that feed it.
        data: the JSON.
    """

    id: int
    type: str
    title: str
    values: dict[str, Any]
    links: dict[str, tuple[int, int]]
    data: dict[str, Any]


@dataclass
class Run:
    """What every node got and gave, by its id."""

    inputs: dict[int, dict[str, Any]] = field(default_factory=dict)
    outputs: dict[int, tuple[Any, ...]] = field(default_factory=dict)


class Workflow:
    """A workflow file, or what is inside a blueprint.

    Args:
        path: of the JSON.
        classes: of the pack, by node id (``NODE_CLASS_MAPPINGS``); a stand-in may replace one.
    """

    def __init__(self, path: Path, classes: Mapping[str, Any]) -> None:
        self.path, self.classes = path, {**CORE, **classes}
        self.data = json.loads(path.read_text(encoding="utf-8"))
        if "definitions" in self.data:
            (self.data,) = self.data["definitions"]["subgraphs"]
            self.data["links"] = [list(link.values()) for link in self.data["links"]]
        sources = {link[0]: (link[1], link[2]) for link in self.data["links"]}
        self.nodes = [
            self._node(data, sources)
            for data in sorted(self.data["nodes"], key=lambda data: data["order"])
            if data["type"] not in NOTES
        ]

    def _node(self, data: dict[str, Any], sources: dict[int, tuple[int, int]]) -> Node:
        inputs = declared_inputs(self.classes[data["type"]])
        widgets = [name for name, (kind, _) in inputs.items() if is_widget(kind)]
        values = dict(zip(widgets, data.get("widgets_values", []), strict=True))
        links = {i["name"]: sources[i["link"]] for i in data["inputs"] if i["link"] is not None}
        title = data.get("title", data["type"])
        return Node(data["id"], data["type"], title, values, links, data)

    def find(self, name: str) -> list[Node]:
        """The nodes with this type or title, from top to bottom, then from left to right."""
        found = [node for node in self.nodes if name in (node.type, node.title)]
        return sorted(found, key=lambda node: (node.data["pos"][1], node.data["pos"][0]))

    def prompt(self) -> dict[str, Any]:
        """Return what the page sends."""
        return {
            str(node.id): {
                "class_type": node.type,
                "inputs": {
                    **node.values,
                    **{name: [str(source), slot] for name, (source, slot) in node.links.items()},
                },
            }
            for node in self.nodes
        }

    def get_node(self, number: str) -> dict[str, Any]:
        """Return a node as the host tells it to others, of whose run this is the graph."""
        return dict(self.prompt().get(number, {"class_type": ""}))

    def run(self, **given: Any) -> Run:
        """Execute all nodes as the host does: named inputs, none for sockets without a link.

        Args:
            **given: to inputs of a blueprint, by their names; others have their widgets' values.
        """
        run = Run()
        taken = [given.get(each["name"]) for each in self.data.get("inputs", [])]
        for node in self.nodes:
            sources = {INPUTS: taken, **run.outputs}
            linked = {name: sources[i][slot] for name, (i, slot) in node.links.items()}
            class_ = self.classes[node.type]
            told = {"DYNPROMPT": self, "UNIQUE_ID": str(node.id)}
            hidden = class_.INPUT_TYPES().get("hidden", {})
            run.inputs[node.id] = {
                **node.values,
                **{name: value for name, value in linked.items() if value is not None},
                **{name: told[kind] for name, kind in hidden.items()},
            }
            with torch.inference_mode():
                outputs = getattr(class_(), class_.FUNCTION)(**run.inputs[node.id])
            if isinstance(outputs, dict):  # beside what the page shows
                outputs = outputs["result"]
            assert len(outputs) == len(class_.RETURN_TYPES)
            run.outputs[node.id] = outputs
        return run

    def results(self, run: Run) -> dict[str, Any]:
        """Return what a blueprint gave, by the names of its outputs."""
        names = [each["name"] for each in self.data["outputs"]]
        return {
            names[place]: run.outputs[source][slot]
            for _, source, slot, target, place, _ in self.data["links"]
            if target == OUTPUTS
        }
