"""What is drawn on: pictures that are read window by window, so that large ones stay in 8 bits."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from .functional import Window, crop
from .pixels import as_float, as_uint8, enlarge_window

# Rows of pixels whose colors are added up at a time.
_BAND = 64


class Canvas:
    """Pictures, read part by part as floats.

    Args:
        pictures: ``(B, 3, H, W)``, or ``(B, 4, H, W)`` with alpha; float in 0..1 or uint8, on any
            device.
    """

    def __init__(self, pictures: Tensor) -> None:
        self.pictures = pictures
        self.size = (pictures.shape[2], pictures.shape[3])

    @property
    def opacity(self) -> Tensor | None:
        """The alpha channel ``(B, 1, H, W)``, float or uint8, if there is one."""
        return self.pictures[:, 3:] if self.pictures.shape[1] == 4 else None

    def colors(self, window: Window, device: torch.device) -> Tensor:
        """Return RGB in a window, ``(B, 3, h, w)`` float32, less where the picture ends."""
        return read_window(self.pictures[:, :3], window, device)

    def visible_mean(self) -> Tensor | None:
        """Return the mean color ``(B, 3, 1, 1)`` of pixels that are not transparent.

        ``None`` without an alpha channel; gray where all are transparent.
        """
        if self.opacity is None:
            return None
        device = self.pictures.device
        total, count = (torch.zeros(len(self.pictures), n, 1, 1, device=device) for n in (3, 1))
        for band in torch.split(self.pictures, _BAND, dim=2):
            visible = band[:, 3:] > 0
            total += (as_float(band[:, :3]) * visible).sum(dim=(2, 3), keepdim=True)
            count += visible.sum(dim=(2, 3), keepdim=True)
        return torch.where(count > 0, total / count.clamp_min(1), 0.5)


class Underpainting(Canvas):
    """Pictures with the low frequencies of smaller ones.

    What the smaller ones change is added, as one changes a Laplacian pyramid at its coarse levels
    only; finer detail stays whole.

    Args:
        pictures: as for :class:`Canvas`; their size is the canvas's.
        drawn: the smaller ones, ``(B, 3, h, w)``, uint8 or float in 0..1.
        reduced: the pictures at that size, ``(B, 3|4, h, w)``, likewise.
        share: of the change that is added, 0..1: one number, or ``(B, 1, rows, columns)``, not
            larger than the pictures.
    """

    def __init__(
        self, pictures: Tensor, drawn: Tensor, reduced: Tensor, share: float | Tensor
    ) -> None:
        super().__init__(pictures)
        self._drawn, self._reduced = as_uint8(drawn), as_uint8(reduced[:, :3])
        self._share = share

    def colors(self, window: Window, device: torch.device) -> Tensor:
        """Return the mix in a window, ``(B, 3, h, w)`` float32, less where the picture ends."""

        def change(window: Window) -> Tensor:
            drawn, reduced = (_read(x, device, window) for x in (self._drawn, self._reduced))
            return drawn.float() - reduced

        colors = enlarge_window(change, _size(self._drawn), self.size, window)
        colors *= 1 / 255
        share = self._share
        if isinstance(share, Tensor):
            read = partial(_read, share, device)
            share = enlarge_window(read, _size(share), self.size, window)
        colors *= share
        colors += super().colors(window, device)
        return colors.clamp_(0, 1)


def _read(maps: Tensor, device: torch.device, window: Window) -> Tensor:
    return crop(maps, window).to(device)


def _size(maps: Tensor) -> tuple[int, int]:
    return maps.shape[2], maps.shape[3]


def fill_hidden(pictures: Tensor) -> Tensor:
    """Return pictures whose transparent pixels have the mean color of the visible ones.

    Args:
        pictures: ``(B, 3, H, W)``, which stay as they are, or ``(B, 4, H, W)``; uint8.
    """
    mean = Canvas(pictures).visible_mean()
    if mean is None:
        return pictures
    colors = torch.where(pictures[:, 3:] > 0, pictures[:, :3], as_uint8(mean))
    return torch.cat([colors, pictures[:, 3:]], dim=1)


def read_window(pictures: Tensor, window: Window, device: torch.device) -> Tensor:
    """Return a window of pictures as float32 on a device; what travels there is still uint8."""
    return as_float(crop(pictures, window).to(device))
