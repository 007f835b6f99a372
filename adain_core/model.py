"""``AdaINModel``: encode, decode, and ``stylize``, which does everything in one call."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from .choices import DEFAULT_STROKE_SIZE
from .engine.canvas import Canvas, fill_hidden
from .engine.passes import check_photo_share, closeness
from .engine.strokes import Strokes, underpaint
from .engine.tiled import Finish, decode, empty_image, even_tones, put_under
from .engine.tiles import Progress
from .errors import OptionError, require_kind
from .functional import Statistics
from .images import ImageLike, to_pixels
from .images.previews import make_preview
from .masks import MaskLike, as_mask
from .options import Source, StylizeOptions
from .pixels import reduce_uint8, resize_shortest_side
from .pretrained import PretrainedModel
from .style import Features, Style, require_same_encoder
from .style_encoder import resize_closeup, resize_style
from .stylizer import Stylizer
from .temporal import TemporalPool
from .transfer import Alpha
from .utils.devices import no_gradients


class AdaINModel(PretrainedModel):
    """An encoder with its decoder.

    ``encode``, ``encode_style``, ``decode`` and ``stylize`` are for inference. They compute no
    gradients and run an optimized form of the networks (see ``networks.inference``), so hooks on
    layers are not called. For gradients, call the networks themselves, as the example does.

    A fingerprint of the encoder's weights identifies its styles. It is computed when the model is
    created and by ``load_state_dict``; if you train the encoder further, create a new model. Freeze
    networks that are not being trained, as ``from_pretrained`` does: weights that require gradients
    are prepared again at every call, and styles are not cached.

    Args:
        encoder: the encoder.
        decoder: the decoder.
        info: architecture, license, source and training.
        name: shown in messages.

    Example:
        >>> model = AdaINModel.from_pretrained()
        >>> image = model.stylize("photo.jpg", "painting.jpg", alpha=0.8)  # (1, 3, H, W), 0..1
        >>> style = model.encode_style("painting.jpg")
        >>> images = image.to(model.dtype)
        >>> features = Features(model.encoder(images), images.shape[2:], model.fingerprint)
        >>> image = model.decoder(adain(features, style, alpha=0.8).tensor)  # with gradients
    """

    def encode(
        self,
        content: ImageLike,
        size: int = 0,
        tile: int | None = None,
        progress: Progress | None = None,
        underpainting: ImageLike | None = None,
        photo_share: float = StylizeOptions.photo_share,
    ) -> Features:
        """Encode content images.

        Args:
            content: ``(B, 3, H, W)`` RGB in 0..1 or any other image (see
                :func:`~adain_core.images.to_tensor`), 1x1 pixel or larger. A fourth channel is
                passed on to the decoded image.
            size: resize the shortest side to this many pixels first; 0: keep the size.
            tile: tile size in pixels, 64 or more; the result does not depend on it. Halved if
                memory runs out. ``None``: the fastest that fits into the free memory.
            progress: called after each tile with the number of finished tiles and their total. An
                exception that it raises aborts the work.
            underpainting: a smaller stylized result of the same images, for a second pass: its
                large strokes stay.
            photo_share: how much of the content is mixed into it, 0..1, and more where the strokes
                hide detail.

        Raises:
            ValueError: an unknown layout, NaN, values outside 0..1, or another number of images.
            ImageFileError: a file that cannot be read.
            MemoryError: even the smallest tile does not fit.
        """
        with no_gradients(self.device):
            images = to_pixels(content)
            if size:
                images = resize_shortest_side(images, size)
            tiler = self.networks.tiler(
                (images.shape[2], images.shape[3]), tile, batch=len(images), progress=progress
            )
            if underpainting is None:
                return self.networks.encode(Canvas(images), tiler)
            canvas, strokes = _underpaint(images, underpainting, photo_share)
            close = closeness(canvas.size, DEFAULT_STROKE_SIZE)
            return replace(self.networks.encode(canvas, tiler), strokes=strokes, closeness=close)

    def encode_style(
        self,
        image: ImageLike,
        mask: MaskLike | None = None,
        size: int | None = None,
        name: str | None = None,
        progress: Progress | None = None,
        closeup: bool = True,
    ) -> Style:
        """Encode an artwork. Recent styles are cached by the pixels of the artwork.

        Args:
            image: ``(B, 3, H, W)`` RGB in 0..1 or any other image; a batch is averaged into one
                style. Transparent pixels are ignored.
            mask: the part to encode, ``(H, W)`` or ``(B, H, W)`` in 0..1, any resolution, or an
                image.
            size: resize the shortest side to this many pixels first, which sets the scale of the
                textures; 0: keep the size; ``None``: 512, but keep smaller images.
            name: of the style; by default the file's name.
            progress: as for :meth:`encode`; not called for a cached style.
            closeup: also encode it at twice the size, for images above 512 pixels. A single pass
                (``stroke_size="single"``) does not need it; without it, encoding takes a fifth of
                the time.

        Raises:
            ValueError: an invalid image or mask, or a mask that selects nothing.
            ImageFileError: a file that cannot be read.
        """
        if name is None:
            name = Path(image).stem if isinstance(image, str | os.PathLike) else ""
        with no_gradients(self.device):
            weight = None if mask is None else as_mask(mask)
            pixels = to_pixels(image)
            images = resize_style(pixels, size)
            larger = resize_closeup(pixels, images) if closeup else None
            style = self.style_encoder.recall(images, weight, progress, larger)
            previews = tuple(
                (make_preview(each), 1 / len(images)) for each in torch.split(images, 1)
            )
        # Copies outside inference mode: usable with gradients, and independent of the cache.
        (mean, std), closer = _copy(style.statistics()), style.closeup and _copy(style.closeup)
        palette = style.palette and _copy(style.palette)
        return replace(
            style,
            mean=mean,
            std=std,
            name=name,
            previews=previews,
            closeup=closer,
            palette=palette,
        )

    def decode(
        self,
        features: Features,
        tile: int | None = None,
        progress: Progress | None = None,
        output_dtype: torch.dtype = torch.float32,
        content: ImageLike | None = None,
    ) -> Tensor:
        """Decode features to images.

        Args:
            features: from :meth:`encode`, usually after :func:`~adain_core.adain`.
            tile: as for :meth:`encode`.
            progress: as for :meth:`encode`.
            output_dtype: ``torch.float32``, or ``torch.uint8`` for rounded values in 0..255.
            content: the images that were encoded, at the same size; removes halos, as the first
                pass of :meth:`stylize` does. ``None``: halos stay, as in the paper.

        Returns:
            RGB in 0..1, ``(B, 3, H, W)`` at exactly the content's size, on the model's device; 4
            channels if the content has alpha.

        Raises:
            StyleMismatchError: features from the encoder of another model.
            ValueError: content of another size or number.
            TypeError: no features, such as a :class:`Style`.
            NotFiniteError: the result has NaN or infinite values.
            MemoryError: even the smallest tile does not fit.
        """
        require_kind("features", features, Features, "Features of AdaINModel.encode")
        require_same_encoder(self, features)
        with no_gradients(self.device):
            channels, batch = 3 if features.opacity is None else 4, len(features.tensor)
            output = empty_image((batch, channels, *features.size), output_dtype, self.device)
            strokes = features.strokes
            tiler = self.networks.tiler(
                features.size,
                tile,
                batch=batch,
                progress=progress,
                rounds=1 if strokes is None else 2,
            )
            decoder = self.networks.decoder(features, tiler)
            if content is None:
                decode(decoder, None, output, opacity=features.opacity)
            else:
                photo = Canvas(_same_images(content, features))
                decoded = empty_image(output.shape, torch.float32, self.device)
                decode(decoder, None, decoded, opacity=features.opacity)
                even_tones(decoded, photo, features.regions, Finish(photo), output)
            if strokes is not None:
                put_under(strokes, output, tiler)
            return output

    def stylize(
        self,
        content: ImageLike,
        styles: Source | Sequence[Source],
        *,
        weights: Sequence[float] | Sequence[Sequence[float]] | None = None,
        alpha: Alpha = 1.0,
        masks: Sequence[MaskLike] | None = None,
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
        """Stylize images with one or several styles.

        For many calls with the same options, use a :class:`~adain_core.stylizer.Stylizer`.

        Args:
            content: image or images, see :meth:`encode`.
            styles: artworks or :class:`Style`. The options from here to ``tile`` are those of
                :class:`~adain_core.options.StylizeOptions`, which describes them in full.
            weights: weight of each style in a mix over the whole image.
            alpha: style strength, 0 is the content itself, 1 the full style.
            masks: where each style applies; instead of weights.
            background: style of pixels outside every mask.
            feather: pixels by which the edges of the masks are softened.
            region_statistics: normalize each region by its own statistics.
            preserve_color: color preservation method.
            content_residual: below alpha 1, add back what the decoder loses of the content.
            content_size: shortest side of the content in pixels; 0: keep the size.
            style_size: likewise for the artworks; ``None``: 512, but keep smaller ones.
            stroke_size: size of the strokes relative to the image.
            photo_share: share of the photo that later passes mix in.
            tile: tile size in pixels.
            smoothing: pool of statistics for the frames of a video; reuse it from call to call.
            progress: as for :meth:`encode`.
            output_dtype: as for :meth:`decode`.

        Returns:
            RGB in 0..1, ``(B, 3, H, W)``; 4 channels if the content has alpha.

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


def _same_images(content: ImageLike, features: Features) -> Tensor:
    """Return the images of features, after a check of their number and size."""
    images = to_pixels(content)
    (count, _, *size), expected = images.shape, (len(features.tensor), *features.size)
    if (count, *size) != expected:
        raise ValueError(
            f"content must be the images that were encoded, {expected} (images, height, width), "
            f"got {(count, *size)}"
        )
    return images


def _underpaint(images: Tensor, underpainting: ImageLike, share: float) -> tuple[Canvas, Strokes]:
    """Return the input of a second pass, and the strokes that stay under its result."""
    check_photo_share(share)
    smaller = to_pixels(underpainting)[:, :3]
    if len(smaller) != len(images):
        raise OptionError(
            "underpainting",
            f"must hold as many images as the content, {len(images)}, got {len(smaller)}",
        )
    reduced = fill_hidden(reduce_uint8(images, (smaller.shape[2], smaller.shape[3])))
    return underpaint(images, smaller, reduced, share), Strokes.over(images, smaller)


def _copy(statistics: Statistics) -> Statistics:
    mean, std = statistics
    return mean.clone(), std.clone()
