"""Files of feed-forward networks for a fixed set of styles."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..errors import WeightsError
from ..utils.files import check_tensors_suffix
from ..utils.serialization import read_metadata, read_tensors, write_tensors
from ..weights import load_state
from .network import NetworkArchitecture, TransferNetwork

NETWORK_KIND = "adain-style-network"


@dataclass(frozen=True)
class NetworkInfo:
    """The metadata of a network's file.

    Attributes:
        architecture: configuration of the network.
        styles: names of its styles, in order.
        license: license of the weights.
        source: who trained them, and how.
        training: summary of the training, plain JSON values.
    """

    architecture: NetworkArchitecture
    styles: tuple[str, ...]
    license: str = "unstated"
    source: str = "unstated"
    training: dict[str, Any] = field(default_factory=dict)


def save_network(path: str | os.PathLike[str], info: NetworkInfo, network: TransferNetwork) -> None:
    """Write a network's file, atomically.

    Args:
        path: the file (``.safetensors``); an existing one is replaced.
        info: metadata.
        network: the network.

    Raises:
        ValueError: another suffix.
        WeightsError: the file cannot be written.
    """
    check_tensors_suffix(path)
    metadata = {
        "architecture": json.dumps(info.architecture.to_dict()),
        "styles": json.dumps(info.styles),
        "license": info.license,
        "source": info.source,
        "training": json.dumps(info.training),
    }
    write_tensors(path, NETWORK_KIND, network.state_dict(), metadata)


def load_network(path: str | os.PathLike[str]) -> tuple[NetworkInfo, TransferNetwork]:
    """Read a network's file.

    Returns:
        Metadata and the network, for inference, float32, on the CPU.

    Raises:
        WeightsError: the file is missing, damaged or of another kind, or its tensors do not match
            the architecture or are not finite.
    """
    path = Path(path)
    if not path.exists():
        raise WeightsError(
            f"{path}: no such file; expected that of a network that was trained for its styles"
        )
    tensors, metadata = read_tensors(path, NETWORK_KIND)
    try:
        architecture = NetworkArchitecture.from_dict(json.loads(metadata["architecture"]))
        styles = tuple(map(str, json.loads(metadata["styles"])))
        training = json.loads(metadata.get("training", "{}"))
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise WeightsError(f"{path}: its metadata cannot be read: {error}") from None
    if len(styles) != architecture.styles:
        raise WeightsError(
            f"{path}: expected names of {architecture.styles} styles, got {len(styles)}"
        )
    # Built without memory or random numbers; the file's tensors become the parameters.
    with torch.device("meta"):
        network = TransferNetwork(architecture)
    load_state(path, network, tensors)
    info = NetworkInfo(
        architecture,
        styles,
        license=metadata.get("license", "unstated"),
        source=metadata.get("source", "unstated"),
        training=training if isinstance(training, dict) else {},
    )
    return info, network.eval().requires_grad_(False)


def is_network_file(path: str | os.PathLike[str]) -> bool:
    """Return whether the metadata of a file say that it is a network."""
    try:
        read_metadata(path, NETWORK_KIND)
    except WeightsError:
        return False
    return True
