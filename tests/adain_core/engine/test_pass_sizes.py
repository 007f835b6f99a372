"""Sizes of passes: as few as steps of 2.83 allow, from a first one of fixed size."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adain_core.choices import STROKE_SIZES
from adain_core.engine.passes import FIRST_PASS, closeness, pass_sizes


@given(
    height=st.integers(1, 20_000),
    width=st.integers(1, 20_000),
    stroke_size=st.one_of(st.sampled_from([*STROKE_SIZES]), st.floats(0.05, 4)),
)
def test_passes_grow_from_the_first_to_the_image(
    height: int, width: int, stroke_size: str | float
) -> None:
    sizes = pass_sizes((height, width), stroke_size)
    assert sizes[-1] == (height, width)
    scale = STROKE_SIZES.get(stroke_size, stroke_size)  # type: ignore[call-overload]
    if len(sizes) > 1:
        assert min(sizes[0]) == pytest.approx(FIRST_PASS / scale, abs=1)
    for small, large in pairwise(sizes):
        for a, b in zip(small, large, strict=True):
            # At most 2.83 times as large; rounding of a thin side may take a pixel more.
            assert a <= b <= 2**1.5 * (a + 1)
    if len(sizes) > 1 and min(sizes[0]) > 9:
        # The earlier passes together cost no more than the last.
        assert sum(h * w for h, w in sizes[:-1]) <= 1.1 * height * width


def test_an_image_no_larger_than_the_first_pass_has_one_pass() -> None:
    assert pass_sizes((384, 600), "medium") == [(384, 600)]
    assert pass_sizes((385, 600), "medium") == [(384, 598), (385, 600)]
    assert pass_sizes((4000, 6000), "single") == [(4000, 6000)]


@pytest.mark.parametrize(("shortest", "passes"), [(1086, 2), (1087, 3), (3072, 3), (3073, 4)])
def test_as_few_passes_as_steps_of_2_83_allow(shortest: int, passes: int) -> None:
    assert len(pass_sizes((shortest, shortest), "medium")) == passes


def test_larger_strokes_begin_smaller() -> None:
    first = {name: min(pass_sizes((2048, 2048), name)[0]) for name in STROKE_SIZES}
    assert first == {"fine": 768, "medium": 384, "coarse": 256}
    assert pass_sizes((2048, 2048), 1) == pass_sizes((2048, 2048), "medium")


@pytest.mark.parametrize(
    ("height", "width", "stroke_size", "expected"),
    [
        (512, 900, "medium", 0),
        (100, 100, "medium", 0),
        (724, 900, "medium", 0.5),
        (1024, 1024, "medium", 1),
        (8192, 9000, 1, 1),
        (8192, 9000, "single", 0),
        (1024, 1024, "fine", 0),
        (512, 512, 2, 1),
    ],
)
def test_closeness_grows_with_the_image(
    height: int, width: int, stroke_size: str | float, expected: float
) -> None:
    assert closeness((height, width), stroke_size) == pytest.approx(expected, abs=1e-3)
