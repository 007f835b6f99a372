"""``adain stylize`` on a folder: results are written while the next images are stylized."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_folder import Folder, read, to_array

from adain_core import AdaINModel, ImageFile, ImageFileError
from adain_core.cli import run_stylize
from adain_core.cli.background import Background

NAMES = [f"{number}.png" for number in range(7)]


@pytest.fixture
def words(folder: Folder) -> list[str]:
    for seed, name in enumerate(NAMES):
        folder.save(f"in/{name}", seed)
    style = folder.save("art.png", 9)
    return ["stylize", str(folder / "in"), "--style", style, "-o", str(folder / "out")]


def replace_write(monkeypatch: pytest.MonkeyPatch, before: Callable[[Path], object]) -> None:
    """Call a function before each image is written."""
    write = run_stylize.write_image_file

    def replaced(path: Path, image: ImageFile, **options: Any) -> None:
        before(path)
        write(path, image, **options)

    monkeypatch.setattr(run_stylize, "write_image_file", replaced)


def test_the_next_image_is_stylized_during_a_write(
    folder: Folder, words: list[str], tiny: AdaINModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = threading.Semaphore(0)
    read_resized = run_stylize.read_resized

    def count(*arguments: Any, **options: Any) -> ImageFile:
        reads.release()
        return read_resized(*arguments, **options)

    def wait(path: Path) -> None:
        if path.name == NAMES[0]:  # until the third image has begun
            assert all(reads.acquire(timeout=60) for _ in range(3))

    monkeypatch.setattr(run_stylize, "read_resized", count)
    replace_write(monkeypatch, wait)
    assert folder.run(*words) == 0
    for name in NAMES:
        expected = to_array(tiny.stylize(folder / "in" / name, folder / "art.png"))
        np.testing.assert_array_equal(read(folder / "out" / name), expected)


def test_messages_keep_the_order_of_the_images(
    folder: Folder,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    later = threading.Event()

    def before(path: Path) -> None:
        if path.name == NAMES[0]:
            assert later.wait(60)
        if path.name == NAMES[1]:
            later.set()
            raise ImageFileError(f"cannot write {path}: the disk is full")

    (folder / "in" / NAMES[2]).write_bytes(b"no image")
    replace_write(monkeypatch, before)
    assert folder.run(*words, "--json") == 1
    captured = capsys.readouterr()
    records = json.loads(captured.out)
    assert [Path(record["content"]).name for record in records] == NAMES
    assert [bool(record["error"]) for record in records] == [
        number in (1, 2) for number in range(7)
    ]
    lines = captured.err.splitlines()
    assert lines[0] == f"adain: error: cannot write {folder / 'out' / NAMES[1]}: the disk is full"
    assert f"cannot read {folder / 'in' / NAMES[2]}" in lines[1] and len(lines) == 2
    assert {path.name for path in (folder / "out").iterdir()} == {*NAMES} - {NAMES[1], NAMES[2]}


def test_results_before_an_interruption_are_written(
    folder: Folder,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    read_resized, begun = run_stylize.read_resized, threading.Event()

    def stop(path: Path, size: int) -> ImageFile:
        if path.name == NAMES[3]:
            begun.set()
            raise KeyboardInterrupt
        return read_resized(path, size)

    monkeypatch.setattr(run_stylize, "read_resized", stop)
    replace_write(monkeypatch, lambda path: begun.wait(60))
    assert folder.run(*words) == 130
    assert {path.name for path in (folder / "out").iterdir()} == {*NAMES[:3]}
    assert capsys.readouterr().out.startswith("3 of 7 images written to ")


def test_little_waits_at_once() -> None:
    gate, running, most = threading.Event(), 0, 0
    lock = threading.Lock()

    def work(number: int) -> Callable[[], int]:
        def run() -> int:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            gate.wait(60)
            with lock:
                running -= 1
            return number

        return run

    background: Background[int] = Background()
    done = [result for number in range(4) for result in background.add(work(number), 2**20)]
    assert done == []  # four may wait
    threading.Timer(0.05, gate.set).start()
    done += background.add(work(4), 2**20)  # the fifth waits for the first
    assert done[0] == 0 and most == 2
    done += background.add(work(5), 2**40)  # and a large one for all of them
    assert done == list(range(5))
    assert background.finish() == [5]
