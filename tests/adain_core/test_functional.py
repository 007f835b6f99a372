from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from adain_core.functional import EPSILON, adaptive_instance_norm, channel_statistics, fuse

Tolerance = dict[torch.dtype, dict[str, float]]


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Features whose channels differ in mean and contrast."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    scale = 0.2 + 3 * torch.rand(*shape[:2], 1, 1, generator=generator, dtype=torch.float64)
    shift = 5 * torch.randn(*shape[:2], 1, 1, generator=generator, dtype=torch.float64)
    return (values * scale + shift).to(dtype)


def numpy_statistics(features: Tensor, selected: np.ndarray | None = None) -> tuple[Tensor, Tensor]:
    """The definition in float64, over the selected pixels (H, W) of each sample."""
    array = features.double().numpy()
    if selected is None:
        selected = np.ones(array.shape[2:], dtype=bool)
    pixels = array[:, :, selected]
    mean, variance = pixels.mean(-1), pixels.var(-1, ddof=0)
    return torch.from_numpy(mean), torch.from_numpy(np.sqrt(variance + 1e-5))


@given(
    batch=st.integers(1, 3),
    channels=st.integers(1, 4),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    seed=st.integers(0, 1000),
)
def test_statistics_equal_their_definition(
    batch: int, channels: int, height: int, width: int, seed: int
) -> None:
    features = random(batch, channels, height, width, seed=seed)
    for own, expected in zip(channel_statistics(features), numpy_statistics(features), strict=True):
        assert own.dtype == torch.float32
        assert own.shape == (batch, channels)
        torch.testing.assert_close(own.double(), expected, rtol=1e-5, atol=1e-5)


def test_statistics_of_small_contrast_on_a_large_mean() -> None:
    # The naive E[x²] − E[x]² would be 0 or negative here.
    features = 1000 + random(1, 3, 64, 64) * 0.05
    mean, std = channel_statistics(features)
    expected_mean, expected_std = numpy_statistics(features)
    torch.testing.assert_close(mean.double(), expected_mean, rtol=1e-6, atol=0)
    torch.testing.assert_close(std.double(), expected_std, rtol=1e-3, atol=0)
    std_masked = channel_statistics(features, torch.ones(1, 1, 64, 64))[1]
    torch.testing.assert_close(std_masked.double(), expected_std, rtol=1e-3, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_features_have_float32_statistics(
    dtype: torch.dtype, tolerance: Tolerance
) -> None:
    features = random(2, 5, 32, 32)
    for half, full in zip(
        channel_statistics(features.to(dtype)), channel_statistics(features), strict=True
    ):
        assert half.dtype == torch.float32
        torch.testing.assert_close(half, full, **tolerance[dtype])
    # Not only close: the exact statistics of the rounded values.
    rounded = features.to(dtype).double()
    torch.testing.assert_close(
        channel_statistics(features.to(dtype))[1].double(), channel_statistics(rounded)[1]
    )


def test_large_half_precision_features_do_not_overflow() -> None:
    features = torch.tensor([60000.0, -60000.0], dtype=torch.float16).reshape(1, 1, 1, 2)
    mean, std = channel_statistics(features)
    assert mean.item() == 0
    assert std.item() == pytest.approx(60000, rel=1e-3)


def test_statistics_of_float64_are_float64() -> None:
    mean, std = channel_statistics(random(1, 2, 4, 4, dtype=torch.float64))
    assert mean.dtype == std.dtype == torch.float64


@pytest.mark.parametrize("strength", [1.0, 0.3, 1e-3, 1e-7, 1e-12])
def test_masked_statistics_are_those_of_the_selected_pixels(strength: float) -> None:
    features = random(2, 4, 9, 7)
    selected = torch.rand(9, 7, generator=torch.Generator().manual_seed(1)) > 0.6
    mask = strength * selected[None, None].float()
    for own, expected in zip(
        channel_statistics(features, mask),
        numpy_statistics(features, selected.numpy()),
        strict=True,
    ):
        torch.testing.assert_close(own.double(), expected, rtol=1e-5, atol=1e-5)


def test_soft_mask_weights_the_pixels() -> None:
    features = random(1, 2, 1, 3)
    # Weights 1, 2 and 3 are as many copies of the pixels.
    mask = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 1, 1, 3) / 3
    copies = features[..., [0, 1, 1, 2, 2, 2]]
    for own, expected in zip(
        channel_statistics(features, mask), channel_statistics(copies), strict=True
    ):
        torch.testing.assert_close(own, expected)


def test_each_sample_has_its_mask() -> None:
    features = random(2, 3, 4, 4)
    mask = torch.zeros(2, 1, 4, 4)
    mask[0, :, :2], mask[1, :, 2:] = 1, 1
    mean, _ = channel_statistics(features, mask)
    torch.testing.assert_close(mean[0], features[0, :, :2].mean(dim=(1, 2)))
    torch.testing.assert_close(mean[1], features[1, :, 2:].mean(dim=(1, 2)))


def test_one_pixel_and_no_pixel_are_finite() -> None:
    features = random(1, 3, 4, 4)
    mask = torch.zeros(1, 1, 4, 4)
    empty = channel_statistics(features, mask)
    assert torch.equal(empty[0], torch.zeros(1, 3))
    torch.testing.assert_close(empty[1], torch.full((1, 3), EPSILON**0.5))
    mask[0, 0, 1, 2] = 1
    one = channel_statistics(features, mask)
    torch.testing.assert_close(one[0], features[:, :, 1, 2])
    torch.testing.assert_close(one[1], torch.full((1, 3), EPSILON**0.5))
    alone = channel_statistics(features[:, :, :1, :1])
    torch.testing.assert_close(alone[1], torch.full((1, 3), EPSILON**0.5))


def test_adain_reaches_the_target_statistics() -> None:
    features = random(2, 6, 20, 30)
    mean, std = random(2, 6, 1, 1, seed=3)[..., 0, 0], torch.rand(2, 6) + 0.5
    result = adaptive_instance_norm(features, mean, std)
    own_mean, own_std = channel_statistics(result)
    torch.testing.assert_close(own_mean, mean, rtol=1e-4, atol=1e-4)
    # eps in the content's std leaves std · var / (var + eps), hidden by this tolerance.
    torch.testing.assert_close(own_std, std, rtol=1e-3, atol=1e-4)


def test_adain_equals_its_definition() -> None:
    features = random(1, 3, 5, 6)
    mean, std = torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[0.5, 2.0, 0.0]])
    own_mean, own_std = (value[:, :, None, None] for value in numpy_statistics(features))
    expected = (features.double() - own_mean) / own_std
    expected = expected * std[:, :, None, None] + mean[:, :, None, None]
    result = adaptive_instance_norm(features, mean, std)
    torch.testing.assert_close(result.double(), expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(result[:, 2], torch.full((1, 5, 6), 0.5))


def test_one_style_serves_a_batch() -> None:
    features = random(3, 4, 5, 5)
    mean, std = torch.rand(1, 4), torch.rand(1, 4)
    together = adaptive_instance_norm(features, mean, std)
    for sample, one in zip(together, features, strict=True):
        torch.testing.assert_close(sample[None], adaptive_instance_norm(one[None], mean, std))


def test_own_statistics_change_nothing() -> None:
    features = random(2, 4, 8, 8)
    assert torch.equal(adaptive_instance_norm(features, *channel_statistics(features)), features)


def test_flat_channels_are_finite() -> None:
    features = torch.full((1, 2, 4, 4), 7.0)
    result = adaptive_instance_norm(features, torch.tensor([[1.0, 2.0]]), torch.ones(1, 2))
    torch.testing.assert_close(result[0, :, 0, 0], torch.tensor([1.0, 2.0]), rtol=0, atol=1e-3)


def test_given_content_statistics_are_used() -> None:
    features = random(1, 3, 4, 4)
    statistics = (torch.full((1, 3), 2.0), torch.full((1, 3), 4.0))
    result = adaptive_instance_norm(features, torch.ones(1, 3), torch.ones(1, 3), statistics)
    torch.testing.assert_close(result, (features - 2) / 4 + 1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_adain_in_half_precision(dtype: torch.dtype, tolerance: Tolerance) -> None:
    features = random(1, 4, 16, 16)
    mean, std = torch.randn(1, 4), torch.rand(1, 4)
    result = adaptive_instance_norm(features.to(dtype), mean, std)
    assert result.dtype == dtype
    expected = adaptive_instance_norm(features, mean, std)
    torch.testing.assert_close(result.float(), expected, **tolerance[dtype])


def test_gradients() -> None:
    features = random(2, 3, 3, 3, dtype=torch.float64).requires_grad_()
    mean = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    std = (torch.rand(2, 3, dtype=torch.float64) + 0.5).requires_grad_()
    mask = torch.rand(2, 1, 3, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(adaptive_instance_norm, (features, mean, std))
    assert torch.autograd.gradcheck(channel_statistics, (features,))
    assert torch.autograd.gradcheck(lambda x: channel_statistics(x, mask), (features,))


def test_gradients_of_flat_channels_are_finite() -> None:
    features = torch.full((1, 2, 3, 3), 0.5, requires_grad=True)
    adaptive_instance_norm(features, torch.ones(1, 2), torch.ones(1, 2)).sum().backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


def test_fuse() -> None:
    features = random(2, 3, 4, 5)
    mean, std = torch.randn(1, 3), torch.rand(1, 3)
    statistics = channel_statistics(random(2, 3, 4, 5, seed=9))
    assert torch.equal(
        fuse(features, mean, std, "adain", statistics),
        adaptive_instance_norm(features, mean, std, statistics),
    )
    joined = fuse(features, mean, std, "concat", statistics)
    assert joined.shape == (2, 9, 4, 5)
    assert torch.equal(joined[:, :3], features)
    assert torch.equal(joined[:, 3:6], mean[:, :, None, None].expand(2, 3, 4, 5))
    assert torch.equal(joined[:, 6:], std[:, :, None, None].expand(2, 3, 4, 5))
    assert fuse(features.half(), mean, std, "concat").dtype == torch.float16


@pytest.mark.parametrize("masked", [False, True])
def test_statistics_a_few_channels_at_a_time(masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    features = random(2, 7, 4, 5)
    mask = torch.rand(1, 1, 4, 5) if masked else None
    whole = channel_statistics(features, mask)
    for chunk in (1, 2 * 3 * 20):  # a channel, three channels
        monkeypatch.setattr("adain_core.functional.CHUNK", chunk)
        for part, expected in zip(channel_statistics(features, mask), whole, strict=True):
            torch.testing.assert_close(part, expected)


def test_statistics_inside_a_mask_of_bool() -> None:
    features, mask = random(2, 3, 8, 10), random(2, 1, 8, 10) > 0.5
    expected = channel_statistics(features, mask.float())
    torch.testing.assert_close(channel_statistics(features, mask), expected)
