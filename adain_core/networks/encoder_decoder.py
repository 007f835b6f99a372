"""Encoder and decoder, built from an ``Architecture``.

The encoder has the layout of VGG-19 up to relu4_1, and the decoder mirrors it (section 6 of the
paper). At the paper's widths (64, 128, 256, 512) they have 3.5 M parameters each.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .architecture import CONVOLUTIONS, Architecture, Normalization
from .padding import reflection_pad


def _layers(architecture: Architecture) -> list[tuple[str, int, int]]:
    """Return VGG's convolutions in order: name such as ``"3_4"``, input and output channels."""
    names = [
        f"{block}_{index}"
        for block, count in enumerate(CONVOLUTIONS, start=1)
        for index in range(1, count + 1)
    ]
    outputs = architecture.channels
    return list(zip(names, (3, *outputs[:-1]), outputs, strict=True))


class _Convolution(nn.Conv2d):
    """A 3x3 convolution with reflection padding."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, kernel_size=3, padding=1, padding_mode="reflect")

    def forward(self, features: Tensor) -> Tensor:
        if features.is_cuda:
            return F.conv2d(reflection_pad(features), self.weight, self.bias)
        return super().forward(features)


def _normalization(kind: Normalization, channels: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    return nn.Identity()


class Encoder(nn.Module):
    """VGG-19 up to relu4_1 with any widths; layers have VGG's names (``conv1_1`` … ``conv4_1``).

    Shapes:
        images ``(B, 3, H, W)``, RGB in 0..1, H and W at least 9
        -> relu4_1 ``(B, widths[-1], ceil(H/8), ceil(W/8))``.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        for name, inputs, outputs in _layers(architecture):
            self.add_module(f"conv{name}", _Convolution(inputs, outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Return the features at relu4_1."""
        return self.levels(images)[-1]

    def levels(self, images: Tensor) -> list[Tensor]:
        """Return the features at relu1_1, relu2_1, relu3_1 and relu4_1, for the style loss."""
        levels: list[Tensor] = []
        features = images
        for name, convolution in self.named_children():
            starts_block = name.endswith("_1")
            if starts_block and levels:
                features = F.max_pool2d(features, kernel_size=2, ceil_mode=True)
            features = F.relu(convolution(features))
            if starts_block:
                levels.append(features)
        return levels


class Decoder(nn.Module):
    """The mirrored encoder: nearest x2 upsampling instead of pooling, and no final activation.

    Shapes:
        features ``(B, widths[-1], h, w)``, three times the channels with ``fusion="concat"``
        -> images ``(B, 3, 8h, 8w)``, RGB, slightly beyond 0..1 (clamp at the very end).
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        joined = 3 if architecture.fusion == "concat" else 1
        # The encoder's layers in reverse, with inputs and outputs exchanged.
        layers = list(reversed(_layers(architecture)))
        self.layer_names = [name for name, _, _ in layers]
        for name, outputs, inputs in layers:
            if name == "4_1":
                inputs *= joined
            self.add_module(f"conv{name}", _Convolution(inputs, outputs))
            if name != "1_1":
                norm = _normalization(architecture.normalization, outputs)
                self.add_module(f"norm{name}", norm)

    def forward(self, features: Tensor) -> Tensor:
        """Return images, not clamped."""
        *inner, last = self.layer_names
        for name in inner:
            convolution, norm = getattr(self, f"conv{name}"), getattr(self, f"norm{name}")
            features = F.relu(norm(convolution(features)))
            if name.endswith("_1"):
                features = F.interpolate(features, scale_factor=2.0, mode="nearest")
        images: Tensor = getattr(self, f"conv{last}")(features)
        return images
