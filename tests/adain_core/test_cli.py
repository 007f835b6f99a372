from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from PIL import ImageCms
from torch import Tensor, nn

from adain_core import AdaINModel, Architecture, Style, __version__, save_image
from adain_core.architecture import VGG19_WIDTHS
from adain_core.canvas import Canvas
from adain_core.cli import main
from adain_core.tiled import TiledNetworks
from adain_core.weights import load_info, save_model

ARTIST = 315
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
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
    "export",
    "video",
]


class Folder:
    """Pictures in a temporary folder, and the command line on one model."""

    def __init__(self, path: Path, model_path: Path, picture: Callable[..., Tensor]) -> None:
        self.path, self.model_path, self.picture = path, model_path, picture

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def save(
        self, name: str, seed: int = 0, height: int = 20, width: int = 28, **options: object
    ) -> str:
        """A picture, rounded to 8 bits as the file holds it; its path."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        values = to_array(self.picture(height, width, seed=seed))
        PIL.Image.fromarray(values).save(path, **options)
        return str(path)

    def save_mask(self, name: str, values: np.ndarray) -> str:
        PIL.Image.fromarray(values.astype(np.uint8)).save(self.path / name)
        return str(self.path / name)

    def run(self, *arguments: object) -> int:
        """``adain`` with the tiny model where the command takes one."""
        words = [str(argument) for argument in arguments]
        if words[0] == "stylize" or words[:2] == ["style", "encode"]:
            words += ["--model", str(self.model_path), "--device", "cpu", "--dtype", "fp32"]
        return main(words)

    def names(self) -> set[str]:
        return {str(p.relative_to(self.path)) for p in self.path.rglob("*") if p.is_file()}


def to_array(pixels: Tensor) -> np.ndarray:
    return (pixels[0] * 255).round().byte().permute(1, 2, 0).numpy()


def read(path: Path | str) -> np.ndarray:
    with PIL.Image.open(path) as image:
        return np.array(image)


@pytest.fixture
def folder(tmp_path: Path, tiny_path: Path, picture: Callable[..., Tensor]) -> Folder:
    return Folder(tmp_path, tiny_path, picture)


@pytest.fixture
def models(
    tmp_path: Path, tiny: AdaINModel, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Path]:
    """No shipped models; ``models(name)`` puts the tiny one into the cache folder."""
    cache, shipped = tmp_path / "cache", tmp_path / "shipped"
    cache.mkdir()
    monkeypatch.setenv("ADAIN_CACHE", str(cache))
    monkeypatch.setattr("adain_core.weights.shipped_folder", lambda: shipped)

    def add(name: str) -> Path:
        path = cache / f"{name}.safetensors"
        save_model(path, tiny.info, tiny.encoder, tiny.decoder)
        return path

    return add


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("adain: error: ")
    return line.removeprefix("adain: error: ")


# --- help and frame ---------------------------------------------------------------------------


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
def test_wrong_usage_is_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(words)
    assert exit_.value.code == 2


def test_bugs_are_not_hidden(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(AdaINModel, "stylize", broken)
    a, s = folder.save("a.png"), folder.save("s.png")
    with pytest.raises(RuntimeError, match="a bug"):
        folder.run("stylize", a, "--style", s, "-o", folder / "o.png")


# --- stylize: values --------------------------------------------------------------------------


def test_stylize_equals_the_library(
    folder: Folder, tiny: AdaINModel, capsys: pytest.CaptureFixture[str]
) -> None:
    content, style = folder.save("photo.png", 1), folder.save("art.png", 2, 33, 40)
    output = folder / "result.png"
    assert folder.run("stylize", content, "--style", style, "--alpha", 0.8, "-o", output) == 0
    expected = to_array(tiny.stylize(content, style, alpha=0.8))
    np.testing.assert_array_equal(read(output), expected)
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{output} (28x20, ")
    assert captured.err == ""


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["--style-weights", "3", "1"], {"weights": [3, 1]}),
        (["--content-size", "16", "--style-size", "24"], {"content_size": 16, "style_size": 24}),
        (["--style-size", "0"], {"style_size": 0}),
        (["--preserve-color", "luminance"], {"preserve_color": "luminance"}),
        (["--preserve-color", "coral"], {"preserve_color": "coral"}),
        (["--content-residual", "--alpha", "0.3"], {"content_residual": True, "alpha": 0.3}),
        (["--alpha", "0"], {"alpha": 0}),
    ],
)
def test_stylize_passes_every_control_on(
    folder: Folder, tiny: AdaINModel, words: list[str], options: dict[str, object]
) -> None:
    content = folder.save("photo.png", 1)
    styles = [folder.save("one.png", 2, 33, 40), folder.save("two.png", 3)]
    output = folder / "result.png"
    assert folder.run("stylize", content, "--style", *styles, *words, "-o", output) == 0
    np.testing.assert_array_equal(read(output), to_array(tiny.stylize(content, styles, **options)))


@pytest.mark.parametrize("global_statistics", [False, True])
def test_stylize_with_masks_and_background(
    folder: Folder, tiny: AdaINModel, global_statistics: bool
) -> None:
    content = folder.save("photo.png", 1)
    styles = [folder.save("one.png", 2), folder.save("two.png", 3)]
    background = folder.save("back.png", 4)
    left = np.zeros((20, 28))
    left[:, :9] = 255
    right = np.zeros((20, 28, 4))  # white where it is opaque, but the alpha channel is what counts
    right[:, 20:, 3] = 255
    masks = [folder.save_mask("left.png", left), folder.save_mask("right.png", right)]
    words = ["--style", *styles, "--mask", *masks, "--background", background]
    words += ["--global-statistics", "--feather", 2] if global_statistics else []
    assert folder.run("stylize", content, *words, "-o", folder / "o.png") == 0
    expected = tiny.stylize(
        content,
        styles,
        masks=[torch.from_numpy(left / 255), torch.from_numpy(right[:, :, 3] / 255)],
        background=background,
        region_statistics=not global_statistics,
        feather=2 if global_statistics else 0,
    )
    difference = read(folder / "o.png").astype(int) - to_array(expected).astype(int)
    assert np.abs(difference).max() <= 1  # white has a luma of 1 up to rounding


def test_coloured_mask_counts_by_luminance(folder: Folder, tiny: AdaINModel) -> None:
    content, style = folder.save("photo.png", 1), folder.save("art.png", 2)
    green = np.zeros((20, 28, 3))
    green[:, :, 1] = 255
    mask = folder.save_mask("green.png", green)
    assert (
        folder.run("stylize", content, "--style", style, "--mask", mask, "-o", folder / "o.png")
        == 0
    )
    expected = tiny.stylize(content, style, masks=[torch.full((20, 28), 0.587)])
    np.testing.assert_array_equal(read(folder / "o.png"), to_array(expected))


def test_style_files_and_images_mix(folder: Folder, tiny: AdaINModel) -> None:
    content = folder.save("photo.png", 1)
    one, two = folder.save("one.png", 2), folder.save("two.png", 3)
    tiny.encode_style(one).save(folder / "one.safetensors")
    words = ["--style", folder / "one.safetensors", two, "--style-weights", 1, 3]
    assert folder.run("stylize", content, *words, "-o", folder / "o.png") == 0
    expected = to_array(tiny.stylize(content, [one, two], weights=[1, 3]))
    np.testing.assert_array_equal(read(folder / "o.png"), expected)


def test_styles_are_encoded_once(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    encode = TiledNetworks.encode

    def counted(networks: TiledNetworks, canvas: Canvas, *rest: Any) -> Tensor:
        sizes.append(canvas.size)
        return encode(networks, canvas, *rest)

    monkeypatch.setattr(TiledNetworks, "encode", counted)
    contents = [folder.save(f"in/{number}.png", number) for number in range(3)]
    style = folder.save("art.png", 9, 33, 40)
    assert folder.run("stylize", *contents, "--style", style, "-o", folder / "out") == 0
    assert sizes == [(33, 40), *[(20, 28)] * 3]


def test_profile_exif_and_transparency_are_kept(folder: Folder) -> None:
    exif = PIL.Image.Exif()
    exif[ARTIST] = "Ada"
    content = folder.save("photo.jpg", 1, icc_profile=PROFILE, exif=exif)
    style = folder.save("art.png", 2)
    for suffix in ("jpg", "png", "webp", "tif"):
        output = folder / f"o.{suffix}"
        assert folder.run("stylize", content, "--style", style, "-o", output) == 0
        with PIL.Image.open(output) as image:
            assert image.info["icc_profile"] == PROFILE
            assert image.getexif()[ARTIST] == "Ada"

    pixels = np.concatenate([read(content), np.full((20, 28, 1), 77, np.uint8)], axis=2)
    PIL.Image.fromarray(pixels).save(folder / "clear.png")
    assert (
        folder.run("stylize", folder / "clear.png", "--style", style, "-o", folder / "c.png") == 0
    )
    assert (read(folder / "c.png")[:, :, 3] == 77).all()


def test_stylize_works_on_eight_bits(
    folder: Folder, tiny: AdaINModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of 8 bits stay that from file to file; more bits become float."""
    content, style = folder.save("a.png"), folder.save("s.png", 2)
    words16 = np.linspace(0, 65535, 20 * 28).reshape(20, 28).astype(np.uint16)
    PIL.Image.fromarray(words16).save(folder / "deep.png")
    stylize, seen = AdaINModel.stylize, []

    def watched(self: AdaINModel, picture: Tensor, **options: object) -> Tensor:
        result = stylize(self, picture, **options)  # type: ignore[arg-type]
        seen.append((picture.dtype, result.dtype))
        return result

    with monkeypatch.context() as patch:
        patch.setattr(AdaINModel, "stylize", watched)
        for path in (content, folder / "deep.png"):
            words = ["stylize", path, "--style", style, "-o", folder / "o.png", "--overwrite"]
            assert folder.run(*words) == 0
    assert seen == [(torch.uint8, torch.uint8), (torch.float32, torch.uint8)]
    expected = to_array(tiny.stylize(folder / "deep.png", style))
    np.testing.assert_array_equal(read(folder / "o.png"), expected)


# --- stylize: files ---------------------------------------------------------------------------


def test_folder_in_folder_out(
    folder: Folder, tiny: AdaINModel, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.save("in/a.png", 1), folder.save("in/b.jpg", 2), folder.save("in/c.bmp", 3)
    (folder / "in/notes.txt").write_text("not a picture")
    style = folder.save("art.png", 9)
    assert folder.run("stylize", folder / "in", "--style", style, "-o", folder / "new/out") == 0
    written = {path.name for path in (folder / "new/out").iterdir()}
    assert written == {"a.png", "b.jpg", "c.png"}
    expected = to_array(tiny.stylize(folder / "in/c.bmp", style))
    np.testing.assert_array_equal(read(folder / "new/out/c.png"), expected)
    assert capsys.readouterr().out.startswith(f"3 of 3 pictures written to {folder / 'new/out'} ")


def test_pattern_and_format(folder: Folder) -> None:
    folder.save("in/a.png", 1), folder.save("in/b.jpg", 2)
    style = folder.save("art.png", 9)
    words = ["stylize", folder / "in/*.jpg", "--style", style, "--format", "webp"]
    assert folder.run(*words, "-o", folder / "out") == 0
    assert {path.name for path in (folder / "out").iterdir()} == {"b.webp"}
    with PIL.Image.open(folder / "out/b.webp") as image:
        assert image.format == "WEBP"


def test_one_content_into_a_folder(folder: Folder) -> None:
    content, style = folder.save("a.jpg", 1), folder.save("art.png", 9)
    assert folder.run("stylize", content, "--style", style, "-o", f"{folder / 'new'}/") == 0
    (folder / "old").mkdir()
    assert folder.run("stylize", content, "--style", style, "-o", folder / "old") == 0
    np.testing.assert_array_equal(read(folder / "new/a.jpg"), read(folder / "old/a.jpg"))


def test_unreadable_file_among_good_ones(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.save("in/a.png", 1), folder.save("in/c.png", 3)
    (folder / "in/b.png").write_bytes(b"no picture")
    style = folder.save("art.png", 9)
    words = ["stylize", folder / "in", folder / "missing.png", "--style", style, "--json"]
    assert folder.run(*words, "-o", folder / "out") == 1
    assert {path.name for path in (folder / "out").iterdir()} == {"a.png", "c.png"}
    captured = capsys.readouterr()
    records = json.loads(captured.out)
    assert [Path(record["content"]).name for record in records] == [
        "a.png",
        "b.png",
        "c.png",
        "missing.png",
    ]
    good, bad = records[0], records[1]
    assert good["output"] == str(folder / "out/a.png")
    assert (good["width"], good["height"], good["error"]) == (28, 20, None)
    assert good["seconds"] > 0
    assert (bad["output"], bad["width"], bad["height"], bad["seconds"]) == (None,) * 4
    lines = captured.err.splitlines()
    assert lines == [f"adain: error: {records[n]['error']}" for n in (1, 3)]
    assert f"cannot read {folder / 'in/b.png'}: it is not an image" in lines[0]
    assert "there is no such file" in lines[1]


def test_existing_output_needs_overwrite(
    folder: Folder, tiny: AdaINModel, capsys: pytest.CaptureFixture[str]
) -> None:
    content, style = folder.save("a.png", 1), folder.save("art.png", 9)
    old = [folder.save("out/a.png", 3), folder.save("out/b.png", 4)]
    before = Path(old[0]).read_bytes()
    expected = to_array(tiny.stylize(content, style))
    assert folder.run("stylize", content, "--style", style, "-o", old[0]) == 2
    assert error_line(capsys) == f"{old[0]} exists; pass --overwrite to replace it"
    assert Path(old[0]).read_bytes() == before
    assert folder.run("stylize", content, "--style", style, "-o", old[0], "--overwrite") == 0
    np.testing.assert_array_equal(read(old[0]), expected)

    words = ["stylize", content, folder.save("b.png", 2), "--style", style, "-o", folder / "out"]
    capsys.readouterr()
    assert folder.run(*words) == 2
    assert error_line(capsys).startswith(f"{old[0]} exists (and 1 more); ")


def test_two_contents_of_one_name(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = folder.save("a.bmp", 1), folder.save("a.ppm", 2)
    style = folder.save("art.png", 9)
    before = folder.names()
    assert folder.run("stylize", first, second, "--style", style, "-o", folder / "out") == 2
    message = error_line(capsys)
    assert f"{first} and {second} would both be written to {folder / 'out/a.png'}" in message
    assert folder.names() == before
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("a.png --style s.png --alpha 1.5 -o o.png", "alpha must lie in 0..1, got 1.5"),
        ("a.png --style s.png --alpha nan -o o.png", "alpha must lie in 0..1, got nan"),
        ("a.png --style s.png --style-weights 1 2 -o o.png", "weights must be 1, one for each"),
        ("a.png --style s.png --style-weights -1 -o o.png", "must be finite and 0 or more"),
        ("a.png --style s.png --mask a.png a.png -o o.png", "expected one --mask for each --style"),
        ("a.png --style s.png --mask a.png --style-weights 1 -o o.png", "not both"),
        ("a.png --style s.png --background s.png -o o.png", "--background needs --mask"),
        ("a.png --style s.png --feather 3 -o o.png", "feather needs masks, got 3 pixels and none"),
        ("a.png --style s.png --mask a.png --feather -1 -o o.png", "feather must be 0 pixels or"),
        ("a.png --style s.png --content-size -1 -o o.png", "--content-size must be 0 or more"),
        ("a.png --style s.png --style-size -1 -o o.png", "--style-size must be 0 or more"),
        ("a.png --style s.png --quality 0 -o o.png", "--quality must lie in 1..100, got 0"),
        ("a.png --style s.png -o o.xyz", "expected a file name ending in .png"),
        ("a.png --style s.png -o none/o.png", "there is no folder none"),
        ("a.png --style s.png --format png -o o.png", "--format is for results in a folder"),
        ("a.png s.png --style s.png -o o.png", "the results need a folder"),
        ("a.png s.png --style s.png -o a.png", "the results need a folder"),
        ("a.png --style s.png --device potato -o o.png", "device 'potato' cannot be used"),
        ("a.png --style s.safetensors --preserve-color coral -o o.png", "holds no picture"),
    ],
)
def test_wrong_arguments_are_2(
    folder: Folder,
    words: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder.save("a.png", 1), folder.save("s.png", 2)
    monkeypatch.chdir(folder.path)
    before = folder.names()
    arguments = ["stylize", "--model", str(folder.model_path), *words.split()]
    assert main(arguments) == 2
    assert message in error_line(capsys)
    assert folder.names() == before


def test_unreadable_inputs_stop_before_any_work(
    folder: Folder,
    make_model: Callable[..., AdaINModel],
    capsys: pytest.CaptureFixture[str],
) -> None:
    content, style = folder.save("a.png", 1), folder.save("s.png", 2)
    (folder / "bad.png").write_bytes(b"no picture")
    (folder / "bad.safetensors").write_bytes(b"no style")
    make_model(seed=5).encode_style(style).save(folder / "other.safetensors")
    empty = folder / "empty"
    empty.mkdir()
    for words, message in (
        ([content, "--style", folder / "bad.png"], "bad.png: it is not an image"),
        ([content, "--style", folder / "bad.safetensors"], "bad.safetensors: damaged or not"),
        ([content, "--style", folder / "other.safetensors"], "come from different encoders"),
        ([content, "--style", style, "--mask", folder / "bad.png"], "bad.png: it is not an image"),
        ([empty, "--style", style], "no image files"),
    ):
        assert folder.run("stylize", *words, "-o", f"{folder / 'o'}/") == 1
        assert message in error_line(capsys)
    assert not (folder / "o").exists()


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


def test_an_error_of_the_system_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "exists", refused)
    folders = ["--content", "photos", "--style", "paintings", "--loss-network", "vgg.pth"]
    assert main(["evaluate", *folders, "--csv", "secret/scores.csv"]) == 1
    assert error_line(capsys) == "secret/scores.csv: Permission denied"


@pytest.mark.parametrize("during", ["encoding the style", "the first picture"])
def test_out_of_memory_is_one_sentence(
    folder: Folder, during: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stylize, calls = AdaINModel.stylize, []

    def failing(self: AdaINModel, *words: object, **options: object) -> object:
        calls.append(words)
        if len(calls) == 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried to allocate 1 TiB")
        return stylize(self, *words, **options)  # type: ignore[arg-type]

    name = "encode_style" if during == "encoding the style" else "stylize"
    monkeypatch.setattr(AdaINModel, name, failing)
    contents, style = [folder.save("a.png", 1), folder.save("b.png", 2)], folder.save("s.png", 3)
    assert folder.run("stylize", *contents, "--style", style, "-o", folder / "o") == 1
    message = error_line(capsys)
    assert "not enough memory" in message
    assert "--content-size" in message
    if name == "stylize":
        assert message.startswith(contents[0])
        assert (folder / "o/b.png").is_file()


def test_a_picture_of_nan_is_reported(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        AdaINModel, "stylize", lambda *_, **__: torch.full((1, 3, 8, 8), float("nan"))
    )
    content, style = folder.save("a.png", 1), folder.save("s.png", 3)
    assert folder.run("stylize", content, "--style", style, "-o", folder / "o.png") == 1
    assert error_line(capsys).startswith(f"{content}: image has NaN or infinite values")


# --- style ------------------------------------------------------------------------------------


def test_style_encode(folder: Folder, tiny: AdaINModel, capsys: pytest.CaptureFixture[str]) -> None:
    art = folder.save("art.png", 2)
    assert folder.run("style", "encode", art, "-o", folder / "s.safetensors") == 0
    style = Style.load(folder / "s.safetensors")
    assert style == tiny.encode_style(art)
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
    art, file, new = folder.save("art.png", 2), folder / "s.safetensors", folder / "n.safetensors"
    tiny.encode_style(art).save(file)
    before = file.read_bytes()
    for words, code, message in (
        (["encode", art, "-o", file], 2, f"{file} exists; pass --overwrite"),
        (["mix", file, file, "-o", file], 2, f"{file} exists; pass --overwrite"),
        (["encode", art, "-o", folder / "s.pt"], 2, "expected a file name ending in .safetensors"),
        (["encode", art, "-o", folder / "none/s.safetensors"], 2, "there is no folder"),
        (["encode", art, art, "--mask", art, art, "-o", new], 2, "one --mask for each image"),
        (["encode", art, "--style-size", -5, "-o", new], 2, "--style-size must be 0 or more"),
        (["encode", folder / "none.png", "-o", new], 1, "none.png: there is no such file"),
        (["mix", file, file, "--weights", 1, "-o", new], 2, "weights must be 2"),
        (["mix", file, folder.model_path, "-o", new], 1, "expected a file of format 'adain-style'"),
        (["info", art], 1, "damaged or not a safetensors file"),
    ):
        assert folder.run("style", *words) == code
        assert message in error_line(capsys)
    assert file.read_bytes() == before
    assert not new.exists()
    assert folder.run("style", "mix", file, file, "-o", file, "--overwrite") == 0


# --- weights ----------------------------------------------------------------------------------


def test_weights_list(
    models: Callable[[str], Path], tiny: AdaINModel, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "list"]) == 0
    assert "no models here" in capsys.readouterr().out

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
    assert f"fingerprint   {tiny.fingerprint}" in lines
    assert "  widths            [4, 6, 8, 10]" in lines


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
            convolution.weight.mul_(1e30)  # finite, but not what it draws
    save_model(huge, tiny.info, tiny_copy.encoder, tiny_copy.decoder)
    assert main(["weights", "verify", "cut", "huge", "good", "none"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "good: ok\n"
    first, second, third = captured.err.splitlines()
    assert first.startswith(f"adain: error: {cut}: damaged")
    assert second == f"adain: error: {huge}: the pictures it draws are not finite"
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
    assert "(14.0 MB, 7.01 M parameters, licence: MIT" in capsys.readouterr().out
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

    monkeypatch.setattr("adain_core.download.download_vgg19", fetched)
    path = tmp_path / "adain-vgg19.safetensors"
    assert main(["weights", "download", "vgg19"]) == 0
    assert capsys.readouterr().out == f"{path} (1.5 MB); use it with --model adain-vgg19\n"
    assert main(["weights", "download", "vgg19", "--to", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{path} (1.5 MB); use it with --model {path}\n"
    assert asked == [None, tmp_path]


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
    monkeypatch.setattr("adain_core.cli.judge_models.read_loss_network", failing)
    options = ["--encoder", "v.pth", "-o", "run"] if command == "train" else []
    options += ["--loss-network", "v.pth"] if command == "evaluate" else []
    assert main([command, "--content", "photos", "--style", "paintings", *options]) == 1
    assert f"not enough memory; try a smaller {advice}" in error_line(capsys)


def test_what_is_read_is_not_replaced(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    content, style = folder.save("a.png", 1), folder.save("s.png", 2)
    before = Path(content).read_bytes(), Path(style).read_bytes()
    (folder / "link.png").hardlink_to(content)
    for options in (
        (content, "-o", folder / "."),  # beside the photo, by its own name
        (content, "-o", content),
        (content, "-o", style),
        (folder / "*.png", "-o", folder / "."),
        (content, "-o", folder / "link.png"),  # as under a name in other letters on macOS
    ):
        assert folder.run("stylize", *options, "--style", style, "--overwrite") == 2
        assert "it is a picture that is read; choose another name" in error_line(capsys)
    assert (Path(content).read_bytes(), Path(style).read_bytes()) == before


def test_pictures_too_large_for_their_format_are_not_drawn(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wide, style = folder / "wide.png", folder.save("s.png", 2)
    save_image(wide, torch.zeros(1, 3, 1, 16_384))
    monkeypatch.setattr(AdaINModel, "stylize", lambda *_, **__: pytest.fail("drawn in vain"))
    assert folder.run("stylize", wide, "--style", style, "-o", folder / "o.webp") == 1
    assert "WEBP has at most 16383 pixels a side, got 16384x1" in error_line(capsys)
    options = ["--style", style, "-o", folder / "o.jpg", "--content-size", 4]
    assert folder.run("stylize", wide, *options) == 1
    assert "JPEG has at most 65500 pixels a side, got 65536x4" in error_line(capsys)


def test_ctrl_c_reports_what_was_done(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stylize, calls = AdaINModel.stylize, []

    def interrupted(self: AdaINModel, *words: object, **options: object) -> object:
        calls.append(words)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return stylize(self, *words, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(AdaINModel, "stylize", interrupted)
    contents, style = [folder.save("a.png", 1), folder.save("b.png", 2)], folder.save("s.png", 3)
    command = ["stylize", *contents, "--style", style, "-o", folder / "o", "--json"]
    assert folder.run(*command) == 130
    [done] = json.loads(capsys.readouterr().out)
    assert done["content"] == contents[0]


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
