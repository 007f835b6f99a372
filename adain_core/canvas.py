"""What is drawn on: pictures that are read window by window, so that large ones stay in 8 bits."""

from __future__ import annotations

import torch
from torch import Tensor

from .functional import Window, crop
from .halos import remove_halos
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
    """The photo, moved toward a smaller drawn picture: the canvas of a later pass.

    The photo's detail, which the smaller pass could not see, stays whole. What that pass changed is
    added, as one changes a Laplacian pyramid at its coarse levels only.

    Args:
        photo: as for :class:`Canvas`; its size is the canvas's.
        drawn: the pass before, ``(B, 3, h, w)``, uint8 or float in 0..1.
        reduced: the photo that it was drawn of, ``(B, 3|4, h, w)``, likewise.
        photo_share: of the photo in the mix, 0..1.
        keep_halos: of the pass before; else see :func:`~adain_core.halos.remove_halos`.
    """

    def __init__(
        self,
        photo: Tensor,
        drawn: Tensor,
        reduced: Tensor,
        photo_share: float,
        keep_halos: bool = True,
    ) -> None:
        super().__init__(photo)
        self.photo_share = photo_share
        # In levels; 16 bits take no more memory than the two pictures do.
        before = as_uint8(reduced[:, :3])
        self._change = as_uint8(drawn).to(torch.int16) - before
        if not keep_halos:
            self._change = remove_halos(self._change, before)

    def colors(self, window: Window, device: torch.device) -> Tensor:
        """Return the mix in a window, ``(B, 3, h, w)`` float32, less where the picture ends."""
        change = enlarge_window(self._change.to(device), self.size, window)
        change *= (1 - self.photo_share) / 255
        change += super().colors(window, device)
        return change.clamp_(0, 1)


def read_window(pictures: Tensor, window: Window, device: torch.device) -> Tensor:
    """Return a window of pictures as float32 on a device; what travels there is still uint8."""
    return as_float(crop(pictures, window).to(device))
