"""Named values of options, with descriptions.

This module does not import torch, so that the command line's help, which uses it, is fast. Nodes,
documents and tests use it, too.
"""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT_MODEL = "adain-slim"

# Methods of color transfer; adain_core.color.METHODS has their functions.
COLOR_METHODS = {
    "coral": "match the correlations of the colors, as in the official code",
    "histogram": "match the histogram of each channel",
    "luminance": "keep the brightness of the result, restore the colors pixel by pixel",
    "mean_std": "match the mean and contrast of each channel",
    "cholesky": "match the mean and covariance",
    "transport": "match the mean and covariance with the least change of each color",
    "reinhard": "match the mean and contrast in CIELAB, lightness separately from colors",
}

# Style transfer methods; adain_core.methods has all but the first.
METHODS = {
    "adain": "any style, in one or a few passes (the default)",
    "optimize": "optimize the image itself, hundreds of times slower (Gatys et al. 2016)",
    "swap": "replace the photo's patches with the artwork's (Chen & Schmidt 2016)",
    "feedforward": "a network trained for its styles, --model (Johnson, Ulyanov, Dumoulin et al.)",
}
# Parts of the paper that are reproduced; adain_core.reproduce has a module for each.
EXPERIMENTS = {
    "speed": "Table 1, seconds per image",
    "losses": "Figure 3, losses over the steps of an optimization",
    "ablation": "Figures 5 and 6, decoders with normalization or without AdaIN",
    "normalization": "Figure 1, batch and instance normalization",
    "controls": "Figures 7 to 10, strength, mixing, color and spatial control",
}
# How an optimization measures style.
STYLE_LOSSES = {
    "statistics": "means and standard deviations of channels, as AdaIN is trained",
    "gram": "Gram matrices, as Gatys et al",
}

# Which frames of a video provide the content's statistics; see adain_core.temporal.TemporalPool.
TEMPORAL_MODES = {
    "frame": "each frame by itself, as for unrelated images",
    "window": "the last frames together",
    "ema": "an exponential mean over the last frames",
}

# Sizes of strokes relative to the image; at 1 the first pass has 384 pixels on the shortest side.
STROKE_SIZES = {"fine": 0.5, "medium": 1.0, "coarse": 1.5}
# The paper's single pass at full size, where the size of strokes is fixed in pixels.
SINGLE_PASS = "single"
DEFAULT_STROKE_SIZE = "medium"
# How much of the photo later passes mix into the result of the one before.
PHOTO_SHARE = 0.5


def recolors_artwork(method: str | None) -> bool:
    """Return whether a color method changes the artwork before encoding, not the result after."""
    return method not in (None, "luminance")


def describe(choices: Mapping[str, str]) -> str:
    """Return one sentence for each name, such as ``ema: an exponential mean.``, in one line."""
    return " ".join(f"{name}: {meaning}." for name, meaning in choices.items())
