"""Channel pruning: a slim model from a wide one, in minutes.

Layer by layer, the channels that the next layer needs most are kept, and the convolution of the
slim network is the least squares solution from its own previous features to the wide network's
features of the same images (after He, Zhang & Sun, "Channel Pruning for Accelerating Very Deep
Neural Networks", ICCV 2017; here channels are removed one by one). The slim features are then
channels of the VGG, on which AdaIN works as on the VGG's; features learned from scratch form
another space, where style is harder to transfer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import trange

from ..functional import channel_statistics, fuse
from ..networks.encoder_decoder import Decoder, Encoder

# Number of positions in the least squares; four times as many change the error by 1 %.
_PLACES = 60_000
# Share of the layer's largest standard deviation below which a channel counts as silent.
_SILENT = 1e-3
# Side of a kernel's window in channels of a map.
_WINDOW = 9
# Iterations with free values below zero, which ReLU hides; the error changes by less than 1 % after
# the third.
_ROUNDS = 4


def prune(
    wide: tuple[Encoder, Decoder],
    slim: tuple[Encoder, Decoder],
    contents: Tensor,
    styles: Tensor,
    batches: Iterator[Tensor],
    distill_steps: int,
) -> None:
    """Set the weights of slim networks so that they approximate wide ones.

    Args:
        wide: encoder and decoder, without normalization and with AdaIN fusion.
        slim: encoder and decoder with fewer channels.
        contents: ``(N, 3, S, S)``, RGB in 0..1; 64 of 128x128 are enough.
        styles: the same shape.
        batches: images ``(B, 3, S, S)`` for the distillation.
        distill_steps: optimizer steps for the slim encoder, one batch each, before the decoder is
            pruned.
    """
    (wide_encoder, wide_decoder), (encoder, decoder) = wide, slim
    images = torch.cat([contents, styles])
    with torch.no_grad():
        chosen, scale = _prune(
            _layers(wide_encoder), encoder, images, images, reader=next(wide_decoder.children())
        )
    distill(wide_encoder, encoder, chosen, scale, batches, distill_steps)
    with torch.no_grad():
        inputs = []
        for network in (wide_encoder, encoder):
            features = network(contents)
            stylized = fuse(features, *channel_statistics(network(styles)))
            # Some keep their own statistics: the decoder must also reconstruct.
            inputs.append(torch.cat([stylized, features[: len(features) // 4]]))
        _prune(_layers(wide_decoder), decoder, inputs[0], inputs[1], reader=None)


# A convolution and the resampling before it.
_Layer = tuple[nn.Conv2d, Callable[[Tensor], Tensor]]


def _layers(network: Encoder | Decoder) -> list[_Layer]:
    """Return the convolutions of a network in order, with the resampling before each."""
    resample: Callable[[Tensor], Tensor]
    if isinstance(network, Encoder):
        resample = partial(F.max_pool2d, kernel_size=2, ceil_mode=True)
        starts = {"conv2_1", "conv3_1", "conv4_1"}
    else:
        resample = partial(F.interpolate, scale_factor=2.0, mode="nearest")
        starts = {"conv3_4", "conv2_2", "conv1_2"}
    return [
        (layer, resample if name in starts else _keep)
        for name, layer in network.named_children()
        if isinstance(layer, nn.Conv2d)
    ]


def _keep(maps: Tensor) -> Tensor:
    return maps


def _prune(
    layers: list[_Layer],
    slim: Encoder | Decoder,
    wide_maps: Tensor,
    slim_maps: Tensor,
    reader: nn.Module | None,
) -> tuple[Tensor, Tensor]:
    """Solve for the slim network's layers.

    Args:
        layers: layers of the wide network.
        slim: the slim network, whose weights are set.
        wide_maps: inputs of the wide network.
        slim_maps: inputs of the slim network.
        reader: the convolution after the last layer; ``None``: its outputs are images.

    Returns:
        The channels of the wide network that the last layer keeps, ``(C,)``, and the factors from
        the wide to the slim outputs, ``(C,)``.
    """
    readers: list[_Layer | None] = [*layers[1:]]
    readers.append((reader, _keep) if isinstance(reader, nn.Conv2d) else None)
    chosen = scale = torch.empty(0)
    for (layer, resample), (solved, _), reads in zip(layers, _layers(slim), readers, strict=True):
        wide_maps, slim_maps = resample(wide_maps), resample(slim_maps)
        outputs = layer(wide_maps)
        if reads is None:
            _solve(solved, slim_maps, outputs.clamp(0, 1), relu=False)
            break
        wide_maps = outputs.relu()
        next_layer, next_resample = reads
        chosen = _choose(next_layer, next_resample(wide_maps), solved.out_channels)
        std = wide_maps.std(dim=(0, 2, 3))
        # Unit variance, so that one learning rate suits all layers. A limit, because channels that
        # are silent in these images would get weights beyond float16.
        scale = 1 / std[chosen].clamp_min(_SILENT * float(std.max()) + 1e-6)
        _solve(solved, slim_maps, outputs[:, chosen] * scale[:, None, None], relu=True)
        slim_maps = solved(slim_maps).relu()
    return chosen, scale


def _choose(reader: nn.Conv2d, maps: Tensor, count: int) -> Tensor:
    """Return the channels of maps that the next convolution needs most, ``(count,)``, in order.

    Backward elimination: repeatedly remove the channel without which the squared error of the next
    convolution's outputs, normalized to unit variance, grows least.
    """
    channels = maps.shape[1]
    inputs, wanted = _sample(maps, reader(maps))
    wanted = (wanted - wanted.mean(dim=0)) / wanted.std(dim=0).clamp_min(1e-6)
    inverse = torch.linalg.inv(_gram(inputs))
    solution = inverse @ (inputs.T @ wanted).cpu().double() / len(inputs)
    # Inputs are ordered by kernel position, then by channel.
    order = torch.arange(_WINDOW * channels, device="cpu").view(_WINDOW, channels).T
    left = list(range(channels))
    while len(left) > count:
        blocks = order[left]  # (channels left, 9)
        own = inverse[blocks[:, :, None], blocks[:, None]]
        lost = (solution[blocks] * torch.linalg.solve(own, solution[blocks])).sum(dim=(1, 2))
        gone = int(lost.argmin())
        block = blocks[gone]
        # The inverse and the solution without these inputs.
        column = inverse[:, block]
        step = torch.linalg.solve(own[gone], torch.cat([column.T, solution[block]], dim=1))
        change = column @ step
        inverse -= change[:, : len(inverse)]
        solution -= change[:, len(inverse) :]
        del left[gone]
    return torch.tensor(left, device=maps.device)


def _sample(maps: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return 3x3 windows at random places with a 1 for the bias, ``(N, 9C + 1)``, and outputs."""
    batch, _, height, width = maps.shape
    places = torch.randperm(batch * height * width, device=maps.device)[:_PLACES]
    image, row = places // (height * width), places // width % height
    column = places % width
    padded = F.pad(maps, (1, 1, 1, 1), mode="reflect").permute(0, 2, 3, 1)
    neighbors = [padded[image, row + i, column + j] for i in range(3) for j in range(3)]
    inputs = torch.cat([*neighbors, maps.new_ones(len(places), 1)], dim=1)
    return inputs, outputs.permute(0, 2, 3, 1)[image, row, column]


def _gram(inputs: Tensor) -> Tensor:
    # Solved on the CPU: Apple's GPUs have no float64.
    gram = (inputs.T @ inputs).cpu().double() / len(inputs)
    # A ridge of 1e-4 of the mean power: neighboring pixels are nearly collinear.
    gram.diagonal()[:-1] += 1e-4 * gram.diagonal()[:-1].mean()
    return gram


def _solve(convolution: nn.Conv2d, maps: Tensor, outputs: Tensor, relu: bool) -> None:
    """Set a 3x3 convolution to the least squares solution from ``maps`` to ``outputs``."""
    channels = maps.shape[1]
    inputs, wanted = _sample(maps, outputs)
    factor = torch.linalg.cholesky(_gram(inputs))
    target = wanted
    for _ in range(_ROUNDS if relu else 1):
        moments = (inputs.T @ target).cpu().double() / len(inputs)
        solution = torch.cholesky_solve(moments, factor).float().to(maps.device)
        # Any value below zero is correct: ReLU hides it.
        target = torch.where(wanted > 0, wanted, (inputs @ solution).clamp_max(0))
    kernel = solution[:-1].reshape(3, 3, channels, -1).permute(3, 2, 0, 1)
    convolution.weight.copy_(kernel)
    convolution.bias.copy_(solution[-1])  # type: ignore[union-attr]


def distill(
    wide: Encoder,
    slim: Encoder,
    chosen: Tensor,
    scale: Tensor,
    batches: Iterator[Tensor],
    steps: int,
) -> None:
    """Train the slim encoder's features towards the wide one's, with Adam and cosine decay.

    Args:
        wide: the encoder to match.
        slim: the encoder to train.
        chosen: channels of the wide encoder's relu4_1 that the slim one keeps, ``(C,)``.
        scale: factors from the wide channels to the slim ones, ``(C,)``.
        batches: images ``(B, 3, S, S)``, one batch for each step.
        steps: number of steps.
    """
    optimizer = torch.optim.Adam(slim.parameters(), lr=2e-3)
    for step in trange(steps, desc="distill", unit="step", disable=None if steps else True):
        warmup, decay = min(1.0, (step + 1) / 50), 0.5 * (1 + math.cos(math.pi * step / steps))
        optimizer.param_groups[0]["lr"] = 2e-3 * warmup * decay
        images = next(batches)
        with torch.no_grad():
            target = wide(images)[:, chosen].float() * scale[:, None, None]
        loss = F.mse_loss(slim(images).float(), target)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(slim.parameters(), 1.0)
        optimizer.step()
