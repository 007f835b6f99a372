"""The examples in files, documents and docstrings run as they are, with the shipped model."""

from __future__ import annotations

import ast
import dataclasses
import re
import runpy
import sys
from collections.abc import Callable, Iterator
from doctest import DocTestParser
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

import adain_core
from adain_core import AdaINModel, Encoder, load_image, methods, save_image, video
from adain_core.color import transfer_color
from adain_core.export import export_onnx
from adain_core.networks.inference import Inference

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
PAGES = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("python", "methods"))]
# It trains for days.
NOT_RUN = {"Trainer"}


def find_docstrings() -> Iterator[Any]:
    """Yield the examples of each docstring that has some."""
    for path in sorted((ROOT / "adain_core").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                code = [
                    e.source for e in DocTestParser().get_examples(ast.get_docstring(node) or "")
                ]
                name = getattr(node, "name", path.parent.name)
                if code and name not in NOT_RUN:
                    yield pytest.param("".join(code), id=name)


@pytest.fixture
def folder(
    tmp_path: Path, make_image: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The current folder, with the files that the examples name."""
    names = ("photo", "painting", "wave", "stars", "engraving", "photo-1", "photo-2")
    for seed, name in enumerate(names):
        save_image(tmp_path / f"{name}.jpg", make_image(40, 56, seed=seed))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_clip(folder: Path) -> None:
    """Write clip.mp4: 12 frames, as the command line stylizes them."""
    av = pytest.importorskip("av")
    with av.open(str(folder / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 56, 40, "yuv420p"
        pixels = (load_image("photo.jpg")[0].movedim(0, -1) * 255).byte().numpy()
        for _ in range(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example(example: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the files that its own first lines name."""
    before = set(folder.iterdir())
    (command,) = re.findall(r"^python (.+)$", example.read_text(encoding="utf-8"), re.MULTILINE)
    name, *words = command.split()
    assert ROOT / name == example
    if "clip.mp4" in words:
        make_clip(folder)
        before.add(folder / "clip.mp4")
    monkeypatch.setattr(sys, "argv", [name, *words])
    runpy.run_path(str(example), run_name="__main__")
    written = set(folder.iterdir()) - before
    assert written
    for path in written:
        if path.suffix == ".png":
            assert load_image(path).shape[2:] in {(40, 56), (40, 52)}


@pytest.fixture
def loss_network(make_model: Callable[..., AdaINModel], monkeypatch: pytest.MonkeyPatch) -> Encoder:
    """A small network in place of VGG-19, which is a download."""
    encoder = make_model().encoder
    monkeypatch.setattr(methods, "load_loss_network", lambda *_: encoder)
    return encoder


@pytest.mark.usefixtures("loss_network")
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_python_of_a_page(page: Path, folder: Path) -> None:
    """The blocks of a page, one after the other."""
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks
    if any("clip.mp4" in block for block in blocks):
        make_clip(folder)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec("\n".join(blocks), names)  # noqa: S102
    assert names["image"].shape == (1, 3, 40, 56)


@pytest.mark.slow
@pytest.mark.parametrize("code", [*find_docstrings()])
def test_example_of_a_docstring(code: str, folder: Path, loss_network: Encoder) -> None:
    """With the objects that it takes for granted."""
    if "export_onnx" in code:
        pytest.importorskip("onnx")
    if "clip.mp4" in code:
        make_clip(folder)
    model, photo = AdaINModel.from_pretrained(dtype="fp32"), load_image("photo.jpg")
    wave, stars = (model.encode_style(f"{name}.jpg") for name in ("wave", "stars"))
    names = {
        name: getattr(module, name)
        for module in (adain_core, methods, video)
        for name in module.__all__
    }
    names |= {"Inference": Inference, "export_onnx": export_onnx, "transfer_color": transfer_color}
    names |= {"dataclasses": dataclasses, "model": model, "vgg": loss_network}
    names |= {"photo": photo, "images": photo, "photos": [photo], "frames": [photo]}
    names |= {"wave": wave, "stars": stars, "style": wave}
    if "transfer_color" in code:
        names |= {"style": load_image("painting.jpg"), "content": photo}
    exec(code, names)  # noqa: S102
    if "image" in names:
        assert names["image"].shape == photo.shape
