from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from cli_folder import Folder, error_line

from adain_core.cli import main

MODEL = ("--device", "cpu", "--dtype", "fp32", "--workers", "1")


@pytest.fixture
def trees(folder: Folder) -> Folder:
    for number, name in enumerate(("a/1.png", "a/2.png", "b/1.png")):
        folder.save(f"photos/{name}", seed=number)
    folder.save("art/wave.png", seed=7)
    return folder


def dataset(trees: Folder, *options: object) -> int:
    words = ["dataset", trees / "photos", "--styles", trees / "art", "-o", trees / "out"]
    return main([*map(str, words), "--model", str(trees.model_path), *MODEL, *map(str, options)])


def test_a_tree_and_its_summary(trees: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert dataset(trees) == 0
    first = capsys.readouterr()
    assert first.out.startswith(f"3 images in {trees / 'out'}: 3 stylized in ")
    assert first.out.endswith(" a second)\n")
    assert {name for name in trees.names() if name.startswith("out/") and "adain-" not in name} == {
        *("out/a/1.png", "out/a/2.png", "out/b/1.png")
    }
    assert dataset(trees) == 0
    assert "0 stylized in" in (out := capsys.readouterr().out)
    assert out.endswith(", 3 there before\n")


def test_failures_are_counted_and_listed(trees: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    (trees / "photos/a/2.png").write_bytes(b"")
    assert dataset(trees) == 1
    assert capsys.readouterr().out.endswith(", 1 failed (listed in adain-failed.jsonl)\n")
    (line,) = (trees / "out/adain-failed.jsonl").read_text().splitlines()
    assert json.loads(line)["image"] == "a/2.png"
    assert dataset(trees, "--json") == 1
    summary = json.loads(capsys.readouterr().out)
    assert {**summary, "seconds": 0} == {
        **{"rows": 3, "stylized": 0, "before": 2, "failed": 1, "seconds": 0}
    }


def test_options_reach_the_plan(trees: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    trees.save("art/stars.png", seed=8)
    options = ("--per-image", 2, "--alpha", "0.25:0.5", "--seed", 3, "--format", "jpg")
    assert dataset(trees, *options, "--plan-only") == 0
    plan = trees / "out/adain-plan.jsonl"
    assert capsys.readouterr().out == f"{plan} (6 images)\n"
    rows = [json.loads(line) for line in plan.read_text().splitlines()]
    assert {row["output"] for row in rows} == {
        *("a/1-1.jpg", "a/1-2.jpg", "a/2-1.jpg", "a/2-2.jpg", "b/1-1.jpg", "b/1-2.jpg")
    }
    assert all(0.25 <= row["alpha"] <= 0.5 and row["seed"] == 3 for row in rows)
    assert not (trees / "out/a").exists()


def test_tar_shards_and_shares(trees: Folder) -> None:
    assert dataset(trees, "--tar", 2, "--shard", "2/2") == 0
    assert not (trees / "out/000000.tar").exists()
    assert dataset(trees, "--tar", 2, "--shard", "1/2") == 0
    assert {"out/000000.tar", "out/000001.tar"} <= trees.names()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--alpha", "0.5:2"), "--alpha must be a range within 0..1, got 0.5 to 2"),
        (("--per-image", "0"), "--per-image must be 1 or more, got 0"),
        (
            ("--per-image", "2"),
            "expected at least 2 artworks, one for each result of an image, got 1",
        ),
        (("--tar", "-1"), "--tar must be 0 or more images, got -1"),
        (("--crop", "9", "--size", "8"), "--crop must be at most the size, 8, got 9"),
        (("--shard", "3/2"), "expected a share from 1/2 to 2/2, got 3/2"),
        (("--workers", "0"), "--workers must be 1 or more, got 0"),
        (
            ("--device", "meta"),
            "device 'meta' cannot be used: it holds no values; choose 'auto' or 'cpu'",
        ),
    ],
)
def test_refused_options(
    trees: Folder, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    assert dataset(trees, *options) == 2
    assert error_line(capsys) == message
    assert not (trees / "out").exists()


@pytest.mark.parametrize("option", ["--alpha=x", "--alpha=0.1:x", "--shard=3", "--shard=a/b"])
def test_options_that_are_no_numbers(trees: Folder, option: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        dataset(trees, option)
    assert exit_.value.code == 2


def test_without_ray_the_command_says_what_to_install(
    trees: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "adain_core.dataset.cluster", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    assert dataset(trees, "--ray", "local") == 1
    assert error_line(capsys).startswith("a cluster needs the package ray: install it with: ")


def test_a_missing_input_folder_is_refused(
    trees: Folder, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["dataset", str(tmp_path / "none"), "--styles", str(trees / "art")]
    assert main([*words, "-o", str(trees / "out")]) == 1
    assert error_line(capsys).endswith("none: expected a folder or a .tar file")
