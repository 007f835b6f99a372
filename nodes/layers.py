"""The host's LAYERS: a drawn picture that lies over its photo."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def as_layers(photo: Tensor, drawn: Tensor, covered: Tensor | None) -> dict[str, Any]:
    """Return two layers as one document.

    Args:
        photo: IMAGE, ``(1, H, W, C)``.
        drawn: likewise, of the same size.
        covered: how far styles cover each pixel, ``(1, 1, H, W)`` in 0..1; ``None``: all of it.
    """
    top: dict[str, Any] = {"image": drawn, "type": "raster", "z_index": 1, "name": "drawn"}
    if covered is not None:
        # White is transparent there. At soft edges the drawn picture shows the photo by itself: cut
        # out where nothing is drawn, the layers look as the picture does.
        top["mask"] = (covered[:, 0] == 0).float()
    bottom = {"image": photo, "type": "raster", "z_index": 0, "name": "photo"}
    height, width = drawn.shape[1:3]
    return {"version": 1, "canvas": (width, height), "layers": [bottom, top]}
