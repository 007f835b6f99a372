from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from adain_core import AdaINModel
from adain_core.utils import memory
from adain_core.utils.memory import HeapTrimmer, free_host_memory, free_memory

MEMINFO = "MemTotal: 99 kB\nMemFree: 9 kB\nMemAvailable: 1000 kB\n"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"proc/meminfo": MEMINFO, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def group(folder: str, limit: object, usage: int, cache: int = 0) -> dict[str, str]:
    """Files of a control group, version 2 or 1 by its folder."""
    old = "/memory" in folder
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    limit_name, usage_name, cache_name = (
        names if old else ("memory.max", "memory.current", "inactive_file")
    )
    return {
        f"{folder}/{limit_name}": f"{limit}\n",
        f"{folder}/{usage_name}": f"{usage}\n",
        f"{folder}/memory.stat": f"anon 5\n{cache_name} {cache}\n",
    }


V2, V1 = "sys/fs/cgroup", "sys/fs/cgroup/memory"


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 1_024_000),
        # A container's limit less what it uses; the cache of files can be had back.
        ({"proc/self/cgroup": "0::/", **group(V2, 500_000, 300_000, 50_000)}, 250_000),
        ({"proc/self/cgroup": "0::/", **group(V2, "max", 300_000)}, 1_024_000),
        # The smallest of the group's and of those around it.
        (
            {
                "proc/self/cgroup": "0::/a/b",
                **group(f"{V2}/a", 400_000, 390_000),
                **group(f"{V2}/a/b", "max", 10),
            },
            10_000,
        ),
        # Version 1, by the host's path that a container does not see.
        (
            {
                "proc/self/cgroup": "9:cpu:/x\n4:hugetlb,memory:/docker/1234\n",
                **group(V1, 300_000, 100_000, 7),
            },
            200_007,
        ),
        # A number that stands for no limit.
        ({"proc/self/cgroup": "4:memory:/", **group(V1, 2**63 - 4096, 10)}, 1_024_000),
        # More is used than allowed.
        ({"proc/self/cgroup": "0::/", **group(V2, 100, 300)}, 0),
        # What nobody can read counts for nothing.
        ({"proc/self/cgroup": "nonsense\n0::/", f"{V2}/memory.max": ""}, 1_024_000),
    ],
    ids=["bare", "v2", "v2 max", "parent", "v1", "v1 unlimited", "exhausted", "damaged"],
)
def test_free_host_memory(tmp_path: Path, files: dict[str, str], free: int) -> None:
    assert free_host_memory(write(tmp_path, files)) == free


def test_free_memory_of_devices(tmp_path: Path) -> None:
    assert free_host_memory(tmp_path) is None
    assert free_memory(torch.device("meta")) is None
    assert free_memory(torch.device("cpu")) == pytest.approx(free_host_memory(), rel=0.5)


def test_memory_is_released_after_images_of_many_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(memory, "trim_heap", lambda: calls.append(1))
    trimmer = HeapTrimmer(changes=4)
    for _ in range(100):  # frames of a video
        trimmer.note((1, 480, 640))
    assert calls == []
    for side in range(12):
        trimmer.note((1, side, side))
    assert len(calls) == 3
    trimmer.note((1, 2048, 2048))  # four megapixels
    assert len(calls) == 4


def test_stylize_trims_the_heap_after_new_sizes(
    tiny: AdaINModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    monkeypatch.setattr(memory, "trim_heap", lambda: calls.append(1))
    style = tiny.encode_style(torch.rand(3, 32, 32))
    for _ in range(40):
        tiny.stylize(torch.rand(1, 3, 16, 16), style)
    assert len(calls) <= 1
    for side in range(40):
        tiny.stylize(torch.rand(1, 3, 16, 20 + side), style)
    assert 9 <= len(calls) <= 11  # every fourth


def test_a_used_model_pickles_as_a_new_one(tiny: AdaINModel) -> None:
    new = AdaINModel(tiny.encoder, tiny.decoder, tiny.info, "tiny").eval()
    before = len(pickle.dumps(new))
    image = torch.rand(1, 3, 40, 40)
    result = new.stylize(image, image)
    after = pickle.dumps(new)
    assert len(after) < before + 3000  # a style in the cache
    assert torch.equal(pickle.loads(after).stylize(image, image), result)
