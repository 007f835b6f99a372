"""Coarse to fine: stylizes batches of images in several passes, each over the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..choices import SINGLE_PASS
from ..color.matching import match_colors
from ..color.methods import is_gray
from ..color.palettes import NO_PALETTE, ColorMatch
from ..functional import EVERYWHERE, Palette, Statistics
from ..options import StylizeOptions
from ..pixels import as_uint8, reduce_uint8
from ..style import Style
from ..temporal import TemporalPool
from ..transfer import own_transfer, pixel_regions, plan_transfer
from .canvas import Canvas, fill_hidden
from .passes import closeness, pass_sizes
from .strokes import Strokes, underpaint
from .tiled import (
    Finish,
    Residual,
    TiledNetworks,
    Watch,
    copy,
    decode,
    empty_image,
    even_tones,
    put_under,
)
from .tiles import Progress, Tiler, join_progress

# A style, or an artwork and its close-up, which are recolored and encoded for each content image.
Prepared = Style | tuple[Tensor, Tensor | None]


@dataclass(frozen=True)
class Batch:
    """Content images, and the options that differ from image to image.

    Attributes:
        images: ``(B, 3|4, H, W)``, float or uint8.
        alphas: ``(B,)``.
        styles: apply to every image.
        background: style of pixels outside every mask.
        shares: share of each style in each image, ``(B, N)``; ``None`` with masks.
        masks: ``(B, 1, H, W)`` or ``(1, 1, H, W)`` each, or ``None``.
    """

    images: Tensor
    alphas: Tensor
    styles: list[Prepared]
    background: Prepared | None
    shares: Tensor | None
    masks: list[Tensor] | None

    def select(self, group: slice) -> Batch:
        """Return some of the images."""
        masks = self.masks
        if masks is not None:
            masks = [mask[group] if len(mask) > 1 else mask for mask in masks]
        return replace(
            self,
            images=self.images[group],
            alphas=self.alphas[group],
            shares=None if self.shares is None else self.shares[group],
            masks=masks,
        )


class CoarseToFine:
    """Stylizes batches coarse to fine.

    Args:
        networks: networks of the model.
        options: the options.
        pool: pool of statistics for the frames of a video.
        recolor: encodes an artwork and its close-up, recolored to a content image ``(1, C, H, W)``.
        watch: called with each group of images after each tile of its last pass; tiles to come show
            what that pass starts from. A first pass is shown when it is done.
    """

    def __init__(
        self,
        networks: TiledNetworks,
        options: StylizeOptions,
        pool: TemporalPool | None,
        recolor: Callable[[tuple[Tensor, Tensor | None], Tensor], Style],
        watch: Watch | None = None,
    ) -> None:
        self._networks, self._options, self._pool = networks, options, pool
        self._recolor, self._watch = recolor, watch

    def stylize(self, batch: Batch, output: Tensor, progress: Progress | None) -> None:
        """Stylize a batch, group by group; images of alpha 0 are copied.

        Args:
            batch: the images and their options.
            output: receives the result, ``(B, 3|4, H, W)``, float32 or uint8.
            progress: called after each tile of all passes.
        """
        networks, options = self._networks, self._options
        height, width = output.shape[2:]
        sizes = pass_sizes((height, width), options.stroke_size)
        side = options.tile or networks.automatic_tile((height, width))
        # A recolored style belongs to one image. Otherwise, small images that together are as large
        # as a tile form a group.
        count = 1 if options.recolors else max(1, side**2 // (height * width))
        groups = list(_groups(batch.alphas, count))
        stylized = [group for group, copied in groups if not copied]
        # Each pass encodes and decodes; later ones also apply the strokes of the one before.
        tilers = [
            networks.tiler(size, side, rounds=(3 if number else 2) * len(stylized))
            for number, size in enumerate(sizes)
            if stylized
        ]
        copies = networks.tiler((height, width), side, rounds=len(groups) - len(stylized))
        if progress is not None:
            join_progress([*tilers, copies], progress)
        for group, copied in groups:
            if copied:
                copy(Canvas(batch.images[group]), output[group], copies)
            else:
                self._run_passes(batch.select(group), sizes, tilers, output[group])

    def _run_passes(
        self, batch: Batch, sizes: list[tuple[int, int]], tilers: list[Tiler], output: Tensor
    ) -> None:
        """Stylize a group in all passes."""
        batch = self._encode_styles(batch)
        photos = _reduce(batch.images, sizes)
        later = len(sizes) - 1
        # So that all later passes together keep as much of the photo as one would.
        share = 1 - (1 - self._options.photo_share) ** (1 / max(1, later))
        match = self._match_colors(batch, photos[-1])
        result: Tensor | None = None
        for number, tiler in enumerate(tilers):
            close = closeness(sizes[number], self._options.stroke_size) if number else 0.0
            one = _Pass(number, *_targets(batch, close), share, match, number == later)
            shape = (len(output), 3, *sizes[number])
            target = output if one.last else empty_image(shape, torch.uint8, output.device)
            self._run_pass(batch, one, photos, result, tiler, target)
            result = target

    def _match_colors(self, batch: Batch, photos: Tensor) -> ColorMatch | None:
        """Return what gives photos, here at the size of the first pass, the artworks' colors."""
        options, background = self._options, batch.background
        if options.stroke_size == SINGLE_PASS or options.preserve_color is not None:
            return None
        return match_colors(
            photos,
            [_palette(style) for style in batch.styles],
            batch.alphas,
            shares=batch.shares,
            masks=batch.masks,
            background=None if background is None else _palette(background),
            region_statistics=options.region_statistics,
            smoothing=None if self._pool is None else self._pool.colors,
        )

    def _begin(
        self, one: _Pass, photos: list[Tensor], before: Tensor | None
    ) -> tuple[Canvas, Strokes | None]:
        """Return the input of a pass, and the strokes that stay under its result."""
        if before is None:
            return Canvas(photos[-1], one.match), None
        reduced, photo = self._matched(photos.pop(), one.match), photos[-1]
        before = before.to(reduced.device)
        return underpaint(photo, before, reduced, one.share, one.match), Strokes.over(photo, before)

    def _matched(self, photos: Tensor, match: ColorMatch | None) -> Tensor:
        """Return the photos of a small pass in the colors of the artworks, uint8."""
        if match is None:
            return photos
        colors = Canvas(photos, match).colors(EVERYWHERE, self._networks.device)
        return as_uint8(colors).to(photos.device)

    def _restores_chrominance(self, photos: Tensor) -> bool:
        """Return whether the result gets the photos' chrominance."""
        options = self._options
        # A decoder tints even the result of a gray artwork.
        return options.preserve_color == "luminance" or (options.recolors and is_gray(photos))

    def _run_pass(
        self,
        batch: Batch,
        one: _Pass,
        photos: list[Tensor],
        before: Tensor | None,
        tiler: Tiler,
        output: Tensor,
    ) -> None:
        """Stylize a group in one pass.

        Args:
            batch: the group.
            one: the pass.
            photos: the group's, from the size of the last pass down to that of the one before,
                which is removed.
            before: the result of the pass before, ``(B, 3, h, w)``, uint8.
            tiler: tiler for the size of the pass.
            output: receives the result.
        """
        options, networks = self._options, self._networks
        canvas, strokes = self._begin(one, photos, before)
        features = networks.encode(canvas, tiler)
        transfer = plan_transfer(
            features,
            one.targets,
            batch.alphas,
            masks=batch.masks,
            background=one.background,
            region_statistics=options.region_statistics,
            smoothing=None if self._pool is None else self._pool.at(one.number),
            smooth_styles=options.recolors,
        )
        if before is not None:
            transfer = transfer.limited()
        residual = None
        if options.content_residual and bool((batch.alphas < 1).any()):
            lost = (1 - batch.alphas)[:, None, None, None].float()
            residual = Residual(canvas, own_transfer(features), lost)
        finish = Finish(
            Canvas(canvas.images),
            residual,
            luminance=one.last and self._restores_chrominance(batch.images),
            masks=batch.masks if batch.masks is not None and one.background is None else (),
        )
        opacity = features.opacity if output.shape[1] == 4 else None
        watch = self._watch if one.last else None
        decoder = networks.decoder(features, tiler)
        if before is None and options.stroke_size != SINGLE_PASS:
            # Halos of the first pass are the largest.
            plain = empty_image(output.shape, torch.float32, output.device)
            decode(decoder, transfer, plain, Finish(finish.photo, residual), opacity)
            even_tones(plain, canvas, _regions(batch, one, canvas.size), finish, output)
            if watch is not None:
                watch(output)
            return
        if watch is not None:
            copy(canvas, output, networks.tiler(canvas.size, options.tile))
        del canvas  # decoding needs the most memory
        decode(decoder, transfer, output, finish, opacity, watch)
        if strokes is not None:
            del decoder, features  # their memory is for the reduced result
            put_under(strokes, output, tiler, finish, watch)

    def _encode_styles(self, batch: Batch) -> Batch:
        """Return the batch with its artworks recolored and encoded."""

        def encode(style: Prepared) -> Style:
            return style if isinstance(style, Style) else self._recolor(style, batch.images)

        background = batch.background
        return replace(
            batch,
            styles=[encode(style) for style in batch.styles],
            background=None if background is None else encode(background),
        )


@dataclass(frozen=True)
class _Pass:
    """One pass over a group of images.

    Attributes:
        number: number of the pass, from 0.
        targets: statistics of the styles, one, or one for each mask.
        background: statistics of the background style.
        share: share of the photo in the input of a later pass.
        match: gives photos the colors of the artworks.
        last: whether its result is the output.
    """

    number: int
    targets: list[Statistics]
    background: Statistics | None
    share: float
    match: ColorMatch | None
    last: bool


def _targets(batch: Batch, close: float) -> tuple[list[Statistics], Statistics | None]:
    """Return the statistics of the mix or of the style of each mask, and of the background."""

    def statistics(style: Prepared | None) -> Statistics:
        assert isinstance(style, Style)
        return style.statistics(close)

    targets = [statistics(style) for style in batch.styles]
    if batch.shares is None:
        background = batch.background
        return targets, None if background is None else statistics(background)
    shares = batch.shares[:, :, None]
    mean, std = ((shares * torch.stack(each)).sum(dim=1) for each in zip(*targets, strict=True))
    return [(mean, std)], None


def _palette(style: Prepared) -> Palette:
    assert isinstance(style, Style)
    return style.palette or NO_PALETTE


def _regions(batch: Batch, one: _Pass, size: tuple[int, int]) -> Tensor | None:
    """Return the weights of the regions with different styles; ``None`` without masks."""
    if batch.masks is None:
        return None
    return pixel_regions(one.targets, batch.masks, one.background, size)


def _reduce(images: Tensor, sizes: list[tuple[int, int]]) -> list[Tensor]:
    """Return images at the size of each pass, the largest first and unchanged.

    The others are uint8, as the passes are, each made from the next larger one: for a large image
    they take a third of its memory.
    """
    photos = [images]
    for size in sizes[-2::-1]:
        photos.append(reduce_uint8(photos[-1], size))
    return [images, *map(fill_hidden, photos[1:])]


def _groups(alphas: Tensor, longest: int) -> Iterator[tuple[slice, bool]]:
    """Yield runs of images that are stylized together, and whether they are copied (alpha 0)."""
    copied = (alphas == 0).tolist()
    start = 0
    while start < len(copied):
        stop = start + 1
        limit = len(copied) if copied[start] else longest
        while stop < len(copied) and stop - start < limit and copied[stop] == copied[start]:
            stop += 1
        yield slice(start, stop), copied[start]
        start = stop
