"""The example workflows: their files, and what they draw."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from graph import CORE, NOTES, ROOT, WIDGET_TYPES, WORKFLOWS, Workflow, declared_inputs, is_widget
from PIL import Image
from torch import Tensor
from videos import draw_video

from adain_core import AdaINModel, Style, adain, devices
from adain_core.color import transfer_color
from adain_core.masks import feather_mask, resize_mask
from adain_core.pixels import resize_shortest_side
from adain_core.temporal import TemporalPool
from adain_core.video import VideoReader

NAMES = [
    "1-quick-start",
    "2-alpha-sweep",
    "3-four-style-blend",
    "4-masks",
    "5-keep-colors",
    "6-style-library",
    "7-video-frames",
    "8-big-image",
    "9-style-fade",
    "10-video",
]
TEMPLATE_FOLDERS = ("example_workflows", "example", "examples", "workflow", "workflows")
# Height of a node's title, which lies above its position.
TITLE = 30
# Pictures and styles of this many pixels on the shorter side, and this many frames.
SMALL, FRAMES = 72, 4


# --- files ------------------------------------------------------------------------------------


def test_files() -> None:
    """ComfyUI serves the first of these folders, and every JSON in it as a template."""
    assert [name for name in TEMPLATE_FOLDERS if (ROOT / name).exists()] == ["workflows"]
    files = {path.name for path in (ROOT / "workflows").iterdir()}
    assert files == {f"{name}{suffix}" for name in NAMES for suffix in (".json", ".jpg")}
    assert [path.stem for path in WORKFLOWS] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_thumbnail(name: str) -> None:
    path = ROOT / "workflows" / f"{name}.jpg"
    assert path.stat().st_size < 80_000
    assert max(Image.open(path).size) == 600


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def workflow(request: Any, bare_pack: Any) -> Workflow:
    return Workflow(request.param, bare_pack.module.NODE_CLASS_MAPPINGS)


class TestDeclarations:
    """The JSON says what the nodes declare, as the page saves it."""

    def test_document(self, workflow: Workflow) -> None:
        data = workflow.data
        assert data["version"] == 0.4 and data["config"] == {}
        ids = [node["id"] for node in data["nodes"]]
        assert len(set(ids)) == len(ids) and max(ids) == data["last_node_id"]
        assert max(link[0] for link in data["links"]) == data["last_link_id"]
        assert sorted(node["order"] for node in data["nodes"]) == list(range(len(ids)))
        assert not re.search(r"https?:|[A-Z]:\\\\|/home/", workflow.path.read_text("utf-8"))

    def test_sockets_and_widgets(self, workflow: Workflow) -> None:
        for node in workflow.nodes:
            inputs = declared_inputs(workflow.classes[node.type])
            # Sockets come first on the page, then widgets.
            names = sorted(inputs, key=lambda name: is_widget(inputs[name][0]))
            assert [saved["name"] for saved in node.data["inputs"]] == names, node.title
            optional = workflow.classes[node.type].INPUT_TYPES().get("optional", {})
            for saved in node.data["inputs"]:
                name, kind = saved["name"], inputs[saved["name"]][0]
                assert saved["type"] == ("COMBO" if isinstance(kind, list) else kind)
                assert (saved.get("shape") == 7) == (name in optional)
                assert saved.get("widget") == ({"name": name} if is_widget(kind) else None)
                assert saved["link"] is not None or is_widget(kind) or name in optional
            values = node.data.get("widgets_values", [])
            assert len(values) == sum(is_widget(kind) for kind, _ in inputs.values())

    def test_values(self, workflow: Workflow) -> None:
        for node in workflow.nodes:
            inputs = declared_inputs(workflow.classes[node.type])
            for name, value in node.values.items():
                kind, options = inputs[name]
                if isinstance(kind, list):
                    assert value in kind, (node.title, name)
                    continue
                assert type(value) is WIDGET_TYPES[kind], (node.title, name)
                if "min" in options:
                    assert options["min"] <= value <= options["max"], (node.title, name)
                if "step" in options:
                    steps = (value - options["min"]) / options["step"]
                    assert steps == pytest.approx(round(steps)), (node.title, name)

    def test_outputs_and_links(self, workflow: Workflow) -> None:
        nodes = {node.id: node for node in workflow.nodes}
        for node in workflow.nodes:
            class_ = workflow.classes[node.type]
            saved = [(output["name"], output["type"]) for output in node.data["outputs"]]
            assert saved == list(zip(class_.RETURN_NAMES, class_.RETURN_TYPES, strict=True))
        fed, giving = [], []
        for link, source, slot, target, place, kind in workflow.data["links"]:
            output = nodes[source].data["outputs"][slot]
            socket = nodes[target].data["inputs"][place]
            assert link in output["links"] and link == socket["link"]
            assert kind == output["type"] and kind in socket["type"].split(",")
            assert nodes[source].data["order"] < nodes[target].data["order"]
        for data in workflow.data["nodes"]:
            fed += [saved["link"] for saved in data["inputs"] if saved["link"] is not None]
            giving += [link for output in data["outputs"] for link in output["links"]]
        links = sorted(link[0] for link in workflow.data["links"])
        assert sorted(fed) == links and sorted(giving) == links

    def test_every_node_has_a_purpose(self, workflow: Workflow) -> None:
        needed: set[int] = set()
        for node in reversed(workflow.nodes):
            if node.id in needed or getattr(workflow.classes[node.type], "OUTPUT_NODE", False):
                needed |= {node.id, *(source for source, _ in node.links.values())}
        assert needed == {node.id for node in workflow.nodes}

    def test_origin(self, workflow: Workflow) -> None:
        """What the page looks for where a node is missing; the pack's name in the registry."""
        name = re.search(r'^name = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.M)
        assert name
        for node in workflow.nodes:
            properties = node.data["properties"]
            assert properties["Node name for S&R"] == node.type
            assert properties["cnr_id"] == ("comfy-core" if node.type in CORE else name[1])

    def test_layout(self, workflow: Workflow) -> None:
        """From left to right, nothing on top of another, and a note that explains."""
        boxes = {
            data["id"]: (*data["pos"], data["pos"][0] + data["size"][0], data["size"][1])
            for data in workflow.data["nodes"]
        }
        for one, other in combinations(boxes.values(), 2):
            (left, top, right, height), (left_2, top_2, right_2, height_2) = one, other
            beside = right < left_2 or right_2 < left
            assert beside or top + height < top_2 - TITLE or top_2 + height_2 < top - TITLE
        for group in workflow.data["groups"]:  # a node is in it, title and all, or clear of it
            left, top, width, height_2 = group["bounding"]
            for x, y, right, height in boxes.values():
                inside = left < x and right < left + width and top < y - TITLE
                inside = inside and y + height < top + height_2
                beside = right < left or left + width < x
                assert inside or beside or y + height < top or top + height_2 < y - TITLE
        for _, source, _, target, _, _ in workflow.data["links"]:
            # Above each other in one column, or further right.
            assert boxes[source][0] <= boxes[target][0]
        (note,) = [data for data in workflow.data["nodes"] if data["type"] in NOTES]
        assert note["widgets_values"][0].startswith("## ")
        assert note["pos"] == [0, 0]
        # Further out the page draws no text; the note's corner is clear of the page's own bars.
        scale, offset = (workflow.data["extra"]["ds"][name] for name in ("scale", "offset"))
        assert scale >= 0.6
        left, top = offset[0] * scale, (offset[1] - TITLE) * scale
        assert 60 < left < 120 and 90 < top < 150


# --- results ----------------------------------------------------------------------------------


class Reduced:
    """A workflow run with small pictures, and what the library says of the same inputs.

    Its model, styles and pictures are the shipped ones, read here by the library alone.
    """

    def __init__(self, pack: Any, name: str) -> None:
        classes = dict(pack.module.NODE_CLASS_MAPPINGS)
        sample = classes["AdaINSampleImage"]

        class Small(sample):  # type: ignore[misc, valid-type]
            def load(self, picture: str) -> tuple[Tensor, Tensor]:
                image, mask = super().load(picture)["result"]
                image = resize_shortest_side(image[:FRAMES].movedim(-1, 1), SMALL)
                mask = resize_shortest_side(mask[None], SMALL)[0]
                return (image.movedim(1, -1), mask)

        classes["AdaINSampleImage"] = Small
        self.workflow = Workflow(ROOT / "workflows" / f"{name}.json", classes)
        for node in self.workflow.nodes:
            smaller = {"style_size": SMALL, "width": 3 * SMALL, "tile": 64}
            node.values |= {k: v for k, v in smaller.items() if node.values.get(k)}
        self.run = self.workflow.run()
        self.model = AdaINModel.from_pretrained()

    def samples(self) -> list[Tensor]:
        """The pictures that the workflow loads, from top to bottom, as the library takes them."""
        nodes = self.workflow.find("AdaINSampleImage")
        return [self.run.outputs[node.id][0].movedim(-1, 1) for node in nodes]

    def style(self, picture: Tensor) -> Style:
        return self.model.encode_style(picture, size=SMALL)

    def shown(self, name: str = "PreviewImage") -> list[Tensor]:
        nodes = self.workflow.find(name)
        return [self.run.inputs[node.id]["images"].movedim(-1, 1) for node in nodes]


@pytest.fixture
def reduced(
    bare_pack: Any, request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Reduced]:
    monkeypatch.setenv("ADAIN_CACHE", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where videos lie
    # In float32: tiles round otherwise than the whole does, in bfloat16 by 1/256 here and there.
    for module in (devices, bare_pack.submodule("adain_core.devices")):
        monkeypatch.setattr(module, "has_fast_bfloat16", lambda: False)
    return Reduced(bare_pack, request.param)


def assert_same(shown: list[Tensor], expected: list[Tensor]) -> None:
    assert len(shown) == len(expected)
    for picture, other in zip(shown, expected, strict=True):
        torch.testing.assert_close(picture.cpu(), other.cpu(), rtol=1e-4, atol=1e-4)
        assert picture.std() > 0.05


def workflow_named(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("reduced", [name], indirect=True, ids=[name])


@workflow_named("1-quick-start")
def test_quick_start(reduced: Reduced) -> None:
    photo, painting = reduced.samples()
    expected = reduced.model.stylize(photo, painting, style_size=SMALL)
    assert_same(reduced.shown(), [expected])


@workflow_named("2-alpha-sweep")
def test_alpha_sweep(reduced: Reduced) -> None:
    photo, painting = reduced.samples()
    model, style = reduced.model, reduced.style(painting)
    features = model.encode(photo)
    alphas = (0.25, 0.5, 0.75, 1.0)
    assert_same(reduced.shown(), [model.decode(adain(features, style, a)) for a in alphas])


@workflow_named("3-four-style-blend")
def test_four_style_blend(reduced: Reduced) -> None:
    photo, *artworks = reduced.samples()
    style = Style.mix([reduced.style(artwork) for artwork in artworks], (0.5, 1, 1, 0.5))
    features = reduced.model.encode(photo)
    assert_same(reduced.shown(), [reduced.model.decode(adain(features, style))])


@workflow_named("4-masks")
def test_masks(reduced: Reduced) -> None:
    photo, mask, *artworks = reduced.samples()
    bird, around = (reduced.style(artwork) for artwork in artworks)
    mask = feather_mask(resize_mask(mask[:, :1], (photo.shape[2], photo.shape[3])), 8)
    assert 0.1 < mask.mean() < 0.3
    features = adain(reduced.model.encode(photo), [bird], masks=[mask], background=around)
    assert_same(reduced.shown(), [reduced.model.decode(features)])


@workflow_named("5-keep-colors")
def test_keep_colors(reduced: Reduced) -> None:
    photo, painting = reduced.samples()
    model = reduced.model
    plain = model.stylize(photo, painting, style_size=SMALL)
    size = (painting.shape[2], painting.shape[3])
    palette = torch.nn.functional.interpolate(photo, size, mode="bilinear", antialias=True)
    recolored = transfer_color(painting, palette, "coral", 1.0)
    first = model.stylize(photo, recolored, style_size=SMALL)
    after = transfer_color(plain, photo, "luminance", 1.0)
    assert_same(reduced.shown(), [plain, after, first])


@workflow_named("6-style-library")
def test_style_library(reduced: Reduced, tmp_path: Path) -> None:
    photo, painting = reduced.samples()
    saved = tmp_path / "adain_styles"
    shipped = ROOT / "weights" / "styles"
    names = ("van-gogh-starry-night", "engraving")
    loaded = [Style.load(shipped / f"{name}.safetensors") for name in names]
    mix = Style.mix([reduced.style(painting), *loaded], (1, 1, 0.5))
    features = reduced.model.encode(photo)
    assert_same(reduced.shown(), [reduced.model.decode(adain(features, mix))])

    assert {path.name for path in saved.iterdir()} == {
        "example-painter.safetensors",
        "example-mix.safetensors",
    }
    found = Style.load(saved / "example-mix.safetensors")
    torch.testing.assert_close((found.mean, found.std), (mix.mean, mix.std))
    reduced.workflow.run()  # a second click writes over the first one's files


@workflow_named("7-video-frames")
def test_video_frames(reduced: Reduced) -> None:
    frames, painting = reduced.samples()
    assert len(frames) == FRAMES
    style = reduced.style(painting)
    expected = []
    for mode in ("frame", "ema"):
        pool = TemporalPool(mode)
        drawn = [reduced.model.stylize(frame[None], style, smoothing=pool) for frame in frames]
        expected.append(torch.cat(drawn))
    assert_same(reduced.shown("SaveAnimatedWEBP"), expected)
    # Where "auto" is bfloat16, one rounding apart.
    torch.testing.assert_close(expected[0][0], expected[1][0], rtol=0, atol=1 / 255)
    assert (expected[0][-1] - expected[1][-1]).abs().mean() > 0.005


@workflow_named("8-big-image")
def test_big_image(reduced: Reduced) -> None:
    _, artwork = reduced.samples()
    (enlarge,) = reduced.workflow.find("Enlarge")
    photo = reduced.run.outputs[enlarge.id][0].movedim(-1, 1)
    assert photo.shape[3] == 3 * SMALL and photo.shape[2] > 2 * 64  # several tiles each way
    expected = reduced.model.stylize(photo, artwork, style_size=SMALL)
    assert_same(reduced.shown(), [expected])


@workflow_named("9-style-fade")
def test_style_fade(reduced: Reduced) -> None:
    photo, *artworks = reduced.samples()
    styles = [reduced.style(artwork) for artwork in artworks]
    alphas = np.interp(range(32), [0, 8, 23, 31], [0, 1, 1, 0])
    shares = np.interp(range(32), [10, 21], [0, 1])
    drawn = [
        reduced.model.stylize(
            photo, styles, weights=[1 - share, share], alpha=alpha, content_residual=True
        )
        for alpha, share in zip(alphas, shares, strict=True)
    ]
    assert_same(reduced.shown("SaveAnimatedWEBP"), [torch.cat(drawn)])


@workflow_named("10-video")
def test_video(reduced: Reduced, tmp_path: Path) -> None:
    _, painting = reduced.samples()
    (create,), (save,) = reduced.workflow.find("CreateVideo"), reduced.workflow.find("SaveVideo")
    source = reduced.run.outputs[create.id][0]
    draw_video(reduced.model, source, tmp_path / "out.mp4", reduced.style(painting), quality=0)
    with (
        VideoReader(reduced.run.inputs[save.id]["video"]) as found,
        VideoReader(tmp_path / "out.mp4") as expected,
    ):
        pairs = list(zip(found, expected, strict=True))
    assert len(pairs) == FRAMES
    for one, other in pairs:
        # What H.264 loses of small strokes; it differs from time to time on a busy machine.
        assert (one.pixels.float() - other.pixels.float()).abs().mean() < 5
        assert one.pixels.float().std() > 10
