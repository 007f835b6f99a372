"""Patches of feature maps: nearest neighbors and replacement in bounded memory."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..functional import crop

# Similarities computed at once, 64 MiB in float32.
_CHUNK = 2**24


def swap_patches(content: Tensor, style: Tensor, patch: int = 3, chunk: int = _CHUNK) -> Tensor:
    """Replace every patch of feature maps with the artwork's patch of highest cosine similarity.

    Patches have stride 1; where they overlap, the result is their mean.

    Args:
        content: features of the photos, ``(B, C, h, w)``.
        style: features of the artwork, ``(1, C, h', w')``.
        patch: side of the square patches.
        chunk: number of similarities computed at once, which bounds the memory; the result does not
            depend on it.

    Returns:
        ``(B, C, h, w)``: means of patches of ``style``.

    Raises:
        ValueError: maps that do not match, or are smaller than a patch.
    """
    if (
        content.ndim != 4
        or style.ndim != 4
        or len(style) != 1
        or content.shape[1] != style.shape[1]
    ):
        raise ValueError(
            "expected features (B, C, h, w) and (1, C, h', w') of the same network, got "
            f"{tuple(content.shape)} and {tuple(style.shape)}"
        )
    smallest = min(*content.shape[2:], *style.shape[2:])
    if not 1 <= patch <= smallest:
        raise ValueError(
            f"expected patches of 1 to {smallest} features, got {patch}; use larger images, or "
            "smaller patches"
        )
    return torch.cat(
        [_assemble(style, _nearest(each, style, patch, chunk), patch) for each in content[:, None]]
    )


def _nearest(content: Tensor, style: Tensor, patch: int, chunk: int) -> Tensor:
    """Return the index of the most similar style patch at every position, ``(rows, columns)``."""
    rows, columns = (side - patch + 1 for side in content.shape[2:])
    style_rows, style_columns = (side - patch + 1 for side in style.shape[2:])
    # Bands of content rows against bands of style rows, about as high as each other.
    cells = max(1, chunk // (columns * style_columns))
    band = min(rows, max(1, round(cells**0.5)))
    style_band = max(1, cells // band)
    best = content.new_full((rows, columns), -torch.inf)
    nearest = torch.zeros(rows, columns, dtype=torch.long, device=content.device)
    for first in range(0, style_rows, style_band):
        kernels = _unit_patches(style[:, :, first : first + style_band + patch - 1], patch)
        for top in range(0, rows, band):
            # Content patches need no normalization: the same length applies to all candidates.
            similarity, index = F.conv2d(content[:, :, top : top + band + patch - 1], kernels).max(
                dim=1
            )
            part = slice(top, top + band)
            better = similarity[0] > best[part]
            best[part] = torch.where(better, similarity[0], best[part])
            number = index[0] + first * style_columns
            nearest[part] = torch.where(better, number, nearest[part])
    return nearest


def _unit_patches(features: Tensor, patch: int) -> Tensor:
    """Return all patches of ``(1, C, h, w)``, normalized, row by row, ``(N, C, patch, patch)``."""
    patches = features[0].unfold(1, patch, 1).unfold(2, patch, 1).permute(1, 2, 0, 3, 4)
    kernels = patches.flatten(0, 1)
    length: Tensor = torch.linalg.vector_norm(kernels, dim=(1, 2, 3), keepdim=True)
    return kernels / length.clamp_min(torch.finfo(kernels.dtype).tiny)


def _assemble(style: Tensor, nearest: Tensor, patch: int) -> Tensor:
    """Return the mean of the chosen patches, ``(1, C, h, w)``."""
    rows, columns = nearest.shape
    width = style.shape[3]
    top, left = nearest // (width - patch + 1), nearest % (width - patch + 1)
    features = style[0].flatten(1)
    total = style.new_zeros(1, style.shape[1], rows + patch - 1, columns + patch - 1)
    count = style.new_zeros(rows + patch - 1, columns + patch - 1)
    # One position in the patch at a time: all at once would take patch² times the memory.
    for down in range(patch):
        for right in range(patch):
            place = (slice(down, down + rows), slice(right, right + columns))
            chosen = ((top + down) * width + left + right).flatten()
            crop(total, place).add_(features[:, chosen].view(1, -1, rows, columns))
            crop(count, place).add_(1)
    return total / count
