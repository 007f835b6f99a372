from __future__ import annotations

import os
import re
import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from image_samples import RGB_PROFILE, assert_camera_exif, camera_exif, gradient, planar, save
from PIL import ExifTags

from adain_core.errors import ImageFileError, ImageFileWarning
from adain_core.images import (
    ImageFile,
    check_output_suffix,
    encode_image_file,
    load_image,
    read_image_file,
    save_image,
    write_image_file,
)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF"])
@pytest.mark.parametrize("channels", [3, 4])
def test_write_and_read_back_exactly(tmp_path: Path, suffix: str, channels: int) -> None:
    pixels = planar(np.arange(256 * channels).reshape(16, 16, channels).astype(np.uint8))
    save_image(tmp_path / f"a{suffix}", pixels)
    assert torch.equal(load_image(tmp_path / f"a{suffix}"), pixels)
    assert [file.name for file in tmp_path.iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_write_eight_bits(tmp_path: Path, channels: int, suffix: str) -> None:
    """The same file as of floats, in bands whose number of rows divides nothing."""
    levels = torch.randint(256, (1, channels, 300, 40), dtype=torch.uint8)
    save_image(tmp_path / f"a{suffix}", levels)
    save_image(tmp_path / f"b{suffix}", levels.float() / 255)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    if suffix == ".png":
        assert torch.equal(read_image_file(tmp_path / "a.png", keep_uint8=True).pixels, levels)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp"])
def test_write_lossy_formats_closely(tmp_path: Path, suffix: str) -> None:
    ramp = torch.linspace(0, 1, 64)
    pixels = torch.stack([ramp.expand(64, 64), ramp.expand(64, 64).T, torch.full((64, 64), 0.5)])
    sizes = []
    for quality in (100, 30):
        path = tmp_path / f"{quality}{suffix}"
        save_image(path, pixels, quality=quality)
        sizes.append(path.stat().st_size)
    assert (load_image(tmp_path / f"100{suffix}") - pixels).abs().mean() < 0.01
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_encode_without_a_file(tmp_path: Path, suffix: str) -> None:
    """What an archive holds is what a file would, and is read back alike."""
    save(tmp_path / "camera.jpg", gradient(), exif=camera_exif(1), icc_profile=RGB_PROFILE)
    image = read_image_file(tmp_path / "camera.jpg")
    path = tmp_path / f"a{suffix}"
    write_image_file(path, image, quality=80)
    content = encode_image_file(f"other{suffix}", image, quality=80)
    assert content == path.read_bytes()
    read = read_image_file(f"archive.tar/a{suffix}", data=content)
    assert torch.equal(read.pixels, load_image(path))
    assert (read.icc_profile, read.exif) == (image.icc_profile, read_image_file(path).exif)


def test_errors_without_a_file_name_it_all_the_same() -> None:
    with pytest.raises(ImageFileError, match=r"cannot read a\.tar/b\.jpg: .* known format"):
        read_image_file("a.tar/b.jpg", data=b"no image")
    with pytest.raises(ImageFileError, match="WEBP has at most"):
        encode_image_file("a.webp", ImageFile(torch.zeros(3, 1, 16_384)))
    with pytest.raises(ValueError, match="expected a file name ending in"):
        encode_image_file("a.gif", ImageFile(torch.zeros(3, 1, 1)))


def test_write_rounds_and_clamps(tmp_path: Path) -> None:
    steps = torch.tensor([-3.0, 0.49, 0.51, 100.4, 100.6, 254.6, 999.0]) / 255
    save_image(tmp_path / "a.png", steps.expand(3, 1, 7))
    written = np.array(PIL.Image.open(tmp_path / "a.png"))[0, :, 0]
    assert written.tolist() == [0, 0, 1, 100, 101, 255, 255]


def test_write_jpeg_lays_alpha_over_white(tmp_path: Path) -> None:
    pixels = torch.zeros(1, 4, 16, 16)
    pixels[:, 0], pixels[:, 3] = 1, 0.6  # red at 60 %
    with pytest.warns(ImageFileWarning, match=r"a\.jpg: JPEG has no transparency: it became white"):
        save_image(tmp_path / "a.jpg", pixels)
    read = load_image(tmp_path / "a.jpg")
    expected = torch.tensor([1, 0.4, 0.4]).view(1, 3, 1, 1).expand_as(read)
    assert torch.allclose(read, expected, atol=0.02)


@pytest.mark.parametrize("opaque", [torch.ones(1, 4, 8, 8), torch.full((4, 8, 8), 255).byte()])
def test_an_opaque_alpha_channel_is_no_loss(tmp_path: Path, opaque: torch.Tensor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_image(tmp_path / "a.jpg", opaque)
    assert load_image(tmp_path / "a.jpg").eq(1).all()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_write_keeps_profile_and_exif(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / "in.jpg", gradient(), icc_profile=RGB_PROFILE, exif=camera_exif(6))
    file = read_image_file(tmp_path / "in.jpg")
    out = tmp_path / f"out{suffix}"
    write_image_file(out, file)
    again = read_image_file(out)
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
        save_image(tmp_path / name, torch.rand(3, 4, 4))
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
        save_image(tmp_path / "a.png", pixels)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("quality", [0, 101])
def test_write_refuses_a_quality_out_of_range(tmp_path: Path, quality: int) -> None:
    with pytest.raises(ValueError, match=f"1..100, got {quality}"):
        save_image(tmp_path / "a.jpg", torch.rand(3, 4, 4), quality=quality)


def test_write_overwrites_unless_told_not_to(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    save_image(path, torch.zeros(3, 4, 4))
    with pytest.raises(ImageFileError, match=r"a\.png: the file exists; choose"):
        save_image(path, torch.ones(3, 4, 4), overwrite=False)
    assert load_image(path).max() == 0
    save_image(path, torch.ones(3, 4, 4))
    assert load_image(path).min() == 1


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
        save_image(path, torch.rand(3, 4, 4), overwrite=overwrite)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"] * overwrite


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_text_that_is_not_ascii_stays(tmp_path: Path, name: str) -> None:
    tags = PIL.Image.Exif()
    tags[ExifTags.Base.Copyright] = "© 2024 Jürgen Müller".encode()
    tags[ExifTags.Base.ImageDescription] = "写真".encode()
    PIL.Image.new("RGB", (4, 4)).save(tmp_path / "photo.jpg", exif=tags.tobytes())
    photo = read_image_file(tmp_path / "photo.jpg")
    write_image_file(tmp_path / name, photo)
    with PIL.Image.open(tmp_path / name) as image:
        text = image.getexif()
        assert text[ExifTags.Base.Copyright].encode("latin-1").decode() == "© 2024 Jürgen Müller"
        assert text[ExifTags.Base.ImageDescription].encode("latin-1").decode() == "写真"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("source", ["a.jpg", "a.png", "a.tif"])
def test_dots_per_inch_stay(tmp_path: Path, source: str, suffix: str) -> None:
    save(tmp_path / source, gradient(), dpi=(300, 150))
    photo = read_image_file(tmp_path / source)
    assert photo.dpi == pytest.approx((300, 150), abs=0.02)
    write_image_file(tmp_path / f"b{suffix}", photo)
    with PIL.Image.open(tmp_path / f"b{suffix}") as image:
        assert tuple(map(float, image.info["dpi"])) == pytest.approx((300, 150), abs=0.02)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
def test_an_image_without_dots_per_inch(tmp_path: Path, name: str) -> None:
    photo = read_image_file(save(tmp_path / name, gradient()))
    assert photo.dpi is None
    write_image_file(tmp_path / "b.png", photo)
    with PIL.Image.open(tmp_path / "b.png") as image:
        assert "dpi" not in image.info


def test_dots_per_inch_that_no_file_can_hold(tmp_path: Path) -> None:
    for dpi in ((1e6, 1e6), (0.5, 0.5)):
        assert read_image_file(save(tmp_path / "a.tif", gradient(), dpi=dpi)).dpi is None


def test_interrupted_write_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: PIL.Image.Image, stream, **_: object) -> None:
        stream.write_bytes(b"half a file")
        assert [file.suffix for file in tmp_path.iterdir()] == [".tmp"]
        raise KeyboardInterrupt

    monkeypatch.setattr(PIL.Image.Image, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_image(tmp_path / "a.png", torch.rand(3, 4, 4))
    assert list(tmp_path.iterdir()) == []


def test_write_errors_of_the_file_system(tmp_path: Path) -> None:
    pixels = torch.rand(3, 4, 4)
    with pytest.raises(ImageFileError, match=r"there is no folder .*nowhere"):
        save_image(tmp_path / "nowhere" / "a.png", pixels)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageFileError, match="a folder has that name"):
        save_image(tmp_path / "folder.png", pixels, overwrite=True)
    (tmp_path / "file").touch()
    with pytest.raises(ImageFileError, match=r"cannot write .*a\.png: "):
        save_image(tmp_path / "file" / "a.png", pixels)
    with pytest.raises(ImageFileError, match=r"a\.webp: WEBP has at most 16383 .*got 16384x1;"):
        save_image(tmp_path / "a.webp", torch.zeros(3, 1, 16384))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder.png"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions and links")
def test_written_file_has_ordinary_permissions_and_follows_links(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", torch.zeros(3, 4, 4))
    (tmp_path / "plain").touch()
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    save_image(tmp_path / "link.png", torch.ones(3, 4, 4), overwrite=True)
    assert (tmp_path / "link.png").is_symlink()
    assert load_image(tmp_path / "a.png").min() == 1
