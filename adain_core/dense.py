"""Tensors of kinds that hold no plain array of values, and that the library does not take."""

from __future__ import annotations

import torch
from torch import Tensor


def find_odd_kind(tensor: Tensor) -> str:
    """Return what makes a tensor no plain array of values, such as ``"sparse"``; empty if one."""
    if tensor.is_nested:
        return "nested"
    if tensor.layout != torch.strided:
        return "mkldnn" if tensor.is_mkldnn else "sparse"
    if tensor.is_quantized:
        return "quantized"
    return "meta" if tensor.device.type == "meta" else ""


def require_plain(tensor: Tensor, name: str) -> None:
    """Refuse a tensor that is no plain array of values.

    Args:
        tensor: of any kind.
        name: what it is, for the message.

    Raises:
        ValueError: a sparse, nested, quantized or meta tensor.
    """
    if kind := find_odd_kind(tensor):
        raise ValueError(f"expected {name} as a dense tensor that holds values, got a {kind} one")
