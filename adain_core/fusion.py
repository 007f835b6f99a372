"""Content meets style: ``adain`` on encoded pictures, with alpha, several styles and regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from .functional import channel_statistics, fuse
from .masks import as_mask, pool_to_features, region_weights
from .style import Features, Style, require_same_encoder

Statistics = tuple[Tensor, Tensor]
# From the content's statistics to those that are used in their place: the whole picture's first,
# then each region's. ``adain_core.temporal`` pools them over the frames of a video.
Smoothing = Callable[[list[Statistics]], list[Statistics]]


def adain(
    features: Features,
    style: Style | Sequence[Style],
    alpha: float = 1.0,
    *,
    masks: Sequence[Tensor] | None = None,
    background: Style | None = None,
    region_statistics: bool = True,
    smoothing: Smoothing | None = None,
) -> Features:
    """Give the content's features the style's channel statistics (equation 8).

    Args:
        features: of the content, from ``AdaINModel.encode``.
        style: one style, or with ``masks`` one for each mask (``Style.mix`` mixes several into
            one).
        alpha: 0 keeps the content's features, 1 gives the full style (equation 14).
        masks: where each style goes: ``(H, W)`` or ``(B, H, W)``, 0..1, any resolution, soft
            values welcome. Where they overlap they share the place; where none covers, the
            content's features stay. Masks with equal styles make one region.
        background: style of what the masks leave free.
        region_statistics: take the content's statistics inside each region (section 7.4 and the
            official code), else over the whole picture.
        smoothing: for the frames of a video, see :class:`~adain_core.temporal.TemporalPool`.

    Returns:
        Features for ``AdaINModel.decode``.

    Raises:
        ValueError: alpha outside 0..1; counts of styles and masks that differ; a bad mask.
        StyleMismatchError: a style from another encoder.

    Example:
        >>> image = model.decode(adain(model.encode(photo), style, alpha=0.8))
    """
    check_alpha(alpha)
    styles = [style] if isinstance(style, Style) else list(style)
    for each in [*styles, *([background] if background else [])]:
        require_same_encoder(features, each)
    # Regions need float32: far outside a small one its style can leave the range of float16.
    content = features.tensor if masks is None else features.tensor.float()
    whole = channel_statistics(content)

    def stylized(style: Style, content_statistics: Statistics) -> Tensor:
        mean, std = (
            torch.lerp(own, target.to(own), alpha)
            for own, target in zip(content_statistics, (style.mean, style.std), strict=True)
        )
        return fuse(content, mean, std, features.fusion, content_statistics)

    if masks is None:
        if len(styles) != 1 or background is not None:
            raise ValueError(
                "without masks expected one style and no background, got "
                f"{len(styles)} style(s){' and a background' if background else ''}; "
                "Style.mix makes one style of several"
            )
        if smoothing is not None:
            [whole] = smoothing([whole])
        return replace(features, tensor=stylized(styles[0], whole))

    regions = _regions(styles, masks, background, features)
    used = [
        channel_statistics(content, weight) if region_statistics else whole for _, weight in regions
    ]
    if smoothing is not None:
        whole, *used = smoothing([whole, *used])
    kept = fuse(content, *whole, features.fusion, whole)
    result = kept
    for (region_style, weight), statistics in zip(regions, used, strict=True):
        result = result + weight * (stylized(region_style, statistics) - kept)
    return replace(features, tensor=result.to(features.tensor.dtype))


def check_alpha(alpha: float) -> None:
    """Raise ``ValueError`` unless alpha lies in 0..1."""
    if not 0 <= alpha <= 1:  # false for NaN, too
        raise ValueError(f"alpha must lie in 0..1, got {alpha}")


def check_masks(masks: Sequence[Tensor], styles: int, batch: int) -> list[Tensor]:
    """The masks as ``(B, 1, H, W)``.

    Args:
        masks: one for each style.
        styles: how many styles there are.
        batch: how many content pictures there are.

    Raises:
        ValueError: counts that do not match, or a bad mask.
    """
    if not masks and not styles:
        raise ValueError("expected at least one mask, got none")
    if len(masks) != styles:
        raise ValueError(f"expected one mask for each style, got {len(masks)} and {styles}")
    checked = [as_mask(mask, f"mask {number}") for number, mask in enumerate(masks, start=1)]
    for number, mask in enumerate(checked, start=1):
        if len(mask) not in (1, batch):
            raise ValueError(
                f"mask {number}: expected 1 or {batch} masks, as many as content pictures, "
                f"got {len(mask)}"
            )
    return checked


def _regions(
    styles: Sequence[Style],
    masks: Sequence[Tensor],
    background: Style | None,
    features: Features,
) -> list[tuple[Style, Tensor]]:
    """Each style and its weight ``(B, 1, h, w)`` at every feature; equal styles are one region.

    One region, so that two halves in one style equal the whole in that style also when the
    content's statistics are taken inside the regions.
    """
    content = features.tensor
    checked = [mask.to(content.device) for mask in check_masks(masks, len(styles), len(content))]
    feature_size = (content.shape[2], content.shape[3])
    weights = torch.stack(
        [pool_to_features(w, feature_size) for w in region_weights(checked, features.size)]
    )
    pairs = list(zip(styles, weights, strict=True))
    if background is not None:
        pairs.append((background, 1 - weights.sum(dim=0)))
    regions: list[tuple[Style, Tensor]] = []
    for style, weight in pairs:
        for place, (other, share) in enumerate(regions):
            if other == style:
                regions[place] = (other, share + weight)
                break
        else:
            regions.append((style, weight))
    return regions
