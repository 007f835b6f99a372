"""``adain stylize --method`` and ``--refine`` give the results of the library's methods."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from cli_folder import Folder, error_line, read, to_array

from adain_core import AdaINModel
from adain_core.images import load_image
from adain_core.methods.descent import DescentOptions
from adain_core.methods.feedforward import FeedForward
from adain_core.methods.network import NetworkArchitecture, TransferNetwork
from adain_core.methods.network_file import NetworkInfo, save_network
from adain_core.methods.objective import LossWeights
from adain_core.methods.optimize import Optimization, OptimizeOptions
from adain_core.methods.refine import refine
from adain_core.methods.swap import StyleSwap
from adain_core.options import StylizeOptions


def stylize(folder: Folder, style: str, *words: object) -> np.ndarray:
    """Return the result of ``adain stylize`` for ``photo.png``."""
    output = folder / "result.png"
    arguments = [folder / "photo.png", "--style", style, *words, "-o", output]
    assert folder.run("stylize", *arguments, "--overwrite") == 0
    return read(output)


@pytest.mark.parametrize(
    ("words", "how"),
    [
        (["--steps", "2"], OptimizeOptions(steps=2)),
        (
            ["--steps", "2", "--optimizer", "adam", "--style-loss", "gram"],
            OptimizeOptions(2, "adam", weights=LossWeights("gram")),
        ),
        (
            ["--steps", "1", "--start", "noise", "--seed", "3", "--smallest", "24"],
            OptimizeOptions(1, start="noise", seed=3, smallest=24),
        ),
        (
            ["--steps", "1", "--style-loss-weight", "3"],
            OptimizeOptions(1, weights=LossWeights(style=3.0)),
        ),
    ],
)
def test_optimize_takes_its_options(
    folder: Folder, full_path: Path, full: AdaINModel, words: list[str], how: OptimizeOptions
) -> None:
    content, style = folder.save("photo.png", 1), folder.save("art.png", 2)
    result = stylize(folder, style, "--method", "optimize", "--loss-network", full_path, *words)
    expected = Optimization(full.encoder, StylizeOptions(style), how)(content)
    np.testing.assert_array_equal(result, to_array(expected))


def test_optimize_starts_from_the_adain_result(
    folder: Folder, full_path: Path, full: AdaINModel, tiny: AdaINModel
) -> None:
    content, style = folder.save("photo.png", 1), folder.save("art.png", 2)
    words = [
        "--method",
        "optimize",
        "--loss-network",
        full_path,
        "--start",
        "adain",
        "--steps",
        "1",
    ]
    optimization = Optimization(full.encoder, StylizeOptions(style), OptimizeOptions(steps=1))
    expected = optimization(content, start=tiny.stylize(content, style))
    np.testing.assert_array_equal(stylize(folder, style, *words), to_array(expected))


def test_refine_improves_the_adain_result(
    folder: Folder, full_path: Path, full: AdaINModel, tiny: AdaINModel
) -> None:
    content, style = folder.save("photo.png", 1), folder.save("art.png", 2)
    start = tiny.stylize(content, style, alpha=0.5)
    expected = refine(start, content, StylizeOptions(style, alpha=0.5), full.encoder, steps=2)
    words = ["--alpha", "0.5", "--refine", "2", "--loss-network", full_path]
    np.testing.assert_array_equal(stylize(folder, style, *words), to_array(expected))


@pytest.mark.parametrize("layer", ["relu4_1", "relu3_1"])
def test_swap_takes_its_layer(folder: Folder, tiny: AdaINModel, layer: str) -> None:
    content, style = folder.save("photo.png", 1, 48, 56), folder.save("art.png", 2, 40, 64)
    words = ["--steps", "3"] if layer == "relu3_1" else []
    result = stylize(folder, style, "--method", "swap", "--layer", layer, *words)
    swap = StyleSwap(
        tiny,
        StylizeOptions(style),
        layer,  # type: ignore[arg-type]
        inversion=DescentOptions(steps=3),
    )
    np.testing.assert_array_equal(result, to_array(swap(content)))


def test_feedforward_equals_the_network(folder: Folder) -> None:
    content = folder.save("photo.png", 1, 48, 56)
    torch.manual_seed(0)
    network = TransferNetwork(NetworkArchitecture(width=3, styles=2)).eval().requires_grad_(False)
    path = folder / "network.safetensors"
    save_network(path, NetworkInfo(network.architecture, ("wave", "stars")), network)
    result = stylize(
        folder, "stars", "wave", "--style-weights", 3, 1, "--method", "feedforward", "--model", path
    )
    options = StylizeOptions(("stars", "wave"), weights=(3, 1))
    expected = FeedForward(network, ("wave", "stars"), options)(load_image(content))
    np.testing.assert_array_equal(result, to_array(expected))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", "5"], "--steps goes with --method optimize or swap, not with adain"),
        (["--loss-network", "x"], "--loss-network needs --refine or another --method"),
        (["--method", "swap", "--refine", "5"], "--refine goes with --method adain, not with swap"),
        (["--method", "swap", "--steps", "5"], "of --method swap need --layer relu3_1"),
        (["--method", "swap", "--mask", "art.png"], "--mask does not go with style swap"),
        (["--refine", "0"], "--refine must be 1 or more steps, got 0"),
        (["--method", "optimize", "--steps", "0"], "--steps must be 1 or more, got 0"),
        (
            ["--method", "optimize", "--stroke-size", "fine"],
            "--stroke-size does not go with optimization; leave it out",
        ),
    ],
)
def test_options_of_other_methods_are_refused(
    folder: Folder,
    full_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(folder.path)
    folder.save("photo.png"), folder.save("art.png")
    if "optimize" in words or ("--refine" in words and "swap" not in words):
        words = [*words, "--loss-network", str(full_path)]
    arguments = ["photo.png", "--style", "art.png", *words, "-o", "result.png"]
    assert folder.run("stylize", *arguments) == 2
    assert message in error_line(capsys)
    assert not (folder / "result.png").exists()


def test_a_style_file_is_no_artwork(
    folder: Folder, full_path: Path, tiny: AdaINModel, capsys: pytest.CaptureFixture[str]
) -> None:
    content, style = folder.save("photo.png"), folder / "art.safetensors"
    tiny.encode_style(folder.save("art.png")).save(style)
    words = ["--style", style, "--refine", "5", "--loss-network", full_path]
    assert folder.run("stylize", content, *words, "-o", folder / "result.png") == 2
    assert error_line(capsys) == (
        f"--style {style} contains no image, and refining needs the artwork: give the image"
    )


def test_a_style_that_a_network_has_not_is_named(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    content, path = folder.save("photo.png", 1, 48, 56), folder / "network.safetensors"
    network = TransferNetwork(NetworkArchitecture(width=3))
    save_network(path, NetworkInfo(network.architecture, ("wave",)), network)
    words = ["--style", "sea", "--method", "feedforward", "--model", path]
    assert folder.run("stylize", content, *words, "-o", folder / "result.png") == 2
    assert error_line(capsys).startswith("--style sea must be a style of the network")


@pytest.mark.parametrize("method", ["adain", "swap"])
def test_a_network_needs_its_method(
    folder: Folder, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    content, style = folder.save("photo.png", 1, 48, 56), folder.save("art.png", 2)
    path, network = folder / "network.safetensors", TransferNetwork(NetworkArchitecture(width=3))
    save_network(path, NetworkInfo(network.architecture, ("wave",)), network)
    words = ["--style", style, "--method", method, "--model", path, "-o", folder / "result.png"]
    assert folder.run("stylize", content, *words) == 2
    assert error_line(capsys) == (
        f"--model {path} is a network for the styles it was trained on; it needs "
        "--method feedforward"
    )
