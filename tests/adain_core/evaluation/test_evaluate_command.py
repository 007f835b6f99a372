"""``adain evaluate``: tables, files, what is refused, what is kept."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from adain_core import AdaINModel, Architecture, save_image
from adain_core.cli import main
from adain_core.evaluation.scores import NAMES
from adain_core.images import load_image
from adain_core.weights import save_model

BASELINES = ["| photo, untouched", "| artwork itself"]


@pytest.fixture
def command(folders: tuple[Path, Path], full_path: Path) -> list[str]:
    """``adain evaluate`` with a loss network, for images of 32 pixels, without synthetic photos."""
    words = ["evaluate", "--content", str(folders[0]), "--style", str(folders[1])]
    words += ["--loss-network", str(full_path), "--scene-size", "0"]
    return [*words, "--size", "32", "--device", "cpu"]


def test_command_line(
    command: list[str], tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command += ["--model", str(tiny_path), "--limit", "2"]
    command += ["--csv", str(tmp_path / "scores.csv"), "--grid", str(tmp_path / "grids")]
    command[command.index("32")] = "48"
    assert main(command) == 0
    captured = capsys.readouterr()
    assert "note: 4 of 4 images are smaller than 48 pixels and were enlarged" in captured.err
    table = captured.out.splitlines()
    assert [line.split(" | ")[0] for line in table[2:]] == ["| tiny", *BASELINES]
    with (tmp_path / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 4
    assert list(rows[0]) == ["model", "size", "photo", "artwork", *NAMES]
    assert (rows[0]["size"], rows[0]["photo"], rows[0]["artwork"]) == ("48", "ph0.png", "pa0.png")
    assert rows[0]["halo"] == "" and float(rows[0]["noise"]) > 0
    mean = np.mean([float(row["target"]) for row in rows if row["model"] == "tiny"])
    assert f"{mean:.3f}" in table[2]
    grid = load_image(tmp_path / "grids" / "tiny.jpg")
    assert grid.shape == (1, 3, 3 * 54 - 6, 3 * 54 - 6)
    assert main(command) == 2
    assert "pass --overwrite" in capsys.readouterr().err


def test_command_line_with_models_of_one_name(
    command: list[str],
    tiny_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make_model: Callable[..., AdaINModel],
) -> None:
    other = make_model(Architecture((2, 3, 4, 5)), 2)
    save_model(tmp_path / tiny_path.name, other.info, other.encoder, other.decoder)
    command += ["--model", str(tiny_path), str(tmp_path / tiny_path.name)]
    command += ["--limit", "1", "--grid", str(tmp_path / "grids")]
    assert main(command) == 0
    table = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0] for row in table] == ["| tiny (1)", "| tiny (2)", *BASELINES]
    assert "×" not in table[0][1] and "×" in table[1][1]
    grids = {path.name for path in (tmp_path / "grids").iterdir()}
    assert grids == {"tiny (1).jpg", "tiny (2).jpg", *(f"{name[2:]}.jpg" for name in BASELINES)}
    # Before any work: the loss network does not even exist.
    command[command.index("--loss-network") + 1] = "none.safetensors"
    assert main(command) == 2
    assert "tiny (1).jpg exists (and 3 more); pass --overwrite" in capsys.readouterr().err
    for options, told in (
        (["--grid", str(tiny_path)], "--grid must be a folder"),
        (["--limit", "0"], "--limit must be 1 or more, got 0"),
        (["--size", "32", "8"], "--size must be 16 pixels or more, got 8"),
        (["--input-size", "8"], "--input-size must be 16 pixels or more, got 8"),
        (["--input-size", "64", "--results", "other"], "--input-size does not apply to"),
        (["--input-size", "24"], "--input-size must be at least --size (32), to which results"),
        (["--input-size", "64", "--scene-size", "512"], "must be at least --scene-size (512), to"),
        (["--scene-size", "256"], "--scene-size must be 512 pixels or more, or 0, got 256"),
        (["--stroke-size", "huge"], "must be one of single"),
    ):
        assert main([*command, *options]) == 2
        assert told in capsys.readouterr().err


def test_without_a_model_there_is_a_hint(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--limit", "1"]) == 0
    captured = capsys.readouterr()
    assert "note: only photos and artworks are evaluated; give a model as --model" in captured.err
    assert [line.split(" | ")[0] for line in captured.out.splitlines()[2:]] == BASELINES


def test_command_line_checks_its_inputs_first(
    command: list[str], tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    command += ["--model", str(tiny_path), "--limit", "2", "--csv", str(tmp_path / "scores.csv")]
    for options, code, told in (
        (["--model", str(tiny_path), "none"], 1, "none"),
        (["--results", str(tmp_path / "empty")], 1, "empty"),
        (["--grid", str(tmp_path / "grids"), "--size", "30000"], 2, "at most 65500 pixels a side"),
    ):
        assert main([*command, *options]) == code
        captured = capsys.readouterr()
        assert told in captured.err
        assert not captured.out
    assert not (tmp_path / "scores.csv").exists()


def test_command_line_keeps_the_scores_before_an_error(
    command: list[str],
    folders: tuple[Path, Path],
    tiny_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    names = [sorted(path.stem for path in folder.iterdir())[:2] for folder in folders]
    for number, (photo, artwork) in enumerate(itertools.product(*names)):
        save_image(other / f"{photo}__{artwork}.png", torch.zeros(3, 32 - number % 2, 32))
    command += ["--model", str(tiny_path), "--results", str(other), "--limit", "2"]
    assert main([*command, "--csv", str(tmp_path / "scores.csv")]) == 1
    captured = capsys.readouterr()
    assert "expected (32, 32) pixels" in captured.err
    assert [line.split(" | ")[0] for line in captured.out.splitlines()[2:]] == ["| tiny"]
    with (tmp_path / "scores.csv").open(encoding="utf-8") as file:
        assert [row["model"] for row in csv.DictReader(file)] == 4 * ["tiny"] + ["other"]


def test_several_sizes_and_strokes(
    command: list[str], tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command += ["--model", str(tiny_path), "--limit", "1", "--size", "20", "32"]
    command += ["--input-size", "160", "--stroke-size", "single", "4"]
    command += ["--csv", str(tmp_path / "scores.csv")]
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith("pixels:")] == ["20 pixels:", "32 pixels:"]
    names = [line.split(" | ")[0] for line in lines if line.startswith("|")]
    rows = ["| tiny", "| tiny, 4", *BASELINES]
    assert names == 2 * ["| model", "| ---", *rows]
    with (tmp_path / "scores.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [row["size"] for row in table] == 4 * ["20"] + 4 * ["32"]
    assert table[0]["style"] != table[1]["style"]


@pytest.mark.slow
def test_halo_and_jpeg_stand_in_the_table(
    command: list[str], tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command += ["--model", str(tiny_path), "--limit", "1", "--scene-size", "512"]
    assert main([*command, "--csv", str(tmp_path / "scores.csv")]) == 0
    head, _, *rows = (line.split(" | ") for line in capsys.readouterr().out.splitlines())
    halo = [row[head.index("halo")] for row in rows]
    assert "×" not in halo[0] and halo[1] == "0.0 (0.00×)"  # the photo's own
    with (tmp_path / "scores.csv").open(encoding="utf-8") as file:
        table = [row for row in csv.DictReader(file) if row["model"] == "tiny"]
    powers = [float(row["halo"]) * abs(float(row["halo"])) for row in table if row["halo"]]
    assert len(powers) == 5 and sum(row["jpeg"] != "" for row in table) == 2
    assert halo[0] == f"{max(0, np.mean(powers)) ** 0.5:.1f}"
