"""Videos without flicker: the content's statistics pooled over frames.

AdaIN normalises each picture by its own statistics. In a video these change from frame to frame
with whatever moves, and so do then the colours of everything that stands still. Pooled over
neighbouring frames they change slowly.
"""

from __future__ import annotations

from collections import deque
from typing import Literal, get_args

import torch
from torch import Tensor

from .fusion import Statistics

Temporal = Literal["frame", "window", "ema"]
# A cut is where the channels' means leave the pooled ones by more than this many stds on average.
CUT = 0.5


class TemporalPool:
    """Pools the content's statistics over the frames of a video; pass it as ``smoothing``.

    It starts anew at scene cuts. One pool belongs to one video, whose frames it sees in order.

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
        if mode not in get_args(Temporal):
            raise ValueError(
                f"temporal must be one of {', '.join(get_args(Temporal))}, got {mode!r}"
            )
        if length < 1:
            raise ValueError(f"temporal length must be 1 frame or more, got {length}")
        self.mode, self.length = mode, length
        self.reset()

    def reset(self) -> None:
        """Forget the frames so far, as at a scene cut."""
        self._frames: deque[list[Tensor]] = deque(maxlen=self.length)
        self._mean: list[Tensor] | None = None

    def __call__(self, statistics: list[Statistics]) -> list[Statistics]:
        """Pooled statistics.

        Args:
            statistics: mean and std, each ``(B, C)``, of one or several consecutive frames: of the
                whole picture, then of each region.

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
        # Of the pixels of several frames taken together, the moments are the means of the frames'.
        moments = [torch.stack([mean, mean**2 + std**2]) for mean, std in frame]
        if self._mean is not None and (
            len(moments) != len(self._mean) or _distance(moments[0], self._mean[0]) > CUT
        ):
            self.reset()
        if self.mode == "window":
            self._frames.append(moments)
            self._mean = [
                sum(parts) / len(self._frames) for parts in zip(*self._frames, strict=True)
            ]
        elif self._mean is None:
            self._mean = moments
        else:
            share = 2 / (self.length + 1)
            self._mean = [
                torch.lerp(m, new, share) for m, new in zip(self._mean, moments, strict=True)
            ]
        return [(m, (square - m**2).clamp(min=0).sqrt()) for m, square in self._mean]


def _distance(moments: Tensor, pooled: Tensor) -> float:
    """Mean over channels of the difference of means, in stds."""
    std = (pooled[1] - pooled[0] ** 2).clamp(min=1e-5).sqrt()
    return float(((moments[0] - pooled[0]).abs() / std).mean())
