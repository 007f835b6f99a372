"""Color profiles: what is read is sRGB, what is written has the photo's profile again."""

from __future__ import annotations

import io
import warnings
from dataclasses import replace
from pathlib import Path

import icc
import numpy as np
import PIL.Image
import pytest
import torch
from image_samples import save
from PIL import ImageCms

from adain_core import ImageFile, read_image_file, write_image_file
from adain_core.errors import ImageFileWarning
from adain_core.images import load_image, read_mask, to_tensor

P3 = icc.rgb_profile(icc.DISPLAY_P3, None)
ADOBE = icc.rgb_profile(icc.ADOBE_RGB, 2.19921875)
SRGB = icc.rgb_profile(icc.SRGB, None)
SRGB_OF_PILLOW = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LEVEL = 1 / 255


@pytest.fixture(autouse=True)
def no_warnings() -> None:
    warnings.simplefilter("error", ImageFileWarning)


def cube(height: int = 300) -> np.ndarray:
    """Colors all over the cube, in more rows than are converted at once."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (height, 17, 3), dtype=np.uint8)


def pixels_of(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float32)).permute(2, 0, 1)[None]


@pytest.mark.parametrize(
    ("profile", "primaries", "gamma"),
    [(P3, icc.DISPLAY_P3, None), (ADOBE, icc.ADOBE_RGB, 2.19921875)],
    ids=["Display P3", "Adobe RGB"],
)
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_wide_colors_become_srgb(
    tmp_path: Path, profile: bytes, primaries: np.ndarray, gamma: float | None, suffix: str
) -> None:
    options = {"lossless": True} if suffix == ".webp" else {}
    path = save(tmp_path / f"a{suffix}", cube(), icc_profile=profile, **options)
    expected = pixels_of(icc.rgb_to_srgb(cube() / 255, primaries, gamma))
    for pixels in (load_image(path), to_tensor(path), to_tensor(PIL.Image.open(path))):
        # Dark colors that lie outside are clipped a little otherwise.
        difference = (pixels - expected).abs()
        assert difference.mean() < 0.3 * LEVEL
        assert difference.max() < 4 * LEVEL
    # A saturated red is more than a level away from what the numbers would be without a profile.
    assert (load_image(path) - pixels_of(cube() / 255)).abs().max() > 20 * LEVEL


@pytest.mark.parametrize("profile", [SRGB, SRGB_OF_PILLOW], ids=["by hand", "Pillow's"])
def test_srgb_under_any_name_stays_to_the_bit(tmp_path: Path, profile: bytes) -> None:
    file = read_image_file(save(tmp_path / "a.png", cube(), icc_profile=profile))
    assert torch.equal(file.pixels, pixels_of(cube()) / 255)
    write_image_file(tmp_path / "b.png", file)
    with PIL.Image.open(tmp_path / "b.png") as image:
        assert image.info["icc_profile"] == profile
        assert np.array_equal(np.asarray(image), cube())


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("profile", [P3, ADOBE], ids=["Display P3", "Adobe RGB"])
def test_results_go_back_into_the_photos_profile(
    tmp_path: Path, suffix: str, profile: bytes
) -> None:
    """Read again, the file shows the colors that were written."""
    photo = read_image_file(save(tmp_path / "photo.png", cube(), icc_profile=profile))
    inverted = pixels_of(cube()[::-1].copy()) / 255
    smooth = torch.nn.functional.avg_pool2d(inverted, 9, 1)
    write_image_file(tmp_path / f"b{suffix}", replace(photo, pixels=smooth), quality=100)
    with PIL.Image.open(tmp_path / f"b{suffix}") as image:
        assert image.info["icc_profile"] == profile
    again = load_image(tmp_path / f"b{suffix}")
    # WebP has a quarter of the colors.
    assert (again - smooth).abs().mean() < (3 if suffix == ".webp" else 1.5) * LEVEL


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "RGB;key"])
def test_transparency_keeps_its_numbers(tmp_path: Path, mode: str) -> None:
    colors = PIL.Image.fromarray(cube(40))
    alpha = PIL.Image.fromarray(cube(40)[..., 0])
    options = {}
    if mode == "RGBA":
        colors.putalpha(alpha)
    elif mode == "LA":
        colors = PIL.Image.merge("LA", (alpha, alpha))
    elif mode == "P":
        colors, options = colors.quantize(16), {"transparency": 3}
    else:
        options = {"transparency": tuple(cube(40)[5, 5].tolist())}
    colors.save(tmp_path / "plain.png", **options)
    colors.save(tmp_path / "p3.png", icc_profile=P3, **options)
    plain, managed = (load_image(tmp_path / f"{name}.png") for name in ("plain", "p3"))
    assert managed.shape[1] == 4
    assert torch.equal(managed[:, 3], plain[:, 3])
    expected = icc.rgb_to_srgb(plain[0, :3].permute(1, 2, 0).numpy(), icc.DISPLAY_P3, None)
    assert (managed[:, :3] - pixels_of(expected)).abs().mean() < 0.5 * LEVEL


@pytest.mark.parametrize("gamma", [1.8, 2.2, 1.0])
@pytest.mark.parametrize("bits", [8, 16])
def test_gray_profiles(tmp_path: Path, gamma: float, bits: int) -> None:
    levels = np.arange(0, 2**bits, 2 ** (bits - 8)).astype(f"uint{bits}")[None].repeat(3, axis=0)
    path = save(tmp_path / "a.png", levels, icc_profile=icc.gray_profile(gamma))
    file = read_image_file(path)
    expected = icc.encoded((levels / (2**bits - 1)) ** gamma)
    got = file.pixels[0]
    assert torch.equal(got[0], got[1]) and torch.equal(got[0], got[2])  # gray to the last bit
    assert np.abs(got[0].numpy() - expected).max() < 1.6 * LEVEL
    assert file.icc_profile is None


def test_cmyk_by_its_profile(tmp_path: Path) -> None:
    """The colors of a press, not of a formula: its cyan is no (0, 255, 255)."""
    corners = np.zeros((2, 2, 2, 2, 3))
    inks = np.indices((2, 2, 2, 2)).reshape(4, -1)
    paper, cyan, black = (95.0, 0.0, -2.0), (55.0, -37.0, -50.0), (16.0, 0.0, 0.0)
    for c, m, y, k in inks.T:
        corners[c, m, y, k] = black if k else cyan if c and not m and not y else paper
    image = PIL.Image.new("CMYK", (3, 1))
    image.putdata([(255, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 255)])
    profile = icc.cmyk_profile(corners)
    for name in ("a.tif", "a.jpg"):
        image.resize((96, 32), 0).save(tmp_path / name, icc_profile=profile, quality=100)
        file = read_image_file(tmp_path / name)
        got = file.pixels[0, :, 16, [16, 48, 80]].T
        # By the formulas of CIE Lab; the naive ones give (0, 1, 1), (1, 1, 1), (0, 0, 0).
        assert (got[0] - torch.tensor([0.0, 0.60, 0.86])).abs().max() < 0.08
        assert got[1].min() == 1  # paper
        assert (got[2] - 0.157).abs().max() < 0.02
        assert file.icc_profile is None


def test_a_gray_image_with_an_rgb_profile_is_converted(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint8)[None].repeat(2, axis=0)
    got = load_image(save(tmp_path / "a.png", levels, icc_profile=ADOBE))[0]
    expected = icc.encoded((levels / 255) ** 2.19921875)
    assert np.abs(got.numpy() - expected).max() < 2 * LEVEL
    assert (got.amax(dim=0) - got.amin(dim=0)).max() <= 1.01 * LEVEL


@pytest.mark.parametrize(
    ("profile", "cause"),
    [
        (b"no profile at all" * 10, "it is damaged"),
        (SRGB[:300] + bytes(400), "its color profile is ignored"),
        (icc.cmyk_profile(np.zeros((2, 2, 2, 2, 3))), "for 'CMYK' pixels, but these are 'RGB'"),
        (icc.gray_profile(2.2), "for 'GRAY' pixels, but these are 'RGB'"),
        (P3[:16] + b"RGB " + P3[20:40], "its color profile is ignored"),
    ],
    ids=["text", "damaged", "cmyk", "gray", "cut"],
)
def test_a_profile_that_does_not_fit_is_a_note(tmp_path: Path, profile: bytes, cause: str) -> None:
    path = save(tmp_path / "a.png", cube(20), icc_profile=profile)
    with pytest.warns(ImageFileWarning, match=r"a\.png: its color profile is ignored: .*"):
        file = read_image_file(path)
    with pytest.warns(ImageFileWarning, match=cause):
        read_image_file(path)
    assert torch.equal(file.pixels, pixels_of(cube(20)) / 255)
    assert file.icc_profile is None


def test_a_profile_that_only_reads_is_a_note(tmp_path: Path) -> None:
    """A scanner's table says what its colors are, not how to make them."""
    profile = icc.cmyk_profile(np.zeros((2, 2, 2, 2, 3)))
    file = ImageFile(pixels_of(cube(20)) / 255, profile)
    with pytest.warns(
        ImageFileWarning, match=r"b\.png: written as sRGB, since the photo's color p"
    ):
        write_image_file(tmp_path / "b.png", file)
    with PIL.Image.open(tmp_path / "b.png") as image:
        assert "icc_profile" not in image.info
        assert np.array_equal(np.asarray(image), cube(20))


def test_lab_by_its_profile(tmp_path: Path) -> None:
    """Its colors need no profile; one of Lab is no fault of the file."""
    lab = PIL.Image.new("LAB", (2, 1))
    lab.putdata([(140, 128 + 60, 128 + 50), (200, 128, 128)])
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB", 5000)).tobytes()
    lab.save(tmp_path / "plain.tif")
    lab.save(tmp_path / "lab.tif", icc_profile=profile)
    file = read_image_file(tmp_path / "lab.tif")  # without a warning
    assert torch.equal(file.pixels, load_image(tmp_path / "plain.tif"))
    # By the formulas of CIE Lab: L* = 54.9, a* = 60, b* = 50; and a gray of L* = 78.4.
    expected = torch.tensor([[0.874, 0.278, 0.193], [0.760, 0.760, 0.760]])
    assert (file.pixels[0, :, 0].T - expected).abs().max() < 0.03
    assert file.icc_profile is None


def test_masks_are_numbers_and_not_colors(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint8)[None].repeat(2, axis=0)
    path = save(tmp_path / "a.png", levels, icc_profile=icc.gray_profile(1.0))
    torch.testing.assert_close(read_mask(path), torch.from_numpy(levels) / 255)


def test_a_second_image_gets_the_same_profile() -> None:
    file = io.BytesIO()
    PIL.Image.new("RGB", (8, 8)).save(file, "PNG", icc_profile=P3)
    first, second = (read_image_file("x.png", data=file.getvalue()) for _ in range(2))
    assert first.icc_profile == second.icc_profile == P3
