"""``adain stylize`` gives the results of the library."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from cli_folder import Folder, error_line, read, to_array
from PIL import ImageCms
from torch import Tensor

from adain_core import AdaINModel
from adain_core.cli import make_parser
from adain_core.engine.canvas import Canvas
from adain_core.engine.tiled import TiledNetworks
from adain_core.options import StylizeOptions
from adain_core.stylizer import Stylizer

ARTIST = 315
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_stylize_equals_the_library(
    folder: Folder, tiny: AdaINModel, capsys: pytest.CaptureFixture[str]
) -> None:
    content, style = folder.save("photo.png", 1), folder.save("art.png", 2, 33, 40)
    output = folder / "result.png"
    assert folder.run("stylize", content, "--style", style, "--alpha", 0.8, "-o", output) == 0
    expected = to_array(tiny.stylize(content, style, alpha=0.8))
    np.testing.assert_array_equal(read(output), expected)
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{output} (28x20, ")
    assert captured.err == ""


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["--style-weights", "3", "1"], {"weights": [3, 1]}),
        (["--content-size", "16", "--style-size", "24"], {"content_size": 16, "style_size": 24}),
        (["--style-size", "0"], {"style_size": 0}),
        (["--preserve-color", "luminance"], {"preserve_color": "luminance"}),
        (["--preserve-color", "coral"], {"preserve_color": "coral"}),
        (["--content-residual", "--alpha", "0.3"], {"content_residual": True, "alpha": 0.3}),
        (["--alpha", "0"], {"alpha": 0}),
        (["--stroke-size", "coarse"], {"stroke_size": "coarse"}),
        (["--stroke-size", "2", "--photo-share", "0.6"], {"stroke_size": 2, "photo_share": 0.6}),
    ],
)
def test_stylize_passes_every_control_on(
    folder: Folder, tiny: AdaINModel, words: list[str], options: dict[str, object]
) -> None:
    content = folder.save("photo.png", 1)
    styles = [folder.save("one.png", 2, 33, 40), folder.save("two.png", 3)]
    output = folder / "result.png"
    assert folder.run("stylize", content, "--style", *styles, *words, "-o", output) == 0
    np.testing.assert_array_equal(read(output), to_array(tiny.stylize(content, styles, **options)))


def test_defaults_equal_the_library() -> None:
    words = ["stylize", "a.jpg", "-o", "b.jpg", "--style", "c.jpg"]
    args, options = make_parser().parse_args(words), StylizeOptions("c.jpg")
    for field in fields(StylizeOptions):
        if field.name in args:
            default = getattr(args, field.name)
            assert getattr(options, field.name) in (default, (default,)), field.name


@pytest.mark.parametrize("global_statistics", [False, True])
def test_stylize_with_masks_and_background(
    folder: Folder, tiny: AdaINModel, global_statistics: bool
) -> None:
    content = folder.save("photo.png", 1)
    styles = [folder.save("one.png", 2), folder.save("two.png", 3)]
    background = folder.save("back.png", 4)
    left = np.zeros((20, 28))
    left[:, :9] = 255
    right = np.zeros((20, 28, 4))  # white where it is opaque, but the alpha channel is what counts
    right[:, 20:, 3] = 255
    masks = [folder.save_mask("left.png", left), folder.save_mask("right.png", right)]
    words = ["--style", *styles, "--mask", *masks, "--background", background]
    words += ["--global-statistics", "--feather", 2] if global_statistics else []
    assert folder.run("stylize", content, *words, "-o", folder / "o.png") == 0
    expected = tiny.stylize(
        content,
        styles,
        masks=[torch.from_numpy(left / 255), torch.from_numpy(right[:, :, 3] / 255)],
        background=background,
        region_statistics=not global_statistics,
        feather=2 if global_statistics else 0,
    )
    difference = read(folder / "o.png").astype(int) - to_array(expected).astype(int)
    assert np.abs(difference).max() <= 1  # white has a luma of 1 up to rounding


def test_masks_that_select_nothing(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    content, style = folder.save("c.png", 1), folder.save("s.png", 2)
    black = folder.save_mask("black.png", np.zeros((10, 14)))
    clear = folder.save_mask("clear.png", np.full((10, 14, 4), (255, 255, 255, 0)))
    half = folder.save_mask("half.png", np.repeat([[255, 0]], 8, axis=0))
    words = ["stylize", content, "--style", style]
    for mask in (black, clear):
        assert folder.run(*words, "--mask", mask, "-o", folder / "o.png") == 2
        assert error_line(capsys).startswith(f"--mask {mask} is black (or transparent) everywhere")
    assert not (folder / "o.png").exists()
    # Those that another mask or a background make up for are told.
    cases = ((style, "--mask", half, black), ("--mask", black, "--background", style))
    for number, more in enumerate(cases):
        assert folder.run(*words, *more, "-o", folder / f"{number}.png") == 0
        note = f"adain: note: --mask {black} is black (or transparent) everywhere; its style is"
        assert note in capsys.readouterr().err


def test_a_transparent_artwork_is_named(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    content = folder.save("c.png", 1)
    clear = folder.save_mask("clear.png", np.full((10, 14, 4), (255, 255, 255, 0)))
    assert folder.run("stylize", content, "--style", content, clear, "-o", folder / "o.png") == 2
    told = error_line(capsys)
    assert told.startswith(f"{clear}: the style image is transparent everywhere; give one with")
    output = folder / "s.safetensors"
    assert folder.run("style", "encode", content, clear, "-o", output) == 2
    assert error_line(capsys) == told


def test_colored_mask_counts_by_luminance(folder: Folder, tiny: AdaINModel) -> None:
    content, style = folder.save("photo.png", 1), folder.save("art.png", 2)
    green = np.zeros((20, 28, 3))
    green[:, :, 1] = 255
    mask = folder.save_mask("green.png", green)
    assert (
        folder.run("stylize", content, "--style", style, "--mask", mask, "-o", folder / "o.png")
        == 0
    )
    expected = tiny.stylize(content, style, masks=[torch.full((20, 28), 0.587)])
    np.testing.assert_array_equal(read(folder / "o.png"), to_array(expected))


def test_style_files_and_images_mix(folder: Folder, tiny: AdaINModel) -> None:
    content = folder.save("photo.png", 1)
    one, two = folder.save("one.png", 2), folder.save("two.png", 3)
    tiny.encode_style(one).save(folder / "one.safetensors")
    words = ["--style", folder / "one.safetensors", two, "--style-weights", 1, 3]
    assert folder.run("stylize", content, *words, "-o", folder / "o.png") == 0
    expected = to_array(tiny.stylize(content, [one, two], weights=[1, 3]))
    np.testing.assert_array_equal(read(folder / "o.png"), expected)


def test_styles_are_encoded_once(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    encode = TiledNetworks.encode

    def counted(networks: TiledNetworks, canvas: Canvas, *rest: Any) -> Tensor:
        sizes.append(canvas.size)
        return encode(networks, canvas, *rest)

    monkeypatch.setattr(TiledNetworks, "encode", counted)
    contents = [folder.save(f"in/{number}.png", number) for number in range(3)]
    style = folder.save("art.png", 9, 33, 40)
    assert folder.run("stylize", *contents, "--style", style, "-o", folder / "out") == 0
    assert sizes == [(33, 40), *[(20, 28)] * 3]


def test_profile_exif_and_transparency_are_kept(folder: Folder) -> None:
    exif = PIL.Image.Exif()
    exif[ARTIST] = "Ada"
    content = folder.save("photo.jpg", 1, icc_profile=PROFILE, exif=exif)
    style = folder.save("art.png", 2)
    for suffix in ("jpg", "png", "webp", "tif"):
        output = folder / f"o.{suffix}"
        assert folder.run("stylize", content, "--style", style, "-o", output) == 0
        with PIL.Image.open(output) as image:
            assert image.info["icc_profile"] == PROFILE
            assert image.getexif()[ARTIST] == "Ada"

    pixels = np.concatenate([read(content), np.full((20, 28, 1), 77, np.uint8)], axis=2)
    PIL.Image.fromarray(pixels).save(folder / "clear.png")
    assert (
        folder.run("stylize", folder / "clear.png", "--style", style, "-o", folder / "c.png") == 0
    )
    assert (read(folder / "c.png")[:, :, 3] == 77).all()


def test_stylize_works_on_eight_bits(
    folder: Folder, tiny: AdaINModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of 8 bits stay that from file to file; more bits become float."""
    content, style = folder.save("a.png"), folder.save("s.png", 2)
    words16 = np.linspace(0, 65535, 20 * 28).reshape(20, 28).astype(np.uint16)
    PIL.Image.fromarray(words16).save(folder / "deep.png")
    stylize, seen = Stylizer.__call__, []

    def watched(stylizer: Stylizer, photo: Tensor, **options: Any) -> Tensor:
        result = stylize(stylizer, photo, **options)
        seen.append((photo.dtype, result.dtype))
        return result

    with monkeypatch.context() as patch:
        patch.setattr(Stylizer, "__call__", watched)
        for path in (content, folder / "deep.png"):
            words = ["stylize", path, "--style", style, "-o", folder / "o.png", "--overwrite"]
            assert folder.run(*words) == 0
    assert seen == [(torch.uint8, torch.uint8), (torch.float32, torch.uint8)]
    expected = to_array(tiny.stylize(folder / "deep.png", style))
    np.testing.assert_array_equal(read(folder / "o.png"), expected)


def test_what_a_photo_says_and_cannot_be_followed_is_a_note(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    style = folder.save("art.png", 9, icc_profile=b"damaged" * 30)
    frames = [PIL.Image.new("RGB", (20, 20), color) for color in ("red", "blue")]
    frames[0].save(folder / "a.gif", save_all=True, append_images=frames[1:])
    words = ["stylize", folder / "a.gif", "--style", style, "-o", folder / "out.png"]
    assert folder.run(*words) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"adain: note: {style}: its color profile is ignored: it is damaged",
        f"adain: note: {folder / 'a.gif'}: it contains several images; only the first is used",
    ]


def test_a_large_jpeg_is_decoded_smaller_for_a_small_result(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At full size it would not fit into memory here."""
    photo = folder.save("a.jpg", 1, height=800, width=1000)
    style = folder.save("art.png", 9)
    monkeypatch.setattr("adain_core.images.reader.free_host_memory", lambda: 2_000_000)
    words = ["stylize", photo, "--style", style, "-o", folder / "out.png"]
    assert folder.run(*words) == 1
    assert folder.run(*words, "--content-size", 100) == 0
    assert read(folder / "out.png").shape == (100, 125, 3)
