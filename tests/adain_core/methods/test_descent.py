"""Optimization: losses against the formulas, losses that fall, results that are never worse."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from adain_core.functional import channel_statistics
from adain_core.methods.descent import DescentOptions, Step, minimize
from adain_core.methods.objective import (
    Losses,
    LossWeights,
    Objective,
    Region,
    describe_levels,
    levels_of,
    style_difference,
)
from adain_core.networks.encoder_decoder import Encoder
from adain_core.training.losses import level_statistics, style_loss

MakeImage = Callable[..., Tensor]


@pytest.fixture
def objective(vgg: Encoder, make_image: MakeImage) -> Objective:
    return make_objective(vgg, make_image, LossWeights())


def make_objective(vgg: Encoder, make_image: MakeImage, weights: LossWeights) -> Objective:
    with torch.no_grad():
        content = levels_of(vgg, make_image(32, 40, seed=1))[-1]
        targets = describe_levels(levels_of(vgg, make_image(40, 32, seed=2)), weights.style_loss)
    return Objective(vgg, content, [Region(targets)], weights)


# --- losses -----------------------------------------------------------------------------------


def test_the_style_loss_by_statistics_is_that_of_the_training(
    vgg: Encoder, make_image: MakeImage
) -> None:
    levels, target = (levels_of(vgg, make_image(32, 40, 2, seed=seed)) for seed in (1, 2))
    own = style_difference(levels, describe_levels(target, "statistics"), LossWeights())
    torch.testing.assert_close(own, style_loss(levels, level_statistics(target)))


def test_the_gram_loss_is_a_mean_of_products_over_positions() -> None:
    level, other = torch.rand(2, 1, 3, 4, 5)
    gram = torch.einsum("ahw,bhw->ab", level[0], level[0]) / 20
    expected = torch.einsum("ahw,bhw->ab", other[0], other[0]) / 20
    weights = LossWeights("gram", levels=(2.0,))
    loss = style_difference([level], describe_levels([other], "gram"), weights)
    torch.testing.assert_close(loss, 2 * (gram - expected).square().mean())


@pytest.mark.parametrize("kind", ["statistics", "gram"])
def test_a_mask_describes_its_part_alone(kind: str) -> None:
    level = torch.rand(1, 3, 4, 8)
    mask = torch.zeros(1, 1, 8, 16)
    mask[..., 8:] = 1
    (masked,) = describe_levels([level], kind, mask)  # type: ignore[arg-type]
    (part,) = describe_levels([level[..., 4:]], kind)  # type: ignore[arg-type]
    torch.testing.assert_close(masked, part)


def test_a_region_counts_by_its_share(vgg: Encoder, make_image: MakeImage) -> None:
    whole = make_objective(vgg, make_image, LossWeights())
    targets = whole.regions[0].targets
    mask = torch.full((1, 1, 32, 40), 0.25)
    quarter = Objective(vgg, whole.content, [Region(targets, mask)], LossWeights())
    image = make_image(32, 40, seed=5)
    torch.testing.assert_close(quarter(image).style, whole(image).style / 4)


def test_the_total_is_weighted(vgg: Encoder, make_image: MakeImage) -> None:
    image = make_image(32, 40, seed=5)
    weights = LossWeights(content=2.0, style=3.0, roughness=5.0)
    losses = make_objective(vgg, make_image, weights)(image)
    steps = image.diff(dim=2).square().mean() + image.diff(dim=3).square().mean()
    torch.testing.assert_close(losses.total, 2 * losses.content + 3 * losses.style + 5 * steps)


# --- descent ----------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_result_has_the_lowest_loss_of_all_steps(
    objective: Objective, make_image: MakeImage, optimizer: str
) -> None:
    steps: list[Step] = []
    options = DescentOptions(steps=30, optimizer=optimizer)  # type: ignore[arg-type]
    start = make_image(32, 40, seed=1)
    result = minimize(objective, start, options, steps.append)
    totals = [step.total for step in steps]
    assert [step.step for step in steps] == list(range(31))
    assert totals[0] == pytest.approx(objective(start).total.item(), rel=1e-6)
    assert objective(result).total.item() == pytest.approx(min(totals), rel=1e-5)
    assert min(totals) < 0.5 * totals[0]
    assert result.min() >= 0 and result.max() <= 1


def test_minimize_finds_a_known_minimum(make_image: MakeImage) -> None:
    target = make_image(16, 16, seed=1)

    def distance(image: Tensor) -> Losses:
        total = (image - target).square().mean()
        return Losses(total, total, total)

    result = minimize(distance, torch.full_like(target, 0.5), DescentOptions(steps=20))
    torch.testing.assert_close(result, target, atol=1e-3, rtol=0)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_pixels_come_back_from_the_border(make_image: MakeImage, optimizer: str) -> None:
    target = make_image(16, 16, seed=1)

    def distance(image: Tensor) -> Losses:
        total = 100 * (image - target).square().mean()
        return Losses(total, total, total)

    start = (target > 0.5).float()
    options = DescentOptions(steps=300, optimizer=optimizer)  # type: ignore[arg-type]
    result = minimize(distance, start, options)
    assert (result - target).abs().max() < 0.05


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_start_that_nothing_improves_is_the_result(make_image: MakeImage, optimizer: str) -> None:
    start = make_image(16, 16, seed=1)

    def distance(image: Tensor) -> Losses:
        total = (image - start).abs().mean()
        return Losses(total, total, total)

    options = DescentOptions(steps=5, optimizer=optimizer)  # type: ignore[arg-type]
    assert torch.equal(minimize(distance, start, options), start)


def test_minimize_stops_when_progress_falls_below_the_tolerance(
    objective: Objective, make_image: MakeImage
) -> None:
    steps: list[Step] = []
    options = DescentOptions(steps=300, tolerance=0.2)
    minimize(objective, make_image(32, 40, seed=1), options, steps.append)
    lows = torch.tensor([step.total for step in steps]).cummin(dim=0).values
    assert 20 < len(lows) < 300
    assert lows[-1] > 0.8 * lows[-21]
    assert all(lows[n] <= 0.8 * lows[n - 20] for n in range(20, len(lows) - 1))


def test_what_the_watcher_raises_ends_it_at_that_step(
    objective: Objective, make_image: MakeImage
) -> None:
    seen: list[int] = []

    def watch(step: Step) -> None:
        seen.append(step.step)
        if step.step == 3:
            raise KeyboardInterrupt

    start = make_image(32, 40, seed=1)
    before = start.clone()
    with pytest.raises(KeyboardInterrupt):
        minimize(objective, start, DescentOptions(steps=30), watch)
    assert seen == [0, 1, 2, 3]
    assert torch.equal(start, before)


@pytest.mark.parametrize(
    ("field", "value"),
    [("steps", 0), ("optimizer", "sgd"), ("tolerance", 1.0)],
)
def test_bad_options_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field} must .*got "):
        DescentOptions(**{field: value})  # type: ignore[arg-type]


def test_statistics_are_those_of_the_paper() -> None:
    level = torch.rand(2, 3, 4, 5)
    (described,) = describe_levels([level], "statistics")
    torch.testing.assert_close(described, torch.stack(channel_statistics(level), dim=1))
