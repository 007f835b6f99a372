"""What files say of themselves reaches the terminal as harmless text of bounded length."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, safe_open, save_file

from adain_core.cli import main

HOSTILE = "\x1b[2J\x1b]0;owned\x07\nadain: error: none\u202e"
SHOWN = "\\x1b[2J\\x1b]0;owned\\x07 adain: error: none\\u202e"


def save_style(path: Path, **metadata: str) -> Path:
    tensors = {"mean": torch.zeros(4), "std": torch.ones(4)}
    entries = {"format": "adain-style", "format_version": "1", "encoder": "ab12", **metadata}
    save_file(tensors, path, metadata=entries)
    return path


@pytest.fixture
def hostile_model(tiny_path: Path, tmp_path: Path) -> Path:
    with safe_open(tiny_path, framework="pt") as file:
        metadata = file.metadata()
    training = f'{{"step": NaN, "note": {json.dumps(HOSTILE)}, "many": [Infinity]}}'
    metadata |= {"license": HOSTILE + "x" * 10**6, "training": training}
    save_file(load_file(tiny_path), tmp_path / "hostile.safetensors", metadata=metadata)
    return tmp_path / "hostile.safetensors"


def assert_harmless(text: str) -> None:
    assert not any(ord(letter) < 32 and letter != "\n" for letter in text)
    assert "\u202e" not in text
    assert SHOWN in text
    assert not any(line.startswith("adain: error: none") for line in text.splitlines())
    assert max(map(len, text.splitlines())) < 2100


@pytest.mark.parametrize("size", [1, 10**6])
def test_style_info(tmp_path: Path, size: int, capsys: pytest.CaptureFixture[str]) -> None:
    path = save_style(tmp_path / "a.safetensors", name=HOSTILE + "x" * size)
    assert main(["style", "info", str(path)]) == 0
    assert_harmless(capsys.readouterr().out)
    assert main(["style", "info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"].startswith(HOSTILE)


def test_weights_info(hostile_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "info", str(hostile_model)]) == 0
    assert_harmless(capsys.readouterr().out)
    assert main(["weights", "info", str(hostile_model), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert facts["training"] == {"step": None, "note": HOSTILE, "many": [None]}


def test_weights_list(
    hostile_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ADAIN_CACHE", str(tmp_path))
    assert main(["weights", "list"]) == 0
    assert_harmless(capsys.readouterr().out)


def test_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = HOSTILE.replace("/", "").replace("\n", " ")
    assert main(["style", "info", str(tmp_path / name)]) == 1
    assert_harmless(capsys.readouterr().err)
    path = tmp_path / "a.safetensors"
    save_file({"mean": torch.zeros(4)}, path, metadata={"format": "x" * 10**6})
    assert main(["style", "info", str(path)]) == 1
    assert len(capsys.readouterr().err) < 2100


@pytest.mark.parametrize("encoder", ["\x1b[31m", "e" * 10**6])
def test_a_style_of_another_encoder(
    encoder: str, tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    style = save_style(tmp_path / "a.safetensors", encoder=encoder)
    photo = tmp_path / "a.png"
    shutil.copyfile(Path(__file__).parents[3] / "samples/mask/kingfisher.png", photo)
    options = ["--style", str(style), "--model", str(tiny_path), "--device", "cpu"]
    assert main(["stylize", str(photo), *options, "-o", str(tmp_path / "b.png")]) == 1
    error = capsys.readouterr().err
    assert "different encoders" in error or len(error) > 1900
    assert "\x1b" not in error and len(error) < 2100
