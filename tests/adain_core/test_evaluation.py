"""Evaluation: the judge's figures against the formulas, the command end to end."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from adain_core import AdaINModel, Architecture, ImageFileError, adain, save_image
from adain_core.checkerboard import checkerboard_share
from adain_core.cli import main
from adain_core.evaluation import (
    Pairs,
    Scores,
    judge_contents,
    judge_model,
    judge_pictures,
    markdown_table,
    mean_scores,
    psnr,
    ssim,
)
from adain_core.images import load_image
from adain_core.weights import save_model

Picture = Callable[..., Tensor]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, picture: Picture) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("evaluation")
    for kind, count in (("photos", 2), ("paintings", 3)):
        (root / kind).mkdir()
        for number in range(count):
            seed = 10 * len(kind) + number
            save_image(root / kind / f"{kind[:2]}{number}.png", picture(40, 56, seed=seed))
    return root / "photos", root / "paintings"


@pytest.fixture(scope="module")
def judge(make_model: Callable[..., AdaINModel]) -> AdaINModel:
    """A narrow stand-in for the VGG."""
    return make_model(Architecture(widths=(5, 6, 7, 8)), 3)


@pytest.fixture
def pairs(folders: tuple[Path, Path], judge: AdaINModel) -> Pairs:
    photos, paintings = folders
    return Pairs(sorted(photos.iterdir()), sorted(paintings.iterdir()), 32, judge.encoder)


def test_images_are_center_crops(pairs: Pairs, folders: tuple[Path, Path]) -> None:
    image = load_image(folders[0] / "ph0.png")
    resized = torch.nn.functional.interpolate(image, (32, 44), mode="bilinear", antialias=True)
    torch.testing.assert_close(pairs.contents[0], resized[..., 6:38])
    assert len(pairs) == 6
    assert (pairs.content_names[0], pairs.style_names[0]) == ("ph0.png", "pa0.png")


def test_small_images_are_counted(folders: tuple[Path, Path], judge: AdaINModel) -> None:
    files = [sorted(folder.iterdir()) for folder in folders]
    assert Pairs(*files, 40, judge.encoder).enlarged == 0
    assert Pairs(*files, 41, judge.encoder).enlarged == 5


def test_transparent_pictures_are_not_judged(
    folders: tuple[Path, Path], judge: AdaINModel, pairs: Pairs, tmp_path: Path
) -> None:
    photo, painting = (next(folder.iterdir()) for folder in folders)
    opaque, hidden = torch.rand(4, 40, 40), tmp_path / "hidden.png"
    opaque[3] = 1
    save_image(tmp_path / "opaque.png", opaque)
    assert Pairs([tmp_path / "opaque.png"], [painting], 32, judge.encoder).contents[0].shape[1] == 3
    opaque[3, 0, 0] = 0
    save_image(hidden, opaque)
    for contents, styles in (([hidden], [painting]), ([photo], [hidden])):
        with pytest.raises(ImageFileError, match="expected a picture without transparency, got"):
            Pairs(contents, styles, 32, judge.encoder)
    folder = tmp_path / "drawn"
    folder.mkdir()
    for content, style in pairs:
        name = f"ph{content}__pa{style}.png"
        save_image(folder / name, torch.full((4, 32, 32), 0.5 if style == 2 else 1.0))
    with pytest.raises(ImageFileError, match=r"ph0__pa2\.png: expected a picture without"):
        list(judge_pictures(folder, pairs))


def test_scores_are_the_formulas(pairs: Pairs, judge: AdaINModel, picture: Picture) -> None:
    output = picture(32, 32, seed=99)
    scores = pairs.judge(1, 2, output)
    ours, content, style = (
        [level.numpy().astype(np.float64) for level in judge.encoder.levels(image)]
        for image in (output, pairs.contents[1], pairs.styles[2])
    )

    def statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x.mean((2, 3)), np.sqrt(x.var((2, 3)) + 1e-5)

    expected_style = 0.0
    for mine, theirs in zip(ours, style, strict=True):
        for a, b in zip(statistics(mine), statistics(theirs), strict=True):
            expected_style += ((a - b) ** 2).mean()
    (mean, std), (own_mean, own_std) = statistics(style[3]), statistics(content[3])
    target = (content[3] - own_mean[..., None, None]) / own_std[..., None, None]
    target = target * std[..., None, None] + mean[..., None, None]
    assert scores.style == pytest.approx(expected_style, rel=1e-3)
    assert scores.target == pytest.approx(((ours[3] - target) ** 2).mean(), rel=1e-3)
    assert scores.content == pytest.approx(((ours[3] - content[3]) ** 2).mean(), rel=1e-3)


def test_untouched_contents(pairs: Pairs) -> None:
    judged = list(judge_contents(pairs))
    assert [(content, style) for content, style, _, _ in judged] == list(pairs)
    for _, _, _, scores in judged:
        assert scores.content == 0
        assert scores.ssim == pytest.approx(1)
        assert math.isnan(scores.reconstruction)


def test_models_are_judged_by_their_pictures(pairs: Pairs, tiny: AdaINModel) -> None:
    for content, style, picture, scores in judge_model(tiny, pairs):
        expected = tiny.stylize(pairs.contents[content], pairs.styles[style])
        torch.testing.assert_close(picture, expected, rtol=1e-4, atol=1e-5)
        assert scores.target == pytest.approx(pairs.judge(content, style, expected).target, 1e-3)
        own = tiny.encode_style(pairs.contents[content], size=0)
        again = tiny.decode(adain(tiny.encode(pairs.contents[content]), own))
        assert scores.reconstruction == pytest.approx(psnr(again, pairs.contents[content]))


def test_pictures_of_other_programs(pairs: Pairs, tmp_path: Path, tiny: AdaINModel) -> None:
    expected = {}
    for content, style, picture, scores in judge_model(tiny, pairs):
        save_image(tmp_path / f"ph{content}__pa{style}.png", picture)
        expected[content, style] = scores
    for content, style, _, scores in judge_pictures(tmp_path, pairs):
        # The files have 8 bits.
        assert scores.target == pytest.approx(expected[content, style].target, rel=0.1)
    with pytest.raises(ImageFileError, match="expected a folder of pictures, found none at"):
        judge_pictures(tmp_path / "none", pairs)
    (tmp_path / "ph1__pa2.png").unlink()
    with pytest.raises(ImageFileError, match="expected a picture named ph1__pa2, found none"):
        judge_pictures(tmp_path, pairs)
    save_image(tmp_path / "ph1__pa2.png", torch.zeros(3, 30, 32))
    with pytest.raises(ImageFileError, match=r"expected \(32, 32\) pixels"):
        list(judge_pictures(tmp_path, pairs))
    save_image(tmp_path / "ph1__pa2.jpg", torch.zeros(3, 32, 32))
    with pytest.raises(ImageFileError, match=r"one picture of each name, got ph1__pa2.jpg and ph"):
        judge_pictures(tmp_path, pairs)


def test_pictures_are_not_judged_by_a_name_of_two(
    folders: tuple[Path, Path], tmp_path: Path, judge: AdaINModel
) -> None:
    (photo, *_), (painting, *_) = (sorted(folder.iterdir()) for folder in folders)
    save_image(tmp_path / f"{photo.stem}__{painting.stem}.png", torch.zeros(3, 32, 32))
    alike = Pairs([photo, photo], [painting], 32, judge.encoder)
    with pytest.raises(ImageFileError, match="got 2 pairs named ph0__pa0; rename"):
        judge_pictures(tmp_path, alike)


def test_psnr_and_ssim() -> None:
    image = torch.rand(1, 1, 24, 30, generator=torch.Generator().manual_seed(0))
    assert psnr(image, image + 0.1) == pytest.approx(20, abs=1e-4)
    assert ssim(image, image) == pytest.approx(1)
    assert ssim(image, 1 - image) < 0
    # Two constants: only the luminance term is left (Wang et al. 2004, equation 6).
    one, two = torch.full((1, 1, 16, 16), 0.2), torch.full((1, 1, 16, 16), 0.6)
    assert ssim(one, two) == pytest.approx((2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4), abs=1e-4)


def test_checkerboard_share_is_of_what_repeats_every_8_pixels_in_flat_areas() -> None:
    random = torch.Generator().manual_seed(0)
    flat, noise = torch.full((1, 1, 128, 96), 0.5), torch.rand(1, 1, 128, 96, generator=random)
    dots = flat.clone()
    dots[..., 3::8, 5::8] = 0.9
    other_period = flat.clone()
    other_period[..., ::6, ::6] = 0.9
    assert checkerboard_share(dots, flat) == pytest.approx(1, abs=1e-4)
    assert checkerboard_share(noise, flat) == pytest.approx(1 / 16, abs=0.01)
    assert checkerboard_share(other_period, flat) < 0.12
    # Cells of random brightness repeat nothing but their edges.
    cells = torch.rand(1, 1, 16, 12, generator=random).repeat_interleave(8, 2)
    assert checkerboard_share(cells.repeat_interleave(8, 3), flat) > 0.3
    # A ramp is no detail, and where the photo has contrast nothing is looked at.
    ramp = torch.linspace(0, 1, 96).expand(1, 1, 128, 96)
    assert checkerboard_share(dots + ramp, flat) == pytest.approx(1, abs=1e-3)
    half = torch.where(torch.arange(96) < 48, flat, noise)
    assert checkerboard_share(torch.where(torch.arange(96) < 48, dots, noise), half) > 0.99
    assert math.isnan(checkerboard_share(dots, noise))
    assert math.isnan(checkerboard_share(flat, flat))
    assert math.isnan(checkerboard_share(dots[..., :39, :], flat[..., :39, :]))


def test_means_and_table() -> None:
    mean = mean_scores([Scores(1, 2, 3, math.nan, 0.5, 20), Scores(3, 4, 5, 0.1, 0.7, 30)])
    assert mean == Scores(2, 3, 4, 0.1, 0.6, 25)
    slim = Scores(3, 6, 4, math.nan, 0.6)
    table = markdown_table({"full": mean, "slim": slim}, "full").splitlines()
    assert table[2] == "| full | 2.000 | 3.000 | 4.000 | 0.100 | 0.600 | 25.0 dB |"
    assert table[3] == "| slim | 3.000 (1.50×) | 6.000 (2.00×) | 4.000 | – | 0.600 | – |"
    assert math.isnan(mean_scores([slim]).reconstruction)
    # A picture that is not a number is not left out.
    assert math.isnan(mean_scores([Scores(math.nan, 2, 3, 0.1, 0.5), slim]).target)


@pytest.fixture
def command(
    folders: tuple[Path, Path], tmp_path: Path, make_model: Callable[..., AdaINModel]
) -> list[str]:
    """``adain evaluate`` with a judge, for pictures of 32 pixels."""
    full = make_model(Architecture(), 1)
    save_model(tmp_path / "vgg.safetensors", full.info, full.encoder, full.decoder)
    words = ["evaluate", "--content", str(folders[0]), "--style", str(folders[1])]
    words += ["--loss-network", str(tmp_path / "vgg.safetensors")]
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
    assert [line.split(" | ")[0] for line in table[2:]] == ["| tiny", "| content, unprocessed"]
    with (tmp_path / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 4
    figures = ["target", "style", "content", "checkerboard", "ssim", "reconstruction"]
    assert list(rows[0]) == ["model", "photo", "artwork", *figures]
    assert (rows[0]["photo"], rows[0]["artwork"]) == ("ph0.png", "pa0.png")
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
    assert [row[0] for row in table] == ["| tiny (1)", "| tiny (2)", "| content, unprocessed"]
    assert "×" not in table[0][1] and "×" in table[1][1]
    grids = {path.name for path in (tmp_path / "grids").iterdir()}
    assert grids == {"tiny (1).jpg", "tiny (2).jpg", "content, unprocessed.jpg"}
    # Before any work: the judge is not even there.
    command[command.index("--loss-network") + 1] = "none.safetensors"
    assert main(command) == 2
    assert "tiny (1).jpg exists (and 2 more); pass --overwrite" in capsys.readouterr().err
    for options, told in (
        (["--grid", str(tiny_path)], "--grid must be a folder"),
        (["--limit", "0"], "--limit must be 1 or more, got 0"),
    ):
        assert main([*command, *options]) == 2
        assert told in capsys.readouterr().err


def test_command_line_looks_for_everything_first(
    command: list[str], tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    command += ["--model", str(tiny_path), "--limit", "2", "--csv", str(tmp_path / "scores.csv")]
    for options, code, told in (
        (["--model", str(tiny_path), "none"], 1, "none"),
        (["--pictures", str(tmp_path / "empty")], 1, "empty"),
        (["--grid", str(tmp_path / "grids"), "--size", "30000"], 2, "at most 65500 pixels a side"),
    ):
        assert main([*command, *options]) == code
        captured = capsys.readouterr()
        assert told in captured.err
        assert not captured.out
    assert not (tmp_path / "scores.csv").exists()


def test_command_line_keeps_what_was_judged_before_an_error(
    command: list[str],
    folders: tuple[Path, Path],
    tiny_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    names = [sorted(path.stem for path in folder.iterdir())[:2] for folder in folders]
    for number, (photo, painting) in enumerate(itertools.product(*names)):
        save_image(other / f"{photo}__{painting}.png", torch.zeros(3, 32 - number % 2, 32))
    command += ["--model", str(tiny_path), "--pictures", str(other), "--limit", "2"]
    assert main([*command, "--csv", str(tmp_path / "scores.csv")]) == 1
    captured = capsys.readouterr()
    assert "expected (32, 32) pixels" in captured.err
    assert [line.split(" | ")[0] for line in captured.out.splitlines()[2:]] == ["| tiny"]
    with (tmp_path / "scores.csv").open(encoding="utf-8") as file:
        assert [row["model"] for row in csv.DictReader(file)] == 4 * ["tiny"] + ["other"]
