"""Temporal smoothing against flicker: the content's statistics pooled over frames.

AdaIN normalizes each image by its own statistics. In a video they change whenever something moves,
and with them the colors of everything else. Pooled over several frames, they change slowly.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .choices import TEMPORAL_MODES
from .errors import OptionError, require_kind
from .functional import Statistics
from .transfer import FrameStatistics

Temporal = Literal["frame", "window", "ema"]
# A cut is where the channels' stds change against each other: by more than this between two frames,
# as 1 minus their cosine. What they all share, as with contrast, does not count. Any two photos
# differ by more, the same photo moved or 20 % brighter by less.
CUT = 0.02
# A jump of the mean or std of colors in 0..1 that no motion causes: a cut, or a flash.
COLOR_CUT = 0.1
# How far the mean of the colors in use may be from a frame's.
_COLOR_REACH = 0.15
# Number of the pool of the frames' colors, beside those of the passes.
_COLORS = -1
# How far the pooled variance may be from that of a frame that goes on fading, or outside of what
# the last two frames have, as a factor. What flickers goes to and fro and stays within.
LAG, _COLOR_LAG = 1.05, 1.3


class TemporalPool:
    """Pools the content's statistics over video frames, for use as ``smoothing``.

    The pool resets at scene cuts, and follows fades with little delay (``LAG``). Use one pool per
    video, and pass the frames in order.

    Args:
        mode: one of ``adain_core.choices.TEMPORAL_MODES``, which describes them.
        length: number of frames to remember.

    Raises:
        ValueError: an unknown mode, or a length below 1.
        TypeError: a length that is not a whole number.

    Example:
        >>> pool = TemporalPool("ema", length=12)
        >>> for frame in frames:
        ...     image = model.stylize(frame, style, smoothing=pool)
    """

    def __init__(self, mode: Temporal = "ema", length: int = 8) -> None:
        if mode not in [*TEMPORAL_MODES]:  # a list compares what cannot be hashed, too
            raise OptionError(
                "temporal", f"must be one of {', '.join(TEMPORAL_MODES)}, got {mode!r}"
            )
        require_kind("temporal_length", length, Integral, "a whole number of frames")
        if length < 1:
            raise OptionError("temporal_length", f"must be 1 frame or more, got {length}")
        self.mode, self.length = mode, length
        self.reset()

    def reset(self) -> None:
        """Forget all frames, as at a scene cut."""
        self._passes: dict[int, _Pass] = {}

    def state_dict(self) -> dict[str, Tensor]:
        """Return the state of the pool, for :meth:`load_state_dict`."""
        return {
            f"{number}.{name}": tensor
            for number, each in self._passes.items()
            for name, tensor in each.state_dict().items()
        }

    def load_state_dict(self, state: Mapping[str, Tensor], device: torch.device | str) -> None:
        """Restore the state of a pool with the same mode and length.

        Args:
            state: from :meth:`state_dict`.
            device: device of further statistics; those of colors are always on the CPU.
        """
        self.reset()
        passes: dict[int, dict[str, Tensor]] = {}
        for key, tensor in state.items():
            number, _, name = key.partition(".")
            passes.setdefault(int(number), {})[name] = tensor
        for place, tensors in sorted(passes.items()):
            self._passes[place] = self._new_pass(place)
            self._passes[place].load_state_dict(tensors, "cpu" if place == _COLORS else device)

    def _new_pass(self, number: int) -> _Pass:
        if number == _COLORS:
            return _Pass(_Colors, self.length, torch.cat, _colors_jump)
        return _Pass(
            _MOMENTS[self.mode],
            self.length,
            lambda statistics: statistics[1],
            lambda std, last: scene_change(std, last) > CUT,
        )

    def __call__(self, statistics: FrameStatistics) -> FrameStatistics:
        """Return the pooled statistics of one or several consecutive frames, in the same shapes."""
        return self._pooled(0, statistics)

    def at(self, number: int) -> Callable[[FrameStatistics], FrameStatistics]:
        """Return the pool of one coarse-to-fine pass.

        Each pass has its own statistics. The first pass, which sees only the photo, detects the
        scene cuts for all of them.

        Args:
            number: of the pass, from 0.
        """
        return functools.partial(self._pooled, number)

    def colors(self, statistics: FrameStatistics) -> FrameStatistics:
        """Return the pooled statistics of the frames' colors, see ``match_colors``.

        They have scene cuts of their own: where they hardly change, no cut is needed.
        """
        return self._pooled(_COLORS, statistics)

    def _pooled(self, number: int, statistics: FrameStatistics) -> FrameStatistics:
        if self.mode == "frame":
            return statistics
        one = self._passes.setdefault(number, self._new_pass(number))
        cuts = self._passes[0].cuts if number > 0 else None
        rows = [statistics.whole, *statistics.regions, *statistics.styles]
        frames = one([[(m[i], s[i]) for m, s in rows] for i in range(len(rows[0][0]))], cuts)
        pooled = [
            (torch.stack([f[k][0] for f in frames]), torch.stack([f[k][1] for f in frames]))
            for k in range(len(rows))
        ]
        last = 1 + len(statistics.regions)
        return FrameStatistics(pooled[0], tuple(pooled[1:last]), tuple(pooled[last:]))


class _Pass:
    """The statistics of one pass over the frames, or of their colors.

    Args:
        moments: makes the moments of a region.
        length: number of frames to remember.
        view: returns what shows scene cuts, of the whole frame's statistics.
        is_cut: whether two views in a row are of different scenes.

    Attributes:
        cuts: whether each of the latest call's frames began a scene.
    """

    def __init__(
        self,
        moments: Callable[[int], _Moments],
        length: int,
        view: Callable[[Statistics], Tensor],
        is_cut: Callable[[Tensor, Tensor], bool],
    ) -> None:
        self._moments, self._length = moments, length
        self._view, self._is_cut = view, is_cut
        self._last: Tensor | None = None
        self._regions: list[_Moments] = []
        self.cuts: list[bool] = []

    def __call__(
        self, frames: list[list[Statistics]], cuts: list[bool] | None
    ) -> list[list[Statistics]]:
        known = cuts or [False] * len(frames)
        self.cuts = []
        return [self._pool(frame, cut) for frame, cut in zip(frames, known, strict=True)]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the state: ``last``, and the moments of each region."""
        state = {} if self._last is None else {"last": self._last}
        for place, moments in enumerate(self._regions):
            state[f"{place}.totals"] = torch.tensor(list(moments.totals), dtype=torch.float64)
            frames = moments.remembered
            if frames:
                means, variances = zip(*frames, strict=True)
                state[f"{place}.mean"] = torch.stack(means)
                state[f"{place}.variance"] = torch.stack(variances)
        return state

    def load_state_dict(self, state: Mapping[str, Tensor], device: torch.device | str) -> None:
        """Go on from a state."""
        self._last = state["last"].to(device)
        for place in range(sum(name.endswith(".totals") for name in state)):
            moments = self._moments(self._length)
            moments.totals.extend(state[f"{place}.totals"].tolist())
            if f"{place}.mean" in state:
                values = (state[f"{place}.{name}"].to(device) for name in ("mean", "variance"))
                moments.remember(list(zip(*values, strict=True)))
            self._regions.append(moments)

    def _pool(self, frame: list[Statistics], cut: bool) -> list[Statistics]:
        view = self._view(frame[0])
        self.cuts.append(
            cut
            or self._last is None
            or len(frame) != len(self._regions)
            or self._is_cut(view, self._last)
        )
        if self.cuts[-1]:
            self._regions = [self._moments(self._length) for _ in frame]
        self._last = view
        return [
            moments.add(*statistics)
            for moments, statistics in zip(self._regions, frame, strict=True)
        ]


class _Moments(ABC):
    """The moments of the pixels of several frames taken together.

    Their variance is the mean of the frames' variances plus the variance of the frames' means: as
    a difference of second moments it would be 0 for the large mean of a flat color, and AdaIN
    divides by its root.
    """

    lag = LAG

    def __init__(self) -> None:
        self.totals: deque[float] = deque(maxlen=3)  # of the last frames' own variances

    @property
    @abstractmethod
    def remembered(self) -> list[Statistics]:
        """Means and variances that the next frame is pooled with."""

    @abstractmethod
    def remember(self, frames: list[Statistics]) -> None:
        """Go on from what was remembered."""

    @abstractmethod
    def pool(self, own: Statistics) -> Statistics:
        """Return the mean and variance of this frame and the ones before, from this frame's."""

    @abstractmethod
    def follow(self, pooled: Statistics) -> None:
        """Take in what was used in place of :meth:`pool`'s result."""

    def add(self, mean: Tensor, std: Tensor) -> Statistics:
        """Return the mean and std to use for a frame with this mean and std, ``(C,)`` each."""
        if not mean.any():  # a region that is empty in this frame
            return mean, std
        own = mean, std**2
        pooled = self._limit(self.pool(own), own)
        self.follow(pooled)
        return pooled[0], pooled[1].sqrt()

    def _limit(self, pooled: Statistics, own: Statistics) -> Statistics:
        """Return mean and variance between the pooled and the own ones, as ``LAG`` demands."""
        total, now = float(pooled[1].sum()), float(own[1].sum())
        self.totals.append(now)
        first, middle, last = [now, now, *self.totals][-3:]
        fades = (middle - first) * (last - middle) > 0
        frames = (last,) if fades else (middle, last)
        wanted = min(max(total, min(frames) / self.lag), max(frames) * self.lag)
        if wanted == total:
            return pooled
        share = (wanted - total) / (now - total)
        return torch.lerp(pooled[0], own[0], share), torch.lerp(pooled[1], own[1], share)


class _Window(_Moments):
    """The last ``length`` frames, each as much as the others."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self._frames: deque[Statistics] = deque(maxlen=length)

    @property
    def remembered(self) -> list[Statistics]:
        return list(self._frames)

    def remember(self, frames: list[Statistics]) -> None:
        self._frames.extend(frames)

    def pool(self, own: Statistics) -> Statistics:
        self._frames.append(own)
        means, variances = (torch.stack(values) for values in zip(*self._frames, strict=True))
        variance = variances.mean(dim=0) + means.var(dim=0, correction=0)
        return means.mean(dim=0), variance

    def follow(self, pooled: Statistics) -> None:
        pass


class _ExponentialMean(_Moments):
    """All frames, each earlier one less, with the memory of a window of ``length``."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self._share = 2 / (length + 1)
        self._pooled: Statistics | None = None

    @property
    def remembered(self) -> list[Statistics]:
        return [] if self._pooled is None else [self._pooled]

    def remember(self, frames: list[Statistics]) -> None:
        self._pooled = frames[-1] if frames else None

    def pool(self, own: Statistics) -> Statistics:
        if self._pooled is None:
            return own
        last, last_variance = self._pooled
        step, share = own[0] - last, self._share
        variance = torch.lerp(last_variance, own[1], share) + share * (1 - share) * step**2
        return last + share * step, variance

    def follow(self, pooled: Statistics) -> None:
        self._pooled = pooled


class _Colors(_ExponentialMean):
    """The colors of the first frame of a scene; others move them only if they are far away.

    AdaIN evens out what they do not follow, but not what they change from frame to frame.
    """

    lag = _COLOR_LAG

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self._share = 0.0

    def _limit(self, pooled: Statistics, own: Statistics) -> Statistics:
        pooled = super()._limit(pooled, own)
        distance = float((own[0] - pooled[0]).abs().max())
        share = max(0.0, 1 - _COLOR_REACH / distance) if distance else 0.0
        return torch.lerp(pooled[0], own[0], share), torch.lerp(pooled[1], own[1], share)


_MOMENTS: dict[str, Callable[[int], _Moments]] = {"window": _Window, "ema": _ExponentialMean}


def _colors_jump(view: Tensor, last: Tensor) -> bool:
    """Return whether colors, their means and stds in a row, change from one frame to the next."""
    return bool((view - last).abs().max() > COLOR_CUT)


def scene_change(std: Tensor, last: Tensor) -> float:
    """Return 1 minus the cosine of the angle between two frames' stds, ``(C,)`` each."""
    return 1 - float(F.cosine_similarity(std, last, dim=0))
