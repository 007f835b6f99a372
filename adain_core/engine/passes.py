"""Coarse to fine: how large each pass is, and how close to the artwork."""

from __future__ import annotations

import math
from numbers import Real

from ..choices import SINGLE_PASS, STROKE_SIZES
from ..errors import OptionError, require_kind

# Shortest side of the first pass, pixels, at a stroke size of 1.
FIRST_PASS = 384
# Octaves by which a pass is larger than the one before, at most: as few passes as that allows.
_LARGEST_STEP = 1.5
# Shortest side up to which the artwork keeps its size; see closeness.
CLOSE_FROM = 512
# Outside of it a first pass is smaller than a thumbnail, or larger than any image.
_STROKE_RANGE = (0.05, 4.0)


def stroke_scale(stroke_size: str | float) -> float | None:
    """Return the scale of strokes; ``None`` for a single pass.

    Args:
        stroke_size: as in :class:`~adain_core.StylizeOptions`.

    Raises:
        OptionError: an unknown name, or a number out of range.
    """
    if stroke_size == SINGLE_PASS:
        return None
    scale = STROKE_SIZES.get(stroke_size) if isinstance(stroke_size, str) else stroke_size
    lowest, highest = _STROKE_RANGE
    if not isinstance(scale, Real) or not lowest <= scale <= highest:
        names = ", ".join((SINGLE_PASS, *STROKE_SIZES))
        raise OptionError(
            "stroke_size",
            f"must be one of {names}, or a number from {lowest:g} to {highest:g}, "
            f"got {stroke_size!r}",
        )
    return float(scale)


def check_photo_share(photo_share: float) -> None:
    """Check how much of the photo later passes mix in.

    Raises:
        OptionError: outside 0..1.
        TypeError: no number.
    """
    require_kind("photo_share", photo_share, Real, "a number")
    if not 0 <= photo_share <= 1:
        raise OptionError("photo_share", f"must lie in 0..1, got {photo_share:g}")


def pass_sizes(size: tuple[int, int], stroke_size: str | float) -> list[tuple[int, int]]:
    """Return the sizes of all passes, from the first to the full size.

    The size of strokes is fixed in pixels, so the size of the first pass, which is the same for
    all images, sets their size relative to the image. Each pass is at most 2.83 times as large as
    the one before.

    Args:
        size: height and width of the image, pixels.
        stroke_size: as in :class:`~adain_core.StylizeOptions`.

    Returns:
        Heights and widths; only ``size`` if it is not larger than the first pass.
    """
    scale = stroke_scale(stroke_size)
    if scale is None:
        return [size]
    shortest = min(size)
    first = max(1, round(FIRST_PASS / scale))
    if shortest <= first:
        return [size]
    steps = math.ceil(math.log2(shortest / first) / _LARGEST_STEP)
    factors = [(first / shortest) ** (1 - step / steps) for step in range(steps)]
    smaller = [(max(1, round(size[0] * f)), max(1, round(size[1] * f))) for f in factors]
    return [*smaller, size]


def closeness(size: tuple[int, int], stroke_size: str | float) -> float:
    """Return how close to the artwork a later pass is.

    The size of strokes is fixed in pixels: in larger passes the artwork must be larger, too, or
    finer strokes would cover the large ones of the pass before.

    Args:
        size: height and width of the pass, pixels.
        stroke_size: as in :class:`~adain_core.StylizeOptions`.

    Returns:
        0, the artwork as encoded, up to 512 pixels of medium strokes; 1, at twice its size, from
        1,024 pixels on; logarithmic in between. Always 0 for a single pass.
    """
    scale = stroke_scale(stroke_size)
    if scale is None:
        return 0.0
    return min(1.0, max(0.0, math.log2(min(size) * scale / CLOSE_FROM)))
