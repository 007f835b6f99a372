"""The request: every rule once, and errors that name the option."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adain_core import OptionError, Style, StylizeOptions
from adain_core.choices import COLOR_METHODS, recolors_artwork

STYLE = Style(torch.zeros(4), torch.ones(4), "encoder-a")
ARTWORK = torch.rand(1, 3, 16, 16)
MASK = torch.ones(4, 4)
NAN = float("nan")


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("styles", {"styles": ()}),
        ("weights", {"weights": [1]}),
        ("weights", {"weights": [0, 0]}),
        ("weights", {"weights": [1, -1]}),
        ("weights", {"weights": [1, NAN]}),
        ("weights", {"weights": [[1, 1], [0, 0]]}),
        ("weights", {"weights": [[1, 1, 1]]}),
        ("weights", {"weights": [1, 1], "masks": [MASK, MASK]}),
        ("masks", {"masks": [MASK]}),
        ("masks[1]", {"masks": [MASK, 2 * MASK]}),
        ("masks[0]", {"masks": [torch.ones(4), MASK]}),
        ("background", {"background": ARTWORK}),
        ("alpha", {"alpha": 1.5}),
        ("alpha", {"alpha": NAN}),
        ("alpha", {"alpha": [0.5, -0.1]}),
        ("alpha", {"alpha": []}),
        ("feather", {"feather": 3}),
        ("feather", {"feather": -1, "masks": [MASK, MASK]}),
        ("preserve_color", {"preserve_color": "sepia"}),
        ("content_size", {"content_size": -1}),
        ("style_size", {"style_size": -1}),
        ("tile", {"tile": 63}),
        ("photo_share", {"photo_share": 1.1}),
        ("photo_share", {"photo_share": NAN}),
        ("stroke_size", {"stroke_size": "huge"}),
        ("stroke_size", {"stroke_size": 0}),
        ("stroke_size", {"stroke_size": NAN}),
        ("stroke_size", {"stroke_size": 100.0}),
    ],
)
def test_an_error_names_the_option(field: str, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError) as caught:
        StylizeOptions(**{"styles": (ARTWORK, STYLE), **options})
    assert caught.value.field == field
    assert str(caught.value) == f"{field} {caught.value.message}"
    assert "--" not in str(caught.value)


@pytest.mark.parametrize("method", [name for name in COLOR_METHODS if recolors_artwork(name)])
def test_methods_that_recolor_need_images(method: str) -> None:
    with pytest.raises(OptionError, match="contains no image") as caught:
        StylizeOptions((ARTWORK, STYLE), preserve_color=method)
    assert caught.value.field == "styles[1]"
    with pytest.raises(OptionError) as caught:
        StylizeOptions(ARTWORK, masks=[MASK], background=STYLE, preserve_color=method)
    assert caught.value.field == "background"
    assert StylizeOptions(ARTWORK, preserve_color=method).recolors


def test_luminance_takes_styles() -> None:
    assert not StylizeOptions(STYLE, preserve_color="luminance").recolors


def test_one_style_may_be_given_bare() -> None:
    assert StylizeOptions(ARTWORK).sources == (ARTWORK,)
    assert StylizeOptions([ARTWORK, STYLE]).sources == (ARTWORK, STYLE)
    assert StylizeOptions("wave.jpg").sources == ("wave.jpg",)


@given(weights=st.lists(st.floats(0, 1e6), min_size=1, max_size=5).filter(any))
def test_shares_are_weights_over_their_sum(weights: list[float]) -> None:
    shares = StylizeOptions((STYLE,) * len(weights), weights=weights).shares
    assert shares.shape == (1, len(weights))
    expected = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    torch.testing.assert_close(shares[0].double(), expected, rtol=1e-5, atol=1e-7)


def test_each_image_can_have_its_weights() -> None:
    weights = np.array([[1.0, 3.0], [0.0, 2.0], [5.0, 5.0]])
    options = StylizeOptions((STYLE, ARTWORK), weights=weights)
    assert options.shares.tolist() == [[0.25, 0.75], [0.0, 1.0], [0.5, 0.5]]
    assert torch.equal(options.image_shares(3), options.shares)
    with pytest.raises(OptionError, match=r"one row, or one per image \(2\), got 3"):
        options.image_shares(2)
    assert StylizeOptions((STYLE, ARTWORK)).image_shares(2).tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_masks_become_tensors_and_files_stay() -> None:
    options = StylizeOptions((ARTWORK, STYLE), masks=[np.ones((4, 5), bool), "person.png"])
    assert options.masks is not None
    assert options.masks[0].shape == (1, 1, 4, 5)
    assert options.masks[1] == "person.png"
