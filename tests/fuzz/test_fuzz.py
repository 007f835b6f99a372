"""Every reader with some damaged files, the same ones each time; ``python -m tests.fuzz`` has more.

What broke a reader once is a test of that reader's own.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .targets import TARGETS

# A fraction of a second for each.
_COUNTS = {"options": 8, "video": 8}


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files_are_refused_or_read(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]

    @settings(
        max_examples=_COUNTS.get(name, 25),
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32))
    def damaged(seed: int) -> None:
        target.try_out(target.damage(random.Random(seed)), tmp_path)

    damaged()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in TARGETS if name != "checkpoint"])
def test_whole_files_are_read(name: str, tmp_path: Path) -> None:
    """The search would be one in the dark if the files it begins with were refused."""
    target = TARGETS[name]
    for number, content in enumerate(target.seeds()):
        path = tmp_path / f"{number}{target.suffix}"
        path.write_bytes(content)
        target.read(path)
