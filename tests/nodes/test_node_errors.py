"""Every error that a help page quotes comes from the very node, in these words."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import node_texts
import pytest
import torch
from node_ids import NODE_IDS
from torch import Tensor

from adain_core import AdaINModel
from adain_core.weights import save_model

COUNTS = "connect equally many, or one that serves for all"
ENCODERS = "they come from different encoders"
WEIGHTS = "are all 0: give at least one style more than 0"
MEMORY = "not enough memory for a tile of"
BLACK, NO_MASKS, NO_STYLE = (
    "mask_1 is black everywhere",
    "have no masks, while others have",
    "has no style: connect",
)


@dataclass
class Things:
    """What the recipes are made of."""

    pack: Any
    model: Any
    image: Tensor
    features: Any
    style: Any
    other_model: Any
    other_style: Any
    mask: Tensor
    folder: Path
    patch: pytest.MonkeyPatch

    @property
    def one(self) -> dict[str, Any]:
        """Inputs of a style transfer."""
        return {"model": self.model, "content": self.image, "style_1": self.image, "alpha": 1.0}

    @property
    def clip(self) -> dict[str, Any]:
        """Inputs of a video's style transfer."""
        return {"model": self.model, "video": "clip.mp4", "style_1": self.image, "alpha": 1.0}

    @property
    def blend(self) -> dict[str, Any]:
        """Inputs of a blend."""
        return {"features": self.features, "style_1": self.style, "alpha": 1.0, "weight_1": 0.0}

    @property
    def masked(self) -> dict[str, Any]:
        """Inputs of Masked AdaIN."""
        inputs = {"features": self.features, "style_1": self.style, "mask_1": self.mask}
        return {**inputs, "alpha": 1.0, "feather": 0, "region_statistics": True}

    @property
    def refine(self) -> dict[str, Any]:
        """Inputs of a refinement."""
        return {**self.one, "image": self.image, "steps": 1}

    def let_measure(self) -> dict[str, Any]:
        """Inputs of a refinement by a model that counts as wide enough."""
        widths = self.model.model.info.architecture.widths
        self.patch.setattr(self.pack.submodule("nodes.library"), "VGG19_WIDTHS", widths)
        return self.refine

    def write(self, kind: str, content: bytes) -> str:
        """Put a file among the user's; its name."""
        path = self.folder / kind / "mine.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path.name

    def without_memory(self) -> None:
        """Let every tile be too large."""
        networks = self.model.model.networks

        def refuse(*args: Any) -> Any:
            raise MemoryError

        self.patch.setattr(networks, "run_encoder", refuse)
        self.patch.setattr(networks, "run_decoder", refuse)


Recipe = Callable[[Things], dict[str, Any]]


def black(t: Things) -> Tensor:
    return torch.zeros_like(t.mask)


def old_pyav(t: Things) -> dict[str, Any]:
    import av

    t.patch.setattr(av, "__version__", "16.0.0")
    for name in [n for n in sys.modules if n.startswith(f"{t.pack.name}.adain_core.video")]:
        t.patch.delitem(sys.modules, name)
    return t.clip


def starved(inputs: Recipe) -> Recipe:
    def recipe(t: Things) -> dict[str, Any]:
        given = inputs(t)
        t.without_memory()
        return given

    return recipe


def frameless(t: Things) -> dict[str, Any]:
    """A video whose packets hold nothing that a decoder knows."""
    import av

    t.folder.mkdir(parents=True, exist_ok=True)
    path = t.folder / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        packets = stream.encode(av.VideoFrame(32, 32, "yuv420p"))
        for packet in [*packets, *stream.encode(None)]:
            packet.update(bytes(packet.size))
            container.mux(packet)
    return {**t.clip, "video": path}


# What each node is given for the error in the page.
ERRORS: dict[str, dict[str, Recipe]] = {
    "AdaINModelLoader": {
        "There is no AdaIN model": lambda t: {"model": "x.safetensors", "dtype": "auto"},
        "damaged or not a safetensors file": lambda t: {
            "model": t.write("adain", b"damaged"),
            "dtype": "auto",
        },
        "expected a file of format": lambda t: {
            "model": t.write("adain", saved_style(t)),
            "dtype": "auto",
        },
    },
    "AdaINStylize": {
        BLACK: lambda t: {**t.one, "mask_1": black(t)},
        NO_MASKS: lambda t: {
            **t.one,
            "mask_1": t.mask,
            "style_2": t.image,
            "style_3": t.image,
        },
        NO_STYLE: lambda t: {**t.one, "mask_2": t.mask},
        "contains no image, and the color method": lambda t: {
            **t.one,
            "style_1": t.style,
            "preserve_color": "coral",
        },
        COUNTS: lambda t: {**t.one, "alpha": [0.5, 1.0], "mask_1": t.mask.expand(3, -1, -1)},
        WEIGHTS: lambda t: {**t.one, "style_2": t.image, "weight_1": 0.0, "weight_2": 0.0},
        ENCODERS: lambda t: {**t.one, "style_1": t.other_style},
    },
    "AdaINStylizeVideo": {
        "videos need PyAV": old_pyav,
        "does not go with alphas or weights for each frame": lambda t: {
            **t.clip,
            "alpha": [0.5, 1.0],
            "preserve_color": "coral",
        },
        BLACK: lambda t: {**t.clip, "mask_1": black(t)},
        NO_MASKS: lambda t: {
            **t.clip,
            "mask_1": t.mask,
            "style_2": t.image,
            "style_3": t.image,
        },
        NO_STYLE: lambda t: {**t.clip, "mask_2": t.mask},
        "it has no frame that can be decoded": frameless,
        WEIGHTS: lambda t: {**t.clip, "style_2": t.image, "weight_1": 0.0, "weight_2": 0.0},
        ENCODERS: lambda t: {**t.clip, "style_1": t.other_style},
    },
    "AdaINEncodeContent": {
        "expected an IMAGE of shape": lambda t: {"model": t.model, "image": t.mask},
        "a model or VAE in half precision is a common cause of NaN": lambda t: {
            "model": t.model,
            "image": t.image * float("nan"),
        },
        MEMORY: starved(lambda t: {"model": t.model, "image": t.image}),
    },
    "AdaINEncodeStyle": {
        "selects no pixel of the style image": lambda t: {
            "model": t.model,
            "image": t.image,
            "style_size": 0,
            "mask": black(t),
        },
        COUNTS: lambda t: {
            "model": t.model,
            "image": t.image.expand(2, -1, -1, -1),
            "style_size": 0,
            "mask": t.mask.expand(3, -1, -1),
        },
    },
    "AdaINBlend": {
        WEIGHTS: lambda t: {**t.blend, "style_2": t.style, "weight_2": 0.0},
        ENCODERS: lambda t: {**t.blend, "style_1": t.other_style},
    },
    "AdaINMasked": {
        "so there is no region to stylize": lambda t: {**t.masked, "mask_1": black(t)},
        "a style for the rest of the image goes into background": lambda t: {
            **t.masked,
            "style_2": t.style,
        },
        NO_STYLE: lambda t: {**t.masked, "mask_2": t.mask},
        COUNTS: lambda t: {**t.masked, "alpha": [0.5, 1.0], "mask_1": t.mask.expand(3, -1, -1)},
    },
    "AdaINDecode": {
        ENCODERS: lambda t: {"model": t.other_model, "features": t.features},
        MEMORY: starved(lambda t: {"model": t.model, "features": t.features}),
    },
    "AdaINAlphaKeyframes": {
        "is no keyframe; expected frame: alpha": lambda t: {"keyframes": "0: 0,5 x"},
        "percents need the number of frames": lambda t: {"keyframes": "0%: 0, 100%: 1"},
        "alpha must lie in 0..1": lambda t: {"keyframes": "0: 2"},
    },
    "AdaINColorPreserve": {
        COUNTS: lambda t: {
            "image": t.image.expand(2, -1, -1, -1),
            "color_reference": t.image.expand(3, -1, -1, -1),
            "method": "coral",
            "strength": 1.0,
        },
    },
    "AdaINSaveStyle": {
        "another style is already saved as": lambda t: {
            "style": t.style,
            "name": Path(t.write("adain_styles", saved_style(t, t.other_style))).stem,
            "overwrite": False,
        },
        "cannot be a file's name": lambda t: {"style": t.style, "name": "a/b", "overwrite": True},
    },
    "AdaINLoadStyle": {
        "There is no style": lambda t: {"style": "x.safetensors"},
        "expected a file of format": lambda t: {
            "style": t.write("adain_styles", saved_model(t)),
        },
    },
    "AdaINSampleImage": {"there is no sample": lambda t: {"picture": "content/x.jpg"}},
    "AdaINRefine": {
        "there is no adain-vgg19 to compute the losses with": lambda t: {**t.refine, "model": None},
        "expected adain-vgg19 or another model of its widths": lambda t: t.refine,
        "connect the photo that image was made from": lambda t: {
            **t.refine,
            "content": t.image[:, :8],
        },
        "contains no image, and refining needs the artwork": lambda t: {
            **t.let_measure(),
            "style_1": t.style,
        },
        "must be one artwork for refining": lambda t: {
            **t.let_measure(),
            "style_1": t.image.expand(2, -1, -1, -1),
        },
    },
}
# What a page says of nodes that come after its own.
ELSEWHERE = {("AdaINAlphaKeyframes", COUNTS), ("AdaINLoadStyle", ENCODERS)}


def saved_style(t: Things, style: Any = None) -> bytes:
    path = t.folder / "style.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    (style or t.style).save(path)
    return path.read_bytes()


def saved_model(t: Things) -> bytes:
    path = t.folder / "model.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    model = t.model.model
    save_model(path, model.info, model.encoder, model.decoder)
    return path.read_bytes()


def quoted(node_id: str) -> list[str]:
    """The messages that a page quotes."""
    text = node_texts.page_path(node_id, "en").read_text(encoding="utf-8")
    errors = text.split("## Common errors\n")[1]
    return re.findall(r"^- `([^`]+)`:", errors, flags=re.MULTILINE)


def test_every_quoted_error_has_a_recipe() -> None:
    known = {(node_id, words) for node_id, recipes in ERRORS.items() for words in recipes}
    in_pages = {(node_id, words) for node_id in NODE_IDS for words in quoted(node_id)}
    assert in_pages == known | ELSEWHERE


@pytest.fixture
def things(
    pack: Any,
    model: Any,
    make_image: Callable[..., Tensor],
    make_model: Callable[..., AdaINModel],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Things:
    other = make_model(seed=7)
    path = tmp_path / "user" / "adain" / "other.safetensors"
    path.parent.mkdir(parents=True)
    save_model(path, other.info, other.encoder, other.decoder)
    (other_model,) = pack.run("AdaINModelLoader", model=path.name, dtype="fp32")
    image = make_image(16, 24)
    styles = [
        pack.run("AdaINEncodeStyle", model=each, image=image, style_size=0)[0]
        for each in (model, other_model)
    ]
    (features,) = pack.run("AdaINEncodeContent", model=model, image=image)
    mask = torch.ones(1, 16, 24)
    folder = tmp_path / "user"
    things = (pack, model, image, features, styles[0], other_model, styles[1], mask, folder)
    return Things(*things, monkeypatch)


@pytest.mark.parametrize(
    ("node_id", "words"),
    [(node_id, words) for node_id, recipes in ERRORS.items() for words in recipes],
)
def test_each_error_names_its_cause(things: Things, node_id: str, words: str) -> None:
    inputs = ERRORS[node_id][words](things)
    with pytest.raises(Exception, match=re.escape(words)):
        things.pack.run(node_id, **inputs)
