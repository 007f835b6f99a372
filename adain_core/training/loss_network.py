"""The frozen networks of a run: the VGG that judges, the decoder whose pictures are imitated."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..convert import read_loss_network
from ..networks import Decoder, Encoder
from .config import Precision

DTYPES: dict[Precision, torch.dtype] = {
    "no": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


class LossNetwork:
    """The frozen VGG up to relu4_1, and a full-width decoder where the file has one.

    Both compute in the run's precision without autocast, which would convert the weights anew in
    every step and pad in float32 on a CPU: forward and backward take 41 instead of 62 ms (4 crops
    of 128 pixels, bfloat16, 2 cores).

    Args:
        path: ``vgg_normalised.pth`` or a full-width ``.safetensors`` model.
        precision: of the run.
        device: to compute on.

    Attributes:
        encoder: the frozen VGG in float32, for runs that train a decoder for it.

    Raises:
        WeightsError: the file cannot be read.
    """

    def __init__(self, path: str | Path, precision: Precision, device: torch.device) -> None:
        self.encoder, teacher = read_loss_network(path)
        self.encoder.requires_grad_(False).eval()
        self._dtype, self._device_type = DTYPES[precision], device.type

        def frozen(network: Encoder | Decoder) -> Any:
            copy = deepcopy(network).to(device, self._dtype).requires_grad_(False).eval()
            channels_last(copy)
            return copy

        self._vgg = frozen(self.encoder)
        self._teacher = frozen(teacher) if teacher else None

    @property
    def has_teacher(self) -> bool:
        """Whether the file has a decoder."""
        return self._teacher is not None

    def levels(self, images: Tensor) -> list[Tensor]:
        """Features at relu1_1, relu2_1, relu3_1 and relu4_1, in the run's precision.

        Args:
            images: ``(B, 3, H, W)``, RGB in 0..1.
        """
        with torch.autocast(self._device_type, enabled=False):
            levels: list[Tensor] = self._vgg.levels(images.to(self._dtype))
        return levels

    def draw(self, features: Tensor) -> Tensor:
        """The teacher's pictures of relu4_1 features, ``(B, 3, 8h, 8w)``, not clamped."""
        assert self._teacher is not None
        with torch.autocast(self._device_type, enabled=False):
            images: Tensor = self._teacher(features.to(self._dtype))
        return images


def channels_last(network: nn.Module) -> None:
    """Put a network's kernels into channels_last: the VGG takes 0.83 of the time on 2 cores."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
