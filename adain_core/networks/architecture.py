"""``Architecture``, the configuration of the networks, and the constants that all share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from ..errors import OptionError

Normalization = Literal["none", "batch", "instance"]
Fusion = Literal["adain", "concat"]

VGG19_WIDTHS = (64, 128, 256, 512)
# Convolutions of VGG-19 in each block, the fourth cut after relu4_1.
CONVOLUTIONS = (2, 2, 4, 1)
# Three 2x2 poolings lie before relu4_1: one feature stands for 8x8 pixels.
STRIDE = 8
# Reflection padding by 1 needs 2 pixels at the lowest level: 9 -> 5 -> 3 -> 2 with ceil_mode.
MINIMUM_SIZE = 9


@dataclass(frozen=True)
class Architecture:
    """Configuration of the networks.

    Args:
        widths: channels of the four blocks, or of each of the nine convolutions of the encoder,
            which the decoder mirrors; the last is the length of a style's mean and std.
        normalization: layer after each decoder convolution but the last. The paper uses none and
            shows that ``"batch"`` and ``"instance"`` degrade the results (section 7.2).
        fusion: how content and style are combined before the decoder: ``"adain"``, or ``"concat"``,
            the paper's Enc-Concat-Dec baseline (section 7.2). In this implementation, ``"concat"``
            joins the content's features with the style's mean and std as constant maps, so that a
            style is two vectors here, too. (Instance normalization in the decoder cancels constant
            maps, so the two do not work together.)

    Raises:
        ValueError: an unknown or invalid value.
    """

    widths: tuple[int, ...] = VGG19_WIDTHS
    normalization: Normalization = "none"
    fusion: Fusion = "adain"

    def __post_init__(self) -> None:
        widths = tuple(self.widths)  # JSON's are lists
        blocks, layers = len(CONVOLUTIONS), sum(CONVOLUTIONS)
        if len(widths) not in (blocks, layers) or not all(
            type(width) is int and 1 <= width <= 4096  # no bool, which counts as a number
            for width in widths
        ):
            raise ValueError(
                f"widths must be {blocks} or {layers} whole numbers from 1 to 4096, got "
                f"{self.widths!r}"
            )
        # One form of what is the same.
        if len(widths) == layers:
            starts = [sum(CONVOLUTIONS[:block]) for block in range(blocks)]
            short = tuple(widths[start] for start in starts)
            if widths == _each(short):
                widths = short
        object.__setattr__(self, "widths", widths)
        for field, allowed in (("normalization", Normalization), ("fusion", Fusion)):
            if getattr(self, field) not in get_args(allowed):
                raise ValueError(
                    f"{field} must be one of {', '.join(get_args(allowed))}, "
                    f"got {getattr(self, field)!r}"
                )

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each convolution of the encoder."""
        return _each(self.widths) if len(self.widths) == len(CONVOLUTIONS) else self.widths

    @classmethod
    def scaled(cls, width: float) -> Architecture:
        """Return the paper's architecture with every width multiplied by ``width``, at least 1.

        Raises:
            OptionError: ``width`` is not above 0 and at most 1.
        """
        return cls(tuple(scale_width(width, full) for full in VGG19_WIDTHS))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Architecture:
        """Return the architecture of a :meth:`to_dict` result.

        Raises:
            ValueError: a value is unknown, missing or out of range.
        """
        try:
            return cls(**{**values, "widths": tuple(values["widths"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an architecture: {dict(values)!r} ({error})") from None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "widths": list(self.widths)}


def scale_width(width: float, full: int) -> int:
    """Return a fraction ``width`` of ``full`` channels, at least 1.

    Raises:
        OptionError: ``width`` is not above 0 and at most 1.
    """
    if not 0 < width <= 1:
        raise OptionError("width", f"must be above 0 and at most 1, the full width, got {width:g}")
    return max(1, round(width * full))


def _each(widths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the width of each convolution of blocks."""
    return tuple(
        width for width, count in zip(widths, CONVOLUTIONS, strict=True) for _ in range(count)
    )
