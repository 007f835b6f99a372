"""torchvision where it does not fit torch: importing this lets it be imported."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path

import torch


def _let_torchvision_import() -> torch.library.Library | None:
    """Define torchvision's operators nms and qnms where its compiled library cannot be loaded.

    A torchvision built for CUDA beside a CPU build of torch fails at import for want of these two;
    its transforms, which are all that training needs, use neither. Nothing is done where
    torchvision is absent or its library loads. torchvision itself is not imported here.

    Returns:
        What must live as long as the definitions, if there are any.
    """
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return None
    for compiled in Path(spec.submodule_search_locations[0]).glob("_C*"):
        with contextlib.suppress(OSError):
            torch.ops.load_library(str(compiled))
            return None
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


# What must live as long as the definitions.
OPERATORS = _let_torchvision_import()
