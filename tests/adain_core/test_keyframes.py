from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adain_core import Style, StyleMismatchError
from adain_core.video import Keyframe, Keyframes


def style(seed: int, encoder: str = "one") -> Style:
    generator = torch.Generator().manual_seed(seed)
    mean, std = torch.rand(2, 5, generator=generator)
    return Style(mean, std, encoder, str(seed))


@given(st.floats(0, 30), st.floats(0, 1), st.floats(0, 1))
def test_linear_in_statistics_and_alpha(now: float, first: float, last: float) -> None:
    share = min(1, max(0, (now - 10) / 10))
    for seconds in (False, True):
        course = Keyframes(
            [
                Keyframe(20, style(1), last, seconds=seconds),
                Keyframe(10, style(0), first, seconds=seconds),
            ]
        )
        [mixed], alpha = course.at(99, now) if seconds else course.at(now, 99)  # type: ignore[arg-type]
        torch.testing.assert_close(mixed.mean, torch.lerp(style(0).mean, style(1).mean, share))
        torch.testing.assert_close(mixed.std, torch.lerp(style(0).std, style(1).std, share))
        assert alpha == pytest.approx((1 - share) * first + share * last)
        assert 0 <= alpha <= 1


def test_each_keyframe_holds_its_own_style() -> None:
    course = Keyframes([Keyframe(at, style(at)) for at in (0, 5, 9)])
    for at in (0, 5, 9):
        assert course.at(at, 0) == ([style(at)], 1.0)
    assert course.at(1000, 0) == ([style(9)], 1.0)


def test_several_styles_mix_place_by_place() -> None:
    course = Keyframes([Keyframe(0, [style(0), style(1)]), Keyframe(4, [style(2), style(3)])])
    mixed, _ = course.at(1, 0)
    for own, before, after in zip(mixed, (0, 1), (2, 3), strict=True):
        torch.testing.assert_close(own.mean, 0.75 * style(before).mean + 0.25 * style(after).mean)


@pytest.mark.parametrize(
    ("keyframes", "message"),
    [
        ([], "at least one keyframe"),
        ([(5, False), (7, True)], "all in frames or all in seconds"),
        ([(5, False), (5, False)], "two keyframes are at 5"),
    ],
)
def test_refused(keyframes: list[tuple[float, bool]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Keyframes([Keyframe(at, style(0), seconds=seconds) for at, seconds in keyframes])


def test_other_counts_and_encoders_are_refused() -> None:
    with pytest.raises(ValueError, match="as many styles"):
        Keyframes([Keyframe(0, style(0)), Keyframe(1, [style(0), style(1)])])
    with pytest.raises(StyleMismatchError):
        Keyframes([Keyframe(0, style(0)), Keyframe(1, style(0, "other"))])


@pytest.mark.parametrize(("at", "alpha"), [(-1, 1), (float("nan"), 1), (0, 1.5)])
def test_moments_and_alpha(at: float, alpha: float) -> None:
    with pytest.raises(ValueError, match=r"keyframe|alpha"):
        Keyframe(at, style(0), alpha)


def test_zero_is_both_frame_and_second() -> None:
    course = Keyframes([Keyframe(0, style(0)), Keyframe(2, style(1), seconds=True)])
    [mixed], _ = course.at(0, 1)
    torch.testing.assert_close(mixed.mean, (style(0).mean + style(1).mean) / 2)


def test_no_moment_and_no_styles() -> None:
    with pytest.raises(ValueError, match="keyframe"):
        Keyframe(float("inf"), style(0))
    with pytest.raises(ValueError, match="at least one, got 0"):
        Keyframes([Keyframe(0, [])])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("3", style(0)), "at must be a frame number or seconds, got str"),
        ((0, "wave.jpg"), r"a Style or a list of them, .*encode_style\(artwork\), got str"),
        ((0, ["wave.jpg"]), "got list of str"),
        ((0, None), "got NoneType"),
        ((0, style(0), "full"), "alpha must be one number"),
    ],
)
def test_other_types_in_a_keyframe_are_refused(values: tuple[object, ...], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Keyframe(*values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keyframes", "kind"),
    [(Keyframe(0, style(0)), "Keyframe"), ([style(0)], "list of Style"), (5, "int")],
)
def test_other_types_than_keyframes_are_refused(keyframes: object, kind: str) -> None:
    with pytest.raises(TypeError, match=rf"list of Keyframe, such as .*, got {kind}$"):
        Keyframes(keyframes)  # type: ignore[arg-type]


def test_keyframes_are_sorted_by_time() -> None:
    later, first = Keyframe(5, style(1)), Keyframe(0, style(0))
    assert Keyframes([later, first]).keyframes == [first, later]
