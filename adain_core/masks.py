"""Masks, which say where a style applies: ``(B, H, W)``, 0..1, any resolution."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import PIL.Image
import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import OptionError
from .functional import Window, crop
from .images import read_mask
from .networks.architecture import STRIDE
from .pixels import OVERSHOOT, resize_window
from .utils.dense import find_odd_kind

T = TypeVar("T")
# What counts as a mask.
MaskLike = Tensor | np.ndarray[Any, Any] | PIL.Image.Image | str | os.PathLike[str]

# Rows of features pooled at a time, which bounds the memory for full-resolution weights.
_BAND = 64
# Pixels; the time for feathering grows with the radius.
_LARGEST_RADIUS = 256


def as_mask(mask: MaskLike, field: str = "mask") -> Tensor:
    """Return a mask as ``(B, 1, H, W)`` float32.

    Args:
        mask: ``(H, W)``, ``(B, H, W)`` or ``(B, 1, H, W)``, a tensor or a NumPy array; bool, or
            numbers in 0..1. Or a Pillow image or an image file, see
            :func:`~adain_core.images.read_mask`.
        field: its name in messages.

    Raises:
        OptionError: another shape, no pixels, a sparse tensor or similar, NaN, or values outside
            0..1 by ``OVERSHOOT`` or more.
        TypeError: none of them.
        ImageFileError: the file cannot be read.
    """
    if isinstance(mask, str | os.PathLike | PIL.Image.Image):
        mask = read_mask(mask)
    if isinstance(mask, np.ndarray):
        mask = torch.from_numpy(mask.copy())  # any strides, and read-only ones
    if not isinstance(mask, Tensor):
        raise TypeError(
            f"{field} must be a torch tensor, a NumPy array, a Pillow image or a path, "
            f"got {type(mask).__name__}"
        )
    if kind := find_odd_kind(mask):
        raise OptionError(field, f"must be a dense tensor that holds values, got a {kind} one")
    shape = tuple(mask.shape)
    if mask.ndim == 2:
        mask = mask[None, None]
    elif mask.ndim == 3:
        mask = mask[:, None]
    if mask.ndim != 4 or mask.shape[1] != 1 or mask.numel() == 0:
        raise OptionError(
            field,
            f"must have the shape (H, W), (B, H, W) or (B, 1, H, W), all 1 or more, got {shape}",
        )
    mask = mask.float()
    lowest, highest = (float(value) for value in mask.aminmax())
    if not -OVERSHOOT < lowest <= highest < 1 + OVERSHOOT:  # false for NaN, too
        hint = "; divide by 255" if 2 < highest <= 255 else ""
        raise OptionError(field, f"must hold values in 0..1, got {lowest:g} to {highest:g}{hint}")
    return mask.clamp(0, 1)


def require_count(masks: Tensor, field: str, images: int, what: str) -> None:
    """Check that there is one mask for all images, or one for each.

    Args:
        masks: ``(B, 1, H, W)``.
        field: their name in messages.
        images: number of images.
        what: the images in messages.

    Raises:
        OptionError: another number of masks.
    """
    if len(masks) not in (1, images):
        wanted = "1 mask" if images == 1 else f"1 or {images} masks, one per {what}"
        raise OptionError(field, f"must hold {wanted}, got {len(masks)}")


def resize_mask(mask: Tensor, size: tuple[int, int], window: Window | None = None) -> Tensor:
    """Resize ``(B, 1, H, W)`` to ``size`` (height, width), antialiased; 0..1 stays 0..1.

    Args:
        mask: the mask.
        size: height and width of the result.
        window: the part of the result to compute; ``None``: all of it.
    """
    if tuple(mask.shape[-2:]) == tuple(size):
        return mask if window is None else crop(mask, window)
    return resize_window(mask, size, window).clamp(0, 1)


def region_weights(
    masks: Sequence[Tensor], size: tuple[int, int], window: Window | None = None
) -> Tensor:
    """Return the weight of each region at each pixel; their sum is at most 1.

    Where masks add up to more than 1, they are scaled down in proportion. The rest up to 1 belongs
    to the background.

    Args:
        masks: ``(B, 1, H, W)`` each, any resolution; B may be 1.
        size: height and width of the image.
        window: the part of the image to compute; ``None``: all of it.

    Returns:
        ``(regions, B, 1, H, W)`` in 0..1.
    """
    batch = max(len(mask) for mask in masks)
    resized = torch.stack(
        [resize_mask(mask, size, window).expand(batch, -1, -1, -1) for mask in masks]
    )
    return resized / resized.sum(dim=0, keepdim=True).clamp_min(1)


def feature_weights(
    masks: Sequence[Tensor], size: tuple[int, int], feature_size: tuple[int, int]
) -> Tensor:
    """Return the weight of each region at each feature: pooled :func:`region_weights`.

    Args:
        masks: as for :func:`region_weights`.
        size: height and width of the image.
        feature_size: height and width of its features.

    Returns:
        ``(regions, B, 1, h, w)`` in 0..1.
    """
    bands = []
    for top in range(0, feature_size[0], _BAND):
        rows = min(_BAND, feature_size[0] - top)
        # Features of a padded tiny image can be below its last row, which is then used for them.
        window = (slice(STRIDE * top, STRIDE * (top + rows)), slice(None))
        weights = region_weights(masks, size, window)
        bands.append(torch.stack([pool_to_features(w, (rows, feature_size[1])) for w in weights]))
    return torch.cat(bands, dim=-2)


def pool_to_features(weights: Tensor, feature_size: tuple[int, int]) -> Tensor:
    """Return the mean over the 8x8 pixels of each feature, ``(B, 1, H, W)`` to ``(B, 1, h, w)``.

    At the border of the image its last pixels are repeated. Resizing instead would shift the mask
    relative to the image by up to one feature.
    """
    height, width = weights.shape[-2:]
    missing = (0, STRIDE * feature_size[1] - width, 0, STRIDE * feature_size[0] - height)
    return F.avg_pool2d(F.pad(weights, missing, mode="replicate"), STRIDE)


def feather_mask(mask: Tensor, radius: int) -> Tensor:
    """Soften the edges of a mask with a Gaussian of σ = radius / 2, truncated at ``radius``.

    A straight edge fades over ``radius`` pixels on both sides, with 0.5 in the middle. Pixels
    farther from every edge keep their value. The mask is extended beyond the border by its last
    pixels. Above a radius of 256 pixels the mask is softened at a smaller size.

    Args:
        mask: ``(B, 1, H, W)`` in 0..1.
        radius: pixels, 0 or more; 0: no change.

    Returns:
        ``(B, 1, H, W)`` in 0..1.

    Raises:
        OptionError: a radius below 0.
    """
    if radius < 0:
        raise OptionError("feather", f"must be 0 pixels or more, got {radius}")
    if radius == 0:
        return mask
    size = (mask.shape[2], mask.shape[3])
    if radius > _LARGEST_RADIUS:
        # What is that smooth needs no full resolution.
        height, width = (max(1, round(side * _LARGEST_RADIUS / radius)) for side in size)
        return resize_mask(feather_mask(resize_mask(mask, (height, width)), _LARGEST_RADIUS), size)
    offsets = torch.arange(-radius, radius + 1, device=mask.device, dtype=mask.dtype)
    kernel = torch.exp(-2 * (offsets / radius).square())
    kernel = kernel / kernel.sum()
    # A Gaussian is separable: one pass along H, one along W.
    mask = F.conv2d(F.pad(mask, (0, 0, radius, radius), mode="replicate"), kernel.view(1, 1, -1, 1))
    mask = F.conv2d(F.pad(mask, (radius, radius, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
    return mask.clamp(0, 1)


def list_masks(masks: Iterable[T], styles: int) -> list[T]:
    """Return masks as a list.

    Args:
        masks: one per style; also a tensor ``(styles, H, W)``.
        styles: number of styles.

    Raises:
        OptionError: another number of masks.
        TypeError: a single mask.
    """
    single = isinstance(masks, str | os.PathLike) or getattr(masks, "ndim", 3) < 3
    if single or not isinstance(masks, Iterable):
        raise TypeError(f"masks must be a list with one for each style, got {type(masks).__name__}")
    masks = list(masks)
    if not masks:
        raise OptionError("masks", "must hold at least one mask, got none")
    if len(masks) != styles:
        raise OptionError("masks", f"must be one per style ({styles}), got {len(masks)}")
    return masks


def check_masks(masks: Sequence[MaskLike], styles: int, batch: int | None = None) -> list[Tensor]:
    """Return masks as ``(B, 1, H, W)``, float32 in 0..1.

    Args:
        masks: one per style.
        styles: number of styles.
        batch: number of content images; ``None``: not known yet.

    Raises:
        OptionError: counts that do not match, or an invalid mask.
        TypeError: no list, or a mask of another type.
    """
    masks = list_masks(masks, styles)
    checked = [as_mask(mask, f"masks[{number}]") for number, mask in enumerate(masks)]
    for number, mask in enumerate(checked):
        if batch is not None:
            require_count(mask, f"masks[{number}]", batch, "content image")
    return checked
