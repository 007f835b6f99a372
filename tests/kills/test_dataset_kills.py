from __future__ import annotations

from pathlib import Path

import pytest

from .dataset import Trial, kill_drivers


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--tar", "20"]], ids=["files", "tar shards"])
def test_killed_at_any_moment_nothing_is_lost_or_half(tmp_path: Path, options: list[str]) -> None:
    """``python -m tests.kills.dataset --kills 100`` does the same for some minutes."""
    trial = Trial(tmp_path, ["--dtype", "fp32", "--workers", "2", *options], count=120)
    count = kill_drivers(trial, kills=3)
    assert count["kills"] == 3
