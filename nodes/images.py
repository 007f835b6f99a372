"""The host's IMAGE ``(B, H, W, C)`` and MASK ``(B, H, W)``, and the library's ``(B, C, H, W)``."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ..adain_core.images import to_tensor
from ..adain_core.masks import as_mask
from . import host
from .errors import named_errors

_NAN_CAUSE = " (a model or VAE in half precision is a common cause of NaN)"


def from_image(image: Tensor, name: str) -> Tensor:
    """Return an input IMAGE as ``(B, C, H, W)``, float32, without a copy if possible.

    Args:
        image: the input.
        name: name of the input, for messages.

    Raises:
        ValueError: not an IMAGE, NaN, or values outside 0..1.
    """
    shape = tuple(image.shape)
    if image.ndim != 4 or shape[-1] not in (1, 3, 4) or 0 in shape:
        raise ValueError(
            f"{name}: expected an IMAGE of shape (batch, height, width, 3), all 1 or more, got "
            f"{shape}; look at the node that is connected to {name}"
        )
    # Half precision comes from hosts that run with --fp16-intermediates.
    images = image.movedim(-1, 1).float()
    # All of them before any work starts, and one by one for the number in the message.
    for number, each in enumerate(images, start=1):
        try:
            to_tensor(each)
        except ValueError as error:
            which = f"entry {number} of {len(images)}: " if len(images) > 1 else ""
            cause = "" if each.isfinite().all() else _NAN_CAUSE
            raise ValueError(
                f"{name}: {which}{error}; look at the node that is connected to {name}{cause}"
            ) from None
    return images


def to_image(batches: Iterable[Tensor], count: int) -> Tensor:
    """Join images as an IMAGE on the host's device.

    Args:
        batches: ``(B, C, H, W)`` each, computed lazily.
        count: number of images in all batches.
    """
    image = torch.empty(0)
    done = 0
    for batch in batches:
        if not done:
            # Made once: joining at the end would hold a long video in memory twice.
            shape = (count, *batch.shape[2:], batch.shape[1])
            image = torch.empty(shape, device=host.output_device())
        image[done : done + len(batch)] = batch.movedim(1, -1)
        done += len(batch)
    return image


def from_mask(mask: Tensor, name: str) -> Tensor:
    """Return an input MASK of any size as ``(B, 1, H, W)``.

    Raises:
        ValueError: not a MASK, an empty batch, NaN, or values outside 0..1.
    """
    if mask.ndim == 3 and not len(mask):
        raise ValueError(
            f"{name} holds no mask: the node that is connected to it has found nothing; look at "
            f"its result, or disconnect {name} for the whole image"
        )
    with named_errors():
        return as_mask(mask, name)
