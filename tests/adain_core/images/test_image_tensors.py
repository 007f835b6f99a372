from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from image_samples import ORIENTATION, camera_exif, gradient, planar, save

from adain_core import images
from adain_core.errors import ImageFileError
from adain_core.images import read_mask, to_pixels, to_tensor


def test_to_tensor_of_tensors() -> None:
    rgb = torch.rand(2, 3, 4, 5)
    assert to_tensor(rgb) is rgb
    assert torch.equal(to_tensor(rgb[0]), rgb[:1])
    rgba, gray = torch.rand(4, 4, 5), torch.rand(2, 1, 4, 5)
    assert torch.equal(to_tensor(rgba), rgba[None])
    assert torch.equal(to_tensor(gray), torch.cat([gray, gray, gray], dim=1))
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
    gray = array[..., 0]
    for image in (gray, gray[..., None]):
        assert torch.equal(to_tensor(image), planar(np.stack([gray] * 3, axis=-1)))
    for byte_order in "<>":
        words = np.array([[0, 1, 40000, 65535]], dtype=f"{byte_order}u2")
        expected = torch.tensor([0.0, 1.0, 40000.0, 65535.0]) / 65535
        assert torch.equal(to_tensor(words), expected.expand(1, 3, 1, 4))
    array.setflags(write=False)
    assert torch.equal(to_tensor(array), planar(array))


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
        (torch.ones(3, 5, 6) * 3, r"got 3..3; scale or clamp it$"),
        (torch.tensor([[[-2.0, 0.5, 2.0]]] * 3), r"got -2..2; it looks like -1..1"),
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


def test_a_pillow_image_that_is_cut_off(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", gradient(height=200, width=200))
    path.write_bytes(path.read_bytes()[:-100])
    for use in (to_tensor, read_mask):
        with pytest.raises(ImageFileError, match=r"^cannot read the image: .*truncated"):
            use(PIL.Image.open(path))
        with pytest.raises(ImageFileError, match=r"^cannot read .*a\.png: .*truncated"):
            use(path)
