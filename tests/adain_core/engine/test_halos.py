"""What a first pass changed, without its halos."""

from __future__ import annotations

import hypothesis.strategies as st
import torch
from hypothesis import given

from adain_core.engine.canvas import Canvas
from adain_core.engine.halos import HaloFilter, remove_halos
from adain_core.pixels import as_float

X = torch.arange(400.0)[None, None, None, :] - 200
DISTANCE = (X.square() + X.transpose(2, 3).square()).sqrt()
INSIDE = DISTANCE < 40


def scene() -> torch.Tensor:
    """A dark disc on a bright ground."""
    return torch.where(INSIDE, 25, 204).to(torch.uint8).expand(1, 3, 400, 400)


def without_halos(change: torch.Tensor) -> torch.Tensor:
    """Return what is left of a change of the scene."""
    photo = as_float(scene())
    return remove_halos((photo + change).clamp(0, 1), scene()) - photo


def test_a_halo_becomes_the_tone_of_the_ground() -> None:
    halo = 0.2 * torch.exp(-((DISTANCE - 40) / 30).square()) * ~INSIDE
    change = halo + torch.where(INSIDE, 0.3, -0.1)
    found = without_halos(change)
    near, far = (DISTANCE > 52) & (DISTANCE < 75), (DISTANCE > 130) & (DISTANCE < 190)

    def step(maps: torch.Tensor) -> float:
        return float(maps[near.expand_as(maps)].mean() - maps[far.expand_as(maps)].mean())

    assert step(change) > 0.1
    assert abs(step(found)) < 0.4 * step(change)
    # The object keeps a tone of its own.
    assert found[0, 0, 200, 200] - found[0, 0, 20, 20] > 0.2


def test_an_object_of_another_color_keeps_its_tone() -> None:
    """Of the same brightness: the guide is the photo's color."""
    ground, disc = torch.tensor([[0.2, 0.5, 0.5], [0.8, 0.2, 0.2]])[:, :, None, None]
    photo = torch.where(INSIDE, disc, ground)
    result = torch.where(INSIDE, torch.tensor([0.1, 0.2, 0.7])[:, None, None], 0.5).expand_as(photo)
    found = remove_halos(result, photo)
    torch.testing.assert_close(found, result, rtol=0, atol=0.06)


def test_regions_have_tones_of_their_own() -> None:
    """As if each were the whole image, and what belongs to none stays."""
    generator = torch.Generator().manual_seed(5)
    photo, result = (torch.rand(1, 3, 48, 200, generator=generator) for _ in range(2))
    left = torch.zeros(1, 1, 48, 200)
    left[..., :100] = 1
    both = remove_halos(result, photo, torch.cat([left, 1 - left], dim=1))
    one = remove_halos(result, photo, left)
    assert torch.equal(one[..., 100:], result[..., 100:])
    torch.testing.assert_close(both[..., :100], one[..., :100])
    whole = remove_halos(result, photo)
    thirds = torch.full((1, 3, 48, 200), 1 / 3)
    torch.testing.assert_close(remove_halos(result, photo, thirds), whole, rtol=0, atol=1e-5)
    # Each part alone, but for the border, where reflection adds what is cut off here.
    cut = remove_halos(result[..., :100], photo[..., :100])
    torch.testing.assert_close(both[..., :40], cut[..., :40], rtol=0, atol=0.05)


@given(
    top=st.integers(0, 80),
    left=st.integers(0, 110),
    height=st.integers(1, 60),
    width=st.integers(1, 60),
)
def test_a_window_equals_that_of_the_whole_image(
    top: int, left: int, height: int, width: int
) -> None:
    generator = torch.Generator().manual_seed(7)
    photo = torch.rand(2, 4, 81, 111, generator=generator)
    result = torch.rand(2, 3, 81, 111, generator=generator)
    regions = torch.rand(1, 2, 81, 111, generator=generator) / 2
    window = slice(top, min(81, top + height)), slice(left, min(111, left + width))
    found = HaloFilter(result, Canvas(photo), regions)(window)
    expected = remove_halos(result, photo, regions)[..., window[0], window[1]]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_bands_cover_the_image() -> None:
    wide = torch.rand(1, 3, 37, 60_000, generator=torch.Generator().manual_seed(8))
    halos = HaloFilter(wide, Canvas(1 - wide), None)
    bands = list(halos.bands())
    assert len(bands) > 2 and (bands[0][0].start, bands[-1][0].stop) == (0, 37)
    together = torch.cat([halos(band) for band in bands], dim=2)
    torch.testing.assert_close(together, halos((slice(0, 37), slice(0, 60_000))), rtol=0, atol=1e-5)


def test_transparent_pixels_do_not_count() -> None:
    generator = torch.Generator().manual_seed(6)
    photo, result, others = (torch.rand(1, 4, 90, 120, generator=generator) for _ in range(3))
    visible = torch.zeros(1, 1, 90, 120)
    visible[..., 20:70, 30:100] = 1
    photo[:, 3:] = visible
    expected = remove_halos(result[:, :3], photo)
    hidden = [torch.where(visible > 0, image, others)[:, :3] for image in (result, photo)]
    found = remove_halos(hidden[0], torch.cat([hidden[1], visible], dim=1))
    seen = visible.expand_as(found) > 0
    torch.testing.assert_close(found[seen], expected[seen])
    assert torch.equal(found[~seen], hidden[0][~seen])


def test_strokes_stay() -> None:
    """Here of 8 pixels: light and dark in turn."""
    strokes = 0.1 * torch.sign(torch.sin(torch.pi * X / 8 + 0.01)).expand(1, 3, 400, 400)
    found = without_halos(strokes)
    ground = (DISTANCE > 60).expand_as(found)
    torch.testing.assert_close(found[ground], strokes[ground], rtol=0, atol=8 / 255)


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    batch=st.integers(1, 3),
    tone=st.integers(-50, 50),
)
def test_a_constant_change_of_tone_is_kept(height: int, width: int, batch: int, tone: int) -> None:
    random = torch.Generator().manual_seed(3)
    photo = torch.randint(50, 200, (batch, 3, height, width), generator=random, dtype=torch.uint8)
    result = (photo + float(tone)) / 255
    torch.testing.assert_close(remove_halos(result, photo), result, rtol=0, atol=1e-4)
