from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from adain_core import NotFiniteError, color
from adain_core.color import methods

MOMENT_METHODS = (color.coral, color.mean_std, color.cholesky)
METHOD_FUNCTIONS = tuple(getattr(color, name) for name in color.METHODS)


def random_image(seed: int, height: int = 20, width: int = 30, batch: int = 1) -> Tensor:
    """Random colors with correlated channels, in 0..1, as photographs have them."""
    generator = torch.Generator().manual_seed(seed)
    shared = torch.rand(batch, 1, height, width, generator=generator)
    own = torch.rand(batch, 3, height, width, generator=generator)
    offset = 0.3 * torch.rand(batch, 3, 1, 1, generator=generator)
    return (0.4 * shared + 0.3 * own + offset).clamp(0, 1)


def mean(image: Tensor) -> Tensor:
    return image.flatten(2).double().mean(-1)


def std(image: Tensor) -> Tensor:
    return image.flatten(2).double().std(-1)


def covariance(image: Tensor) -> Tensor:
    return torch.stack([torch.cov(sample.flatten(1).double()) for sample in image])


def numpy_coral(source: Tensor, target: Tensor) -> np.ndarray:
    """The definition itself, in float64: pixels as columns, symmetric roots by SVD."""

    def root(matrix: np.ndarray) -> np.ndarray:
        u, d, vt = np.linalg.svd(matrix)
        return u @ np.diag(np.sqrt(d)) @ vt

    def standardize(image: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x = image[0].double().numpy().reshape(3, -1)
        m, s = x.mean(1, keepdims=True), x.std(1, ddof=1, keepdims=True)
        return (x - m) / s, m, s

    xs, _, _ = standardize(source)
    xt, mt, s_t = standardize(target)
    cs, ct = xs @ xs.T + np.eye(3), xt @ xt.T + np.eye(3)
    out = root(ct) @ np.linalg.inv(root(cs)) @ xs * s_t + mt
    return out.reshape(source.shape)


@given(seed=st.integers(0, 10_000), width=st.integers(2, 40))
@settings(max_examples=25, deadline=None)
def test_coral_equals_its_definition(seed: int, width: int) -> None:
    source, target = random_image(seed, 9, 11), random_image(seed + 1, 8, width)
    expected = numpy_coral(source, target)
    np.testing.assert_allclose(color.coral(source, target).numpy(), expected, atol=5e-6)
    double = color.coral(source.double(), target.double())
    np.testing.assert_allclose(double.numpy(), expected, atol=1e-9)


def test_coral_scales_contrast_with_the_number_of_pixels() -> None:
    image, reference = random_image(0, 40, 40), random_image(1, 80, 80)
    assert torch.allclose(std(color.coral(image, reference)), 2 * std(reference), rtol=1e-2)


def test_coral_on_equal_sizes_reaches_mean_and_covariance() -> None:
    image, reference = random_image(2, 60, 60), random_image(3, 60, 60)
    result = color.coral(image, reference)
    assert torch.allclose(mean(result), mean(reference), atol=1e-6)
    # C = XXᵀ + I: the identity weighs 1 against 3,599 pixels.
    assert torch.allclose(covariance(result), covariance(reference), rtol=2e-3)


def test_mean_std_reaches_mean_and_std() -> None:
    image, reference = random_image(4), random_image(5, 33, 12)
    result = color.mean_std(image, reference)
    assert torch.allclose(mean(result), mean(reference), atol=1e-6)
    assert torch.allclose(std(result), std(reference), atol=1e-6)
    expected = (image.double() - mean(image)[..., None, None]) / std(image)[..., None, None]
    expected = expected * std(reference)[..., None, None] + mean(reference)[..., None, None]
    assert torch.allclose(result.double(), expected, atol=1e-6)


def test_cholesky_reaches_mean_and_covariance() -> None:
    image, reference = random_image(6), random_image(7, 33, 12)
    result = color.cholesky(image, reference)
    assert torch.allclose(mean(result), mean(reference), atol=1e-6)
    assert torch.allclose(covariance(result), covariance(reference), atol=3e-6)
    assert not torch.allclose(covariance(image), covariance(reference), atol=1e-4)


def test_moments_do_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    image, reference = random_image(8), random_image(9, 17, 13)
    whole = [method(image, reference) for method in MOMENT_METHODS]
    monkeypatch.setattr(methods, "CHUNK", 37)
    for method, expected in zip(MOMENT_METHODS, whole, strict=True):
        assert torch.allclose(method(image, reference), expected, atol=1e-6)


def test_only_devices_that_have_float64_get_it() -> None:
    """Intel Arc, DirectML and MPS refuse it; "meta" stands for any of them."""
    assert methods.widen(torch.ones(2)).dtype == torch.float64
    assert methods.widen(torch.ones(2, device="meta")).dtype == torch.float32


def test_moments_without_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    image, reference = random_image(8, 300, 300), random_image(9, 200, 300)
    expected = [
        method(image, reference) for method in METHOD_FUNCTIONS if method != color.luminance
    ]
    monkeypatch.setattr(methods, "widen", Tensor.float)
    found = [method(image, reference) for method in METHOD_FUNCTIONS if method != color.luminance]
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_histogram_of_equal_size_is_the_reference_permuted() -> None:
    image, reference = random_image(10), random_image(11)
    image = image + torch.linspace(0, 1e-3, image.numel()).view_as(image)  # no two values equal
    result = color.histogram(image, reference)
    assert torch.equal(result.flatten(2).sort().values, reference.flatten(2).sort().values)
    assert torch.equal(result.flatten(2).argsort(), image.flatten(2).argsort())


@pytest.mark.parametrize("size", [(7, 9), (90, 70)])
def test_histogram_reaches_the_quantiles_of_another_size(size: tuple[int, int]) -> None:
    image, reference = random_image(12, 40, 40), random_image(13, *size)
    result = color.histogram(image, reference)
    levels = torch.linspace(0.05, 0.95, 19)
    for channel in range(3):
        reached = result[0, channel].flatten().quantile(levels)
        expected = reference[0, channel].flatten().quantile(levels)
        assert (reached - expected).abs().max() < 0.02


def test_histogram_keeps_equal_values_equal() -> None:
    image = (random_image(14) * 8).round() / 8
    result = color.histogram(image, random_image(15))
    for channel in range(3):
        for value in image[0, channel].unique():
            assert len(result[0, channel][image[0, channel] == value].unique()) == 1


def test_histogram_of_a_flat_image_is_the_median() -> None:
    reference = random_image(16, 5, 5)
    result = color.histogram(torch.full((1, 3, 4, 6), 0.2), reference)
    median = reference.flatten(2).median(-1).values[..., None, None]
    assert torch.equal(result, median.expand_as(result))


def test_luminance_in_yiq() -> None:
    image, reference = random_image(17), random_image(18)
    to_yiq = np.array(
        [[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]]
    )
    yiq = to_yiq @ reference[0].double().numpy().reshape(3, -1)
    yiq[0] = (to_yiq @ image[0].double().numpy().reshape(3, -1))[0]
    expected = (np.linalg.inv(to_yiq) @ yiq).reshape(image.shape)
    np.testing.assert_allclose(color.luminance(image, reference).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("method", METHOD_FUNCTIONS)
def test_identity_when_the_reference_is_the_image(method) -> None:
    for image in (
        random_image(19),
        (random_image(20) * 255).round() / 255,
        random_image(21)[:, :1].repeat(1, 3, 1, 1),
    ):
        assert torch.allclose(method(image, image), image, atol=5e-6)


@pytest.mark.parametrize("method", METHOD_FUNCTIONS)
@pytest.mark.parametrize("height, width", [(1, 1), (1, 7), (6, 5)])
def test_flat_images_stay_finite_and_near_the_range(method, height: int, width: int) -> None:
    flat = torch.tensor([0.3, 0.7, 0.1]).view(1, 3, 1, 1).expand(1, 3, height, width)
    white, varied = torch.ones(1, 3, height, width), random_image(22, height, width)
    one_flat_channel = torch.cat([varied[:, :2], flat[:, 2:]], dim=1)
    images = (flat, white, varied, one_flat_channel)
    for image in images:
        for reference in images:
            result = method(image, reference)
            assert result.shape == image.shape
            assert result.isfinite().all()
            assert result.min() > -1 and result.max() < 2


@pytest.mark.parametrize("method", MOMENT_METHODS)
def test_flat_images_take_the_mean_and_flat_references_give_it(method) -> None:
    flat, varied = torch.full((1, 3, 8, 8), 0.3), random_image(23, 8, 8)
    means = mean(varied).float()[..., None, None].expand(1, 3, 8, 8)
    assert torch.allclose(method(flat, varied), means, atol=1e-6)
    # Cholesky regularizes with a variance of 1e-6, a deviation of 0.001.
    assert torch.allclose(method(varied, flat), flat, atol=5e-3)


def numpy_lab(image: np.ndarray) -> np.ndarray:
    """L*, a*, b* of sRGB ``(N, 3)`` in float64, by the norm's formulas (D65)."""
    linear = np.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.array(
        [
            [0.4124564, 0.2126729, 0.0193339],
            [0.3575761, 0.7151522, 0.1191920],
            [0.1804375, 0.0721750, 0.9503041],
        ]
    )
    x, y, z = (
        np.where(c > 216 / 24389, np.cbrt(c), (24389 / 27 * c + 16) / 116)
        for c in (xyz / (0.95047, 1.0, 1.08883)).T
    )
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def as_lab(image: Tensor) -> np.ndarray:
    return numpy_lab(image[0].double().flatten(1).T.numpy())


def test_the_reference_lab_is_known() -> None:
    red = numpy_lab(np.array([[1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(red, [[53.24, 80.09, 67.20]], atol=0.01)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_reinhard_gives_the_references_statistics_in_lab(seed: int) -> None:
    # Pale colors, so that nothing leaves sRGB.
    image, reference = (0.4 + 0.2 * random_image(seed + k, 9, 11) for k in range(2))
    ours, expected = as_lab(color.reinhard(image, reference)), as_lab(reference)
    np.testing.assert_allclose(ours.mean(0), expected.mean(0), atol=0.02)
    np.testing.assert_allclose(ours.std(0), expected.std(0), atol=0.02)
    # An affine map of each channel: what lies between the pixels stays.
    before = as_lab(image)
    np.testing.assert_allclose(
        (ours - ours.mean(0)) / ours.std(0), (before - before.mean(0)) / before.std(0), atol=0.02
    )


def test_reinhard_keeps_grays_gray() -> None:
    gray = random_image(40)[:, :1].expand(-1, 3, -1, -1)
    of_color = color.reinhard(random_image(41), gray)
    torch.testing.assert_close(of_color[:, :1].expand_as(of_color), of_color, rtol=0, atol=1e-5)
    tinted = as_lab(color.reinhard(gray, random_image(42)))
    np.testing.assert_allclose(tinted[:, 1:].std(0), 0, atol=0.02)  # one tint for all


@pytest.mark.parametrize("method", METHOD_FUNCTIONS)
def test_a_batch_is_its_samples(method) -> None:
    images, references = random_image(24, batch=3), random_image(25, batch=3)
    for result, pairs in (
        (method(images, references), zip(images, references, strict=True)),
        (method(images, references[:1]), [(image, references[0]) for image in images]),
        (method(images[:1], references), [(images[0], reference) for reference in references]),
    ):
        expected = torch.stack([method(image, reference) for image, reference in pairs])
        assert expected.shape == (3, 3, 20, 30)
        assert torch.allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize("name", color.METHODS)
def test_transfer_color_strength(name: str) -> None:
    image, reference = random_image(26), random_image(27)
    full = getattr(color, name)(image, reference)
    assert torch.equal(color.transfer_color(image, reference, name, 0), image)
    assert torch.equal(color.transfer_color(image, reference, name), full.clamp(0, 1))
    half = color.transfer_color(image, reference, name, 0.5)
    assert torch.allclose(half, ((image + full) / 2).clamp(0, 1), atol=1e-6)


def test_transfer_color_clamps_and_methods_do_not() -> None:
    # A sparse bright reference: standardized outliers of the image land beyond 0..1.
    image = torch.zeros(1, 3, 10, 10)
    image[..., 0, 0] = 1
    reference = (random_image(28) > 0.6).float()
    assert color.mean_std(image, reference).max() > 1
    assert color.transfer_color(image, reference, "mean_std").max() == 1
    batch = color.transfer_color(image[0], reference.repeat(2, 1, 1, 1), "mean_std", 0.5)
    assert batch.shape == (2, 3, 10, 10)


@pytest.mark.parametrize("method", METHOD_FUNCTIONS)
def test_dtype_is_the_images(method) -> None:
    image, reference = random_image(29), random_image(30)
    result = method(image.half(), reference)
    assert result.dtype == torch.float16
    assert torch.allclose(result.float(), method(image, reference), atol=1e-2)


@pytest.mark.parametrize(
    "image, reference, message",
    [
        (torch.rand(1, 4, 5, 5), torch.rand(1, 3, 5, 5), "in the image, got 4 .*split the alpha"),
        (torch.rand(3, 5, 5), torch.rand(4, 5, 5), "in the reference, got 4 .*split the alpha"),
        (torch.rand(5, 5), torch.rand(3, 5, 5), r"image as \(B, 3, H, W\).*got shape \(5, 5\)"),
        (torch.rand(5, 5, 3), torch.rand(3, 5, 5), r"got shape \(5, 5, 3\)"),
        (torch.rand(3, 5, 5), torch.rand(3, 0, 5), r"reference as .*got shape \(3, 0, 5\)"),
        (torch.ones(3, 5, 5).byte(), torch.rand(3, 5, 5), "floats in 0..1, got torch.uint8"),
        (
            torch.rand(2, 3, 5, 5),
            torch.rand(3, 3, 5, 5),
            "batch sizes or one of them 1, got 2 and 3",
        ),
    ],
)
@pytest.mark.parametrize("name", color.METHODS)
def test_images_that_do_not_fit(name: str, image: Tensor, reference: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        color.transfer_color(image, reference, name)


@pytest.mark.parametrize("method", color.METHODS)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused(method: str, value: float) -> None:
    bad = random_image(31).clone()
    bad[..., 3, 4] = value
    for images in ((bad, random_image(31)), (random_image(31), bad)):
        with pytest.raises(NotFiniteError, match="image has NaN or infinite values at 1 pixel"):
            color.transfer_color(*images, method)


def test_luminance_needs_one_size() -> None:
    with pytest.raises(ValueError, match="got 30x20 and 29x20: resize the reference"):
        color.luminance(random_image(31), random_image(31, width=29))


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_strength_outside_its_range(strength: float) -> None:
    with pytest.raises(ValueError, match=f"strength in 0..1, got {strength}"):
        color.transfer_color(random_image(32), random_image(33), "coral", strength)


def test_unknown_method() -> None:
    with pytest.raises(ValueError, match=r"of coral, histogram, .*; got guess"):
        color.transfer_color(random_image(34), random_image(35), "guess")


def test_visible_colors_of_more_pixels_than_float32_counts() -> None:
    image = torch.full((1, 4, 1, 2**24 + 8), 7, dtype=torch.uint8)
    image[..., :4] = 0
    assert (methods.visible_colors(image) == 7).all()
