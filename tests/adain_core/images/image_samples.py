"""Small images for the tests of image files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from PIL import ImageCms

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
