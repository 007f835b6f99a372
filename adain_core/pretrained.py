"""A pair of networks that comes from a model file and goes into one."""

from __future__ import annotations

import os
import reprlib
from typing import Any, TypeVar

import torch
from torch import nn

from .devices import resolve_device, resolve_dtype
from .networks import Decoder, Encoder
from .style_encoder import StyleEncoder
from .tiled import TiledNetworks
from .weights import ModelInfo, find_model, fingerprint, load_model, save_model

M = TypeVar("M", bound="PretrainedModel")


class PretrainedModel(nn.Module):
    """An encoder and a decoder with the metadata of their file.

    Args:
        encoder: the encoder.
        decoder: the decoder.
        info: architecture, license, source and training.
        name: for people and messages.

    Attributes:
        networks: the two as they run fastest, for pictures of any size.
        style_encoder: takes styles out of artworks.
    """

    def __init__(
        self, encoder: Encoder, decoder: Decoder, info: ModelInfo, name: str = "unnamed"
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.info, self.name = info, name
        # Taken before any change of dtype, so that a style fits the model in every precision.
        own = fingerprint(encoder.state_dict())
        self.networks = TiledNetworks(encoder, decoder, info.architecture, own)
        self.style_encoder = StyleEncoder(self.networks)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        # Not load_state_dict: a module around this one calls its own. The fingerprint is that of
        # the given weights, before they are rounded to the model's dtype.
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
            model: name of a shipped or downloaded model, or a path to a ``.safetensors`` file;
                ``None`` for the default one.
            device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``, …
            dtype: ``"auto"``, ``"fp32"``, ``"bf16"`` or ``"fp16"``.

        Raises:
            WeightsError: there is no such model, or its file is damaged.
            ValueError: a device or dtype that cannot be used.
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
        """Write a model file that :meth:`from_pretrained` reads, atomically.

        Args:
            path: where to (``.safetensors``).
            dtype: of the stored weights: ``"fp32"``, ``"bf16"`` or ``"fp16"``; ``None``: as they
                are.
            overwrite: replace an existing file.

        Raises:
            ValueError: an unknown dtype.
            WeightsError: the file cannot be written, or exists and is not to be replaced.
        """
        stored = None if dtype is None else resolve_dtype(dtype, torch.device("cpu"))
        save_model(path, self.info, self.encoder, self.decoder, stored, overwrite)

    def __repr__(self) -> str:
        # Short: a host prints its nodes' inputs.
        kind, name = type(self).__name__, reprlib.repr(self.name)
        return f"{kind}({name}, encoder {self.fingerprint}, {self.device}, {self.dtype})"

    @property
    def fingerprint(self) -> str:
        """Of the encoder's weights: styles and features of other encoders are refused."""
        return self.networks.fingerprint

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.networks.device

    @property
    def dtype(self) -> torch.dtype:
        """Of weights and features."""
        return self.networks.dtype
