"""Images of more than 8 bits: the right values, or a sentence."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from image_samples import save

from adain_core.errors import ImageFileError
from adain_core.images import load_image

UNSIGNED, SIGNED, FLOAT = 1, 2, 3
BLACK_IS_ZERO, WHITE_IS_ZERO = 1, 0


def write_tiff(
    path: Path, data: bytes, width: int, bits: int, kind: int = UNSIGNED, photometric: int = 1
) -> Path:
    """One row of gray pixels, uncompressed, little-endian."""
    tags = [(256, width), (257, 1), (258, bits), (259, 1), (262, photometric), (273, 8)]
    tags += [(277, 1), (278, 1), (279, len(data)), (339, kind)]
    start = 8 + len(data) + len(data) % 2
    content = struct.pack("<2sHI", b"II", 42, start) + data + bytes(len(data) % 2)
    content += struct.pack("<H", len(tags))
    content += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    path.write_bytes(content + bytes(4))
    return path


def pack_12_bits(values: list[int]) -> bytes:
    pairs = zip(values[::2], values[1::2], strict=True)
    return b"".join((high << 12 | low).to_bytes(3, "big") for high, low in pairs)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_16_bits(tmp_path: Path, suffix: str, byte_order: str) -> None:
    values = np.array([[0, 1, 255, 256], [32768, 40000, 65534, 65535]], dtype=f"{byte_order}u2")
    mode = "I;16" if byte_order == "<" else "I;16B"
    image = PIL.Image.frombytes(mode, (4, 2), values.tobytes())
    if suffix == ".pgm":
        image = PIL.Image.fromarray(values.astype(np.int32))  # mode I
    image.save(tmp_path / f"a{suffix}")
    pixels = load_image(tmp_path / f"a{suffix}")
    expected = torch.from_numpy(values.astype(np.float32)) / 65535
    assert torch.equal(pixels, expected.expand(1, 3, 2, 4))


def test_12_bits(tmp_path: Path) -> None:
    """A scanner's white is 4095, a sixteenth of 16 bits."""
    values = [0, 1, 2048, 4095]
    path = write_tiff(tmp_path / "a.tif", pack_12_bits(values), 4, 12)
    expected = torch.tensor(values) / 4095
    torch.testing.assert_close(load_image(path), expected.expand(1, 3, 1, 4))


def test_white_is_zero(tmp_path: Path) -> None:
    values = np.array([0, 16384, 65535], dtype="<u2")
    path = write_tiff(tmp_path / "a.tif", values.tobytes(), 3, 16, photometric=WHITE_IS_ZERO)
    expected = 1 - torch.tensor([0, 16384, 65535]) / 65535
    torch.testing.assert_close(load_image(path), expected.expand(1, 3, 1, 3))
    levels = np.array([0, 100, 255], dtype="u1")
    path = write_tiff(tmp_path / "b.tif", levels.tobytes(), 3, 8, photometric=WHITE_IS_ZERO)
    assert torch.equal(load_image(path)[0, 0, 0], torch.tensor([255, 155, 0]) / 255)


def test_transparency_of_16_bits(tmp_path: Path) -> None:
    """In a PNG one number of 16 bits stands for what is not there."""
    values = np.array([[0, 40000, 40001, 65535]], dtype=np.uint16)
    path = save(tmp_path / "a.png", values, transparency=40000)
    pixels = load_image(path)
    assert torch.equal(pixels[0, 3, 0], torch.tensor([1.0, 0.0, 1.0, 1.0]))
    expected = torch.from_numpy(values.astype(np.float32)) / 65535
    assert torch.equal(pixels[:, :3], expected.expand(1, 3, 1, 4))


@pytest.mark.parametrize("photometric", [BLACK_IS_ZERO, WHITE_IS_ZERO])
def test_float(tmp_path: Path, photometric: int) -> None:
    values = np.array([-0.1, 0.25, 0.5, 1.2], dtype="<f4")
    path = write_tiff(tmp_path / "f.tif", values.tobytes(), 4, 32, FLOAT, photometric)
    expected = torch.tensor([0, 0.25, 0.5, 1])
    expected = expected if photometric == BLACK_IS_ZERO else 1 - expected
    assert torch.equal(load_image(path), expected.expand(1, 3, 1, 4))


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (255.0, r"expected values in 0\.\.1, got up to 255; divide by the value of white"),
        (float("nan"), "image has NaN or infinite values at 1 pixel"),
        (float("inf"), "image has NaN or infinite values at 1 pixel"),
    ],
)
def test_float_of_another_range(tmp_path: Path, value: float, cause: str) -> None:
    values = np.array([[0.5, value]], dtype=np.float32)
    with pytest.raises(ImageFileError, match=rf"^cannot read .*f\.tif: {cause}"):
        load_image(save(tmp_path / "f.tif", values))


@pytest.mark.parametrize(
    ("dtype", "kind", "words"),
    [
        ("<i2", SIGNED, "signed ones of 16 bits"),
        ("<u4", UNSIGNED, "unsigned ones of 32 bits"),
        ("<i4", SIGNED, "signed ones of 32 bits"),
    ],
)
def test_numbers_of_no_known_range(tmp_path: Path, dtype: str, kind: int, words: str) -> None:
    values = np.array([0, 100, 30000], dtype=dtype)
    path = write_tiff(tmp_path / "a.tif", values.tobytes(), 3, 8 * values.itemsize, kind)
    with pytest.raises(
        ImageFileError, match=rf"expected unsigned numbers of 8 to 16 .* got {words}"
    ):
        load_image(path)
