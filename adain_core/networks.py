"""Encoder and decoder, built from a small configuration; they know nothing of files.

The encoder has the layout of VGG-19 up to relu4_1, the decoder mirrors it (section 6 of the
paper). At the paper's widths (64, 128, 256, 512) the two hold 3.5 M parameters each; a slimmer
width is the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Normalization = Literal["none", "batch", "instance"]
Fusion = Literal["adain", "concat"]

VGG19_WIDTHS = (64, 128, 256, 512)
# Convolutions of VGG-19 in each block, the fourth cut after relu4_1.
CONVOLUTIONS = (2, 2, 4, 1)
# Three 2x2 poolings lie before relu4_1: one feature stands for 8x8 pixels.
STRIDE = 8
# Reflection padding by 1 needs 2 pixels at the lowest level: 9 -> 5 -> 3 -> 2 with ceil_mode.
MINIMUM_SIZE = 9


@dataclass(frozen=True)
class Architecture:
    """What tells one model's networks from another's.

    Args:
        widths: channels of the four blocks; the last is the length of a style's mean and std.
        normalization: layers after each decoder convolution but the last. The paper uses none
            and shows that ``"batch"`` and ``"instance"`` hurt (section 7.2).
        fusion: how content and style meet before the decoder: ``"adain"``, or ``"concat"``, the
            paper's Enc-Concat-Dec baseline (section 7.2). Here the latter joins the content's
            features with the style's mean and std as constant maps, so that a style stays two
            vectors, instead of with the style's feature map.
            (Instance normalization in the decoder cancels constant maps: together they learn no
            style.)

    Raises:
        ValueError: a value outside these choices.
    """

    widths: tuple[int, int, int, int] = VGG19_WIDTHS
    normalization: Normalization = "none"
    fusion: Fusion = "adain"

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))  # JSON's are lists
        if len(self.widths) != len(CONVOLUTIONS) or not all(
            isinstance(width, int) and 1 <= width <= 4096 for width in self.widths
        ):
            raise ValueError(
                f"widths must be {len(CONVOLUTIONS)} whole numbers from 1 to 4096, "
                f"got {self.widths!r}"
            )
        for field, allowed in (("normalization", Normalization), ("fusion", Fusion)):
            if getattr(self, field) not in get_args(allowed):
                raise ValueError(
                    f"{field} must be one of {', '.join(get_args(allowed))}, "
                    f"got {getattr(self, field)!r}"
                )

    @classmethod
    def scaled(cls, width: float) -> Architecture:
        """The paper's architecture with every width multiplied by ``width``, at least 1."""
        widths = tuple(max(1, round(width * full)) for full in VGG19_WIDTHS)
        return cls(widths)  # type: ignore[arg-type]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Architecture:
        """Inverse of :meth:`to_dict`.

        Raises:
            ValueError: a value is unknown, missing or out of range.
        """
        try:
            return cls(**{**values, "widths": tuple(values["widths"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an architecture: {dict(values)!r} ({error})") from None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "widths": list(self.widths)}


def _layers(widths: tuple[int, ...]) -> list[tuple[str, int, int]]:
    """VGG's convolutions in order: layer name such as ``"3_4"``, input and output channels."""
    layers, channels = [], 3
    for block, (width, count) in enumerate(zip(widths, CONVOLUTIONS, strict=True), start=1):
        for index in range(1, count + 1):
            layers.append((f"{block}_{index}", channels, width))
            channels = width
    return layers


class _ReflectionPad(torch.autograd.Function):
    """Reflection padding by 1 for channels_last on a GPU: ``(B, C, H, W)`` to H + 2, W + 2.

    torch's own converts there and back, and adds up its gradient with atomics. With it an H100
    encoded 16 pairs of 256 pixels for training in 30 ms, with this in 17 (one reading each).
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        batch, channels, height, width = features.shape
        padded = torch.empty(
            (batch, channels, height + 2, width + 2),
            dtype=features.dtype,
            device=features.device,
            memory_format=torch.channels_last,
        )
        padded[:, :, 1:-1, 1:-1] = features
        padded[:, :, 1:-1, 0], padded[:, :, 1:-1, -1] = features[..., 1], features[..., -2]
        padded[:, :, 0], padded[:, :, -1] = padded[:, :, 2], padded[:, :, -3]
        return padded

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        inner = gradient[:, :, 1:-1, 1:-1].clone(memory_format=torch.channels_last)
        inner[..., 1] += gradient[:, :, 1:-1, 0]
        inner[..., -2] += gradient[:, :, 1:-1, -1]
        for row, outer in ((1, gradient[:, :, 0]), (-2, gradient[:, :, -1])):
            inner[:, :, row] += outer[..., 1:-1]
            inner[:, :, row, 1] += outer[..., 0]
            inner[:, :, row, -2] += outer[..., -1]
        return inner


_reflection_pad: Callable[[Tensor], Tensor] = _ReflectionPad.apply


class _Convolution(nn.Conv2d):
    """3x3 with reflection padding: ``(B, inputs, H, W)`` to ``(B, outputs, H, W)``."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, kernel_size=3, padding=1, padding_mode="reflect")

    def forward(self, features: Tensor) -> Tensor:
        if features.is_cuda:
            return F.conv2d(_reflection_pad(features), self.weight, self.bias)
        return super().forward(features)


def _normalization(kind: Normalization, channels: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    return nn.Identity()


class Encoder(nn.Module):
    """VGG-19 up to relu4_1 with any widths; layers carry VGG's names (``conv1_1`` … ``conv4_1``).

    Shapes:
        images ``(B, 3, H, W)``, RGB in 0..1, H and W at least 9
        -> relu4_1 ``(B, widths[3], ceil(H/8), ceil(W/8))``.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        for name, inputs, outputs in _layers(architecture.widths):
            self.add_module(f"conv{name}", _Convolution(inputs, outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Feature map at relu4_1."""
        return self.levels(images)[-1]

    def levels(self, images: Tensor) -> list[Tensor]:
        """Feature maps at relu1_1, relu2_1, relu3_1 and relu4_1, the levels of the style loss."""
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
    """The encoder mirrored: pooling becomes nearest x2 upsampling; no activation at the end.

    Shapes:
        features ``(B, widths[3], h, w)``, three times the channels with ``fusion="concat"``
        -> images ``(B, 3, 8h, 8w)``, RGB, a little beyond 0..1 (clamp at the very end).
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        joined = 3 if architecture.fusion == "concat" else 1
        # The encoder's layers read backwards: "4_1" has its output channels as inputs here.
        layers = list(reversed(_layers(architecture.widths)))
        self.layer_names = [name for name, _, _ in layers]
        for name, outputs, inputs in layers:
            if name == "4_1":
                inputs *= joined
            self.add_module(f"conv{name}", _Convolution(inputs, outputs))
            if name != "1_1":
                norm = _normalization(architecture.normalization, outputs)
                self.add_module(f"norm{name}", norm)

    def forward(self, features: Tensor) -> Tensor:
        """Images, not clamped."""
        *inner, last = self.layer_names
        for name in inner:
            convolution, norm = getattr(self, f"conv{name}"), getattr(self, f"norm{name}")
            features = F.relu(norm(convolution(features)))
            if name.endswith("_1"):
                features = F.interpolate(features, scale_factor=2.0, mode="nearest")
        images: Tensor = getattr(self, f"conv{last}")(features)
        return images
