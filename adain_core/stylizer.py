"""``Stylizer``: a model prepared for a set of options, called with images or frames."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from .engine.coarse_to_fine import Batch, CoarseToFine, Prepared
from .engine.faults import explain_not_finite
from .engine.passes import closeness
from .engine.tiled import Watch, empty_image
from .engine.tiles import Progress
from .errors import AdaINError, NotFiniteError, OptionError, StyleMismatchError, require_kind
from .images import ImageLike, to_pixels
from .masks import MaskLike, as_mask, check_masks, feather_mask, resize_mask
from .options import Source, StylizeOptions
from .pixels import fit_shortest_side, resize_shortest_side
from .pretrained import PretrainedModel
from .style import Style, require_same_encoder
from .style_encoder import recolor_style, resize_closeup, resize_style
from .temporal import TemporalPool
from .transfer import Alpha, alpha_tensor
from .utils.devices import no_gradients


class Stylizer:
    """A model prepared for a set of options: artworks are encoded and masks feathered in advance.

    Args:
        model: the model, an :class:`~adain_core.model.AdaINModel`.
        options: the options.
        smoothing: pool of statistics for the frames of a video, in order: of the content, and of
            styles that are recolored for each frame.

    Raises:
        ValueError: an artwork that is not an image.
        TypeError: an argument of another type.
        StyleMismatchError: a style of another model; ``field`` says which.
        ImageFileError: a file that cannot be read.

    Example:
        >>> stylizer = Stylizer(model, StylizeOptions("wave.jpg", alpha=0.8))
        >>> images = [stylizer(photo) for photo in photos]  # the wave is encoded once
    """

    def __init__(
        self, model: PretrainedModel, options: StylizeOptions, smoothing: TemporalPool | None = None
    ) -> None:
        require_kind("model", model, PretrainedModel, "an AdaINModel")
        require_kind("options", options, StylizeOptions, "StylizeOptions")
        require_kind("smoothing", smoothing, TemporalPool | None, "a TemporalPool, or None")
        self.model, self.options, self.smoothing = model, options, smoothing
        self._closeups = False
        with no_gradients(model.networks.device):
            self._prepare_styles()
        self._softened: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(
        self,
        content: ImageLike,
        *,
        alpha: Alpha | None = None,
        styles: Style | Sequence[Style] | None = None,
        masks: Sequence[MaskLike] | None = None,
        progress: Progress | None = None,
        watch: Watch | None = None,
        output_dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Stylize images.

        Args:
            content: ``(B, 3, H, W)`` RGB in 0..1 or any other image (see
                :func:`~adain_core.images.to_tensor`), 1x1 pixel or larger.
            alpha: overrides the options for this call.
            styles: likewise: as many as the options have, with their weights, or one instead of
                all; with masks one per mask.
            masks: likewise, only where the options have masks.
            progress: called after each tile with the number of finished tiles and their total. An
                exception raised by it or by ``watch`` aborts the work.
            watch: called after each tile of the last pass with the unfinished images that are
                stylized together, in the output's dtype: do not change them, and ``clone()`` what
                you keep. Tiles to come show what the pass starts from.
            output_dtype: ``torch.float32``, or ``torch.uint8`` for rounded values in 0..255: with
                uint8 in and out, no float copy of a large image is made.

        Returns:
            RGB in 0..1, ``(B, 3, H, W)``, on the model's device; 4 channels if the content has
            alpha.

        Raises:
            ValueError: an unknown layout, NaN, or values outside 0..1.
            NotFiniteError: the result has NaN or infinite values; the message names the cause.
            OptionError: a wrong number of styles, alphas or masks; a style without an image.
            ImageFileError: a file that cannot be read.
            MemoryError: even the smallest tile does not fit.
        """
        with no_gradients(self.model.networks.device):
            images = to_pixels(content)
            if self.options.content_size:
                images = resize_shortest_side(images, self.options.content_size)
            size = (images.shape[2], images.shape[3])
            if not self._closeups and closeness(size, self.options.stroke_size) > 0:
                self._closeups = True
                self._prepare_styles()
            output = empty_image(images.shape, output_dtype, self.model.networks.device)
            alphas = alpha_tensor(self.options.alpha if alpha is None else alpha, len(images))
            own = self._given_styles(styles)
            batch = Batch(
                images=images,
                alphas=alphas.expand(len(images)),
                styles=own,
                background=self._background,
                shares=self._shares(own, len(images)),
                masks=self._prepare_masks(masks, len(own), images),
            )
            try:
                passes = CoarseToFine(
                    self.model.networks, self.options, self.smoothing, self._encode_recolored, watch
                )
                passes.stylize(batch, output, progress)
            except NotFiniteError:
                used = [*batch.styles, batch.background]
                known = [style for style in used if isinstance(style, Style)]
                raise NotFiniteError(
                    explain_not_finite(self.model.name, self.model.networks, known)
                ) from None
            return output

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the height and width of the result for content of this size."""
        return fit_shortest_side(size, self.options.content_size)

    # -- preparation ----------------------------------------------------------------------------

    def _prepare_styles(self) -> None:
        """Encode the artworks; close-ups only once an image is large enough to need them."""
        self._styles = [
            self._prepare(source, f"styles[{number}]")
            for number, source in enumerate(self.options.sources)
        ]
        self._background = None
        if self.options.background is not None:
            self._background = self._prepare(self.options.background, "background")

    def _prepare(self, source: Source, field: str) -> Prepared:
        """Return a style, or the resized artwork if its colors depend on the content."""
        if isinstance(source, Style):
            try:
                require_same_encoder(self.model, source)
            except StyleMismatchError as error:
                raise StyleMismatchError(str(error), field) from None
            return source
        pixels = to_pixels(source)
        image = resize_style(pixels, self.options.style_size)
        closeup = resize_closeup(pixels, image) if self._closeups else None
        if self.options.recolors:
            device = self.model.networks.device
            return image.to(device), None if closeup is None else closeup.to(device)
        try:
            return self.model.style_encoder.recall(image, closeup=closeup)
        except ValueError as error:
            if isinstance(error, AdaINError) or not isinstance(source, str | os.PathLike):
                raise
            raise ValueError(f"{source}: {error}") from None  # it is transparent everywhere

    def _encode_recolored(self, artwork: tuple[Tensor, Tensor | None], content: Tensor) -> Style:
        method = self.options.preserve_color
        assert method is not None
        image, closeup = (
            None if each is None else recolor_style(each, content, method) for each in artwork
        )
        assert image is not None
        return self.model.style_encoder.encode(image, closeup=closeup)

    def _given_styles(self, styles: Style | Sequence[Style] | None) -> list[Prepared]:
        if styles is None:
            return self._styles
        several = isinstance(styles, list | tuple)
        given = cast("Sequence[Source]", styles if several else (styles,))
        if not given:
            raise OptionError("styles", "must hold at least one style, got none")
        for number, each in enumerate(given):
            self.options.check_recolors(f"styles[{number}]", each)
        return [self._prepare(each, f"styles[{number}]") for number, each in enumerate(given)]

    def _shares(self, styles: list[Prepared], batch: int) -> Tensor | None:
        """Return the share of each style in each image, ``(B, N)``; ``None`` with masks."""
        if self.options.masks is not None:
            return None
        if len(styles) == len(self._styles):
            return self.options.image_shares(batch)
        if len(styles) > 1:
            raise OptionError(
                "styles", f"must be one or {len(self._styles)} in a call, got {len(styles)}"
            )
        return torch.ones(batch, 1, device="cpu")

    def _prepare_masks(
        self, given: Sequence[MaskLike] | None, styles: int, images: Tensor
    ) -> list[Tensor] | None:
        """Return feathered masks on the device, ``(B, 1, H, W)`` or ``(1, 1, H, W)`` each."""
        if self.options.masks is None:
            if given is not None:
                raise OptionError("masks", "replace those of the options, which have none")
            return None
        masks = self._own_masks if given is None else given
        checked = check_masks(masks, styles, len(images))
        size = (images.shape[2], images.shape[3])
        soft = [self._soften(number, mask, size) for number, mask in enumerate(checked)]
        return [mask.to(self.model.networks.device) for mask in soft]

    @functools.cached_property
    def _own_masks(self) -> list[Tensor]:
        """The masks of the options, with image files loaded."""
        return [as_mask(mask) for mask in self.options.masks or ()]

    def _soften(self, number: int, mask: Tensor, size: tuple[int, int]) -> Tensor:
        """Return a feathered mask at the size of the image, or the mask without feathering."""
        feather = self.options.feather
        if not feather:
            return mask
        before, soft = self._softened.get(number, (None, mask))
        # Video frames share a still mask, but a caller may also reuse its buffer.
        if before is None or soft.shape[2:] != size or not torch.equal(before, mask):
            soft = feather_mask(resize_mask(mask, size), feather)
            self._softened[number] = (mask, soft)
        return soft
