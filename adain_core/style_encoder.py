"""Encoding artworks to styles, with a cache."""

from __future__ import annotations

import torch
from torch import Tensor

from .color.methods import METHODS, visible_colors
from .color.palettes import measure_palette
from .engine.canvas import Canvas, fill_hidden
from .engine.tiled import TiledNetworks
from .engine.tiles import Progress, Tiler, join_progress
from .functional import Statistics, channel_statistics
from .masks import pool_to_features, require_count, resize_mask
from .pixels import as_float, check_size, resize, resize_shortest_side
from .style import Style, StyleCache

DEFAULT_STYLE_SIZE = 512
# Enlarged artworks stay below this: the statistics of 16 megapixels gain nothing by more, and a
# strip of 4000x10 pixels would become one of 100 megapixels.
MAXIMUM_STYLE_PIXELS = 4096 * 4096


class StyleEncoder:
    """Encodes artworks to styles.

    Args:
        networks: of the model.
    """

    def __init__(self, networks: TiledNetworks) -> None:
        self._networks = networks
        self._cache = StyleCache()

    def recall(
        self,
        images: Tensor,
        mask: Tensor | None = None,
        progress: Progress | None = None,
        closeup: Tensor | None = None,
    ) -> Style:
        """Return the style of artworks like :meth:`encode`, from a cache if possible."""
        return self._cache.get(
            (self._networks.generation, images, mask, closeup),
            lambda: self.encode(images, mask, progress, closeup),
        )

    def encode(
        self,
        images: Tensor,
        mask: Tensor | None = None,
        progress: Progress | None = None,
        closeup: Tensor | None = None,
    ) -> Style:
        """Return the style of artworks; a batch is averaged.

        Args:
            images: ``(B, 3|4, H, W)``, float; transparent pixels are ignored.
            mask: the part to encode, ``(B, 1, H, W)`` or ``(1, 1, H, W)``, 0..1.
            progress: called after each tile.
            closeup: the same artworks at twice the size, if the style is to have a close-up.

        Raises:
            ValueError: masks that do not match, or that select nothing.
        """
        canvases = [Canvas(each) for each in (images, closeup) if each is not None]
        tilers = [self._networks.tiler(each.size, batch=len(images)) for each in canvases]
        if progress is not None:
            join_progress(tilers, progress)
        statistics, *closer = (
            self._statistics(canvas, mask, tiler)
            for canvas, tiler in zip(canvases, tilers, strict=True)
        )
        means, covariances = measure_palette(images, mask)
        return Style(
            *statistics,
            self._networks.fingerprint,
            closeup=closer[0] if closer else None,
            palette=(means.mean(dim=0).float(), covariances.mean(dim=0).float()),
        )

    def _statistics(self, canvas: Canvas, mask: Tensor | None, tiler: Tiler) -> Statistics:
        features = self._networks.encode(canvas, tiler).tensor
        device = features.device
        weight = None
        if mask is not None:
            weight = mask.to(device)
            require_count(weight, "mask", len(features), "style image")
        if canvas.opacity is not None:
            visible = canvas.opacity.to(device)
            weight = visible if weight is None else resize_mask(weight, canvas.size) * visible
        if weight is not None:
            feature_size = (features.shape[2], features.shape[3])
            weight = pool_to_features(resize_mask(weight, canvas.size), feature_size)
            if not (weight.sum(dim=(1, 2, 3)) > 0).all():
                raise ValueError(
                    "the style image is transparent everywhere; give one with visible pixels"
                    if mask is None
                    else "mask selects no pixel of the style image; give one that does"
                )
        mean, std = (s.mean(dim=0).cpu() for s in channel_statistics(features, weight))
        return mean, std


def resize_style(images: Tensor, size: int | None) -> Tensor:
    """Return an artwork ``(B, C, H, W)`` at the size for encoding, float.

    Args:
        images: float or uint8.
        size: shortest side in pixels; 0: keep the size; ``None``: 512, but keep smaller images.
            No image is enlarged beyond ``MAXIMUM_STYLE_PIXELS``.

    Raises:
        OptionError: a size out of range.
        TypeError: a size that is not a whole number.
    """
    shortest, longest = sorted(images.shape[-2:])
    if size is None:
        # Enlarging would only blur the strokes.
        size = min(DEFAULT_STYLE_SIZE, shortest)
    check_size("size", size)
    if size > shortest:
        largest = int((MAXIMUM_STYLE_PIXELS * shortest / longest) ** 0.5)
        size = max(shortest, min(size, largest))
    return as_float(resize_shortest_side(images, size) if size else images)


def resize_closeup(images: Tensor, resized: Tensor) -> Tensor:
    """Return an artwork at twice the size that :func:`resize_style` gave it.

    Args:
        images: as there.
        resized: what it returned.
    """
    if images.shape[1] == 4:
        # Colors under transparent pixels would mix into the visible ones beside them.
        images = fill_hidden(as_float(images))
    return resize_style(images, 2 * min(resized.shape[-2:]))


def recolor_style(artwork: Tensor, content: Tensor, method: str) -> Tensor:
    """Return an artwork in the content's colors, not clamped (as pytorch-AdaIN encodes it).

    Args:
        artwork: ``(B, 3|4, H, W)``, float.
        content: ``(1, 3|4, H, W)``, float or uint8.
        method: of ``adain_core.color.METHODS``.
    """
    reference, size = content, (artwork.shape[2], artwork.shape[3])
    pixels = content.shape[2] * content.shape[3] / (size[0] * size[1])
    if not 1 / 2 <= pixels <= 2:
        # The official CORAL scales contrast by the square root of this ratio: 7 times for a
        # photo of 12 megapixels. Color statistics do not mind the other aspect.
        reference = resize(reference, size)
    reference = visible_colors(as_float(reference).to(artwork.device))
    recolored = METHODS[method](visible_colors(artwork), reference)
    return torch.cat([recolored, artwork[:, 3:]], dim=1)
