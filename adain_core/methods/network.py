"""A feed-forward network for a fixed set of styles.

The residual network of Johnson, Alahi & Fei-Fei (ECCV 2016): c9s1-32, d64, d128, five residual
blocks, u64, u32, c9s1-3. Ulyanov, Vedaldi & Lempitsky (CVPR 2017) improved such
networks with instance instead of batch normalization; with one scale and shift per style, a network
has several styles (:mod:`~adain_core.methods.conditional`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .conditional import ConditionalInstanceNorm

Normalization = Literal["instance", "batch"]


# The ten convolutions of the residual blocks, at a quarter of the size, are not padded: the image
# is, by reflection, before the first layer.
_PADDING, _STRIDE = 40, 4
MINIMUM_SIZE = _PADDING + _STRIDE


@dataclass(frozen=True)
class NetworkArchitecture:
    """Configuration of a network.

    Attributes:
        width: channels of the first layer; 32 in the paper.
        normalization: layer after every convolution but the last.
        styles: number of styles.

    Raises:
        ValueError: an unknown or invalid value.
    """

    width: int = 32
    normalization: Normalization = "instance"
    styles: int = 1

    def __post_init__(self) -> None:
        for name in ("width", "styles"):
            value = getattr(self, name)
            if not (isinstance(value, int) and 1 <= value <= 4096):
                raise ValueError(f"{name} must be a whole number from 1 to 4096, got {value!r}")
        if self.normalization not in get_args(Normalization):
            raise ValueError(
                f"normalization must be one of {', '.join(get_args(Normalization))}, got "
                f"{self.normalization!r}"
            )
        if self.normalization == "batch" and self.styles > 1:
            raise ValueError(
                f"batch normalization supports one style, got {self.styles}; use instance "
                "normalization"
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkArchitecture:
        """Return the architecture of a :meth:`to_dict` result.

        Raises:
            ValueError: a value is unknown, missing or out of range.
        """
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"not an architecture: {dict(values)!r} ({error})") from None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


class TransferNetwork(nn.Module):
    """A network that stylizes images in the styles it was trained for.

    Shapes:
        images ``(B, 3, H, W)``, RGB in 0..1, H and W at least 44, and shares ``(B, N)`` of the
        styles -> ``(B, 3, H, W)`` in 0..1.
    """

    def __init__(self, architecture: NetworkArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        width = architecture.width
        a, b, c = width, 2 * width, 4 * width
        self.down = nn.ModuleList(
            [
                _Layer(architecture, 3, a, kernel=9),
                _Layer(architecture, a, b, stride=2),
                _Layer(architecture, b, c, stride=2),
            ]
        )
        self.residual = nn.ModuleList([_Residual(architecture, c) for _ in range(5)])
        self.up = nn.ModuleList([_Layer(architecture, c, b), _Layer(architecture, b, a)])
        self.last = _convolution(a, 3, kernel=9)

    def forward(self, images: Tensor, shares: Tensor) -> Tensor:
        """Return the stylized images."""
        height, width = images.shape[2:]
        if min(height, width) < MINIMUM_SIZE:
            raise ValueError(
                f"expected images of at least {MINIMUM_SIZE} pixels a side, got "
                f"{(height, width)}; enlarge them"
            )
        missing = (-width % _STRIDE, -height % _STRIDE)
        features = F.pad(
            images, (_PADDING, _PADDING + missing[0], _PADDING, _PADDING + missing[1]), "reflect"
        )
        for layer in self.down:
            features = layer(features, shares)
        for block in self.residual:
            features = block(features, shares)
        for layer in self.up:
            # Nearest-neighbor upsampling: transposed convolutions produce checkerboards.
            features = layer(F.interpolate(features, scale_factor=2.0, mode="nearest"), shares)
        return torch.sigmoid(self.last(features))[..., :height, :width]

    def add_styles(self, count: int) -> None:
        """Append ``count`` styles, initialized to the mean of the existing ones.

        Raises:
            ValueError: a network with batch normalization, which has one style.
        """
        architecture = self.architecture
        self.architecture = replace(architecture, styles=architecture.styles + count)
        for layer in self.conditional_layers():
            layer.add_styles(count)

    def conditional_layers(self) -> list[ConditionalInstanceNorm]:
        """Return the layers that hold the styles, in order."""
        return [each for each in self.modules() if isinstance(each, ConditionalInstanceNorm)]


class _Layer(nn.Module):
    """Convolution, normalization, ReLU."""

    def __init__(
        self,
        architecture: NetworkArchitecture,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.convolution = _convolution(inputs, outputs, kernel, stride)
        self.norm = _normalization(architecture, outputs)

    def forward(self, features: Tensor, shares: Tensor) -> Tensor:
        return F.relu(self.norm(self.convolution(features), shares))


class _Residual(nn.Module):
    """Two unpadded convolutions, added to the cropped input."""

    def __init__(self, architecture: NetworkArchitecture, channels: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(channels, channels, 3) for _ in range(2))
        self.norms = nn.ModuleList([_normalization(architecture, channels) for _ in range(2)])

    def forward(self, features: Tensor, shares: Tensor) -> Tensor:
        inner = F.relu(self.norms[0](self.first(features), shares))
        change: Tensor = self.norms[1](self.second(inner), shares)
        return features[..., 2:-2, 2:-2] + change


class _BatchNorm(nn.BatchNorm2d):
    """Batch normalization, which ignores the style."""

    def forward(self, features: Tensor, shares: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(features)


def _normalization(architecture: NetworkArchitecture, channels: int) -> nn.Module:
    if architecture.normalization == "batch":
        return _BatchNorm(channels)
    return ConditionalInstanceNorm(channels, architecture.styles)


def _convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, padding_mode="reflect")
