from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adain_core import AdaINModel, Style, load_image
from adain_core.choices import TEMPORAL_MODES
from adain_core.functional import channel_statistics
from adain_core.pixels import resize_shortest_side
from adain_core.temporal import CUT, LAG, TemporalPool, scene_change
from adain_core.transfer import FrameStatistics

# What every mode must fulfil is asked of all; what pooling means, of those that pool.
MODES = list(TEMPORAL_MODES)
POOLING = [mode for mode in MODES if mode != "frame"]
SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def statistics(*frames: Tensor) -> list[tuple[Tensor, Tensor]]:
    return [channel_statistics(frame) for frame in frames]


def pooled_by(
    pool: TemporalPool, frames: list[tuple[Tensor, Tensor]]
) -> list[tuple[Tensor, Tensor]]:
    """What a pool makes of the whole's statistics and the regions'."""
    result = pool(FrameStatistics(frames[0], tuple(frames[1:])))
    return [result.whole, *result.regions]


def features(seed: int, batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 6, 5, 7, generator=generator)


# --- pooling ----------------------------------------------------------------------------------


def test_window_pools_the_last_frames_as_one_image() -> None:
    frames = [features(seed) for seed in range(5)]
    pool = TemporalPool("window", length=3)
    pooled = [pooled_by(pool, statistics(frame)) for frame in frames]
    for number in range(5):
        together = torch.cat(frames[max(0, number - 2) : number + 1], dim=3)
        torch.testing.assert_close(pooled[number], statistics(together), rtol=1e-4, atol=1e-4)


def test_ema_is_an_exponential_mean_of_moments() -> None:
    frames = [features(seed) for seed in range(3)]
    pool = TemporalPool("ema", length=3)  # the newest has half the weight
    for frame in frames:
        [(mean, std)] = pooled_by(pool, statistics(frame))
    moments = [(m, m**2 + s**2) for [(m, s)] in (statistics(frame) for frame in frames)]
    first, second = (0.25 * a + 0.25 * b + 0.5 * c for a, b, c in zip(*moments, strict=True))
    torch.testing.assert_close(mean, first)
    torch.testing.assert_close(std, (second - first**2).sqrt())


@pytest.mark.parametrize("mode", POOLING)
def test_a_batch_is_its_frames_one_by_one(mode: str) -> None:
    frames = features(0, batch=4)
    together = pooled_by(TemporalPool(mode, 3), statistics(frames))
    pool = TemporalPool(mode, 3)
    single = [pooled_by(pool, statistics(frames[i : i + 1])) for i in range(4)]
    for k in range(2):
        torch.testing.assert_close(together[0][k], torch.cat([s[0][k] for s in single]))


def test_modes_differ_from_each_other() -> None:
    """None behaves like another, as one that was forgotten somewhere would."""
    frames = [features(seed) for seed in range(4)]
    ways = []
    for mode in MODES:
        pool = TemporalPool(mode, 3)
        ways.append([pooled_by(pool, statistics(frame))[0][0] for frame in frames])
    for one, other in itertools.combinations(ways, 2):
        assert not torch.allclose(torch.cat(one), torch.cat(other))


@pytest.mark.parametrize("mode", MODES)
def test_equal_frames_stay_as_they_are(mode: str) -> None:
    pool = TemporalPool(mode, 4)
    for _ in range(6):
        pooled = pooled_by(pool, statistics(features(0)))
    torch.testing.assert_close(pooled, statistics(features(0)))


@pytest.mark.parametrize("mode", POOLING)
def test_flat_frames_keep_their_small_std(mode: str) -> None:
    # Of a flat red image relu4_1 has channels of 32; beside its square an epsilon is nothing.
    flat = torch.full((1, 6, 5, 7), 32.0)
    pool = TemporalPool(mode, 4)
    for _ in range(6):
        pooled = pooled_by(pool, statistics(flat))
    torch.testing.assert_close(pooled, statistics(flat))


@pytest.mark.parametrize("mode", POOLING)
def test_an_empty_region_does_not_count(mode: str) -> None:
    empty = (torch.zeros(1, 6), torch.full((1, 6), 1e-5**0.5))
    pool = TemporalPool(mode, 4)
    [whole], [region] = statistics(features(0)), statistics(features(1))
    pooled_by(pool, [whole, empty])
    torch.testing.assert_close(pooled_by(pool, [whole, region])[1], region)
    assert torch.equal(pooled_by(pool, [whole, empty])[1][0], empty[0])
    torch.testing.assert_close(pooled_by(pool, [whole, region])[1], region)


@pytest.mark.parametrize(("mode", "length"), [("mean", 8), ("ema", 0)])
def test_wrong_arguments(mode: str, length: int) -> None:
    with pytest.raises(ValueError, match="temporal"):
        TemporalPool(mode, length)  # type: ignore[arg-type]


# --- scene cuts: the shipped model on real photos ---------------------------------------------


@pytest.fixture(scope="module")
def slim() -> AdaINModel:
    return AdaINModel.from_pretrained("adain-slim", device="cpu", dtype="fp32")


@pytest.fixture(scope="module")
def photos() -> list[Tensor]:
    paths = sorted((SAMPLES / "content").glob("*.jpg"))
    return [resize_shortest_side(load_image(path), 160)[:, :3] for path in paths]


def test_every_pair_of_photos_is_a_cut_but_not_light_or_movement(
    slim: AdaINModel, photos: list[Tensor]
) -> None:
    def std(image: Tensor) -> Tensor:
        return channel_statistics(slim.encode(image).tensor)[1][0]

    stds = [std(photo) for photo in photos]
    cuts = [scene_change(a, b) for a in stds for b in stds if a is not b]
    same = []
    for photo, own in zip(photos, stds, strict=True):
        same += [scene_change(std((photo * gain).clamp(0, 1)), own) for gain in (0.8, 1.2)]
        width = photo.shape[-1]
        step = width // 10
        same.append(scene_change(std(photo[..., step:]), std(photo[..., :-step])))
    assert max(same) < CUT < min(cuts)


def test_a_change_is_of_the_stds_against_each_other() -> None:
    std = torch.rand(10) + 1
    assert scene_change(3 * std, std) == pytest.approx(0, abs=1e-6)
    some = torch.ones(10)
    some[:4] = 3
    # The cosine of (3, 3, 3, 3, 1, …) and (1, 1, …) is 18 / √(42 · 10).
    assert scene_change(some, torch.ones(10)) == pytest.approx(1 - 18 / 420**0.5, abs=1e-6)


@pytest.mark.parametrize("mode", POOLING)
def test_a_cut_resets_the_pool(slim: AdaINModel, photos: list[Tensor], mode: str) -> None:
    frames = [slim.encode(photo).tensor for photo in photos]
    pool = TemporalPool(mode)
    for frame in frames[:2] * 2:
        torch.testing.assert_close(pooled_by(pool, statistics(frame)), statistics(frame))


# --- flicker: what does not change in the input changes less in the output --------------------

NOISE = 0.2  # of the brightness, in the left part of every frame


def flicker(
    model: AdaINModel,
    style: Style | Path,
    mode: str,
    frames: list[Tensor],
    move: int = 0,
    preserve_color: str | None = None,
) -> float:
    """Mean absolute difference of consecutive outputs at places whose inputs do not differ.

    These lie beyond the noise's reach through the networks' field of view, and for a pan beyond
    that of the borders, too.
    """
    pool = TemporalPool(mode)
    options = {"preserve_color": preserve_color, "style_size": 128}
    outputs = [model.stylize(frame, style, smoothing=pool, **options) for frame in frames]
    left, right = 24 + 40, outputs[0].shape[-1] - (40 if move else 0)
    differences = [
        (a[..., left + move : right] - b[..., left : right - move]).abs().mean()
        for a, b in itertools.pairwise(outputs)
    ]
    return float(torch.stack(differences).mean())


@pytest.mark.parametrize("move", [0, 8], ids=["still", "pan"])
def test_pooling_halves_the_flicker(slim: AdaINModel, photos: list[Tensor], move: int) -> None:
    generator = torch.Generator().manual_seed(0)
    photo = resize_shortest_side(photos[1], 128)
    frames = []
    for number in range(6):
        # By whole features, so that the networks alone would change nothing but at the borders.
        frame = photo[..., number * move :][..., : photo.shape[-1] - 5 * move].clone()
        frame[..., :24] *= 1 + NOISE * (2 * torch.rand(1, generator=generator) - 1)
        frames.append(frame.clamp(0, 1))
    style = slim.encode_style(SAMPLES / "style" / "van-gogh-starry-night.jpg", size=128)
    measured = {mode: flicker(slim, style, mode, frames, move) for mode in MODES}
    assert measured["frame"] > 1e-3
    assert max(measured[mode] for mode in POOLING) < measured["frame"] / 2, measured


def test_pooling_calms_recolored_styles_too(slim: AdaINModel, photos: list[Tensor]) -> None:
    generator = torch.Generator().manual_seed(0)
    photo = resize_shortest_side(photos[1], 128)
    frames = [photo.clone() for _ in range(6)]
    for frame in frames:
        tint = torch.rand(3, generator=generator)[:, None, None]
        frame[..., :24] = torch.lerp(frame[..., :24], tint.expand_as(frame[..., :24]), 0.5)
    artwork = SAMPLES / "style" / "van-gogh-starry-night.jpg"
    measured = {
        mode: flicker(slim, artwork, mode, frames, preserve_color="coral") for mode in MODES
    }
    assert max(measured[mode] for mode in POOLING) < measured["frame"] / 2, measured


def test_modes_agree_where_nothing_changes(
    tiny: AdaINModel, make_image: Callable[..., Tensor]
) -> None:
    style = tiny.encode_style(make_image(40, 40, seed=3))
    for mode in POOLING:
        pool = TemporalPool(mode)
        for _ in range(3):
            result = tiny.stylize(make_image(24, 40), style, smoothing=pool)
        torch.testing.assert_close(
            result, tiny.stylize(make_image(24, 40), style), rtol=1e-4, atol=1e-4
        )


def test_a_slow_change_is_no_cut() -> None:
    pool, first, last = TemporalPool("ema", 100), features(0), features(1)
    last = last * torch.linspace(0.2, 3, 6)[:, None, None]
    for step in range(31):
        [own] = statistics(torch.lerp(first, last, step / 30))
        [pooled] = pooled_by(pool, [own])
        assert step == 0 or not torch.equal(pooled[0], own[0])


def test_another_number_of_regions_resets_the_pool() -> None:
    pool = TemporalPool("ema", 4)
    [whole], [one], [other] = (statistics(features(seed)) for seed in range(3))
    pooled_by(pool, [whole, one])
    for pooled, own in zip(pooled_by(pool, [whole, one, other]), [whole, one, other], strict=True):
        torch.testing.assert_close(pooled, own)


@pytest.mark.parametrize("mode", POOLING)
@pytest.mark.parametrize("step", [0.2, -0.15], ids=["in", "out"])
def test_fades_are_followed(mode: str, step: float) -> None:
    pool, last = TemporalPool(mode), None
    for number in range(6):
        [own] = statistics(features(0) * (1 + step * number))
        [pooled] = pooled_by(pool, [own])
        variance, now = (float(std.square().sum()) for std in (pooled[1], own[1]))
        nearest = now if last is None else last
        assert min(now, nearest) / LAG * 0.999 < variance < max(now, nearest) * LAG * 1.001
        last = now


@pytest.mark.parametrize("mode", POOLING)
def test_alternating_brightness_is_not_a_fade(mode: str) -> None:
    pool, frames = TemporalPool(mode, 4), (features(0), 0.8 * features(0))
    stds = []
    for number in range(8):
        [(_, std)] = pooled_by(pool, statistics(frames[number % 2]))
        stds.append(float(std.norm()))
    bright, dark = (float(statistics(each)[0][1].norm()) for each in frames)
    assert max(stds[4:]) - min(stds[4:]) < 0.5 * (bright - dark)


# --- going on ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cut", [False, True])
def test_a_pool_goes_on_from_its_state(mode: str, cut: bool) -> None:
    """In every pass and region, also where a region was empty or a scene has just begun."""

    def frame(number: int) -> list[tuple[Tensor, Tensor]]:
        whole, region = features(number if cut and number == 4 else 0) + number / 50, features(9)
        return statistics(whole, region * (number != 1), features(number) * 0)

    def see(pool: TemporalPool, number: int) -> list[Tensor]:
        rows = frame(number)
        given = FrameStatistics(rows[0], tuple(rows[1:]))
        pooled = [pool.at(place)(given) for place in (0, 1)]
        return [value for each in pooled for row in (each.whole, *each.regions) for value in row]

    pool, other = TemporalPool(mode, length=3), TemporalPool(mode, length=3)
    for number in range(5):
        see(pool, number)
    state = {name: tensor.clone() for name, tensor in pool.state_dict().items()}
    assert bool(state) is (mode in POOLING)
    other.load_state_dict(state, "cpu")
    for number in range(5, 9):
        for one, two in zip(see(pool, number), see(other, number), strict=True):
            assert torch.equal(one, two)


def test_a_loaded_state_replaces_what_the_pool_remembered() -> None:
    pool, fresh = TemporalPool("ema"), TemporalPool("ema")
    pooled_by(pool, statistics(features(1)))
    pool.load_state_dict({}, "cpu")
    for one, two in zip(
        pooled_by(pool, statistics(features(2))),
        pooled_by(fresh, statistics(features(2))),
        strict=True,
    ):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
