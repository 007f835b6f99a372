"""Alpha Keyframes, and an alpha or weights for each image in the nodes that take them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

MakeImage = Callable[..., Tensor]
ALPHAS = [0.0, 0.3, 1.0]


def alphas(pack: Any, keyframes: str, images: Tensor | None = None, **options: Any) -> list[float]:
    found, rest = pack.run("AdaINAlphaKeyframes", keyframes=keyframes, images=images, **options)
    assert rest == pytest.approx([1 - alpha for alpha in found])
    return found


@pytest.mark.parametrize(
    ("keyframes", "expected"),
    [
        ("0: 0\n4: 1", [0, 0.25, 0.5, 0.75, 1]),
        (" 0:0,4 : 1.0 ,", [0, 0.25, 0.5, 0.75, 1]),
        ("4: 1; 0: 0", [0, 0.25, 0.5, 0.75, 1]),
        ("2: .5, 4: 0", [0.5, 0.5, 0.5, 0.25, 0]),
        ("0: 0.7", [0.7]),
        ("1: 0, 2: 1, 3: 0.2", [0, 0, 1, 0.2]),
    ],
)
def test_alpha_is_linear_between_keyframes(
    pack: Any, keyframes: str, expected: list[float]
) -> None:
    assert alphas(pack, keyframes) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [0]), (3, [0, 0.5, 1]), (5, [0, 0.5, 1, 1, 1])]
)
def test_images_give_the_number_of_frames(pack: Any, count: int, expected: list[float]) -> None:
    assert alphas(pack, "0: 0, 2: 1", torch.zeros(count, 4, 4, 3)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("keyframes", "expected"),
    [
        ("0%: 0, 100%: 1", [0, 0.25, 0.5, 0.75, 1]),
        ("50 %: 1; 0%:0", [0, 0.5, 1, 1, 1]),
        ("12.5%: 0, 37.5%: 1", [0, 0.5, 1, 1, 1]),
        ("1: 0, 100%: 0.6", [0, 0, 0.2, 0.4, 0.6]),
        ("１：０、１００％：０．６", [0, 0, 0.2, 0.4, 0.6]),
    ],
)
def test_percent_of_the_way(pack: Any, keyframes: str, expected: list[float]) -> None:
    assert alphas(pack, keyframes, frames=5) == pytest.approx(expected)
    assert alphas(pack, keyframes, torch.zeros(5, 4, 4, 3), frames=9) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("easing", "expected"),
    [
        ("linear", [0, 0.25, 0.5, 0.75, 1, 0.5, 0]),
        ("ease_in", [0, 0.0625, 0.25, 0.5625, 1, 0.75, 0]),
        ("ease_out", [0, 0.4375, 0.75, 0.9375, 1, 0.25, 0]),
        ("ease_in_out", [0, 0.15625, 0.5, 0.84375, 1, 0.5, 0]),
        ("hold", [0, 0, 0, 0, 1, 1, 0]),
    ],
)
def test_easing(pack: Any, easing: str, expected: list[float]) -> None:
    assert alphas(pack, "0: 0, 4: 1, 6: 0", easing=easing) == pytest.approx(expected)
    choices = pack.module.NODE_CLASS_MAPPINGS["AdaINAlphaKeyframes"].INPUT_TYPES()["optional"]
    assert easing in choices["easing"][0]


@given(st.dictionaries(st.integers(0, 60), st.floats(0, 1).map(lambda x: round(x, 3)), min_size=1))
def test_keyframes_have_their_alphas(bare_pack: Any, points: dict[int, float]) -> None:
    found = alphas(bare_pack, "\n".join(f"{frame}: {alpha:f}" for frame, alpha in points.items()))
    assert len(found) == max(points) + 1
    assert {frame: found[frame] for frame in points} == pytest.approx(points)
    assert min(points.values()) - 1e-9 <= min(found) <= max(found) <= max(points.values()) + 1e-9


@pytest.mark.parametrize(
    ("keyframes", "message"),
    [
        ("", "keyframes: expected at least one, such as 0: 0, 23: 1, got none"),
        ("\n , ", "keyframes: expected at least one"),
        ("0", "keyframes: '0' is no keyframe; expected frame: alpha, such as 0: 0, 23: 1"),
        ("0: 0, 12: x", "keyframes: '12: x' is no keyframe"),
        ("-1: 0", "keyframes: '-1: 0' is no keyframe"),
        ("1.5: 0", "keyframes: '1.5: 0' is no keyframe"),
        ("0: 1.2.3", "keyframes: '0: 1.2.3' is no keyframe"),
        ("0: 0, 1: 1.5", "keyframes: alpha must lie in 0..1, got 1.5 at '1: 1.5'"),
        ("0: 0, 100000: 1", "keyframes: frames are numbered up to 99999, got 100000"),
        ("3: 0, 3: 1", "keyframes: frame 3 is there twice; remove one"),
        ("0%: 0, 100%: 1", "keyframes: percents need the number of frames; connect images"),
        ("101%: 1", "keyframes: percents go up to 100, got 101%"),
    ],
)
def test_malformed_keyframes_are_refused(pack: Any, keyframes: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        alphas(pack, keyframes)
    assert str(error.value).startswith(message)


def test_of_percentages_of_one_frame_the_last_counts(pack: Any) -> None:
    assert alphas(pack, "0%: 0, 100%: 0.75", frames=1) == [0.75]


# --- an alpha for each image ------------------------------------------------------------------


@pytest.fixture
def nodes(pack: Any, model: Any, make_image: MakeImage) -> Callable[..., dict[str, Tensor]]:
    """``nodes(count, alpha)``: images of the three nodes that take alpha, by their ids."""
    photo, artwork = make_image(16, 24), make_image(32, 32, seed=4)
    (style,) = pack.run("AdaINEncodeStyle", model=model, image=artwork, style_size=0)
    mask = torch.zeros(1, 16, 24)
    mask[:, :8] = 1

    def run(count: int, alpha: Any) -> dict[str, Tensor]:
        content = photo.expand(count, -1, -1, -1)
        (features,) = pack.run("AdaINEncodeContent", model=model, image=content)
        blended = pack.run(
            "AdaINBlend", features=features, style_1=style, alpha=alpha, weight_1=1.0
        )
        masks = {"mask_1": mask, "feather": 0, "region_statistics": True}
        masked = pack.run("AdaINMasked", features=features, style_1=style, alpha=alpha, **masks)
        inputs = {"model": model, "content": content, "style_1": style, "alpha": alpha}
        return {
            "AdaINBlend": blended[0].tensor,
            "AdaINMasked": masked[0].tensor,
            "AdaINStylize": pack.run("AdaINStylize", **inputs)[0],
        }

    return run


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor])
@pytest.mark.parametrize("count", [1, 3])
def test_each_image_has_its_alpha(
    nodes: Callable[..., dict[str, Tensor]], kind: Callable[[list[float]], Any], count: int
) -> None:
    """Of three images, or of one that then becomes three."""
    single = [nodes(1, alpha) for alpha in ALPHAS]
    for name, images in nodes(count, kind(ALPHAS)).items():
        torch.testing.assert_close(images, torch.cat([each[name] for each in single]))


def test_one_alpha_in_a_list_serves_for_all(nodes: Callable[..., dict[str, Tensor]]) -> None:
    expected = nodes(2, 0.3)
    for name, images in nodes(2, [0.3]).items():
        torch.testing.assert_close(images, expected[name])


@pytest.mark.parametrize(
    ("alpha", "message"),
    [
        ([0.0, 0.5, 1.0], r"^alpha has 3 and (features|content) has 2: connect equally many"),
        ([0.0, 1.5], r"^alpha must lie in 0\.\.1, got 1\.5"),
        ([0.0, float("nan")], r"^alpha must lie in 0\.\.1, got nan"),
        ([], r"^alpha: expected one number for each image, got an empty list"),
    ],
)
def test_alphas_that_do_not_fit(
    pack: Any, model: Any, make_image: MakeImage, alpha: list[float], message: str
) -> None:
    content = make_image(16, 16, 2)
    (features,) = pack.run("AdaINEncodeContent", model=model, image=content)
    (style,) = pack.run("AdaINEncodeStyle", model=model, image=make_image(16, 16), style_size=0)
    blend = {"features": features, "style_1": style, "alpha": alpha}
    masks = {"mask_1": torch.ones(1, 8, 8), "feather": 0, "region_statistics": True}
    stylize = {"model": model, "content": content, "style_1": style, "alpha": alpha}
    for node, inputs in (
        ("AdaINBlend", {**blend, "weight_1": 1.0}),
        ("AdaINMasked", {**blend, **masks}),
        ("AdaINStylize", stylize),
    ):
        with pytest.raises(ValueError, match=message):
            pack.run(node, **inputs)


# --- weights for each image -------------------------------------------------------------------

# The networks round batches otherwise than single images.
ROUNDING: dict[str, float] = {"rtol": 0, "atol": 2e-5}
WEIGHTS = ([1.0, 0.5, 0.0], [0.0, 0.5, 3.0])


@pytest.fixture
def mixed(pack: Any, model: Any, make_image: MakeImage) -> Callable[..., dict[str, Tensor]]:
    """``mixed(count, weight_1, weight_2)``: images of the nodes that take weights."""
    photo = make_image(16, 24)
    styles = {}
    for number in (1, 2):
        artwork = make_image(32, 32, seed=3 + number)
        (encoded,) = pack.run("AdaINEncodeStyle", model=model, image=artwork, style_size=0)
        styles[f"style_{number}"] = encoded

    def run(count: int, weight_1: Any, weight_2: Any, **options: Any) -> dict[str, Tensor]:
        content = photo.expand(count, -1, -1, -1)
        inputs = {**styles, "weight_1": weight_1, "weight_2": weight_2, "alpha": 1.0, **options}
        (features,) = pack.run("AdaINEncodeContent", model=model, image=content)
        blended, style = pack.run("AdaINBlend", features=features, **inputs)
        result, _ = pack.run("AdaINStylize", model=model, content=content, **inputs)
        return {"AdaINBlend": blended.tensor, "AdaINStylize": result, "style": style.mean[None]}

    return run


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor])
@pytest.mark.parametrize("count", [1, 3])
def test_each_image_has_its_weights(
    mixed: Callable[..., dict[str, Tensor]], kind: Callable[[list[float]], Any], count: int
) -> None:
    """Of three images, or of one that then becomes three."""
    single = [mixed(1, *weights) for weights in zip(*WEIGHTS, strict=True)]
    found = mixed(count, *map(kind, WEIGHTS))
    for name in ("AdaINBlend", "AdaINStylize"):
        torch.testing.assert_close(
            found[name], torch.cat([each[name] for each in single]), **ROUNDING
        )
    assert torch.equal(found["style"], single[0]["style"])  # of AdaIN Blend: the first image's
    assert not torch.equal(single[0]["style"], single[2]["style"])


def test_one_list_of_weights_beside_a_number(mixed: Callable[..., dict[str, Tensor]]) -> None:
    """An alpha for each image, too."""
    single = [mixed(1, 1.0, w, alpha=a) for w, a in ((0.0, 0.2), (1.0, 0.6), (2.0, 1.0))]
    found = mixed(3, 1.0, [0.0, 1.0, 2.0], alpha=[0.2, 0.6, 1.0])
    for name in ("AdaINBlend", "AdaINStylize"):
        torch.testing.assert_close(found[name], torch.cat([each[name] for each in single]))


def test_keyframes_turn_one_style_into_another(
    pack: Any, mixed: Callable[..., dict[str, Tensor]]
) -> None:
    alpha, rest = pack.run("AdaINAlphaKeyframes", keyframes="0: 0, 4: 1", images=None)
    found = mixed(1, rest, alpha)
    for name in ("AdaINBlend", "AdaINStylize"):
        expected = [mixed(1, 1 - share, share)[name] for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
        torch.testing.assert_close(found[name], torch.cat(expected), **ROUNDING)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (([1.0, 1.0, 1.0], 1.0), r"^weight_1 has 3 and (features|content) has 2: connect equally"),
        (([1.0, 0.0], [1.0, 0.0]), r"^weight_1 and weight_2 are all 0"),
        (
            ([1.0, -1.0], 1.0),
            r"^weight_1 and weight_2 must be finite and 0 or more",
        ),
        ((1.0, []), r"^weight_2: expected one number for each image, got an empty list"),
    ],
)
def test_weights_that_do_not_fit(
    pack: Any, model: Any, make_image: MakeImage, weights: tuple[Any, Any], message: str
) -> None:
    content = make_image(16, 16, 2)
    (features,) = pack.run("AdaINEncodeContent", model=model, image=content)
    (style,) = pack.run("AdaINEncodeStyle", model=model, image=make_image(16, 16), style_size=0)
    inputs = {"style_1": style, "style_2": style, "alpha": 1.0}
    inputs |= {"weight_1": weights[0], "weight_2": weights[1]}
    with pytest.raises(ValueError, match=message):
        pack.run("AdaINBlend", features=features, **inputs)
    with pytest.raises(ValueError, match=message):
        pack.run("AdaINStylize", model=model, content=content, **inputs)


def test_weights_beside_masks_do_not_count(pack: Any, model: Any, make_image: MakeImage) -> None:
    content = make_image(16, 16, 2)
    inputs = {
        "model": model,
        "content": content,
        "style_1": make_image(16, 16, seed=3),
        "alpha": 1.0,
    }
    inputs["mask_1"] = torch.ones(1, 8, 8)
    expected, _ = pack.run("AdaINStylize", **inputs)
    found, _ = pack.run("AdaINStylize", **inputs, weight_1=[0.0, 0.5, 1.0])
    assert torch.equal(found, expected)
