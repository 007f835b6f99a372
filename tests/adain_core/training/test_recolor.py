"""Random colors of training images."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from adain_core.training.recolor import recolor, turn_hue

CHANNEL = st.integers(0, 255).map(lambda level: level / 255)


@given(red=CHANNEL, green=CHANNEL, blue=CHANNEL, turn=st.floats(-0.5, 0.5))
def test_hues_turn_as_in_hsv(red: float, green: float, blue: float, turn: float) -> None:
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    expected = torch.tensor(colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value))
    found = turn_hue(torch.tensor([red, green, blue])[:, None, None], turn)[:, 0, 0]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_shares_of_the_changes(make_image: Callable[..., Tensor]) -> None:
    image = make_image(24, 24)[0]
    levels, ends, inverted = 0, 0, 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(400):
            changed = recolor(image)
            assert changed.shape == image.shape and 0 <= changed.min() <= changed.max() <= 1
            levels += all(len(channel.unique()) <= 4 for channel in changed)
            ends += all({0.0, 1.0} <= {*channel.flatten().tolist()} for channel in changed)
            both = torch.stack([image.mean(dim=0).flatten(), changed.mean(dim=0).flatten()])
            inverted += bool(torch.corrcoef(both)[0, 1] < 0)
    assert levels / 400 == pytest.approx(0.25, abs=0.06)
    assert ends / 400 > 0.44  # a strong contrast reaches them, too
    assert inverted / 400 == pytest.approx(0.25, abs=0.06)


def test_a_flat_color_stays_flat() -> None:
    flat = torch.tensor([0.2, 0.5, 0.7])[:, None, None].expand(-1, 8, 8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(50):
            changed = recolor(flat)
            assert torch.equal(changed, changed[:, :1, :1].expand(-1, 8, 8))
            assert changed.isfinite().all()
