from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from adain_core.errors import ImageFileError, ImageFileWarning
from adain_core.images import (
    list_image_tree,
    list_images,
    load_image,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.png", "a.JPG", "c.webp", "notes.txt", ".hidden.png", "x[1].png", "sub/d.png"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "in" / "folder.png").mkdir()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(paths: list[Path]) -> list[str]:
    return [path.as_posix() for path in paths]


def test_list_images(folder: Path) -> None:
    everything = ["in/a.JPG", "in/b.png", "in/c.webp", "in/x[1].png"]
    assert names(list_images(["in"])) == everything
    assert names(list_images("in")) == everything
    assert names(list_images(["in/*.png"])) == ["in/b.png", "in/x[1].png"]
    assert names(list_images(["in/*"])) == everything
    assert names(list_images(["in/**/d.png"])) == ["in/sub/d.png"]
    assert list_images([folder / "in" / "?.png"]) == [folder / "in" / "b.png"]
    assert names(list_images(["in/x[1].png"])) == ["in/x[1].png"]
    assert names(list_images(["in/missing.png", "in/notes.txt"])) == [
        "in/missing.png",
        "in/notes.txt",
    ]


def test_list_images_keeps_order_and_drops_duplicates(folder: Path) -> None:
    listed = list_images(["in/c.webp", folder / "in" / "b.png", "./in/c.webp", "in"])
    assert [path.name for path in listed] == ["c.webp", "b.png", "a.JPG", "x[1].png"]


def test_a_path_without_permission_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "is_dir", refused)
    for read in (list_images, load_image):
        with pytest.raises(ImageFileError, match=r"^cannot read secret/a\.png: Permission denied$"):
            read("secret/a.png")


@pytest.mark.parametrize(
    "path, kind", [("empty", "folder"), ("in/*.txt", "pattern"), ("no/*.png", "pattern")]
)
def test_list_images_of_nothing(folder: Path, path: str, kind: str) -> None:
    message = re.escape(f"found no image files in the {kind} {Path(path)}")
    with pytest.raises(ImageFileError, match=message):
        list_images(["in/a.JPG", path])


def test_a_tree_follows_links_once_and_leaves_out_what_is_hidden(folder: Path) -> None:
    for name in (".ipynb_checkpoints/e.png", "elsewhere/f.png"):
        path = folder / "in" / name if name[0] == "." else folder / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (folder / "in" / "link").symlink_to(folder / "elsewhere")
    (folder / "in" / "sub" / "loop").symlink_to(folder / "in")
    assert names(list_image_tree("in")) == [
        *("in/a.JPG", "in/b.png", "in/c.webp", "in/link/f.png", "in/sub/d.png", "in/x[1].png"),
    ]
    assert names(list_image_tree("in", but=["in/sub", "elsewhere"])) == [
        *("in/a.JPG", "in/b.png", "in/c.webp", "in/x[1].png"),
    ]
    with pytest.raises(ImageFileError, match="found no image files in the folder empty"):
        list_image_tree("empty")


def test_a_tree_with_a_folder_that_may_not_be_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = os.scandir

    def refuse(path: str) -> Any:
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.warns(ImageFileWarning, match=r"in.sub: skipped, .* read: Permission denied"):
        assert len(list_image_tree("in")) == 4
    with pytest.raises(ImageFileError, match=r"in the folder in.sub: in.sub: Permission denied"):
        list_image_tree(Path("in", "sub"))
