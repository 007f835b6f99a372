"""``adain weights``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from cli_folder import error_line
from torch import nn

from adain_core import AdaINModel, Architecture
from adain_core.cli import main
from adain_core.networks.architecture import VGG19_WIDTHS
from adain_core.weights import load_info, save_model


def test_weights_list(
    models: Callable[[str], Path], tiny: AdaINModel, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "list"]) == 0
    assert "found no models" in capsys.readouterr().out

    models("a-model"), models("adain-slim")
    damaged = models("damaged")
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert main(["weights", "list", "--json"]) == 0
    default, other, broken = json.loads(capsys.readouterr().out)
    count = sum(p.numel() for p in tiny.parameters())
    assert (default["name"], default["default"]) == ("adain-slim", True)
    assert (other["name"], other["default"]) == ("a-model", False)
    assert (default["parameters"], default["license"], default["error"]) == (count, "MIT", None)
    assert default["bytes"] == Path(default["path"]).stat().st_size
    assert broken["name"] == "damaged"
    assert "damaged or not a safetensors file" in broken["error"]

    assert main(["weights", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(
        f"* adain-slim  0.0 MB  {count / 1e6:.2f} M parameters  {default['path']} "
    )
    assert lines[0].endswith(" MIT")
    assert lines[1].startswith("  a-model ")


def test_weights_info(
    models: Callable[[str], Path], tiny: AdaINModel, capsys: pytest.CaptureFixture[str]
) -> None:
    path = models("a-model")
    assert main(["weights", "info", "a-model", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "name": "a-model",
        "path": str(path),
        "bytes": path.stat().st_size,
        "parameters": sum(p.numel() for p in tiny.parameters()),
        "fingerprint": tiny.fingerprint,
        "architecture": {"widths": [4, 6, 8, 10], "normalization": "none", "fusion": "adain"},
        "license": "MIT",
        "source": "random numbers",
        "training": {"seed": 0},
    }
    assert main(["weights", "info", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"fingerprint     {tiny.fingerprint}" in lines
    assert "  widths        4, 6, 8, 10" in lines


def test_weights_info_lists_the_parts_of_a_training(
    tiny: AdaINModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "parts.safetensors"
    parts = [{"stage": "first", "loss": {"content": 2.34261, "style": 5.0}}, {"stage": "wo " * 40}]
    info = replace(tiny.info, training={"steps": 7, "parts": parts})
    save_model(path, info, tiny.encoder, tiny.decoder)
    assert main(["weights", "info", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    place = lines.index("training:")
    assert lines[place + 1] == "  steps         7"
    assert lines[place + 2 : place + 4] == [
        "  parts:",
        "     1. stage first; loss content 2.343, style 5",
    ]
    assert lines[place + 4].startswith("     2. stage wo wo")
    assert lines[place + 5].startswith(" " * 8 + "wo")
    assert max(map(len, lines[place:])) <= 100


def test_commands_that_help(
    models: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command line names them beside the library's functions."""
    assert main(["weights", "info", "adain-vgg19"]) == 1
    assert error_line(capsys).endswith("; 'adain weights download vgg19' fetches it")
    path = tmp_path / "decoder.pth"
    torch.save({"0.weight": torch.zeros(3)}, path)
    assert main(["weights", "info", str(path)]) == 1
    assert error_line(capsys).endswith("; 'adain weights convert' converts .pth files")
    assert main(["weights", "info", "other"]) == 1
    assert error_line(capsys).endswith("available models: none")


def test_weights_verify_goes_through_all(
    models: Callable[[str], Path], tiny: AdaINModel, capsys: pytest.CaptureFixture[str]
) -> None:
    models("good")
    cut = models("cut")
    cut.write_bytes(cut.read_bytes()[:-50])
    huge = models("huge")
    tiny_copy = AdaINModel.from_pretrained(huge, device="cpu", dtype="fp32")
    for convolution in tiny_copy.decoder.children():
        if isinstance(convolution, nn.Conv2d):
            convolution.weight.mul_(1e30)  # finite, but its results are not
    save_model(huge, tiny.info, tiny_copy.encoder, tiny_copy.decoder)
    assert main(["weights", "verify", "cut", "huge", "good", "none"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "good: ok\n"
    first, second, third = captured.err.splitlines()
    assert first.startswith(f"adain: error: {cut}: damaged")
    assert second == f"adain: error: {huge}: its results have NaN or infinite values"
    assert "no model or file named 'none'" in third
    assert main(["weights", "verify", "good"]) == 0


def pth_files(folder: Path) -> tuple[Path, Path]:
    """Random files in pytorch-AdaIN's layout."""
    generator = torch.Generator().manual_seed(0)
    channels = [3, 64, 64, 128, 128, 256, 256, 256, 256, 512]
    encoder = list(zip(channels[1:], channels, strict=False))
    shapes = dict(zip((2, 5, 9, 12, 16, 19, 22, 25, 29), encoder, strict=True))
    vgg = {"0.weight": torch.rand(3, 3, 1, 1), "0.bias": torch.rand(3)}
    decoder = {}
    for index, (outputs, inputs) in shapes.items():
        vgg[f"{index}.weight"] = torch.randn(outputs, inputs, 3, 3, generator=generator) * 0.01
        vgg[f"{index}.bias"] = torch.zeros(outputs)
    for index, (inputs, outputs) in zip(
        (1, 5, 8, 11, 14, 18, 21, 25, 28), reversed(encoder), strict=True
    ):
        decoder[f"{index}.weight"] = torch.randn(outputs, inputs, 3, 3, generator=generator) * 0.01
        decoder[f"{index}.bias"] = torch.full((outputs,), 0.25)
    torch.save(vgg, folder / "vgg.pth")
    torch.save(decoder, folder / "decoder.pth")
    return folder / "vgg.pth", folder / "decoder.pth"


def test_weights_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vgg, decoder = pth_files(tmp_path)
    output = tmp_path / "model.safetensors"
    words = ["weights", "convert", "--vgg", str(vgg), "--decoder", str(decoder), "-o", str(output)]
    assert main([*words, "--dtype", "fp16"]) == 0
    assert "(14.0 MB, 7.01 M parameters, license: MIT" in capsys.readouterr().out
    info = load_info(output)
    assert info.architecture == Architecture(VGG19_WIDTHS)
    assert info.license == "MIT (AdaIN-style, decoder); CC BY 4.0 (VGG-19)"
    assert "xunhuang1995/AdaIN-style" in info.source
    assert "naoto0804/pytorch-AdaIN" in info.source
    model = AdaINModel.from_pretrained(output, device="cpu", dtype="fp32")
    source = torch.load(decoder, weights_only=True)
    assert torch.equal(model.decoder.get_submodule("conv1_1").bias, source["28.bias"])

    assert main(words) == 2
    assert error_line(capsys).endswith("exists; pass --overwrite to replace it")
    swapped = ["--vgg", str(decoder), "--decoder", str(vgg), "--overwrite", "-o", str(output)]
    before = output.stat().st_size
    assert main(["weights", "convert", *swapped]) == 1
    assert error_line(capsys).startswith(f"{decoder}: not in pytorch-AdaIN's layout")
    assert output.stat().st_size == before


def test_download_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def fetched(to: Path | None) -> Path:
        asked.append(to)
        path = (to or tmp_path) / "adain-vgg19.safetensors"
        path.write_bytes(bytes(1_500_000))
        return path

    monkeypatch.setattr("adain_core.weights.download.download_vgg19", fetched)
    path = tmp_path / "adain-vgg19.safetensors"
    assert main(["weights", "download", "vgg19"]) == 0
    assert capsys.readouterr().out == f"{path} (1.5 MB); use it with --model adain-vgg19\n"
    assert main(["weights", "download", "vgg19", "--to", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{path} (1.5 MB); use it with --model {path}\n"
    assert asked == [None, tmp_path]
