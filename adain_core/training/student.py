"""The networks being trained, as one module."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from ..architecture import Architecture
from ..errors import TrainingError
from ..functional import Statistics, channel_statistics, fuse
from ..networks import Decoder, Encoder
from ..weights import find_model, load_model
from .config import TrainingConfig
from .data import Crops, crop_batches
from .loss_network import channels_last
from .pruning import prune

# To solve a pruned model's weights from: crops of each kind, their side at most, and the number of
# the first, far from those of the training crops.
PRUNING_IMAGES, PRUNING_SIDE, PRUNING_START = 64, 128, 10**13


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
        for network in (self.encoder, self.decoder):
            if network is not vgg:
                initialize(network)

    def forward(
        self, content: Tensor, style: Tensor, alpha: Tensor, reconstruct: bool
    ) -> tuple[Tensor, Tensor]:
        """Draw the pictures of a step; several devices exchange gradients around this call.

        Args:
            content: ``(n·B, 3, S, S)``: n photos in each style, one after another.
            style: ``(B, 3, S, S)``.
            alpha: of each style, ``(B, 1)``.
            reconstruct: draw the first photo in each style at its own statistics, too.

        Returns:
            The stylized contents ``(n·B, 3, S, S)``, and the first ``B`` contents at their own
            statistics (empty unless ``reconstruct``).
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
        """Take the weights of a model file of any widths.

        Of layers that are wider there the most important channels stay
        (:mod:`~adain_core.training.pruning`). The channels that are lacking there keep their random
        inputs, and nothing takes their outputs yet: at first the pictures are those of the narrower
        model (Chen, Goodfellow & Shlens, "Net2Net", ICLR 2016).

        Args:
            path: the model's file, or its name.
            crops: of contents and styles, for the pruning.

        Raises:
            WeightsError: the file cannot be read.
            TrainingError: it differs in more than widths, or is no full-width model where this is
                one.
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
                channels_last(network)  # which distillation computes in
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
    """Yield contents and styles together, ``(2B, 3, S, S)``; the first is read when asked for."""
    loaders = (crop_batches(each, config.batch_size, config.workers, 0) for each in crops)
    for (content, _), (style, _) in zip(*loaders, strict=True):
        yield torch.cat([content, style])


def widen(network: nn.Module, narrower: nn.Module) -> None:
    """Take the weights of a network as wide or narrower; no layer reads a new channel yet."""
    given = narrower.state_dict()
    for name, value in network.state_dict().items():  # detached, of the network's storage
        source = given[name]
        if source.ndim == 4:
            # Of new outputs, too: they start from channels that mean something already.
            value[:, source.shape[1] :] = 0
        value[tuple(slice(length) for length in source.shape)] = source


def initialize(network: nn.Module) -> None:
    """He initialization: PyTorch's own lets the signal fade over 9 layers without normalization."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
