"""Style Transfer (AdaIN): everything in one node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from ..adain_core import Style
from ..adain_core.temporal import Temporal, TemporalPool
from ..adain_core.tiles import check_tile
from . import host
from .images import common_count, from_image, lengths, picture_shares, take, to_image
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
from .regions import MASK, Layout, layout, mask_counts, picture_masks, require_region
from .sources import PRESERVE_COLOR, STYLE, Sources


class AdaINStylize:
    """Pictures and styles in, pictures out."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Draws pictures in the style of any artwork, or in several. Connect a model, a content and "
        "a style, and run. Batches may be the frames of a video; long clips are better drawn by "
        "Style Transfer Video (AdaIN), which never holds them all in memory."
    )
    SEARCH_ALIASES = (
        "style transfer",
        "neural style",
        "artistic style",
        "stylize image",
        "painting",
        "paint",
        "artwork",
        "photo to painting",
        "art filter",
        "van gogh",
    )
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("image",)
    OUTPUT_TOOLTIPS = ("The stylized pictures, of the size of the content.",)
    FUNCTION = "stylize"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        # Saved workflows hold widget values by position: new ones go to the end.
        sockets: dict[str, Any] = {"mask_1": MASK}
        for number in (2, 3, 4):
            sockets[f"style_{number}"] = STYLE
            sockets[f"mask_{number}"] = MASK
        return {
            "required": {
                "model": MODEL,
                "content": (
                    "IMAGE",
                    {"tooltip": "The picture to stylize, or a batch: photos, video frames."},
                ),
                "style_1": STYLE,
                "alpha": ALPHA,
            },
            "optional": {
                **sockets,
                "preserve_color": PRESERVE_COLOR,
                "style_size": STYLE_SIZE,
                **{f"weight_{number}": WEIGHT for number in (1, 2, 3, 4)},
                "feather": FEATHER,
                "region_statistics": REGION_STATISTICS,
                "tile": TILE,
                "temporal": TEMPORAL,
                "temporal_length": TEMPORAL_LENGTH,
                "content_residual": CONTENT_RESIDUAL,
            },
        }

    def stylize(
        self,
        model: host.ManagedModel,
        content: Tensor,
        style_1: Tensor | Style,
        alpha: float | Sequence[float],
        mask_1: Tensor | None = None,
        style_2: Tensor | Style | None = None,
        mask_2: Tensor | None = None,
        style_3: Tensor | Style | None = None,
        mask_3: Tensor | None = None,
        style_4: Tensor | Style | None = None,
        mask_4: Tensor | None = None,
        preserve_color: str = "none",
        style_size: int = 512,
        weight_1: float | Sequence[float] = 1.0,
        weight_2: float | Sequence[float] = 1.0,
        weight_3: float | Sequence[float] = 1.0,
        weight_4: float | Sequence[float] = 1.0,
        feather: int = 0,
        region_statistics: bool = True,
        tile: int = 0,
        temporal: Temporal = "frame",
        temporal_length: int = 8,
        content_residual: bool = False,
    ) -> tuple[Tensor]:
        """Run the node."""
        check_limits("style_size", style_size, STYLE_SIZE)
        check_limits("feather", feather, FEATHER)
        alphas = picture_alphas(alpha)
        check_tile(tile or None)
        method = None if preserve_color == "none" else preserve_color
        pictures = from_image(content, "content")
        laid_out: Layout[Tensor | Style] = layout(
            (style_1, style_2, style_3, style_4), (mask_1, mask_2, mask_3, mask_4)
        )
        weights = picture_weights((weight_1, weight_2, weight_3, weight_4), laid_out.mixed)
        counts = lengths(content=pictures, alpha=alphas, **weights)
        count = common_count({**counts, **mask_counts(laid_out.regions)})
        shares = picture_shares(weights, count) if weights else None
        options: dict[str, Any] = {
            "content_residual": content_residual,
            "preserve_color": method,
            "tile": tile or None,
            "smoothing": TemporalPool(temporal, temporal_length),
        }
        sources = Sources(model, laid_out, method)
        progress = host.Progress(sources.pictures + count)
        # One frame of a video may show nothing of what a mask follows.
        if laid_out.masks and laid_out.background is None and temporal == "frame":
            require_region(laid_out.masks)
        styles, background = sources.ready(style_size, progress)
        options |= {"background": background, "region_statistics": region_statistics}

        size = (pictures.shape[2], pictures.shape[3])
        network = model.load(*size)

        def stylized() -> Iterator[Tensor]:
            for number, fitted in enumerate(picture_masks(laid_out.masks, count, size, feather)):
                # The sources have their size already.
                yield network.stylize(
                    take(pictures, number),
                    styles,
                    alpha=take(alphas, number)[0],
                    weights=None if shares is None else shares[number],
                    masks=fitted or None,
                    style_size=0,
                    progress=progress.tile,
                    **options,
                )

        return (to_image(stylized(), count, progress),)
