"""Model files: finding, reading and writing them.

A model is a safetensors file with the tensors ``encoder.*`` and ``decoder.*``, and metadata: format
version, architecture (never guessed from shapes), license, source and training.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..choices import DEFAULT_MODEL
from ..errors import WeightsError
from ..networks.architecture import Architecture
from ..networks.encoder_decoder import Decoder, Encoder
from ..utils.files import check_tensors_suffix
from ..utils.serialization import read_metadata, read_tensors, write_tensors
from ..utils.text import to_json

MODEL_KIND = "adain-model"


@dataclass(frozen=True)
class ModelInfo:
    """The metadata of a model file.

    Args:
        architecture: configuration of the networks.
        license: license of the weights.
        source: who trained them, and how.
        training: summary of the training, plain JSON values.
    """

    architecture: Architecture
    license: str = "unstated"
    source: str = "unstated"
    training: dict[str, Any] = field(default_factory=dict)


def save_model(
    path: str | os.PathLike[str],
    info: ModelInfo,
    encoder: Encoder,
    decoder: Decoder,
    dtype: torch.dtype | None = None,
    overwrite: bool = True,
) -> None:
    """Write a model file, atomically.

    Args:
        path: the file (``.safetensors``).
        info: metadata.
        encoder: the encoder.
        decoder: the decoder.
        dtype: of the stored floating-point tensors; ``None``: unchanged. float16 halves the file;
            with the official weights, results agree at 75 to 78 dB.
        overwrite: replace an existing file.

    Raises:
        ValueError: another suffix.
        WeightsError: the file cannot be written, or exists and must not be replaced.
    """
    check_tensors_suffix(path)
    tensors = {}
    for prefix, network in (("encoder", encoder), ("decoder", decoder)):
        for name, tensor in network.state_dict().items():
            convert = dtype is not None and tensor.is_floating_point()
            tensors[f"{prefix}.{name}"] = tensor.to(dtype) if convert else tensor
    metadata = {
        "architecture": json.dumps(info.architecture.to_dict()),
        "license": info.license,
        "source": info.source,
        "training": to_json(info.training),
    }
    write_tensors(path, MODEL_KIND, tensors, metadata, overwrite)


def load_info(path: str | os.PathLike[str]) -> ModelInfo:
    """Read only the metadata of a model file.

    Raises:
        WeightsError: the file is missing, damaged or of another kind.
    """
    return _parse_info(Path(path), read_metadata(path, MODEL_KIND))


def load_model(path: str | os.PathLike[str]) -> tuple[ModelInfo, Encoder, Decoder]:
    """Read a model file.

    Returns:
        Metadata and the two networks, float32, on the CPU.

    Raises:
        WeightsError: the file is missing, damaged or of another kind, or its tensors do not match
            the architecture or are not finite.
    """
    path = Path(path)
    tensors, metadata = read_tensors(path, MODEL_KIND)
    info = _parse_info(path, metadata)
    # Built without memory or random numbers; the file's tensors become the parameters.
    with torch.device("meta"):
        encoder, decoder = Encoder(info.architecture), Decoder(info.architecture)
    load_state(path, nn.ModuleDict({"encoder": encoder, "decoder": decoder}), tensors)
    return info, encoder, decoder


def fingerprint(weights: Mapping[str, Tensor]) -> str:
    """Return a short hash of an encoder's weights: styles fit only the encoder that made them.

    Args:
        weights: its ``state_dict()``.

    Returns:
        12 hexadecimal digits (48 bits), the same for every device; float32 weights are hashed.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def shipped_folder() -> Path:
    """Return the folder of the bundled weights: in the package of a wheel, else next to it."""
    here = Path(__file__).resolve().parent
    return here if list(here.glob("*.safetensors")) else here.parents[1] / "weights"


def cache_folder() -> Path:
    """Return where downloads go: ``$ADAIN_CACHE``, else ``adain`` in the user's cache folder.

    Raises:
        WeightsError: there is no home folder, as in a container with a bare user id.
    """
    if folder := os.environ.get("ADAIN_CACHE"):
        return Path(folder)
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return Path(folder) / "adain"
    try:
        return Path.home() / ".cache" / "adain"
    except RuntimeError:
        raise WeightsError(
            "found no home folder for models: set the environment variable ADAIN_CACHE "
            "to a folder, or give one"
        ) from None


def available_models() -> dict[str, Path]:
    """Return the names and files of the bundled and downloaded models, the default first."""
    files: dict[str, Path] = {}
    folders = [shipped_folder()]
    with contextlib.suppress(WeightsError):  # without a home nothing was downloaded
        folders.append(cache_folder())
    for folder in folders:
        with contextlib.suppress(PermissionError):  # another user's cache
            for path in sorted(folder.glob("*.safetensors")):
                files.setdefault(path.stem, path)
    return dict(sorted(files.items(), key=lambda item: item[0] != DEFAULT_MODEL))


def find_model(name_or_path: str | os.PathLike[str] | None = None) -> Path:
    """Return the file of a model.

    Args:
        name_or_path: name of a shipped or downloaded model, or a path to a ``.safetensors``
            file; ``None`` for the default model.

    Raises:
        WeightsError: there is no such model; the message lists those that there are.
    """
    name = os.fspath(name_or_path) if name_or_path is not None else DEFAULT_MODEL
    models = available_models()
    if name in models:
        return models[name]
    if Path(name).is_file():
        return Path(name)
    known = ", ".join(models) or "none"
    message = f"no model or file named {name!r}; available models: {known}"
    if name == "adain-vgg19":
        message += "; adain_core.weights.download.download_vgg19() fetches it"
        raise WeightsError(message, "download_vgg19")
    raise WeightsError(message)


def _parse_info(path: Path, metadata: Mapping[str, str]) -> ModelInfo:
    try:
        architecture = Architecture.from_dict(json.loads(metadata["architecture"]))
        training = json.loads(metadata.get("training", "{}"))
    except KeyError:
        raise WeightsError(f"{path}: its metadata has no architecture") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise WeightsError(f"{path}: its metadata cannot be read: {error}") from None
    return ModelInfo(
        architecture=architecture,
        license=metadata.get("license", "unstated"),
        source=metadata.get("source", "unstated"),
        training=training if isinstance(training, dict) else {},
    )


def load_state(path: Path, networks: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Make tensors the parameters of networks built on the meta device, float32, checked.

    Args:
        path: their file, for messages.
        networks: without memory so far.
        tensors: by the names of the parameters.

    Raises:
        WeightsError: they do not fit, or are not finite.
    """
    state = {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }
    expected = networks.state_dict()
    for name in sorted(expected.keys() | state.keys()):
        if name not in state:
            raise WeightsError(f"{path}: tensor {name} is missing")
        if name not in expected:
            raise WeightsError(f"{path}: tensor {name} is not part of its architecture")
        found, wanted = state[name], expected[name]
        if found.shape != wanted.shape:
            raise WeightsError(
                f"{path}: tensor {name} should have shape {tuple(wanted.shape)}, "
                f"got {tuple(found.shape)}"
            )
        if found.is_floating_point() != wanted.is_floating_point():
            raise WeightsError(f"{path}: tensor {name} should be {wanted.dtype}, got {found.dtype}")
        if not found.isfinite().all():
            raise WeightsError(f"{path}: tensor {name} has NaN or infinite values")
    networks.load_state_dict(state, assign=True)
