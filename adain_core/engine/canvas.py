"""Inputs of a pass: images that are read window by window, so that large ones stay uint8."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from ..color.palettes import ColorMatch
from ..functional import Window, crop
from ..pixels import as_float, as_uint8, enlarge_window

# Rows of pixels whose colors are added up at a time.
_BAND = 64


class Canvas:
    """Images, read window by window as floats.

    Args:
        images: ``(B, 3, H, W)``, or ``(B, 4, H, W)`` with alpha; float in 0..1 or uint8, on any
            device.
        match: gives them the colors of the artworks.
    """

    def __init__(self, images: Tensor, match: ColorMatch | None = None) -> None:
        self.images, self.match = images, match
        self.size = (images.shape[2], images.shape[3])

    @property
    def opacity(self) -> Tensor | None:
        """The alpha channel ``(B, 1, H, W)``, float or uint8, if there is one."""
        return self.images[:, 3:] if self.images.shape[1] == 4 else None

    def colors(self, window: Window, device: torch.device) -> Tensor:
        """Return RGB in a window, ``(B, 3, h, w)`` float32, cut at the border of the image."""
        colors = read_window(self.images[:, :3], window, device)
        return colors if self.match is None else self.match(colors, self.size, window)

    def visible_mean(self) -> Tensor | None:
        """Return the mean color ``(B, 3, 1, 1)`` of pixels that are not transparent.

        ``None`` without an alpha channel; gray where all are transparent.
        """
        if self.opacity is None:
            return None
        device = self.images.device
        total, count = (torch.zeros(len(self.images), n, 1, 1, device=device) for n in (3, 1))
        for band in torch.split(self.images, _BAND, dim=2):
            visible = band[:, 3:] > 0
            total += (as_float(band[:, :3]) * visible).sum(dim=(2, 3), keepdim=True)
            count += visible.sum(dim=(2, 3), keepdim=True)
        mean = torch.where(count > 0, total / count.clamp_min(1), 0.5)
        return mean if self.match is None else self.match.mean(mean)


class Underpainting(Canvas):
    """Images with the low frequencies of smaller ones, usually the previous pass.

    The difference between the smaller ones and the reduced images is enlarged and added, like a
    change to the coarse levels of a Laplacian pyramid; finer detail stays.

    Args:
        images: as for :class:`Canvas`.
        smaller: the smaller ones, ``(B, 3, h, w)``, uint8 or float in 0..1.
        reduced: the images at that size, ``(B, 3|4, h, w)``, likewise; kept as uint8.
        share: share of the difference to add at each place, 0..1, ``(B or 1, 1, rows, columns)``,
            not larger than the smaller ones.
        match: as for :class:`Canvas`; ``reduced`` has these colors already.
    """

    def __init__(
        self,
        images: Tensor,
        smaller: Tensor,
        reduced: Tensor,
        share: Tensor,
        match: ColorMatch | None = None,
    ) -> None:
        super().__init__(images, match)
        self._smaller, self._reduced = smaller, as_uint8(reduced[:, :3])
        self._share = share

    def colors(self, window: Window, device: torch.device) -> Tensor:
        """Return the mix in a window, ``(B, 3, h, w)`` float32, cut at the border of the image."""

        def change(window: Window) -> Tensor:
            smaller, reduced = (
                read_window(each, window, device) for each in (self._smaller, self._reduced)
            )
            read = partial(_read, self._share, device)
            share = enlarge_window(read, _size(self._share), small, window)
            return smaller.sub(reduced).mul_(share)

        small = _size(self._smaller)
        colors = enlarge_window(change, small, self.size, window)
        colors += super().colors(window, device)
        return colors.clamp_(0, 1)


def _read(maps: Tensor, device: torch.device, window: Window) -> Tensor:
    return crop(maps, window).to(device)


def _size(maps: Tensor) -> tuple[int, int]:
    return maps.shape[2], maps.shape[3]


def fill_hidden(images: Tensor) -> Tensor:
    """Return images whose transparent pixels have the mean color of the visible ones.

    Args:
        images: ``(B, 3, H, W)``, returned unchanged, or ``(B, 4, H, W)``; uint8 or float32.
    """
    mean = Canvas(images).visible_mean()
    if mean is None:
        return images
    mean = as_uint8(mean) if images.dtype == torch.uint8 else mean
    colors = torch.where(images[:, 3:] > 0, images[:, :3], mean)
    return torch.cat([colors, images[:, 3:]], dim=1)


def read_window(images: Tensor, window: Window, device: torch.device) -> Tensor:
    """Return a window of images as float32 on a device; uint8 is converted there."""
    return as_float(crop(images, window).to(device))
