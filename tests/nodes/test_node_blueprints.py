"""The subgraph blueprints: their files and results."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import make
import pytest
import torch
from graph import BLUEPRINTS, INPUTS, ROOT, Workflow, declared_inputs, is_widget
from torch import Tensor
from videos import stylize_with_options

from adain_core import AdaINModel, Style, load_image
from adain_core.pixels import resize_shortest_side
from adain_core.utils import devices
from adain_core.video import VideoReader


def test_files() -> None:
    """ComfyUI offers every JSON of this folder as a node of the file's name."""
    assert {path.name for path in (ROOT / "subgraphs").iterdir()} == {
        f"{name}.json" for name in make.BLUEPRINTS
    }


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
def test_document(path: Path, bare_pack: Any) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?:|[A-Z]:\\\\|/home/", text)
    data = json.loads(text)
    # The page refuses a blueprint of anything but one subgraph node, and takes its words from here.
    (outer,), (inner,) = data["nodes"], data["definitions"]["subgraphs"]
    assert outer["type"] == inner["id"] and data["links"] == []
    assert outer["title"] == inner["name"] == path.stem
    assert data["extra"]["BlueprintDescription"] == inner["description"]
    assert "style transfer" in " ".join(data["extra"]["BlueprintSearchAliases"])
    for side in ("inputs", "outputs"):
        ends = [(each["name"], each["type"]) for each in inner[side]]
        assert ends == [(each["name"], each["type"]) for each in outer[side]]
        assert len({each["id"] for each in inner[side]}) == len(ends)
    # Sockets before widgets, and a widget for each input that feeds one.
    classes = bare_pack.module.NODE_CLASS_MAPPINGS
    places = {
        (node.id, name): link
        for node in Workflow(path, classes).nodes
        for name, link in node.links.items()
    }
    fed = {slot: name for (_, name), (source, slot) in places.items() if source == INPUTS}
    kinds = {
        name: is_widget(kind)
        for node in Workflow(path, classes).nodes
        for name, (kind, _) in declared_inputs(classes[node.type]).items()
    }
    exposed = ["widget" in each for each in outer["inputs"]]
    assert exposed == sorted(exposed) == [kinds[fed[slot]] for slot in range(len(exposed))]


class Reduced:
    """A blueprint in float32, where an image stylized whole and in parts is the same.

    Args:
        classes: of the pack.
        name: of the file.
    """

    def __init__(self, classes: Mapping[str, Any], name: str) -> None:
        self.blueprint = Workflow(ROOT / "subgraphs" / f"{name}.json", classes)
        self.model = AdaINModel.from_pretrained()
        photo = load_image(ROOT / "samples" / "content" / "kingfisher.jpg")
        mask = load_image(ROOT / "samples" / "mask" / "kingfisher.png")[:, :1]
        self.photo, self.mask = (resize_shortest_side(each, 72) for each in (photo, mask))

    def run(self, **given: Any) -> Any:
        """Return the output of the blueprint."""
        run = self.blueprint.run(**given)
        (result,) = self.blueprint.results(run).values()
        return result

    def style(self, name: str) -> Style:
        """One of the pack's own."""
        return Style.load(ROOT / "weights" / "styles" / f"{name}.safetensors")


@pytest.fixture
def reduced(bare_pack: Any, request: Any, monkeypatch: pytest.MonkeyPatch) -> Reduced:
    for module in (devices, bare_pack.submodule("adain_core.utils.devices")):
        monkeypatch.setattr(module, "has_fast_bfloat16", lambda: False)
    return Reduced(bare_pack.module.NODE_CLASS_MAPPINGS, request.param)


def assert_same(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found.movedim(-1, 1).cpu(), expected.cpu(), rtol=1e-4, atol=1e-4)


def blueprint_named(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("reduced", [name], indirect=True, ids=[name])


@blueprint_named("Paint a Photo (AdaIN)")
def test_photo(reduced: Reduced) -> None:
    image = reduced.photo.movedim(1, -1)
    night = reduced.style("van-gogh-starry-night")
    assert_same(reduced.run(image=image), reduced.model.stylize(reduced.photo, night))
    given = {"style": "mosaic.safetensors", "strength": 0.5, "stroke_size": "single"}
    expected = reduced.model.stylize(
        reduced.photo, reduced.style("mosaic"), alpha=0.5, stroke_size="single"
    )
    assert_same(reduced.run(image=image, **given), expected)


@blueprint_named("Paint the Subject (AdaIN)")
def test_subject(reduced: Reduced) -> None:
    image, mask = reduced.photo.movedim(1, -1), reduced.mask[:, 0]
    night = reduced.style("van-gogh-starry-night")
    expected = reduced.model.stylize(reduced.photo, [night], masks=[mask], feather=8)
    found = reduced.run(image=image, mask=mask)
    assert_same(found, expected)
    # The rest stays.
    torch.testing.assert_close(found[:, :, :8], image[:, :, :8], rtol=0, atol=1e-5)


@blueprint_named("Paint a Video (AdaIN)")
def test_video(reduced: Reduced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    create = reduced.blueprint.classes["CreateVideo"]()
    (video,) = create.create(images=reduced.photo.movedim(1, -1).expand(3, -1, -1, -1), fps=12.0)
    night = reduced.style("van-gogh-starry-night")
    stylize_with_options(reduced.model, video, tmp_path / "expected.mp4", night)
    found, expected = reduced.run(video=video), tmp_path / "expected.mp4"
    with VideoReader(found) as one, VideoReader(expected) as other:
        frames = list(zip(one, other, strict=True))
    assert len(frames) == 3
    for result, wanted in frames:
        # What H.264 loses differs from time to time on a busy machine.
        assert (result.pixels.float() - wanted.pixels.float()).abs().mean() < 1
