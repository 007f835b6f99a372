"""Conversion of pytorch-AdaIN's two ``.pth`` files to a model file.

``vgg_normalised.pth`` and ``decoder.pth`` are state dicts of ``nn.Sequential``. They are read with
``weights_only=True``: tensors only, nothing in the file is executed. The original Torch7 ``.t7``
pair is not read: the one reader package on PyPI has had no release since 2017.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from ..errors import WeightsError, reason
from ..networks.architecture import VGG19_WIDTHS, Architecture
from ..networks.encoder_decoder import Decoder, Encoder
from ..utils.dense import find_odd_kind
from .model_files import ModelInfo, find_model, load_model, save_model

# Index of each convolution in pytorch-AdaIN's nn.Sequential, in the order of our layers.
_ENCODER_INDICES = (2, 5, 9, 12, 16, 19, 22, 25, 29)
_DECODER_INDICES = (1, 5, 8, 11, 14, 18, 21, 25, 28)


OFFICIAL_MODEL = ModelInfo(
    architecture=Architecture(VGG19_WIDTHS),
    license="MIT (AdaIN-style, decoder); CC BY 4.0 (VGG-19)",
    source="xunhuang1995/AdaIN-style (Huang & Belongie 2017), converted for PyTorch by "
    "naoto0804/pytorch-AdaIN",
)


def read_vgg(path: str | os.PathLike[str]) -> Encoder:
    """Return the encoder in pytorch-AdaIN's ``vgg_normalised.pth``, up to relu4_1.

    Its first layer is a 1x1 convolution that turns RGB in 0..1 into BGR in 0..255 minus the mean
    color. It is folded into conv1_1; that is exact, since reflection padding commutes with a
    1x1 convolution.

    Args:
        path: the ``.pth`` file.

    Returns:
        The encoder at the paper's widths, float32.

    Raises:
        WeightsError: the file is missing, damaged, or holds something else.
    """
    path = Path(path)
    tensors = _read_state(path)
    encoder = Encoder(Architecture(VGG19_WIDTHS))
    first = _take(path, tensors, 0, {"weight": (3, 3, 1, 1), "bias": (3,)})
    state = _rename(path, tensors, _ENCODER_INDICES, encoder)
    kernel = state["conv1_1.weight"].double()
    color, offset = first["weight"].double()[:, :, 0, 0], first["bias"].double()
    state["conv1_1.weight"] = torch.einsum("omhw,mi->oihw", kernel, color).float()
    state["conv1_1.bias"] += torch.einsum("omhw,m->o", kernel, offset).float()
    encoder.load_state_dict(state)
    return encoder


def read_decoder(path: str | os.PathLike[str]) -> Decoder:
    """Return the decoder in pytorch-AdaIN's ``decoder.pth``.

    Args:
        path: the ``.pth`` file.

    Returns:
        The decoder at the paper's widths, float32.

    Raises:
        WeightsError: the file is missing, damaged, or holds something else.
    """
    path = Path(path)
    decoder = Decoder(Architecture(VGG19_WIDTHS))
    decoder.load_state_dict(_rename(path, _read_state(path), _DECODER_INDICES, decoder))
    return decoder


def read_loss_network(path: str | os.PathLike[str]) -> tuple[Encoder, Decoder | None]:
    """Return the normalized VGG-19, the loss network of training and evaluation.

    Args:
        path: ``vgg_normalised.pth``, or a full-width model's file (``.safetensors``) or name
            (``adain-vgg19``).

    Returns:
        The VGG, and the decoder where the file is a model's.

    Raises:
        WeightsError: the file is missing, damaged, or a slim model's.
    """
    path = find_model(path)
    if path.suffix != ".safetensors":
        return read_vgg(path), None
    info, vgg, decoder = load_model(path)
    if info.architecture.widths != VGG19_WIDTHS:
        raise WeightsError(
            f"{path}: the loss network must have the paper's widths {VGG19_WIDTHS}, "
            f"got {info.architecture.widths}; use adain-vgg19, or vgg_normalised.pth"
        )
    return vgg, decoder


def convert_vgg19(
    vgg: str | os.PathLike[str],
    decoder: str | os.PathLike[str],
    target: str | os.PathLike[str],
    dtype: torch.dtype | None = None,
    overwrite: bool = True,
) -> ModelInfo:
    """Convert pytorch-AdaIN's two files to a model file.

    Args:
        vgg: ``vgg_normalised.pth``.
        decoder: ``decoder.pth``.
        target: the file to write (``.safetensors``).
        dtype: of the stored tensors; ``None`` keeps float32.
        overwrite: replace an existing file.

    Returns:
        The metadata that was stored.

    Raises:
        WeightsError: a file is missing, damaged or something else, or the target cannot be
            written.
    """
    save_model(target, OFFICIAL_MODEL, read_vgg(vgg), read_decoder(decoder), dtype, overwrite)
    return OFFICIAL_MODEL


def _read_state(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise WeightsError(f"{path}: no such file")
    if path.suffix == ".t7":
        raise WeightsError(
            f"{path}: Torch7 files are not supported; use pytorch-AdaIN's .pth files of the same "
            "weights; adain_core.weights.download.download_vgg19() fetches them",
            "download_vgg19",
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {reason(error)}") from None
    except Exception:
        # Of many kinds, and their texts advise to let the file run its code.
        raise WeightsError(
            f"{path}: expected a .pth file of tensors alone, got a damaged file, one that holds "
            "other Python objects (which could run code and are not loaded), or another format"
        ) from None
    if not isinstance(state, dict):
        raise WeightsError(
            f"{path}: expected a state dict of tensors, got an object of type "
            f"{type(state).__name__}"
        )
    for key, value in state.items():
        if not isinstance(value, Tensor):
            raise WeightsError(
                f"{path}: expected a state dict of tensors, got one with an object of type "
                f"{type(value).__name__} at {key!r}; if its weights are in there, save that part"
            )
    return {str(key): tensor.detach() for key, tensor in state.items()}


def _take(
    path: Path, tensors: dict[str, Tensor], index: int, shapes: dict[str, tuple[int, ...]]
) -> dict[str, Tensor]:
    """Return weight and bias of one layer of the ``nn.Sequential``, float32, after a check."""
    taken = {}
    for part, shape in shapes.items():
        key = f"{index}.{part}"
        if key in tensors:
            _check_plain(path, key, tensors[key])
        found = tuple(tensors[key].shape) if key in tensors else "no such tensor"
        if found != shape:
            raise WeightsError(
                f"{path}: not in pytorch-AdaIN's layout: tensor {key!r} should have shape "
                f"{shape}, got {found}"
            )
        taken[part] = tensors[key].float()
        if not taken[part].isfinite().all():
            raise WeightsError(f"{path}: tensor {key!r} has NaN or infinite values")
    return taken


def _check_plain(path: Path, key: str, tensor: Tensor) -> None:
    kind = find_odd_kind(tensor) or ("" if tensor.is_floating_point() else str(tensor.dtype))
    if kind:
        raise WeightsError(
            f"{path}: tensor {key!r} should be dense and of floating-point numbers, got {kind}"
        )


def _rename(
    path: Path,
    tensors: dict[str, Tensor],
    indices: tuple[int, ...],
    network: Encoder | Decoder,
) -> dict[str, Tensor]:
    expected = network.state_dict()
    state = {}
    layers = [name.removesuffix(".weight") for name in expected if name.endswith(".weight")]
    for index, layer in zip(indices, layers, strict=True):
        shapes = {part: tuple(expected[f"{layer}.{part}"].shape) for part in ("weight", "bias")}
        for part, tensor in _take(path, tensors, index, shapes).items():
            state[f"{layer}.{part}"] = tensor
    return state
