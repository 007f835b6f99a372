"""Pairs: the scores against the formulas, every kind of candidate."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from adain_core import AdaINModel, ImageFileError, adain, save_image
from adain_core.evaluation import (
    ArtworkBaseline,
    ModelCandidate,
    Pairs,
    PhotoBaseline,
    evaluate_candidate,
    evaluate_files,
    psnr,
)
from adain_core.evaluation.metrics import palette_distance
from adain_core.evaluation.pairs import add_noise
from adain_core.images import load_image

MakeImage = Callable[..., Tensor]


def test_images_are_center_crops(pairs: Pairs, folders: tuple[Path, Path]) -> None:
    image = load_image(folders[0] / "ph0.png")
    resized = torch.nn.functional.interpolate(image, (32, 44), mode="bilinear", antialias=True)
    torch.testing.assert_close(pairs.contents[0], resized[..., 6:38])
    assert len(pairs) == 6
    assert (pairs.content_names[0], pairs.style_names[0]) == ("ph0.png", "pa0.png")


def test_small_images_are_counted(folders: tuple[Path, Path], loss_network: AdaINModel) -> None:
    files = [sorted(folder.iterdir()) for folder in folders]
    assert Pairs(*files, 40, loss_network.encoder).enlarged == 0
    assert Pairs(*files, 41, loss_network.encoder).enlarged == 5


def test_transparent_images_are_rejected(
    folders: tuple[Path, Path], loss_network: AdaINModel, pairs: Pairs, tmp_path: Path
) -> None:
    photo, artwork = (next(folder.iterdir()) for folder in folders)
    opaque, hidden = torch.rand(4, 40, 40), tmp_path / "hidden.png"
    opaque[3] = 1
    save_image(tmp_path / "opaque.png", opaque)
    assert (
        Pairs([tmp_path / "opaque.png"], [artwork], 32, loss_network.encoder).contents[0].shape[1]
        == 3
    )
    opaque[3, 0, 0] = 0
    save_image(hidden, opaque)
    for contents, styles in (([hidden], [artwork]), ([photo], [hidden])):
        with pytest.raises(ImageFileError, match="expected an image without transparency, got"):
            Pairs(contents, styles, 32, loss_network.encoder)
    folder = tmp_path / "results"
    folder.mkdir()
    for content, style in pairs:
        name = f"ph{content}__pa{style}.png"
        save_image(folder / name, torch.full((4, 32, 32), 0.5 if style == 2 else 1.0))
    with pytest.raises(ImageFileError, match=r"ph0__pa2\.png: expected an image without"):
        list(evaluate_files(folder, pairs))


def test_scores_are_the_formulas(
    pairs: Pairs, loss_network: AdaINModel, make_image: MakeImage
) -> None:
    output = make_image(32, 32, seed=99)
    scores = pairs.score(1, 2, output)
    ours, content, style = (
        [level.numpy().astype(np.float64) for level in loss_network.encoder.levels(image)]
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
    expected_balanced = expected_percept = 0.0
    for mine, theirs, photo in zip(ours, style, content, strict=True):
        a, b = (np.concatenate(statistics(x), axis=1) for x in (mine, theirs))
        expected_balanced += ((a - b) ** 2).sum() / ((a**2).sum() + (b**2).sum())
        units = [x / np.linalg.norm(x, axis=1, keepdims=True).clip(1e-8) for x in (mine, photo)]
        expected_percept += ((units[0] - units[1]) ** 2).sum(axis=1).mean()
    assert scores.balanced == pytest.approx(expected_balanced, rel=1e-3)
    assert scores.percept == pytest.approx(expected_percept, rel=1e-3)
    palette = palette_distance(output, pairs.styles[2])
    assert scores.palette == pytest.approx(255 * math.sqrt(palette), rel=1e-3)


def test_untouched_contents(pairs: Pairs) -> None:
    evaluated = list(evaluate_candidate(pairs, PhotoBaseline(pairs)))
    assert [(each.content, each.style) for each in evaluated] == list(pairs)
    for each in evaluated:
        assert each.scores.content == 0
        assert each.scores.percept == pytest.approx(0, abs=1e-5)
        assert each.scores.ssim == pytest.approx(1)
        assert math.isnan(each.scores.reconstruction)
        assert math.isnan(each.scores.noise)


def test_artworks_themselves(pairs: Pairs) -> None:
    for each in evaluate_candidate(pairs, ArtworkBaseline(pairs)):
        assert torch.equal(each.image, pairs.styles[each.style])
        assert each.scores.style == pytest.approx(0, abs=1e-9)
        assert each.scores.balanced == pytest.approx(0, abs=1e-9)
        assert each.scores.percept > 0.01
        assert each.scores.palette == pytest.approx(0, abs=1e-3)


def test_models_are_scored_by_their_images(pairs: Pairs, tiny: AdaINModel) -> None:
    for each in evaluate_candidate(pairs, ModelCandidate(pairs, tiny), noise=True):
        content, style = pairs.contents[each.content], pairs.styles[each.style]
        expected = tiny.stylize(content, style, style_size=0, stroke_size="single")
        torch.testing.assert_close(each.image, expected, rtol=1e-4, atol=1e-5)
        target = pairs.score(each.content, each.style, expected).target
        assert each.scores.target == pytest.approx(target, 1e-3)
        own = tiny.encode_style(content, size=0)
        again = tiny.decode(adain(tiny.encode(content), own))
        assert each.scores.reconstruction == pytest.approx(psnr(again, content))
        noisy = tiny.stylize(
            add_noise(content, each.content), style, style_size=0, stroke_size="single"
        )
        change = 255 * (noisy - expected).square().mean().sqrt().item()
        assert each.scores.noise == pytest.approx(change, rel=1e-3)


def test_noise_of_the_photo_itself() -> None:
    gray = torch.full((1, 3, 64, 64), 0.5)
    change = add_noise(gray, 3) - gray
    assert change.std().item() == pytest.approx(0.01, rel=0.03)
    assert torch.equal(add_noise(gray, 3), gray + change)
    assert not torch.equal(add_noise(gray, 4), gray + change)


def test_images_are_scored_at_a_smaller_size(
    folders: tuple[Path, Path], loss_network: AdaINModel, tiny: AdaINModel
) -> None:
    files = [sorted(folder.iterdir()) for folder in folders]
    pairs = Pairs(*files, 20, loss_network.encoder, input_size=160)
    assert pairs.photos[0].shape[2:] == (160, 160)
    assert pairs.contents[0].shape[2:] == pairs.styles[0].shape[2:] == (20, 20)
    for stroke_size in ("single", 4.0):  # a first pass of 96 pixels
        for each in evaluate_candidate(pairs, ModelCandidate(pairs, tiny, stroke_size=stroke_size)):
            photo, style = pairs.photos[each.content], pairs.styles[each.style]
            large = tiny.stylize(photo, style, style_size=0, stroke_size=stroke_size)
            assert large.shape[2:] == (160, 160)
            torch.testing.assert_close(each.image, pairs.reduce(large), rtol=1e-4, atol=1e-5)
            seen = pairs.score(each.content, each.style, pairs.reduce(large))
            assert each.scores.style == pytest.approx(seen.style, 1e-3)


def test_images_of_other_programs(pairs: Pairs, tmp_path: Path, tiny: AdaINModel) -> None:
    expected = {}
    for each in evaluate_candidate(pairs, ModelCandidate(pairs, tiny)):
        save_image(tmp_path / f"ph{each.content}__pa{each.style}.png", each.image)
        expected[each.content, each.style] = each.scores
    for each in evaluate_files(tmp_path, pairs):
        # The files have 8 bits.
        wanted = expected[each.content, each.style].target
        assert each.scores.target == pytest.approx(wanted, rel=0.1)
    with pytest.raises(ImageFileError, match="expected a folder of images, found none at"):
        evaluate_files(tmp_path / "none", pairs)
    (tmp_path / "ph1__pa2.png").unlink()
    with pytest.raises(ImageFileError, match="expected an image named ph1__pa2, found none"):
        evaluate_files(tmp_path, pairs)
    save_image(tmp_path / "ph1__pa2.png", torch.zeros(3, 30, 32))
    with pytest.raises(ImageFileError, match=r"expected \(32, 32\) pixels"):
        list(evaluate_files(tmp_path, pairs))
    save_image(tmp_path / "ph1__pa2.jpg", torch.zeros(3, 32, 32))
    with pytest.raises(ImageFileError, match=r"one image of each name, got ph1__pa2.jpg and ph"):
        evaluate_files(tmp_path, pairs)


def test_files_with_ambiguous_names_are_rejected(
    folders: tuple[Path, Path], tmp_path: Path, loss_network: AdaINModel
) -> None:
    (photo, *_), (artwork, *_) = (sorted(folder.iterdir()) for folder in folders)
    save_image(tmp_path / f"{photo.stem}__{artwork.stem}.png", torch.zeros(3, 32, 32))
    alike = Pairs([photo, photo], [artwork], 32, loss_network.encoder)
    with pytest.raises(ImageFileError, match="got 2 pairs named ph0__pa0; rename"):
        evaluate_files(tmp_path, alike)
