"""What a first pass changed, without its halos."""

from __future__ import annotations

import hypothesis.strategies as st
import torch
from hypothesis import given

from adain_core.halos import remove_halos
from adain_core.pixels import as_float, as_uint8

X = torch.arange(400.0)[None, None, None, :] - 200
DISTANCE = (X.square() + X.transpose(2, 3).square()).sqrt()
INSIDE = DISTANCE < 40


def scene() -> torch.Tensor:
    """A dark disc on a bright ground."""
    return torch.where(INSIDE, 25, 204).to(torch.uint8).expand(1, 3, 400, 400)


def without_halos(change: torch.Tensor) -> torch.Tensor:
    """Return what is left of a change of the scene, levels."""
    drawn = as_uint8(as_float(scene()) + change)
    return remove_halos(drawn, scene()).float() - scene().float()


def test_a_halo_becomes_the_tone_of_the_ground() -> None:
    halo = 0.2 * torch.exp(-((DISTANCE - 40) / 30).square()) * ~INSIDE
    change = halo + torch.where(INSIDE, 0.3, -0.1)
    found = without_halos(change) / 255
    near, far = (DISTANCE > 52) & (DISTANCE < 75), (DISTANCE > 130) & (DISTANCE < 190)

    def step(maps: torch.Tensor) -> float:
        return float(maps[near.expand_as(maps)].mean() - maps[far.expand_as(maps)].mean())

    assert step(change) > 0.1
    assert abs(step(found)) < 0.4 * step(change)
    # The object keeps a tone of its own.
    assert found[0, 0, 200, 200] - found[0, 0, 20, 20] > 0.2


def test_strokes_stay() -> None:
    """Here of 8 pixels: light and dark in turn."""
    strokes = 0.1 * torch.sign(torch.sin(torch.pi * X / 8 + 0.01)).expand(1, 3, 400, 400)
    found = without_halos(strokes) / 255
    ground = (DISTANCE > 60).expand_as(found)
    torch.testing.assert_close(found[ground], strokes[ground], rtol=0, atol=8 / 255)


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    batch=st.integers(1, 3),
    tone=st.integers(-50, 50),
)
def test_one_tone_stays(height: int, width: int, batch: int, tone: int) -> None:
    random = torch.Generator().manual_seed(3)
    photo = torch.randint(50, 200, (batch, 3, height, width), generator=random, dtype=torch.uint8)
    drawn = (photo.short() + tone).to(torch.uint8)
    assert torch.equal(remove_halos(drawn, photo), drawn)
