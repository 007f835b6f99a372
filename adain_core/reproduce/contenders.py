"""The methods of Table 1 as they are timed, mostly as plain modules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..functional import adaptive_instance_norm, channel_statistics
from ..methods.descent import DescentOptions, minimize
from ..methods.network import NetworkArchitecture, TransferNetwork
from ..methods.objective import (
    Losses,
    LossWeights,
    describe_levels,
    freeze,
    levels_of,
    style_difference,
)
from ..methods.patches import swap_patches
from ..model import AdaINModel
from ..networks.encoder_decoder import Decoder, Encoder
from ..training.losses import content_loss
from ..utils.devices import no_gradients

STYLES = 32
# Evaluations of the losses in the timed optimization, including that of the starting image.
TIMED_STEPS = 3

Work = Callable[[], object]
# Largest number of similarities that exist at once in a published style swap.
_CHUNK = 2**25


@dataclass(frozen=True)
class Contender:
    """A method.

    Attributes:
        work: stylizes one image with an encoded style, or does a part of that.
        repeats: number of such parts per image.
        plain: whether it consists of plain modules, whose multiplications can be counted.
    """

    work: Work
    repeats: float = 1.0
    plain: bool = True


def make_contenders(
    paper: AdaINModel, model: AdaINModel, size: int, iterations: int
) -> dict[str, Contender]:
    """Return the methods by their names in the table.

    Args:
        paper: AdaIN at the paper's widths.
        model: the model to compare with it.
        size: side of photo and artwork, pixels.
        iterations: number of loss evaluations of the optimization.
    """
    device = paper.device
    photo, artwork = torch.rand(2, 1, 3, size, size, device=device)
    vgg, decoder = paper.encoder, paper.decoder
    with torch.no_grad():
        levels = vgg.levels(artwork)
        mean, std = channel_statistics(levels[-1])

    def adain() -> object:
        return decoder(adaptive_instance_norm(vgg(photo), mean, std))

    def swap(exchange: Callable[[Tensor, Tensor], Tensor]) -> Work:
        return lambda: _decode_from_relu3_1(
            decoder, exchange(_encode_to_relu3_1(vgg, photo), levels[2])
        )

    def optimize() -> object:
        return minimize(objective, photo, DescentOptions(TIMED_STEPS - 1))

    objective = gatys_objective(vgg, photo, artwork)
    contenders = {
        "AdaIN": Contender(_without_gradients(device, adain)),
        "one style": Contender(_without_gradients(device, _pass_through(photo, 1))),
        f"{STYLES} styles": Contender(_without_gradients(device, _pass_through(photo, STYLES))),
        "style swap": Contender(_without_gradients(device, swap(swap_by_convolutions))),
        "style swap by index": Contender(_without_gradients(device, swap(swap_patches))),
        "optimization": Contender(optimize, iterations / TIMED_STEPS),
    }
    for name, own in {
        "AdaIN, this library's": paper,
        f"{model.name}, this library's": model,
    }.items():
        contenders[name] = Contender(_by_library(own, photo, artwork), plain=False)
    return contenders


def _without_gradients(device: torch.device, work: Work) -> Work:
    def run() -> object:
        with no_gradients(device):
            return work()

    return run


def _pass_through(photo: Tensor, count: int) -> Work:
    network = TransferNetwork(NetworkArchitecture(styles=count)).to(photo.device).eval()
    shares = torch.eye(count, device=photo.device)[:1]
    return lambda: network(photo, shares)


def _by_library(model: AdaINModel, photo: Tensor, artwork: Tensor) -> Work:
    style = model.encode_style(artwork, size=0)
    return lambda: model.stylize(photo, style, stroke_size="single")


def _encode_to_relu3_1(vgg: Encoder, image: Tensor) -> Tensor:
    features = image
    for name, convolution in vgg.named_children():
        if name in ("conv2_1", "conv3_1"):
            features = F.max_pool2d(features, kernel_size=2, ceil_mode=True)
        features = F.relu(convolution(features))
        if name == "conv3_1":
            break
    return features


def _decode_from_relu3_1(decoder: Decoder, features: Tensor) -> Tensor:
    """Decode features with the part of the decoder that mirrors VGG up to relu3_1."""
    *inner, last = decoder.layer_names[decoder.layer_names.index("3_1") :]
    for name in inner:
        features = F.relu(decoder.get_submodule(f"conv{name}")(features))
        if name.endswith("_1"):
            features = F.interpolate(features, scale_factor=2.0, mode="nearest")
    image: Tensor = decoder.get_submodule(f"conv{last}")(features)
    return image


def swap_by_convolutions(content: Tensor, style: Tensor, patch: int = 3) -> Tensor:
    """Swap patches as published by Chen & Schmidt: with two convolutions and a map of choices.

    :func:`~adain_core.methods.patches.swap_patches` returns the same, but looks up the chosen
    patches instead of multiplying all others by zero.

    Args:
        content: the photo's features, ``(1, C, h, w)``.
        style: the artwork's features, ``(1, C, h', w')``.
        patch: side of the square patches.

    Returns:
        ``(1, C, h, w)``.
    """
    kernels = style[0].unfold(1, patch, 1).unfold(2, patch, 1).permute(1, 2, 0, 3, 4).flatten(0, 1)
    length = torch.linalg.vector_norm(kernels, dim=(1, 2, 3), keepdim=True)
    unit = kernels / length.clamp_min(torch.finfo(kernels.dtype).tiny)
    rows, columns = (side - patch + 1 for side in content.shape[2:])
    band = max(1, _CHUNK // (len(kernels) * columns))
    swapped = torch.zeros_like(content)
    for top in range(0, rows, band):
        similarity = F.conv2d(content[:, :, top : top + band + patch - 1], unit)
        choice = similarity.argmax(dim=1, keepdim=True)
        chosen = torch.zeros_like(similarity).scatter_(1, choice, 1.0)
        part = F.conv_transpose2d(chosen, kernels)
        swapped[:, :, top : top + part.shape[2]] += part
    ones = content.new_ones(1, 1, rows, columns)
    return swapped / F.conv_transpose2d(ones, content.new_ones(1, 1, patch, patch))


def gatys_objective(vgg: Encoder, photo: Tensor, artwork: Tensor) -> Callable[[Tensor], Losses]:
    """Return the losses of Gatys et al.: content at relu4_2, Gram matrices of relu1_1 to relu5_1.

    Above relu4_1, where the library's loss network ends, weights are random; they do not affect the
    time.
    """
    vgg, weights = freeze(vgg), LossWeights("gram")
    channels = levels_of(vgg, photo)[-1].shape[1]

    def layer() -> nn.Sequential:
        convolution = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        return nn.Sequential(convolution.to(photo.device).requires_grad_(False), nn.ReLU())

    relu4_2 = layer()
    relu5_1 = nn.Sequential(layer(), layer(), nn.MaxPool2d(2, ceil_mode=True), layer())

    def extend(image: Tensor) -> tuple[list[Tensor], Tensor, list[Tensor]]:
        """Return the levels up to relu4_1, relu4_2, and relu5_1 alone."""
        levels = levels_of(vgg, image)
        features = relu4_2(levels[-1])
        return levels, features, [relu5_1(features)]

    with torch.no_grad():
        _, content_target, _ = extend(photo)
        levels, _, top = extend(artwork)
        targets = describe_levels(levels, "gram"), describe_levels(top, "gram")

    def losses(image: Tensor) -> Losses:
        levels, features, top = extend(image)
        content = content_loss(features, content_target)
        style = style_difference(levels, targets[0], weights)
        style = style + style_difference(top, targets[1], replace(weights, levels=(1.0,)))
        return Losses(content, style, content + weights.style * style)

    return losses
