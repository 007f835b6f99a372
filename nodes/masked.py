"""Masked AdaIN."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from ..adain_core import Features, Style, adain
from ..adain_core.masks import feather_mask, resize_mask
from ..adain_core.temporal import Temporal, TemporalPool
from . import host
from .batches import common_count, join_features, numbers, parts, repeat_features, take
from .errors import check_encoder, named_errors
from .inputs import (
    CATEGORY,
    CUT_OUT,
    DECODED_ALPHA,
    FEATHER,
    FEATURES,
    REGION_STATISTICS,
    TEMPORAL,
    TEMPORAL_LENGTH,
    advanced,
    check_limits,
)
from .request import NUMBERS, connected_regions, require_region

_STYLES = tuple(f"style_{number}" for number in NUMBERS)
_MASKS = tuple(f"mask_{number}" for number in NUMBERS)
_STYLE = (
    "ADAIN_STYLE",
    {"tooltip": "The style of the region that the mask with the same number covers."},
)
_MASK = (
    "MASK",
    {
        "tooltip": "Where the style with the same number applies: white is inside, gray "
        f"partly, black is outside. Any size; one mask, or one for each image. {CUT_OUT}"
    },
)


class AdaINMasked:
    """Up to four styles, each in its region."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Applies a style to each masked region of encoded images. Areas outside every mask get "
        "the background style, or none. Where masks overlap, their styles are mixed."
    )
    SEARCH_ALIASES = ("style transfer mask", "spatial control", "regional style", "inpaint style")
    RETURN_TYPES = ("ADAIN_FEATURES",)
    RETURN_NAMES = ("features",)
    OUTPUT_TOOLTIPS = ("The features with every region stylized, for AdaIN Decode.",)
    FUNCTION = "apply"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        optional: dict[str, Any] = {}
        for number in NUMBERS[1:]:
            optional[f"style_{number}"] = _STYLE
            optional[f"mask_{number}"] = _MASK
        optional["background"] = (
            "ADAIN_STYLE",
            {
                "tooltip": "The style of areas outside every mask. If not connected, they get "
                "no style, but still pass through the decoder."
            },
        )
        optional |= {"temporal": advanced(TEMPORAL), "temporal_length": advanced(TEMPORAL_LENGTH)}
        return {
            "required": {
                "features": FEATURES,
                "style_1": _STYLE,
                "mask_1": _MASK,
                "alpha": DECODED_ALPHA,
                "feather": FEATHER,
                "region_statistics": advanced(REGION_STATISTICS),
            },
            "optional": optional,
        }

    def apply(
        self,
        features: Features,
        style_1: Style,
        mask_1: Tensor,
        alpha: float | Sequence[float],
        feather: int,
        region_statistics: bool,
        style_2: Style | None = None,
        mask_2: Tensor | None = None,
        style_3: Style | None = None,
        mask_3: Tensor | None = None,
        style_4: Style | None = None,
        mask_4: Tensor | None = None,
        background: Style | None = None,
        temporal: Temporal = "frame",
        temporal_length: int = 8,
    ) -> tuple[Features]:
        """Run the node."""
        check_limits("feather", feather, FEATHER)
        given = dict(zip(_STYLES, (style_1, style_2, style_3, style_4), strict=True))
        placed = dict(zip(_MASKS, (mask_1, mask_2, mask_3, mask_4), strict=True))
        styles, masks = {}, {}
        for name, style, place, mask in connected_regions({**given, **placed}):
            if mask is None:
                raise ValueError(
                    f"{name} has no mask: connect {place}, or disconnect {name}; a style for the "
                    "rest of the image goes into background"
                )
            check_encoder(features, style, name)
            styles[name], masks[place] = style, mask
        if background is not None:
            check_encoder(features, background, "background")
        elif temporal == "frame":  # in a video, a tracked subject may leave the frame
            require_region(masks)
        alphas = numbers(alpha, "alpha")
        counts = {"features": len(features.tensor), "alpha": len(alphas)}
        count = common_count({**counts, **{name: len(mask) for name, mask in masks.items()}})
        progress = host.Progress(count)
        pool = TemporalPool(temporal, temporal_length)

        def stylized() -> Iterator[Features]:
            for part in parts(count, features.size):
                with progress.work(part.stop - part.start):
                    sized = [resize_mask(take(m, part), features.size) for m in masks.values()]
                    yield adain(
                        repeat_features(features, part),
                        list(styles.values()),
                        take(alphas, part),
                        masks=[feather_mask(mask, feather) for mask in sized],
                        background=background,
                        region_statistics=region_statistics,
                        smoothing=pool,
                    )

        with named_errors():
            return (join_features(stylized()),)
