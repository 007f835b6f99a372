"""The example workflows: their files and results."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import make
import numpy as np
import pytest
import torch
from graph import (
    BLUEPRINTS,
    CORE,
    INPUTS,
    NOTES,
    OUTPUTS,
    ROOT,
    WIDGET_TYPES,
    WORKFLOWS,
    Workflow,
    declared_inputs,
    is_widget,
)
from PIL import Image
from torch import Tensor
from videos import stylize_with_options

from adain_core import AdaINModel, Style, adain
from adain_core.color import transfer_color
from adain_core.engine.passes import pass_sizes
from adain_core.pixels import resize_shortest_side
from adain_core.temporal import TemporalPool
from adain_core.utils import devices
from adain_core.video import VideoReader

TEMPLATE_FOLDERS = ("example_workflows", "example", "examples", "workflow", "workflows")
# Height of a node's title, which lies above its position.
TITLE = 30
# Images and styles of this many pixels on the shorter side, and this many frames.
SMALL, FRAMES = 72, 4


# --- files ------------------------------------------------------------------------------------


def test_files() -> None:
    """ComfyUI serves the first of these folders, and every JSON in it as a template."""
    assert [name for name in TEMPLATE_FOLDERS if (ROOT / name).exists()] == ["workflows"]
    files = {path.name for path in (ROOT / "workflows").iterdir()}
    names = [path.stem for path in WORKFLOWS]
    assert files == {f"{name}{suffix}" for name in names for suffix in (".json", ".jpg")}
    # Names are the cards' titles, and bring them into their order.
    assert names == sorted(names)
    assert [int(name[:2]) for name in names] == list(range(1, len(names) + 1))
    assert all(re.fullmatch(r"\d\d [A-Z][a-z ]+(\.app)?", name) for name in names)


def test_files_are_as_they_are_made() -> None:
    """``python tools/workflows/make.py`` writes them anew."""
    for name, document in make.documents().items():
        assert json.loads((ROOT / name).read_text(encoding="utf-8")) == document, name


@pytest.mark.parametrize("workflow_path", WORKFLOWS, ids=lambda path: path.stem)
def test_thumbnail(workflow_path: Path) -> None:
    path = workflow_path.with_suffix(".jpg")
    assert path.stat().st_size < 80_000
    assert max(Image.open(path).size) == 600


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def workflow(request: Any, bare_pack: Any) -> Workflow:
    return Workflow(request.param, bare_pack.module.NODE_CLASS_MAPPINGS)


@pytest.fixture(params=[*WORKFLOWS, *BLUEPRINTS], ids=lambda path: path.stem)
def graph(request: Any, bare_pack: Any) -> Workflow:
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

    def test_sockets_and_widgets(self, graph: Workflow) -> None:
        for node in graph.nodes:
            inputs = declared_inputs(graph.classes[node.type])
            # Sockets come first on the page, then widgets.
            names = sorted(inputs, key=lambda name: is_widget(inputs[name][0]))
            assert [saved["name"] for saved in node.data["inputs"]] == names, node.title
            optional = graph.classes[node.type].INPUT_TYPES().get("optional", {})
            for saved in node.data["inputs"]:
                name, kind = saved["name"], inputs[saved["name"]][0]
                assert saved["type"] == ("COMBO" if isinstance(kind, list) else kind)
                assert (saved.get("shape") == 7) == (name in optional)
                assert saved.get("widget") == ({"name": name} if is_widget(kind) else None)
                assert saved["link"] is not None or is_widget(kind) or name in optional
            values = node.data.get("widgets_values", [])
            assert len(values) == sum(is_widget(kind) for kind, _ in inputs.values())

    def test_values(self, graph: Workflow) -> None:
        for node in graph.nodes:
            inputs = declared_inputs(graph.classes[node.type])
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

    def test_outputs_and_links(self, graph: Workflow) -> None:
        nodes = {node.id: node.data for node in graph.nodes}
        for node in graph.nodes:
            class_ = graph.classes[node.type]
            saved = [(output["name"], output["type"]) for output in node.data["outputs"]]
            assert saved == list(zip(class_.RETURN_NAMES, class_.RETURN_TYPES, strict=True))
        # Of a blueprint: what comes from outside, and what goes there.
        around = {name: graph.data.get(name, []) for name in ("inputs", "outputs")}
        for end in (*around["inputs"], *around["outputs"]):
            end |= {"link": end["linkIds"][0], "links": end["linkIds"]}
            assert len(end["linkIds"]) == 1
        nodes[INPUTS] = {"outputs": around["inputs"], "order": -1}
        nodes[OUTPUTS] = {"inputs": around["outputs"], "order": float("inf")}
        fed, giving = [], []
        for link, source, slot, target, place, kind in graph.data["links"]:
            output = nodes[source]["outputs"][slot]
            socket = nodes[target]["inputs"][place]
            assert link in output["links"] and link == socket["link"]
            assert kind == output["type"] and kind in socket["type"].split(",")
            assert nodes[source]["order"] < nodes[target]["order"]
        for data in nodes.values():
            ends = data.get("inputs", [])
            fed += [saved["link"] for saved in ends if saved["link"] is not None]
            giving += [link for output in data.get("outputs", []) for link in output["links"]]
        links = sorted(link[0] for link in graph.data["links"])
        assert sorted(fed) == links and sorted(giving) == links

    def test_every_node_has_a_purpose(self, graph: Workflow) -> None:
        needed = {link[1] for link in graph.data["links"] if link[3] == OUTPUTS}
        for node in reversed(graph.nodes):
            if node.id in needed or getattr(graph.classes[node.type], "OUTPUT_NODE", False):
                needed |= {node.id, *(source for source, _ in node.links.values())}
        assert needed - {INPUTS} == {node.id for node in graph.nodes}

    def test_origin(self, graph: Workflow) -> None:
        """What the page looks for where a node is missing; the pack's name in the registry."""
        name = re.search(r'^name = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.M)
        assert name
        for node in graph.nodes:
            properties = node.data["properties"]
            assert properties["Node name for S&R"] == node.type
            assert properties["cnr_id"] == ("comfy-core" if node.type in CORE else name[1])

    def test_layout(self, workflow: Workflow) -> None:
        """From left to right, nothing on top of another, and a note that explains."""
        boxes = {}
        for data in workflow.data["nodes"]:
            (left, top), (width, height) = data["pos"], data["size"]
            grown = make.PREVIEW if data["type"].startswith("AdaINStylize") else 0
            boxes[data["id"]] = (left, top, left + width, height + grown)
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
        right = max(box[2] for box in boxes.values())
        bottom = max(box[1] + box[3] for box in boxes.values())
        assert right <= make.WIDEST and bottom + TITLE <= make.HIGHEST

    def test_note(self, workflow: Workflow) -> None:
        """It stands first, explains in three languages, and calls things by their names there."""
        (note,) = [data for data in workflow.data["nodes"] if data["type"] in NOTES]
        assert note["pos"] == [0, 0]
        (text,) = note["widgets_values"]
        assert text.startswith(f"## {workflow.path.stem[3:].removesuffix('.app')}\n")
        english, japanese, chinese = re.split(r"\n### (?:日本語|中文)\n", text)
        for language, part in (("en", english), ("ja", japanese), ("zh", chinese)):
            bold = set(re.findall(r"\*\*(.+?)\*\*", part))
            assert bold <= shown_names(workflow.classes, language), language
            assert part.count("\n- ") == english.count("\n- ")
            # The page would show these asterisks.
            assert not re.search(r"[)）]\*+\w", part), language


def shown_names(classes: Mapping[str, Any], language: str) -> set[str]:
    """What the page calls the inputs and outputs of the pack's nodes, and its button."""
    if language == "en":
        names = {"Run"}
        for node in classes.values():
            if hasattr(node, "OUTPUT_TOOLTIPS"):
                inputs = declared_inputs(node)
                names |= {*inputs, *node.RETURN_NAMES}
                names |= {options.get("display_name", "") for _, options in inputs.values()}
        return names
    path = ROOT / "locales" / language / "nodeDefs.json"
    nodes = json.loads(path.read_text(encoding="utf-8")).values()
    entries = [e for n in nodes for e in (*n["inputs"].values(), *n["outputs"].values())]
    return {"実行", "运行", *(entry["name"] for entry in entries)}


# --- results ----------------------------------------------------------------------------------


class Reduced:
    """A workflow run with small images, and what the library says of the same inputs.

    Its model, styles and images are the shipped ones, read here by the library alone.
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

        class SmallPhoto(CORE["LoadImage"]):  # type: ignore[misc]
            def load(self, image: str) -> tuple[Tensor, Tensor]:
                photo, mask = super().load(image)
                photo = resize_shortest_side(photo.movedim(-1, 1), SMALL)
                return (photo.movedim(1, -1), mask)

        classes |= {"AdaINSampleImage": Small, "LoadImage": SmallPhoto}
        self.workflow = Workflow(ROOT / "workflows" / f"{name}.json", classes)
        for node in self.workflow.nodes:
            smaller = {"style_size": SMALL, "width": 3 * SMALL, "tile": 64}
            node.values |= {k: v for k, v in smaller.items() if node.values.get(k)}
        self.run = self.workflow.run()
        self.model = AdaINModel.from_pretrained()

    def samples(self) -> list[Tensor]:
        """The images that the workflow loads, from top to bottom, as the library takes them."""
        nodes = self.workflow.find("AdaINSampleImage") or self.workflow.find("LoadImage")
        return [self.run.outputs[node.id][0].movedim(-1, 1) for node in nodes]

    def scaled(self) -> Tensor:
        """The image that the workflow scales, as the library takes it."""
        (node,) = self.workflow.find("ImageScale")
        return self.run.outputs[node.id][0].movedim(-1, 1)

    def style(self, name: str) -> Style:
        """One of the pack's own."""
        return Style.load(ROOT / "weights" / "styles" / f"{name}.safetensors")

    def shown(self, name: str = "SaveImage") -> list[Tensor]:
        nodes = self.workflow.find(name)
        return [self.run.inputs[node.id]["images"].movedim(-1, 1) for node in nodes]


@pytest.fixture
def reduced(
    bare_pack: Any, request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Reduced]:
    monkeypatch.setenv("ADAIN_CACHE", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where videos lie
    # In float32: tiles round otherwise than the whole does, in bfloat16 by 1/256 here and there.
    for module in (devices, bare_pack.submodule("adain_core.utils.devices")):
        monkeypatch.setattr(module, "has_fast_bfloat16", lambda: False)
    return Reduced(bare_pack, request.param)


def assert_same(shown: list[Tensor], expected: list[Tensor]) -> None:
    assert len(shown) == len(expected)
    for image, other in zip(shown, expected, strict=True):
        torch.testing.assert_close(image.cpu(), other.cpu(), rtol=1e-4, atol=1e-4)
        assert image.std() > 0.05


def workflow_named(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("reduced", [name], indirect=True, ids=[name])


@workflow_named("01 Quick start")
def test_quick_start(reduced: Reduced) -> None:
    (photo,) = reduced.samples()
    expected = reduced.model.stylize(photo, reduced.style("van-gogh-starry-night"))
    assert_same(reduced.shown(), [expected])


@workflow_named("02 Strength")
def test_strength(reduced: Reduced) -> None:
    (photo,) = reduced.samples()
    style = reduced.style("van-gogh-starry-night")
    results = [
        reduced.model.stylize(photo, style, alpha=alpha, content_residual=True)
        for alpha in (0.25, 0.5, 0.75, 1.0)
    ]
    assert_same(reduced.shown(), [torch.cat(results)])


@workflow_named("03 Mix styles")
def test_mix(reduced: Reduced) -> None:
    photo = reduced.scaled()
    names = ("van-gogh-starry-night", "van-gogh-cafe-terrace", "mosaic", "engraving")
    style = Style.mix([reduced.style(name) for name in names], (0.5, 1, 1, 0.5))
    features = reduced.model.encode(photo)
    assert_same(reduced.shown(), [reduced.model.decode(adain(features, style), content=photo)])


@workflow_named("04 Subject and background")
def test_subject(reduced: Reduced) -> None:
    (photo,) = reduced.samples()
    (node,) = reduced.workflow.find("AdaINSampleImage")
    mask = reduced.run.outputs[node.id][1]
    assert 0.1 < mask.mean() < 0.3
    expected = reduced.model.stylize(
        photo,
        [reduced.style("van-gogh-starry-night")],
        masks=[mask],
        background=reduced.style("van-gogh-cafe-terrace"),
        feather=8,
    )
    assert_same(reduced.shown(), [expected])


@workflow_named("12 Paint your photo.app")
def test_paint_your_photo(reduced: Reduced) -> None:
    (photo,) = reduced.samples()  # nothing of it is painted in the mask editor: all of it is meant
    expected = reduced.model.stylize(photo, reduced.style("van-gogh-starry-night"))
    assert_same(reduced.shown(), [expected])


@workflow_named("13 Two styles.app")
def test_two_styles(reduced: Reduced) -> None:
    (photo,) = reduced.samples()
    (node,) = reduced.workflow.find("AdaINSampleImage")
    expected = reduced.model.stylize(
        photo,
        [reduced.style("mosaic")],
        masks=[reduced.run.outputs[node.id][1]],
        background=reduced.style("van-gogh-cafe-terrace"),
        feather=8,
    )
    assert_same(reduced.shown(), [expected])


@workflow_named("05 Keep the colors")
def test_keep_colors(reduced: Reduced) -> None:
    photo, artwork = reduced.samples()
    options = {"style_size": SMALL}
    plain = reduced.model.stylize(photo, artwork, **options)
    coral = reduced.model.stylize(photo, artwork, preserve_color="coral", **options)
    after = transfer_color(plain, photo, "luminance", 1.0)
    assert_same(reduced.shown(), [coral, after, plain])


@workflow_named("06 Style library")
def test_style_library(reduced: Reduced, tmp_path: Path) -> None:
    _, artwork = reduced.samples()
    photo = reduced.scaled()
    own = reduced.model.encode_style(artwork, size=SMALL)
    loaded = [reduced.style(name) for name in ("van-gogh-starry-night", "engraving")]
    mix = Style.mix([own, *loaded], (1, 1, 0.5))
    features = reduced.model.encode(photo)
    assert_same(reduced.shown(), [reduced.model.decode(adain(features, mix))])

    saved = tmp_path / "adain_styles"
    assert {path.name for path in saved.iterdir()} == {
        "example-painter.safetensors",
        "example-mix.safetensors",
    }
    found = Style.load(saved / "example-mix.safetensors")
    torch.testing.assert_close((found.mean, found.std), (mix.mean, mix.std))
    reduced.workflow.run()  # a second click writes over the first one's files


@workflow_named("07 Video frames")
def test_video_frames(reduced: Reduced) -> None:
    (frames,) = reduced.samples()
    assert len(frames) == FRAMES
    style = reduced.style("van-gogh-cafe-terrace")
    expected = []
    for mode in ("ema", "frame"):
        pool = TemporalPool(mode)
        results = [reduced.model.stylize(frame[None], style, smoothing=pool) for frame in frames]
        expected.append(torch.cat(results))
    assert_same(reduced.shown("SaveAnimatedWEBP"), expected)
    # Where "auto" is bfloat16, one rounding apart.
    torch.testing.assert_close(expected[0][0], expected[1][0], rtol=0, atol=1 / 255)
    assert (expected[0][-1] - expected[1][-1]).abs().mean() > 0.005


@workflow_named("08 Big photo")
def test_big_photo(reduced: Reduced) -> None:
    """Several passes; in the file it is large."""
    (stylize,) = reduced.workflow.find("AdaINStylize")
    photo = reduced.scaled()
    assert stylize.values["stroke_size"] == "medium" and photo.shape[3] == 3 * SMALL
    original = Workflow(reduced.workflow.path, reduced.workflow.classes)
    width = original.find("ImageScale")[0].values["width"]
    assert len(pass_sizes((width * 2 // 3, width), "medium")) >= 3
    expected = reduced.model.stylize(
        photo, reduced.style("van-gogh-starry-night"), stroke_size="medium"
    )
    assert_same(reduced.shown(), [expected])


@workflow_named("09 Style fade")
def test_style_fade(reduced: Reduced) -> None:
    (photo,) = reduced.samples()
    styles = [reduced.style(name) for name in ("mosaic", "van-gogh-starry-night")]
    rise = np.linspace(0, 1, 9)
    gentle = rise**2 * (3 - 2 * rise)
    alphas = [*gentle, *[1.0] * 14, *gentle[::-1]]
    shares = np.interp(range(32), [10, 21], [0, 1])
    results = [
        reduced.model.stylize(
            photo, styles, weights=[1 - share, share], alpha=alpha, content_residual=True
        )
        for alpha, share in zip(alphas, shares, strict=True)
    ]
    assert_same(reduced.shown("SaveAnimatedWEBP"), [torch.cat(results)])


@workflow_named("10 Video")
def test_video(reduced: Reduced, tmp_path: Path) -> None:
    (create,), (save,) = reduced.workflow.find("CreateVideo"), reduced.workflow.find("SaveVideo")
    source = reduced.run.outputs[create.id][0]
    style = reduced.style("van-gogh-starry-night")
    stylize_with_options(reduced.model, source, tmp_path / "out.mp4", style)
    with (
        VideoReader(reduced.run.inputs[save.id]["video"]) as found,
        VideoReader(tmp_path / "out.mp4") as expected,
    ):
        pairs = list(zip(found, expected, strict=True))
    assert len(pairs) == FRAMES
    for one, other in pairs:
        # What H.264 loses differs from time to time on a busy machine.
        assert (one.pixels.float() - other.pixels.float()).abs().mean() < 1
        assert one.pixels.float().std() > 10


@workflow_named("11 Coarse to fine")
def test_coarse_to_fine(reduced: Reduced) -> None:
    (photo,) = reduced.samples()
    small = reduced.scaled()
    style, model = reduced.style("van-gogh-starry-night"), reduced.model
    under = model.decode(adain(model.encode(small), style), content=small)
    fine = model.decode(adain(model.encode(photo, underpainting=under), style))
    found, first = reduced.shown()
    assert_same([first], [under])
    # Another order of sums can round the first pass to another level of 8 bits.
    torch.testing.assert_close(found, fine, rtol=0, atol=1 / 255)
