"""Encoding and decoding images of any size, tile by tile.

Only input and output are as large as the image. They keep their dtype, and one tile at a time is
converted to float, gets AdaIN applied to its features, is decoded and finished.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..color import luminance
from ..functional import Window, crop
from ..masks import region_weights
from ..networks.architecture import MINIMUM_SIZE, STRIDE, Architecture
from ..networks.encoder_decoder import Decoder, Encoder
from ..networks.inference import Inference
from ..pixels import as_uint8, check_finite
from ..style import Features
from ..transfer import Transfer
from ..utils.memory import HeapTrimmer, trim_heap
from .canvas import Canvas, read_window
from .halos import HaloFilter
from .strokes import Strokes
from .tiles import Network, Progress, Tile, Tiler, automatic_tile, check_tile

_TRIMMER = HeapTrimmer()  # one per process, because it frees the memory of the process
# Bytes of features above which what encoding freed is returned before decoding: that takes 30 ms.
_LARGE = 2**26
OUTPUT_DTYPES = (torch.float32, torch.uint8)

# Receives unfinished images ``(B, 3|4, H, W)``; an exception that it raises aborts the work.
Watch = Callable[[Tensor], None]


class TiledNetworks:
    """An encoder and a decoder that process images of any size, one tile at a time.

    Args:
        encoder: the encoder.
        decoder: the decoder.
        architecture: of both.
        fingerprint: of the encoder's weights.

    Attributes:
        run_encoder: images to features, in optimized form.
        run_decoder: features to images, likewise.
    """

    def __init__(
        self, encoder: Encoder, decoder: Decoder, architecture: Architecture, fingerprint: str
    ) -> None:
        self.architecture, self.fingerprint = architecture, fingerprint
        self._encoder = Inference(encoder)
        # Both follow their networks to another device or dtype.
        self.run_encoder: Network = self._encoder
        self.run_decoder: Network = Inference(decoder)
        self._weights = encoder

    def __repr__(self) -> str:
        return f"TiledNetworks(encoder {self.fingerprint}, {self.device}, {self.dtype})"

    @property
    def generation(self) -> int:
        """A number that changes with the encoder's weights, their dtype and their device."""
        return self._encoder.generation

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self._weights.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Data type of weights and features."""
        return next(self._weights.parameters()).dtype

    def tiler(
        self,
        size: tuple[int, int],
        tile: int | None = None,
        *,
        batch: int = 1,
        progress: Progress | None = None,
        rounds: int = 1,
    ) -> Tiler:
        """Return a tiler for images.

        Args:
            size: height and width, pixels.
            tile: tile size in pixels; ``None``: the fastest that fits into the free memory.
            batch: number of images at once.
            progress: called after each tile.
            rounds: how many times the tiles will be processed.
        """
        check_tile(tile)
        shape = feature_shape(size)
        if self.architecture.normalization == "instance":
            # Its layers need statistics of the whole image.
            return Tiler(shape, None, progress, rounds)
        return Tiler(shape, tile or self.automatic_tile(size, batch), progress, rounds)

    def automatic_tile(self, size: tuple[int, int], batch: int = 1) -> int:
        """Return the tile size for a batch of images of this height and width."""
        channels, (rows, columns) = self.architecture.channels, feature_shape(size)
        features = batch * channels[-1] * rows * columns * self.dtype.itemsize
        return automatic_tile(
            max(channels[:2]), self.dtype, self.device, batch=batch, reserved=features
        )

    def encode(self, canvas: Canvas, tiler: Tiler) -> Features:
        """Return relu4_1 of the images.

        Transparent pixels get the mean color of the visible ones. They do not affect statistics,
        but the receptive field reaches 30 pixels: next to a flat subject (σ near 0), hidden black
        would be thousands of σ away, and AdaIN would turn it into garish rims.
        """
        device, mean = self.device, canvas.visible_mean()
        if device.type == "cpu":
            _TRIMMER.note((len(canvas.images), *canvas.size))
        opacity = canvas.opacity
        height, width = canvas.size
        # Tiny images have too few pixels for reflection; repeat their border instead.
        missing = (0, max(0, MINIMUM_SIZE - width), 0, max(0, MINIMUM_SIZE - height))
        features: Tensor | None = None

        def work(tile: Tile) -> None:
            nonlocal features
            outer = tiler.outer(tile)
            part = canvas.colors(outer.pixels, device)
            if opacity is not None and mean is not None:
                visible = read_window(opacity, outer.pixels, device) > 0
                part = torch.where(visible, part, mean.to(device))
            part = F.pad(part, missing, mode="replicate") if any(missing) else part
            part = crop(self.run_encoder(part), tile.within(outer).cells)
            if features is None:
                with torch.inference_mode(False):  # an ordinary tensor, usable with gradients
                    features = part.new_empty((*part.shape[:2], *tiler.shape))
            crop(features, tile.cells).copy_(part)

        tiler.run(work)
        assert features is not None
        if device.type == "cpu" and features.nbytes > _LARGE:
            trim_heap()
        return Features(
            features, canvas.size, self.fingerprint, self.architecture.fusion, canvas.opacity
        )

    def decoder(self, features: Features, tiler: Tiler) -> TiledDecoder:
        """Return the decoder of encoded images."""
        return TiledDecoder(
            self.run_decoder, features.tensor, tiler, features.size, self.device, self.dtype
        )


@dataclass(frozen=True)
class TiledDecoder:
    """A decoder of features, one tile at a time.

    Attributes:
        decoder: maps one feature to 8x8 pixels.
        features: all features, ``(B, C, rows, columns)``, on any device.
        tiler: for the shape of the features.
        size: height and width of the image, which can end within the last cells.
        device: of the decoder.
        dtype: of the decoder.
    """

    decoder: Network
    features: Tensor
    tiler: Tiler
    size: tuple[int, int]
    device: torch.device
    dtype: torch.dtype

    def tile(self, transfer: Transfer | None, tile: Tile) -> Tensor:
        """Decode one tile.

        Args:
            transfer: applied to the features first; ``None`` if they are stylized already.
            tile: the tile.

        Returns:
            RGB ``(B, 3, h, w)``, float32, not clamped.
        """
        outer = self.tiler.outer(tile)
        if transfer is None:
            part = crop(self.features, outer.cells)
        else:
            part = transfer(self.features, outer.cells)
        image = self.decoder(part.to(self.device, self.dtype))
        image = crop(image, tile.within(outer).pixels)
        height, width = self.size
        rows, columns = tile.pixels
        return image[..., : height - rows.start, : width - columns.start].float()


@dataclass(frozen=True)
class Residual:
    """What the decoder loses of the input of a pass, to add back.

    Attributes:
        canvas: the input.
        own: AdaIN with the canvas's own statistics; its result shows what the decoder loses.
        share: fraction of that loss to add back, ``(B, 1, 1, 1)`` or ``(1, 1, 1, 1)``.
    """

    canvas: Canvas
    own: Transfer
    share: Tensor

    def __call__(self, decoder: TiledDecoder, tile: Tile, device: torch.device) -> Tensor:
        """Return what to add to a tile ``(B, 3, h, w)``, float32."""
        lost = self.canvas.colors(tile.pixels, device) - decoder.tile(self.own, tile)
        return lost.mul_(self.share.to(device))


@dataclass(frozen=True)
class Finish:
    """Operations on decoded pixels, in this order.

    Attributes:
        photo: the content.
        residual: gives what the decoder loses.
        luminance: use the photo's chrominance.
        masks: ``(B, 1, H, W)`` each; pixels outside all of them are copied from the photo.
    """

    photo: Canvas
    residual: Residual | None = None
    luminance: bool = False
    masks: Sequence[Tensor] = ()

    def __call__(self, image: Tensor, decoder: TiledDecoder, tile: Tile) -> Tensor:
        """Return the finished pixels of a tile ``(B, 3, h, w)``, float32."""
        if self.residual is not None:
            image = image + self.residual(decoder, tile, image.device)
        return self.blend(image, self.photo, tile.pixels)

    def blend(self, image: Tensor, outside: Canvas, window: Window) -> Tensor:
        """Return the image with the photo's chrominance, and another image outside all masks.

        Args:
            image: a window of the image, ``(B, 3, h, w)``.
            outside: the other image.
            window: the window.
        """
        if self.luminance:
            image = luminance(image.clamp(0, 1), self.photo.colors(window, image.device))
        if self.masks:
            covered = region_weights(self.masks, self.photo.size, window).sum(dim=0)
            image = torch.lerp(outside.colors(window, image.device), image, covered)
        return image


def decode(
    decoder: TiledDecoder,
    transfer: Transfer | None,
    output: Tensor,
    finish: Finish | None = None,
    opacity: Tensor | None = None,
    watch: Watch | None = None,
) -> None:
    """Decode features to images, on the device of ``output``.

    Args:
        decoder: with the features.
        transfer: as for :meth:`TiledDecoder.tile`.
        output: receives the result: ``(B, 3, H, W)``, ``(B, 4, H, W)`` with opacity; float32 or
            uint8.
        finish: applied to the pixels.
        opacity: the alpha channel, ``(B or 1, 1, H, W)``, float or uint8.
        watch: called with the output after each tile.
    """

    def work(tile: Tile) -> None:
        image = decoder.tile(transfer, tile)
        if finish is not None:
            image = finish(image, decoder, tile)
        target = crop(output, tile.pixels)
        target[:, :3] = _as_output(image, output.dtype)
        if opacity is not None:
            part = read_window(opacity, tile.pixels, output.device)
            target[:, 3:] = _as_output(part, output.dtype)
        if watch is not None:
            watch(output)

    decoder.tiler.run(work)


def put_under(
    strokes: Strokes,
    output: Tensor,
    tiler: Tiler,
    finish: Finish | None = None,
    watch: Watch | None = None,
) -> None:
    """Put the strokes of the previous pass under the result of a pass, in place.

    Args:
        strokes: the strokes.
        output: the result, as from :func:`decode`.
        tiler: tiler for its size.
        finish: operations of the pass.
        watch: as for :func:`decode`.
    """
    canvas, before = strokes.to(output.device).under(output), Canvas(output)

    def work(tile: Tile) -> None:
        image = canvas.colors(tile.pixels, output.device)
        if finish is not None:
            image = finish.blend(image, before, tile.pixels)
        crop(output, tile.pixels)[:, :3] = _as_output(image, output.dtype)
        if watch is not None:
            watch(output)

    tiler.run(work)


def even_tones(
    decoded: Tensor, canvas: Canvas, regions: Tensor | None, finish: Finish, output: Tensor
) -> None:
    """Remove the halos of a pass and blend it.

    Args:
        decoded: the pass as from :func:`decode`, not blended, ``(B, 3|4, H, W)``, float32.
        canvas: the input of the pass, which is the guide.
        regions: as for :func:`~adain_core.engine.halos.remove_halos`.
        finish: operations of the pass.
        output: receives the result, float32 or uint8.
    """
    even = HaloFilter(decoded, canvas, regions)
    for window in even.bands():
        image = finish.blend(even(window), finish.photo, window)
        image = torch.cat([image, crop(decoded[:, 3:], window)], dim=1)
        crop(output, window).copy_(_as_output(image, output.dtype))


def copy(canvas: Canvas, output: Tensor, tiler: Tiler) -> None:
    """Copy a canvas to the output, clamped, in its dtype."""

    def work(tile: Tile) -> None:
        part, target = canvas.colors(tile.pixels, output.device), crop(output, tile.pixels)
        target[:, :3] = _as_output(part, output.dtype)
        if canvas.opacity is not None:
            part = read_window(canvas.opacity, tile.pixels, output.device)
            target[:, 3:] = _as_output(part, output.dtype)

    tiler.run(work)


def feature_shape(size: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns of the features of an image of this height and width."""
    height, width = (-(-max(length, MINIMUM_SIZE) // STRIDE) for length in size)
    return height, width


def empty_image(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return an uninitialized image that is no inference tensor, so that callers may modify it.

    Raises:
        ValueError: a dtype other than float32 or uint8.
    """
    if dtype not in OUTPUT_DTYPES:
        raise ValueError(f"output_dtype must be torch.float32 or torch.uint8, got {dtype}")
    with torch.inference_mode(False):
        return torch.empty(shape, dtype=dtype, device=device)


def _as_output(image: Tensor, dtype: torch.dtype) -> Tensor:
    """Return float pixels clamped to 0..1, or as uint8; raise ``NotFiniteError`` for NaN."""
    if dtype == torch.uint8:
        return as_uint8(image)
    check_finite(image)
    return image.clamp(0, 1)
