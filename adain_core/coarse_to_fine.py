"""Drawing coarse to fine: pass after pass, group after group of pictures, tile after tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .canvas import Canvas, Underpainting, fill_hidden
from .choices import SINGLE_PASS
from .color import is_gray
from .functional import Statistics
from .masks import region_weights
from .options import StylizeOptions, closeness, pass_sizes
from .pixels import reduce_uint8
from .strokes import Strokes
from .style import Style
from .temporal import TemporalPool
from .tiled import (
    Finish,
    TiledNetworks,
    Watch,
    copy,
    decode,
    empty_picture,
    even_tones,
    put_under,
)
from .tiles import Progress, Tiler, join_progress
from .transfer import join_regions, own_transfer, plan_transfer

# What artworks become before there is a picture: styles, or images that are yet to be recolored, as
# they are encoded and perhaps at twice the size.
Prepared = Style | tuple[Tensor, Tensor | None]


@dataclass(frozen=True)
class Drawing:
    """Pictures to draw, and what belongs to each of them.

    Attributes:
        pictures: ``(B, 3|4, H, W)``, float or uint8.
        alphas: ``(B,)``.
        styles: all go to every picture.
        background: style of what the masks leave free.
        shares: of each style in each picture, ``(B, N)``; ``None`` with masks.
        masks: ``(B, 1, H, W)`` or ``(1, 1, H, W)`` each, or ``None``.
    """

    pictures: Tensor
    alphas: Tensor
    styles: list[Prepared]
    background: Prepared | None
    shares: Tensor | None
    masks: list[Tensor] | None

    def part(self, group: slice) -> Drawing:
        """Return some of the pictures."""
        masks = self.masks
        if masks is not None:
            masks = [mask[group] if len(mask) > 1 else mask for mask in masks]
        return replace(
            self,
            pictures=self.pictures[group],
            alphas=self.alphas[group],
            shares=None if self.shares is None else self.shares[group],
            masks=masks,
        )


class Draftsman:
    """Draws pictures with everything made ready.

    Args:
        networks: of the model.
        options: how to draw.
        pool: of the statistics of a video's frames.
        recolor: gives the style of an artwork, and of its close-up, recolored to a content picture
            ``(1, C, H, W)``.
        watch: shown each group of pictures after each tile of its last pass; under the tiles that
            are yet to come lies the canvas of that pass. A first pass is shown when it is done.
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

    def draw(self, drawing: Drawing, output: Tensor, progress: Progress | None) -> None:
        """Draw groups of pictures; those of alpha 0 are copied.

        Args:
            drawing: what to draw.
            output: filled, ``(B, 3|4, H, W)``, float32 or uint8.
            progress: told after each tile of all passes.
        """
        networks, options = self._networks, self._options
        height, width = output.shape[2:]
        sizes = pass_sizes((height, width), options.stroke_size)
        side = options.tile or networks.automatic_tile((height, width))
        # Recolored styles belong to one picture each; otherwise small pictures that together are
        # as large as a tile go together.
        count = 1 if options.recolors else max(1, side**2 // (height * width))
        groups = list(_groups(drawing.alphas, count))
        drawn = [group for group, copied in groups if not copied]
        # Each is encoded and decoded, and after the first gets the strokes of the one before.
        tilers = [
            networks.tiler(size, side, rounds=(3 if number else 2) * len(drawn))
            for number, size in enumerate(sizes)
            if drawn
        ]
        copies = networks.tiler((height, width), side, rounds=len(groups) - len(drawn))
        if progress is not None:
            join_progress([*tilers, copies], progress)
        for group, copied in groups:
            if copied:
                copy(Canvas(drawing.pictures[group]), output[group], copies)
            else:
                self._draw_passes(drawing.part(group), sizes, tilers, output[group])

    def _draw_passes(
        self, drawing: Drawing, sizes: list[tuple[int, int]], tilers: list[Tiler], output: Tensor
    ) -> None:
        """Draw a group, each pass over the one before."""
        drawing = self._encode_styles(drawing)
        photos = _reduce(drawing.pictures, sizes)
        later = len(sizes) - 1
        # So that all later passes together keep as much of the photo as one would.
        share = 1 - (1 - self._options.photo_share) ** (1 / max(1, later))
        canvas, strokes = Canvas(photos.pop()), None
        for number, tiler in enumerate(tilers):
            last = number == later
            target = output
            if not last:
                target = empty_picture((len(output), 3, *sizes[number]), torch.uint8, output.device)
            close = closeness(sizes[number], self._options.stroke_size) if number else 0.0
            targets, background = _targets(drawing, close)
            one = _Pass(number, canvas, targets, background, last)
            finish = self._draw_pass(drawing, one, tiler, target)
            if strokes is not None:
                put_under(strokes, target, tiler, finish, self._watch if last else None)
            if not last:
                reduced, photo = canvas.pictures, photos.pop()
                target = target.to(reduced.device)
                canvas = Underpainting(photo, target, reduced, 1 - share)
                strokes = Strokes.over(photo, target)

    def _takes_chrominance(self, photos: Tensor) -> bool:
        """Return whether the photos' chrominance replaces that of the drawn pictures."""
        options = self._options
        # A decoder tints even what is drawn in a gray artwork.
        return options.preserve_color == "luminance" or (options.recolors and is_gray(photos))

    def _draw_pass(self, drawing: Drawing, one: _Pass, tiler: Tiler, output: Tensor) -> Finish:
        """Draw a pass to the output; return how its pixels were finished."""
        options, networks = self._options, self._networks
        features = networks.encode(one.canvas, tiler)
        transfer = plan_transfer(
            features,
            one.targets,
            drawing.alphas,
            masks=drawing.masks,
            background=one.background,
            region_statistics=options.region_statistics,
            smoothing=None if self._pool is None else self._pool.at(one.number),
            smooth_styles=options.recolors,
        )
        lost = options.content_residual and bool((drawing.alphas < 1).any())
        finish = Finish(
            one.canvas,
            Canvas(one.canvas.pictures),
            own=own_transfer(features) if lost else None,
            residual=(1 - drawing.alphas)[:, None, None, None].float(),
            luminance=one.last and self._takes_chrominance(drawing.pictures),
            masks=drawing.masks if drawing.masks is not None and one.background is None else (),
        )
        opacity = features.opacity if output.shape[1] == 4 else None
        watch = self._watch if one.last else None
        decoder = networks.decoder(features, tiler)
        if one.number or options.stroke_size == SINGLE_PASS:
            if watch is not None:
                copy(one.canvas, output, networks.tiler(one.canvas.size, options.tile))
            decode(decoder, transfer, output, finish, opacity, watch)
        else:  # halos of the first pass are the largest, and that pass is small
            plain = empty_picture(output.shape, torch.float32, output.device)
            unblended = replace(finish, luminance=False, masks=())
            decode(decoder, transfer, plain, unblended, opacity)
            even_tones(plain, finish, _regions(drawing, one), output)
            if watch is not None:
                watch(output)
        return finish

    def _encode_styles(self, drawing: Drawing) -> Drawing:
        """Return a drawing whose artworks are recolored and encoded."""

        def encode(style: Prepared) -> Style:
            return style if isinstance(style, Style) else self._recolor(style, drawing.pictures)

        background = drawing.background
        return replace(
            drawing,
            styles=[encode(style) for style in drawing.styles],
            background=None if background is None else encode(background),
        )


@dataclass(frozen=True)
class _Pass:
    """One pass over a group of pictures.

    Attributes:
        number: from 0.
        canvas: what is drawn on.
        targets: the styles' statistics, one, or one for each mask.
        background: those of what the masks leave free.
        last: whether it draws the result.
    """

    number: int
    canvas: Canvas
    targets: list[Statistics]
    background: Statistics | None
    last: bool


def _targets(drawing: Drawing, close: float) -> tuple[list[Statistics], Statistics | None]:
    """Return the statistics of what is mixed or placed, and of the background."""

    def statistics(style: Prepared | None) -> Statistics:
        assert isinstance(style, Style)
        return style.statistics(close)

    targets = [statistics(style) for style in drawing.styles]
    if drawing.shares is None:
        background = drawing.background
        return targets, None if background is None else statistics(background)
    shares = drawing.shares[:, :, None]
    mean, std = ((shares * torch.stack(each)).sum(dim=1) for each in zip(*targets, strict=True))
    return [(mean, std)], None


def _regions(drawing: Drawing, one: _Pass) -> Tensor | None:
    """Return the weights of the regions that a pass draws in different styles, if it has masks."""
    if drawing.masks is None:
        return None
    weights = region_weights(drawing.masks, one.canvas.size)
    regions = join_regions(one.targets, weights, one.background)
    return torch.stack([weight for _, weight in regions])


def _reduce(pictures: Tensor, sizes: list[tuple[int, int]]) -> list[Tensor]:
    """Return pictures at each size, the largest first, where they are as they come.

    The others are in 8 bits, as the passes are, each made from the next larger one: a large
    picture's take a third of its memory.
    """
    photos = [pictures]
    for size in sizes[-2::-1]:
        photos.append(reduce_uint8(photos[-1], size))
    return [pictures, *map(fill_hidden, photos[1:])]


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
