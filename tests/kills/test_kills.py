"""A command of each kind, killed twice; ``python -m tests.kills`` kills all of them for minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from .commands import COMMANDS
from .killer import Trial


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stylize", "mix", "video", "images"])
def test_killed_at_any_moment_nothing_is_half_or_lost(name: str, tmp_path: Path) -> None:
    count = Trial(COMMANDS[name], tmp_path).run(kills=2)
    assert count["kills"] == 2
