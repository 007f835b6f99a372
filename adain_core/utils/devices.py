"""Choice of device and dtype, and what depends on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

DTYPES = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

# channels_last is faster on a CPU with few channels, and on a GPU in half precision (tensor cores).
_MEMORY_FORMATS = {"mps": torch.contiguous_format}
# Turing cards without tensor cores, whose float16 gives NaN.
_BROKEN_FLOAT16 = re.compile(r"GTX 16\d\d|MX[45]50|\bT(500|550|600|1000|1200|2000)\b|CMP 30HX")


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """Return the device to run on.

    Args:
        device: ``"auto"`` (CUDA or ROCm, else MPS, else the CPU), or any torch device.

    Raises:
        ValueError: a device that is unknown or not available.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        if chosen.type == "meta":
            raise RuntimeError("it holds no values")
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"device {str(device)!r} cannot be used: {reason}; choose 'auto' or 'cpu'"
        ) from None
    return chosen


def resolve_dtype(dtype: str | torch.dtype, device: torch.device) -> torch.dtype:
    """Return the dtype of weights and features; statistics are always float32.

    Args:
        dtype: ``"auto"``, ``"fp32"``, ``"bf16"``, ``"fp16"`` or torch's own names or dtypes.
            ``"auto"`` is float16 on CUDA (except for a few cards), bfloat16 on CPUs with native
            support (AVX-512 BF16, AMX), and float32 otherwise: emulated bfloat16 convolutions are
            7 to 128 times slower.
        device: the device.

    Raises:
        ValueError: an unsupported dtype.
    """
    if dtype == "auto":
        if device.type == "cpu" and has_fast_bfloat16():
            return torch.bfloat16
        if device.type != "cuda" or _BROKEN_FLOAT16.search(torch.cuda.get_device_name(device)):
            return torch.float32
        return torch.float16
    chosen = DTYPES.get(dtype) if isinstance(dtype, str) else dtype
    if chosen is None or chosen not in DTYPES.values():
        raise ValueError(f"dtype must be auto, fp32, bf16 or fp16, got {dtype!r}")
    return chosen


def has_fast_bfloat16() -> bool:
    """Return whether the CPU multiplies bfloat16 natively (AVX-512 BF16 or AMX)."""
    # False if torch is too old to tell: float32 is never slow.
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    checks = (getattr(torch.cpu, name, None) for name in names)
    return any(check() for check in checks if check is not None)


def no_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context without autocast, also for devices that do not have it."""
    kind = device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.autocast(kind, enabled=False)
    return nullcontext()


@contextmanager
def no_gradients(device: torch.device) -> Iterator[None]:
    """Disable gradients and autocast."""
    with torch.inference_mode(), no_autocast(device):
        yield


@contextmanager
def gradients(device: torch.device) -> Iterator[None]:
    """Enable gradients, even within inference mode, and disable autocast."""
    with torch.inference_mode(False), torch.enable_grad(), no_autocast(device):
        yield


def memory_format(device: torch.device) -> torch.memory_format:
    """Return the fastest memory format of feature maps."""
    return _MEMORY_FORMATS.get(device.type, torch.channels_last)


_OUT_OF_MEMORY = (
    "out of memory",
    "allocate memory",
    "not enough memory",
    "could not create a primitive",  # oneDNN
    "alloc_failed",  # cuDNN, cuBLAS
    "invalid buffer size",  # MPS
    "out_of_device_memory",  # Level Zero, of Intel's GPUs
    "out_of_host_memory",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means too little memory; torch has a class only for CUDA's."""
    text = str(error).lower()
    return isinstance(error, torch.cuda.OutOfMemoryError | MemoryError) or any(
        sign in text for sign in _OUT_OF_MEMORY
    )
