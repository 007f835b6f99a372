"""AdaIN Blend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..adain_core import Features, Style, adain
from ..adain_core.temporal import Temporal, TemporalPool
from . import host
from .batches import (
    common_count,
    join_features,
    numbers,
    parts,
    repeat_features,
    single,
    take,
)
from .errors import check_encoder, named_errors
from .inputs import CATEGORY, DECODED_ALPHA, FEATURES, TEMPORAL, TEMPORAL_LENGTH, WEIGHT, advanced
from .request import NUMBERS


class AdaINBlend:
    """A mix of up to four styles over the whole image."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Applies a style to encoded images, or a mix of up to four. To mix more, chain these "
        "nodes: connect the mixed style to style_1 of the next one."
    )
    SEARCH_ALIASES = ("style transfer", "adain apply", "mix styles", "interpolate styles", "blend")
    RETURN_TYPES = ("ADAIN_FEATURES", "ADAIN_STYLE")
    RETURN_NAMES = ("features", "style")
    OUTPUT_TOOLTIPS = (
        "The stylized features, for AdaIN Decode.",
        "The mixed style, without alpha, for another AdaIN Blend or for saving. If the weights "
        "differ between images, the mix of the first one.",
    )
    FUNCTION = "blend"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        optional: dict[str, Any] = {}
        for number in NUMBERS[1:]:
            tooltip = "Another style to mix in."
            optional[f"style_{number}"] = ("ADAIN_STYLE", {"tooltip": tooltip})
            optional[f"weight_{number}"] = WEIGHT
        optional |= {"temporal": advanced(TEMPORAL), "temporal_length": advanced(TEMPORAL_LENGTH)}
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
        given = {
            1: (style_1, weight_1),
            2: (style_2, weight_2),
            3: (style_3, weight_3),
            4: (style_4, weight_4),
        }
        connected = {n: each for n, each in given.items() if each[0] is not None}
        for number, (style, _) in connected.items():
            check_encoder(features, style, f"style_{number}")
        styles = [style for style, _ in connected.values() if style is not None]
        weights = {f"weight_{n}": numbers(w, f"weight_{n}") for n, (_, w) in connected.items()}
        if len(styles) == 1:  # it has no share that it could differ in
            weights = {}
        alphas = numbers(alpha, "alpha")
        with named_errors({"weights": " and ".join(weights)}):
            # All at once, so that a late frame's bad weights do not cost the frames before.
            mixes = [
                Style.mix(styles, [take(each, single(n))[0] for each in weights.values()] or None)
                for n in range(max(map(len, weights.values()), default=1))
            ]
        counts = {"features": len(features.tensor), "alpha": len(alphas)}
        count = common_count({**counts, **{name: len(each) for name, each in weights.items()}})
        progress = host.Progress(count)
        pool = TemporalPool(temporal, temporal_length)

        def blended() -> Iterator[Features]:
            # Pictures of one mix go together.
            runs = parts(count, features.size) if len(mixes) == 1 else map(single, range(count))
            for part in runs:
                with progress.work(part.stop - part.start):
                    mix, taken = take(mixes, part)[0], repeat_features(features, part)
                    yield adain(taken, mix, take(alphas, part), smoothing=pool)

        with named_errors():
            return (join_features(blended()), mixes[0])
