from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from data_set import DataSet
from torch import Tensor


@pytest.fixture
def data(tmp_path: Path, tiny_path: Path, make_image: Callable[..., Tensor]) -> DataSet:
    """Two trees and what becomes of them."""
    return DataSet(tmp_path, tiny_path, make_image)
