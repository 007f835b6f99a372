"""What all commands share: help, exit codes, messages, interruptions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch
from cli_folder import Folder, error_line
from torch import Tensor

from adain_core import __version__, save_image
from adain_core.cli import main
from adain_core.stylizer import Stylizer

COMMANDS = [
    "stylize",
    "sheet",
    "style",
    "style encode",
    "style mix",
    "style info",
    "weights",
    "weights list",
    "weights info",
    "weights verify",
    "weights convert",
    "weights download",
    "train",
    "evaluate",
    "dataset",
    "export",
    "video",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([*command.split(), "--help"])
    assert exit_.value.code == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert f"\n  adain {command}" in text.split("examples:")[1].replace("    adain", "  adain")


def test_module_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "adain_core", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.startswith("usage: adain ")
    for name in ("stylize", "sheet", "style", "weights", "train"):
        assert f"\n    {name} " in result.stdout


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"adain {__version__}\n"


@pytest.mark.parametrize("words", [[], ["paint"], ["stylize", "a.jpg"], ["style"], ["weights"]])
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(words)
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("adain") and " error: " in line
    assert line.endswith(" --help'")


def test_bugs_are_not_hidden(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Stylizer, "__call__", broken)
    a, s = folder.save("a.png"), folder.save("s.png")
    with pytest.raises(RuntimeError, match="a bug"):
        folder.run("stylize", a, "--style", s, "-o", folder / "o.png")


def test_unknown_model(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    content, style = folder.save("a.png", 1), folder.save("s.png", 2)
    words = [
        "stylize",
        content,
        "--style",
        style,
        "-o",
        str(folder / "o.png"),
        "--model",
        "no-such",
    ]
    assert main(words) == 1
    assert "no model or file named 'no-such'" in error_line(capsys)


def test_interruption_leaves_no_half_file(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content, style = folder.save("a.png", 1), folder.save("s.png", 2)
    before = folder.names()
    save = PIL.Image.Image.save

    def interrupted(image: PIL.Image.Image, *words: object, **options: object) -> None:
        save(image, *words, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(PIL.Image.Image, "save", interrupted)
    assert folder.run("stylize", content, "--style", style, "-o", folder / "o.png") == 130
    assert error_line(capsys) == "interrupted"
    assert folder.names() == before


def test_ctrl_c_reports_what_was_done(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stylize, calls = Stylizer.__call__, []

    def interrupted(*words: Any, **options: Any) -> Tensor:
        calls.append(words)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return stylize(*words, **options)

    monkeypatch.setattr(Stylizer, "__call__", interrupted)
    contents, style = [folder.save("a.png", 1), folder.save("b.png", 2)], folder.save("s.png", 3)
    command = ["stylize", *contents, "--style", style, "-o", folder / "o", "--json"]
    assert folder.run(*command) == 130
    [done] = json.loads(capsys.readouterr().out)
    assert done["content"] == contents[0]


def test_an_error_of_the_system_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "exists", refused)
    folders = ["--content", "photos", "--style", "paintings", "--loss-network", "vgg.pth"]
    assert main(["evaluate", *folders, "--csv", "secret/scores.csv"]) == 1
    assert error_line(capsys) == "secret/scores.csv: Permission denied"


@pytest.mark.parametrize("during", ["encoding the style", "the first image"])
def test_out_of_memory_is_one_sentence(
    folder: Folder, during: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "__init__" if during == "encoding the style" else "__call__"
    work, calls = getattr(Stylizer, name), []

    def failing(*words: object, **options: object) -> object:
        calls.append(words)
        if len(calls) == 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried to allocate 1 TiB")
        return work(*words, **options)

    monkeypatch.setattr(Stylizer, name, failing)
    contents, style = [folder.save("a.png", 1), folder.save("b.png", 2)], folder.save("s.png", 3)
    assert folder.run("stylize", *contents, "--style", style, "-o", folder / "o") == 1
    message = error_line(capsys)
    assert "not enough memory" in message
    assert "--content-size" in message
    if name == "__call__":
        assert message.startswith(contents[0])
        assert (folder / "o/b.png").is_file()


@pytest.mark.parametrize(
    ("command", "advice"),
    [("train", "--batch-size, --crop or --pool"), ("evaluate", "--size or --limit")],
)
def test_out_of_memory_advice_is_of_the_commands_own_options(
    command: str, advice: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object, **__: object) -> object:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried to allocate 1 TiB")

    monkeypatch.setattr("adain_core.training.trainer.Trainer", failing)
    monkeypatch.setattr("adain_core.cli.run_evaluate.read_loss_network", failing)
    options = ["--encoder", "v.pth", "-o", "run"] if command == "train" else []
    options += ["--loss-network", "v.pth"] if command == "evaluate" else []
    assert main([command, "--content", "photos", "--style", "paintings", *options]) == 1
    assert f"not enough memory; try a smaller {advice}" in error_line(capsys)


def test_nan_in_a_result_is_reported(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        Stylizer, "__call__", lambda *_, **__: torch.full((1, 3, 8, 8), float("nan"))
    )
    content, style = folder.save("a.png", 1), folder.save("s.png", 3)
    assert folder.run("stylize", content, "--style", style, "-o", folder / "o.png") == 1
    assert error_line(capsys).startswith(f"{content}: image has NaN or infinite values")


def run_adain(*words: str, encoding: str = "utf-8") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "adain_core", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Buffered, as it is for most.
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUNBUFFERED": ""},
    )


def test_names_that_the_console_cannot_show(tmp_path: Path, tiny_path: Path) -> None:
    save_image(tmp_path / "写真.png", torch.rand(3, 16, 16))
    words = ["--style", f"{tmp_path}/写真.png", "--model", str(tiny_path), "--device", "cpu"]
    output = tmp_path / "絵.png"
    process = run_adain(
        "stylize", f"{tmp_path}/写真.png", "-o", str(output), *words, encoding="cp1252"
    )
    printed, errors = process.communicate()
    assert process.returncode == 0, errors
    assert b"\\u7d75.png (16x16" in printed
    assert output.is_file()


def test_broken_pipe_is_no_error() -> None:
    process = run_adain("weights", "list")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.wait()
