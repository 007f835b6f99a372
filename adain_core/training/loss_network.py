"""The frozen networks of a run: the loss network, and the decoder of the teacher."""

from __future__ import annotations

import os
from copy import deepcopy

import torch
from torch import Tensor, nn

from ..networks.architecture import VGG19_WIDTHS
from ..utils.devices import no_autocast
from ..weights.convert import read_loss_network
from .config import Precision

DTYPES: dict[Precision, torch.dtype] = {
    "no": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


class LossNetwork:
    """The frozen VGG up to relu4_1, and a full-width decoder where the file has one.

    Both compute in the run's precision without autocast, which would convert the weights in every
    step and pad in float32 on a CPU.

    Args:
        path: ``vgg_normalised.pth``, or a full-width model's file or name (``adain-vgg19``).
        precision: precision of the run.
        device: device to compute on.

    Attributes:
        encoder: the frozen VGG in float32, for runs that train only a decoder.

    Raises:
        WeightsError: the file cannot be read.
    """

    def __init__(
        self, path: str | os.PathLike[str], precision: Precision, device: torch.device
    ) -> None:
        self.encoder, self._teacher = read_loss_network(path)
        self.encoder.requires_grad_(False).eval()
        self._vgg = deepcopy(self.encoder)
        self._dtype, self._device = DTYPES[precision], device
        for network in (self._vgg, self._teacher):
            if network is not None:
                channels_last(network.to(device, self._dtype).requires_grad_(False).eval())

    @property
    def has_teacher(self) -> bool:
        """Whether the file has a decoder that can be imitated.

        A decoder of fusion "concat" cannot: it also reads the statistics of the style.
        """
        if self._teacher is None:
            return False
        return next(self._teacher.parameters()).shape[1] == VGG19_WIDTHS[-1]

    def levels(self, images: Tensor) -> list[Tensor]:
        """Return features at relu1_1, relu2_1, relu3_1 and relu4_1, in the run's precision.

        Args:
            images: ``(B, 3, H, W)``, RGB in 0..1.

        Returns:
            Each ``(B, C_l, ceil(H / 2^l), ceil(W / 2^l))``, l from 0 to 3.
        """
        with no_autocast(self._device):
            return self._vgg.levels(images.to(self._dtype))

    def decode(self, features: Tensor) -> Tensor:
        """Return the images of the teacher.

        Args:
            features: relu4_1, ``(B, 512, h, w)``.

        Returns:
            RGB, ``(B, 3, 8h, 8w)``, not clamped, in the run's precision.
        """
        assert self._teacher is not None
        with no_autocast(self._device):
            images: Tensor = self._teacher(features.to(self._dtype))
        return images


def channels_last(network: nn.Module) -> None:
    """Convert a network's kernels to channels_last, which is faster on a CPU."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
