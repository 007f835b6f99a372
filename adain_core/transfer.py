"""``adain`` on encoded images, with alpha, several styles and regions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from .errors import OptionError, require_kind
from .functional import EVERYWHERE, Statistics, Window, channel_statistics, crop, fuse
from .masks import (
    MaskLike,
    check_masks,
    feature_weights,
    pool_to_features,
    region_weights,
)
from .networks.architecture import STRIDE, Fusion
from .pixels import as_float
from .style import Features, Style, require_same_encoder

T = TypeVar("T")
# One number for all images, or one per image.
Alpha = float | Sequence[float] | Tensor

# Of a later pass. Stylized images need less; a flat one would show its rounding.
_LARGEST_GAIN = 10.0
# Rounding error of a sum of masks that covers everything.
_ROUNDING = 1e-5
# Rows of features whose pixels' opacity is pooled at a time.
_BAND = 64


@dataclass(frozen=True)
class FrameStatistics:
    """The statistics that AdaIN uses; those of video frames can be pooled.

    Attributes:
        whole: mean and std of the whole content, ``(B, C)`` each.
        regions: those of the content in each region; without masks, one region.
        styles: those of the style of each region, if they differ from frame to frame, as for
            artworks that are recolored for each frame; otherwise empty.
    """

    whole: Statistics
    regions: tuple[Statistics, ...]
    styles: tuple[Statistics, ...] = ()


# Maps the statistics of consecutive frames to smoothed ones.
Smoothing = Callable[[FrameStatistics], FrameStatistics]


@dataclass(frozen=True)
class Region:
    """The part of an image with one style.

    Attributes:
        content: mean and std of the content's features, ``(B, C)`` each.
        target: mean and std that they get.
        weight: weight of the region at each feature, ``(B, 1, h, w)``; ``None``: 1 everywhere.
    """

    content: Statistics
    target: Statistics
    weight: Tensor | None = None


@dataclass(frozen=True)
class Transfer:
    """AdaIN with precomputed statistics, which can be applied to features tile by tile.

    Attributes:
        fusion: how the model fuses content and style.
        whole: the content's own mean and std, for features outside every region.
        regions: the regions with a style.
    """

    fusion: Fusion
    whole: Statistics
    regions: tuple[Region, ...]

    def limited(self) -> Transfer:
        """Return a transfer of limited gain, for an input that is stylized already."""
        regions = (
            replace(each, content=(mean, torch.maximum(std, each.target[1] / _LARGEST_GAIN)))
            for each in self.regions
            for mean, std in [each.content]
        )
        return replace(self, regions=tuple(regions))

    def __call__(self, features: Tensor, window: Window = EVERYWHERE) -> Tensor:
        """Return the decoder's input for a window of the features.

        Args:
            features: all features of the content, ``(B, C, h, w)``.
            window: the window.
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
    alpha: Alpha = 1.0,
    *,
    masks: Sequence[MaskLike] | None = None,
    background: Style | None = None,
    region_statistics: bool = True,
    smoothing: Smoothing | None = None,
) -> Features:
    """Give the content's features the channel statistics of a style (equation 8).

    Args:
        features: the content, from ``AdaINModel.encode``.
        style: one style, or with ``masks`` one per mask (``Style.mix`` combines several).
        alpha: 0 keeps the content's features, 1 gives the full style (equation 14); one number, or
            one per image.
        masks: where each style applies: ``(H, W)`` or ``(B, H, W)``, 0..1, any resolution; or
            images. Overlapping masks share their pixels in proportion. Outside every mask, features
            stay unchanged. Masks with the same style form one region.
        background: style of pixels outside every mask.
        region_statistics: normalize each region by the content's statistics inside it (section
            7.3 and the official code), instead of those of the whole image.
        smoothing: for video frames, see :class:`~adain_core.temporal.TemporalPool`.

    Returns:
        Features for ``AdaINModel.decode``.

    Raises:
        ValueError: alpha outside 0..1, different numbers of styles and masks, or an invalid mask.
        StyleMismatchError: a style from another encoder.
        TypeError: something else instead of features, styles or masks, such as an image.

    Example:
        >>> image = model.decode(adain(model.encode(photo), style, alpha=0.8))
    """
    styles = list(style) if isinstance(style, Iterable) else [style]
    require_kind("features", features, Features, "Features of AdaINModel.encode")
    for each in [*styles, *([] if background is None else [background])]:
        require_kind("style", each, Style, "a Style of AdaINModel.encode_style")
    batch = len(features.tensor)
    checked = None if masks is None else check_masks(masks, len(styles), batch)
    if checked is None and (len(styles) != 1 or background is not None):
        raise ValueError(
            "without masks expected one style and no background, got "
            f"{len(styles)} style(s){' and a background' if background else ''}; "
            "combine several styles with Style.mix"
        )
    for each in [*styles, *([background] if background else [])]:
        require_same_encoder(features, each)
    targets = [each.statistics(features.closeness) for each in styles]
    rest = None if background is None else background.statistics(features.closeness)
    transfer = plan_transfer(
        features,
        targets,
        alpha_tensor(alpha, batch),
        masks=checked,
        background=rest,
        region_statistics=region_statistics,
        smoothing=smoothing,
    )
    if features.strokes is not None:  # it is a later pass
        transfer = transfer.limited()
    regions = None
    if checked is not None:
        regions = pixel_regions(targets, checked, rest, features.size).expand(batch, -1, -1, -1)
    return replace(features, tensor=transfer(features.tensor), regions=regions)


def plan_transfer(
    features: Features,
    targets: Sequence[Statistics],
    alpha: Tensor,
    *,
    masks: Sequence[Tensor] | None = None,
    background: Statistics | None = None,
    region_statistics: bool = True,
    smoothing: Smoothing | None = None,
    smooth_styles: bool = False,
) -> Transfer:
    """Compute the statistics that AdaIN needs.

    Args:
        features: the content.
        targets: mean and std of each style, ``(C,)``, or ``(B, C)`` if they differ between images;
            one style without masks, otherwise one per mask.
        alpha: of each image, ``(B,)`` or ``(1,)``, 0..1.
        masks: ``(B, 1, H, W)`` or ``(1, 1, H, W)`` each.
        background: mean and std of the background style.
        region_statistics: as for :func:`adain`.
        smoothing: likewise.
        smooth_styles: also smooth the statistics of the styles, if each frame has its own.
    """
    content, visible = features.tensor, _visible(features)
    whole = channel_statistics(content, visible)
    placed: list[tuple[Statistics, Tensor | None]]
    if masks is None:
        placed = [(targets[0], None)]
    else:
        placed = [*_regions(targets, masks, background, features)]
    used = tuple(
        whole
        if weight is None or not region_statistics
        else channel_statistics(content, _weights(weight, visible))
        for _, weight in placed
    )
    wanted = tuple(
        (mean.to(whole[0]).expand_as(whole[0]), std.to(whole[1]).expand_as(whole[1]))
        for (mean, std), _ in placed
    )
    if smoothing is not None:
        smooth = smoothing(FrameStatistics(whole, used, wanted if smooth_styles else ()))
        whole, used, wanted = smooth.whole, smooth.regions, smooth.styles or wanted
    share = alpha.to(whole[0])[:, None]
    regions = tuple(
        Region(own, (torch.lerp(own[0], mean, share), torch.lerp(own[1], std, share)), weight)
        for own, (mean, std), (_, weight) in zip(used, wanted, placed, strict=True)
    )
    return Transfer(features.fusion, whole, regions)


def own_transfer(features: Features) -> Transfer:
    """Return the transfer to the content's own statistics, which reconstructs the content."""
    own = channel_statistics(features.tensor, _visible(features))
    return Transfer(features.fusion, own, (Region(own, own),))


def alpha_tensor(alpha: Alpha, batch: int) -> Tensor:
    """Return alpha as a tensor ``(1,)`` for all images, or ``(B,)``; gradients flow through it.

    Args:
        alpha: one number, or one per image.
        batch: number of images.

    Raises:
        OptionError: outside 0..1, or the wrong number of values.
    """
    values = check_alpha(alpha)
    if len(values) not in (1, batch):
        raise OptionError(
            "alpha",
            f"must be one number, or one per image ({batch}), got {len(values)}",
        )
    if isinstance(alpha, Tensor):
        return alpha.reshape(-1)
    return torch.tensor(values, dtype=torch.float64, device="cpu")


def check_alpha(alpha: Alpha) -> list[float]:
    """Return alpha as a list of numbers.

    Raises:
        OptionError: outside 0..1.
        TypeError: no numbers.
    """
    try:
        values = torch.as_tensor(alpha, dtype=torch.float64, device="cpu").detach()
    except (TypeError, ValueError):
        raise TypeError(f"alpha must be one number, or one per image, got {alpha!r}") from None
    if values.ndim > 1 or values.numel() == 0:
        raise OptionError(
            "alpha",
            f"must be one number, or one per image, got a tensor of shape {tuple(values.shape)}",
        )
    numbers: list[float] = values.reshape(-1).tolist()
    for number in numbers:
        if not 0 <= number <= 1:  # false for NaN, too
            raise OptionError("alpha", f"must lie in 0..1, got {number:g}")
    return numbers


def _visible(features: Features) -> Tensor | None:
    """Return the visible share of each feature, ``(B, 1, h, w)``; ``None`` without transparency.

    Transparent pixels, which are often black, must not affect the statistics.
    """
    if features.opacity is None:
        return None
    rows, columns = features.tensor.shape[2:]
    # In bands: as uint8, the opacity of a large image takes a quarter of the memory.
    pooled = [
        pool_to_features(as_float(band), (min(_BAND, rows - _BAND * number), columns))
        for number, band in enumerate(torch.split(features.opacity, _BAND * STRIDE, dim=2))
    ]
    opacity = torch.cat(pooled, dim=2).to(features.tensor.device)
    return _weights(torch.ones_like(opacity), opacity)


def _weights(weight: Tensor, visible: Tensor | None) -> Tensor:
    """Return the weights of visible features, or all of them if none is visible."""
    if visible is None:
        return weight
    both = weight * visible
    return torch.where((both > 0).any(dim=3, keepdim=True).any(dim=2, keepdim=True), both, weight)


def _regions(
    targets: Sequence[Statistics],
    masks: Sequence[Tensor],
    background: Statistics | None,
    features: Features,
) -> list[tuple[Statistics, Tensor]]:
    """Return each style with its weight at every feature, ``(B, 1, h, w)``.

    Equal styles form one region, so that two halves in the same style equal the whole image in
    that style, even with the statistics of each region.
    """
    feature_size = (features.tensor.shape[2], features.tensor.shape[3])
    on_device = [mask.to(features.tensor.device) for mask in masks]
    weights = feature_weights(on_device, features.size, feature_size)
    return join_regions(targets, weights, background)


def pixel_regions(
    targets: Sequence[Statistics],
    masks: Sequence[Tensor],
    background: Statistics | None,
    size: tuple[int, int],
) -> Tensor:
    """Return the weight of each region at every pixel; equal styles form one region.

    Args:
        targets: mean and standard deviation of the style of each mask.
        masks: ``(B, 1, H, W)`` each, any resolution; B may be 1.
        background: those of the pixels outside every mask.
        size: height and width of the image.

    Returns:
        ``(B, regions, H, W)`` in 0..1.
    """
    regions = join_regions(targets, region_weights(masks, size), background)
    return torch.cat([weight for _, weight in regions], dim=1)


def join_regions(
    targets: Sequence[Statistics], weights: Tensor, background: Statistics | None
) -> list[tuple[Statistics, Tensor]]:
    """Return different targets and their weights ``(B, 1, H, W)``, of ``(N, B, 1, H, W)``."""
    pairs = list(zip(targets, weights, strict=True))
    if background is not None:
        rest = 1 - weights.sum(dim=0)
        # Where masks cover everything only rounding is left. It is no region: statistics weighted
        # by it would not be finite.
        pairs.append((background, torch.where(rest > _ROUNDING, rest, 0)))
    regions: list[tuple[Statistics, Tensor]] = []
    for target, weight in pairs:
        for place, (other, share) in enumerate(regions):
            if all(torch.equal(a, b) for a, b in zip(target, other, strict=True)):
                regions[place] = (other, share + weight)
                break
        else:
            regions.append((target, weight))
    return regions
