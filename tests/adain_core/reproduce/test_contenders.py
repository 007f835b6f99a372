"""The methods of Table 1: what is timed is what it says, and multiplies as often as it must."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from adain_core import AdaINModel, adain
from adain_core.methods.patches import swap_patches
from adain_core.reproduce.contenders import (
    TIMED_STEPS,
    Contender,
    gatys_objective,
    make_contenders,
    swap_by_convolutions,
)

SIZE = 48


@pytest.fixture(scope="module")
def contenders(full: AdaINModel, tiny: AdaINModel) -> dict[str, Contender]:
    torch.manual_seed(3)
    return make_contenders(full, tiny, SIZE, iterations=500)


def multiplications(contender: Contender) -> float:
    with FlopCounterMode(display=False) as counter:
        contender.work()
    return contender.repeats * counter.get_total_flops() / 2


def test_published_style_swap_equals_swap_patches() -> None:
    content, style = torch.randn(1, 7, 9, 12), torch.randn(1, 7, 8, 11)
    torch.testing.assert_close(swap_by_convolutions(content, style), swap_patches(content, style))


def test_adain_contender_equals_the_model(
    contenders: dict[str, Contender], full: AdaINModel
) -> None:
    torch.manual_seed(3)
    photo, artwork = torch.rand(2, 1, 3, SIZE, SIZE)
    result = contenders["AdaIN"].work()
    assert isinstance(result, Tensor)
    expected = full.decode(adain(full.encode(photo), full.encode_style(artwork, size=0)))
    torch.testing.assert_close(result.clamp(0, 1), expected, atol=1e-4, rtol=0)


def test_methods_multiply_as_often_as_counted_by_hand(contenders: dict[str, Contender]) -> None:
    # Multiplications for each pixel: VGG-19 up to relu4_1, and the decoder mirrored.
    to_relu3_1 = 1728 + 36_864 + 18_432 + 36_864 + 18_432
    encoder = to_relu3_1 + 3 * 36_864 + 18_432
    assert multiplications(contenders["AdaIN"]) == 2 * encoder * SIZE**2
    # A swap compares all patches of the two images.
    patches = (SIZE // 4 - 2) ** 2
    comparisons = patches**2 * 256 * 9
    by_index = multiplications(contenders["style swap by index"])
    assert by_index == 2 * to_relu3_1 * SIZE**2 + comparisons
    published = multiplications(contenders["style swap"])
    assert published == pytest.approx(by_index + comparisons, rel=1e-3)
    # Forward and backward through four layers more, 500 times.
    above = 3 * 36_864 + 9216
    once = 2 * (encoder + above) * SIZE**2
    assert multiplications(contenders["optimization"]) == pytest.approx(500 * once, rel=0.12)


def test_both_networks_cost_the_same(contenders: dict[str, Contender]) -> None:
    one, many = (multiplications(contenders[f"{name}"]) for name in ("one style", "32 styles"))
    assert many == pytest.approx(one, rel=1e-3)


def test_an_optimization_is_timed_by_a_few_evaluations(contenders: dict[str, Contender]) -> None:
    assert contenders["optimization"].repeats == 500 / TIMED_STEPS


def test_gatys_losses_vanish_at_their_own_targets(full: AdaINModel) -> None:
    photo = torch.rand(1, 3, SIZE, SIZE)
    losses = gatys_objective(full.encoder, photo, photo)(photo)
    assert [value.item() for value in losses] == [0, 0, 0]
    other = gatys_objective(full.encoder, photo, torch.rand(1, 3, SIZE, SIZE))(photo)
    assert other.content.item() == 0 and other.style.item() > 0
