"""Styles and the masks that say where they go, as the nodes take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from ..adain_core.masks import feather_mask, resize_mask
from .images import from_mask, is_no_mask, take
from .inputs import CUT_OUT

S = TypeVar("S")

# The input of a mask for :func:`layout`.
MASK = (
    "MASK",
    {
        "tooltip": "Where the style of the same number goes: white gets it, black does not. Any "
        "size; one mask, or one for each picture. Without masks the styles mix by their weights "
        "everywhere; beside masked styles, one without a mask fills the rest of the picture. The "
        "empty mask that Load Image gives for a picture without transparency counts as none. "
        f"{CUT_OUT}"
    },
)


@dataclass(frozen=True)
class Region(Generic[S]):
    """A connected style and its mask, ``(B, 1, H, W)`` of any size, if it has one.

    Args:
        number: of its inputs, ``style_<number>`` and ``mask_<number>``.
        style: the style.
        mask: where it goes.
    """

    number: int
    style: S
    mask: Tensor | None


def connected_regions(
    styles: Sequence[S | None], masks: Sequence[Tensor | None]
) -> list[Region[S]]:
    """The regions that are in use.

    Raises:
        ValueError: a mask without its style, or a bad mask, by the name of its input.
    """
    regions = []
    for number, (style, mask) in enumerate(zip(styles, masks, strict=True), start=1):
        if style is not None:
            regions.append(Region(number, style, from_mask(mask, f"mask_{number}")))
        elif mask is not None:
            raise ValueError(
                f"mask_{number} has no style: connect style_{number}, or disconnect mask_{number}"
            )
    return regions


@dataclass(frozen=True)
class Layout(Generic[S]):
    """How the two style transfer nodes lay out styles: mixed everywhere, or by masks.

    Args:
        regions: all of them.
        background: the one without a mask, beside others that have one; it fills the rest.
    """

    regions: list[Region[S]]
    background: Region[S] | None

    @property
    def masks(self) -> list[Tensor]:
        """Of the regions that have one, ``(B, 1, H, W)`` each."""
        return [region.mask for region in self.regions if region.mask is not None]

    @property
    def mixed(self) -> list[int]:
        """The numbers of styles that mix by their weights, which have no effect beside masks."""
        return [] if self.masks else [region.number for region in self.regions]


def layout(styles: Sequence[S | None], masks: Sequence[Tensor | None]) -> Layout[S]:
    """What the inputs ``style_1`` … and ``mask_1`` … say.

    Args:
        styles: of each input, ``None`` where it is not connected.
        masks: likewise, ``(B, H, W)``; Load Image's for a picture without transparency count as
            none.

    Raises:
        ValueError: a bad mask, one without its style, or several styles without masks beside others
            with them.
    """
    regions = connected_regions(styles, [None if is_no_mask(mask) else mask for mask in masks])
    free = [region for region in regions if region.mask is None]
    if len(free) == len(regions):
        return Layout(regions, None)
    if len(free) > 1:
        names = " and ".join(f"style_{region.number}" for region in free)
        raise ValueError(
            f"{names} have no masks, while others have: connect their masks; only one style can "
            "fill the rest of the picture"
        )
    return Layout(regions, free[0] if free else None)


def mask_counts(regions: Sequence[Region[S]]) -> dict[str, int]:
    """How many masks there are, by the names of their inputs."""
    return {f"mask_{r.number}": len(r.mask) for r in regions if r.mask is not None}


def picture_masks(
    masks: Sequence[Tensor], count: int, size: tuple[int, int], feather: int
) -> Iterator[list[Tensor]]:
    """The masks of each picture, made ready while they are asked for; those for all only once.

    Args:
        masks: ``(B, 1, H, W)`` each, of any size.
        count: pictures.
        size: height and width of a picture.
        feather: pixels of it by which the masks' edges are softened.
    """

    def ready(mask: Tensor) -> Tensor:
        return feather_mask(resize_mask(mask, size), feather)

    for_all = {index: ready(mask) for index, mask in enumerate(masks) if len(mask) == 1}
    for number in range(count):
        yield [
            for_all[index] if index in for_all else ready(take(mask, number))
            for index, mask in enumerate(masks)
        ]


def require_region(masks: Sequence[Tensor]) -> None:
    """Refuse masks that select nothing, where there is no background either.

    Several for one input may: what they follow can be out of the picture.

    Args:
        masks: ``(B, 1, H, W)`` each.

    Raises:
        ValueError: all are single and black.
    """
    if not any(len(mask) > 1 or mask.any() for mask in masks):
        raise ValueError(
            "mask_1 is black everywhere (as Load Image gives it for a picture that is opaque), so "
            "there is no region to stylize: paint one (right-click the picture, Open in Mask "
            "Editor), load one with Load Image (as Mask), or leave masks out for the whole picture "
            "(Style Transfer (AdaIN), AdaIN Blend)"
        )
