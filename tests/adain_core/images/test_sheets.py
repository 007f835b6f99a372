from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont
from torch import Tensor

from adain_core import AdaINModel, Style, Stylizer, load_image, save_image
from adain_core.cli import main
from adain_core.images import sheets
from adain_core.images.previews import fit_within, read_preview
from adain_core.images.sheets import (
    GAP,
    LABEL,
    Cell,
    add_label,
    choose_columns,
    join_rows,
    render_cell,
)
from adain_core.pixels import resize

Run = Callable[..., int]


# --- sheets -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_rows_lie_with_white_between(dtype: torch.dtype) -> None:
    white = 255 if dtype == torch.uint8 else 1
    one, two = (torch.full((1, 3, 4, 5), value, dtype=dtype) for value in (0, white // 2))
    joined = join_rows([[one, two], [two, one]])
    assert joined.shape == (1, 3, 8 + GAP, 10 + GAP)
    assert joined.dtype == dtype
    assert torch.equal(joined[..., :4, :5], one)
    assert torch.equal(joined[..., :4, 5 + GAP :], two)
    assert torch.equal(joined[..., 4 + GAP :, :5], two)
    assert (joined[..., 4 : 4 + GAP, :] == white).all()
    assert (joined[..., 5 : 5 + GAP] == white).all()


def test_the_font_has_the_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's own where it can; else the first installed one that has them all."""
    installed = {"DejaVuSans.ttf": FakeFont("éüж"), "msyh.ttc": FakeFont("éж波")}
    monkeypatch.setattr(sheets, "system_font", installed.get)
    own = type(ImageFont.load_default(size=14))
    assert isinstance(sheets.find_font("starry night, 1"), own)
    assert sheets.find_font("é ü") is installed["DejaVuSans.ttf"]
    assert sheets.find_font("é") is installed["DejaVuSans.ttf"]
    assert sheets.find_font("波 ж") is installed["msyh.ttc"]
    assert isinstance(sheets.find_font("ü波"), own)  # no font has both


class FakeFont:
    """Renders the letters it has as themselves, all others alike."""

    def __init__(self, letters: str) -> None:
        self.letters = letters

    def getmask(self, letter: str) -> bytes:
        return letter.encode() if letter in self.letters else b"box"


def test_a_font_that_is_not_installed_is_none() -> None:
    assert sheets.system_font("no such font.ttf") is None


def test_accents_as_letters_of_their_own(
    make_image: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As macOS writes file names."""
    asked: list[str] = []
    find = sheets.find_font
    monkeypatch.setattr(sheets, "find_font", lambda text: asked.append(text) or find(text))
    add_label(make_image(8, 60), "De\u0301jeuner")
    assert asked == ["D\u00e9jeuner"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a\nb", "a b"), ("a\r\n\tb", r"a \tb"), ("a\x1b[2J", r"a\x1b[2J"), ("a\udcff", r"a\udcff")],
)
def test_any_file_name_is_a_line(name: str, shown: str, make_image: Callable[..., Tensor]) -> None:
    image = make_image(8, 200)
    assert torch.equal(add_label(image, name), add_label(image, shown))


def test_label_is_below_the_image_and_not_wider(make_image: Callable[..., Tensor]) -> None:
    image = make_image(20, 60)
    short, long, longer = (add_label(image, "night" * times) for times in (1, 9, 90))
    for each in (short, long, longer):
        assert each.shape == (1, 3, 20 + LABEL, 60)
        assert torch.equal(each[:, :, :20], image)
        assert each[:, :, 20:].min() < 0.2  # black on white
        assert each[:, :, 20:].max() == 1
    assert torch.equal(long, longer)
    assert not torch.equal(short, long)
    assert (add_label(image, "")[:, :, 20:] == 1).all()
    # Not even the dots have their place.
    assert (add_label(image[..., :3], "night")[:, :, 20:] == 1).all()


@given(height=st.integers(1, 5000), width=st.integers(1, 5000), longest=st.integers(16, 500))
def test_contained_keeps_the_shape(height: int, width: int, longest: int) -> None:
    size = fit_within((height, width), longest)
    assert max(size) == longest
    assert min(size) == max(1, round(longest * min(height, width) / max(height, width)))
    assert (size[0] >= size[1]) == (height >= width) or size[0] == size[1]


def test_a_cell_centers_its_image(make_image: Callable[..., Tensor]) -> None:
    image = make_image(40, 20)
    result = render_cell(Cell(image), longest=40, width=30)
    assert result.shape == (1, 3, 40 + LABEL, 30)
    assert torch.allclose(result[:, :, :40, 5:25], image, atol=1e-6)
    assert (result[..., :5] == 1).all()
    assert (result[..., 25:] == 1).all()


def test_what_is_transparent_is_white_in_a_cell() -> None:
    image = torch.zeros(1, 4, 16, 16)
    image[:, 3, :8], image[:, 3, 8:] = 1, 0.25
    result = render_cell(Cell(image), longest=16, width=16)
    assert torch.allclose(result[:, :, :8], torch.zeros(()), atol=1e-3)
    assert torch.allclose(result[:, :, 8:16], torch.tensor(0.75), atol=1e-3)


@pytest.mark.parametrize("height", [80, 4])
def test_the_artwork_is_in_the_corner(height: int) -> None:
    result = render_cell(
        Cell(torch.zeros(1, 3, height, 80), inset=torch.full((1, 3, 50, 100), 0.5)), 80, 80
    )
    inset = result[:, :, max(0, height - 10) : height, 60:]
    assert torch.allclose(inset[:, :, -2:], torch.tensor(0.5))
    assert (result[:, :, height - 2 : height, 58:60] == 1).all()  # a white edge
    assert (result[:, :, :height, :58] == 0).all()


@given(count=st.integers(2, 200), height=st.integers(64, 256), width=st.integers(64, 256))
def test_one_photos_sheet_is_about_square(count: int, height: int, width: int) -> None:
    columns = choose_columns(1, count, (height, width))
    rows = math.ceil(count / columns)
    square = math.sqrt(count * (height + LABEL) / width)
    assert square - 0.5 <= columns <= max(1, square + 0.5) + 2
    blanks = rows * columns - count
    assert blanks <= -count % max(1, round(square))


# --- adain sheet ------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path, tiny_path: Path, make_image: Callable[..., Tensor]) -> Run:
    """``adain sheet`` on the tiny model, in a folder with two photos and two artworks."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "art").mkdir()
    save_image(tmp_path / "photos" / "a.png", make_image(40, 60, seed=1))
    save_image(tmp_path / "photos" / "b.png", make_image(60, 40, seed=2))
    for number, name in enumerate(("wave", "stars")):
        save_image(tmp_path / "art" / f"{name}.png", make_image(50, 50, seed=10 + number))

    def run(*words: object) -> int:
        command = ["sheet", *map(str, words), "--model", str(tiny_path), "--device", "cpu"]
        return main([*command, "--dtype", "fp32"])

    return run


def test_sheet_contains_the_stylized_images(
    run: Run, tmp_path: Path, tiny: AdaINModel, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "sheet.png"
    words = ("--style", tmp_path / "art", "-o", output, "--cell", 80, "--content-size", 64)
    assert run(tmp_path / "photos", *words, "--alpha", 0.7) == 0
    assert capsys.readouterr().out.startswith(f"{output} (4 images, ")
    sheet = load_image(output)
    width, heights = 80, (53, 80)
    assert sheet.shape == (1, 3, sum(heights) + 2 * LABEL + GAP, 3 * width + 2 * GAP)
    top = 0
    for name, height in zip(("a", "b"), heights, strict=True):
        content = load_image(tmp_path / "photos" / f"{name}.png")
        # In the order of the files' names.
        cells = [Cell(content, name)]
        for art in ("stars", "wave"):
            artwork = load_image(tmp_path / "art" / f"{art}.png")
            result = tiny.stylize(content, artwork, alpha=0.7, content_size=64)
            cells.append(Cell(result, art, artwork))
        for column, cell in enumerate(cells):
            left = column * (width + GAP)
            shown = sheet[:, :, top : top + height + LABEL, left : left + width]
            expected = render_cell(cell, 80, width)
            # The photo is resized twice here, and images are rounded to 8 bits.
            assert (shown - expected).abs().mean() < 0.005
            assert (shown - expected).abs().max() < 0.1
        top += height + LABEL + GAP


def test_one_photo_fills_rows(run: Run, tmp_path: Path, make_image: Callable[..., Tensor]) -> None:
    for number in range(4):
        save_image(tmp_path / "art" / f"{number}.png", make_image(20, 20, seed=number))
    photo, output = tmp_path / "photos" / "a.png", tmp_path / "sheet.png"
    words = (photo, "--style", tmp_path / "art", "--cell", 64, "--content-size", 32)
    assert run(*words, "-o", output) == 0
    # 7 cells of 43 + 26 by 64 pixels: 3 columns would be a square, 4 leave fewer places empty.
    assert load_image(output).shape == (1, 3, 2 * (43 + 26 + 6) - 6, 4 * 70 - 6)
    assert run(*words, "-o", output, "--overwrite", "--columns", 3) == 0
    sheet = load_image(output)
    assert sheet.shape == (1, 3, 3 * (43 + 26 + 6) - 6, 3 * 70 - 6)
    assert (sheet[:, :, 150:, 70:] == 1).all()  # the last row has one image


@pytest.mark.parametrize("known", [True, False])
def test_style_files_show_their_previews(
    known: bool, run: Run, tmp_path: Path, tiny: AdaINModel, make_image: Callable[..., Tensor]
) -> None:
    style = tiny.encode_style(make_image(50, 50, seed=3))
    style = style if known else replace(style, previews=())
    (tmp_path / "styles").mkdir()
    style.save(tmp_path / "styles" / "saved.safetensors")
    photo, output = tmp_path / "photos" / "a.png", tmp_path / "sheet.png"
    words = ("--content-size", 0, "--cell", 64, "--columns", 2, "-o", output)
    assert run(photo, "--style", tmp_path / "styles", *words) == 0
    cell = Cell(tiny.stylize(photo, style), "saved", read_preview(style.preview))
    expected = render_cell(cell, 64, 64)
    assert (load_image(output)[..., 70:] - expected).abs().max() < 0.01


@pytest.mark.parametrize(
    "options",
    [
        {"alpha": 0.5, "content_residual": True},
        {"style_size": 24},
        {"preserve_color": "luminance"},
        {"preserve_color": "coral", "style_size": 24},
    ],
)
def test_options_reach_the_library(
    options: dict[str, object], run: Run, tmp_path: Path, tiny: AdaINModel
) -> None:
    photo, output = tmp_path / "photos" / "a.png", tmp_path / "sheet.png"
    words = ["--style", tmp_path / "art" / "wave.png", "-o", output, "--content-size", 0]
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}", *([] if value is True else [value])]
    assert run(photo, *words, "--cell", 64, "--columns", 2) == 0
    artwork = load_image(tmp_path / "art" / "wave.png")
    result = render_cell(Cell(tiny.stylize(photo, artwork, **options), "wave", artwork), 64, 64)
    assert (load_image(output)[..., 70:] - result).abs().max() < 0.01
    plain = render_cell(Cell(tiny.stylize(photo, artwork), "wave", artwork), 64, 64)
    assert (result - plain).abs().max() > 0.05


def test_large_photos_stay_sharp_at_the_cell_size(run: Run, tmp_path: Path) -> None:
    """JPEGs are decoded smaller, but not smaller than needed."""
    photo, output = tmp_path / "large.jpg", tmp_path / "sheet.png"
    stripes = (torch.arange(512) // 4 % 2).float()  # gone at an eighth
    save_image(photo, stripes.expand(1, 3, 512, -1))
    words = ("--style", tmp_path / "art" / "wave.png", "-o", output, "--content-size", 200)
    assert run(photo, *words, "--cell", 200, "--columns", 2) == 0
    expected = resize(load_image(photo), (200, 200))
    assert expected.std() > 0.2
    assert (load_image(output)[..., :200, :200] - expected).abs().mean() < 0.1


def test_unreadable_files_are_left_out(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "art" / "broken.png").write_bytes(b"no image")
    (tmp_path / "photos" / "broken.png").write_bytes(b"no image")
    PIL.Image.new("RGBA", (8, 8)).save(tmp_path / "art" / "hidden.png")  # nothing is seen
    foreign = Style(torch.zeros(4), torch.ones(4), "0" * 16)
    foreign.save(tmp_path / "art" / "foreign.safetensors")
    output = tmp_path / "sheet.png"
    words = ("-o", output, "--cell", 64, "--content-size", 32)
    assert run(tmp_path / "photos", "--style", tmp_path / "art", *words) == 1
    captured = capsys.readouterr()
    assert "(4 images, " in captured.out
    lines = [line for line in captured.err.splitlines() if line.startswith("adain: error: ")]
    assert len(lines) == 4
    assert any("hidden.png: the style image is transparent everywhere" in line for line in lines)
    assert sum("broken.png: it is not an image" in line for line in lines) == 2
    assert sum("foreign.safetensors" in line and "encoders" in line for line in lines) == 1
    assert load_image(output).shape[3] == 3 * 70 - 6


def test_nothing_readable_leaves_no_sheet(run: Run, tmp_path: Path) -> None:
    missing, output = tmp_path / "missing.png", tmp_path / "sheet.png"
    assert run(missing, "--style", tmp_path / "art", "-o", output) == 1
    assert not output.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cell", 63], "--cell must lie in 64..4096 pixels, got 63"),
        (["--cell", 4097], "--cell must lie in 64..4096 pixels, got 4097"),
        (["--columns", 0], "--columns must be 1 or more, got 0"),
        (["--alpha", 2], "alpha must lie in 0..1, got 2"),
        (["--content-size", -1], "--content-size must lie in 0..65536 pixels, got -1"),
        (["--style-size", -1], "--style-size must lie in 0..65536 pixels, got -1"),
        (["-o", "sheet.txt"], "expected a file name ending in"),
        (["-o", "no-folder/sheet.png"], "there is no folder"),
        (["-o", "photos/a.png"], "it is one of the inputs"),
        (["-o", "taken.png"], "pass --overwrite to replace it"),
    ],
)
def test_wrong_arguments_are_2(
    words: list[object],
    message: str,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken.png").write_bytes(b"")
    before = {path: path.stat().st_size for path in tmp_path.rglob("*")}
    output = [] if "-o" in words else ["-o", "sheet.png"]
    assert run("photos", "--style", "art", *output, *words) == 2
    assert message in capsys.readouterr().err
    assert {path: path.stat().st_size for path in tmp_path.rglob("*")} == before


def test_recoloring_needs_artworks(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Style(torch.zeros(4), torch.ones(4), "0" * 16).save(tmp_path / "art" / "saved.safetensors")
    words = ("--style", tmp_path / "art", "-o", tmp_path / "sheet.png")
    assert run(tmp_path / "photos", *words, "--preserve-color", "coral") == 2
    assert "contains no image" in capsys.readouterr().err


def test_a_sheet_too_large_for_its_format_is_refused_before_stylizing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Stylizer, "__call__", lambda *_, **__: pytest.fail("stylized"))
    artwork = next((tmp_path / "art").glob("*.png"))
    for number in range(6):
        shutil.copy(artwork, artwork.with_name(f"copy-{number}.png"))
    words = ("--style", tmp_path / "art", "-o", tmp_path / "sheet.webp", "--cell", 4096)
    assert run(tmp_path / "photos" / "b.png", *words, "--columns", 30) == 1
    assert "WEBP has at most" in capsys.readouterr().err
