from __future__ import annotations

import os
import re
import subprocess
import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from image_samples import (
    ARTIST,
    EXIF_BLOCK,
    GPS_BLOCK,
    INTEROP,
    LENS_MODEL,
    ORIENTATION,
    assert_camera_exif,
    camera_exif,
    gradient,
    planar,
    save,
)

from adain_core.errors import ImageFileError, ImageFileWarning
from adain_core.images import (
    ImageFile,
    load_image,
    read_image_file,
    read_resized,
    to_pixels,
    write_image_file,
)
from adain_core.pixels import resize_shortest_side


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".ppm", ".webp"])
def test_read_rgb(tmp_path: Path, suffix: str) -> None:
    options = {"lossless": True} if suffix == ".webp" else {}
    file = read_image_file(save(tmp_path / f"a{suffix}", gradient(), **options))
    assert file.pixels.dtype == torch.float32
    assert file.pixels.is_contiguous()
    assert torch.equal(file.pixels, planar(gradient()))
    assert file.icc_profile is None
    assert file.exif is None


def test_read_alpha(tmp_path: Path) -> None:
    rgba = gradient(4)
    assert torch.equal(load_image(save(tmp_path / "rgba.png", rgba)), planar(rgba))
    la = PIL.Image.fromarray(gradient(4)).convert("LA")
    la.save(tmp_path / "la.png")
    gray, alpha = np.moveaxis(np.array(la), -1, 0)
    expected = planar(np.stack([gray, gray, gray, alpha], axis=-1))
    assert torch.equal(load_image(tmp_path / "la.png"), expected)


def test_read_gray_and_one_bit(tmp_path: Path) -> None:
    gray = gradient(1)[..., 0]
    pixels = load_image(save(tmp_path / "gray.png", gray))
    assert torch.equal(pixels, planar(np.stack([gray] * 3, axis=-1)))
    bits = gray > 127
    pixels = load_image(save(tmp_path / "bits.png", bits))
    assert torch.equal(pixels, torch.from_numpy(bits).float().expand(1, 3, 6, 8))


def test_read_palette_with_and_without_transparency(tmp_path: Path) -> None:
    image = PIL.Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 51, 255])
    image.putdata([0, 1])
    image.save(tmp_path / "opaque.png")
    image.save(tmp_path / "clear.png", transparency=bytes([255, 102]))
    image.save(tmp_path / "clear.gif", transparency=1)
    red, blue = [1.0, 0.0, 0.0], [0.0, 0.2, 1.0]
    expected = torch.tensor([red, blue]).T[None, :, None]
    assert torch.equal(load_image(tmp_path / "opaque.png"), expected)
    clear = load_image(tmp_path / "clear.png")
    assert torch.equal(clear[:, :3], expected)
    assert torch.equal(clear[0, 3, 0], torch.tensor([1.0, 0.4]))
    assert torch.equal(load_image(tmp_path / "clear.gif")[0, 3, 0], torch.tensor([1.0, 0]))


def test_read_colour_key(tmp_path: Path) -> None:
    array = np.array([[[10, 20, 30], [40, 50, 60]]], dtype=np.uint8)
    pixels = load_image(save(tmp_path / "key.png", array, transparency=(40, 50, 60)))
    assert torch.equal(pixels[:, :3], planar(array))
    assert torch.equal(pixels[0, 3, 0], torch.tensor([1.0, 0.0]))


def test_read_cmyk_without_a_profile(tmp_path: Path) -> None:
    image = PIL.Image.new("CMYK", (2, 1))
    image.putdata([(255, 0, 0, 0), (0, 0, 0, 204)])
    image.save(tmp_path / "a.tif")
    file = read_image_file(tmp_path / "a.tif")
    expected = torch.tensor([[0.0, 1.0, 1.0], [0.2, 0.2, 0.2]]).T[None, :, None]
    assert torch.allclose(file.pixels, expected)
    assert file.icc_profile is None


def test_read_first_frame(tmp_path: Path) -> None:
    frames = [PIL.Image.new("RGB", (3, 2), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    for suffix in ("gif", "png", "tif"):
        message = rf"a\.{suffix}: it contains several images; only the first is used"
        with pytest.warns(ImageFileWarning, match=message):
            pixels = load_image(tmp_path / f"a.{suffix}")
        assert pixels[0, :, 0, 0].tolist() == [1, 0, 0]


def test_the_copies_in_a_cameras_file_are_no_frames(tmp_path: Path) -> None:
    photo, preview = (PIL.Image.fromarray(gradient(3, side, side)) for side in (32, 16))
    photo.save(tmp_path / "a.mpo", save_all=True, append_images=[preview])
    (tmp_path / "a.mpo").rename(tmp_path / "a.jpg")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_image(tmp_path / "a.jpg").shape == (1, 3, 32, 32)


ORIENTED = {  # what turns the stored rows upright, by the EXIF standard's numbers
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", ORIENTED)
@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_read_turns_upright_and_keeps_the_other_exif(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    options = {"lossless": True} if suffix == ".webp" else {}
    path = tmp_path / f"a{suffix}"
    save(path, gradient(), exif=camera_exif(orientation).tobytes(), **options)
    file = read_image_file(path)
    assert torch.equal(file.pixels, planar(ORIENTED[orientation](gradient())))
    exif = PIL.Image.Exif()
    exif.load(file.exif)
    assert_camera_exif(exif)
    # TIFF keeps its storage in the same block: width, strips and the like must not travel.
    assert set(exif) == {ARTIST, EXIF_BLOCK, GPS_BLOCK}


def test_read_compressed_tiff(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = 6
    exif[ARTIST] = "A. Nother"
    path = save(tmp_path / "a.tif", gradient(), exif=exif.tobytes(), compression="tiff_lzw")
    file = read_image_file(path)
    assert torch.equal(file.pixels, planar(np.rot90(gradient(), -1)))
    kept = PIL.Image.Exif()
    kept.load(file.exif)
    assert dict(kept) == {ARTIST: "A. Nother"}


def test_exif_of_orientation_alone_is_none(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = 6
    file = read_image_file(save(tmp_path / "a.jpg", gradient(), exif=exif))
    assert file.pixels.shape == (1, 3, 8, 6)
    assert file.exif is None


def test_a_jpeg_without_an_exif_that_is_too_large_for_one(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x010E] = "x" * 70_000  # ImageDescription
    for suffix, kept in (("jpg", False), ("png", True)):
        path = tmp_path / f"a.{suffix}"
        write_image_file(path, ImageFile(torch.rand(1, 3, 8, 8), exif=exif.tobytes()))
        assert (read_image_file(path).exif is not None) == kept


def test_exif_interoperability_offset_is_dropped(tmp_path: Path) -> None:
    exif = camera_exif(1)
    exif[EXIF_BLOCK] = {LENS_MODEL: "50 mm", INTEROP: {1: "R98"}}
    file = read_image_file(save(tmp_path / "a.png", gradient(), exif=exif))
    kept = PIL.Image.Exif()
    kept.load(file.exif)
    assert dict(kept.get_ifd(EXIF_BLOCK)) == {LENS_MODEL: "50 mm"}


def test_an_image_with_damaged_exif_is_read(tmp_path: Path) -> None:
    file = read_image_file(save(tmp_path / "a.png", gradient(), exif=b"Exif\0\0not a TIFF header"))
    assert torch.equal(file.pixels, planar(gradient()))
    assert file.exif is None


def test_read_errors_name_the_file_and_the_cause(tmp_path: Path) -> None:
    png = save(tmp_path / "whole.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3), "u1"))
    (tmp_path / "cut.png").write_bytes(png.read_bytes()[:3000])
    jpeg = save(tmp_path / "whole.jpg", gradient(3, 64, 64))
    (tmp_path / "cut.jpg").write_bytes(jpeg.read_bytes()[:-200])
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "phone.HEIC").write_bytes(b"damaged")
    (tmp_path / "renamed.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    (tmp_path / "folder.png").mkdir()
    for name, cause in {
        "missing.png": "there is no such file",
        "folder.png": "it is a folder",
        "text.png": "it is not an image of a known format$",
        "phone.HEIC": 'it is a HEIC image; install support with: .* "adain.heic."',
        "renamed.jpg": "it is a HEIC image",
        "empty.jpg": "it is empty$",
        "cut.png": "truncated",
        "cut.jpg": "truncated",
    }.items():
        path = tmp_path / name
        with pytest.raises(
            ImageFileError, match=rf"^cannot read {re.escape(str(path))}: .*{cause}"
        ):
            read_image_file(path)
    with pytest.raises(ImageFileError, match=r"a\.jpg: it is an address; download the file first$"):
        read_image_file("https://example.com/a.jpg")


IMAGE_WITH_A_PROGRAM = {
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n0 setgray\nshowpage\n",
    "wmf": b"\xd7\xcd\xc6\x9a\x00\x00" + bytes(8) + b"\x48\x00" + bytes(6) + b"\x01\x00\t\x00",
    "grib": b"GRIB\0\0\0\1" + bytes(40),
}


@pytest.mark.parametrize("kind", IMAGE_WITH_A_PROGRAM)
def test_no_image_starts_a_program(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostScript under the name of a JPEG must not reach Ghostscript."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(IMAGE_WITH_A_PROGRAM[kind])
    with PIL.Image.open(path) as image:  # Pillow itself knows it
        assert image.format.lower() == kind
    for module in (subprocess, os):
        for name in ("Popen", "system"):
            monkeypatch.setattr(module, name, pytest.fail, raising=False)
    with pytest.raises(ImageFileError, match=r"photo\.jpg: it is not an image of a known format"):
        load_image(path)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.jpg", gradient(3, 1000, 2000), progressive=True)
    monkeypatch.setattr("adain_core.images.reader.free_host_memory", lambda: 30_000_000)
    message = r"a\.jpg: its 2000x1000 pixels take 44 MB of memory and 30 MB are free; scale"
    with pytest.raises(ImageFileError, match=message):
        load_image(path)
    # At a quarter of its size it fits.
    assert read_image_file(path, min_side=200).pixels.shape == (1, 3, 250, 500)
    monkeypatch.setattr(PIL.ImageFile.ImageFile, "load", pytest.fail)
    monkeypatch.setattr("adain_core.images.reader.free_host_memory", lambda: 10_000_000)
    for options in ({}, {"keep_uint8": True}, {"min_side": 200}):
        with pytest.raises(ImageFileError, match="of memory and"):
            read_image_file(path, **options)


@pytest.mark.parametrize("name", ["phone.HEIC", "renamed.jpg"])
def test_heic_with_its_plugin(tmp_path: Path, name: str) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    array = np.stack(
        [ramp[None].repeat(64, 0), ramp[:, None].repeat(64, 1), np.full((64, 64), 99)], -1
    )
    PIL.Image.fromarray(array.astype(np.uint8)).save(tmp_path / "a.heic", quality=95)
    (tmp_path / "a.heic").rename(tmp_path / name)
    pixels = load_image(tmp_path / name)
    assert (pixels - planar(array.astype(np.uint8))).abs().mean() < 0.02


def test_bomb_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.png", gradient(3, 10, 15))
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 100)
    filters = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert load_image(path).shape == (1, 3, 10, 15)
    assert caught == []
    assert warnings.filters == filters
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(ImageFileError, match=r"a\.png: it is too large .*150 pixels"):
        read_image_file(path)
    assert PIL.Image.MAX_IMAGE_PIXELS == 50


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "LA", "CMYK"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_read_eight_bits_as_they_are(tmp_path: Path, mode: str, orientation: int) -> None:
    image = PIL.Image.fromarray(gradient()).convert(mode)
    exif = camera_exif(orientation).tobytes()
    image.save(tmp_path / "a.tif", exif=exif)
    expected = read_image_file(tmp_path / "a.tif")
    file = read_image_file(tmp_path / "a.tif", keep_uint8=True)
    assert file.pixels.dtype == torch.uint8
    assert torch.equal(file.pixels.float() / 255, expected.pixels)
    assert file.exif == expected.exif
    assert torch.equal(to_pixels(tmp_path / "a.tif"), file.pixels)


def test_read_16_bits_as_float(tmp_path: Path) -> None:
    values = np.array([[0, 1, 255, 256]], dtype=np.uint16)
    path = save(tmp_path / "a.png", values)
    assert torch.equal(read_image_file(path, keep_uint8=True).pixels, load_image(path))
    assert read_image_file(path, keep_uint8=True).pixels[0, 0, 0, 1] == torch.tensor(1 / 65535)


@pytest.mark.parametrize(
    ("min_side", "size"), [(None, (120, 96)), (49, (120, 96)), (48, (60, 48)), (12, (15, 12))]
)
def test_large_jpegs_are_decoded_smaller_where_that_is_enough(
    tmp_path: Path, min_side: int | None, size: tuple[int, int]
) -> None:
    PIL.Image.new("RGB", (96, 120), (200, 100, 50)).save(tmp_path / "large.jpg", quality=95)
    pixels = read_image_file(tmp_path / "large.jpg", min_side=min_side).pixels
    assert tuple(pixels.shape) == (1, 3, *size)
    color = torch.tensor([200, 100, 50]) / 255
    torch.testing.assert_close(pixels.mean((0, 2, 3)), color, rtol=0, atol=0.02)


def test_what_is_no_image_file_says_what_it_is(tmp_path: Path) -> None:
    style = tmp_path / "wave.safetensors"
    style.write_bytes(b"not an image")
    with pytest.raises(ImageFileError, match=r"of a known format; load a style with Style\.load$"):
        read_image_file(style)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(ImageFileError, match="it is a named pipe, expected an image file"):
            read_image_file(tmp_path / "pipe.jpg")


def test_resized_jpegs_are_decoded_at_twice_the_size_or_more(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (120, 96, 3), dtype=np.uint8)
    path = save(tmp_path / "large.jpg", noise)
    decoded = read_image_file(path, keep_uint8=True, min_side=48).pixels
    assert tuple(decoded.shape) == (1, 3, 60, 48)
    assert torch.equal(read_resized(path, 24).pixels, resize_shortest_side(decoded, 24))
    assert torch.equal(read_resized(path, 0).pixels, read_image_file(path, keep_uint8=True).pixels)
