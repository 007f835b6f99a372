"""Encode Style, Blend, Save Style and Load Style."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from adain_core import AdaINModel, Architecture
from adain_core.weights import save_model

ROOT = Path(__file__).resolve().parents[2]
ARTWORKS = sorted(path.stem for path in (ROOT / "samples" / "style").iterdir())
NAMES = [f"{name}.safetensors" for name in ARTWORKS]
MakeImage = Callable[..., Tensor]


def encode(pack: Any, model: Any, image: Tensor, size: int = 32, **inputs: Any) -> Any:
    return pack.run("AdaINEncodeStyle", model=model, image=image, style_size=size, **inputs)[0]


@pytest.fixture
def styles(pack: Any, model: Any, make_image: MakeImage) -> list[Any]:
    return [encode(pack, model, make_image(32, 32, seed=seed)) for seed in range(4)]


@pytest.fixture
def features(pack: Any, model: Any, make_image: MakeImage) -> Any:
    return pack.run("AdaINEncodeContent", model=model, image=make_image(25, 30, 2, seed=9))[0]


def assert_same_style(style: Any, expected: Any) -> None:
    assert style.fingerprint == expected.fingerprint
    torch.testing.assert_close(style.mean, expected.mean)
    torch.testing.assert_close(style.std, expected.std)


@pytest.mark.parametrize("size", [0, 16, 64])
def test_style_equals_the_library(pack: Any, model: Any, make_image: MakeImage, size: int) -> None:
    artwork = make_image(24, 40)
    expected = model.model.encode_style(artwork.movedim(-1, 1), size=size)
    assert_same_style(encode(pack, model, artwork, size), expected)


def test_batch_is_averaged(pack: Any, model: Any, make_image: MakeImage) -> None:
    artwork = make_image(32, 32, 3)
    expected = model.model.encode_style(artwork.movedim(-1, 1), size=32)
    assert_same_style(encode(pack, model, artwork), expected)


def test_style_mask(pack: Any, model: Any, make_image: MakeImage) -> None:
    artwork, mask = make_image(32, 32), torch.zeros(1, 16, 16)
    mask[:, :, :8] = 1
    expected = model.model.encode_style(artwork.movedim(-1, 1), mask=mask, size=32)
    assert_same_style(encode(pack, model, artwork, mask=mask), expected)
    assert_same_style(encode(pack, model, artwork, mask=mask[0]), expected)
    assert not torch.equal(expected.mean, encode(pack, model, artwork).mean)


def test_a_mask_for_each_artwork(pack: Any, model: Any, make_image: MakeImage) -> None:
    artwork, masks = make_image(32, 32, 2), torch.zeros(2, 32, 32)
    masks[0, :16], masks[1, 16:] = 1, 1
    expected = model.model.encode_style(artwork.movedim(-1, 1), mask=masks, size=32)
    assert_same_style(encode(pack, model, artwork, mask=masks), expected)
    with pytest.raises(ValueError, match=r"^image has 3 and mask has 2"):
        encode(pack, model, make_image(32, 32, 3), mask=masks)


def test_cut_outs(pack: Any, model: Any, make_image: MakeImage) -> None:
    """What the texts advise for Load Image, which gives RGB and a mask that is 1 - alpha."""
    artwork, opacity = make_image(32, 32), torch.zeros(1, 32, 32)
    opacity[:, 8:24, 4:20] = 1
    load_images_mask = 1 - opacity
    joined = torch.cat([artwork, 1 - load_images_mask[..., None]], dim=-1)  # Join Image with Alpha
    expected = model.model.encode_style(artwork.movedim(-1, 1), mask=opacity, size=32)
    cut_out = model.model.encode_style(joined.movedim(-1, 1), size=32)
    assert_same_style(encode(pack, model, joined), cut_out)
    assert_same_style(
        encode(pack, model, artwork, mask=1 - load_images_mask), expected
    )  # Invert Mask
    background = encode(pack, model, artwork, mask=load_images_mask)
    assert (background.mean - expected.mean).abs().max() > 1e-2


def test_load_images_empty_mask_is_no_mask(
    pack: Any, model: Any, make_image: MakeImage, from_nodes: Callable[..., dict[str, Any]]
) -> None:
    artwork = make_image(32, 32)
    for size in (32, 64):
        mask = torch.zeros(1, size, size)
        ours = encode(pack, model, artwork, mask=mask, **from_nodes(mask="LoadImage"))
        assert_same_style(ours, encode(pack, model, artwork))
        with pytest.raises(ValueError, match=r"mask selects no pixel of the style image"):
            encode(pack, model, artwork, mask=mask, **from_nodes(mask="SolidMask"))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_blend(pack: Any, styles: list[Any], features: Any, alpha: float) -> None:
    library = pack.submodule("adain_core")
    weights = [0.5, 0.25, 0.0, 1.0]
    inputs = {f"style_{n}": style for n, style in enumerate(styles, start=1)}
    inputs |= {f"weight_{n}": weight for n, weight in enumerate(weights, start=1)}
    blended, mixed = pack.run("AdaINBlend", features=features, alpha=alpha, **inputs)
    assert mixed == library.Style.mix(styles, weights)
    expected = library.adain(features, mixed, alpha)
    torch.testing.assert_close(blended.tensor, expected.tensor)
    assert blended.size == features.size


def test_gaps_between_styles(pack: Any, styles: list[Any], features: Any) -> None:
    """style_3's weight is weight_3, whether or not style_2 is connected."""
    inputs = {"style_1": styles[0], "weight_1": 0.2, "weight_2": 1.0}
    inputs |= {"style_3": styles[2], "weight_3": 0.8}
    _, mixed = pack.run("AdaINBlend", features=features, alpha=1.0, **inputs)
    assert mixed == pack.submodule("adain_core").Style.mix([styles[0], styles[2]], [0.2, 0.8])


def test_chained_blends(pack: Any, styles: list[Any], features: Any) -> None:
    """(a + b) · 2/3 + c · 1/3 is the equal mix of the three."""
    first = {"style_1": styles[0], "weight_1": 1.0, "style_2": styles[1], "weight_2": 1.0}
    _, two = pack.run("AdaINBlend", features=features, alpha=1.0, **first)
    second = {"style_1": two, "weight_1": 1.0, "style_2": styles[2], "weight_2": 0.5}
    _, three = pack.run("AdaINBlend", features=features, alpha=1.0, **second)
    assert_same_style(three, pack.submodule("adain_core").Style.mix(styles[:3]))


def test_weights_that_are_all_zero(pack: Any, styles: list[Any], features: Any) -> None:
    inputs = {"features": features, "style_1": styles[0], "alpha": 1.0, "weight_1": 0.0}
    with pytest.raises(ValueError, match=r"^weight_1 and weight_3 are all 0: give at least one"):
        pack.run("AdaINBlend", **inputs, style_3=styles[1], weight_3=0.0)
    # A single style has no share.
    blended, style = pack.run("AdaINBlend", **inputs)
    assert_same_style(style, styles[0])
    assert not torch.equal(blended.tensor, features.tensor)


def test_style_of_another_model(
    pack: Any,
    model: Any,
    features: Any,
    styles: list[Any],
    make_image: MakeImage,
    make_model: Callable[..., Any],
    tmp_path: Path,
) -> None:
    other = make_model(Architecture(widths=(4, 6, 8, 10)), seed=5)
    path = tmp_path / "user" / "adain" / "other.safetensors"
    path.parent.mkdir(parents=True)
    save_model(path, other.info, other.encoder, other.decoder)
    (loaded,) = pack.run("AdaINModelLoader", model="other.safetensors", dtype="fp32")
    style = encode(pack, loaded, make_image(32, 32))
    fits = styles[0]
    text = (
        r": they come from different encoders\. In Load AdaIN Model choose .* "
        rf"\(expected encoder {fits.fingerprint}, got {style.fingerprint}\)$"
    )
    blend = {"features": features, "alpha": 1.0, "weight_1": 1.0}
    with pytest.raises(ValueError, match="style_1" + text):
        pack.run("AdaINBlend", style_1=style, **blend)
    with pytest.raises(ValueError, match="style_3" + text):
        pack.run("AdaINBlend", style_1=fits, style_3=style, **blend)
    masked = {"features": features, "alpha": 1.0, "feather": 0, "region_statistics": True}
    masked |= {"mask_1": torch.ones(1, 8, 8)}
    with pytest.raises(ValueError, match="style_1" + text):
        pack.run("AdaINMasked", style_1=style, **masked)
    with pytest.raises(ValueError, match="background" + text):
        pack.run("AdaINMasked", style_1=fits, background=style, **masked)
    stylize = {"content": make_image(16, 16), "style_1": make_image(16, 16), "alpha": 1.0}
    with pytest.raises(ValueError, match="style_2" + text):
        pack.run("AdaINStylize", model=model, style_2=style, **stylize)
    with pytest.raises(ValueError, match=r"features: they come from .* \(expected encoder "):
        pack.run("AdaINDecode", model=loaded, features=features)


def test_save_and_load(pack: Any, styles: list[Any], tmp_path: Path) -> None:
    saver, loader = "AdaINSaveStyle", pack.module.NODE_CLASS_MAPPINGS["AdaINLoadStyle"]
    assert loader.INPUT_TYPES()["required"]["style"][0] == NAMES
    (named,) = pack.run(saver, style=styles[0], name=" wave ", overwrite=False)
    assert named == styles[0] and named.name == "wave"
    assert (tmp_path / "user" / "adain_styles" / "wave.safetensors").stat().st_size < 4500
    assert loader.INPUT_TYPES()["required"]["style"][0] == [*NAMES, "wave.safetensors"]
    assert loader.VALIDATE_INPUTS("wave.safetensors") is True
    (loaded,) = pack.run("AdaINLoadStyle", style="wave.safetensors")
    assert loaded == styles[0] and loaded.name == "wave"


def test_saving_over_another_style(pack: Any, styles: list[Any]) -> None:
    loader = pack.module.NODE_CLASS_MAPPINGS["AdaINLoadStyle"]
    pack.run("AdaINSaveStyle", style=styles[0], name="wave", overwrite=False)
    before = loader.IS_CHANGED("wave.safetensors")
    pack.run("AdaINSaveStyle", style=styles[0], name="wave.safetensors", overwrite=False)
    assert loader.IS_CHANGED("wave.safetensors") == before
    with pytest.raises(ValueError, match=r"name: another style is already saved as .*overwrite on"):
        pack.run("AdaINSaveStyle", style=styles[1], name="wave", overwrite=False)
    pack.run("AdaINSaveStyle", style=styles[1], name="wave", overwrite=True)
    assert pack.run("AdaINLoadStyle", style="wave.safetensors")[0] == styles[1]
    assert loader.IS_CHANGED("wave.safetensors") != before


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "../wave",
        "a/b",
        "a\\b",
        "C:wave",
        ".wave",
        "wave.",
        "a\nb",
        ".safetensors",
        "CON",
        "nul.safetensors",
        "com1 .wave",
        67 * "画",
    ],
)
def test_names_that_are_no_file(pack: Any, styles: list[Any], name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^name: .* cannot be a file's name"):
        pack.run("AdaINSaveStyle", style=styles[0], name=name, overwrite=True)
    # Before the run, too, when nothing is encoded yet.
    node = pack.module.NODE_CLASS_MAPPINGS["AdaINSaveStyle"]
    assert node.VALIDATE_INPUTS(name).startswith(f"name: {name!r} cannot be a file's name")
    assert not (tmp_path / "user").exists()


def test_connected_and_valid_names_pass(pack: Any) -> None:
    node = pack.module.NODE_CLASS_MAPPINGS["AdaINSaveStyle"]
    assert node.VALIDATE_INPUTS(None) is True
    assert node.VALIDATE_INPUTS("wave") is True


def test_style_that_is_missing(pack: Any) -> None:
    loader = pack.module.NODE_CLASS_MAPPINGS["AdaINLoadStyle"]
    text = "There is no style 'gone.safetensors'. Save one with Save AdaIN Style"
    assert loader.VALIDATE_INPUTS("gone.safetensors").startswith(text)
    with pytest.raises(ValueError, match=text):
        pack.run("AdaINLoadStyle", style="gone.safetensors")
    assert "There is no style" in loader.VALIDATE_INPUTS("../../tiny.safetensors")


def test_shipped_styles(pack: Any) -> None:
    """The shipped model has one for each sample artwork."""
    model = AdaINModel.from_pretrained(device="cpu", dtype="fp32")
    for artwork in ARTWORKS:
        file = f"{artwork}.safetensors"
        assert (ROOT / "weights" / "styles" / file).stat().st_size < 14_000
        (style,) = pack.run("AdaINLoadStyle", style=file)
        assert style.fingerprint == model.fingerprint, "run tools/images/styles.py"
        assert style.name == artwork
        assert style.preview, "run tools/images/styles.py"
    smallest = "leonardo-mona-lisa"
    (style,) = pack.run("AdaINLoadStyle", style=f"{smallest}.safetensors")
    expected = model.encode_style(ROOT / "samples" / "style" / f"{smallest}.jpg")
    torch.testing.assert_close((style.mean, style.std), (expected.mean, expected.std))


def test_own_style_under_a_shipped_name(pack: Any, styles: list[Any]) -> None:
    """The user's file is the one that counts, and the list has the name once."""
    loader, name = pack.module.NODE_CLASS_MAPPINGS["AdaINLoadStyle"], NAMES[0]
    before = loader.IS_CHANGED(name)
    pack.run("AdaINSaveStyle", style=styles[0], name=name, overwrite=False)
    assert loader.INPUT_TYPES()["required"]["style"][0] == NAMES
    assert pack.run("AdaINLoadStyle", style=name)[0] == styles[0]
    assert loader.IS_CHANGED(name) != before
    assert loader.VALIDATE_INPUTS(name) is True


def test_overwriting_writes_only_another_style(
    pack: Any, styles: list[Any], tmp_path: Path
) -> None:
    path = tmp_path / "user" / "adain_styles" / "wave.safetensors"
    inputs = {"name": "wave", "overwrite": True}
    pack.run("AdaINSaveStyle", style=styles[0], **inputs)
    saved = path.stat().st_ino, path.stat().st_mtime_ns
    # An equal style leaves the file as it is, so that what loads it has not changed.
    pack.run("AdaINSaveStyle", style=styles[0], **inputs)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == saved
    for _ in range(2):
        pack.run("AdaINSaveStyle", style=styles[1], **inputs)
        (loaded,) = pack.run("AdaINLoadStyle", style="wave.safetensors")
        assert loaded == styles[1]
        path.write_bytes(b"damaged")


def test_a_style_that_was_deleted_or_replaced_is_saved_again(
    pack: Any, styles: list[Any], tmp_path: Path
) -> None:
    saver = pack.module.NODE_CLASS_MAPPINGS["AdaINSaveStyle"]
    path = tmp_path / "user" / "adain_styles" / "wave.safetensors"
    inputs = {"name": "wave", "overwrite": True}
    assert math.isnan(saver.IS_CHANGED(style=None, **inputs))
    pack.run("AdaINSaveStyle", style=styles[0], **inputs)
    saved = saver.IS_CHANGED(style=None, **inputs)
    assert saved and saver.IS_CHANGED(style=None, name="wave.safetensors", overwrite=True) == saved
    styles[1].save(path)
    assert saver.IS_CHANGED(style=None, **inputs) not in ("", saved)
    path.unlink()
    assert math.isnan(saver.IS_CHANGED(style=None, **inputs))
    assert saver.IS_CHANGED(style=None, name=None, overwrite=True) == ""  # through a wire


def test_damaged_files_are_named_by_their_input(
    pack: Any, styles: list[Any], tmp_path: Path
) -> None:
    folders = {name: tmp_path / "user" / name for name in ("adain", "adain_styles")}
    for folder in folders.values():
        folder.mkdir(parents=True)
        (folder / "bad.safetensors").write_bytes(b"damaged")
    for node, name, inputs in (
        ("AdaINModelLoader", "model", {"model": "bad.safetensors", "dtype": "fp32"}),
        ("AdaINLoadStyle", "style", {"style": "bad.safetensors"}),
        ("AdaINSaveStyle", "name", {"style": styles[0], "name": "bad", "overwrite": False}),
    ):
        text = rf"^{name}: bad\.safetensors: damaged or not .*; choose another {name}$"
        with pytest.raises(ValueError, match=text):
            pack.run(node, **inputs)
    styles[0].save(folders["adain"] / "bad.safetensors")
    with pytest.raises(ValueError, match=r"^model: bad\.safetensors: expected a file of format"):
        pack.run("AdaINModelLoader", model="bad.safetensors", dtype="fp32")


def test_a_style_of_one_pixel(pack: Any, model: Any) -> None:
    (style,) = pack.run("AdaINEncodeStyle", model=model, image=torch.rand(1, 1, 1, 3), style_size=0)
    assert style.mean.isfinite().all() and style.std.isfinite().all()


@pytest.mark.parametrize("size", [-3, 4097, 100_000])
def test_numbers_through_a_wire_have_the_widgets_limits(
    pack: Any, model: Any, features: Any, styles: list[Any], make_image: MakeImage, size: int
) -> None:
    with pytest.raises(ValueError, match=rf"^style_size must lie in 0..4096, got {size}$"):
        pack.run("AdaINEncodeStyle", model=model, image=make_image(8, 8), style_size=size)
    images = {"content": make_image(8, 8), "style_1": make_image(8, 8), "alpha": 1.0}
    with pytest.raises(ValueError, match=r"^style_size must lie in"):
        pack.run("AdaINStylize", model=model, **images, style_size=size)
    with pytest.raises(ValueError, match=r"^feather must lie in 0..256"):
        pack.run("AdaINStylize", model=model, **images, feather=size)
    masked = {"features": features, "style_1": styles[0], "mask_1": torch.ones(1, 8, 8)}
    with pytest.raises(ValueError, match=r"^feather must lie in"):
        pack.run("AdaINMasked", **masked, alpha=1.0, region_statistics=True, feather=size)
