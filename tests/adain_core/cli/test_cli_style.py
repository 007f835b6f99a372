"""``adain style``."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from cli_folder import Folder, error_line

from adain_core import AdaINModel, Style


def test_style_encode(folder: Folder, tiny: AdaINModel, capsys: pytest.CaptureFixture[str]) -> None:
    artwork = folder.save("art.png", 2)
    assert folder.run("style", "encode", artwork, "-o", folder / "s.safetensors") == 0
    style = Style.load(folder / "s.safetensors")
    assert style == tiny.encode_style(artwork)
    assert style.name == "art"
    assert capsys.readouterr().out == f"{folder / 's.safetensors'} (art, 10 channels)\n"


def test_style_encode_averages_and_masks(folder: Folder, tiny: AdaINModel) -> None:
    folder.save("art/one.png", 2), folder.save("art/two.png", 3)
    half = np.zeros((20, 28))
    half[:, :14] = 255
    masks = [folder.save_mask("half.png", half), folder.save_mask("all.png", half * 0 + 255)]
    output = folder / "s.safetensors"
    words = [folder / "art", "--mask", *masks, "--style-size", 32, "--name", "both", "-o", output]
    assert folder.run("style", "encode", *words) == 0
    style = Style.load(output)
    expected = Style.mix(
        [
            tiny.encode_style(folder / "art/one.png", torch.from_numpy(half / 255), 32),
            tiny.encode_style(folder / "art/two.png", None, 32),
        ]
    )
    torch.testing.assert_close(style.mean, expected.mean)
    torch.testing.assert_close(style.std, expected.std)
    assert style.name == "both"


def test_style_mix_and_info(
    folder: Folder, tiny: AdaINModel, capsys: pytest.CaptureFixture[str]
) -> None:
    files = []
    for seed, name in ((2, "wave"), (3, "stars")):
        files.append(folder / f"{name}.safetensors")
        tiny.encode_style(folder.save(f"{name}.png", seed)).save(files[-1])
    output = folder / "mix.safetensors"
    assert folder.run("style", "mix", *files, "--weights", 3, 1, "-o", output) == 0
    mixed = Style.load(output)
    wave, stars = (Style.load(file) for file in files)
    torch.testing.assert_close(mixed.mean, 0.75 * wave.mean + 0.25 * stars.mean)
    torch.testing.assert_close(mixed.std, 0.75 * wave.std + 0.25 * stars.std)

    capsys.readouterr()
    assert folder.run("style", "info", output, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "file": str(output),
        "name": "wave + stars",
        "encoder": tiny.fingerprint,
        "channels": 10,
        "mean": [mixed.mean.min().item(), mixed.mean.max().item()],
        "std": [mixed.std.min().item(), mixed.std.max().item()],
        "closeup": True,
        "palette": True,
        "preview_bytes": len(mixed.preview),
    }
    assert folder.run("style", "info", output) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:4] == [
        "name           wave + stars",
        f"encoder        {tiny.fingerprint}",
        "channels       10",
    ]


def test_style_errors(folder: Folder, tiny: AdaINModel, capsys: pytest.CaptureFixture[str]) -> None:
    artwork, file, new = (
        folder.save("art.png", 2),
        folder / "s.safetensors",
        folder / "n.safetensors",
    )
    tiny.encode_style(artwork).save(file)
    before = file.read_bytes()
    for words, code, message in (
        (["encode", artwork, "-o", file], 2, f"{file} exists; pass --overwrite"),
        (["mix", file, file, "-o", file], 2, f"{file} exists; pass --overwrite"),
        (
            ["encode", artwork, "-o", folder / "s.pt"],
            2,
            "expected a file name ending in .safetensors",
        ),
        (["encode", artwork, "-o", folder / "none/s.safetensors"], 2, "there is no folder"),
        (
            ["encode", artwork, artwork, "--mask", artwork, artwork, "-o", new],
            2,
            "one --mask for each image",
        ),
        (
            ["encode", artwork, "--style-size", -5, "-o", new],
            2,
            "--style-size must lie in 0..65536",
        ),
        (["encode", folder / "none.png", "-o", new], 1, "none.png: there is no such file"),
        (["mix", file, file, "--weights", 1, "-o", new], 2, "--weights must have one number for"),
        (["mix", file, folder.model_path, "-o", new], 1, "expected a file of format 'adain-style'"),
        (["info", artwork], 1, "damaged or not a safetensors file"),
    ):
        assert folder.run("style", *words) == code
        assert message in error_line(capsys)
    assert file.read_bytes() == before
    assert not new.exists()
    assert folder.run("style", "mix", file, file, "-o", file, "--overwrite") == 0
