"""The names that options take, each with what it does.

No torch here: the command line's help is made from these and comes at once. Nodes, pages and tests
take them from here, too.
"""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT_MODEL = "adain-slim"

# Ways to give one image the colors of another; adain_core.color.METHODS has their functions.
COLOR_METHODS = {
    "coral": "match how the colors correlate, as the paper's authors do",
    "histogram": "match the histogram of each channel",
    "luminance": "keep the brightness, take the colors pixel by pixel, after drawing",
    "mean_std": "match the mean and the contrast of each channel",
    "cholesky": "match the mean and the covariance",
    "reinhard": "match the mean and the contrast in CIELAB, lightness apart from colors",
}

# Systems that draw photos in a style; adain_core.methods has all but the first.
METHODS = {
    "adain": "one pass, any style (the default)",
    "optimize": "Gatys et al. 2016: the picture itself is optimized, hundreds of times as slow",
    "swap": "Chen & Schmidt 2016: the artwork's patches in place of the photo's",
    "feedforward": "Johnson, Ulyanov, Dumoulin et al.: a network trained for its styles, --model",
}
# What of the paper is measured again; adain_core.reproduce has a module for each.
EXPERIMENTS = {
    "speed": "Table 1, seconds for a picture",
    "losses": "Figure 3, losses over the steps of an optimization",
    "ablation": "Figures 5 and 6, decoders with normalization or without AdaIN",
    "normalization": "Figure 1, batch against instance normalization",
    "controls": "Figures 7 to 10, strength, mixes, colors, places",
}
# How an optimization measures style.
STYLE_LOSSES = {
    "statistics": "means and standard deviations of channels, as AdaIN is trained",
    "gram": "Gram matrices, as Gatys et al",
}

# Which frames of a video give the content's statistics; see adain_core.temporal.TemporalPool.
TEMPORAL_MODES = {
    "frame": "each frame by itself, as for unrelated pictures",
    "window": "the last frames together",
    "ema": "an exponential mean over the last frames",
}

# How large strokes are beside the picture; 1 has a first pass of 384 pixels on the shortest side.
STROKE_SIZES = {"fine": 0.5, "medium": 1.0, "coarse": 1.5}
# The paper's single pass at the picture's own size, whose strokes have a size in pixels.
SINGLE_PASS = "single"
DEFAULT_STROKE_SIZE = "medium"
# How much of the photo the later passes keep; the rest is what the first pass changed.
PHOTO_SHARE = 0.5
# Share of alpha in later passes, whose finer strokes would cover the large ones, and small faces.
LATER_STRENGTH = 0.85


def recolors_artwork(method: str | None) -> bool:
    """Return whether a color method changes the artwork before encoding, not the result after."""
    return method not in (None, "luminance")


def describe(choices: Mapping[str, str]) -> str:
    """Return one sentence for each name, such as ``ema: an exponential mean.``, in one line."""
    return " ".join(f"{name}: {meaning}." for name, meaning in choices.items())
