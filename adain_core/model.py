"""The model: encode, decode, and ``stylize``, which does everything from pictures to picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from .canvas import Canvas
from .devices import inference
from .images import ImageLike, to_pixels
from .masks import MaskLike, as_mask
from .options import MaskSource, Source, StylizeOptions
from .pixels import resize_shortest_side
from .pretrained import PretrainedModel
from .previews import make_preview
from .style import Features, Style, require_same_encoder
from .style_encoder import resize_style
from .stylizer import Stylizer
from .temporal import TemporalPool
from .tiled import decode, empty_picture
from .tiles import Progress
from .transfer import Alpha


class AdaINModel(PretrainedModel):
    """An encoder and the decoder that belongs to it.

    ``encode``, ``encode_style``, ``decode`` and ``stylize`` are for use, without gradients; they
    run the two networks in a faster form (:class:`~adain_core.inference.Inference`), so that hooks
    on their layers see nothing. Gradients flow through ``model.encoder(images)`` and
    ``model.decoder(adain(features, style, alpha).tensor)``.

    Styles are told apart by a fingerprint of the encoder's weights, taken when the model is made
    and by ``load_state_dict``: an encoder that is trained on needs a new model for its styles.
    Freeze networks that are not trained (``from_pretrained`` does): weights that require gradients
    are prepared anew at every call, and no artwork's style is remembered.

    Args:
        encoder: the encoder.
        decoder: the decoder.
        info: architecture, license, source and training.
        name: for people and messages.

    Example:
        >>> model = AdaINModel.from_pretrained()
        >>> image = model.stylize("photo.jpg", "painting.jpg", alpha=0.8)  # (1, 3, H, W), 0..1
    """

    def encode(
        self,
        content: ImageLike,
        size: int = 0,
        tile: int | None = None,
        progress: Progress | None = None,
    ) -> Features:
        """Encode content pictures.

        Args:
            content: ``(B, 3, H, W)`` RGB in 0..1 or any other image (see
                :func:`~adain_core.images.to_tensor`), 1x1 pixel or more; a fourth channel is
                carried to the decoded picture. uint8 becomes float one tile at a time.
            size: shortest side in pixels to resize to before; 0: as it is.
            tile: side in pixels, 64 or more, of the tiles that the networks see; the result does
                not depend on it. Halved where memory runs out. ``None``: the fastest that fits
                into the free memory.
            progress: called after each tile with the number of tiles done and in all; an
                exception that it raises ends the work.

        Raises:
            ValueError: no image of a known layout, NaN, or values that are not in 0..1.
            ImageFileError: a file that cannot be read.
            MemoryError: not even the smallest tile fits.
        """
        with inference(self.device):
            pictures = to_pixels(content)
            if size:
                pictures = resize_shortest_side(pictures, size)
            canvas, batch = Canvas(pictures), len(pictures)
            tiler = self.networks.tiler(canvas.size, tile, batch=batch, progress=progress)
            return self.networks.encode(canvas, tiler)

    def encode_style(
        self,
        image: ImageLike,
        mask: MaskLike | None = None,
        size: int | None = None,
        name: str | None = None,
        progress: Progress | None = None,
    ) -> Style:
        """Encode an artwork; one that was encoded lately is recognized by its pixels.

        Args:
            image: ``(B, 3, H, W)`` RGB in 0..1 or any other image; a batch is averaged into one
                style. Transparent pixels do not count.
            mask: which part counts, ``(H, W)`` or ``(B, H, W)`` in 0..1, any resolution.
            size: shortest side in pixels to resize to before, which sets the scale of the
                strokes; 0: as it is; ``None``: 512, but smaller images as they are.
            name: for people; the file's name if there is one.
            progress: as for :meth:`encode`; not called where the artwork is recognized.

        Raises:
            ValueError: a bad image or mask, or a mask that selects nothing.
            ImageFileError: a file that cannot be read.
        """
        if name is None:
            name = Path(image).stem if isinstance(image, str | os.PathLike) else ""
        with inference(self.device):
            weight = None if mask is None else as_mask(mask)
            images = resize_style(to_pixels(image), size)
            style = self.style_encoder.recall(images, weight, progress)
            previews = tuple(
                (make_preview(each), 1 / len(images)) for each in torch.split(images, 1)
            )
        # Ordinary tensors, for gradients from there on, and not the cache's own.
        mean, std = style.mean.clone(), style.std.clone()
        return replace(style, mean=mean, std=std, name=name, previews=previews)

    def decode(
        self,
        features: Features,
        tile: int | None = None,
        progress: Progress | None = None,
        output_dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Decode features into pictures.

        Args:
            features: from :meth:`encode`, usually through :func:`~adain_core.adain`.
            tile: as for :meth:`encode`.
            progress: as for :meth:`encode`.
            output_dtype: ``torch.float32``, or ``torch.uint8`` for 0..255, rounded.

        Returns:
            RGB in 0..1, ``(B, 3, H, W)`` at exactly the content's size (4 channels where the
            content had alpha), on the model's device.

        Raises:
            StyleMismatchError: features of another model's encoder.
            NotFiniteError: the result has NaN or infinite values.
            MemoryError: not even the smallest tile fits.
        """
        require_same_encoder(self, features)
        with inference(self.device):
            channels, batch = 3 if features.opacity is None else 4, len(features.tensor)
            output = empty_picture((batch, channels, *features.size), output_dtype, self.device)
            tiler = self.networks.tiler(features.size, tile, batch=batch, progress=progress)
            decode(self.networks.decoder(features, tiler), None, output, opacity=features.opacity)
            return output

    def stylize(
        self,
        content: ImageLike,
        styles: Source | Sequence[Source],
        *,
        weights: Sequence[float] | Sequence[Sequence[float]] | None = None,
        alpha: Alpha = 1.0,
        masks: Sequence[MaskSource] | None = None,
        background: Source | None = None,
        feather: int = 0,
        region_statistics: bool = True,
        preserve_color: str | None = None,
        content_residual: bool = False,
        content_size: int = 0,
        style_size: int | None = None,
        stroke_size: str | float = StylizeOptions.stroke_size,
        photo_share: float = StylizeOptions.photo_share,
        tile: int | None = None,
        smoothing: TemporalPool | None = None,
        progress: Progress | None = None,
        output_dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Draw pictures in a style, or in several.

        One :class:`~adain_core.stylizer.Stylizer` does the same for many calls.

        Args:
            content: the picture(s), see :meth:`encode`.
            styles: artwork(s) or :class:`Style`. All options from here to ``tile`` are those of
                :class:`~adain_core.options.StylizeOptions`, where each is explained.
            weights: of the styles, mixed over the whole picture.
            alpha: 0 gives the content itself, 1 the full style.
            masks: instead of weights, where each style goes.
            background: style of what the masks leave free.
            feather: pixels over which the masks' edges are softened.
            region_statistics: take the content's statistics inside each region.
            preserve_color: how the content's colors are kept.
            content_residual: give back what the decoder loses of the content below alpha 1.
            content_size: shortest side of the content, pixels; 0: as it is.
            style_size: of the artworks; ``None``: 512, but smaller ones as they are.
            stroke_size: how large strokes are beside the picture.
            photo_share: of the photo that each later pass keeps.
            tile: side of the tiles that the networks see, pixels.
            smoothing: pool of the statistics of a video's frames, kept from call to call.
            progress: as for :meth:`encode`.
            output_dtype: as for :meth:`decode`.

        Returns:
            RGB in 0..1, ``(B, 3, H, W)``; 4 channels where the content has alpha.

        Raises: as :class:`~adain_core.stylizer.Stylizer`.
        """
        options = StylizeOptions(
            styles,
            weights=weights,
            alpha=alpha,
            masks=masks,
            background=background,
            feather=feather,
            region_statistics=region_statistics,
            preserve_color=preserve_color,
            content_residual=content_residual,
            content_size=content_size,
            style_size=style_size,
            stroke_size=stroke_size,
            photo_share=photo_share,
            tile=tile,
        )
        stylizer = Stylizer(self, options, smoothing)
        return stylizer(content, progress=progress, output_dtype=output_dtype)
