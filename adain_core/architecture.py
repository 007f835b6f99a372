"""What tells one model's networks from another's, and the constants that all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

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
    """What tells one model's networks from another's.

    Args:
        widths: channels of the four blocks; the last is the length of a style's mean and std.
        normalization: layers after each decoder convolution but the last. The paper uses none
            and shows that ``"batch"`` and ``"instance"`` hurt (section 7.2).
        fusion: how content and style meet before the decoder: ``"adain"``, or ``"concat"``, the
            paper's Enc-Concat-Dec baseline (section 7.2). Here the latter joins the content's
            features with the style's mean and std as constant maps, so that a style stays two
            vectors, instead of with the style's feature map.
            (Instance normalization in the decoder cancels constant maps: together they learn no
            style.)

    Raises:
        ValueError: a value outside these choices.
    """

    widths: tuple[int, int, int, int] = VGG19_WIDTHS
    normalization: Normalization = "none"
    fusion: Fusion = "adain"

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))  # JSON's are lists
        if len(self.widths) != len(CONVOLUTIONS) or not all(
            type(width) is int and 1 <= width <= 4096  # no bool, which counts as a number
            for width in self.widths
        ):
            raise ValueError(
                f"widths must be {len(CONVOLUTIONS)} whole numbers from 1 to 4096, "
                f"got {self.widths!r}"
            )
        for field, allowed in (("normalization", Normalization), ("fusion", Fusion)):
            if getattr(self, field) not in get_args(allowed):
                raise ValueError(
                    f"{field} must be one of {', '.join(get_args(allowed))}, "
                    f"got {getattr(self, field)!r}"
                )

    @classmethod
    def scaled(cls, width: float) -> Architecture:
        """Return the paper's architecture with every width multiplied by ``width``, at least 1."""
        widths = tuple(max(1, round(width * full)) for full in VGG19_WIDTHS)
        return cls(widths)  # type: ignore[arg-type]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Architecture:
        """Inverse of :meth:`to_dict`.

        Raises:
            ValueError: a value is unknown, missing or out of range.
        """
        try:
            return cls(**{**values, "widths": tuple(values["widths"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an architecture: {dict(values)!r} ({error})") from None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "widths": list(self.widths)}
