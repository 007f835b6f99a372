"""Coarse to fine stylizes photos in the colors of their artworks: see ``palettes``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..functional import EVERYWHERE, Palette, Window
from ..masks import region_weights
from ..transfer import FrameStatistics, Smoothing, join_regions
from .palettes import (
    ColorMap,
    ColorMatch,
    along_directions,
    from_directions,
    measure_palette,
    mix_palettes,
)

# Rounding error of a sum of shares.
_ROUNDING = 1e-5


def match_colors(
    photos: Tensor,
    palettes: Sequence[Palette],
    strength: Tensor,
    *,
    shares: Tensor | None,
    masks: Sequence[Tensor] | None,
    background: Palette | None,
    region_statistics: bool,
    smoothing: Smoothing | None,
) -> ColorMatch:
    """Return what gives photos, at any size, the colors of the artworks.

    Args:
        photos: the photos, also reduced, ``(B, 3|4, H, W)``, float in 0..1 or uint8.
        palettes: of the artworks, or ``NO_PALETTE``.
        strength: for each photo, ``(B,)`` in 0..1.
        shares: share of each artwork in each photo, ``(B, N)``; ``None`` with masks.
        masks: where each artwork applies, ``(B or 1, 1, h, w)`` each.
        background: of the pixels outside every mask.
        region_statistics: map the colors of each region, instead of those of the whole photo.
        smoothing: for video frames, of colors along the directions of :func:`along_directions`.
    """
    size = (photos.shape[2], photos.shape[3])
    whole = measure_palette(photos)
    if masks is None:
        assert shares is not None
        regions, weights = [(whole, *_mixed(palettes, shares, strength))], None
    else:
        given = masks  # for the type checker

        def placed(size: tuple[int, int], window: Window) -> list[tuple[Palette, Tensor]]:
            return join_regions(palettes, region_weights(given, size, window), background)

        def weights(size: tuple[int, int], window: Window) -> list[Tensor]:
            return [weight for _, weight in placed(size, window)]

        one = torch.ones(len(photos), 1, device="cpu")
        regions = [
            (
                measure_palette(photos, weight) if region_statistics else whole,
                *_mixed([palette], one, strength),
            )
            for palette, weight in placed(size, EVERYWHERE)
        ]
    if smoothing is not None:
        sources = tuple(along_directions(source) for source, _, _ in regions)
        smooth = smoothing(FrameStatistics(along_directions(whole), sources)).regions
        regions = [
            (from_directions(each), target, share)
            for each, (_, target, share) in zip(smooth, regions, strict=True)
        ]
    return ColorMatch([ColorMap.between(*region) for region in regions], weights)


def _mixed(palettes: Sequence[Palette], shares: Tensor, strength: Tensor) -> tuple[Palette, Tensor]:
    """Return the palette of each photo's mix, and its strength: 0 if a part of it has none."""
    known = [place for place, (mean, _) in enumerate(palettes) if mean.numel()]
    if not known:
        zeros = torch.zeros(len(strength), 3, 3, dtype=torch.float64, device="cpu")
        return (zeros[:, 0], zeros), zeros[:, 0, 0]
    mixed = mix_palettes([palettes[place] for place in known], shares[:, known])
    lacks = shares.sum(dim=1) - shares[:, known].sum(dim=1) > _ROUNDING
    return mixed, torch.where(lacks.cpu(), 0, strength.cpu())
