"""``adain stylize``: which files are read and written, and what is refused before."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from cli_folder import Folder, error_line, read, to_array

from adain_core import AdaINModel, save_image
from adain_core.cli import main
from adain_core.stylizer import Stylizer


def test_folder_in_folder_out(
    folder: Folder, tiny: AdaINModel, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.save("in/a.png", 1), folder.save("in/b.jpg", 2), folder.save("in/c.bmp", 3)
    (folder / "in/notes.txt").write_text("not an image")
    style = folder.save("art.png", 9)
    assert folder.run("stylize", folder / "in", "--style", style, "-o", folder / "new/out") == 0
    written = {path.name for path in (folder / "new/out").iterdir()}
    assert written == {"a.png", "b.jpg", "c.png"}
    expected = to_array(tiny.stylize(folder / "in/c.bmp", style))
    np.testing.assert_array_equal(read(folder / "new/out/c.png"), expected)
    assert capsys.readouterr().out.startswith(f"3 of 3 images written to {folder / 'new/out'} ")


def test_pattern_and_format(folder: Folder) -> None:
    folder.save("in/a.png", 1), folder.save("in/b.jpg", 2)
    style = folder.save("art.png", 9)
    words = ["stylize", folder / "in/*.jpg", "--style", style, "--format", "webp"]
    assert folder.run(*words, "-o", folder / "out") == 0
    assert {path.name for path in (folder / "out").iterdir()} == {"b.webp"}
    with PIL.Image.open(folder / "out/b.webp") as image:
        assert image.format == "WEBP"


def test_one_photo_can_go_into_a_folder(folder: Folder) -> None:
    content, style = folder.save("a.jpg", 1), folder.save("art.png", 9)
    assert folder.run("stylize", content, "--style", style, "-o", f"{folder / 'new'}/") == 0
    (folder / "old").mkdir()
    assert folder.run("stylize", content, "--style", style, "-o", folder / "old") == 0
    np.testing.assert_array_equal(read(folder / "new/a.jpg"), read(folder / "old/a.jpg"))


def test_unreadable_file_among_good_ones(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.save("in/a.png", 1), folder.save("in/c.png", 3)
    (folder / "in/b.png").write_bytes(b"no image")
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
    assert error_line(capsys).startswith(f"{old[0]} exists (and 1 more); pass --skip-existing ")


def test_skip_existing_stylizes_only_missing_results(
    folder: Folder, tiny: AdaINModel, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.save("in/a.png", 1), folder.save("in/deep/b.png", 2)
    style, kept = folder.save("art.png", 9), Path(folder.save("out/a.png", 3))
    before = kept.read_bytes()
    words = ["stylize", folder / "in", "--style", style, "-o", folder / "out", "--skip-existing"]
    assert folder.run(*words) == 0
    assert capsys.readouterr().out.endswith(", 1 skipped\n")
    assert kept.read_bytes() == before
    expected = to_array(tiny.stylize(folder / "in/deep/b.png", style))
    np.testing.assert_array_equal(read(folder / "out/deep/b.png"), expected)

    assert folder.run(*words, "--json") == 0
    results = json.loads(capsys.readouterr().out)
    assert [result["skipped"] for result in results] == [True, True]
    assert [result["output"] for result in results] == [
        str(folder / "out/a.png"),
        str(folder / "out/deep/b.png"),
    ]


def test_skip_existing_of_one_file(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    content, style, kept = (folder.save(f"{name}.png") for name in "abc")
    before = Path(kept).read_bytes()
    words = ["stylize", content, "--style", style, "-o", kept]
    assert folder.run(*words, "--skip-existing") == 0
    assert capsys.readouterr().out == f"{kept} exists: skipped\n"
    assert Path(kept).read_bytes() == before
    with pytest.raises(SystemExit) as stop:
        folder.run(*words, "--skip-existing", "--overwrite")
    assert stop.value.code == 2


def test_results_of_the_same_name_are_refused(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = folder.save("one/a.png", 1), folder.save("two/a.bmp", 2)
    style = folder.save("art.png", 9)
    words = ["stylize", first, folder.save("three/a.png", 3), "--style", style]
    assert folder.run(*words, "-o", folder / "out") == 2
    third = folder / "three/a.png"
    message = error_line(capsys)
    assert f"{first} and {third} would both be written to {folder / 'out/a.png'}" in message
    assert not (folder / "out").exists()
    assert folder.run("stylize", first, second, "--style", style, "-o", folder / "out") == 0
    assert {path.name for path in (folder / "out").iterdir()} == {"a.png", "a.bmp.png"}


def test_names_that_formats_would_share(folder: Folder, tiny: AdaINModel) -> None:
    names = ("a.png", "a.gif", "a.bmp", "b.png", "c.bmp")
    for seed, name in enumerate(names):
        folder.save(f"in/{name}", seed)
    style = folder.save("art.png", 9)
    assert folder.run("stylize", folder / "in", "--style", style, "-o", folder / "out") == 0
    written = {path.name for path in (folder / "out").iterdir()}
    assert written == {"a.png", "a.gif.png", "a.bmp.png", "b.png", "c.png"}
    for content, result in (("a.png", "a.png"), ("a.bmp", "a.bmp.png")):
        expected = to_array(tiny.stylize(folder / "in" / content, style))
        np.testing.assert_array_equal(read(folder / "out" / result), expected)


def test_a_tree_keeps_its_folders(
    folder: Folder, tiny: AdaINModel, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, name in enumerate(("1.png", "cats/1.png", "cats/old/1.jpg", "dogs/1.bmp")):
        folder.save(f"in/{name}", seed)
    folder.save("in/.hidden/1.png"), folder.save("in/dogs/.1.png")
    (folder / "in/dogs/2.png").write_bytes(b"no image")
    (folder / "in/birds").mkdir()
    style, out = folder.save("art.png", 9), folder / "in/results"
    expected = {"1.png", "cats/1.png", "cats/old/1.jpg", "dogs/1.png"}
    for _ in range(2):  # what the first run wrote into a folder of the tree is none of its photos
        options = ["--style", style, "-o", out, "--overwrite"]
        assert folder.run("stylize", folder / "in", *options) == 1
        files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
        assert files == expected
        assert capsys.readouterr().out.startswith(f"4 of 5 images written to {out} ")
    np.testing.assert_array_equal(
        read(out / "dogs/1.png"), to_array(tiny.stylize(folder / "in/dogs/1.bmp", style))
    )
    # Beside the photos.
    options = ["--style", style, "-o", folder / "in/cats", "--format", "webp"]
    assert folder.run("stylize", folder / "in/cats", *options) == 0
    assert (folder / "in/cats/old/1.webp").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--alpha 1.5", "--alpha must lie in 0..1, got 1.5"),
        ("--alpha nan", "--alpha must lie in 0..1, got nan"),
        ("--style-weights 1 2", "--style-weights must have one number for each style (1)"),
        ("--style-weights -1", "must be finite and 0 or more"),
        ("--mask a.png a.png", "--mask must be one per style (1), got 2"),
        ("--mask a.png --style-weights 1", "--style-weights cannot be combined with masks"),
        ("--background s.png", "--background s.png needs masks; without"),
        ("--feather 3", "--feather needs masks, got 3 pixels without masks"),
        ("--mask a.png --feather -1", "--feather must be 0 pixels or"),
        ("--content-size -1", "--content-size must lie in 0..65536 pixels"),
        ("--style-size -1", "--style-size must lie in 0..65536 pixels"),
        ("--stroke-size huge", "--stroke-size must be one of single,"),
        ("--stroke-size 9", "--stroke-size must be one of single,"),
        ("--photo-share 2", "--photo-share must lie in 0..1, got 2"),
        ("--tile 8", "--tile must be 64"),
        (
            "--style s.png s.safetensors --preserve-color coral",
            "--style s.safetensors contains no image, and the color method coral",
        ),
        ("--quality 0", "--quality must lie in 1..100, got 0"),
        ("--device potato", "device 'potato' cannot be used"),
        ("-o o.xyz", "expected a file name ending in .png"),
        ("-o none/o.png", "there is no folder none"),
        ("--format png", "--format is for results in a folder"),
    ],
)
def test_wrong_arguments_are_2(
    folder: Folder,
    tiny: AdaINModel,
    words: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder.save("a.png", 1)
    tiny.encode_style(folder.save("s.png", 2)).save(folder / "s.safetensors")
    monkeypatch.chdir(folder.path)
    before = folder.names()
    # Of an option given twice argparse takes the second.
    assert folder.run("stylize", "a.png", "--style", "s.png", "-o", "o.png", *words.split()) == 2
    assert message in error_line(capsys)
    assert folder.names() == before


@pytest.mark.parametrize("output", ["o.png", "a.png"])
def test_several_contents_need_a_folder(
    folder: Folder, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = [folder.save("a.png", 1), folder.save("b.png", 2)]
    before = folder.names()
    assert folder.run("stylize", *contents, "--style", contents[0], "-o", folder / output) == 2
    assert "need a folder for their results" in error_line(capsys)
    assert folder.names() == before


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["", "--style", "a.png", "-o", "out/"], "stylize"),
        (["a.png", "", "--style", "a.png", "-o", "out/"], "a.png"),
        (["a.png", "--style", "", "-o", "out/"], "--style"),
        (["a.png", "--style", "a.png", "-o", ""], "-o"),
        (["a.png", "--style", "a.png", "--output="], "--output"),
        (["a.png", "--style", "a.png", "-o", "out/", "--model", ""], "--model"),
    ],
)
def test_an_empty_argument_is_refused(
    folder: Folder, words: list[str], place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.save("a.png", 1)
    before = folder.names()
    assert main(["stylize", *words]) == 2
    assert f"expected a value after {place}, got an empty one" in error_line(capsys)
    assert folder.names() == before


def test_an_address_is_no_pattern(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    style, output = folder.save("a.png", 1), folder / "o.png"
    address = "https://example.com/a.jpg?size=2"
    assert folder.run("stylize", address, "--style", style, "-o", output) == 1
    assert "a.jpg?size=2: it is an address; download the file first" in error_line(capsys)


def test_unreadable_inputs_stop_before_any_work(
    folder: Folder,
    make_model: Callable[..., AdaINModel],
    capsys: pytest.CaptureFixture[str],
) -> None:
    content, style = folder.save("a.png", 1), folder.save("s.png", 2)
    (folder / "bad.png").write_bytes(b"no image")
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
        assert "it is one of the inputs; choose another name" in error_line(capsys)
    assert (Path(content).read_bytes(), Path(style).read_bytes()) == before


def test_images_too_large_for_their_format_are_refused_before_stylizing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wide, style = folder / "wide.png", folder.save("s.png", 2)
    save_image(wide, torch.zeros(1, 3, 1, 16_384))
    monkeypatch.setattr(Stylizer, "__call__", lambda *_, **__: pytest.fail("stylized in vain"))
    assert folder.run("stylize", wide, "--style", style, "-o", folder / "o.webp") == 1
    assert "WEBP has at most 16383 pixels a side, got 16384x1" in error_line(capsys)
    options = ["--style", style, "-o", folder / "o.jpg", "--content-size", 4]
    assert folder.run("stylize", wide, *options) == 1
    assert "JPEG has at most 65500 pixels a side, got 65536x4" in error_line(capsys)
