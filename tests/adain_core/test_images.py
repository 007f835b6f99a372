from __future__ import annotations

import os
import re
import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, ImageCms

from adain_core import images
from adain_core.errors import ImageFileError
from adain_core.images import (
    check_output_suffix,
    list_images,
    read_image,
    to_pixels,
    to_tensor,
    write_image,
)
from adain_core.pixels import as_float, as_uint8, resize, resize_shortest_side

RGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY_PROFILE = RGB_PROFILE[:16] + b"GRAY" + RGB_PROFILE[20:]
CMYK_PROFILE = RGB_PROFILE[:16] + b"CMYK" + RGB_PROFILE[20:]
ORIENTATION, ARTIST, SOFTWARE, EXIF_BLOCK, GPS_BLOCK = 274, 315, 305, 34665, 34853
LENS_MODEL, F_NUMBER, INTEROP, GPS_LATITUDE_REF = 42036, 33437, 40965, 1


def gradient(channels: int = 3, height: int = 6, width: int = 8) -> np.ndarray:
    values = np.arange(height * width * channels) * 37 % 256
    return values.reshape(height, width, channels).astype(np.uint8)


def planar(array: np.ndarray) -> torch.Tensor:
    """(H, W, C) of 8 bits as (1, C, H, W) in 0..1."""
    return torch.from_numpy(array.copy()).permute(2, 0, 1)[None].float() / 255


def save(path: Path, array: np.ndarray, mode: str | None = None, **options: object) -> Path:
    image = PIL.Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


# --- reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".ppm", ".webp"])
def test_read_rgb(tmp_path: Path, suffix: str) -> None:
    options = {"lossless": True} if suffix == ".webp" else {}
    file = read_image(save(tmp_path / f"a{suffix}", gradient(), **options))
    assert file.pixels.dtype == torch.float32
    assert file.pixels.is_contiguous()
    assert torch.equal(file.pixels, planar(gradient()))
    assert file.icc_profile is None
    assert file.exif is None


def test_read_alpha(tmp_path: Path) -> None:
    rgba = gradient(4)
    assert torch.equal(read_image(save(tmp_path / "rgba.png", rgba)).pixels, planar(rgba))
    la = PIL.Image.fromarray(gradient(4)).convert("LA")
    la.save(tmp_path / "la.png")
    grey, alpha = np.moveaxis(np.array(la), -1, 0)
    expected = planar(np.stack([grey, grey, grey, alpha], axis=-1))
    assert torch.equal(read_image(tmp_path / "la.png").pixels, expected)


def test_read_grey_and_one_bit(tmp_path: Path) -> None:
    grey = gradient(1)[..., 0]
    pixels = read_image(save(tmp_path / "grey.png", grey)).pixels
    assert torch.equal(pixels, planar(np.stack([grey] * 3, axis=-1)))
    bits = grey > 127
    pixels = read_image(save(tmp_path / "bits.png", bits)).pixels
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
    assert torch.equal(read_image(tmp_path / "opaque.png").pixels, expected)
    clear = read_image(tmp_path / "clear.png").pixels
    assert torch.equal(clear[:, :3], expected)
    assert torch.equal(clear[0, 3, 0], torch.tensor([1.0, 0.4]))
    assert torch.equal(read_image(tmp_path / "clear.gif").pixels[0, 3, 0], torch.tensor([1.0, 0]))


def test_read_colour_key(tmp_path: Path) -> None:
    array = np.array([[[10, 20, 30], [40, 50, 60]]], dtype=np.uint8)
    pixels = read_image(save(tmp_path / "key.png", array, transparency=(40, 50, 60))).pixels
    assert torch.equal(pixels[:, :3], planar(array))
    assert torch.equal(pixels[0, 3, 0], torch.tensor([1.0, 0.0]))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_read_16_bit_grey(tmp_path: Path, suffix: str, byte_order: str) -> None:
    values = np.array([[0, 1, 255, 256], [32768, 40000, 65534, 65535]], dtype=f"{byte_order}u2")
    mode = "I;16" if byte_order == "<" else "I;16B"
    image = PIL.Image.frombytes(mode, (4, 2), values.tobytes())
    if suffix == ".pgm":
        image = PIL.Image.fromarray(values.astype(np.int32))  # mode I
    image.save(tmp_path / f"a{suffix}")
    pixels = read_image(tmp_path / f"a{suffix}").pixels
    expected = torch.from_numpy(values.astype(np.float32)) / 65535
    assert torch.equal(pixels, expected.expand(1, 3, 2, 4))


def test_read_float_is_clamped_and_must_be_finite(tmp_path: Path) -> None:
    values = np.array([[-1.0, 0.25, 0.5, 7.0]], dtype=np.float32)
    pixels = read_image(save(tmp_path / "f.tif", values)).pixels
    assert torch.equal(pixels, torch.tensor([0, 0.25, 0.5, 1]).expand(1, 3, 1, 4))
    values[0, 1] = np.nan
    with pytest.raises(ImageFileError, match=r"nan\.tif: image has NaN or infinite values at 1 pi"):
        read_image(save(tmp_path / "nan.tif", values))


def test_read_cmyk_without_its_profile(tmp_path: Path) -> None:
    image = PIL.Image.new("CMYK", (2, 1))
    image.putdata([(255, 0, 0, 0), (0, 0, 0, 204)])
    image.save(tmp_path / "a.tif", icc_profile=CMYK_PROFILE)
    file = read_image(tmp_path / "a.tif")
    expected = torch.tensor([[0.0, 1.0, 1.0], [0.2, 0.2, 0.2]]).T[None, :, None]
    assert torch.allclose(file.pixels, expected)
    assert file.icc_profile is None


def test_read_profile_of_rgb_and_not_of_grey(tmp_path: Path) -> None:
    rgb = save(tmp_path / "rgb.png", gradient(), icc_profile=RGB_PROFILE)
    assert read_image(rgb).icc_profile == RGB_PROFILE
    grey = save(tmp_path / "grey.png", gradient(1)[..., 0], icc_profile=GREY_PROFILE)
    with PIL.Image.open(grey) as image:
        assert image.info["icc_profile"] == GREY_PROFILE
    assert read_image(grey).icc_profile is None


def test_read_first_frame(tmp_path: Path) -> None:
    frames = [PIL.Image.new("RGB", (3, 2), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    for suffix in ("gif", "png"):
        pixels = read_image(tmp_path / f"a.{suffix}").pixels
        assert pixels[0, :, 0, 0].tolist() == [1, 0, 0]


def camera_exif(orientation: int) -> PIL.Image.Exif:
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = orientation
    exif[ARTIST] = "A. Nother"
    exif[EXIF_BLOCK] = {LENS_MODEL: "50 mm", F_NUMBER: 2.8}
    exif[GPS_BLOCK] = {GPS_LATITUDE_REF: "N"}
    return exif


def assert_camera_exif(exif: PIL.Image.Exif) -> None:
    assert ORIENTATION not in exif
    assert exif[ARTIST] == "A. Nother"
    assert exif.get_ifd(EXIF_BLOCK)[LENS_MODEL] == "50 mm"
    assert float(exif.get_ifd(EXIF_BLOCK)[F_NUMBER]) == pytest.approx(2.8)
    assert exif.get_ifd(GPS_BLOCK)[GPS_LATITUDE_REF] == "N"


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
    file = read_image(path)
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
    file = read_image(path)
    assert torch.equal(file.pixels, planar(np.rot90(gradient(), -1)))
    kept = PIL.Image.Exif()
    kept.load(file.exif)
    assert dict(kept) == {ARTIST: "A. Nother"}


def test_exif_of_orientation_alone_is_none(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = 6
    file = read_image(save(tmp_path / "a.jpg", gradient(), exif=exif))
    assert file.pixels.shape == (1, 3, 8, 6)
    assert file.exif is None


def test_a_jpeg_without_an_exif_that_is_too_large_for_one(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x010E] = "x" * 70_000  # ImageDescription
    for suffix, kept in (("jpg", False), ("png", True)):
        path = tmp_path / f"a.{suffix}"
        write_image(path, torch.rand(1, 3, 8, 8), exif=exif.tobytes())
        assert (read_image(path).exif is not None) == kept


def test_exif_interoperability_offset_is_dropped(tmp_path: Path) -> None:
    exif = camera_exif(1)
    exif[EXIF_BLOCK] = {LENS_MODEL: "50 mm", INTEROP: {1: "R98"}}
    file = read_image(save(tmp_path / "a.png", gradient(), exif=exif))
    kept = PIL.Image.Exif()
    kept.load(file.exif)
    assert dict(kept.get_ifd(EXIF_BLOCK)) == {LENS_MODEL: "50 mm"}


def test_damaged_exif_does_not_cost_the_picture(tmp_path: Path) -> None:
    file = read_image(save(tmp_path / "a.png", gradient(), exif=b"Exif\0\0not a TIFF header"))
    assert torch.equal(file.pixels, planar(gradient()))
    assert file.exif is None


def test_read_errors_name_the_file_and_the_cause(tmp_path: Path) -> None:
    png = save(tmp_path / "whole.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3), "u1"))
    (tmp_path / "cut.png").write_bytes(png.read_bytes()[:3000])
    jpeg = save(tmp_path / "whole.jpg", gradient(3, 64, 64))
    (tmp_path / "cut.jpg").write_bytes(jpeg.read_bytes()[:-200])
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "phone.HEIC").write_bytes(b"ftypheic")
    (tmp_path / "folder.png").mkdir()
    for name, cause in {
        "missing.png": "there is no such file",
        "folder.png": "it is a folder",
        "text.png": "it is not an image that Pillow knows$",
        "phone.HEIC": "it is not an image that Pillow knows; save it as JPEG or PNG first",
        "empty.jpg": "it is not an image that Pillow knows",
        "cut.png": "truncated",
        "cut.jpg": "truncated",
    }.items():
        path = tmp_path / name
        with pytest.raises(
            ImageFileError, match=rf"^cannot read {re.escape(str(path))}: .*{cause}"
        ):
            read_image(path)


def test_bomb_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.png", gradient(3, 10, 15))
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 100)
    filters = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert read_image(path).pixels.shape == (1, 3, 10, 15)
    assert caught == []
    assert warnings.filters == filters
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(ImageFileError, match=r"a\.png: it is too large .*150 pixels"):
        read_image(path)
    assert PIL.Image.MAX_IMAGE_PIXELS == 50


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "LA", "CMYK"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_read_eight_bits_as_they_are(tmp_path: Path, mode: str, orientation: int) -> None:
    image = PIL.Image.fromarray(gradient()).convert(mode)
    exif = camera_exif(orientation).tobytes()
    image.save(tmp_path / "a.tif", exif=exif)
    expected, file = read_image(tmp_path / "a.tif"), read_image(tmp_path / "a.tif", keep_uint8=True)
    assert file.pixels.dtype == torch.uint8
    assert torch.equal(file.pixels.float() / 255, expected.pixels)
    assert file.exif == expected.exif
    assert torch.equal(to_pixels(tmp_path / "a.tif"), file.pixels)


def test_read_16_bits_as_float(tmp_path: Path) -> None:
    values = np.array([[0, 1, 255, 256]], dtype=np.uint16)
    path = save(tmp_path / "a.png", values)
    assert torch.equal(read_image(path, keep_uint8=True).pixels, read_image(path).pixels)
    assert read_image(path, keep_uint8=True).pixels[0, 0, 0, 1] == torch.tensor(1 / 65535)


# --- writing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF"])
@pytest.mark.parametrize("channels", [3, 4])
def test_write_and_read_back_exactly(tmp_path: Path, suffix: str, channels: int) -> None:
    pixels = planar(np.arange(256 * channels).reshape(16, 16, channels).astype(np.uint8))
    write_image(tmp_path / f"a{suffix}", pixels)
    assert torch.equal(read_image(tmp_path / f"a{suffix}").pixels, pixels)
    assert [file.name for file in tmp_path.iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_write_eight_bits(tmp_path: Path, channels: int, suffix: str) -> None:
    """The same file as of floats, in bands whose number of rows divides nothing."""
    levels = torch.randint(256, (1, channels, 300, 40), dtype=torch.uint8)
    write_image(tmp_path / f"a{suffix}", levels)
    write_image(tmp_path / f"b{suffix}", levels.float() / 255)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    if suffix == ".png":
        assert torch.equal(read_image(tmp_path / "a.png", keep_uint8=True).pixels, levels)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp"])
def test_write_lossy_formats_closely(tmp_path: Path, suffix: str) -> None:
    ramp = torch.linspace(0, 1, 64)
    pixels = torch.stack([ramp.expand(64, 64), ramp.expand(64, 64).T, torch.full((64, 64), 0.5)])
    sizes = []
    for quality in (100, 30):
        path = tmp_path / f"{quality}{suffix}"
        write_image(path, pixels, quality=quality)
        sizes.append(path.stat().st_size)
    assert (read_image(tmp_path / f"100{suffix}").pixels - pixels).abs().mean() < 0.01
    assert sizes[1] < sizes[0]


def test_write_rounds_and_clamps(tmp_path: Path) -> None:
    steps = torch.tensor([-3.0, 0.49, 0.51, 100.4, 100.6, 254.6, 999.0]) / 255
    write_image(tmp_path / "a.png", steps.expand(3, 1, 7))
    written = np.array(PIL.Image.open(tmp_path / "a.png"))[0, :, 0]
    assert written.tolist() == [0, 0, 1, 100, 101, 255, 255]


def test_write_jpeg_lays_alpha_over_white(tmp_path: Path) -> None:
    pixels = torch.zeros(1, 4, 16, 16)
    pixels[:, 0], pixels[:, 3] = 1, 0.6  # red at 60 %
    write_image(tmp_path / "a.jpg", pixels)
    read = read_image(tmp_path / "a.jpg").pixels
    expected = torch.tensor([1, 0.4, 0.4]).view(1, 3, 1, 1).expand_as(read)
    assert torch.allclose(read, expected, atol=0.02)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_write_keeps_profile_and_exif(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / "in.jpg", gradient(), icc_profile=RGB_PROFILE, exif=camera_exif(6))
    file = read_image(tmp_path / "in.jpg")
    out = tmp_path / f"out{suffix}"
    write_image(out, file.pixels, icc_profile=file.icc_profile, exif=file.exif)
    again = read_image(out)
    assert again.pixels.shape == (1, 3, 8, 6)
    assert again.icc_profile == RGB_PROFILE
    exif = PIL.Image.Exif()
    exif.load(again.exif)
    assert_camera_exif(exif)


@pytest.mark.parametrize("name", ["a.gif", "a", "a.png.bak"])
def test_write_unknown_suffix(tmp_path: Path, name: str) -> None:
    got = repr(Path(name).suffix) if Path(name).suffix else "none"
    message = f"expected a file name ending in .png, .jpg, .jpeg, .webp, .tif, .tiff; got {got}"
    with pytest.raises(ValueError, match=re.escape(message)):
        check_output_suffix(name)
    with pytest.raises(ValueError, match=re.escape(message)):
        write_image(tmp_path / name, torch.rand(3, 4, 4))
    assert check_output_suffix("A.JPG") == "JPEG"


@pytest.mark.parametrize(
    "pixels, message",
    [
        (torch.rand(2, 3, 4, 4), r"got shape \(2, 3, 4, 4\)"),
        (torch.rand(4, 4), r"got shape \(4, 4\)"),
        (torch.rand(1, 4, 4), r"got shape \(1, 4, 4\)"),
        (torch.rand(3, 0, 4), r"got shape \(3, 0, 4\)"),
        (torch.ones(3, 4, 4).int(), "got torch.int32"),
        (torch.full((3, 4, 4), float("nan")), "NaN or infinite values at 16 pixels"),
    ],
)
def test_write_refuses_what_is_no_image(tmp_path: Path, pixels: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_image(tmp_path / "a.png", pixels)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("quality", [0, 101])
def test_write_refuses_a_quality_out_of_range(tmp_path: Path, quality: int) -> None:
    with pytest.raises(ValueError, match=f"1..100, got {quality}"):
        write_image(tmp_path / "a.jpg", torch.rand(3, 4, 4), quality=quality)


def test_write_overwrites_only_when_told(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_image(path, torch.zeros(3, 4, 4))
    with pytest.raises(
        ImageFileError, match=r"a\.png: the file exists; pass overwrite=True \(--ov"
    ):
        write_image(path, torch.ones(3, 4, 4))
    assert read_image(path).pixels.max() == 0
    write_image(path, torch.ones(3, 4, 4), overwrite=True)
    assert read_image(path).pixels.min() == 1


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("encoder")])
@pytest.mark.parametrize("overwrite", [False, True])
def test_failed_write_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, overwrite: bool
) -> None:
    path = tmp_path / "a.png"
    if overwrite:
        path.write_bytes(b"old")

    def fail(self: PIL.Image.Image, stream, **_: object) -> None:
        stream.write_bytes(b"half a file")
        raise error

    monkeypatch.setattr(PIL.Image.Image, "save", fail)
    with pytest.raises(ImageFileError, match=r"cannot write .*a\.png: (No space left|encoder)"):
        write_image(path, torch.rand(3, 4, 4), overwrite=overwrite)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"] * overwrite


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_text_that_is_not_ascii_stays(tmp_path: Path, name: str) -> None:
    tags = PIL.Image.Exif()
    tags[ExifTags.Base.Copyright] = "© 2024 Jürgen Müller".encode()
    tags[ExifTags.Base.ImageDescription] = "写真".encode()
    PIL.Image.new("RGB", (4, 4)).save(tmp_path / "photo.jpg", exif=tags.tobytes())
    photo = read_image(tmp_path / "photo.jpg")
    write_image(tmp_path / name, photo.pixels, exif=photo.exif)
    with PIL.Image.open(tmp_path / name) as image:
        text = image.getexif()
        assert text[ExifTags.Base.Copyright].encode("latin-1").decode() == "© 2024 Jürgen Müller"
        assert text[ExifTags.Base.ImageDescription].encode("latin-1").decode() == "写真"


def test_interrupted_write_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: PIL.Image.Image, stream, **_: object) -> None:
        stream.write_bytes(b"half a file")
        assert [file.suffix for file in tmp_path.iterdir()] == [".tmp"]
        raise KeyboardInterrupt

    monkeypatch.setattr(PIL.Image.Image, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_image(tmp_path / "a.png", torch.rand(3, 4, 4))
    assert list(tmp_path.iterdir()) == []


def test_write_errors_of_the_file_system(tmp_path: Path) -> None:
    pixels = torch.rand(3, 4, 4)
    with pytest.raises(ImageFileError, match=r"there is no folder .*nowhere"):
        write_image(tmp_path / "nowhere" / "a.png", pixels)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageFileError, match="a folder has that name"):
        write_image(tmp_path / "folder.png", pixels, overwrite=True)
    (tmp_path / "file").touch()
    with pytest.raises(ImageFileError, match=r"cannot write .*a\.png: "):
        write_image(tmp_path / "file" / "a.png", pixels)
    with pytest.raises(ImageFileError, match=r"a\.webp: WEBP has at most 16383 .*got 16384x1;"):
        write_image(tmp_path / "a.webp", torch.zeros(3, 1, 16384))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder.png"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions and links")
def test_written_file_has_ordinary_permissions_and_follows_links(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", torch.zeros(3, 4, 4))
    (tmp_path / "plain").touch()
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    write_image(tmp_path / "link.png", torch.ones(3, 4, 4), overwrite=True)
    assert (tmp_path / "link.png").is_symlink()
    assert read_image(tmp_path / "a.png").pixels.min() == 1


# --- images in memory -------------------------------------------------------------------------


def test_to_tensor_of_tensors() -> None:
    rgb = torch.rand(2, 3, 4, 5)
    assert to_tensor(rgb) is rgb
    assert torch.equal(to_tensor(rgb[0]), rgb[:1])
    rgba, grey = torch.rand(4, 4, 5), torch.rand(2, 1, 4, 5)
    assert torch.equal(to_tensor(rgba), rgba[None])
    assert torch.equal(to_tensor(grey), torch.cat([grey, grey, grey], dim=1))
    assert to_tensor(rgb.double()).dtype == torch.float32
    assert torch.equal(to_tensor(rgb.half()), rgb.half().float())
    levels = torch.arange(256, dtype=torch.uint8).view(1, 16, 16)
    assert torch.equal(to_tensor(levels)[0, 0], torch.arange(256).view(16, 16) / 255)
    overshoot = torch.tensor([-0.1, 0.5, 1.2]).view(3, 1, 1)
    assert torch.equal(to_tensor(overshoot), overshoot[None])


def test_to_tensor_of_arrays() -> None:
    array = gradient()
    assert torch.equal(to_tensor(array), planar(array))
    assert torch.equal(to_tensor(array[::-1, ::-1]), planar(array[::-1, ::-1]))
    assert torch.equal(to_tensor(array[:1][::-1]), planar(array[:1]))
    floats = np.random.default_rng(0).random((2, 4, 5, 4))
    expected = torch.from_numpy(floats.transpose(0, 3, 1, 2)).float()
    assert torch.equal(to_tensor(floats), expected)
    grey = array[..., 0]
    for image in (grey, grey[..., None]):
        assert torch.equal(to_tensor(image), planar(np.stack([grey] * 3, axis=-1)))
    for byte_order in "<>":
        words = np.array([[0, 1, 40000, 65535]], dtype=f"{byte_order}u2")
        expected = torch.tensor([0.0, 1.0, 40000.0, 65535.0]) / 65535
        assert torch.equal(to_tensor(words), expected.expand(1, 3, 1, 4))
    array.setflags(write=False)
    assert torch.equal(to_tensor(array), planar(array))


def test_every_level_of_eight_bits_comes_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(as_uint8(as_float(levels)), levels)
    assert as_uint8(levels) is levels
    assert torch.equal(as_float(levels), torch.arange(256) / 255)
    assert as_uint8(torch.tensor([-0.1, 0.0019, 0.002, 1.3])).tolist() == [0, 0, 1, 255]


def test_to_pixels_keeps_eight_bits_without_a_copy() -> None:
    array, tensor = gradient(), torch.zeros(2, 3, 4, 5, dtype=torch.uint8)
    assert to_pixels(tensor) is tensor
    pixels = to_pixels(array)
    assert pixels.dtype == torch.uint8
    assert torch.equal(pixels.float() / 255, planar(array))
    assert pixels.data_ptr() == array.ctypes.data
    assert to_pixels(torch.zeros(1, 4, 5, dtype=torch.uint8)).shape == (1, 3, 4, 5)
    assert to_pixels(array.astype(np.float32) / 255).dtype == torch.float32
    assert to_pixels(array.astype(np.uint16)).dtype == torch.float32


def test_to_tensor_never_shares_memory_with_arrays() -> None:
    array = np.full((4, 5, 1), 0.5, dtype=np.float32)
    for source in (array, np.repeat(array, 3, axis=-1)):
        to_tensor(source).zero_()
        assert (source == 0.5).all()


def test_to_tensor_of_pillow_images_and_paths(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", gradient(), exif=camera_exif(6))
    expected = planar(np.rot90(gradient(), -1))
    assert torch.equal(to_tensor(path), expected)
    assert torch.equal(to_tensor(str(path)), expected)
    with PIL.Image.open(path) as image:
        assert torch.equal(to_tensor(image), expected)
        assert image.size == (8, 6)
        assert image.getexif()[ORIENTATION] == 6
    assert torch.equal(to_tensor(PIL.Image.new("L", (2, 3), 51)), torch.full((1, 3, 3, 2), 0.2))
    with pytest.raises(ImageFileError, match="no such file"):
        to_tensor(tmp_path / "missing.png")


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "image, message",
    [
        (torch.rand(5, 6), r"tensor image as \(C, H, W\).*got shape \(5, 6\)$"),
        (torch.rand(5, 6, 3), r"got shape \(5, 6, 3\); .*use image.permute\(2, 0, 1\)"),
        (torch.rand(2, 5, 6, 4), r"got shape \(2, 5, 6, 4\); .*image.permute\(0, 3, 1, 2\)"),
        (torch.rand(2, 5, 6), r"1, 3 or 4 channels, got shape \(2, 5, 6\)$"),
        (torch.rand(1, 1, 3, 5, 6), r"got shape \(1, 1, 3, 5, 6\)$"),
        (torch.rand(3, 0, 6), r"an image with pixels, got shape \(3, 0, 6\)"),
        (torch.rand(0, 3, 6, 6), r"an image with pixels, got shape \(0, 3, 6, 6\)"),
        (torch.ones(3, 5, 6).long(), r"floats in 0..1, uint8 or uint16, got torch.int64"),
        (torch.ones(3, 5, 6) * 200, r"got 200..200; it looks like 0..255: divide by 255"),
        (torch.ones(3, 5, 6) * -0.9, r"got -0.9..-0.9; it looks like -1..1"),
        (torch.tensor([[[NAN, 0.5, INF]]] * 3), r"image has NaN or infinite values at 2 pixels"),
        (torch.tensor([[[-INF, 0.5, 0.1]]]), r"image has NaN or infinite values at 1 pixel$"),
        (np.ones(5), r"NumPy image as \(H, W\), .*got shape \(5,\)$"),
        (np.ones((3, 5, 6)), r"got shape \(3, 5, 6\); .*use array.transpose\(1, 2, 0\)"),
        (np.ones((2, 3, 5, 6)), r"use array.transpose\(0, 2, 3, 1\)"),
        (np.ones((5, 6, 2)), r"got shape \(5, 6, 2\)$"),
        (np.ones((0, 6, 3)), r"an image with pixels, got shape"),
        (np.ones((5, 6, 3), dtype=int), r"uint8 or uint16, got dtype int"),
        (np.full((5, 6, 3), 9.0), r"it looks like 0..255"),
        (np.full((5, 6, 3), NAN), r"NaN or infinite values at 30 pixels"),
        (PIL.Image.new("RGB", (0, 4)), r"an image with pixels, got one of 0x4"),
    ],
)
def test_to_tensor_says_what_is_wrong(image: images.ImageLike, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_tensor(image)


def test_to_tensor_of_something_else() -> None:
    with pytest.raises(TypeError, match="a Pillow image or a path, got list"):
        to_tensor([1, 2, 3])  # type: ignore[arg-type]


# --- resizing ---------------------------------------------------------------------------------


@given(height=st.integers(1, 60), width=st.integers(1, 60), size=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_resize_shape_and_flat_values(height: int, width: int, size: int) -> None:
    image = torch.full((1, 3, height, width), 0.25)
    resized = resize_shortest_side(image, size)
    long = int(size * max(height, width) / min(height, width))
    assert resized.shape == (1, 3, size, long) if height <= width else (1, 3, long, size)
    assert torch.allclose(resized, torch.full_like(resized, 0.25))
    assert (resized is image) == (min(height, width) == size)


def test_resize_is_antialiased_and_stays_in_range() -> None:
    checkerboard = (torch.arange(64)[:, None] + torch.arange(96)[None]).remainder(2).float()
    resized = resize_shortest_side(checkerboard.expand(1, 3, 64, 96), 16)
    assert resized.shape == (1, 3, 16, 24)
    assert (resized[..., 2:-2, 2:-2] - 0.5).abs().max() < 0.05
    assert resized.min() >= 0 and resized.max() <= 1


def test_resize_errors() -> None:
    with pytest.raises(ValueError, match="at least 1 pixel, got 0"):
        resize_shortest_side(torch.rand(1, 3, 4, 4), 0)
    with pytest.raises(ValueError, match=r"\(B, C, H, W\), got shape \(3, 4, 4\)"):
        resize_shortest_side(torch.rand(3, 4, 4), 2)


def test_resize_one_pixel_wide() -> None:
    column = torch.tensor([0.0, 1.0]).view(1, 1, 2, 1).repeat(1, 3, 1, 1)
    resized = resize(column, (3, 1))
    torch.testing.assert_close(resized[0, 0, :, 0], torch.tensor([0, 0.5, 1]))
    torch.testing.assert_close(resize(column.mT, (1, 3)), resized.mT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8], ids=["float", "uint8"])
def test_resize_keeps_what_a_cut_out_hides_out_of_its_edges(dtype: torch.dtype) -> None:
    image = torch.rand(1, 4, 40, 40, generator=torch.Generator().manual_seed(0))
    image[:, 3] = (torch.arange(40) < 19).float()
    image[:, :3, :, :19] = torch.tensor([1.0, 0.8, 0.4])[:, None, None]
    given = image if dtype == torch.float32 else as_uint8(image)
    resized = resize(given, (20, 20))
    torch.testing.assert_close(resized[:, 3:], resize(given[:, 3:], (20, 20)))
    assert 0 < resized[0, 3, 0, 9] < 1  # the edge
    for channel, value in enumerate((1.0, 0.8, 0.4)):
        assert (resized[:, channel, :, :10] - value).abs().max() < 0.005
    # What is hidden all around is as without transparency.
    expected = resize(given[:, :3], (20, 20))[..., 12:]
    torch.testing.assert_close(resized[:, :3, :, 12:], expected, rtol=1e-4, atol=1e-5)


def test_resize_eight_bits() -> None:
    levels = torch.randint(256, (2, 4, 20, 31), dtype=torch.uint8)
    expected = resize_shortest_side(levels.float() / 255, 7)
    torch.testing.assert_close(resize_shortest_side(levels, 7), expected, rtol=0, atol=1e-6)
    assert resize_shortest_side(levels, 20) is levels


# --- lists of files ---------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.png", "a.JPG", "c.webp", "notes.txt", ".hidden.png", "x[1].png", "sub/d.png"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "in" / "folder.png").mkdir()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(paths: list[Path]) -> list[str]:
    return [path.as_posix() for path in paths]


def test_list_images(folder: Path) -> None:
    everything = ["in/a.JPG", "in/b.png", "in/c.webp", "in/x[1].png"]
    assert names(list_images(["in"])) == everything
    assert names(list_images("in")) == everything
    assert names(list_images(["in/*.png"])) == ["in/b.png", "in/x[1].png"]
    assert names(list_images(["in/*"])) == everything
    assert names(list_images(["in/**/d.png"])) == ["in/sub/d.png"]
    assert list_images([folder / "in" / "?.png"]) == [folder / "in" / "b.png"]
    assert names(list_images(["in/x[1].png"])) == ["in/x[1].png"]
    assert names(list_images(["in/missing.png", "in/notes.txt"])) == [
        "in/missing.png",
        "in/notes.txt",
    ]


def test_list_images_keeps_order_and_drops_duplicates(folder: Path) -> None:
    listed = list_images(["in/c.webp", folder / "in" / "b.png", "./in/c.webp", "in"])
    assert [path.name for path in listed] == ["c.webp", "b.png", "a.JPG", "x[1].png"]


def test_what_may_not_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "is_dir", refused)
    for read in (list_images, read_image):
        with pytest.raises(ImageFileError, match=r"^cannot read secret/a\.png: Permission denied$"):
            read("secret/a.png")


@pytest.mark.parametrize(
    "path, kind", [("empty", "folder"), ("in/*.txt", "pattern"), ("no/*.png", "pattern")]
)
def test_list_images_of_nothing(folder: Path, path: str, kind: str) -> None:
    message = re.escape(f"found no image files in the {kind} {Path(path)}")
    with pytest.raises(ImageFileError, match=message):
        list_images(["in/a.JPG", path])


@pytest.mark.parametrize(
    ("enough", "size"), [(None, (120, 96)), (49, (120, 96)), (48, (60, 48)), (12, (15, 12))]
)
def test_large_jpegs_are_decoded_smaller_where_that_is_enough(
    tmp_path: Path, enough: int | None, size: tuple[int, int]
) -> None:
    PIL.Image.new("RGB", (96, 120), (200, 100, 50)).save(tmp_path / "large.jpg", quality=95)
    pixels = read_image(tmp_path / "large.jpg", enough=enough).pixels
    assert tuple(pixels.shape) == (1, 3, *size)
    color = torch.tensor([200, 100, 50]) / 255
    torch.testing.assert_close(pixels.mean((0, 2, 3)), color, rtol=0, atol=0.02)
