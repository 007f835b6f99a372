"""Masked AdaIN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..adain_core import Features, Style, adain
from ..adain_core.temporal import Temporal, TemporalPool
from . import host
from .images import check_encoder, common_count, join_features, take, take_features
from .inputs import (
    CATEGORY,
    CUT_OUT,
    DECODED_ALPHA,
    FEATHER,
    FEATURES,
    REGION_STATISTICS,
    TEMPORAL,
    TEMPORAL_LENGTH,
    check_limits,
    picture_alphas,
)
from .regions import connected_regions, mask_counts, picture_masks, require_region

_STYLE = ("ADAIN_STYLE", {"tooltip": "The style of the region that the mask of its number covers."})
_MASK = (
    "MASK",
    {
        "tooltip": "Where the style of the same number goes: white gets it, gray partly, black "
        f"does not. Any size; one mask, or one for each picture. {CUT_OUT}"
    },
)


class AdaINMasked:
    """Up to four styles, each in its region."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Gives each masked region of encoded pictures its own style. What no mask covers gets the "
        "background's style, or none. Where masks overlap, their styles mix."
    )
    SEARCH_ALIASES = ("style transfer mask", "spatial control", "regional style", "inpaint style")
    RETURN_TYPES = ("ADAIN_FEATURES",)
    RETURN_NAMES = ("features",)
    OUTPUT_TOOLTIPS = ("The pictures with their regions in the styles, for AdaIN Decode.",)
    FUNCTION = "apply"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        optional: dict[str, Any] = {}
        for number in (2, 3, 4):
            optional[f"style_{number}"] = _STYLE
            optional[f"mask_{number}"] = _MASK
        optional["background"] = (
            "ADAIN_STYLE",
            {
                "tooltip": "The style of what no mask covers. Not connected: that gets no style, "
                "but is drawn by the decoder, too."
            },
        )
        optional |= {"temporal": TEMPORAL, "temporal_length": TEMPORAL_LENGTH}
        return {
            "required": {
                "features": FEATURES,
                "style_1": _STYLE,
                "mask_1": _MASK,
                "alpha": DECODED_ALPHA,
                "feather": FEATHER,
                "region_statistics": REGION_STATISTICS,
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
        regions = connected_regions(
            (style_1, style_2, style_3, style_4), (mask_1, mask_2, mask_3, mask_4)
        )
        styles, masks = [], []
        for region in regions:
            if region.mask is None:
                number = region.number
                raise ValueError(
                    f"style_{number} has no mask: connect mask_{number}, or disconnect "
                    f"style_{number}; a style for the rest of the picture goes into background"
                )
            check_encoder(features, region.style, f"style_{region.number}")
            styles.append(region.style)
            masks.append(region.mask)
        if background is not None:
            check_encoder(features, background, "background")
        elif temporal == "frame":  # one frame of a video may show nothing of what a mask follows
            require_region(masks)
        alphas = picture_alphas(alpha)
        counts = {"features": len(features.tensor), "alpha": len(alphas), **mask_counts(regions)}
        count = common_count(counts)
        pool = TemporalPool(temporal, temporal_length)
        stylized = (
            adain(
                take_features(features, number),
                styles,
                take(alphas, number)[0],
                masks=placed,
                background=background,
                region_statistics=region_statistics,
                smoothing=pool,
            )
            for number, placed in enumerate(picture_masks(masks, count, features.size, feather))
        )
        return (join_features(stylized, host.Progress(count)),)
