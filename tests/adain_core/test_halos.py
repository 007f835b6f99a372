"""What a first pass changed, without its halos."""

from __future__ import annotations

import hypothesis.strategies as st
import torch
from hypothesis import given

from adain_core.halos import remove_halos

X = torch.arange(400.0)[None, None, None, :] - 200
DISTANCE = (X.square() + X.transpose(2, 3).square()).sqrt()
INSIDE = DISTANCE < 40


def scene() -> torch.Tensor:
    """A dark disc on a bright ground."""
    return torch.where(INSIDE, 25, 204).to(torch.uint8).expand(1, 3, 400, 400)


def levels(change: torch.Tensor) -> torch.Tensor:
    return (255 * change).round().short().expand(1, 3, 400, 400)


def test_a_halo_becomes_the_tone_of_the_ground() -> None:
    halo = 0.2 * torch.exp(-((DISTANCE - 40) / 30).square()) * ~INSIDE
    change = levels(halo + torch.where(INSIDE, 0.3, -0.1))
    found = remove_halos(change, scene())
    near, far = (DISTANCE > 52) & (DISTANCE < 75), (DISTANCE > 130) & (DISTANCE < 190)

    def step(maps: torch.Tensor) -> float:
        return float(
            maps[near.expand_as(maps)].float().mean() - maps[far.expand_as(maps)].float().mean()
        )

    assert step(change) > 25
    assert abs(step(found)) < 0.4 * step(change)
    # The object keeps a tone of its own.
    assert found[0, 0, 200, 200] - found[0, 0, 20, 20] > 50


def test_strokes_stay() -> None:
    """Here of 8 pixels: light and dark in turn."""
    strokes = levels(0.1 * torch.sign(torch.sin(torch.pi * X / 8 + 0.01)).expand(1, 3, 400, 400))
    found = remove_halos(strokes, scene())
    ground = (DISTANCE > 60).expand_as(found)
    torch.testing.assert_close(found[ground], strokes[ground], rtol=0, atol=8)


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    batch=st.integers(1, 3),
    tone=st.integers(-255, 255),
)
def test_one_tone_stays(height: int, width: int, batch: int, tone: int) -> None:
    random = torch.Generator().manual_seed(3)
    photo = torch.randint(256, (batch, 3, height, width), generator=random, dtype=torch.uint8)
    change = torch.full((batch, 3, height, width), tone, dtype=torch.int16)
    assert torch.equal(remove_halos(change, photo), change)
