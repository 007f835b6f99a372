"""Scenes: plain grounds with an object cut from a photo."""

from __future__ import annotations

import torch

from adain_core.training import TrainingConfig
from adain_core.training.data import Augmentation, Crops
from adain_core.training.scenes import draw_scene


def test_a_scene_is_the_photo_inside_a_shape_and_a_soft_ground_outside() -> None:
    torch.manual_seed(0)
    areas = []
    for _ in range(60):
        photo = 0.5 + 0.5 * torch.rand(3, 64, 64)
        scene = draw_scene(photo)
        inside = (scene == photo).all(dim=0)
        areas.append(inside.float().mean().item())
        ground = scene.masked_fill(inside, torch.nan)
        steps = ground.diff(dim=2).nan_to_num().abs()
        # A gradient of 0.3 of the range, thrice that at most, over 64 pixels, and the grain.
        assert steps.max() < 0.03 + 8 * 0.015 * 2**0.5
        assert scene.min() >= 0 and scene.max() <= 1
    # Some shapes lie partly outside, none fills the image.
    assert max(areas) < 0.6 and sum(area > 0.02 for area in areas) > 50


def test_scenes_depend_on_the_generator_alone() -> None:
    photo = torch.rand(3, 32, 32)
    scenes = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        scenes.append(draw_scene(photo))
    assert torch.equal(scenes[0], scenes[1]) and not torch.equal(scenes[0], scenes[2])


def test_a_share_of_the_crops_are_scenes(config: TrainingConfig) -> None:
    plain, half = (
        Crops(config.content, (32, 40), 32, 5, Augmentation(scenes=share)) for share in (0, 0.5)
    )
    changed = [not torch.equal(plain[n][0], half[n][0]) for n in range(24)]
    assert 6 <= sum(changed) <= 18
    for number in range(24):
        assert torch.equal(half[number][0], half[number][0])
