"""Channel statistics and AdaIN as pure functions on tensors (section 5 of the paper)."""

from __future__ import annotations

import torch
from torch import Tensor

from .networks.architecture import Fusion

# Rows and columns of a map, in cells or pixels.
Window = tuple[slice, slice]
EVERYWHERE: Window = (slice(None), slice(None))
# Mean and standard deviation.
Statistics = tuple[Tensor, Tensor]
# Mean ``(…, 3)`` and covariance ``(…, 3, 3)`` of colors in 0..1.
Palette = tuple[Tensor, Tensor]

EPSILON = 1e-5
# Values per step of the statistics, which bounds the size of temporaries.
CHUNK = 2**24


def crop(image: Tensor, window: Window) -> Tensor:
    """Return the part of ``(…, H, W)`` in a window, as a view."""
    return image[..., window[0], window[1]]


def channel_statistics(features: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation over H and W (equations 5 and 6).

    The variance is the population variance (biased), so that a region of one pixel stays finite.
    ``EPSILON`` is added for content and style alike, so that applying the statistics of ``x`` to
    ``x`` gives ``x`` exactly. (The official code has no epsilon in the style's std; results differ
    by at most 1e-3.)

    Args:
        features: ``(B, C, H, W)``, any float dtype.
        mask: weights of the pixels, ``(B, 1, H, W)`` or ``(1, 1, H, W)``, 0 or more. If all weights
            of a sample are zero, its mean is 0 and its std ``sqrt(EPSILON)``.

    Returns:
        Mean and std, each ``(B, C)``, float32 (float64 for float64 features).
    """
    # A few channels at a time, to bound the memory.
    step = max(1, CHUNK * features.shape[1] // max(1, features.numel()))
    parts = [_channel_moments(part, mask) for part in torch.split(features, step, dim=1)]
    mean, variance = (torch.cat(values, dim=1) for values in zip(*parts, strict=True))
    return mean, (variance + EPSILON).sqrt()


def _channel_moments(features: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return mean and variance."""
    features = features.to(torch.promote_types(features.dtype, torch.float32))
    weight = None
    if mask is not None:
        weight = mask.to(features.dtype)
        tiniest = torch.finfo(weight.dtype).tiny
        weight = weight / weight.sum(dim=(2, 3), keepdim=True).clamp_min(tiniest)
    # Not torch.var_mean, which is ten times as slow in channels_last on a CPU.
    mean = _mean(features, weight)
    return mean, _mean((features - mean[:, :, None, None]).square(), weight)


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean over H and W, ``(B, C)``; weights ``(B or 1, 1, H, W)`` sum to 1."""
    return values.mean(dim=(2, 3)) if weight is None else (values * weight).sum(dim=(2, 3))


def adaptive_instance_norm(
    features: Tensor,
    mean: Tensor,
    std: Tensor,
    content_statistics: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Return AdaIN(x, s) = σ(s) · (x − μ(x)) / σ(x) + μ(s) (equation 8).

    Args:
        features: content features ``(B, C, H, W)``.
        mean: channel means of the style, ``(B, C)`` or ``(1, C)``.
        std: channel standard deviations of the style, likewise.
        content_statistics: mean and std of the content, if they are not those of all ``features``
            (but of a region, or of several video frames).

    Returns:
        ``(B, C, H, W)`` in the dtype of ``features``, computed in float32 or better.
    """
    content_mean, content_std = content_statistics or channel_statistics(features)
    scale = std / content_std
    shift = mean - content_mean * scale
    return torch.addcmul(
        shift[:, :, None, None].to(scale.dtype), features.to(scale.dtype), scale[:, :, None, None]
    ).to(features.dtype)


def fuse(
    features: Tensor,
    mean: Tensor,
    std: Tensor,
    fusion: Fusion = "adain",
    content_statistics: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Return the decoder's input for either kind of fusion.

    Args:
        features: content features ``(B, C, H, W)``.
        mean: channel means of the style, ``(B, C)`` or ``(1, C)``.
        std: channel standard deviations of the style, likewise.
        fusion: see :class:`~adain_core.networks.architecture.Architecture`.
        content_statistics: as for :func:`adaptive_instance_norm`; unused for ``"concat"``.

    Returns:
        ``(B, C, H, W)`` for ``"adain"``, ``(B, 3C, H, W)`` for ``"concat"``.
    """
    if fusion == "adain":
        return adaptive_instance_norm(features, mean, std, content_statistics)
    maps = [value.to(features.dtype)[:, :, None, None].expand_as(features) for value in (mean, std)]
    return torch.cat([features, *maps], dim=1)
