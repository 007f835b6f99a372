"""Loading and saving a model."""

from __future__ import annotations

import os
import reprlib
from typing import Any, TypeVar

import torch
from torch import nn

from .engine.tiled import TiledNetworks
from .networks.encoder_decoder import Decoder, Encoder
from .style_encoder import StyleEncoder
from .utils.devices import resolve_device, resolve_dtype
from .weights import ModelInfo, find_model, fingerprint, load_model, save_model

M = TypeVar("M", bound="PretrainedModel")


class PretrainedModel(nn.Module):
    """An encoder and a decoder with the metadata of their file.

    Args:
        encoder: the encoder.
        decoder: the decoder.
        info: architecture, license, source and training.
        name: shown in messages.

    Attributes:
        networks: their optimized form, for images of any size.
        style_encoder: encodes and caches styles.
    """

    def __init__(
        self, encoder: Encoder, decoder: Decoder, info: ModelInfo, name: str = "unnamed"
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.info, self.name = info, name
        # Computed before any change of dtype, so that a style fits the model in every precision.
        own = fingerprint(encoder.state_dict())
        self.networks = TiledNetworks(encoder, decoder, info.architecture, own)
        self.style_encoder = StyleEncoder(self.networks)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        # load_state_dict would not be called if this model is part of another module. The
        # fingerprint is that of the given weights, before they are rounded to the model's dtype.
        super()._load_from_state_dict(state_dict, prefix, *rest)
        own = self.encoder.state_dict()
        given = {name: state_dict.get(f"{prefix}encoder.{name}", old) for name, old in own.items()}
        if not all(torch.equal(given[name].to(old), old) for name, old in own.items()):
            self.networks.fingerprint = fingerprint(given)

    @classmethod
    def from_pretrained(
        cls: type[M],
        model: str | os.PathLike[str] | None = None,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
    ) -> M:
        """Load a model.

        Args:
            model: name of a bundled or downloaded model, or the path of a ``.safetensors`` file;
                ``None``: the default model.
            device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``, …
            dtype: ``"auto"``, ``"fp32"``, ``"bf16"`` or ``"fp16"``.

        Raises:
            WeightsError: the model does not exist, or its file is damaged.
            ValueError: a device or dtype that is not available.
        """
        path = find_model(model)
        target = resolve_device(device)
        info, encoder, decoder = load_model(path)
        loaded = cls(encoder, decoder, info, path.stem).eval().requires_grad_(False)
        return loaded.to(device=target, dtype=resolve_dtype(dtype, target))

    def save(
        self,
        path: str | os.PathLike[str],
        dtype: str | torch.dtype | None = None,
        *,
        overwrite: bool = True,
    ) -> None:
        """Write a model file for :meth:`from_pretrained`, atomically.

        Args:
            path: the file (``.safetensors``).
            dtype: of the stored weights: ``"fp32"``, ``"bf16"`` or ``"fp16"``; ``None``: unchanged.
            overwrite: replace an existing file.

        Raises:
            ValueError: an unknown dtype, or another suffix.
            WeightsError: the file cannot be written, or exists and must not be replaced.
        """
        stored = None if dtype is None else resolve_dtype(dtype, torch.device("cpu"))
        save_model(path, self.info, self.encoder, self.decoder, stored, overwrite)

    def __repr__(self) -> str:
        # Short: a host prints its nodes' inputs.
        kind, name = type(self).__name__, reprlib.repr(self.name)
        return f"{kind}({name}, encoder {self.fingerprint}, {self.device}, {self.dtype})"

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the encoder; styles and features of other encoders are rejected."""
        return self.networks.fingerprint

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.networks.device

    @property
    def dtype(self) -> torch.dtype:
        """Data type of weights and features."""
        return self.networks.dtype
