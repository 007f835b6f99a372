"""``adain train``: from options to a model; errors in the words of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from adain_core import AdaINModel
from adain_core.cli import main


@pytest.fixture
def command(folders: Path, tmp_path: Path) -> list[str]:
    """Three steps of a slim model."""
    return (
        f"train --content {folders}/content --style {folders}/style -o {tmp_path}/mine "
        f"--encoder {folders}/vgg.safetensors --width 0.05 --steps 3 --batch-size 2 --crop 16 "
        "--content-size 16 16 --style-size 16 16 --workers 0"
    ).split()


def test_train_writes_a_model_and_refuses_a_changed_resume(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "mine" / "mine.safetensors")
    model = AdaINModel.from_pretrained(tmp_path / "mine" / "mine.safetensors", device="cpu")
    assert model.info.architecture.widths == (3, 6, 13, 26)
    assert main(command) == 1
    told = capsys.readouterr().err
    assert "is there already: resume the run, or choose another folder (--resume, --output)" in told
    assert main([*command, "--resume", "--batch-size", "4"]) == 1
    told = capsys.readouterr().err
    assert "batch_size 2 (got 4); use those of the run, or start a new run in" in told
    assert "(--batch-size, --output)" in told
    assert main([*command, "--resume", "--steps", "2"]) == 1
    told = capsys.readouterr().err
    assert "the run has done 3 steps already, got 2 in all; give 3 or more" in told
    assert told.endswith("(--steps)\n")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--width 0", "--width must be above 0 and at most 1, the full width, got 0"),
        ("--width nan", "--width must be above 0 and at most 1, the full width, got nan"),
        ("--lr 0", "--lr must be a finite number above 0, got 0.0"),
        ("--pool 3", "--pool must be a multiple of the batch size (2), got 3"),
        ("--content-size 8 40", "--content-size must be a smallest and a largest side"),
    ],
)
def test_bad_options(
    command: list[str], options: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, *options.split()]) == 2
    assert told in capsys.readouterr().err
