"""The examples and the README's Python run as they stand, with the shipped model."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor

from adain_core import load_image, save_image

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
PAGES = [ROOT / "README.md", ROOT / "docs" / "python.md"]


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


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_python_of_a_page(page: Path, folder: Path) -> None:
    """The blocks of a page, one after the other."""
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks
    if any("clip.mp4" in block for block in blocks):
        make_clip(folder)
    exec("\n".join(blocks), {"__name__": "__main__"})  # noqa: S102
    assert load_image("result.png").shape == (1, 3, 40, 56)
