"""The host's LAYERS: a stylized image over its photo."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def as_layers(photo: Tensor, image: Tensor, covered: Tensor | None) -> dict[str, Any]:
    """Return two layers as one document.

    Args:
        photo: IMAGE, ``(1, H, W, C)``.
        image: the stylized image, likewise, of the same size.
        covered: how far styles cover each pixel, ``(1, 1, H, W)`` in 0..1; ``None``: all pixels.
    """
    top: dict[str, Any] = {"image": image, "type": "raster", "z_index": 1, "name": "stylized"}
    if covered is not None:
        # White is transparent there. Soft edges of the image already contain the photo, so only
        # pixels without any style are cut out.
        top["mask"] = (covered[:, 0] == 0).float()
    bottom = {"image": photo, "type": "raster", "z_index": 0, "name": "photo"}
    height, width = image.shape[1:3]
    return {"version": 1, "canvas": (width, height), "layers": [bottom, top]}
