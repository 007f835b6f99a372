"""Styles that change over time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

from ..errors import OptionError, require_kind
from ..options import StylizeOptions
from ..style import Style, require_same_encoder
from ..transfer import check_alpha


@dataclass(frozen=True)
class Keyframe:
    """Styles and their strength at one moment of a video.

    Args:
        at: frame number from 0, or seconds since the first frame.
        styles: one style, or with masks one per mask. (Masks with the same style form one region,
            so styles that become equal at a keyframe cause a small jump.)
        alpha: style strength in 0..1.
        seconds: whether ``at`` is in seconds.

    Raises:
        TypeError: anything but a number and encoded styles.
        ValueError: a negative time, or alpha outside 0..1.

    Example:
        >>> Keyframe(0, wave), Keyframe(120, stars, alpha=0.5)
        >>> Keyframe(0, wave), Keyframe(5, Style.mix([wave, stars]), seconds=True)
    """

    at: float
    styles: Style | Sequence[Style]
    alpha: float = 1.0
    seconds: bool = False

    def __post_init__(self) -> None:
        require_kind("at", self.at, Real, "a frame number or seconds")
        styles = self.styles
        if not isinstance(styles, Style) and not (
            isinstance(styles, Sequence) and all(isinstance(each, Style) for each in styles)
        ):
            raise TypeError(
                "styles of a keyframe must be a Style or a list of them, encoded by "
                f"model.encode_style(artwork), got {_kinds(styles)}"
            )
        if not 0 <= self.at < float("inf"):
            raise ValueError(f"a keyframe must be at 0 or later, got {self.at}")
        check_alpha(self.alpha)


class Keyframes:
    """Linear interpolation of styles and alpha between keyframes.

    Before the first keyframe and after the last one, values are constant.

    Args:
        keyframes: one or more, in any order.

    Attributes:
        keyframes: likewise, by time.

    Raises:
        TypeError: anything but keyframes.
        ValueError: no keyframes, two at the same time, a mixture of frames and seconds (0 is both),
            or different numbers of styles.
        StyleMismatchError: styles of different encoders.
    """

    def __init__(self, keyframes: Sequence[Keyframe]) -> None:
        if not isinstance(keyframes, Sequence) or not all(
            isinstance(each, Keyframe) for each in keyframes
        ):
            raise TypeError(
                "keyframes must be a list of Keyframe, such as [Keyframe(0, wave)], "
                f"got {_kinds(keyframes)}"
            )
        if not keyframes:
            raise ValueError("expected at least one keyframe, got none")
        units = {keyframe.seconds for keyframe in keyframes if keyframe.at}
        if len(units) > 1:
            raise ValueError(
                "keyframes must be all in frames or all in seconds, got both; 0 counts as either"
            )
        self._seconds = units == {True}
        self.keyframes = sorted(keyframes, key=lambda keyframe: keyframe.at)
        self._times = [keyframe.at for keyframe in self.keyframes]
        self._styles = [_as_list(keyframe.styles) for keyframe in self.keyframes]
        for time, following in zip(self._times, self._times[1:], strict=False):
            if time == following:
                raise ValueError(f"two keyframes are at {time:g}; give each its own time")
        counts = {len(styles) for styles in self._styles}
        if len(counts) > 1 or 0 in counts:
            raise ValueError(
                "every keyframe needs as many styles as the others, at least one, "
                f"got {' and '.join(str(count) for count in sorted(counts))}"
            )
        for styles in self._styles:
            for style in styles:
                require_same_encoder(self._styles[0][0], style)

    @property
    def styles(self) -> list[Style]:
        """The styles of the first keyframe."""
        return self._styles[0]

    def check_options(self, options: StylizeOptions) -> None:
        """Check that the keyframes go with the options of a video.

        Raises:
            OptionError: options that keyframes replace, or other numbers of styles and masks.
        """
        count = len(self.styles)
        if options.recolors:
            raise OptionError(
                "preserve_color",
                f"cannot be {options.preserve_color} with keyframes: it recolors artworks, "
                "keyframes mix styles without them; choose luminance",
            )
        if options.alpha != (1.0,):
            raise OptionError(
                "alpha",
                f"must be set in each keyframe if there are any, got {options.alpha} for all",
            )
        if options.masks is None and count > 1:
            raise OptionError(
                "keyframes",
                "of several styles need a mask for each; combine styles with Style.mix",
            )
        if options.masks is not None and len(options.masks) != count:
            raise OptionError(
                "keyframes",
                f"must have a style for each mask, got {count} and {len(options.masks)}",
            )

    def at(self, frame: int, seconds: float) -> tuple[list[Style], float]:
        """Return the styles and alpha of a frame.

        Args:
            frame: number from 0.
            seconds: time since the first frame.
        """
        now = seconds if self._seconds else frame
        following = bisect_right(self._times, now)
        before, after = max(0, following - 1), min(following, len(self._times) - 1)
        if before == after or now <= self._times[0]:
            return self._styles[before], self.keyframes[before].alpha
        share = (now - self._times[before]) / (self._times[after] - self._times[before])
        shares = [1 - share, share]
        styles = [
            Style.mix(pair, shares)
            for pair in zip(self._styles[before], self._styles[after], strict=True)
        ]
        start, end = self.keyframes[before].alpha, self.keyframes[after].alpha
        return styles, min(1.0, start + share * (end - start))

    def notes(self, frame: int, seconds: float) -> list[str]:
        """Return a sentence if the last keyframe is after the end of the video.

        Args:
            frame: number of the last frame.
            seconds: its time.
        """
        last, end = self._times[-1], seconds if self._seconds else frame
        if last <= end:
            return []
        unit = " s" if self._seconds else ""
        return [
            f"the keyframe at {last:g}{unit} is never reached: the last frame is at {end:g}{unit}"
        ]


def _kinds(value: object) -> str:
    """Return the type of a value; of a sequence, those of its items."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return type(value).__name__
    names = ", ".join(sorted({type(each).__name__ for each in value}))
    return f"{type(value).__name__} of {names}"


def _as_list(styles: Style | Sequence[Style]) -> list[Style]:
    return [styles] if isinstance(styles, Style) else list(styles)
