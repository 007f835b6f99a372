"""Style Transfer (AdaIN) against the library's ``stylize``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

MakeImage = Callable[..., Tensor]


@pytest.fixture
def content(make_image: MakeImage) -> Tensor:
    return make_image(30, 37, 2, seed=9)


@pytest.fixture
def artworks(make_image: MakeImage) -> list[Tensor]:
    return [make_image(32, 40, seed=seed) for seed in range(3)]


def run(pack: Any, model: Any, **inputs: Any) -> Tensor:
    inputs = {"alpha": 1.0, "style_size": 32, **inputs}
    return pack.run("AdaINStylize", model=model, **inputs)[0]


def expect(model: Any, content: Tensor, styles: Any, **options: Any) -> Tensor:
    options = {"style_size": 32, **options}
    images = [style.movedim(-1, 1) if torch.is_tensor(style) else style for style in styles]
    return model.model.stylize(content.movedim(-1, 1), images, **options).movedim(1, -1)


def left() -> Tensor:
    mask = torch.zeros(1, 30, 37)
    mask[:, :, :18] = 1
    return mask


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
def test_one_style_equals_the_library(
    pack: Any, model: Any, content: Tensor, artworks: list[Tensor], alpha: float
) -> None:
    result = run(pack, model, content=content, style_1=artworks[0], alpha=alpha)
    assert result.shape == content.shape
    torch.testing.assert_close(result, expect(model, content, artworks[:1], alpha=alpha))


def test_defaults(pack: Any, model: Any, content: Tensor, artworks: list[Tensor]) -> None:
    """Optional inputs that the host leaves out."""
    result, _ = pack.run(
        "AdaINStylize", model=model, content=content, style_1=artworks[0], alpha=1.0
    )
    torch.testing.assert_close(result, expect(model, content, artworks[:1], style_size=None))


def test_mixed_styles(pack: Any, model: Any, content: Tensor, artworks: list[Tensor]) -> None:
    """Artworks and encoded styles go into the same inputs."""
    (style,) = pack.run("AdaINEncodeStyle", model=model, image=artworks[1], style_size=32)
    inputs = {"style_1": artworks[0], "style_3": style, "weight_1": 0.25, "weight_3": 0.75}
    result = run(pack, model, content=content, **inputs)
    torch.testing.assert_close(result, expect(model, content, artworks[:2], weights=[0.25, 0.75]))


@pytest.mark.parametrize("method", ["coral", "histogram", "luminance", "mean_std", "cholesky"])
def test_colors(
    pack: Any, model: Any, content: Tensor, artworks: list[Tensor], method: str
) -> None:
    result = run(pack, model, content=content, style_1=artworks[0], preserve_color=method)
    expected = expect(model, content, artworks[:1], preserve_color=method)
    torch.testing.assert_close(result, expected)
    plain = run(pack, model, content=content, style_1=artworks[0])
    assert not torch.allclose(result, plain, atol=1e-2)


def test_colors_need_an_artwork(
    pack: Any, model: Any, content: Tensor, artworks: list[Tensor]
) -> None:
    (style,) = pack.run("AdaINEncodeStyle", model=model, image=artworks[1], style_size=32)
    with pytest.raises(
        ValueError,
        match=r"^style_1 contains no image, and the color method coral .* choose lum",
    ):
        run(pack, model, content=content, style_1=style, preserve_color="coral")
    result = run(pack, model, content=content, style_1=style, preserve_color="luminance")
    expected = expect(model, content, [artworks[1]], preserve_color="luminance")
    torch.testing.assert_close(result, expected)


@pytest.mark.parametrize("region_statistics", [True, False])
def test_masks(
    pack: Any, model: Any, content: Tensor, artworks: list[Tensor], region_statistics: bool
) -> None:
    inputs = {"style_1": artworks[0], "mask_1": left(), "region_statistics": region_statistics}
    result = run(pack, model, content=content, **inputs)
    expected = expect(
        model, content, artworks[:1], masks=[left()], region_statistics=region_statistics
    )
    torch.testing.assert_close(result, expected)
    assert torch.equal(result[:, :, 18:], content[:, :, 18:])


def test_style_without_mask_fills_the_rest(
    pack: Any, model: Any, content: Tensor, artworks: list[Tensor]
) -> None:
    inputs = {"style_1": artworks[0], "style_2": artworks[1], "mask_2": left(), "feather": 4}
    result = run(pack, model, content=content, **inputs)
    soft = pack.submodule("adain_core.masks").feather_mask(left()[None], 4)
    background = artworks[0].movedim(-1, 1)
    expected = expect(model, content, artworks[1:2], masks=[soft], background=background)
    torch.testing.assert_close(result, expected)
    with pytest.raises(ValueError, match=r"^style_1 and style_3 have no masks, while others have"):
        run(pack, model, content=content, **inputs, style_3=artworks[2])


def test_each_image_has_its_mask(
    pack: Any, model: Any, content: Tensor, artworks: list[Tensor]
) -> None:
    masks = torch.cat([left(), 1 - left()])
    result = run(pack, model, content=content, style_1=artworks[0], mask_1=masks)
    torch.testing.assert_close(result, expect(model, content, artworks[:1], masks=[masks]))
    spread = run(pack, model, content=content[:1], style_1=artworks[0], mask_1=masks)
    doubled = content[:1].expand(2, -1, -1, -1)
    torch.testing.assert_close(spread, expect(model, doubled, artworks[:1], masks=[masks]))
    with pytest.raises(ValueError, match=r"^mask_1 has 3 and content has 2"):
        run(pack, model, content=content, style_1=artworks[0], mask_1=left().expand(3, -1, -1))


def test_load_images_empty_mask_is_no_mask(
    pack: Any,
    model: Any,
    content: Tensor,
    artworks: list[Tensor],
    from_nodes: Callable[..., dict[str, Any]],
) -> None:
    """Told apart by the node that it comes from: a black mask of any other node means nowhere."""
    inputs = {"content": content, "style_1": artworks[0]}
    whole = run(pack, model, **inputs)
    for size in ((64, 64), (30, 37)):  # without an alpha channel, and with an opaque one
        inputs["mask_1"] = torch.zeros(1, *size)
        ours = from_nodes(mask_1="LoadImage")
        assert torch.equal(run(pack, model, **inputs, **ours), whole)
        for theirs in (from_nodes(mask_1="SolidMask"), {}):
            with pytest.raises(ValueError, match=r"^mask_1 is black everywhere"):
                run(pack, model, **inputs, **theirs)


@pytest.mark.parametrize("alpha", [0.0, 0.01, 0.6, 1.0])
def test_content_residual(
    pack: Any, model: Any, content: Tensor, artworks: list[Tensor], alpha: float
) -> None:
    inputs = {"content": content, "style_1": artworks[0], "alpha": alpha}
    result = run(pack, model, **inputs, content_residual=True)
    expected = expect(model, content, artworks[:1], alpha=alpha, content_residual=True)
    torch.testing.assert_close(result, expected)
    if alpha == 0.01:  # without a jump, which the model's own loss would be
        assert (result - content).abs().mean() < 0.02
        assert (run(pack, model, **inputs) - content).abs().mean() > 0.05


def test_masks_of_a_batch_are_those_of_its_images(
    pack: Any, model: Any, make_image: MakeImage, artworks: list[Tensor]
) -> None:
    frames, moving = make_image(30, 37, 3), torch.stack([left()[0].roll(n, 1) for n in range(3)])
    inputs = {"style_1": artworks[0], "mask_1": left(), "style_2": artworks[1], "feather": 4}
    still = run(pack, model, content=frames, **inputs)
    both = run(pack, model, content=frames, **inputs, mask_2=moving)
    for number, frame in enumerate(frames):
        inputs_of_one = {**inputs, "content": frame[None]}
        torch.testing.assert_close(still[number], run(pack, model, **inputs_of_one)[0])
        one = run(pack, model, **inputs_of_one, mask_2=moving[number])
        torch.testing.assert_close(both[number], one[0])


def test_large_batches_are_handed_over_in_parts(
    pack: Any,
    model: Any,
    make_image: MakeImage,
    artworks: list[Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each part with its own alphas, weights and masks, and one memory for all of them."""
    frames = make_image(24, 32, 5)
    masks = torch.stack([left()[0].roll(n, 1) for n in range(5)])
    alphas = [0.2, 0.4, 0.6, 0.8, 1.0]
    several = [
        {"style_2": artworks[1], "weight_1": alphas, "alpha": alphas},
        {"style_2": artworks[1], "mask_1": masks, "alpha": 0.7},
        {"temporal": "ema", "temporal_length": 3},
    ]
    inputs = {"content": frames, "style_1": artworks[0]}
    whole = [run(pack, model, **inputs, **each) for each in several]
    batches = pack.submodule("nodes.batches")
    monkeypatch.setattr(batches, "PART_PIXELS", 2 * 24 * 32)
    assert list(batches.parts(5, (24, 32))) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    for expected, each in zip(whole, several, strict=True):
        torch.testing.assert_close(run(pack, model, **inputs, **each), expected)


def test_without_a_model_the_shipped_one_is_used(
    pack: Any,
    model: Any,
    content: Tensor,
    artworks: list[Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        pack.submodule("adain_core.utils.devices"), "has_fast_bfloat16", lambda: False
    )
    inputs = {"content": content, "style_1": artworks[0], "alpha": 0.8}
    found, _ = pack.run("AdaINStylize", **inputs)
    expected, _ = pack.run("AdaINStylize", model=model, **inputs)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("stroke_size", ["single", "fine", "medium", "coarse"])
def test_stroke_size(
    pack: Any, model: Any, make_image: MakeImage, artworks: list[Tensor], stroke_size: str
) -> None:
    content = make_image(40, 44)
    options = {"stroke_size": stroke_size, "photo_share": 0.2}
    found = run(pack, model, content=content, style_1=artworks[0], **options)
    torch.testing.assert_close(found, expect(model, content, artworks[:1], **options))


def test_small_artworks_are_enlarged_only_on_demand(
    pack: Any, model: Any, content: Tensor, make_image: MakeImage
) -> None:
    artwork = make_image(24, 30, seed=9)
    inputs = {"content": content, "style_1": artwork, "alpha": 1.0}
    default, _ = pack.run("AdaINStylize", model=model, **inputs)
    kept, _ = pack.run("AdaINStylize", model=model, **inputs, style_size=0)
    larger, _ = pack.run("AdaINStylize", model=model, **inputs, style_size=64)
    assert torch.equal(default, kept) and not torch.allclose(default, larger, atol=1e-3)


def test_the_separate_nodes_give_the_same(
    pack: Any, model: Any, content: Tensor, artworks: list[Tensor]
) -> None:
    (features,) = pack.run("AdaINEncodeContent", model=model, image=content)
    (style,) = pack.run("AdaINEncodeStyle", model=model, image=artworks[0], style_size=32)
    blended, _ = pack.run("AdaINBlend", features=features, style_1=style, alpha=0.5, weight_1=1.0)
    (decoded,) = pack.run("AdaINDecode", model=model, features=blended)
    torch.testing.assert_close(
        run(pack, model, content=content, style_1=artworks[0], alpha=0.5, stroke_size="single"),
        decoded,
    )


def test_style_is_encoded_once(
    pack: Any,
    model: Any,
    make_image: MakeImage,
    artworks: list[Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []
    networks = model.model.networks
    encode = networks.encode
    monkeypatch.setattr(networks, "encode", lambda *args: calls.append("") or encode(*args))
    run(pack, model, content=make_image(16, 16, 5), style_1=artworks[0], style_2=artworks[1])
    assert len(calls) == 1 + 2  # small images go together


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": 1.5}, "^alpha must lie in"),
        ({"tile": 32}, "^tile must be 64"),
        ({"weight_1": 0.0, "weight_2": 0.0}, "^weight_1 and weight_2 are all 0: give at least"),
        ({"stroke_size": "huge"}, "^stroke_size must be one of single, fine"),
        ({"photo_share": 2.0}, r"^photo_share must lie in 0\.\.1, got 2"),
    ],
)
def test_nothing_is_encoded_before_the_inputs_are_checked(
    pack: Any,
    model: Any,
    make_image: MakeImage,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, float],
    message: str,
) -> None:
    monkeypatch.setattr(model.model, "encode_style", None)
    inputs = {
        "content": make_image(16, 16),
        "style_1": make_image(16, 16),
        "style_2": make_image(16, 16),
    }
    inputs |= {"alpha": 1.0, **change}
    with pytest.raises(ValueError, match=message):
        pack.run("AdaINStylize", model=model, **inputs)


@pytest.mark.parametrize("node", ["AdaINStylize", "AdaINStylizeVideo"])
def test_invalid_inputs_are_reported_before_the_run(pack: Any, node: str) -> None:
    check = pack.module.NODE_CLASS_MAPPINGS[node].VALIDATE_INPUTS
    assert check() is True and check(tile=0, weight_1=0.0, weight_2=1.0) is True
    assert check(tile=63) == "tile must be 0, or 64 to 8192 pixels, got 63"
    weights = {f"weight_{number}": 0.0 for number in range(1, 5)}
    assert "are all 0: raise the weight of at least one style" in str(check(**weights))
    assert check(**{**weights, "weight_3": None}) is True  # by a wire


@pytest.mark.parametrize("kind", ["RemoveBackground", "SAM3_Detect"])
def test_masks_of_the_hosts_segmentation_fit_as_they_are(
    pack: Any,
    model: Any,
    make_image: MakeImage,
    from_nodes: Callable[..., dict[str, Any]],
    kind: str,
) -> None:
    """White is the subject: soft and in half precision from the one, hard from the other."""
    place = torch.zeros(1, 48, 64)
    place[:, 8:40, 16:40] = 1
    mask = (12 * place - 6).sigmoid().half() if kind == "RemoveBackground" else place
    photo, (subject, around) = (
        make_image(48, 64),
        [make_image(32, 32, seed=seed) for seed in (2, 3)],
    )
    inputs = {"content": photo, "style_1": subject, "style_2": around, "mask_1": mask}
    found = run(pack, model, **inputs, **from_nodes(mask_1=kind))
    options = {"masks": [mask.float()], "background": around.movedim(-1, 1)}
    torch.testing.assert_close(found, expect(model, photo, [subject], **options))


def test_a_segmentation_that_found_nothing_is_reported(
    pack: Any,
    model: Any,
    make_image: MakeImage,
    from_nodes: Callable[..., dict[str, Any]],
) -> None:
    inputs = {
        "model": model,
        "content": make_image(16, 24),
        "style_1": make_image(16, 16),
        "alpha": 1.0,
    }
    origin = from_nodes(mask_1="SAM3_Detect")
    with pytest.raises(ValueError, match=r"^mask_1 holds no mask: the node .* has found nothing"):
        pack.run("AdaINStylize", **inputs, mask_1=torch.zeros(0, 16, 24), **origin)
    with pytest.raises(ValueError, match=r"^mask_1 is black everywhere"):
        pack.run("AdaINStylize", **inputs, mask_1=torch.zeros(1, 16, 24), **origin)


def test_layers_compose_the_result(pack: Any, model: Any, make_image: MakeImage) -> None:
    """Two of the first image: its photo and its result, cut out where no style applies."""
    photo = make_image(30, 37, 2, seed=9)
    inputs = {"model": model, "content": photo, "style_1": make_image(32, 40), "alpha": 1.0}
    result, document = pack.run("AdaINStylize", **inputs)
    bottom, top = document["layers"]
    assert document["canvas"] == (37, 30)
    assert [(e["name"], e["z_index"]) for e in (bottom, top)] == [("photo", 0), ("stylized", 1)]
    assert torch.equal(bottom["image"], photo[:1]) and torch.equal(top["image"], result[:1])
    assert "mask" not in top
    result, document = pack.run("AdaINStylize", **inputs, mask_1=left(), feather=4)
    top = document["layers"][1]
    hidden = top["mask"][..., None]  # white is transparent
    assert torch.equal(hidden * photo[:1] + (1 - hidden) * top["image"], result[:1])
    assert top["mask"][:, :, :22].sum() == 0 and top["mask"][:, :, 23:].min() == 1
    result, document = pack.run("AdaINStylize", **inputs, mask_1=left(), style_2=make_image(32, 40))
    assert "mask" not in document["layers"][1]  # the second style fills the rest
