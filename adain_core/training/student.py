"""The networks being trained, as one module."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from ..errors import TrainingError
from ..functional import Statistics, channel_statistics, fuse
from ..networks.architecture import Architecture
from ..networks.encoder_decoder import Decoder, Encoder
from ..weights import find_model, load_model
from .config import TrainingConfig
from .data import Crops, crop_batches
from .loss_network import channels_last
from .pruning import prune

# Images for pruning: number of crops of each kind, their largest side, and the number of the first,
# far beyond the training crops.
PRUNING_IMAGES, PRUNING_SIDE, PRUNING_START = 64, 128, 10**13


class Student(nn.Module):
    """The networks being trained, as one module.

    Args:
        config: configuration of the run.
        vgg: the frozen encoder, which at the paper's widths is also the student's.
    """

    def __init__(self, config: TrainingConfig, vgg: Encoder) -> None:
        super().__init__()
        self.config = config
        self.encoder = vgg if config.trains_decoder_only else Encoder(config.architecture)
        self.decoder = Decoder(config.architecture)
        for network in (self.encoder, self.decoder):
            if network is not vgg:
                initialize(network)

    def forward(
        self, content: Tensor, style: Tensor, alpha: Tensor, reconstruct: bool
    ) -> tuple[Tensor, Tensor]:
        """Stylize the contents of a step.

        Args:
            content: ``(n·B, 3, S, S)``: n batches of photos, each stylized with all styles.
            style: ``(B, 3, S, S)``.
            alpha: alpha of each style, ``(B, 1)``.
            reconstruct: also reconstruct the first ``B`` contents.

        Returns:
            The stylized contents ``(n·B, 3, S, S)``, and the first ``B`` contents decoded at their
            own statistics (empty unless ``reconstruct``).
        """
        features, style_features = self.encoder(torch.cat([content, style])).split(
            [len(content), len(style)]
        )
        own, target = channel_statistics(features), channel_statistics(style_features)
        photos = len(content) // len(style)
        mean, std = (
            torch.lerp(o, t.repeat(photos, 1), alpha.repeat(photos, 1))
            for o, t in zip(own, target, strict=True)
        )
        output = self._decode(features, (mean, std))
        if not reconstruct:
            return output, output[:0]
        first = slice(len(style))
        return output, self._decode(features[first], (own[0][first], own[1][first]))

    def start_from(self, path: str | os.PathLike[str], crops: Sequence[Crops]) -> None:
        """Load the weights of a model of any widths.

        Wider layers are pruned (:mod:`~adain_core.training.pruning`). In narrower ones, the missing
        channels keep random weights, but no layer reads them yet: at first the results are those of
        the narrower model (Chen, Goodfellow & Shlens, "Net2Net", ICLR 2016).

        Args:
            path: file or name of the model.
            crops: crops of contents and styles, for pruning.

        Raises:
            WeightsError: the file cannot be read.
            TrainingError: the model differs in more than widths, or is not a full-width model
                although this is one.
        """
        config = self.config
        device = next(self.decoder.parameters()).device
        info, encoder, decoder = load_model(find_model(path))
        given, wanted = info.architecture, config.architecture
        if config.trains_decoder_only and given != wanted:
            raise TrainingError(
                f"{path}: at the paper's widths the encoder is the frozen VGG, and a decoder of "
                f"another model does not read it: expected {wanted}, got {given}; choose other "
                "widths",
                "widths",
            )
        # Normalization and "concat" have more than channels to widen or prune.
        plain = given == Architecture(given.widths) and wanted == Architecture(wanted.widths)
        if given != wanted and not plain:
            raise TrainingError(
                f"{path}: a run starts from a model of the same architecture, or of the paper's in "
                f"other widths: expected {wanted}, got {given}"
            )
        kept = replace(given, widths=tuple(map(min, given.channels, wanted.channels)))
        if kept != given:
            contents, styles = (
                next(crop_batches(each, PRUNING_IMAGES, 0, PRUNING_START))[0] for each in crops
            )
            part = slice(PRUNING_SIDE)
            wide = encoder.to(device), decoder.to(device)
            encoder, decoder = Encoder(kept).to(device), Decoder(kept).to(device)
            for network in (encoder, decoder):
                channels_last(network)  # for distillation
            prune(
                wide,
                (encoder, decoder),
                contents[..., part, part].to(device),
                styles[..., part, part].to(device),
                (batch.to(device) for batch in _batches(config, crops)),
                config.distill_steps,
            )
        if not config.trains_decoder_only:
            widen(self.encoder, encoder)
        widen(self.decoder, decoder)

    def _decode(self, features: Tensor, statistics: Statistics) -> Tensor:
        images: Tensor = self.decoder(fuse(features, *statistics, self.config.fusion))
        return images


def _batches(config: TrainingConfig, crops: Sequence[Crops]) -> Iterator[Tensor]:
    """Yield batches of contents and styles together, ``(2B, 3, S, S)``, read lazily."""
    loaders = (crop_batches(each, config.batch_size, config.workers, 0) for each in crops)
    for (content, _), (style, _) in zip(*loaders, strict=True):
        yield torch.cat([content, style])


def widen(network: nn.Module, narrower: nn.Module) -> None:
    """Load the weights of a network as wide or narrower; no layer reads a new channel yet."""
    given = narrower.state_dict()
    for name, value in network.state_dict().items():  # detached, of the network's storage
        source = given[name]
        if source.ndim == 4:
            # Also for new outputs, which then start from trained channels.
            value[:, source.shape[1] :] = 0
        value[tuple(slice(length) for length in source.shape)] = source


def initialize(network: nn.Module) -> None:
    """Apply He initialization: with PyTorch's default, the signal fades over 9 layers."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
