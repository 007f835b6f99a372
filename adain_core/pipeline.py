"""From pictures to features and from features to pixels, tile by tile.

Nothing here is as large as the picture but what comes in and what goes out: pictures keep their
dtype and become float one tile at a time, AdaIN is applied to the features of one tile, and all
that is done to decoded pixels is done before the next tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from . import color
from .architecture import MINIMUM_SIZE, STRIDE
from .functional import Window, crop
from .fusion import Transfer
from .masks import region_weights
from .pixels import as_float, as_uint8
from .tiles import Network, Tile, Tiler, decode_tile, encode_tiled

# Rows of pixels whose colours are added up at a time.
_BAND = 64

# From all features and a window to what the decoder receives there.
Fuse = Callable[[Tensor, Window], Tensor]

OUTPUT_DTYPES = (torch.float32, torch.uint8)


def feature_shape(size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the features of a picture of this height and width."""
    height, width = (-(-max(length, MINIMUM_SIZE) // STRIDE) for length in size)
    return height, width


def empty_picture(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """A picture to fill, which its receiver may change: an ordinary tensor in inference mode, too.

    Raises:
        ValueError: another dtype than float32 or uint8.
    """
    if dtype not in OUTPUT_DTYPES:
        raise ValueError(f"output_dtype must be torch.float32 or torch.uint8, got {dtype}")
    with torch.inference_mode(False):
        return torch.empty(shape, dtype=dtype, device=device)


def encode(
    encoder: Network, pictures: Tensor, tiler: Tiler, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """Features of pictures ``(B, 3|4, H, W)``, float or uint8, which may lie on another device.

    What is transparent has the mean colour of the rest. It has no part in the statistics, but
    features see 30 pixels far: beside a flat subject (σ near 0) a hidden black would be thousands
    of σ away, and AdaIN would draw it as garish rims.
    """
    height, width = pictures.shape[-2:]
    mean = _visible_mean(pictures).to(device) if pictures.shape[1] == 4 else None
    # Reflection needs more pixels than a tiny picture has; repeat its border instead.
    missing = (0, max(0, MINIMUM_SIZE - width), 0, max(0, MINIMUM_SIZE - height))

    def pixels(window: Window) -> Tensor:
        part = _part(pictures[:, :3], window, device)
        if mean is not None:
            part = torch.where(_part(pictures[:, 3:], window, device) > 0, part, mean)
        return (F.pad(part, missing, mode="replicate") if any(missing) else part).to(dtype)

    return encode_tiled(encoder, pixels, tiler)


def _visible_mean(pictures: Tensor) -> Tensor:
    """Mean colour ``(B, 3, 1, 1)`` of pixels that are not transparent; grey if all are."""
    total, count = (torch.zeros(len(pictures), n, 1, 1, device=pictures.device) for n in (3, 1))
    for band in torch.split(pictures, _BAND, dim=2):
        visible = band[:, 3:] > 0
        total += (as_float(band[:, :3]) * visible).sum(dim=(2, 3), keepdim=True)
        count += visible.sum(dim=(2, 3), keepdim=True)
    return torch.where(count > 0, total / count.clamp_min(1), 0.5)


@dataclass(frozen=True)
class Retouch:
    """What happens to decoded pixels, in this order.

    Args:
        pictures: the content, ``(B, 3|4, H, W)``, float or uint8, on any device.
        own: AdaIN with the content's own statistics, whose picture shows what the decoder loses.
        residual: share of that loss to give back.
        luminance: take the content's chrominance.
        masks: ``(B, 1, H, W)`` each; pixels that none covers are the content's.
    """

    pictures: Tensor
    own: Transfer | None = None
    residual: float = 0
    luminance: bool = False
    masks: Sequence[Tensor] = ()

    def __call__(self, image: Tensor, window: Window, decoded: Callable[[Fuse], Tensor]) -> Tensor:
        """The finished pixels of one tile.

        Args:
            image: the tile, ``(B, 3, h, w)`` float32.
            window: where it lies.
            decoded: gives the same tile of features that are fused otherwise.
        """
        if self.own is None and not self.luminance and not self.masks:
            return image
        content = _part(self.pictures[:, :3], window, image.device)
        if self.own is not None:
            image = image + self.residual * (content - decoded(self.own))
        if self.luminance:
            image = color.luminance(image.clamp(0, 1), content)
        if self.masks:
            size = (self.pictures.shape[2], self.pictures.shape[3])
            covered = region_weights(self.masks, size, window).sum(dim=0)
            image = torch.lerp(content, image, covered)
        return image


def decode(
    decoder: Network,
    features: Tensor,
    fuse: Fuse,
    output: Tensor,
    tiler: Tiler,
    dtype: torch.dtype,
    *,
    retouch: Retouch | None = None,
    opacity: Tensor | None = None,
) -> None:
    """Decode features into pictures, on the device of ``output``.

    Args:
        decoder: the decoder.
        features: the whole map.
        fuse: gives what the decoder receives for a window of it: AdaIN, or
            :func:`~adain_core.functional.crop` where the features are fused already.
        output: filled: ``(B, 3, H, W)``, ``(B, 4, H, W)`` with opacity; float32 or uint8.
        tiler: for the features' shape.
        dtype: of the decoder.
        retouch: what happens to the pixels.
        opacity: the alpha channel, ``(B or 1, 1, H, W)``, float or uint8.
    """
    height, width = output.shape[-2:]

    def work(tile: Tile) -> None:
        def decoded(fuse: Fuse) -> Tensor:
            image = decode_tile(
                decoder,
                lambda window: fuse(features, window).to(output.device, dtype),
                tile,
                tiler,
            )
            # The last cells can reach beyond the picture.
            return image[
                ..., : height - tile.pixels[0].start, : width - tile.pixels[1].start
            ].float()

        image = decoded(fuse)
        if retouch is not None:
            image = retouch(image, tile.pixels, decoded)
        target = crop(output, tile.pixels)
        target[:, :3] = _as_output(image, output.dtype)
        if opacity is not None:
            target[:, 3:] = _as_output(_part(opacity, tile.pixels, output.device), output.dtype)

    tiler.run(work)


def copy(pictures: Tensor, output: Tensor, tiler: Tiler) -> None:
    """Pictures as they are, clamped, in the output's dtype."""

    def work(tile: Tile) -> None:
        part = _part(pictures, tile.pixels, output.device)
        crop(output, tile.pixels).copy_(_as_output(part, output.dtype))

    tiler.run(work)


def _as_output(image: Tensor, dtype: torch.dtype) -> Tensor:
    """Float pixels clamped to 0..1, or as uint8."""
    return as_uint8(image) if dtype == torch.uint8 else image.clamp(0, 1)


def _part(pictures: Tensor, window: Window, device: torch.device) -> Tensor:
    """A window of pictures as float32 on a device; what travels there is still uint8."""
    return as_float(crop(pictures, window).to(device))
