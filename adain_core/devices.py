"""Which device and which dtype, where the caller leaves the choice."""

from __future__ import annotations

import torch

DTYPES = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """The device to run on.

    Args:
        device: ``"auto"`` (CUDA or ROCm, else MPS, else the CPU), or any name torch knows.

    Raises:
        ValueError: an unknown device, or one that this machine or this torch does not have.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"device {str(device)!r} cannot be used: {reason}; choose 'auto' or 'cpu'"
        ) from None
    return chosen


def resolve_dtype(dtype: str | torch.dtype, device: torch.device) -> torch.dtype:
    """The dtype of weights and features; statistics are float32 in any case.

    Args:
        dtype: ``"auto"``, ``"fp32"``, ``"bf16"``, ``"fp16"`` or torch's own names or dtypes.
            ``"auto"`` is float16 on CUDA, else float32: half precision is fast on a CPU only with
            AVX-512 or AMX; convolutions were 7 to 128 times slower than float32 on one with AVX2.
        device: where it will run.

    Raises:
        ValueError: another dtype.
    """
    if dtype == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    chosen = DTYPES.get(dtype) if isinstance(dtype, str) else dtype
    if chosen is None or chosen not in DTYPES.values():
        raise ValueError(f"dtype must be auto, fp32, bf16 or fp16, got {dtype!r}")
    return chosen


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the CPU had not enough memory: torch tells only CUDA's by class."""
    text = str(error).lower()
    return isinstance(error, torch.cuda.OutOfMemoryError | MemoryError) or any(
        sign in text for sign in ("out of memory", "allocate memory", "not enough memory")
    )
