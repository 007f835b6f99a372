"""``StylizeOptions``: all options of style transfer, and their validation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import cast

import torch
from torch import Tensor

from .choices import (
    COLOR_METHODS,
    DEFAULT_STROKE_SIZE,
    PHOTO_SHARE,
    recolors_artwork,
)
from .engine.passes import check_photo_share, stroke_scale
from .engine.tiles import check_tile
from .errors import OptionError, require_kind
from .images import IMAGE_KINDS, ImageLike
from .masks import MaskLike, as_mask, list_masks
from .pixels import check_size
from .style import Style, normalized_weights
from .transfer import check_alpha

Source = ImageLike | Style


@dataclass(frozen=True, eq=False)
class StylizeOptions:
    """Options of style transfer: styles, where they apply, how strongly, in which colors.

    Attributes:
        styles: artworks or :class:`Style`, one or a sequence. A batch in one tensor is averaged
            into one style.
        weights: weight of each style in a mix over the whole image, 0 or more; only their ratio
            matters. ``(N,)``, or ``(B, N)`` with a row per image; ``None``: equal weights.
        masks: where each style applies, instead of weights: ``(H, W)`` or ``(B, H, W)``, 0..1, any
            resolution; or images. Pixels outside every mask stay exactly as they are, unless there
            is a background.
        background: style of pixels outside every mask.
        alpha: style strength: 0 gives the content itself, 1 the full style; one number, or one per
            image.
        feather: pixels by which the edges of the masks are softened on both sides; see
            :func:`~adain_core.masks.feather_mask`.
        region_statistics: see :func:`~adain_core.adain`.
        preserve_color: keep the content's colors: one of ``adain_core.color.METHODS``.
            ``"luminance"`` gives the result the content's chrominance. The others recolor the
            artworks first, so they need images, not :class:`Style`.
        content_residual: add what the decoder loses of the content, scaled by 1 − alpha, so that
            the result approaches the content continuously as alpha approaches 0.
        content_size: resize the content's shortest side to this many pixels; 0: keep the size.
        style_size: likewise for the artworks; ``None``: 512, but keep smaller ones.
        stroke_size: size of the strokes relative to the image: ``"fine"``, ``"medium"``,
            ``"coarse"``, or a number (1 is medium, 2 twice as large). The image is stylized at a
            small size first, then at increasing sizes on top of that. ``"single"``: the paper's
            single pass.
        photo_share: share of the photo that all later passes together mix into the result of the
            first one, 0..1; above 0, more where strokes hide what the photo shows.
        tile: tile size in pixels, 64 or more; the result does not depend on it. ``None``: the
            fastest that fits into the free memory.

    Raises:
        OptionError: an option is out of range, or conflicts with another one.
        TypeError: something of another type, such as a single mask or a string for a number.

    Example:
        >>> options = StylizeOptions(("wave.jpg", "stars.jpg"), weights=(3, 1), alpha=0.8)
        >>> image = Stylizer(model, options)("photo.jpg")
    """

    styles: Sequence[Source] | Source
    weights: Sequence[float] | Sequence[Sequence[float]] | None = None
    masks: Sequence[MaskLike] | None = None
    background: Source | None = None
    alpha: float | Sequence[float] | Tensor = 1.0
    feather: int = 0
    region_statistics: bool = True
    preserve_color: str | None = None
    content_residual: bool = False
    content_size: int = 0
    style_size: int | None = None
    stroke_size: str | float = DEFAULT_STROKE_SIZE
    photo_share: float = PHOTO_SHARE
    tile: int | None = None

    def __post_init__(self) -> None:
        several = isinstance(self.styles, list | tuple)
        self._set(
            "styles", tuple(cast("Sequence[Source]", self.styles)) if several else (self.styles,)
        )
        self._set("alpha", tuple(check_alpha(self.alpha)))
        if not self.sources:
            raise OptionError("styles", "must hold at least one style, got none")
        for field, source in self._named_sources().items():
            require_kind(field, source, (*IMAGE_KINDS, Style), "an image, its path or a Style")
        if self.masks is None:
            self._check_mix()
        else:
            self._check_masks()
        self._check_colors()
        self._check_sizes()

    @property
    def sources(self) -> tuple[Source, ...]:
        """The styles as a tuple."""
        assert isinstance(self.styles, tuple)
        return self.styles

    @property
    def shares(self) -> Tensor:
        """The weights divided by their sums, ``(1, N)`` for all images, or ``(B, N)``."""
        rows = [None] if self.weights is None else _rows(self.weights)
        shares = [normalized_weights(row, len(self.sources)) for row in rows]
        return torch.tensor(shares, dtype=torch.float32, device="cpu")

    def image_shares(self, images: int) -> Tensor:
        """Return the share of each style in each of so many images, ``(images, N)``.

        Raises:
            OptionError: weights for another number of images.
        """
        shares = self.shares
        if len(shares) not in (1, images):
            raise OptionError(
                "weights",
                f"must have one row, or one per image ({images}), got {len(shares)}",
            )
        return shares.expand(images, -1)

    @property
    def recolors(self) -> bool:
        """Whether artworks are recolored for each image before they are encoded."""
        return recolors_artwork(self.preserve_color)

    def check_recolors(self, field: str, source: Source) -> None:
        """Check that a style can be recolored, if the color method needs that.

        Args:
            field: its name in the message.
            source: the style.

        Raises:
            OptionError: a :class:`Style`, which has no image.
        """
        if self.recolors and isinstance(source, Style):
            raise OptionError(
                field,
                f"contains no image, and the color method {self.preserve_color} recolors the "
                "artwork: give the image, or choose luminance",
            )

    def _named_sources(self) -> dict[str, Source]:
        """Return the styles and the background by their names in messages."""
        named = {f"styles[{number}]": source for number, source in enumerate(self.sources)}
        return named if self.background is None else {**named, "background": self.background}

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_mix(self) -> None:
        if self.background is not None:
            raise OptionError("background", "needs masks; without them styles cover everything")
        if self.feather:
            raise OptionError("feather", f"needs masks, got {self.feather} pixels without masks")
        _ = self.shares  # checks the weights

    def _check_masks(self) -> None:
        assert self.masks is not None
        if self.weights is not None:
            raise OptionError(
                "weights",
                "cannot be combined with masks: weights mix styles everywhere, masks place them",
            )
        self._set(
            "masks",
            tuple(
                mask if isinstance(mask, str | os.PathLike) else as_mask(mask, f"masks[{number}]")
                for number, mask in enumerate(list_masks(self.masks, len(self.sources)))
            ),
        )
        require_kind("feather", self.feather, Integral, "a whole number of pixels")
        if self.feather < 0:
            raise OptionError("feather", f"must be 0 pixels or more, got {self.feather}")

    def _check_colors(self) -> None:
        for field in ("region_statistics", "content_residual"):
            require_kind(field, getattr(self, field), bool, "True or False")
        if self.preserve_color is not None and self.preserve_color not in [*COLOR_METHODS]:
            raise OptionError(
                "preserve_color",
                f"must be one of {', '.join(COLOR_METHODS)}, got {self.preserve_color!r}",
            )
        for field, style in self._named_sources().items():
            self.check_recolors(field, style)

    def _check_sizes(self) -> None:
        for field in ("content_size", "style_size"):
            if (size := getattr(self, field)) is not None:
                check_size(field, size)
        check_tile(self.tile)
        check_photo_share(self.photo_share)
        stroke_scale(self.stroke_size)  # checks it


def _rows(weights: Sequence[float] | Sequence[Sequence[float]]) -> list[list[float]]:
    """Return weights as a list of rows, one for all images or one per image."""
    try:
        values = torch.as_tensor(weights, dtype=torch.float64, device="cpu")
    except (TypeError, ValueError):
        raise TypeError(
            f"weights must be numbers, (styles,) or (images, styles), got {weights!r}"
        ) from None
    if values.ndim not in (1, 2) or (values.ndim == 2 and not len(values)):
        raise OptionError(
            "weights", f"must have the shape (styles,) or (images, styles), got {values.shape}"
        )
    rows: list[list[float]] = values.reshape(-1, values.shape[-1]).tolist()
    return rows
