"""The host's IMAGE ``(B, H, W, C)`` and MASK ``(B, H, W)``, and the library's ``(B, C, H, W)``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..adain_core import Features, Style, StyleMismatchError, WeightsError
from ..adain_core.images import to_tensor
from ..adain_core.masks import as_mask
from ..adain_core.style import normalized_weights, require_same_encoder
from . import host

# One for all pictures, or one for each.
Batch = TypeVar("Batch", Tensor, list[float])
# What Load Image gives as the mask of a picture without transparency: zeros of this size.
_NO_MASK_SIZE = (64, 64)
_NAN_CAUSE = " (a model or VAE in half precision is a common cause of NaN)"


def from_image(image: Tensor, name: str) -> Tensor:
    """An input IMAGE as ``(B, C, H, W)``, float32, without a copy where it is that already.

    Args:
        image: the input.
        name: of the input, for messages.

    Raises:
        ValueError: not an IMAGE, NaN, or values that are not in 0..1.
    """
    shape = tuple(image.shape)
    if image.ndim != 4 or shape[-1] not in (1, 3, 4) or 0 in shape:
        raise ValueError(
            f"{name}: expected an IMAGE of shape (batch, height, width, 3), all 1 or more, got "
            f"{shape}; look at the node that is connected to {name}"
        )
    # Half precision comes from hosts that run with --fp16-intermediates.
    pictures = image.movedim(-1, 1).float()
    # All of them before any work starts, and one by one: the number goes into the message.
    for number, picture in enumerate(pictures, start=1):
        try:
            to_tensor(picture)
        except ValueError as error:
            which = f"picture {number} of {len(pictures)}: " if len(pictures) > 1 else ""
            cause = "" if picture.isfinite().all() else _NAN_CAUSE
            raise ValueError(
                f"{name}: {which}{error}; look at the node that is connected to {name}{cause}"
            ) from None
    return pictures


def to_image(pictures: Iterable[Tensor], count: int, progress: host.Progress) -> Tensor:
    """Join pictures as an IMAGE on the host's device.

    Args:
        pictures: ``(1, C, H, W)`` each, made while they are asked for.
        count: how many there will be.
        progress: told after each.
    """
    image = torch.empty(0)
    for number, picture in enumerate(pictures):
        if number == 0:
            # Made once: joining at the end would hold a long video in memory twice.
            shape = (count, *picture.shape[2:], picture.shape[1])
            image = torch.empty(shape, device=host.output_device())
        image[number] = picture[0].movedim(0, -1)
        progress.picture()
    return image


def from_mask(mask: Tensor | None, name: str) -> Tensor | None:
    """An input MASK of any size as ``(B, 1, H, W)``, ``None`` if there is none.

    Raises:
        ValueError: not a MASK, NaN, or values that are not in 0..1.
    """
    return None if mask is None else as_mask(mask, name)


def is_no_mask(mask: Tensor | None) -> bool:
    """Whether a mask is missing or Load Image's zeros for a picture without transparency."""
    return mask is None or (tuple(mask.shape[-2:]) == _NO_MASK_SIZE and not mask.any())


@contextmanager
def refused_files(name: str, path: Path) -> Iterator[None]:
    """Say what is wrong with a model's or a style's file, by the name of the input that chose it.

    Raises:
        ValueError: the file cannot be read.
    """
    try:
        yield
    except WeightsError as error:
        # As below: the page shows the first words of Python's own errors.
        words = str(error).replace(str(path), path.name)
        raise ValueError(f"{name}: {words}; choose another {name}") from None


def check_encoder(model: Any, thing: Style | Features, name: str) -> None:
    """Refuse what another model's encoder made, by the name of its input.

    Args:
        model: the model, or features that it made.
        thing: the input.
        name: of the input.

    Raises:
        ValueError: it does not fit.
    """
    try:
        require_same_encoder(model, thing)
    except StyleMismatchError:
        # The page shows a short box, and the class of an error that is not Python's own by its
        # whole path: what to do comes first, in a ValueError.
        raise ValueError(
            f"{name}: they come from different encoders. In Load AdaIN Model choose the model that "
            f"made it, or encode the picture again with this one ({thing!r}, {model!r})"
        ) from None


def common_count(counts: dict[str, int]) -> int:
    """How many pictures come out of inputs that hold one for all or one for each.

    Args:
        counts: pictures (or masks, or alphas) of each input, by its name.

    Raises:
        ValueError: two inputs with more than one and not equally many, naming both.
    """
    name, count = max(counts.items(), key=lambda item: item[1])
    for other, found in counts.items():
        if found not in (1, count):
            raise ValueError(
                f"{name} has {count} and {other} has {found}: connect equally many, or "
                "one that serves for all"
            )
    return count


def lengths(**batches: Sized) -> dict[str, int]:
    """For :func:`common_count`."""
    return {name: len(batch) for name, batch in batches.items()}


def take(batch: Batch, number: int) -> Batch:
    """Entry ``number`` as a batch of one; the only entry serves for every number."""
    return batch[number : number + 1] if len(batch) > 1 else batch


def picture_shares(weights: Mapping[str, list[float]], count: int) -> list[list[float]]:
    """The styles' shares in each picture, a list for each.

    All pictures' at once, so that a late frame's bad weights do not cost the frames before.

    Args:
        weights: of each style, one for all pictures or one for each, by the name of its input.
        count: of pictures.

    Raises:
        ValueError: a picture's weights are all 0, or one is negative or not finite.
    """
    pictures = ([take(each, number)[0] for each in weights.values()] for number in range(count))
    return [normalized_weights(each, len(each)) for each in pictures]


def take_features(features: Features, number: int) -> Features:
    """Likewise for encoded pictures."""
    opacity = features.opacity
    return replace(
        features,
        tensor=take(features.tensor, number),
        opacity=None if opacity is None else take(opacity, number),
    )


def join_features(pictures: Iterable[Features], progress: host.Progress) -> Features:
    """Likewise for encoded pictures."""
    device = host.output_device()
    tensors, opacities = [], []
    for picture in pictures:
        tensors.append(picture.tensor.to(device))
        opacities += [] if picture.opacity is None else [picture.opacity.to(device)]
        progress.picture()
    return replace(
        picture, tensor=torch.cat(tensors), opacity=torch.cat(opacities) if opacities else None
    )
