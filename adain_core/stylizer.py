"""The engine: a model with its request made ready, called with pictures or with frames."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .canvas import Canvas, Underpainting
from .devices import inference
from .errors import NotFiniteError, OptionError, StyleMismatchError
from .faults import explain_not_finite
from .functional import Statistics
from .images import ImageLike, read_mask, to_pixels
from .masks import MaskLike, as_mask, feather_mask, resize_mask
from .options import MaskSource, Source, StylizeOptions, pass_sizes
from .pixels import as_uint8, fitted, resize, resize_shortest_side
from .style import Style, require_same_encoder
from .style_encoder import recolor_style, resize_style
from .temporal import TemporalPool
from .tiled import Finish, copy, decode, empty_picture
from .tiles import Progress, Tiler, join_progress
from .transfer import Alpha, check_masks, own_transfer, picture_alphas, plan_transfer

if TYPE_CHECKING:
    from .model import AdaINModel

# What artworks become before there is a picture: styles, or images that are yet to be recolored.
Prepared = Style | Tensor


class Stylizer:
    """Draws pictures by one request: artworks are encoded once, still masks are softened once.

    Args:
        model: the model.
        options: how to draw.
        pool: of the content's statistics (and of recolored styles', which differ from frame to
            frame), when the pictures are the frames of a video in their order.

    Raises:
        ValueError: an artwork that is no image.
        StyleMismatchError: a style of another model; ``field`` says which.
        ImageFileError: a file that cannot be read.

    Example:
        >>> stylizer = Stylizer(model, StylizeOptions("wave.jpg", alpha=0.8))
        >>> pictures = [stylizer(photo) for photo in photos]  # the wave is encoded once
    """

    def __init__(
        self, model: AdaINModel, options: StylizeOptions, pool: TemporalPool | None = None
    ) -> None:
        self.model, self.options, self.pool = model, options, pool
        with inference(model.device):
            self._styles = [
                self._prepare(source, f"styles[{number}]")
                for number, source in enumerate(options.sources)
            ]
            self._background = None
            if options.background is not None:
                self._background = self._prepare(options.background, "background")
        self._softened: dict[int, tuple[MaskSource, Tensor]] = {}

    def __call__(
        self,
        content: ImageLike,
        *,
        alpha: Alpha | None = None,
        styles: Sequence[Style] | None = None,
        masks: Sequence[MaskLike] | None = None,
        progress: Progress | None = None,
        output_dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Draw pictures.

        Args:
            content: ``(B, 3, H, W)`` RGB in 0..1 or any other image (see
                :func:`~adain_core.images.to_tensor`), 1x1 pixel or more.
            alpha: in place of the options', for these pictures.
            styles: likewise, one, or with masks one for each mask.
            masks: likewise.
            progress: called after each tile with the number of tiles done and in all; an exception
                that it raises ends the work.
            output_dtype: ``torch.float32``, or ``torch.uint8`` for 0..255, rounded. With uint8 in
                and out no float picture is made, whatever its size.

        Returns:
            RGB in 0..1, ``(B, 3, H, W)`` (4 channels where the content has alpha), on the model's
            device.

        Raises:
            ValueError: no image of a known layout, NaN, or values that are not in 0..1.
            NotFiniteError: the result has NaN or infinite values; the message says whether they
                come from the model, a style or the precision.
            OptionError: alphas, weights or masks that are not as many as the pictures.
            ImageFileError: a file that cannot be read.
            MemoryError: not even the smallest tile fits.
        """
        with inference(self.model.device):
            pictures = to_pixels(content)
            if self.options.content_size:
                pictures = resize_shortest_side(pictures, self.options.content_size)
            output = empty_picture(pictures.shape, output_dtype, self.model.device)
            given = self.options.alpha if alpha is None else alpha
            alphas = picture_alphas(given, len(pictures)).expand(len(pictures))
            drawing = _Drawing(
                pictures=pictures,
                alphas=alphas,
                styles=self._given_styles(styles),
                shares=self._shares(styles, len(pictures)),
                masks=self._ready_masks(masks, pictures),
            )
            try:
                self._draw(drawing, output, progress)
            except NotFiniteError:
                used = [*drawing.styles, self._background]
                known = [style for style in used if isinstance(style, Style)]
                raise NotFiniteError(explain_not_finite(self.model, known)) from None
            return output

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the height and width of the picture that becomes of one of this size."""
        return fitted(size, self.options.content_size)

    # -- what is made ready ---------------------------------------------------------------------

    def _prepare(self, source: Source, field: str) -> Prepared:
        """Return a style, or the resized image where its colors still depend on the content."""
        if isinstance(source, Style):
            try:
                require_same_encoder(self.model, source)
            except StyleMismatchError as error:
                raise StyleMismatchError(str(error), field) from None
            return source
        image = resize_style(to_pixels(source), self.options.style_size)
        if self.options.recolors:
            return image.to(self.model.device)
        return self.model.style_encoder.recall(image, self.model.fingerprint)

    def _given_styles(self, styles: Sequence[Style] | None) -> list[Prepared]:
        if styles is None:
            return self._styles
        return [self._prepare(each, f"styles[{n}]") for n, each in enumerate(styles)]

    def _shares(self, styles: Sequence[Style] | None, batch: int) -> Tensor | None:
        """Return each style's share of each picture, ``(B, N)``; ``None`` with masks."""
        if self.options.masks is not None:
            return None
        shares = self.options.shares if styles is None else _equal_shares(len(styles))
        if len(shares) not in (1, batch):
            raise OptionError(
                "weights",
                f"must have one row, or one for each of {batch} pictures, got {len(shares)}",
            )
        return shares.expand(batch, -1)

    def _ready_masks(
        self, given: Sequence[MaskLike] | None, pictures: Tensor
    ) -> list[Tensor] | None:
        """Return the masks on the device, softened; ``(B, 1, H, W)`` or ``(1, 1, H, W)`` each."""
        if self.options.masks is None:
            return None
        size = (pictures.shape[2], pictures.shape[3])
        masks = self.options.masks if given is None else given
        ready = [self._soften(n, mask, size) for n, mask in enumerate(masks)]
        checked = check_masks(ready, len(self._styles), len(pictures))
        return [mask.to(self.model.device) for mask in checked]

    def _soften(self, number: int, mask: MaskSource, size: tuple[int, int]) -> Tensor:
        """Return a mask, with soft edges at the picture's size if that is asked for."""
        feather = self.options.feather
        before, soft = self._softened.get(number, (None, None))
        # A still mask of a video comes with every frame.
        if before is mask and soft is not None and (not feather or soft.shape[2:] == size):
            return soft
        soft = as_mask(_read(mask), f"masks[{number}]")
        if feather:
            soft = feather_mask(resize_mask(soft, size), feather)
        self._softened[number] = (mask, soft)
        return soft

    # -- drawing --------------------------------------------------------------------------------

    def _draw(self, drawing: _Drawing, output: Tensor, progress: Progress | None) -> None:
        """Draw groups of pictures; those of alpha 0 are copied."""
        networks, options = self.model.networks, self.options
        height, width = output.shape[2:]
        sizes = pass_sizes((height, width), options.stroke_size)
        side = options.tile or networks.automatic_tile((height, width))
        # Recolored styles belong to one picture each; otherwise small pictures that together are
        # as large as a tile go together.
        count = 1 if options.recolors else max(1, side**2 // (height * width))
        groups = list(_groups(drawing.alphas, count))
        drawn = [group for group, copied in groups if not copied]
        tilers = [networks.tiler(size, side, rounds=2 * len(drawn)) for size in sizes if drawn]
        copies = networks.tiler((height, width), side, rounds=len(groups) - len(drawn))
        if progress is not None:
            join_progress([*tilers, copies], progress)
        for group, copied in groups:
            if copied:
                copy(drawing.pictures[group], output[group], copies)
            else:
                self._draw_passes(drawing.part(group), sizes, tilers, output[group])

    def _draw_passes(
        self,
        drawing: _Drawing,
        sizes: list[tuple[int, int]],
        tilers: list[Tiler],
        output: Tensor,
    ) -> None:
        """Draw a group coarse to fine, each pass over the one before."""
        placed, background = self._targets(drawing)
        canvas = Canvas(drawing.pictures)
        under: Tensor | None = None
        for number, (size, tiler) in enumerate(zip(sizes, tilers, strict=True)):
            last = number == len(sizes) - 1
            # In 8 bits, as the passes are: a large picture's take a quarter of the memory.
            photo = drawing.pictures if last else as_uint8(resize(drawing.pictures, size))
            canvas = Canvas(photo)
            if under is not None:
                canvas = Underpainting(photo, under, self.options.photo_share)
            target = output
            if not last:
                target = empty_picture((len(photo), 3, *size), torch.uint8, self.model.device)
            self._draw_pass(drawing, number, canvas, tiler, placed, background, target)
            under = target

    def _draw_pass(
        self,
        drawing: _Drawing,
        number: int,
        canvas: Canvas,
        tiler: Tiler,
        targets: list[Statistics],
        background: Statistics | None,
        output: Tensor,
    ) -> None:
        model, options = self.model, self.options
        features = model.encode_canvas(canvas, tiler)
        transfer = plan_transfer(
            features,
            targets,
            drawing.alphas,
            masks=drawing.masks,
            background=background,
            region_statistics=options.region_statistics,
            smoothing=None if self.pool is None else self.pool.at(number),
            smooth_styles=options.recolors,
        )
        own = None
        if options.content_residual and (drawing.alphas < 1).any():
            own = own_transfer(features)
        finished = output.shape[2:] == drawing.pictures.shape[2:]
        finish = Finish(
            canvas,
            Canvas(canvas.pictures),
            own=own,
            residual=(1 - drawing.alphas)[:, None, None, None].float(),
            luminance=finished and options.preserve_color == "luminance",
            masks=drawing.masks if drawing.masks is not None and background is None else (),
        )
        opacity = features.opacity if output.shape[1] == 4 else None
        decode(model.tiled_decoder(features, tiler), transfer, output, finish, opacity)

    def _targets(self, drawing: _Drawing) -> tuple[list[Statistics], Statistics | None]:
        """Return the statistics of what is mixed or placed, and of the background."""
        styles = [self._encode(style, drawing.pictures) for style in drawing.styles]
        background = None
        if self._background is not None:
            style = self._encode(self._background, drawing.pictures)
            background = (style.mean, style.std)
        if drawing.shares is None:
            return [(style.mean, style.std) for style in styles], background
        shares = drawing.shares[:, :, None]
        mean, std = (
            (shares * torch.stack([getattr(style, name) for style in styles])).sum(dim=1)
            for name in ("mean", "std")
        )
        return [(mean, std)], None

    def _encode(self, style: Prepared, content: Tensor) -> Style:
        if isinstance(style, Style):
            return style
        method = self.options.preserve_color
        assert method is not None
        recolored = recolor_style(style, content, method)
        return self.model.style_encoder.encode(recolored, self.model.fingerprint)


@dataclass(frozen=True)
class _Drawing:
    """Pictures to draw, and what belongs to each of them.

    Attributes:
        pictures: ``(B, 3|4, H, W)``, float or uint8.
        alphas: ``(B,)``.
        styles: all go to every picture.
        shares: of each style in each picture, ``(B, N)``; ``None`` with masks.
        masks: ``(B, 1, H, W)`` or ``(1, 1, H, W)`` each, or ``None``.
    """

    pictures: Tensor
    alphas: Tensor
    styles: list[Prepared]
    shares: Tensor | None
    masks: list[Tensor] | None

    def part(self, group: slice) -> _Drawing:
        """Return some of the pictures."""
        masks = self.masks
        if masks is not None:
            masks = [mask[group] if len(mask) > 1 else mask for mask in masks]
        shares = None if self.shares is None else self.shares[group]
        return _Drawing(self.pictures[group], self.alphas[group], self.styles, shares, masks)


def _groups(alphas: Tensor, longest: int) -> Iterator[tuple[slice, bool]]:
    """Yield runs of pictures that are drawn together, and whether they are copied (alpha 0)."""
    copied = (alphas == 0).tolist()
    start = 0
    while start < len(copied):
        stop = start + 1
        limit = len(copied) if copied[start] else longest
        while stop < len(copied) and stop - start < limit and copied[stop] == copied[start]:
            stop += 1
        yield slice(start, stop), copied[start]
        start = stop


def _equal_shares(count: int) -> Tensor:
    return torch.full((1, count), 1 / count, device="cpu")


def _read(mask: MaskSource) -> MaskLike:
    """Return a mask; a path is an image file."""
    return read_mask(mask) if isinstance(mask, str | os.PathLike) else mask
