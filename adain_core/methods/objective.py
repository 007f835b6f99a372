"""Losses of an image: content, style and roughness."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import OptionError
from ..functional import channel_statistics
from ..networks.architecture import MINIMUM_SIZE
from ..networks.encoder_decoder import Encoder
from ..training.losses import content_loss, level_statistics
from ..utils.devices import resolve_device, resolve_dtype
from ..weights.convert import read_loss_network

StyleLoss = Literal["statistics", "gram"]


class Losses(NamedTuple):
    """Losses of an image, scalars; ``total`` is the weighted sum of the others."""

    content: Tensor
    style: Tensor
    total: Tensor


@dataclass(frozen=True)
class LossWeights:
    """The style loss and the weights of all losses.

    Attributes:
        style_loss: ``"statistics"``: channel means and standard deviations, as AdaIN is trained
            with (equation 13); ``"gram"``: Gram matrices divided by the number of positions
            (Gatys et al. 2016).
        content: weight of the content loss at relu4_1.
        style: weight of the style loss.
        levels: weights of relu1_1, relu2_1, relu3_1 and relu4_1 in the style loss.
        roughness: weight of the mean squared difference between neighboring pixels.

    Raises:
        OptionError: a value out of range.
    """

    style_loss: StyleLoss = "statistics"
    content: float = 1.0
    style: float = 10.0
    levels: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    roughness: float = 0.0

    def __post_init__(self) -> None:
        if self.style_loss not in get_args(StyleLoss):
            names = ", ".join(get_args(StyleLoss))
            raise OptionError("style_loss", f"must be one of {names}, got {self.style_loss!r}")
        for name in ("content", "style", "roughness"):
            if not 0 <= getattr(self, name) < math.inf:
                raise OptionError(
                    f"{name}_loss_weight",
                    f"must be a finite number, 0 or more, got {getattr(self, name)}",
                )


@dataclass(frozen=True)
class Region:
    """A target style and its place.

    Attributes:
        targets: target of each level, as returned by :func:`describe_levels`.
        mask: weights of the pixels, ``(1, 1, H, W)`` in 0..1; ``None``: the whole image.
    """

    targets: Sequence[Tensor]
    mask: Tensor | None = None


def describe_levels(
    levels: Sequence[Tensor], style_loss: StyleLoss, mask: Tensor | None = None
) -> list[Tensor]:
    """Return what the style loss compares.

    Args:
        levels: features of images, ``(B, C_l, h_l, w_l)`` each, float32.
        style_loss: the style loss.
        mask: weights of the pixels, ``(1, 1, H, W)``, 0 or more; ``None``: equal weights.

    Returns:
        Means and standard deviations of each level, ``(B, 2, C_l)``, or Gram matrices,
        ``(B, 1, C_l·C_l)``.
    """
    if mask is None and style_loss == "statistics":
        return [torch.stack(statistics, dim=1) for statistics in level_statistics(levels)]
    described = []
    for level in levels:
        where = (
            None if mask is None else F.adaptive_avg_pool2d(mask, (level.shape[2], level.shape[3]))
        )
        if style_loss == "statistics":
            described.append(torch.stack(channel_statistics(level, where), dim=1))
        else:
            described.append(_gram(level, where))
    return described


def _gram(level: Tensor, mask: Tensor | None) -> Tensor:
    features = level.flatten(2)
    shares: float | Tensor = 1 / features.shape[2]
    if mask is not None:
        weights = mask.flatten(2)
        shares = weights / weights.sum().clamp_min(torch.finfo(weights.dtype).tiny)
    return ((features * shares) @ features.mT).flatten(1)[:, None]


def style_difference(
    levels: Sequence[Tensor],
    targets: Sequence[Tensor],
    weights: LossWeights,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the style loss of images, a scalar.

    With ``"statistics"`` and equal weights it equals
    :func:`~adain_core.training.losses.style_loss`.

    Args:
        levels: features of the images, ``(B, C_l, h_l, w_l)`` each, float32.
        targets: :func:`describe_levels` of the artworks, ``(B, …)`` or ``(1, …)``.
        weights: the style loss, and the weight of each level.
        mask: as for :func:`describe_levels`.
    """
    described = describe_levels(levels, weights.style_loss, mask)
    # A mean over channels, a sum over means and standard deviations.
    differences = [
        share * (own - target).square().mean(dim=2).sum(dim=1).mean()
        for own, target, share in zip(described, targets, weights.levels, strict=True)
    ]
    return torch.stack(differences).sum()


class Objective:
    """The losses of an image for a content and one or several styles.

    Args:
        vgg: the frozen loss network, up to relu4_1. (Gatys et al. also use relu4_2 for content and
            relu5_1 for style.)
        content: target features at relu4_1, ``(1, C, h, w)``.
        regions: target styles; each is weighted by the fraction of the image that its mask covers.
        weights: weights of the losses.
    """

    def __init__(
        self, vgg: Encoder, content: Tensor, regions: Sequence[Region], weights: LossWeights
    ) -> None:
        self.vgg, self.content, self.regions, self.weights = vgg, content, regions, weights

    def __call__(self, image: Tensor) -> Losses:
        """Return the differentiable losses of an image ``(1, 3, H, W)`` in 0..1."""
        weights = self.weights
        levels = levels_of(self.vgg, image)
        content = content_loss(levels[-1], self.content)
        style = content.new_zeros(())
        for region in self.regions:
            share = 1.0 if region.mask is None else region.mask.mean()
            style = style + share * style_difference(levels, region.targets, weights, region.mask)
        total = weights.content * content + weights.style * style
        if weights.roughness:
            total = total + weights.roughness * roughness(image)
        return Losses(content, style, total)


def load_loss_network(
    network: str | os.PathLike[str] = "adain-vgg19",
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "fp32",
) -> Encoder:
    """Load the normalized VGG-19, the loss network.

    Args:
        network: name or file of a full-width model, whose encoder is used, or
            ``vgg_normalised.pth``.
        device: as for :meth:`AdaINModel.from_pretrained <adain_core.AdaINModel.from_pretrained>`.
        dtype: likewise; in half precision, the last steps of an optimization are lost to rounding.

    Raises:
        WeightsError: the file does not exist, is damaged, or holds a slim model.
        ValueError: a device or dtype that is not available.
    """
    target = resolve_device(device)
    vgg, _ = read_loss_network(network)
    return vgg.requires_grad_(False).eval().to(target, resolve_dtype(dtype, target))


def levels_of(vgg: Encoder, images: Tensor) -> list[Tensor]:
    """Return relu1_1 to relu4_1 of images, float32, computed in the precision of the network.

    Raises:
        ValueError: images that are too small for three poolings.
    """
    height, width = images.shape[2:]
    if min(height, width) < MINIMUM_SIZE:
        raise ValueError(
            f"expected photos and artworks of at least {MINIMUM_SIZE} pixels a side, got "
            f"{(height, width)}; enlarge them"
        )
    weight = next(vgg.parameters())
    return [level.float() for level in vgg.levels(images.to(weight))]


def roughness(images: Tensor) -> Tensor:
    """Return the mean squared difference of neighboring pixels of ``(B, 3, H, W)``."""
    return images.diff(dim=2).square().mean() + images.diff(dim=3).square().mean()


def freeze(vgg: Encoder) -> Encoder:
    """Return the network frozen, usable for gradients of images.

    Raises:
        TypeError: something else than a network, such as a whole model.
    """
    if not hasattr(vgg, "levels"):  # not by its class, of which a host may have another copy
        raise TypeError(f"vgg must be the Encoder of load_loss_network, got {type(vgg).__name__}")
    # Autograd rejects tensors of inference mode, in which a host may have loaded it.
    if any(weight.requires_grad or weight.is_inference() for weight in vgg.parameters()):
        with torch.inference_mode(False):
            vgg = deepcopy(vgg).requires_grad_(False)
    return vgg
