"""Masked AdaIN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

MakeImage = Callable[..., Tensor]
OPTIONS = {"alpha": 1.0, "feather": 0, "region_statistics": True}


@pytest.fixture
def styles(pack: Any, model: Any, make_image: MakeImage) -> list[Any]:
    return [
        pack.run(
            "AdaINEncodeStyle", model=model, image=make_image(32, 32, seed=seed), style_size=32
        )[0]
        for seed in range(3)
    ]


@pytest.fixture
def features(pack: Any, model: Any, make_image: MakeImage) -> Any:
    return pack.run("AdaINEncodeContent", model=model, image=make_image(40, 48, 2, seed=9))[0]


def left(height: int = 40, width: int = 48) -> Tensor:
    mask = torch.zeros(1, height, width)
    mask[:, :, : width // 2] = 1
    return mask


@pytest.mark.parametrize("region_statistics", [True, False])
@pytest.mark.parametrize("size", [(40, 48), (10, 12), (80, 96)])
def test_regions_equal_the_library(
    pack: Any, styles: list[Any], features: Any, size: tuple[int, int], region_statistics: bool
) -> None:
    masks = [left(*size), 1 - left(*size) * 0.5]
    (result,) = pack.run(
        "AdaINMasked",
        features=features,
        style_1=styles[0],
        mask_1=masks[0],
        style_3=styles[1],
        mask_3=masks[1][0],
        alpha=0.7,
        feather=0,
        region_statistics=region_statistics,
    )
    expected = pack.submodule("adain_core").adain(
        features, styles[:2], 0.7, masks=masks, region_statistics=region_statistics
    )
    torch.testing.assert_close(result.tensor, expected.tensor)
    assert not torch.equal(result.tensor, features.tensor)


def test_background(pack: Any, styles: list[Any], features: Any) -> None:
    inputs = {"features": features, "style_1": styles[0], "mask_1": left(), **OPTIONS}
    (result,) = pack.run("AdaINMasked", **inputs, background=styles[1])
    expected = pack.submodule("adain_core").adain(
        features, styles[:1], masks=[left()], background=styles[1]
    )
    torch.testing.assert_close(result.tensor, expected.tensor)


def test_feather(pack: Any, styles: list[Any], features: Any) -> None:
    """In pixels of the content, whatever the mask's own size."""
    masks = pack.submodule("adain_core.masks")
    soft = masks.feather_mask(left()[None], 6)
    inputs = {"features": features, "style_1": styles[0], "mask_1": left(), **OPTIONS}
    (result,) = pack.run("AdaINMasked", **{**inputs, "feather": 6})
    expected = pack.submodule("adain_core").adain(features, styles[:1], masks=[soft])
    torch.testing.assert_close(result.tensor, expected.tensor)
    (hard,) = pack.run("AdaINMasked", **inputs)
    assert not torch.allclose(result.tensor, hard.tensor)


def test_each_image_has_its_mask(
    pack: Any, model: Any, styles: list[Any], features: Any, make_image: MakeImage
) -> None:
    masks = torch.cat([left(), 1 - left()])
    inputs = {"features": features, "style_1": styles[0], "mask_1": masks, **OPTIONS}
    (result,) = pack.run("AdaINMasked", **inputs)
    expected = pack.submodule("adain_core").adain(features, styles[:1], masks=[masks])
    torch.testing.assert_close(result.tensor, expected.tensor)

    photo = make_image(40, 48, 1, seed=9)
    (one,) = pack.run("AdaINEncodeContent", model=model, image=photo)
    (spread,) = pack.run("AdaINMasked", **{**inputs, "features": one})
    assert len(spread.tensor) == 2
    twice = pack.run("AdaINEncodeContent", model=model, image=torch.cat([photo, photo]))[0]
    (expected,) = pack.run("AdaINMasked", **{**inputs, "features": twice})
    torch.testing.assert_close(spread.tensor, expected.tensor)

    with pytest.raises(ValueError, match=r"^mask_1 has 3 and features has 2"):
        pack.run("AdaINMasked", **{**inputs, "mask_1": left().expand(3, -1, -1)})


def test_a_mask_for_all_is_made_ready_once(
    pack: Any, styles: list[Any], features: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked = pack.submodule("nodes.masked")
    counts: list[tuple[int, int]] = []
    feather = masked.feather_mask

    def watched(mask: Tensor, radius: int) -> Tensor:
        counts.append((len(mask), radius))
        return feather(mask, radius)

    monkeypatch.setattr(masked, "feather_mask", watched)
    inputs = {"features": features, "style_1": styles[0], "mask_1": left(), **OPTIONS}
    (result,) = pack.run("AdaINMasked", **{**inputs, "feather": 6})
    assert len(result.tensor) == 2 and counts == [(1, 6)]


def test_empty_masks(pack: Any, styles: list[Any], features: Any) -> None:
    """Load Image's zeros select nothing; where nothing else does, the node says so."""
    empty = torch.zeros(1, 64, 64)
    inputs = {"features": features, "style_1": styles[0], "mask_1": empty, **OPTIONS}
    with pytest.raises(
        ValueError, match=r"^mask_1 is black everywhere, .*Mask Editor\), or leave masks out"
    ):
        pack.run("AdaINMasked", **inputs)
    (result,) = pack.run("AdaINMasked", **inputs, background=styles[1])
    (whole,) = pack.run(
        "AdaINBlend", features=features, style_1=styles[1], alpha=1.0, weight_1=1.0
    )[:1]
    torch.testing.assert_close(result.tensor, whole.tensor)
    # Of an image with an alpha channel that is opaque they have the image's size.
    with pytest.raises(ValueError, match="mask_1 is black everywhere"):
        pack.run("AdaINMasked", **{**inputs, "mask_1": torch.zeros(1, 40, 48)})


def test_pairs_that_are_broken(pack: Any, styles: list[Any], features: Any) -> None:
    inputs = {"features": features, "style_1": styles[0], "mask_1": left(), **OPTIONS}
    with pytest.raises(ValueError, match=r"^style_3 has no mask: connect mask_3, or disconnect"):
        pack.run("AdaINMasked", **inputs, style_3=styles[1])
    with pytest.raises(ValueError, match=r"^mask_2 has no style: connect style_2, or disconnect"):
        pack.run("AdaINMasked", **inputs, mask_2=left())
    with pytest.raises(ValueError, match=r"^mask_4 must hold values in 0..1, got 0 to 255"):
        pack.run("AdaINMasked", **inputs, style_4=styles[1], mask_4=left() * 255)
    with pytest.raises(ValueError, match=r"^alpha must lie in 0..1, got 1.5"):
        pack.run("AdaINMasked", **{**inputs, "alpha": 1.5})


def test_masks_of_a_video_may_be_black(pack: Any, styles: list[Any], features: Any) -> None:
    inputs = {"features": features, "style_1": styles[0], **OPTIONS}
    for mask, temporal in ((torch.zeros(2, 40, 48), "frame"), (torch.zeros(1, 40, 48), "ema")):
        (kept,) = pack.run("AdaINMasked", **inputs, mask_1=mask, temporal=temporal)
        torch.testing.assert_close(kept.tensor, features.tensor)


@pytest.mark.parametrize("node", ["AdaINBlend", "AdaINMasked"])
def test_frames_of_a_video_are_smoothed(
    pack: Any, model: Any, styles: list[Any], make_image: MakeImage, node: str
) -> None:
    """As AdaINStylize smooths them; the left half stands still while the right one flickers."""
    frames = make_image(40, 48, 1).repeat(6, 1, 1, 1)
    frames[::2, :, 24:] *= 0.8
    (encoded,) = pack.run("AdaINEncodeContent", model=model, image=frames)
    inputs = {"features": encoded, "style_1": styles[0], "alpha": 1.0}
    ours = {"content": frames, "style_1": styles[0], "alpha": 1.0, "stroke_size": "single"}
    if node == "AdaINBlend":
        inputs["weight_1"] = 1.0
    else:
        inputs |= {"mask_1": torch.ones(1, 40, 48), "feather": 0, "region_statistics": True}
        ours["mask_1"] = inputs["mask_1"]
    results = {}
    for temporal in ("frame", "window", "ema"):
        smoothed = pack.run(node, **inputs, temporal=temporal, temporal_length=4)[0]
        (results[temporal],) = pack.run("AdaINDecode", model=model, features=smoothed)
        expected, _ = pack.run(
            "AdaINStylize", model=model, **ours, temporal=temporal, temporal_length=4
        )
        torch.testing.assert_close(results[temporal], expected, rtol=0, atol=1e-4)
    changes = {
        name: (video[1:, :, :8] - video[:-1, :, :8]).abs().mean() for name, video in results.items()
    }
    assert max(changes["window"], changes["ema"]) < 0.85 * changes["frame"]
