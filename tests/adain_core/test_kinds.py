"""Arguments of a wrong type: the message names the argument, and what it must be."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from adain_core import (
    AdaINModel,
    Style,
    StylizeOptions,
    Stylizer,
    TemporalPool,
    adain,
    color,
    load_image,
    save_image,
    write_image_file,
)
from adain_core.methods import Optimization, StyleSwap

ARTWORK = torch.full((1, 3, 16, 16), 0.5)
MASK = torch.ones(4, 4)
PILLOW = PIL.Image.new("RGB", (4, 4))
STYLE = Style(torch.zeros(4), torch.ones(4), "encoder-a")
NUMBER = "must be one number, or one per image, got"
PIXELS = "must be a whole number of pixels, got"
TILE = "must be a whole number of pixels, or None, got"
WEIGHTS = "must be numbers, (styles,) or (images, styles), got"
MASKS = "must be a list with one for each style, got"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": "0.5"}, f"alpha {NUMBER} '0.5'"),
        ({"alpha": None}, f"alpha {NUMBER} None"),
        ({"alpha": ["full"]}, f"alpha {NUMBER} ['full']"),
        ({"weights": "1"}, f"weights {WEIGHTS} '1'"),
        ({"weights": [None]}, f"weights {WEIGHTS} [None]"),
        ({"weights": [[1], [1, 2]]}, f"weights {WEIGHTS} [[1], [1, 2]]"),
        ({"tile": "64"}, f"tile {TILE} str"),
        ({"tile": 100.5}, f"tile {TILE} float"),
        ({"content_size": "512"}, f"content_size {PIXELS} str"),
        ({"style_size": 64.5}, f"style_size {PIXELS} float"),
        ({"region_statistics": "no"}, "region_statistics must be True or False, got str"),
        ({"content_residual": 1}, "content_residual must be True or False, got int"),
        ({"photo_share": "x"}, "photo_share must be a number, got str"),
        ({"photo_share": None}, "photo_share must be a number, got NoneType"),
        ({"masks": MASK}, f"masks {MASKS} Tensor"),
        ({"masks": MASK.numpy()}, f"masks {MASKS} ndarray"),
        ({"masks": "person.png"}, f"masks {MASKS} str"),
        ({"masks": 1}, f"masks {MASKS} int"),
        ({"styles": 5}, "styles[0] must be an image, its path or a Style, got int"),
        (
            {"styles": [ARTWORK, None]},
            "styles[1] must be an image, its path or a Style, got NoneType",
        ),
        (
            {"masks": [MASK], "background": 1},
            "background must be an image, its path or a Style, got int",
        ),
        ({"masks": [MASK], "feather": None}, f"feather {PIXELS} NoneType"),
        ({"masks": [MASK], "feather": 2.5}, f"feather {PIXELS} float"),
    ],
)
def test_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        StylizeOptions(**{"styles": ARTWORK, **options})


@pytest.mark.parametrize(
    "options", [{"stroke_size": None}, {"stroke_size": [1]}, {"preserve_color": ["coral"]}]
)
def test_choices(options: dict[str, Any]) -> None:
    ((field, value),) = options.items()
    with pytest.raises(
        ValueError, match=rf"^{field} must be one of .*, got {re.escape(repr(value))}"
    ):
        StylizeOptions(ARTWORK, **options)


def test_numbers_of_numpy_are_numbers() -> None:
    options = StylizeOptions(
        ARTWORK,
        alpha=np.float32(0.5),
        content_size=np.int64(32),
        photo_share=np.float32(0.25),
        stroke_size=np.float64(2),
    )
    assert (options.alpha, options.content_size, options.photo_share) == ((0.5,), 32, 0.25)


def test_a_tensor_of_several_masks_is_a_list() -> None:
    options = StylizeOptions([ARTWORK, ARTWORK], masks=torch.stack([MASK, 0 * MASK]))  # type: ignore[arg-type]
    assert options.masks is not None
    assert [mask.shape for mask in options.masks] == [(1, 1, 4, 4)] * 2  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: Stylizer(m, "x.jpg"), "options must be StylizeOptions, got str"),
        (
            lambda m: Stylizer("adain-slim", StylizeOptions(ARTWORK)),
            "model must be an AdaINModel, got",
        ),
        (
            lambda m: m.stylize(ARTWORK, ARTWORK, smoothing="ema"),
            "smoothing must be a TemporalPool, or",
        ),
        (lambda m: TemporalPool("ema", 2.5), "temporal_length must be a whole number of frames"),
        (
            lambda m: m.decode(m.encode_style(ARTWORK)),
            "features must be Features of AdaINModel.encode",
        ),
        (lambda m: m.decode(ARTWORK), "features must be Features of AdaINModel.encode, got Tensor"),
        (lambda m: m.encode(ARTWORK, size="64"), f"size {PIXELS} str"),
        (lambda m: m.encode(ARTWORK, tile="64"), f"tile {TILE} str"),
        (lambda m: m.encode_style(ARTWORK, size="64"), f"size {PIXELS} str"),
        (
            lambda m: adain(STYLE, STYLE),
            "features must be Features of AdaINModel.encode, got Style",
        ),
        (
            lambda m: adain(m.encode(ARTWORK), m.encode(ARTWORK)),
            "style must be a Style of AdaINModel.encode_style, got Features",
        ),
        (lambda m: Style.mix(STYLE), "styles must be a list of Style, got Style"),
        (lambda m: Style.mix([STYLE, ARTWORK]), "styles must be a list of Style, got Tensor"),
        (lambda m: Style([1], [2], "x"), "mean must be a tensor (C,), got list"),
        (lambda m: Style(STYLE.mean, STYLE.std, 5), "fingerprint must be text, got int"),
        (lambda m: STYLE.save(None), "path must be the path of a file, got NoneType"),
        (lambda m: Style.load(None), "path must be the path of a file, got NoneType"),
        (lambda m: m.save(5), "path must be the path of a file, got int"),
        (lambda m: load_image(None), "path must be the path of a file, got NoneType"),
        (lambda m: save_image(None, ARTWORK), "path must be the path of a file, got NoneType"),
        (lambda m: save_image("a.png", PILLOW), "pixels must be a tensor, got Image"),
        (lambda m: write_image_file("a.png", ARTWORK), "image must be an ImageFile, got Tensor"),
        (
            lambda m: save_image("a.png", ARTWORK, quality="95"),
            "quality must be a whole number, got str",
        ),
        (
            lambda m: color.transfer_color("a.png", ARTWORK, "coral"),
            "image must be a tensor, as load_image returns it, got str",
        ),
        (
            lambda m: color.luminance(ARTWORK, PILLOW),
            "reference must be a tensor, as load_image returns it, got Image",
        ),
        (
            lambda m: Optimization(m, StylizeOptions(ARTWORK)),
            "vgg must be the Encoder of load_loss_network, got AdaINModel",
        ),
        (lambda m: Optimization(m.encoder, "x.jpg"), "options must be StylizeOptions, got str"),
        (
            lambda m: StyleSwap(m.encoder, StylizeOptions(ARTWORK)),
            "model must be an AdaINModel, got",
        ),
        (
            lambda m: StyleSwap(m, StylizeOptions(ARTWORK), patch="3"),
            "patch must be a whole number of features, got str",
        ),
        (lambda m: Style.mix([STYLE], ["x"]), "weights must be numbers, one for each style, got"),
    ],
)
def test_calls(tiny: AdaINModel, call: Callable[[Any], object], message: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(message)}"):
        call(tiny)


def test_a_call_checks_its_own_styles_and_masks(tiny: AdaINModel) -> None:
    style = tiny.encode_style(1 - ARTWORK)
    plain = Stylizer(tiny, StylizeOptions(ARTWORK))
    assert torch.equal(plain(ARTWORK, styles=style), tiny.stylize(ARTWORK, style))
    masked = Stylizer(tiny, StylizeOptions(ARTWORK, masks=[MASK]))
    halves = [torch.eye(16), 1 - torch.eye(16)]
    expected = tiny.stylize(ARTWORK, [style, ARTWORK], masks=halves)
    other = tiny.encode_style(ARTWORK)
    torch.testing.assert_close(masked(ARTWORK, styles=[style, other], masks=halves), expected)
    for stylizer, given, message in (
        (plain, {"styles": []}, "styles must hold at least one style, got none"),
        (plain, {"masks": [MASK]}, "masks replace those of the options, which have none"),
        (masked, {"styles": [style, style]}, "masks must be one per style (2), got 1"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            stylizer(ARTWORK, **given)  # type: ignore[arg-type]
