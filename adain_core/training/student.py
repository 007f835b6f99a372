"""The networks being trained, as one module."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..errors import AdaINError
from ..functional import channel_statistics, fuse
from ..networks import VGG19_WIDTHS, Architecture, Decoder, Encoder
from ..weights import load_model
from .config import Stage, TrainingConfig
from .losses import Statistics


class TrainingError(AdaINError):
    """Training cannot start or go on."""


class Student(nn.Module):
    """The networks being trained; one module, so that several devices can share it.

    Args:
        config: of the run.
        vgg: the frozen encoder, which is the student's own at the paper's widths.
    """

    def __init__(self, config: TrainingConfig, vgg: Encoder) -> None:
        super().__init__()
        self.config = config
        self.encoder = vgg if config.trains_decoder_only else Encoder(config.architecture)
        self.decoder = Decoder(config.architecture)
        # Serves the distillation only and is not part of the model.
        self.projection = nn.Conv2d(config.widths[3], VGG19_WIDTHS[3], kernel_size=1)
        self.projection.requires_grad_(config.distill_steps > 0)
        for network in (self.encoder, self.decoder):
            if network is not vgg:
                _initialize(network)

    def forward(
        self, content: Tensor, style: Tensor, alpha: Tensor, stage: Stage, reconstruct: bool
    ) -> tuple[Tensor, Tensor]:
        """One call for every stage, since several devices exchange gradients round this call.

        Returns:
            ``"distill"``: features of contents and styles, projected to the VGG's channels, and
            these images at their own statistics. Other stages: the stylized contents, and the
            contents at their own statistics (empty unless ``reconstruct``).
        """
        if stage == "distill":
            features = self.encoder(torch.cat([content, style]))
            return self.projection(features), self._decode(features, channel_statistics(features))
        features = self.encoder(content)
        own = channel_statistics(features)
        target = channel_statistics(self.encoder(style))
        mean, std = (torch.lerp(o, t, alpha) for o, t in zip(own, target, strict=True))
        output = self._decode(features, (mean, std))
        return output, self._decode(features, own) if reconstruct else output[:0]

    def start_from(self, path: str) -> None:
        """Take the weights of a model file, as wide as this one or narrower.

        The channels that a narrower model lacks keep their random inputs, and nothing takes their
        outputs yet: at first the pictures are the narrower model's (Chen, Goodfellow & Shlens,
        "Net2Net", ICLR 2016).

        Raises:
            WeightsError: the file cannot be read.
            TrainingError: it is wider, or its architecture differs in more than widths.
        """
        info, encoder, decoder = load_model(path)
        given, wanted = info.architecture, self.config.architecture
        narrower = all(a <= b for a, b in zip(given.widths, wanted.widths, strict=True))
        # Widths alone: normalization and "concat" have more than channels to widen.
        widened = (
            narrower
            and wanted == Architecture(wanted.widths)
            and given == Architecture(given.widths)
        )
        if given != wanted and not widened:
            raise TrainingError(
                f"{path}: a run starts from a model of its own architecture, or of the paper's in "
                f"narrower: expected {wanted}, got {given}"
            )
        if not self.config.trains_decoder_only:
            _widen(self.encoder, encoder)
        _widen(self.decoder, decoder)

    def _decode(self, features: Tensor, statistics: Statistics) -> Tensor:
        images: Tensor = self.decoder(fuse(features, *statistics, self.config.fusion))
        return images


def move(network: nn.Module, device: torch.device) -> None:
    """Move a network to a device, its kernels in channels_last."""
    # channels_last: the VGG's forward and backward takes 0.83 of the time on a 2-core CPU.
    network.to(device)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)


def _widen(network: nn.Module, narrower: nn.Module) -> None:
    """Take the weights of a network as wide or narrower; nothing receives a new channel yet."""
    given = narrower.state_dict()
    for name, value in network.state_dict().items():  # detached, of the network's storage
        source = given[name]
        if source.ndim == 4:
            # Of new outputs, too: they start from channels that mean something already.
            value[:, source.shape[1] :] = 0
        value[tuple(slice(length) for length in source.shape)] = source


def _initialize(network: nn.Module) -> None:
    """He initialization: PyTorch's own lets the signal fade over 9 layers without normalization."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
