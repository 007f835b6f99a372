"""Random colors for training images."""

from __future__ import annotations

import torch
from torch import Tensor

from ..pixels import luma

# Shares of the images; posterized ones get so many levels in each channel.
_POSTERIZED, _STRETCHED, _INVERTED = 0.25, 0.5, 0.25
_LEVELS = 4


def recolor(image: Tensor) -> Tensor:
    """Change brightness, contrast, saturation and hue of an image at random, in random order.

    Some images are also posterized, stretched to full contrast or inverted, like the flat colors
    and hard edges of prints, which are rare among paintings. Uses torch's global generator.

    Args:
        image: RGB in 0..1, ``(3, H, W)``.

    Returns:
        RGB in 0..1, ``(3, H, W)``.
    """
    order = torch.randperm(len(_CHANGES)).tolist()
    amounts = [float(torch.empty(1).uniform_(low, high)) for _, low, high in _CHANGES]
    for number in order:
        change = _CHANGES[number][0]
        image = change(image, amounts[number]).clamp(0, 1)
    if torch.rand(()) < _POSTERIZED:
        image = (_LEVELS * image).floor().clamp_max(_LEVELS - 1) / _LEVELS
    if torch.rand(()) < _STRETCHED:
        image = _stretch(image)
    if torch.rand(()) < _INVERTED:
        image = 1 - image
    return image


def _brighten(image: Tensor, factor: float) -> Tensor:
    return factor * image


def _change_contrast(image: Tensor, factor: float) -> Tensor:
    mean = luma(image[None]).mean()
    return mean + factor * (image - mean)


def _saturate(image: Tensor, factor: float) -> Tensor:
    gray = luma(image[None])[0]
    return gray + factor * (image - gray)


def turn_hue(image: Tensor, turn: float) -> Tensor:
    """Turn the hue of HSV; saturation and value stay.

    Args:
        image: RGB in 0..1, ``(3, H, W)``.
        turn: 1 is the whole circle; a third makes green of red.

    Returns:
        RGB in 0..1, ``(3, H, W)``.
    """
    red, green, blue = image
    value, chroma = image.amax(dim=0), image.amax(dim=0) - image.amin(dim=0)
    # In sixths of the circle from red; gray has no hue, and none is needed for it.
    sixths = torch.where(
        value == red,
        (green - blue) / chroma,
        torch.where(value == green, 2 + (blue - red) / chroma, 4 + (red - green) / chroma),
    )
    sixths = torch.where(chroma > 0, sixths, 0) + 6 * turn
    # How far each channel is from where it is the lowest.
    places = (torch.tensor([5.0, 3.0, 1.0])[:, None, None] + sixths) % 6
    return value - chroma * torch.minimum(places, 4 - places).clamp(0, 1)


def _stretch(image: Tensor) -> Tensor:
    """Stretch each channel to 0..1; one of a single value stays."""
    low, high = image.amin(dim=(1, 2), keepdim=True), image.amax(dim=(1, 2), keepdim=True)
    return torch.where(high > low, (image - low) / (high - low), image)


# With the least and the greatest amount.
_CHANGES = (
    (_brighten, 0.8, 1.2),
    (_change_contrast, 0.6, 2.0),
    (_saturate, 0.5, 2.0),
    (turn_hue, -0.5, 0.5),
)
