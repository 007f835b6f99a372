"""Scores of an image, and of many images together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from math import copysign, isnan, nan, sqrt
from statistics import fmean

from .metrics import worst_tenth


@dataclass(frozen=True)
class Scores:
    """Scores of one image; NaN if not measured. Smaller is better, except for two.

    Attributes:
        target: mean squared difference of relu4_1 to AdaIN(relu4_1 of content, of style).
        style: :func:`~adain_core.evaluation.metrics.style_distance`.
        balanced: :func:`~adain_core.evaluation.metrics.balanced_style_distance`.
        content: mean squared difference of relu4_1 to the content's.
        percept: :func:`~adain_core.evaluation.metrics.perceptual_distance`.
        palette: root of :func:`~adain_core.evaluation.metrics.palette_distance`, in levels of 255.
        ssim: structural similarity of the luminance to the content's, up to 1; larger is better.
        checkerboard: :func:`~adain_core.evaluation.checkerboard.checkerboard_share` of the
            luminance; NaN where the content has no flat area.
        noise: root mean square change of the image, in levels of 255, caused by Gaussian noise of
            1 % (2.55 levels) in the photo.
        reconstruction: PSNR in dB of the content stylized with itself, the same for all images of
            that content; larger is better.
        halo: signed root of :func:`~adain_core.evaluation.halo.halo_power` of a synthetic photo, in
            levels of 255.
        jpeg: :func:`~adain_core.evaluation.jpeg.block_share` of a compressed sky.
    """

    target: float = nan
    style: float = nan
    balanced: float = nan
    content: float = nan
    percept: float = nan
    palette: float = nan
    ssim: float = nan
    checkerboard: float = nan
    noise: float = nan
    reconstruction: float = nan
    halo: float = nan
    jpeg: float = nan


NAMES = tuple(field.name for field in fields(Scores))
# These can be missing where there is nothing to measure; in all others, NaN is an error.
_OPTIONAL = {"checkerboard", "noise", "halo", "jpeg"}


def summarize(scores: Sequence[Scores]) -> dict[str, float]:
    """Return the scores of many images by name.

    Args:
        scores: the scores of each image.

    Returns:
        Means by the names of :class:`Scores` (``halo``: the root of the mean power; ``noise``: the
        root mean square), and ``worst``, the mean of the worst tenth of ``style``. NaN if no image
        has a score, or if one lacks a score that all should have.
    """
    values = {name: [getattr(each, name) for each in scores] for name in NAMES}
    for name in _OPTIONAL:
        values[name] = [value for value in values[name] if not isnan(value)]
    means: dict[str, Callable[[list[float]], float]] = {"halo": _root_power, "noise": _root_power}
    summary = {name: means.get(name, fmean)(v) if v else nan for name, v in values.items()}
    return {**summary, "worst": worst_tenth(values["style"]) if scores else nan}


def signed_root(power: float) -> float:
    """Return the root of a power, with its sign."""
    return copysign(sqrt(abs(power)), power)


def _root_power(values: list[float]) -> float:
    return sqrt(max(0.0, fmean(value * abs(value) for value in values)))
