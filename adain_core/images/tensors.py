"""Images of any kind that callers hand in, as the library's tensors."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from ..pixels import CHANNELS, as_batch, as_float, layout_hint
from .decoder import from_pillow
from .image_file import ImageFile
from .reader import read_image_file

ImageLike = (
    torch.Tensor | PIL.Image.Image | np.ndarray[Any, Any] | ImageFile | str | os.PathLike[str]
)
# For ``isinstance``.
IMAGE_KINDS = (torch.Tensor, PIL.Image.Image, np.ndarray, ImageFile, str, os.PathLike)


def to_tensor(image: ImageLike) -> Tensor:
    """Turn any image into the library's form: ``(B, 3, H, W)``, or ``(B, 4, H, W)`` with alpha.

    Args:
        image: one of

            - a tensor ``(C, H, W)`` or ``(B, C, H, W)`` with C = 1, 3 or 4,
            - a NumPy array ``(H, W)``, ``(H, W, C)`` or ``(B, H, W, C)``,
            - a Pillow image, converted and turned upright as :func:`read_image_file` does,
            - what :func:`read_image_file` returns, or the path of an image file.

            Tensors and arrays hold floats in 0..1 (a slight overshoot is left as it is), uint8
            or uint16.

    Returns:
        float32 in 0..1, gray repeated to three channels, on the tensor's device. A float32 RGB
        tensor is returned without a copy.

    Raises:
        ValueError: a wrong layout, type or range of values, NaN or infinite values, no pixels.
        TypeError: not an image of any of these kinds.
        ImageFileError: the file cannot be read.
    """
    return as_float(to_pixels(image))


def to_pixels(image: ImageLike) -> Tensor:
    """Turn any image into a tensor as :func:`to_tensor` does, but leave uint8 as it is.

    A uint8 tensor or array is not copied where there is a way.
    """
    if isinstance(image, torch.Tensor):
        return as_batch(image)
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if isinstance(image, PIL.Image.Image):
        return from_pillow(image).pixels
    if isinstance(image, ImageFile):
        return image.pixels
    if isinstance(image, (str, os.PathLike)):
        return read_image_file(image, keep_uint8=True).pixels
    raise TypeError(
        "expected an image as a torch tensor, a NumPy array, a Pillow image or a path, "
        f"got {type(image).__name__}"
    )


def _from_array(array: np.ndarray[Any, Any]) -> Tensor:
    shape = array.shape
    if array.ndim not in (2, 3, 4) or (array.ndim > 2 and shape[-1] not in CHANNELS):
        moves = {3: "1, 2, 0", 4: "0, 2, 3, 1"}
        hint = layout_hint(shape, -3, "channels-first: use array.transpose", moves)
        raise ValueError(
            "expected a NumPy image as (H, W), (H, W, C) or (B, H, W, C) with 1, 3 or 4 channels, "
            f"got shape {shape}{hint}"
        )
    if array.dtype.kind == "f":
        array = array.astype(np.float32)
    elif array.dtype == np.uint8:
        array = np.require(array, requirements=["C", "W"])  # torch knows no others
        if min(array.strides) < 0:  # of an axis of length 1, which NumPy does not mind
            array = array.copy()
    elif array.dtype.kind == "u" and array.dtype.itemsize == 2:
        array = array.astype(np.uint16)
    else:
        raise ValueError(
            "expected a NumPy image of floats in 0..1, uint8 or uint16, "
            f"got dtype {array.dtype.name}"
        )
    if array.ndim == 2:
        array = array[:, :, None]
    if array.dtype != np.uint8:
        array = np.ascontiguousarray(np.moveaxis(array, -1, -3))
        return as_batch(torch.from_numpy(array))
    return as_batch(torch.from_numpy(array).movedim(-1, -3))
