"""Style Transfer Video (AdaIN): a video file in, a video file out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..adain_core import Style
from ..adain_core.options import StylizeOptions
from ..adain_core.stylizer import Stylizer
from ..adain_core.temporal import Temporal, TemporalPool
from ..adain_core.tiles import check_tile
from . import host
from .images import common_count, lengths, picture_shares, take
from .inputs import (
    ALPHA,
    CATEGORY,
    CONTENT_RESIDUAL,
    FEATHER,
    MODEL,
    REGION_STATISTICS,
    STYLE_SIZE,
    TEMPORAL,
    TEMPORAL_LENGTH,
    TILE,
    WEIGHT,
    check_limits,
    picture_alphas,
    picture_weights,
)
from .regions import MASK, Layout, layout, mask_counts, require_region
from .sources import PRESERVE_COLOR, STYLE, Sources

_LOG = logging.getLogger(__name__)


class AdaINStylizeVideo:
    """A video of any length, frame by frame from file to file."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Draws a video in the style of any artwork, or in a mix of several. Frames are read, drawn "
        "and written one after the other, so that memory does not grow with the length; sound and "
        "times stay."
    )
    SEARCH_ALIASES = (
        "neural style video",
        "video to painting",
        "stylize clip",
    )
    RETURN_TYPES = ("VIDEO",)
    RETURN_NAMES = ("video",)
    OUTPUT_TOOLTIPS = ("The stylized video, H.264 in MP4, for Save Video.",)
    FUNCTION = "stylize"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        # Saved workflows hold widget values by position: new ones go to the end.
        return {
            "required": {
                "model": MODEL,
                "video": ("VIDEO", {"tooltip": "The video, from Load Video for example."}),
                "style_1": STYLE,
                "alpha": ALPHA,
            },
            "optional": {
                **{f"style_{number}": STYLE for number in (2, 3, 4)},
                "preserve_color": PRESERVE_COLOR,
                "style_size": STYLE_SIZE,
                **{f"weight_{number}": WEIGHT for number in (1, 2, 3, 4)},
                "tile": TILE,
                "temporal": (TEMPORAL[0], {**TEMPORAL[1], "default": "ema"}),
                "temporal_length": TEMPORAL_LENGTH,
                "content_residual": CONTENT_RESIDUAL,
                **{f"mask_{number}": MASK for number in (1, 2, 3, 4)},
                "feather": FEATHER,
                "region_statistics": REGION_STATISTICS,
            },
        }

    def stylize(
        self,
        model: host.ManagedModel,
        video: Any,
        style_1: Tensor | Style,
        alpha: float | Sequence[float],
        style_2: Tensor | Style | None = None,
        style_3: Tensor | Style | None = None,
        style_4: Tensor | Style | None = None,
        preserve_color: str = "none",
        style_size: int = 512,
        weight_1: float | Sequence[float] = 1.0,
        weight_2: float | Sequence[float] = 1.0,
        weight_3: float | Sequence[float] = 1.0,
        weight_4: float | Sequence[float] = 1.0,
        tile: int = 0,
        temporal: Temporal = "ema",
        temporal_length: int = 8,
        content_residual: bool = False,
        mask_1: Tensor | None = None,
        mask_2: Tensor | None = None,
        mask_3: Tensor | None = None,
        mask_4: Tensor | None = None,
        feather: int = 0,
        region_statistics: bool = True,
    ) -> tuple[Any]:
        """Run the node."""
        # Here, since pictures need no PyAV.
        from ..adain_core.video import Keyframe, stylize_video

        check_limits("style_size", style_size, STYLE_SIZE)
        check_limits("feather", feather, FEATHER)
        check_tile(tile or None)
        method = None if preserve_color == "none" else preserve_color
        laid_out: Layout[Tensor | Style] = layout(
            (style_1, style_2, style_3, style_4), (mask_1, mask_2, mask_3, mask_4)
        )
        sources = Sources(model, laid_out, method)
        alphas = picture_alphas(alpha)
        weights = picture_weights((weight_1, weight_2, weight_3, weight_4), laid_out.mixed)
        changing = lengths(alpha=alphas, **weights)
        count = common_count(changing)
        common_count({**changing, **mask_counts(laid_out.regions)})
        if laid_out.masks and laid_out.background is None:
            require_region(laid_out.masks)
        shares = picture_shares(weights, count) if weights else None
        if count > 1 and sources.recolors:
            raise ValueError(
                f"preserve_color {method} recolors the artworks for each frame, which does not go "
                "with alphas or weights for each frame; choose luminance"
            )

        encoding = host.Progress(sources.pictures)
        styles, background = sources.ready(style_size, encoding)
        keyframes = None
        if count > 1:
            keyframes = [
                Keyframe(
                    number,
                    styles if shares is None else Style.mix(styles, shares[number]),
                    take(alphas, number)[0],
                )
                for number in range(count)
            ]
        options = StylizeOptions(
            styles,
            weights=None if keyframes or shares is None else shares[0],
            masks=laid_out.masks or None,
            background=background,
            alpha=1.0 if keyframes else alphas[0],
            feather=feather if laid_out.masks else 0,
            region_statistics=region_statistics,
            preserve_color=method,
            content_residual=content_residual,
            style_size=0,  # the sources have their size already
            tile=tile or None,
        )
        network = model.load(*host.video_size(video))
        made = host.temporary_file(".mp4")
        progress = host.VideoProgress()
        with host.video_file(video) as source:
            try:
                result = stylize_video(
                    Stylizer(network, options, TemporalPool(temporal, temporal_length)),
                    source,
                    made,
                    keyframes=keyframes,
                    progress=progress.frame,
                )
            except BaseException as error:
                cancelled = host.interruption(error)
                if cancelled is None:
                    raise
                made.unlink(missing_ok=True)
                raise cancelled from None
        for note in result.notes:
            _LOG.warning("Style Transfer Video (AdaIN): %s", note)
        return (host.as_video(made),)
