"""Color transfer: give one image the colors of another.

AdaIN paints with the colors of the style. To keep those of the content, either recolor the artwork
*before* encoding (all methods but ``luminance``: image = artwork, reference = content) or restore
the content's chrominance *after* decoding (``luminance``: image = result, reference = content).

Every method takes float images in 0..1 of shape ``(B, 3, H, W)`` or ``(3, H, W)`` and returns the
recolored image in the same dtype, *not* clamped to 0..1. A batch of one is used for the whole
batch of the other. ``transfer_color`` selects a method by name, adds a strength and clamps.
"""

from .methods import (
    METHODS,
    cholesky,
    coral,
    histogram,
    luminance,
    mean_std,
    reinhard,
    transfer_color,
    transport,
)

__all__ = [
    "METHODS",
    "cholesky",
    "coral",
    "histogram",
    "luminance",
    "mean_std",
    "reinhard",
    "transfer_color",
    "transport",
]
