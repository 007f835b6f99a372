"""AdaIN Stylize Video: a video file in, a video file out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..adain_core import Style
from ..adain_core.temporal import Temporal
from ..adain_core.tiles import check_tile
from . import host
from .images import common_count, lengths, picture_shares, take
from .inputs import (
    ALPHA,
    CATEGORY,
    CONTENT_RESIDUAL,
    MODEL,
    STYLE_SIZE,
    TEMPORAL,
    TEMPORAL_LENGTH,
    TILE,
    WEIGHT,
    check_limits,
    picture_alphas,
    picture_weights,
)
from .sources import PRESERVE_COLOR, Sources, style_input

_LOG = logging.getLogger(__name__)


class AdaINStylizeVideo:
    """A video of any length, frame by frame from file to file."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Draws a video in the style of any artwork, or in a mix of several. Frames are read, drawn "
        "and written one after the other, so that memory does not grow with the length; sound and "
        "times stay."
    )
    SEARCH_ALIASES = ("style transfer video", "video to painting", "stylize clip", "neural style")
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
                "style_1": style_input(1),
                "alpha": ALPHA,
            },
            "optional": {
                **{f"style_{number}": style_input(number) for number in (2, 3, 4)},
                "preserve_color": PRESERVE_COLOR,
                "style_size": STYLE_SIZE,
                **{f"weight_{number}": WEIGHT for number in (1, 2, 3, 4)},
                "tile": TILE,
                "temporal": (TEMPORAL[0], {**TEMPORAL[1], "default": "ema"}),
                "temporal_length": TEMPORAL_LENGTH,
                "content_residual": CONTENT_RESIDUAL,
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
    ) -> tuple[Any]:
        """Run the node."""
        # Here, since pictures need no PyAV.
        from ..adain_core.video import Keyframe, stylize_video

        check_limits("style_size", style_size, STYLE_SIZE)
        check_tile(tile or None)
        method = None if preserve_color == "none" else preserve_color
        given = dict(enumerate((style_1, style_2, style_3, style_4), start=1))
        connected = {number: style for number, style in given.items() if style is not None}
        sources = Sources(model, connected, method)
        alphas = picture_alphas(alpha)
        weights = picture_weights((weight_1, weight_2, weight_3, weight_4), connected)
        count = common_count(lengths(alpha=alphas, **weights))
        shares = picture_shares(weights, count)
        if count > 1 and sources.recolors:
            raise ValueError(
                f"preserve_color {method} recolours the artworks for each frame, which does not go "
                "with alphas or weights for each frame; choose luminance"
            )

        encoding = host.Progress(sources.pictures)
        styles = [sources.get(number, style_size, encoding) for number in connected]
        course: dict[str, Any] = {"styles": styles, "weights": shares[0], "alpha": alphas[0]}
        if count > 1:
            course = {
                "keyframes": [
                    Keyframe(number, Style.mix(styles, frame), take(alphas, number)[0])
                    for number, frame in enumerate(shares)
                ]
            }
        network = model.load(*host.video_size(video))
        made = host.temporary_file(".mp4")
        progress = host.VideoProgress()
        with host.video_file(video) as source:
            try:
                result = stylize_video(
                    network,
                    source,
                    made,
                    preserve_color=method,
                    style_size=0,  # the sources have their size already
                    tile=tile or None,
                    temporal=temporal,
                    temporal_length=temporal_length,
                    content_residual=content_residual,
                    progress=progress.frame,
                    watch=progress.watch,
                    **course,
                )
            except BaseException as error:
                cancelled = host.interruption(error)
                if cancelled is None:
                    raise
                made.unlink(missing_ok=True)
                raise cancelled from None
        for note in result.notes:
            _LOG.warning("AdaIN Stylize Video: %s", note)
        return (host.as_video(made),)
