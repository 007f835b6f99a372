from __future__ import annotations

import pytest
import torch

from adain_core.utils.devices import (
    has_fast_bfloat16,
    is_out_of_memory,
    memory_format,
    resolve_device,
    resolve_dtype,
)

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def offer(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_fastest_device(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, expected: str
) -> None:
    offer(monkeypatch, cuda=cuda, mps=mps)
    assert resolve_device("auto") == torch.device(expected)
    assert resolve_device() == torch.device(expected)


@pytest.mark.parametrize("device", ["cpu", "cpu:0", torch.device("cpu")])
def test_named_devices_are_taken(device: str | torch.device) -> None:
    assert resolve_device(device) == torch.device(device)


@pytest.mark.parametrize(
    "device", ["gpu", "", "cpu:x", "cuda:99", "xpu:99", "hpu", "privateuseone", "meta"]
)
def test_device_that_is_not_there(device: str) -> None:
    with pytest.raises(ValueError, match="choose 'auto' or 'cpu'") as caught:
        resolve_device(device)
    message = str(caught.value)
    assert message.startswith(f"device {device!r} cannot be used: ")
    assert "\n" not in message
    assert caught.value.__suppress_context__


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_where_there_is_none() -> None:
    with pytest.raises(ValueError, match="device 'cuda' cannot be used"):
        resolve_device("cuda")


@pytest.mark.parametrize(
    ("dtype", "device", "expected"),
    [
        ("auto", torch.device("mps"), torch.float32),
        ("fp32", CUDA, torch.float32),
        ("fp16", CPU, torch.float16),
        ("bf16", CPU, torch.bfloat16),
        ("float32", CPU, torch.float32),
        ("float16", CPU, torch.float16),
        ("bfloat16", CPU, torch.bfloat16),
        (torch.float16, CPU, torch.float16),
        (torch.bfloat16, CUDA, torch.bfloat16),
    ],
)
def test_dtype(dtype: str | torch.dtype, device: torch.device, expected: torch.dtype) -> None:
    assert resolve_dtype(dtype, device) == expected


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("NVIDIA H200", torch.float16),
        ("Tesla T4", torch.float16),
        ("NVIDIA GeForce RTX 2060", torch.float16),
        ("NVIDIA GeForce GTX 1660 Ti", torch.float32),
        ("NVIDIA GeForce MX450", torch.float32),
        ("NVIDIA T1200 Laptop GPU", torch.float32),
    ],
)
def test_auto_dtype_of_a_gpu(
    monkeypatch: pytest.MonkeyPatch, card: str, expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: card)
    assert resolve_dtype("auto", CUDA) == expected


@pytest.mark.parametrize("dtype", ["half", "", "FP32", "int8", torch.float64, torch.int32])
def test_other_dtypes(dtype: str | torch.dtype) -> None:
    with pytest.raises(ValueError, match="dtype must be auto, fp32, bf16 or fp16, got"):
        resolve_dtype(dtype, CPU)


FEATURES = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")


@pytest.mark.parametrize(
    ("supported", "expected"),
    [
        ((False, False), torch.float32),
        ((True, False), torch.bfloat16),
        ((False, True), torch.bfloat16),
        ((None, None), torch.float32),  # an older torch, which cannot tell
        ((None, True), torch.bfloat16),
    ],
)
def test_auto_dtype_of_a_cpu(
    monkeypatch: pytest.MonkeyPatch,
    supported: tuple[bool | None, bool | None],
    expected: torch.dtype,
) -> None:
    for name, answer in zip(FEATURES, supported, strict=True):
        if answer is None:
            monkeypatch.delattr(torch.cpu, name, raising=False)
        else:
            monkeypatch.setattr(torch.cpu, name, lambda answer=answer: answer, raising=False)
    assert resolve_dtype("auto", CPU) == expected


def test_bfloat16_needs_avx512() -> None:
    if torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "NO AVX", "AVX2"):
        assert not has_fast_bfloat16()


def test_memory_format() -> None:
    assert memory_format(CPU) == memory_format(CUDA) == torch.channels_last
    assert memory_format(torch.device("mps")) == torch.contiguous_format


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.cuda.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("could not create a primitive"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("Invalid buffer size: 40.00 GB"), True),
        (RuntimeError("level_zero backend failed: UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("expected scalar type Half but found Float"), False),
    ],
)
def test_errors_that_mean_too_little_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected
