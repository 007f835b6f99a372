"""Checks for tensors that are not plain arrays, such as sparse ones."""

from __future__ import annotations

import torch
from torch import Tensor


def find_odd_kind(tensor: Tensor) -> str:
    """Return the kind of a tensor that is not a plain array, such as ``"sparse"``; else ``""``."""
    if tensor.is_nested:
        return "nested"
    if tensor.layout != torch.strided:
        return "mkldnn" if tensor.is_mkldnn else "sparse"
    if tensor.is_quantized:
        return "quantized"
    return "meta" if tensor.device.type == "meta" else ""


def require_plain(tensor: Tensor, name: str) -> None:
    """Check that a tensor is a plain array.

    Args:
        tensor: the tensor.
        name: its name in the message.

    Raises:
        ValueError: a sparse, nested, quantized or meta tensor.
    """
    if kind := find_odd_kind(tensor):
        raise ValueError(f"expected {name} as a dense tensor that holds values, got a {kind} one")
