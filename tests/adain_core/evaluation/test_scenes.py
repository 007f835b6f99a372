"""Halos and JPEG: synthetic photos with known answers."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from adain_core import save_image
from adain_core.evaluation import PhotoBaseline, Scenes, summarize
from adain_core.evaluation.halo import Scene, halo_power, synthetic_scenes
from adain_core.evaluation.jpeg import block_share, compress, synthetic_skies

SCENES = synthetic_scenes()


def distance_to_object(scene: Scene) -> Tensor:
    """Columns to the object in its rows, ``(S, S)``; far beyond the image elsewhere."""
    columns = torch.arange(len(scene.left))[None]
    left, right = scene.left[:, None], scene.right[:, None]
    distance = torch.maximum(left - columns, columns + 1 - right).clamp_min(0)
    return torch.where(left < right, distance, 10_000)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_photo_has_no_halo_and_a_ring_of_20_levels_has_one_of_20(scene: Scene) -> None:
    assert abs(halo_power(scene.photo, scene)) < (0.5 / 255) ** 2
    near = (distance_to_object(scene) > 0) & (distance_to_object(scene) <= 60)
    power = halo_power(scene.photo + 20 / 255 * near, scene)
    assert 255 * power**0.5 == pytest.approx(20, rel=0.02)
    # Two channels of three without, a side without, pixels at the edge alone.
    power = halo_power(scene.photo + torch.tensor([20 / 255, 0, 0])[:, None, None] * near, scene)
    assert 255 * power**0.5 == pytest.approx(20 / 3**0.5, rel=0.02)
    left = near & (torch.arange(512) < 256)
    assert 255 * halo_power(scene.photo + 20 / 255 * left, scene) ** 0.5 == pytest.approx(
        20 / 2**0.5, rel=0.02
    )
    edge = (distance_to_object(scene) > 0) & (distance_to_object(scene) <= 8)
    assert abs(halo_power(scene.photo + 0.5 * edge, scene)) < (0.5 / 255) ** 2


def test_strokes_are_no_halo() -> None:
    """Coarse random strokes raise near and far differences alike."""
    random = torch.Generator().manual_seed(0)
    powers, contrasts = [], []
    for _ in range(40):
        coarse = torch.rand(1, 3, 64, 64, generator=random)
        strokes = F.interpolate(coarse, scale_factor=8)
        for scene in SCENES:
            powers.append(halo_power(strokes, scene))
        contrasts.append(F.avg_pool2d(strokes, (16, 32)).var().item())
    mean = sum(powers) / len(powers)
    assert abs(mean) < 0.1 * 2 * sum(contrasts) / len(contrasts)


def test_scenes_are_the_same_every_time_and_scale() -> None:
    assert torch.equal(synthetic_scenes()[0].photo, SCENES[0].photo)
    for large, scene in zip(synthetic_scenes(1024), SCENES, strict=True):
        reduced = F.avg_pool2d(large.photo, 2)
        assert (reduced - scene.photo).abs().mean() < 0.012  # the grain
        assert (large.left[::2] / 2 - scene.left).abs().max() <= 2


def test_a_scene_too_small_for_the_strips_has_no_figure() -> None:
    [scene, *_] = synthetic_scenes(256)
    assert math.isnan(halo_power(scene.photo, scene))


def test_skies_repeat_nothing_before_they_are_compressed() -> None:
    for sky in synthetic_skies().values():
        assert block_share(sky, sky) == pytest.approx(1 / 16, abs=0.005)
        squares = compress(sky)
        assert (squares - sky).abs().mean() < 0.02
        assert block_share(squares, sky) > 0.12
        # Dashes along every block's edge.
        dashes = sky.clone()
        dashes[..., ::8, :] += 0.2
        assert block_share(dashes, sky) > 0.6


def test_scenes_are_evaluated_in_each_artwork(tmp_path: Path) -> None:
    for number in range(12):
        save_image(tmp_path / f"{number:02d}.png", torch.rand(1, 3, 64, 64))
    files = sorted(tmp_path.iterdir())
    scenes = Scenes(files, torch.device("cpu"), input_size=640)
    assert len(scenes) == 7 * 10 and scenes.style_names[-1] == "09.png"
    assert scenes.styles[0].shape == (1, 3, 512, 512)

    evaluated = list(scenes.evaluate(PhotoBaseline(scenes)))
    assert len(evaluated) == 70
    assert [each.style for each in evaluated[:10]] == list(range(10))
    summary = summarize([each.scores for each in evaluated])
    assert summary["halo"] < 0.5
    assert 1 / 16 < summary["jpeg"] < 1
