"""Files are replaced whole, in one step, and on the disk before the old one goes."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from adain_core import AdaINModel, ImageFileError, Style, WeightsError, save_image
from adain_core.utils.files import replace_atomically


def write(path: Path, text: str, **options: bool) -> None:
    with replace_atomically(path, **options) as temporary:
        temporary.write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_or_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write(path, "first", overwrite=False)
    assert path.read_text() == "first"
    with pytest.raises(FileExistsError, match=r"a\.txt exists"):
        write(path, "second", overwrite=False)
    assert path.read_text() == "first"
    write(path, "third")
    assert path.read_text() == "third"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("links", [True, False])
def test_what_appears_meanwhile_is_not_replaced(
    tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:

        def refuse(*_: object) -> None:
            raise OSError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "a.txt"
    with (
        pytest.raises(FileExistsError, match=r"a\.txt exists"),
        replace_atomically(path, overwrite=False) as temporary,
    ):
        temporary.write_text("mine")
        path.write_text("another's")
    assert path.read_text() == "another's"
    write(tmp_path / "b.txt", "free", overwrite=False)
    assert (tmp_path / "b.txt").read_text() == "free"
    assert names(tmp_path) == ["a.txt", "b.txt"]


def test_one_of_many_concurrent_writers_wins(tmp_path: Path) -> None:
    path, won, together = tmp_path / "a.txt", [], threading.Barrier(8)

    def work(number: int) -> None:
        with replace_atomically(path, overwrite=False) as temporary:
            temporary.write_text(str(number))
            together.wait()
        won.append(number)

    def attempt(number: int) -> None:
        with contextlib.suppress(FileExistsError):
            work(number)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert path.read_text() == str(won[0])
    assert names(tmp_path) == ["a.txt"]


def test_the_new_file_is_on_the_disk_before_the_old_one_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    flushed: list[str] = []
    flush = os.fsync

    def record(number: int) -> None:
        flushed.append(path.read_text())
        flush(number)

    monkeypatch.setattr(os, "fsync", record)
    write(path, "new")
    assert flushed == (["old", "new"] if os.name != "nt" else ["old"])  # the file, then its folder


@pytest.mark.skipif(os.name == "nt", reason="POSIX links")
def test_a_loop_of_links_is_refused_before_any_work(tmp_path: Path) -> None:
    for name, target in (("a.png", "b.png"), ("b.png", "a.png")):
        (tmp_path / name).symlink_to(tmp_path / target)
    with pytest.raises(OSError, match="symbolic links"):
        write(tmp_path / "a.png", "x")
    with pytest.raises(ImageFileError, match=r"cannot write .*a\.png: Too many levels of symb"):
        save_image(tmp_path / "a.png", torch.zeros(3, 4, 4), overwrite=True)
    with pytest.raises(WeightsError, match=r"a\..*: cannot be written: Too many levels"):
        (tmp_path / "a.safetensors").symlink_to(tmp_path / "a.safetensors")
        Style(torch.zeros(3), torch.ones(3), "ab").save(tmp_path / "a.safetensors")
    assert names(tmp_path) == ["a.png", "a.safetensors", "b.png"]


@pytest.mark.parametrize("name", ["x" * 300, "nowhere/a"])
def test_names_that_cannot_be(tmp_path: Path, name: str) -> None:
    for refuse in (
        lambda path: save_image(f"{path}.png", torch.zeros(3, 4, 4)),
        lambda path: Style(torch.zeros(3), torch.ones(3), "ab").save(f"{path}.safetensors"),
    ):
        with pytest.raises((ImageFileError, WeightsError)) as caught:
            refuse(tmp_path / name)
        assert "Errno" not in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX names are bytes")
def test_names_that_are_not_utf8(tmp_path: Path, tiny: AdaINModel) -> None:
    folder = os.fsencode(tmp_path)
    image, style, model = (
        Path(os.fsdecode(folder + b"/caf\xe9" + suffix))
        for suffix in (b".png", b".safetensors", b"-model.safetensors")
    )
    save_image(image, torch.rand(3, 20, 20))
    encoded = tiny.encode_style(image)
    encoded.save(style)
    assert Style.load(style) == encoded
    assert Style.load(style).name == "caf\ufffd"
    tiny.save(model)
    assert AdaINModel.from_pretrained(model, "cpu", "fp32").fingerprint == tiny.fingerprint
    with pytest.raises(WeightsError, match=r"caf\\udce9x: no such file"):
        Style.load(os.fsdecode(os.fsencode(style)[:-12] + b"x"))


def save_style(path: Path, *, overwrite: bool) -> None:
    Style(torch.zeros(3), torch.ones(3), "ab").save(path, overwrite=overwrite)


def save_test_image(path: Path, *, overwrite: bool) -> None:
    save_image(path, torch.zeros(3, 4, 4), overwrite=overwrite)


@pytest.mark.parametrize(
    ("save", "name"), [(save_style, "a.safetensors"), (save_test_image, "a.png")]
)
def test_files_of_the_library_stay_unless_told(
    save: Callable[..., None], name: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text("old")
    with pytest.raises((ImageFileError, WeightsError), match="the file exists"):
        save(tmp_path / name, overwrite=False)
    assert (tmp_path / name).read_text() == "old"
    save(tmp_path / name, overwrite=True)
    assert (tmp_path / name).read_bytes() != b"old"
    assert names(tmp_path) == [name]
