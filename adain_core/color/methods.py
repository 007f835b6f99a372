"""The methods of color transfer."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real

import torch
from torch import Tensor

from ..errors import require_kind
from ..pixels import as_float, check_finite, luma, widen
from .cielab import from_lab, to_lab

# Standard deviation of a flat channel, far less than a level of 8 bits (0.004).
_FLAT_STD = 1e-5
# Added to the variances before a factorization: the variance of rounding to 8 bits.
_VARIANCE_EPS = 1e-6
# Highest gain of ``transport``: a photo of low contrast would show its noise.
_LARGEST_GAIN = 1.4
# Channels of a gray image may differ by rounding; rows that are checked at a time.
_GRAY_LEVELS, _GRAY_ROWS = 2.01, 64
# Pixels per step when moments are summed in float64, so that no float64 copy of the image is made.
CHUNK = 2**20


def transfer_color(image: Tensor, reference: Tensor, method: str, strength: float = 1.0) -> Tensor:
    """Recolor ``image`` with the colors of ``reference``.

    Args:
        image: ``(B, 3, H, W)`` or ``(3, H, W)``, float in 0..1.
        reference: the same, of any size (``luminance``: the image's size).
        method: one of ``METHODS``, which maps names to the functions below.
        strength: 0 keeps the image's own colors, 1 is the full transfer, linear in between.

    Returns:
        The recolored image, clamped to 0..1; ``(3, H, W)`` if both inputs are, else
        ``(B, 3, H, W)``.

    Raises:
        ValueError: an unknown method, a strength outside 0..1, images that do not match, NaN, or
            infinite values.
        TypeError: no tensors, such as paths.

    Example:
        >>> style = transfer_color(style, content, "coral")  # then stylize with it
    """
    require_kind("method", method, str, "the name of a method")
    require_kind("strength", strength, Real, "a number")
    if method not in METHODS:
        raise ValueError(f"expected a color transfer method of {', '.join(METHODS)}; got {method}")
    if not 0 <= strength <= 1:
        raise ValueError(f"expected a color transfer strength in 0..1, got {strength}")
    for each in _prepare(image, reference):
        check_finite(each)
    recolored = METHODS[method](image, reference)
    return torch.lerp(image.expand_as(recolored), recolored, strength).clamp(0, 1)


def coral(image: Tensor, reference: Tensor) -> Tensor:
    """Match correlations, then mean and standard deviation, as the official AdaIN code does.

    CORAL (Sun et al. 2016) on colors, as ``preserve_color`` in the official code and in
    pytorch-AdaIN: each channel is standardized, ``C = X Xᵀ + I`` of each image is *not* divided by
    the number of pixels, and ``sqrt(C_reference) · sqrt(C_image)⁻¹`` is applied before the
    standard deviation and mean of the reference. Contrast is therefore scaled by
    ``sqrt(reference pixels / image pixels)``: use images with about the same number of pixels.

    Args:
        image: ``(B, 3, H, W)`` or ``(3, H, W)``, float in 0..1; the style image in AdaIN.
        reference: the same, of any size; the content image in AdaIN.

    Returns:
        The image with the reference's colors, not clamped. Flat channels stay finite.

    Raises:
        ValueError: images that are not 3-channel float tensors, or batches that do not match.
    """
    return _match_moments(image, reference, _coral_matrix)


def mean_std(image: Tensor, reference: Tensor) -> Tensor:
    """Match the mean and standard deviation of each RGB channel.

    A flat channel gets the reference's mean. Arguments, result and errors as in ``coral``.
    """
    return _match_moments(image, reference, _mean_std_matrix)


def cholesky(image: Tensor, reference: Tensor) -> Tensor:
    """Match the mean and the full 3×3 covariance of the colors with Cholesky factors.

    As in Gatys et al. 2016, "Preserving color in neural artistic style transfer". A variance of
    1e-6 is added on both sides, so that gray and flat images, whose covariance is singular, stay
    finite. Arguments, result and errors as in ``coral``.
    """
    return _match_moments(image, reference, _cholesky_matrix)


def transport(image: Tensor, reference: Tensor) -> Tensor:
    """Match the mean and covariance of the colors with the least change of each color.

    The linear Monge-Kantorovich map (Pitié & Kokaram, "The linear Monge-Kantorovitch linear colour
    mapping for example-based colour transfer", CVMP 2007). No direction of the color cube is
    stretched by more than 1.4, so that noise and gradients of flat images stay weak. Arguments,
    result and errors as in ``coral``.
    """
    return _match_moments(
        image, reference, lambda own, _, wanted, __: transport_matrix(own, wanted)
    )


def histogram(image: Tensor, reference: Tensor) -> Tensor:
    """Match the histogram of each RGB channel exactly.

    Each pixel gets the reference's value at the same quantile, interpolated if the sizes differ.
    Equal values share the middle of their ranks and stay equal, so flat areas stay flat, and a flat
    channel gets the reference's median. Arguments, result and errors as in ``coral``.
    """
    source, target = _prepare(image, reference)
    batch = max(len(source), len(target))
    sorted_target = torch.empty_like(target).flatten(2)
    for sample, channel in _samples_and_channels(target):
        sorted_target[sample, channel] = target[sample, channel].flatten().sort().values

    matched = source.new_empty(batch, *source.shape[1:])
    for sample, channel in _samples_and_channels(matched):
        matched[sample, channel] = _match_quantiles(
            source[sample % len(source), channel], sorted_target[sample % len(target), channel]
        )
    return _restore(matched, image, reference)


def luminance(image: Tensor, reference: Tensor) -> Tensor:
    """Keep the image's luminance and take the reference's chrominance, pixel by pixel.

    Luminance-only transfer of Gatys et al. 2016 ("Preserving color in neural artistic style
    transfer") in YIQ, for use after decoding: image = result, reference = content.

    Args:
        image: ``(B, 3, H, W)`` or ``(3, H, W)``, float in 0..1.
        reference: the same, with the image's height and width.

    Returns:
        The recolored image, not clamped.

    Raises:
        ValueError: as in ``coral``, or different sizes.
    """
    source, target = _prepare(image, reference)
    if source.shape[-2:] != target.shape[-2:]:
        raise ValueError(
            "expected image and reference of one size, since luminance transfer works pixel by "
            f"pixel; got {_size(image)} and {_size(reference)}: resize the reference first"
        )
    # YIQ has gray as the axis of Y: swapping Y and converting back adds the difference of luma
    # to R, G and B alike, without ever computing I and Q.
    return _restore(target + (luma(source) - luma(target)), image, reference)


def reinhard(image: Tensor, reference: Tensor) -> Tensor:
    """Match the mean and standard deviation of lightness and of both color axes in CIELAB.

    Reinhard et al. 2001, "Color transfer between images", in CIELAB (D65) instead of lαβ.
    Lightness is matched separately, so that strong colors do not darken the image. A gray
    reference makes the image gray. Arguments, result and errors as in ``coral``.
    """
    source, target = _prepare(image, reference)
    matched = mean_std(to_lab(source), to_lab(target))
    return _restore(from_lab(matched), image, reference)


METHODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "coral": coral,
    "histogram": histogram,
    "luminance": luminance,
    "mean_std": mean_std,
    "cholesky": cholesky,
    "transport": transport,
    "reinhard": reinhard,
}
"""The methods by name."""


# --- mean and covariance: one affine map of the colors ---------------------------------------


def transport_matrix(source: Tensor, target: Tensor) -> Tensor:
    """Return the matrix of :func:`transport`.

    Args:
        source: covariance of the image's colors, ``(…, 3, 3)``, float64.
        target: that of the reference.

    Returns:
        Symmetric matrices ``(…, 3, 3)``.
    """
    source, target = (_with_ridge(covariance) for covariance in (source, target))
    root = _root(source)
    middle = _root(root @ target @ root)
    inverse = torch.linalg.inv(root)
    gains, axes = torch.linalg.eigh(inverse @ middle @ inverse)
    matrix: Tensor = axes @ torch.diag_embed(gains.clamp(0, _LARGEST_GAIN)) @ axes.mT
    return matrix


def _match_moments(
    image: Tensor, reference: Tensor, matrix: Callable[[Tensor, int, Tensor, int], Tensor]
) -> Tensor:
    """Map colors by ``A (x − mean_image) + mean_reference``, A from the two covariances."""
    source, target = _prepare(image, reference)
    source_mean, source_covariance, source_count = _moments(source)
    target_mean, target_covariance, target_count = _moments(target)
    transform = matrix(source_covariance, source_count, target_covariance, target_count)

    centered = source.flatten(2) - source_mean.to(source)
    matched = transform.to(source) @ centered + target_mean.to(source)
    return _restore(matched.reshape(-1, *source.shape[1:]), image, reference)


def _moments(image: Tensor) -> tuple[Tensor, Tensor, int]:
    """Return mean ``(B, 3, 1)``, unbiased covariance ``(B, 3, 3)``, and the pixel count."""
    pixels = image.flatten(2)
    count = pixels.shape[-1]
    chunks = torch.split(pixels, CHUNK, dim=-1)
    mean = torch.stack([widen(chunk).sum(-1, keepdim=True) for chunk in chunks]).sum(0) / count
    products = []
    for chunk in chunks:
        centered = widen(chunk) - mean
        products.append(centered @ centered.mT)
    covariance = torch.stack(products).sum(0) / max(count - 1, 1)
    # The 3×3 algebra runs on the CPU: not every device has eigenvalues or float64.
    return mean.cpu().double(), covariance.cpu().double(), count


def _coral_matrix(source: Tensor, source_count: int, target: Tensor, target_count: int) -> Tensor:
    source_root = _root(_scatter(source, source_count))
    target_root = _root(_scatter(target, target_count))
    whitened: Tensor = torch.linalg.solve(source_root, torch.diag_embed(1 / _divisor(source)))
    return torch.diag_embed(_std(target)) @ target_root @ whitened


def _mean_std_matrix(source: Tensor, _: int, target: Tensor, __: int) -> Tensor:
    return torch.diag_embed(_std(target) / _divisor(source))


def _cholesky_matrix(source: Tensor, _: int, target: Tensor, __: int) -> Tensor:
    source_factor, target_factor = (
        torch.linalg.cholesky(_with_ridge(covariance)) for covariance in (source, target)
    )
    transform: Tensor = torch.linalg.solve_triangular(
        source_factor, target_factor, upper=False, left=False
    )
    return transform


def _with_ridge(covariance: Tensor) -> Tensor:
    eye = torch.eye(3, dtype=covariance.dtype, device=covariance.device)
    return covariance + _VARIANCE_EPS * eye


def _std(covariance: Tensor) -> Tensor:
    return covariance.diagonal(dim1=-2, dim2=-1).sqrt()


def _divisor(covariance: Tensor) -> Tensor:
    """Return standard deviations ``(B, 3)``, kept from 0: flat channels are divided by them."""
    return _std(covariance).clamp_min(_FLAT_STD)


def _scatter(covariance: Tensor, count: int) -> Tensor:
    """``X Xᵀ + I`` of the standardized pixels."""
    std = _divisor(covariance)
    correlation = covariance / (std[:, :, None] * std[:, None, :])
    return correlation * max(count - 1, 1) + torch.eye(
        3, dtype=covariance.dtype, device=covariance.device
    )


def _root(matrix: Tensor) -> Tensor:
    """Symmetric square root of symmetric positive definite matrices ``(B, 3, 3)``."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors @ torch.diag_embed(values.clamp_min(0).sqrt()) @ vectors.mT
    return root


# --- histograms -------------------------------------------------------------------------------


def _samples_and_channels(image: Tensor) -> list[tuple[int, int]]:
    # One channel at a time: sorting needs several times a channel's memory.
    return [(sample, channel) for sample in range(len(image)) for channel in range(3)]


def _match_quantiles(channel: Tensor, sorted_target: Tensor) -> Tensor:
    """Give each value of ``channel`` ``(H, W)`` the target's value at the same quantile."""
    _, inverse, counts = torch.unique(channel, return_inverse=True, return_counts=True)
    middle = widen(counts.cumsum(0)) - widen(counts) / 2
    last = len(sorted_target) - 1
    position = (middle * (len(sorted_target) / channel.numel()) - 0.5).clamp(0, last)
    below = position.long()
    above = (below + 1).clamp(max=last)
    fraction = (position - below).to(channel)
    return torch.lerp(sorted_target[below], sorted_target[above], fraction)[inverse]


# --- shared -----------------------------------------------------------------------------------


def visible_colors(images: Tensor) -> Tensor:
    """Return the RGB of ``(B, 3 | 4, H, W)``, where hidden pixels repeat visible ones.

    Hidden pixels, which are often black, must not affect color statistics.
    """
    if images.shape[1] == 3:
        return images
    colors = images[:, :3].clone()
    for each, opacity in zip(colors, images[:, 3], strict=True):
        hidden = opacity <= 0
        visible = each[:, ~hidden]
        count = int(hidden.sum())
        if count and visible.numel():
            evenly = torch.arange(count, device=visible.device) * visible.shape[1] // count
            each[:, hidden] = visible[:, evenly]
    return colors


def is_gray(images: Tensor) -> bool:
    """Return whether images are gray: channels differ by at most 2 of 255 levels.

    Args:
        images: ``(B, 3|4, H, W)``, float in 0..1 or uint8.
    """
    # In bands, because most images show color in the first one.
    for rows in torch.split(images[:, :3], _GRAY_ROWS, dim=2):
        band = as_float(rows)
        if (band.amax(dim=1) - band.amin(dim=1)).max() > _GRAY_LEVELS / 255:
            return False
    return True


def _prepare(image: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Check both images; return them as ``(B, 3, H, W)`` in one dtype, float32 or float64."""
    for name, tensor in (("image", image), ("reference", reference)):
        require_kind(name, tensor, Tensor, "a tensor, as load_image returns it")
        shape = tuple(tensor.shape)
        if tensor.ndim in (3, 4) and shape[-3] == 4:
            raise ValueError(
                f"expected 3 channels in the {name}, got 4 (shape {shape}): "
                "split the alpha channel off before the color transfer"
            )
        if tensor.ndim not in (3, 4) or shape[-3] != 3 or 0 in shape:
            raise ValueError(f"expected {name} as (B, 3, H, W) or (3, H, W), got shape {shape}")
        if not tensor.is_floating_point():
            raise ValueError(f"expected {name} as floats in 0..1, got {tensor.dtype}")
    dtype = torch.promote_types(image.dtype, torch.float32)
    source = (image if image.ndim == 4 else image[None]).to(dtype)
    target = (reference if reference.ndim == 4 else reference[None]).to(dtype)
    if len(source) != len(target) and 1 not in (len(source), len(target)):
        raise ValueError(
            "expected image and reference with equal batch sizes or one of them 1, "
            f"got {len(source)} and {len(target)}"
        )
    return source, target


def _restore(result: Tensor, image: Tensor, reference: Tensor) -> Tensor:
    result = result[0] if image.ndim == reference.ndim == 3 else result
    return result.to(image.dtype)


def _size(image: Tensor) -> str:
    return f"{image.shape[-1]}x{image.shape[-2]}"
