"""The losses: values of known cases, and gradients."""

from __future__ import annotations

import pytest
import torch

from adain_core.evaluation.checkerboard import checkerboard_loss
from adain_core.evaluation.metrics import balanced_style_distance
from adain_core.functional import channel_statistics
from adain_core.training.losses import (
    balanced_style_loss,
    content_loss,
    imitation_loss,
    level_statistics,
    mean_squared_difference,
    smoothness_loss,
    style_loss,
)


def test_losses_are_zero_at_their_targets() -> None:
    levels = [torch.rand(2, channels, 8, 8) for channels in (3, 5)]
    assert style_loss(levels, level_statistics(levels)) == 0
    assert content_loss(levels[0], levels[0]) == 0


def test_style_loss_is_a_mean_over_channels_and_a_sum_over_levels() -> None:
    features = torch.rand(2, 4, 8, 8)
    mean, std = channel_statistics(features)
    # Means off by 0.5, stds off by 0.25, in each of two levels.
    loss = style_loss([features, features], [(mean + 0.5, std - 0.25)] * 2)
    assert loss.item() == pytest.approx(2 * (0.25 + 0.0625), rel=1e-5)


def test_content_loss_is_a_mean() -> None:
    features = torch.rand(2, 4, 8, 8)
    assert content_loss(features, features + 0.5).item() == pytest.approx(0.25, rel=1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
def test_mean_squared_difference_has_the_value_and_gradient_of_mse_loss(
    dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 4, 8, 8).to(dtype).requires_grad_()
    target = torch.randn(2, 4, 8, 8).to(dtype)
    value = mean_squared_difference(features, target)
    expected = torch.nn.functional.mse_loss(features.float(), target.float())
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, expected, rtol=tolerance, atol=0)
    (gradient,), (wanted,) = (torch.autograd.grad(7 * loss, features) for loss in (value, expected))
    assert gradient.dtype == dtype
    torch.testing.assert_close(gradient, wanted, rtol=tolerance, atol=1e-8)


def evenness(places: int, value: float) -> float:
    """Variance over the 64 places of a cell, of which some have a value and the others 0."""
    return (places / 64 - (places / 64) ** 2) * value**2


@pytest.mark.parametrize(
    ("period", "share"),
    [(8, 1.0), (16, 1 / 4), (1, 0.0)],
    ids=["a dot in every cell", "a dot in every fourth cell", "one color"],
)
def test_checkerboard_loss_is_of_what_every_cell_repeats(period: int, share: float) -> None:
    image = torch.rand(2, 3, 1, 1).repeat(1, 1, 64, 128)
    image[..., 3 % period :: period, 3 % period :: period] += 1
    # Of 3 colors and 6 steps: the dot itself, and the steps to it and from it.
    expected = (3 * evenness(1, share) + 6 * evenness(2, share)) / 9
    assert checkerboard_loss(image).item() == pytest.approx(expected, rel=1e-4, abs=1e-10)


def test_checkerboard_loss_sees_cells_of_different_colors_by_their_edges() -> None:
    rows, columns = torch.arange(64)[:, None] // 8, torch.arange(64)[None] // 8
    cells = ((rows + columns) % 2).float().expand(1, 3, 64, 64)
    # Black and white average out; the step to the next cell, which 7 of 8 cells have, does not.
    expected = 6 * evenness(8, 7 / 8) / 9
    assert checkerboard_loss(cells).item() == pytest.approx(expected, rel=1e-4)


def test_checkerboard_loss_averages_out_other_periods() -> None:
    eight, seven = torch.zeros(2, 1, 3, 64, 64)
    eight[..., ::8, ::8] = 1
    seven[..., ::7, ::7] = 1
    assert checkerboard_loss(seven) < 0.05 * checkerboard_loss(eight)
    # A single row of cells, fewer than the window has: each stands for itself.
    one, two = torch.zeros(2, 1, 3, 8, 16)
    one[..., 3, 3] = 1
    two[..., 3, 3::8] = 1
    for image, share in ((one, 1 / 2), (two, 1)):
        expected = share * (3 * evenness(1, 1) + 6 * evenness(2, 1)) / 9
        assert checkerboard_loss(image).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)], ids=["fp32", "bf16"]
)
def test_level_statistics_and_their_gradient(dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 5, 6, 7).relu().to(dtype)
    weights = torch.randn(2, 2, 5)
    gradients, values = [], []
    for statistics in (channel_statistics, lambda x: level_statistics([x])[0]):
        leaf = features.clone().requires_grad_()
        pair = torch.stack(statistics(leaf))
        (pair * weights).sum().backward()
        values.append(pair)
        gradients.append(leaf.grad)
    torch.testing.assert_close(values[1], values[0], rtol=1e-5, atol=1e-6)
    # Relative to the largest, since bfloat16 rounds the sum of two terms that nearly cancel.
    assert (gradients[1] - gradients[0]).abs().max() < tolerance * gradients[0].abs().max()


def test_losses_in_float64() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    target, moments = torch.randn_like(features), torch.rand(2, 2, 3, dtype=torch.float64)
    image, teacher = torch.rand(2, 1, 3, 9, 8, dtype=torch.float64)
    image.requires_grad_()
    for loss in (
        lambda x: content_loss(x, target),
        lambda x: mean_squared_difference(x, target),
        lambda x: style_loss([x], [(moments[0], moments[1])]),
        lambda x: imitation_loss(image, [x], teacher, [target]),
    ):
        assert loss(features).dtype == torch.float64
        assert torch.autograd.gradcheck(loss, features)
    assert torch.autograd.gradcheck(lambda x: imitation_loss(x, [], teacher, []), image)


@pytest.mark.filterwarnings("error")
def test_one_target_of_a_batch() -> None:
    levels = [torch.rand(2, channels, 8, 8) for channels in (3, 5)]
    one = level_statistics([level[:1] for level in levels])
    for_all = [(mean.repeat(2, 1), std.repeat(2, 1)) for mean, std in one]
    assert style_loss(levels, one) == style_loss(levels, for_all)
    target = levels[0][1:]
    assert content_loss(levels[0], target) == content_loss(levels[0], target.repeat(2, 1, 1, 1))


def test_targets_that_do_not_fit() -> None:
    levels = [torch.rand(2, channels, 8, 8) for channels in (3, 5)]
    targets = level_statistics(levels)
    with pytest.raises(ValueError, match=r"of every level, got 1 for 2 levels"):
        style_loss(levels, targets[:1])
    with pytest.raises(ValueError, match=r"of shape \(2, 5\), or of one sample, got \(2, 1\)"):
        style_loss(levels, [targets[0], (targets[1][0][:, :1], targets[1][1])])
    for other in (levels[1], levels[0][:, :, :1], levels[0][[0, 1, 0]]):
        with pytest.raises(ValueError, match=r"of shape \(2, 3, 8, 8\), or of one sample, got"):
            content_loss(levels[0], other)


def test_balanced_style_loss_counts_every_image_and_level_alike() -> None:
    torch.manual_seed(0)
    level = torch.rand(2, 4, 8, 8)
    # An image of strong features and one of weak ones; targets of 1.5 times their statistics.
    levels = [level * torch.tensor([10.0, 0.1])[:, None, None, None], 3 * level]
    targets = [(1.5 * mean, 1.5 * std) for mean, std in level_statistics(levels)]
    share = 0.5**2 / (1 + 1.5**2)
    loss = balanced_style_loss(levels, targets)
    assert loss.item() == pytest.approx(2 * share, rel=1e-3)
    assert balanced_style_loss(levels, level_statistics(levels)) == 0
    statistics, expected = (
        [(m[:1], s[:1]) for m, s in x] for x in (level_statistics(levels), targets)
    )
    metric = balanced_style_distance(statistics, expected)
    one = balanced_style_loss([each[:1] for each in levels], expected)
    assert one.item() == pytest.approx(metric, rel=1e-4)


def test_the_bound_of_the_balanced_style_loss_has_no_gradient() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    targets = [(torch.rand(2, 3, dtype=torch.float64), torch.rand(2, 3, dtype=torch.float64))]
    (found,) = torch.autograd.grad(balanced_style_loss([features], targets), features)
    own, target = (torch.cat(x, dim=1) for x in (*level_statistics([features]), *targets))
    bound = (own.square().sum(dim=1) + target.square().sum(dim=1)).detach()
    expected = ((own - target).square().sum(dim=1) / bound).mean()
    (wanted,) = torch.autograd.grad(expected, features)
    torch.testing.assert_close(found, wanted)


def test_smoothness_loss_of_a_ramp() -> None:
    """Cells of 8 pixels differ by 0.08, of 16 by 0.16; two cells on by twice that."""
    flat = torch.full((2, 3, 64, 64), 0.5)
    ramp = (0.01 * torch.arange(64)).expand(2, 3, 64, 64)
    expected = 0.08**2 + 0.16**2 + 0.16**2 + 0.32**2
    assert smoothness_loss(ramp, flat).item() == pytest.approx(expected, rel=1e-4)
    assert smoothness_loss(ramp.mT, flat).item() == pytest.approx(expected, rel=1e-4)
    assert smoothness_loss(flat, ramp) == 0
    # One channel of three.
    one = torch.cat([ramp[:, :1], flat[:, 1:]], dim=1)
    assert smoothness_loss(one, flat).item() == pytest.approx(expected / 3, rel=1e-4)


def test_smoothness_loss_leaves_edges_and_texture_alone() -> None:
    flat = torch.full((1, 3, 64, 64), 0.5)
    edge = torch.where(torch.arange(64) < 32, 0.0, 1.0).expand(1, 3, 64, 64)
    assert smoothness_loss(edge, flat) > 0.1
    assert smoothness_loss(edge, edge).item() == pytest.approx(0, abs=1e-6)
    # Finer than the cells: nothing of it is left in their means.
    checkers = ((torch.arange(64)[:, None] + torch.arange(64)[None]) % 2).float()
    assert smoothness_loss(checkers.expand(1, 3, 64, 64), flat).item() == pytest.approx(0, abs=1e-9)
    # A photo that differs by 0.04 from cell to cell weighs 1/e as much there as a flat one.
    steps = 0.04 * (torch.arange(64) // 8 % 2).float().expand(1, 3, 64, 64)
    assert smoothness_loss(steps, steps).item() < smoothness_loss(steps, flat).item()


def test_gradients_of_the_losses_of_what_people_see() -> None:
    torch.manual_seed(0)
    image, photo = torch.rand(2, 1, 3, 16, 24, dtype=torch.float64)
    image.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: smoothness_loss(x, photo), image)
    small = torch.rand(1, 3, 8, 4)  # no two cells
    assert smoothness_loss(small, small) == 0
