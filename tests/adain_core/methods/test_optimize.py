"""Optimization and refinement: what they lower, what they start from, what they leave alone."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from adain_core import AdaINModel, Style
from adain_core.errors import OptionError
from adain_core.functional import channel_statistics
from adain_core.methods.descent import DescentOptions, Step
from adain_core.methods.objective import LossWeights, describe_levels, levels_of, style_difference
from adain_core.methods.optimize import Optimization, OptimizeOptions
from adain_core.methods.refine import Refiner, refine
from adain_core.methods.targets import make_objective
from adain_core.methods.tasks import Task
from adain_core.networks.encoder_decoder import Encoder
from adain_core.options import StylizeOptions
from adain_core.pixels import luma
from adain_core.stylizer import Stylizer
from adain_core.transfer import adain

MakeImage = Callable[..., Tensor]


def style_loss_of(vgg: Encoder, image: Tensor, artwork: Tensor) -> float:
    target = describe_levels(levels_of(vgg, artwork), "statistics")
    return style_difference(levels_of(vgg, image), target, LossWeights()).item()


# --- optimization -----------------------------------------------------------------------------


def test_optimization_beats_adain_in_style_loss(
    vgg: Encoder, tiny: AdaINModel, make_image: MakeImage
) -> None:
    photo, artwork = make_image(32, 40, seed=1), make_image(40, 32, seed=2)
    options = StylizeOptions(artwork)
    optimized = Optimization(vgg, options, OptimizeOptions(steps=60))(photo)
    result = tiny.stylize(photo, artwork)
    own, theirs = (style_loss_of(vgg, each, artwork) for each in (optimized, result))
    assert own < 0.1 * theirs


@pytest.mark.parametrize("style_loss", ["statistics", "gram"])
@pytest.mark.parametrize("start", ["content", "noise"])
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_loss_falls_from_any_start(
    vgg: Encoder, make_image: MakeImage, style_loss: str, start: str, optimizer: str
) -> None:
    steps: list[Step] = []
    how = OptimizeOptions(
        steps=40,
        optimizer=optimizer,  # type: ignore[arg-type]
        weights=LossWeights(style_loss),  # type: ignore[arg-type]
        start=start,  # type: ignore[arg-type]
    )
    optimization = Optimization(vgg, StylizeOptions(make_image(40, 32, seed=2)), how)
    optimization(make_image(32, 40, seed=1), watch=steps.append)
    assert min(step.total for step in steps) < 0.2 * steps[0].total


def test_optimization_starts_from_a_given_image(vgg: Encoder, make_image: MakeImage) -> None:
    photo, artwork, start = (
        make_image(32, 40, seed=1),
        make_image(40, 32, seed=2),
        make_image(32, 40),
    )
    steps: list[Step] = []
    optimization = Optimization(vgg, StylizeOptions(artwork), OptimizeOptions(steps=1))
    optimization(photo, start=start, watch=steps.append)
    assert steps[0].style == pytest.approx(style_loss_of(vgg, start, artwork), rel=1e-4)


def test_noise_is_that_of_the_seed(vgg: Encoder, make_image: MakeImage) -> None:
    def optimize(seed: int) -> Tensor:
        how = OptimizeOptions(steps=2, start="noise", seed=seed)
        return Optimization(vgg, StylizeOptions(make_image(40, 32, seed=2)), how)(
            make_image(32, 40)
        )

    assert torch.equal(optimize(1), optimize(1))
    assert not torch.equal(optimize(1), optimize(2))


def test_sizes_grow_by_the_square_root_of_two(vgg: Encoder, make_image: MakeImage) -> None:
    steps: list[Step] = []
    told: list[tuple[int, int]] = []
    how = OptimizeOptions(steps=2, smallest=32)
    optimization = Optimization(vgg, StylizeOptions(make_image(40, 32, seed=2)), how)
    result = optimization(
        make_image(48, 64), watch=steps.append, progress=lambda *done: told.append(done)
    )
    assert list(dict.fromkeys(step.size for step in steps)) == [(24, 32), (34, 45), (48, 64)]
    assert result.shape == (1, 3, 48, 64)
    assert told == [(n, 6) for n in (0, 1, 2, 2, 3, 4, 4, 5, 6)]


def test_narrow_photos_stay_wide_enough_at_small_sizes(vgg: Encoder, make_image: MakeImage) -> None:
    sizes: list[tuple[int, int]] = []
    optimization = Optimization(
        vgg, StylizeOptions(make_image(10, 64, seed=2)), OptimizeOptions(steps=1, smallest=32)
    )
    optimization(make_image(12, 96), watch=lambda step: sizes.append(step.size))
    assert list(dict.fromkeys(sizes)) == [(9, 34), (9, 48), (9, 68), (12, 96)]


@pytest.mark.parametrize(("photo", "artwork"), [((8, 40), (40, 40)), ((40, 40), (8, 40))])
def test_images_too_small_for_the_vgg_are_refused(
    vgg: Encoder, make_image: MakeImage, photo: tuple[int, int], artwork: tuple[int, int]
) -> None:
    options = StylizeOptions(make_image(*artwork, seed=2))
    with pytest.raises(ValueError, match=r"at least 9 pixels a side, got \(8, 40\); enlarge"):
        Optimization(vgg, options, OptimizeOptions(steps=1))(make_image(*photo))
    with pytest.raises(ValueError, match=r"at least 9 pixels a side, got \(8, 40\); enlarge"):
        refine(torch.rand(1, 3, *photo), make_image(*photo), options, vgg, steps=1)


def test_each_image_can_have_its_alpha_and_weights(vgg: Encoder, make_image: MakeImage) -> None:
    photos = torch.cat([make_image(32, 40, seed=seed) for seed in (1, 2)])
    artworks = (make_image(40, 32, seed=3), make_image(36, 36, seed=4))
    how = OptimizeOptions(steps=5)
    together = Optimization(
        vgg, StylizeOptions(artworks, weights=[[1, 0], [1, 3]], alpha=(1.0, 0.5)), how
    )(photos)
    for number, weights, alpha in ((0, [1, 0], 1.0), (1, [1, 3], 0.5)):
        options = StylizeOptions(artworks, weights=weights, alpha=alpha)
        alone = Optimization(vgg, options, how)(photos[number : number + 1])
        torch.testing.assert_close(together[number : number + 1], alone)


def test_alpha_0_wants_the_photo(vgg: Encoder, make_image: MakeImage) -> None:
    photo = make_image(32, 40, seed=1)
    options = StylizeOptions(make_image(40, 32, seed=2), alpha=0.0)
    result = Optimization(vgg, options, OptimizeOptions(steps=3))(photo)
    torch.testing.assert_close(result, photo)


def test_opacity_and_chrominance_come_from_the_photo(vgg: Encoder, make_image: MakeImage) -> None:
    photo = torch.cat([make_image(32, 40, seed=1), torch.full((1, 1, 32, 40), 0.5)], dim=1)
    options = StylizeOptions(make_image(40, 32, seed=2), preserve_color="luminance")
    result = Optimization(vgg, options, OptimizeOptions(steps=10))(photo)
    assert torch.equal(result[:, 3:], photo[:, 3:])
    inner = ((result[:, :3] > 0.01) & (result[:, :3] < 0.99)).all(dim=1, keepdim=True)
    shift = result[:, :3] - photo[:, :3]
    gray = luma(result[:, :3]) - luma(photo[:, :3])
    torch.testing.assert_close(shift * inner, gray.expand_as(shift) * inner, atol=1e-5, rtol=0)
    assert gray.abs().max() > 0.05


def test_optimization_runs_in_inference_mode(vgg: Encoder, make_image: MakeImage) -> None:
    options = StylizeOptions(make_image(40, 32, seed=2))
    how = OptimizeOptions(steps=3)
    expected = Optimization(vgg, options, how)(make_image(32, 40))
    with torch.inference_mode():
        loaded = deepcopy(vgg)
        assert next(loaded.parameters()).is_inference()
        assert torch.equal(Optimization(loaded, options, how)(make_image(32, 40)), expected)


@pytest.mark.parametrize(
    ("options", "field", "message"),
    [
        ({"stroke_size": "fine"}, "stroke_size", "does not go with optimization"),
        ({"content_residual": True}, "content_residual", "does not go with optimization"),
        ({"alpha": (0.5, 0.5)}, "alpha", r"one per image \(1\), got 2"),
        ({"weights": [[1.0], [1.0]]}, "weights", r"one per image \(1\), got 2"),
    ],
)
def test_what_it_cannot_do_is_refused(
    vgg: Encoder, make_image: MakeImage, options: dict[str, object], field: str, message: str
) -> None:
    with pytest.raises(OptionError, match=message) as error:
        Optimization(vgg, StylizeOptions(make_image(40, 32), **options))(make_image(32, 40))  # type: ignore[arg-type]
    assert error.value.field == field


def test_a_style_without_its_artwork_is_refused(
    vgg: Encoder, tiny: AdaINModel, make_image: MakeImage
) -> None:
    style = tiny.encode_style(make_image(40, 32))
    with pytest.raises(OptionError, match=r"styles\[1\] contains no image.*give the image"):
        Optimization(vgg, StylizeOptions((make_image(40, 32), style)))


def test_a_start_of_another_size_is_refused(vgg: Encoder, make_image: MakeImage) -> None:
    optimization = Optimization(vgg, StylizeOptions(make_image(40, 32)))
    with pytest.raises(ValueError, match=r"start: expected .* \(1, 32, 40\), got \(1, 32, 32\)"):
        optimization(make_image(32, 40), start=make_image(32, 32))


@pytest.mark.parametrize(
    ("field", "value"), [("steps", 0), ("start", "style"), ("smallest", 5), ("tolerance", -1.0)]
)
def test_bad_options_are_refused(field: str, value: object) -> None:
    with pytest.raises(OptionError, match=f"{field} must .*got ") as error:
        OptimizeOptions(**{field: value})  # type: ignore[arg-type]
    assert error.value.field == field


@pytest.mark.parametrize(
    ("values", "field"),
    [({"style_loss": "mean"}, "style_loss"), ({"style": -1.0}, "style_loss_weight")],
)
def test_bad_weights_are_refused(values: dict[str, object], field: str) -> None:
    with pytest.raises(OptionError, match=r"must be .*got ") as error:
        LossWeights(**values)  # type: ignore[arg-type]
    assert error.value.field == field


# --- refinement -------------------------------------------------------------------------------


@settings(max_examples=25)
@given(
    seed=st.integers(0, 1000),
    alpha=st.sampled_from([0.25, 1.0]),
    optimizer=st.sampled_from(["lbfgs", "adam"]),
    steps=st.integers(1, 6),
)
def test_refine_never_increases_the_loss(
    vgg: Encoder,
    tiny: AdaINModel,
    make_image: MakeImage,
    seed: int,
    alpha: float,
    optimizer: str,
    steps: int,
) -> None:
    photo, artwork = make_image(16, 24, seed=seed), make_image(24, 16, seed=seed + 1)
    options = StylizeOptions(artwork, alpha=alpha)
    start = Stylizer(tiny, options)(photo)
    how = DescentOptions(steps, optimizer)  # type: ignore[arg-type]
    result = Refiner(vgg, options, how)(start, photo)
    task = Task(photo, [artwork], torch.ones(1, 1, 1, 1), alpha)
    losses = make_objective(vgg, task, LossWeights(), region_statistics=True)
    assert losses(result).total <= losses(start).total * (1 + 1e-6)


def test_content_target_is_the_adain_output(vgg: Encoder, make_image: MakeImage) -> None:
    photo, artwork = make_image(32, 40, seed=1), make_image(40, 32, seed=2)
    task = Task(photo, [artwork], torch.ones(1, 1, 1, 1), alpha=0.75)
    objective = make_objective(vgg, task, LossWeights(), region_statistics=True)
    content, style = (vgg(image) for image in (photo, artwork))
    own, wanted = channel_statistics(content), channel_statistics(style)
    mean, std = (torch.lerp(a, b, 0.75)[:, :, None, None] for a, b in zip(own, wanted, strict=True))
    expected = (content - own[0][:, :, None, None]) / own[1][:, :, None, None] * std + mean
    torch.testing.assert_close(objective.content, expected, rtol=1e-4, atol=1e-4)


def test_content_target_with_masks_is_the_adain_output(
    make_model: Callable[..., AdaINModel], make_image: MakeImage
) -> None:
    model = make_model()
    photo, artworks = make_image(32, 48, seed=1), [make_image(40, 32, seed=s) for s in (2, 3)]
    mask = torch.zeros(2, 1, 32, 48)
    mask[0, ..., :24], mask[1, ..., 24:40] = 1, 1
    objective = make_objective(model.encoder, Task(photo, artworks, mask), LossWeights(), True)
    styles = [model.encode_style(artwork, size=0) for artwork in artworks]
    expected = adain(model.encode(photo), styles, masks=list(mask[:, 0]))
    torch.testing.assert_close(objective.content, expected.tensor, rtol=1e-4, atol=1e-4)


def test_what_no_mask_covers_stays(vgg: Encoder, tiny: AdaINModel, make_image: MakeImage) -> None:
    photo = make_image(32, 40, seed=1)
    mask = torch.zeros(32, 40)
    mask[:, 16:] = 1
    options = StylizeOptions(make_image(40, 32, seed=2), masks=[mask])
    start = Stylizer(tiny, options)(photo)
    result = refine(start, photo, options, vgg, steps=10)
    assert torch.equal(result[..., :16], photo[..., :16])
    assert (result[..., 16:] - start[..., 16:]).abs().max() > 0.01


def test_watch_gets_the_best_image_so_far(
    vgg: Encoder, tiny: AdaINModel, make_image: MakeImage
) -> None:
    """With what no mask covers, as in the result."""
    photo, mask = make_image(32, 40, seed=1), torch.zeros(32, 40)
    mask[:, 16:] = 1
    options = StylizeOptions(make_image(40, 32, seed=2), masks=[mask])
    start = Stylizer(tiny, options)(photo)
    shown: list[Tensor] = []
    result = refine(
        start, photo, options, vgg, steps=8, watch=lambda step: shown.append(step.image.clone())
    )
    assert len(shown) == 9
    torch.testing.assert_close(shown[0], start, rtol=0, atol=1e-5)
    assert torch.equal(shown[-1], result)
    assert all(torch.equal(each[..., :16], shown[0][..., :16]) for each in shown)


def test_an_error_in_watch_ends_refine_and_leaves_the_start(
    vgg: Encoder, tiny: AdaINModel, make_image: MakeImage
) -> None:
    photo, options = make_image(32, 40, seed=1), StylizeOptions(make_image(40, 32, seed=2))
    start = Stylizer(tiny, options)(photo)
    before, seen = start.clone(), []

    def watch(step: Step) -> None:
        seen.append(step.step)
        if step.step == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        refine(start, photo, options, vgg, steps=10, watch=watch)
    assert seen == [0, 1, 2]
    assert torch.equal(start, before)


def test_refine_takes_images_in_8_bits(
    vgg: Encoder, tiny: AdaINModel, make_image: MakeImage
) -> None:
    photo, options = make_image(32, 40, seed=1), StylizeOptions(make_image(40, 32, seed=2))
    start = Stylizer(tiny, options)(photo, output_dtype=torch.uint8)
    result = refine(start, photo, options, vgg, steps=3)
    torch.testing.assert_close(result, refine(start / 255, photo, options, vgg, steps=3))


def test_refine_takes_channels_last_memory(vgg: Encoder, make_image: MakeImage) -> None:
    photo, options = make_image(32, 40, seed=1), StylizeOptions(make_image(40, 32, seed=2))
    start = make_image(32, 40, seed=3)
    strided = start.movedim(1, -1).contiguous().movedim(-1, 1)
    result = refine(strided, photo, options, vgg, steps=3)
    torch.testing.assert_close(result, refine(start, photo, options, vgg, steps=3))


def test_refine_needs_steps_and_the_artwork(
    vgg: Encoder, tiny: AdaINModel, make_image: MakeImage
) -> None:
    photo, artwork = make_image(32, 40), make_image(40, 32)
    with pytest.raises(OptionError, match="steps must be 1 or more, got 0"):
        refine(photo, photo, StylizeOptions(artwork), vgg, steps=0)
    style: Style = tiny.encode_style(artwork)
    with pytest.raises(OptionError, match=r"styles\[0\] contains no image, and refining needs"):
        refine(photo, photo, StylizeOptions(style), vgg)
