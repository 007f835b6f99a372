"""Batches: inputs with one entry for all images, or one for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..adain_core import Features, Style
from ..adain_core.engine.strokes import Strokes
from . import host

Batch = TypeVar("Batch", Tensor, list[float], list[Style])
# Pixels per group of images: small images are faster in groups, and 50 MB of results are little.
PART_PIXELS = 2**22


def common_count(counts: Mapping[str, int]) -> int:
    """Return the number of results for inputs with one entry for all images, or one for each.

    Args:
        counts: number of images (or masks, or alphas) of each input, by its name.

    Raises:
        ValueError: two inputs have different numbers above one; the message names both.
    """
    name, count = max(counts.items(), key=lambda item: item[1])
    for other, found in counts.items():
        if found not in (1, count):
            raise ValueError(
                f"{name} has {count} and {other} has {found}: connect equally many, or "
                "one that serves for all"
            )
    return count


def parts(count: int, size: tuple[int, int]) -> Iterator[slice]:
    """Yield slices of images to process together.

    Args:
        count: number of images.
        size: height and width of each.
    """
    step = max(1, PART_PIXELS // (size[0] * size[1]))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def take(batch: Batch, part: slice) -> Batch:
    """Return a part of a batch; a single entry applies to all."""
    return batch[part] if len(batch) > 1 else batch


def repeat(images: Tensor, part: slice) -> Tensor:
    """Return a part of a batch; a single image is repeated."""
    if len(images) > 1:
        return images[part]
    return images.expand(part.stop - part.start, *images.shape[1:])


def numbers(value: Any, name: str) -> list[float]:
    """Return the number of a widget, or those of AdaIN Alpha Keyframes, as a list.

    Args:
        value: the input.
        name: name of the input.

    Raises:
        ValueError: an empty list.
    """
    values: list[float] = np.ravel(np.asarray(value, dtype=float)).tolist()
    if not values:
        raise ValueError(f"{name}: expected one number for each image, got an empty list")
    return values


def single(number: int) -> slice:
    """Return the part with one image."""
    return slice(number, number + 1)


def repeat_features(features: Features, part: slice) -> Features:
    """Return a part of encoded images; a single one is repeated."""
    opacity, regions, strokes = features.opacity, features.regions, features.strokes
    if strokes is not None:
        strokes = Strokes(repeat(strokes.image, part), repeat(strokes.kept, part))
    return replace(
        features,
        tensor=repeat(features.tensor, part),
        opacity=None if opacity is None else repeat(opacity, part),
        regions=None if regions is None else repeat(regions, part),
        strokes=strokes,
    )


def join_features(batches: Iterable[Features]) -> Features:
    """Return encoded images as one batch on the host's device."""
    device = host.output_device()
    tensors: list[Tensor] = []
    opacities: list[Tensor] = []
    regions: list[Tensor] = []
    strokes: list[Strokes] = []
    for batch in batches:
        tensors.append(batch.tensor.to(device))
        opacities += [] if batch.opacity is None else [batch.opacity.to(device)]
        regions += [] if batch.regions is None else [batch.regions.to(device)]
        strokes += [] if batch.strokes is None else [batch.strokes.to(device)]
    return replace(
        batch,
        tensor=torch.cat(tensors),
        opacity=torch.cat(opacities) if opacities else None,
        regions=torch.cat(regions) if regions else None,
        strokes=Strokes.join(strokes) if strokes else None,
    )
