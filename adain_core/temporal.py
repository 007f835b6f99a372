"""Videos without flicker: the content's statistics pooled over frames.

AdaIN normalises each picture by its own statistics. In a video these change from frame to frame
with whatever moves, and so do then the colours of everything that stands still. Pooled over
neighbouring frames they change slowly.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .choices import TEMPORAL_MODES
from .functional import Statistics

Temporal = Literal["frame", "window", "ema"]
# A cut is where the channels' stds change against each other: by more than this between two frames,
# as 1 minus their cosine. What they all share, as with contrast, does not count. Measured on 30
# photos at 256 px with adain-slim, and with the official model: any two photos at least 0.028, and
# 0.027; the same photo 20 % brighter or darker at most 0.007, with both; moved by a tenth of its
# width at most 0.009, and 0.006.
CUT = 0.02
# How far the pooled variance may be from that of a frame that goes on fading, or outside of what
# the last two frames have, as a factor. What flickers goes to and fro and stays within. A photo
# that fades in from black in 12 frames is drawn up to 11 % brighter than each frame by itself from
# the third one on; without the limit, 25 %.
LAG = 1.05


class TemporalPool:
    """Pools the content's statistics over the frames of a video; pass it as ``smoothing``.

    It starts anew at scene cuts, and follows fades with little delay (``LAG``). One pool belongs to
    one video, whose frames it sees in order.

    Args:
        mode: ``"frame"``: each frame's own; ``"window"``: those of the last ``length`` frames
            taken together; ``"ema"``: an exponential mean with as much memory.
        length: frames.

    Raises:
        ValueError: an unknown mode, or a length below 1.

    Example:
        >>> pool = TemporalPool("ema", length=12)
        >>> for frame in frames:
        ...     picture = model.stylize(frame, style, smoothing=pool)
    """

    def __init__(self, mode: Temporal = "frame", length: int = 8) -> None:
        if mode not in TEMPORAL_MODES:
            raise ValueError(f"temporal must be one of {', '.join(TEMPORAL_MODES)}, got {mode!r}")
        if length < 1:
            raise ValueError(f"temporal length must be 1 frame or more, got {length}")
        self.mode, self.length = mode, length
        self.reset()

    def reset(self) -> None:
        """Forget the frames so far, as at a scene cut."""
        self._last: Tensor | None = None
        self._regions: list[_Moments] = []

    def __call__(self, statistics: list[Statistics]) -> list[Statistics]:
        """Pooled statistics.

        Args:
            statistics: mean and std, each ``(B, C)``, of one or several consecutive frames: of the
                whole picture, then of each region, then of styles that belong to a frame each.

        Returns:
            The same shapes.
        """
        if self.mode == "frame":
            return statistics
        frames = range(len(statistics[0][0]))
        pooled = [self._pool([(m[i], s[i]) for m, s in statistics]) for i in frames]
        return [
            (torch.stack([f[k][0] for f in pooled]), torch.stack([f[k][1] for f in pooled]))
            for k in range(len(statistics))
        ]

    def _pool(self, frame: list[Statistics]) -> list[Statistics]:
        std = frame[0][1]
        if self._last is None or len(frame) != len(self._regions) or _change(std, self._last) > CUT:
            self._regions = [_Moments(self.mode, self.length) for _ in frame]
        self._last = std
        return [
            moments.add(*statistics)
            for moments, statistics in zip(self._regions, frame, strict=True)
        ]


class _Moments:
    """Of the pixels of several frames taken together.

    Their variance is the mean of the frames' variances plus the variance of the frames' means: as
    a difference of second moments it would be 0 for the large mean of a flat colour, and AdaIN
    divides by its root.
    """

    def __init__(self, mode: Temporal, length: int) -> None:
        self._window: deque[Statistics] = deque(maxlen=length)
        self._share = 2 / (length + 1)
        self._pooled: Statistics | None = None
        self._totals: deque[float] = deque(maxlen=3)  # of the last frames' own variances
        self._mode = mode

    def add(self, mean: Tensor, std: Tensor) -> Statistics:
        if not mean.any():  # a region that is empty in this frame
            return mean, std
        own = pooled = mean, std**2
        if self._mode == "window":
            self._window.append(own)
            means, variances = (torch.stack(values) for values in zip(*self._window, strict=True))
            variance = variances.mean(dim=0) + means.var(dim=0, correction=0)
            pooled = means.mean(dim=0), variance
        elif self._pooled is not None:
            last, last_variance = self._pooled
            step, share = mean - last, self._share
            variance = torch.lerp(last_variance, own[1], share) + share * (1 - share) * step**2
            pooled = last + share * step, variance
        self._pooled = self._follow(pooled, own)
        return self._pooled[0], self._pooled[1].sqrt()

    def _follow(self, pooled: Statistics, own: Statistics) -> Statistics:
        """Mean and variance, ``(C,)``, between the pooled and the own ones, as ``LAG`` demands."""
        total, now = float(pooled[1].sum()), float(own[1].sum())
        self._totals.append(now)
        first, middle, last = [now, now, *self._totals][-3:]
        fades = (middle - first) * (last - middle) > 0
        frames = (last,) if fades else (middle, last)
        wanted = min(max(total, min(frames) / LAG), max(frames) * LAG)
        if wanted == total:
            return pooled
        share = (wanted - total) / (now - total)
        return torch.lerp(pooled[0], own[0], share), torch.lerp(pooled[1], own[1], share)


def _change(std: Tensor, last: Tensor) -> float:
    """1 minus the cosine of the angle between two frames' stds."""
    return 1 - float(F.cosine_similarity(std, last, dim=0))
