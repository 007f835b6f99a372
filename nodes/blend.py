"""AdaIN Blend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..adain_core import Features, Style, adain
from ..adain_core.temporal import Temporal, TemporalPool
from . import host
from .images import (
    check_encoder,
    common_count,
    join_features,
    lengths,
    picture_shares,
    take,
    take_features,
)
from .inputs import (
    CATEGORY,
    DECODED_ALPHA,
    FEATURES,
    TEMPORAL,
    TEMPORAL_LENGTH,
    WEIGHT,
    picture_alphas,
    picture_weights,
)


class AdaINBlend:
    """Up to four styles, mixed, over the whole picture."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Gives encoded pictures a style, or a mix of up to four. For more styles chain these "
        "nodes: connect the mixed style to the next one's style_1."
    )
    SEARCH_ALIASES = ("style transfer", "adain apply", "mix styles", "interpolate styles", "blend")
    RETURN_TYPES = ("ADAIN_FEATURES", "ADAIN_STYLE")
    RETURN_NAMES = ("features", "style")
    OUTPUT_TOOLTIPS = (
        "The pictures in the style, for AdaIN Decode.",
        "The mix of the styles, without alpha, for another AdaIN Blend or for saving. Where each "
        "picture has its own weights, that of the first.",
    )
    FUNCTION = "blend"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        optional: dict[str, Any] = {}
        for number in (2, 3, 4):
            tooltip = "Another style to mix in."
            optional[f"style_{number}"] = ("ADAIN_STYLE", {"tooltip": tooltip})
            optional[f"weight_{number}"] = WEIGHT
        optional |= {"temporal": TEMPORAL, "temporal_length": TEMPORAL_LENGTH}
        return {
            "required": {
                "features": FEATURES,
                "style_1": (
                    "ADAIN_STYLE",
                    {"tooltip": "The style, from AdaIN Encode Style or Load AdaIN Style."},
                ),
                "alpha": DECODED_ALPHA,
                "weight_1": WEIGHT,
            },
            "optional": optional,
        }

    def blend(
        self,
        features: Features,
        style_1: Style,
        alpha: float | Sequence[float],
        weight_1: float | Sequence[float],
        style_2: Style | None = None,
        weight_2: float | Sequence[float] = 1.0,
        style_3: Style | None = None,
        weight_3: float | Sequence[float] = 1.0,
        style_4: Style | None = None,
        weight_4: float | Sequence[float] = 1.0,
        temporal: Temporal = "frame",
        temporal_length: int = 8,
    ) -> tuple[Features, Style]:
        """Run the node."""
        connected = {
            number: style
            for number, style in enumerate((style_1, style_2, style_3, style_4), start=1)
            if style is not None
        }
        for number, style in connected.items():
            check_encoder(features, style, f"style_{number}")
        weights = picture_weights((weight_1, weight_2, weight_3, weight_4), connected)
        alphas = picture_alphas(alpha)
        count = common_count(lengths(features=features.tensor, alpha=alphas, **weights))
        styles = list(connected.values())
        mixes = [Style.mix(styles, shares) for shares in picture_shares(weights, count)]
        pool = TemporalPool(temporal, temporal_length)
        blended = (
            adain(take_features(features, number), mix, take(alphas, number)[0], smoothing=pool)
            for number, mix in enumerate(mixes)
        )
        return (join_features(blended, host.Progress(count)), mixes[0])
