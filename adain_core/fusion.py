"""Content meets style: ``adain`` on encoded pictures, with alpha, several styles and regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .architecture import STRIDE, Fusion
from .functional import Statistics, Window, channel_statistics, crop, fuse
from .masks import MaskLike, as_mask, feature_weights, pool_to_features
from .pixels import as_float
from .style import Features, Style, require_same_encoder

# From statistics to those that are used in their place: the whole content's first, then each
# region's (without masks there is one, the whole), then for recoloured artworks each style's.
# ``adain_core.temporal`` pools them over the frames of a video.
Smoothing = Callable[[list[Statistics]], list[Statistics]]
# What masks leave of 1 by rounding alone: 7e-7 seen.
_ROUNDING = 1e-5
# Rows of features whose pixels' opacity is pooled at a time.
_BAND = 64


@dataclass(frozen=True)
class Region:
    """One style's part of a picture.

    Args:
        content: mean and std that the content's features have, ``(B, C)`` each.
        target: mean and std that they are given.
        weight: of the region at each feature, ``(B, 1, h, w)``; ``None``: all of it.
    """

    content: Statistics
    target: Statistics
    weight: Tensor | None = None


@dataclass(frozen=True)
class Transfer:
    """AdaIN made ready: all statistics are known, so that features can be fused part by part.

    Args:
        fusion: how the model fuses content and style.
        whole: the content's own mean and std, for what no region covers.
        regions: where there is a style.
    """

    fusion: Fusion
    whole: Statistics
    regions: tuple[Region, ...]

    def __call__(self, features: Tensor, window: Window = (slice(None), slice(None))) -> Tensor:
        """What the decoder receives for a part of the features.

        Args:
            features: the content's, the whole map.
            window: the part.
        """
        content = crop(features, window)
        only = self.regions[0]
        if only.weight is None:
            return fuse(content, *only.target, self.fusion, only.content)
        # Regions need float32: far outside a small one its style can leave the range of float16.
        content = content.float()
        kept = fuse(content, *self.whole, self.fusion, self.whole)
        result = kept
        for region in self.regions:
            assert region.weight is not None
            stylized = fuse(content, *region.target, self.fusion, region.content)
            result = result + crop(region.weight, window) * (stylized - kept)
        return result.to(features.dtype)


def adain(
    features: Features,
    style: Style | Sequence[Style],
    alpha: float = 1.0,
    *,
    masks: Sequence[MaskLike] | None = None,
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
        region_statistics: take the content's statistics inside each region (section 7.3 and the
            official code), else over the whole picture.
        smoothing: for the frames of a video, see :class:`~adain_core.temporal.TemporalPool`.

    Returns:
        Features for ``AdaINModel.decode``.

    Raises:
        ValueError: alpha outside 0..1; counts of styles and masks that differ; a bad mask.
        StyleMismatchError: a style from another encoder.
        TypeError: no features, style or mask, but for example a picture.

    Example:
        >>> image = model.decode(adain(model.encode(photo), style, alpha=0.8))
    """
    transfer = plan_transfer(
        features,
        style,
        alpha,
        masks=masks,
        background=background,
        region_statistics=region_statistics,
        smoothing=smoothing,
    )
    return replace(features, tensor=transfer(features.tensor))


def plan_transfer(
    features: Features,
    style: Style | Sequence[Style],
    alpha: float = 1.0,
    *,
    masks: Sequence[MaskLike] | None = None,
    background: Style | None = None,
    region_statistics: bool = True,
    smoothing: Smoothing | None = None,
    smooth_styles: bool = False,
) -> Transfer:
    """The statistics of :func:`adain`, whose arguments and errors these are.

    With ``smooth_styles`` the styles' statistics are smoothed, too, for frames that have a style
    each: an artwork recoloured to each of them.
    """
    check_alpha(alpha)
    styles = [style] if isinstance(style, Style) else list(style)
    for each in [*styles, *([background] if background else [])]:
        require_same_encoder(features, each)
    content, visible = features.tensor, _visible(features)
    whole = channel_statistics(content, visible)
    pairs: list[tuple[Style, Tensor | None]]
    if masks is None:
        if len(styles) != 1 or background is not None:
            raise ValueError(
                "without masks expected one style and no background, got "
                f"{len(styles)} style(s){' and a background' if background else ''}; "
                "Style.mix makes one style of several"
            )
        pairs = [(styles[0], None)]
    else:
        pairs = [*_regions(styles, masks, background, features)]
    used = [
        whole
        if weight is None or not region_statistics
        else channel_statistics(content, _weights(weight, visible))
        for _, weight in pairs
    ]
    targets = [
        (each.mean.to(whole[0]).expand_as(whole[0]), each.std.to(whole[1]).expand_as(whole[1]))
        for each, _ in pairs
    ]
    if smoothing is not None:
        count = len(used)
        whole, *smooth = smoothing([whole, *used, *(targets if smooth_styles else [])])
        used, targets = smooth[:count], smooth[count:] or targets
    regions = [
        Region(own, (torch.lerp(own[0], mean, alpha), torch.lerp(own[1], std, alpha)), weight)
        for own, (mean, std), (_, weight) in zip(used, targets, pairs, strict=True)
    ]
    return Transfer(features.fusion, whole, tuple(regions))


def own_transfer(features: Features) -> Transfer:
    """The content at its own statistics: what the decoder keeps of it."""
    own = channel_statistics(features.tensor, _visible(features))
    return Transfer(features.fusion, own, (Region(own, own),))


def check_alpha(alpha: float) -> None:
    """Raise ``ValueError`` unless alpha is a number in 0..1 (or a tensor of one)."""
    if isinstance(alpha, Tensor) and alpha.numel() != 1:
        raise ValueError(
            f"alpha must be one number for all pictures, got a tensor of shape {tuple(alpha.shape)}"
        )
    if not 0 <= alpha <= 1:  # false for NaN, too
        raise ValueError(f"alpha must lie in 0..1, got {alpha}")


def check_masks(masks: Sequence[MaskLike], styles: int, batch: int) -> list[Tensor]:
    """The masks as ``(B, 1, H, W)``.

    Args:
        masks: one for each style.
        styles: how many styles there are.
        batch: how many content pictures there are.

    Raises:
        ValueError: counts that do not match, or a bad mask.
    """
    masks = list(masks)  # one tensor of several, too
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


def _visible(features: Features) -> Tensor | None:
    """Weight of every feature ``(B, 1, h, w)``, where the content has transparent pixels.

    What a cut-out hides, often black, is then no part of the picture that AdaIN normalises.
    """
    if features.opacity is None:
        return None
    rows, columns = features.tensor.shape[2:]
    # By bands, since in 8 bits a large picture's opacity takes a quarter of the memory.
    pooled = [
        pool_to_features(as_float(band), (min(_BAND, rows - _BAND * number), columns))
        for number, band in enumerate(torch.split(features.opacity, _BAND * STRIDE, dim=2))
    ]
    opacity = torch.cat(pooled, dim=2).to(features.tensor.device)
    return _weights(torch.ones_like(opacity), opacity)


def _weights(weight: Tensor, visible: Tensor | None) -> Tensor:
    """The weights of what is visible, or of all of it where nothing is."""
    if visible is None:
        return weight
    both = weight * visible
    return torch.where((both > 0).any(dim=3, keepdim=True).any(dim=2, keepdim=True), both, weight)


def _regions(
    styles: Sequence[Style],
    masks: Sequence[MaskLike],
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
    weights = feature_weights(checked, features.size, feature_size)
    pairs = list(zip(styles, weights, strict=True))
    if background is not None:
        rest = 1 - weights.sum(dim=0)
        # Rounding left where the masks cover everything, of either sign, is no region: statistics
        # weighted by it would not be finite.
        pairs.append((background, torch.where(rest > _ROUNDING, rest, 0)))
    regions: list[tuple[Style, Tensor]] = []
    for style, weight in pairs:
        for place, (other, share) in enumerate(regions):
            if other == style:
                regions[place] = (other, share + weight)
                break
        else:
            regions.append((style, weight))
    return regions
