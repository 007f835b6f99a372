"""Fixtures of the methods' tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adain_core import AdaINModel, Architecture
from adain_core.networks.encoder_decoder import Encoder


@pytest.fixture(scope="session")
def vgg(make_model: Callable[..., AdaINModel]) -> Encoder:
    """A narrow stand-in for the VGG."""
    return make_model(Architecture(widths=(5, 6, 7, 8)), 3).encoder
