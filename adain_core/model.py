"""The model: encode, decode, and ``stylize``, which does everything from pictures to picture."""

from __future__ import annotations

import functools
import os
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import torch
from torch import Tensor, nn

from . import color, pipeline
from .choices import recolors_artwork
from .devices import no_autocast, resolve_device, resolve_dtype
from .functional import channel_statistics, crop
from .fusion import Smoothing, check_alpha, check_masks, own_transfer, plan_transfer
from .images import ImageLike, to_pixels
from .inference import Inference
from .masks import (
    MaskLike,
    as_mask,
    check_feather,
    feather_mask,
    pool_to_features,
    resize_mask,
)
from .networks import Decoder, Encoder
from .pipeline import Retouch, empty_picture
from .pixels import as_float, resize, resize_shortest_side
from .previews import make_preview
from .style import Features, Style, StyleCache, normalized_weights, require_same_encoder
from .tiles import Progress, Tiler, automatic_tile, check_tile
from .weights import ModelInfo, find_model, fingerprint, load_model

DEFAULT_STYLE_SIZE = 512

P = ParamSpec("P")
T = TypeVar("T")


def _inference(
    method: Callable[Concatenate[AdaINModel, P], T],
) -> Callable[Concatenate[AdaINModel, P], T]:
    """Without gradients, and in the model's own precision, whatever autocast the caller is in."""

    @functools.wraps(method)
    def run(self: AdaINModel, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with torch.inference_mode(), no_autocast(self.device):
            return method(self, *args, **kwargs)

    return run


class AdaINModel(nn.Module):
    """An encoder and the decoder that belongs to it.

    ``encode``, ``encode_style``, ``decode`` and ``stylize`` are for use, without gradients; they
    run the two networks in a faster form (:class:`~adain_core.inference.Inference`), so that hooks
    on their layers see nothing. Gradients, also to alpha, masks and a style's statistics, flow
    through ``model.decoder(adain(features, style, alpha).tensor)`` and ``model.encoder(images)``.

    Styles are told apart by a fingerprint of the encoder's weights, taken when the model is made
    and by ``load_state_dict``: an encoder that is trained on needs a new model for its styles.
    Freeze networks that are not trained (``from_pretrained`` does): weights that require gradients
    are prepared anew at every call, and no artwork's style is remembered.

    Args:
        encoder: the encoder.
        decoder: the decoder.
        info: architecture, licence, source and training.
        name: for people and messages.

    Example:
        >>> model = AdaINModel.from_pretrained()
        >>> image = model.stylize("photo.jpg", "painting.jpg", alpha=0.8)  # (1, 3, H, W), 0..1
    """

    def __init__(
        self, encoder: Encoder, decoder: Decoder, info: ModelInfo, name: str = "unnamed"
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        # What runs; they follow the two wherever these are moved.
        self._fast_encoder, self._fast_decoder = Inference(encoder), Inference(decoder)
        self._styles = StyleCache()
        self.info, self.name = info, name
        # Taken before any change of dtype, so that a style fits the model in every precision.
        self.fingerprint = fingerprint(encoder.state_dict())

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        # Not load_state_dict: a module around this one calls its own. The fingerprint is that of
        # the given weights, before they are rounded to the model's dtype.
        super()._load_from_state_dict(state_dict, prefix, *rest)
        own = self.encoder.state_dict()
        given = {name: state_dict.get(f"{prefix}encoder.{name}", old) for name, old in own.items()}
        if not all(torch.equal(given[name].to(old), old) for name, old in own.items()):
            self.fingerprint = fingerprint(given)

    @classmethod
    def from_pretrained(
        cls,
        model: str | os.PathLike[str] | None = None,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
    ) -> AdaINModel:
        """Load a model.

        Args:
            model: name of a shipped or downloaded model, or a path to a ``.safetensors`` file;
                ``None`` for the default one.
            device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``, …
            dtype: ``"auto"``, ``"fp32"``, ``"bf16"`` or ``"fp16"``.

        Raises:
            WeightsError: there is no such model, or its file is damaged.
            ValueError: a device or dtype that cannot be used.
        """
        path = find_model(model)
        target = resolve_device(device)
        info, encoder, decoder = load_model(path)
        loaded = cls(encoder, decoder, info, path.stem).eval().requires_grad_(False)
        return loaded.to(device=target, dtype=resolve_dtype(dtype, target))

    def __repr__(self) -> str:
        # Short: a host prints its nodes' inputs.
        name = reprlib.repr(self.name)
        return f"AdaINModel({name}, encoder {self.fingerprint}, {self.device}, {self.dtype})"

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Of weights and features."""
        return next(self.parameters()).dtype

    @_inference
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
        pictures = to_pixels(content)
        if size:
            pictures = resize_shortest_side(pictures, size)
        return self._encode(pictures, self._tiler(pictures, tile, progress))

    @_inference
    def encode_style(
        self,
        image: ImageLike,
        mask: MaskLike | None = None,
        size: int | None = None,
        name: str | None = None,
        progress: Progress | None = None,
    ) -> Style:
        """Encode an artwork; one that was encoded lately is recognised by its pixels.

        Args:
            image: ``(B, 3, H, W)`` RGB in 0..1 or any other image; a batch is averaged into one
                style. Transparent pixels do not count.
            mask: which part counts, ``(H, W)`` or ``(B, H, W)`` in 0..1, any resolution.
            size: shortest side in pixels to resize to before, which sets the scale of the
                strokes; 0: as it is; ``None``: 512, but smaller images as they are.
            name: for people; the file's name if there is one.
            progress: as for :meth:`encode`; not called where the artwork is recognised.

        Raises:
            ValueError: a bad image or mask, or a mask that selects nothing.
            ImageFileError: a file that cannot be read.
        """
        if name is None:
            name = Path(image).stem if isinstance(image, str | os.PathLike) else ""
        weight = None if mask is None else as_mask(mask, "style mask")
        images = resize_style(to_pixels(image), size)
        style = self._cached_style(images, weight, progress)
        previews = tuple((make_preview(each), 1 / len(images)) for each in torch.split(images, 1))
        # Ordinary tensors, for gradients from there on, and not the cache's own.
        with torch.inference_mode(False):
            mean, std = style.mean.clone(), style.std.clone()
            return replace(style, mean=mean, std=std, name=name, previews=previews)

    @_inference
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
            MemoryError: not even the smallest tile fits.
        """
        require_same_encoder(self, features)
        channels = 3 if features.opacity is None else 4
        shape = (len(features.tensor), channels, *features.size)
        output = empty_picture(shape, output_dtype, self.device)
        tiler = self._tiler(output, tile, progress)
        self._decode(features, crop, output, tiler)
        return output

    @_inference
    def stylize(
        self,
        content: ImageLike,
        styles: ImageLike | Style | Sequence[ImageLike | Style],
        *,
        weights: Sequence[float] | None = None,
        alpha: float = 1.0,
        masks: Sequence[MaskLike] | None = None,
        background: ImageLike | Style | None = None,
        feather: int = 0,
        region_statistics: bool = True,
        preserve_color: str | None = None,
        content_residual: bool = False,
        content_size: int = 0,
        style_size: int | None = None,
        tile: int | None = None,
        smoothing: Smoothing | None = None,
        progress: Progress | None = None,
        output_dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Draw pictures in a style, or in several.

        Args:
            content: the picture(s), see :meth:`encode`.
            styles: artwork(s) or :class:`Style`, one or a sequence; all of them go to every
                content picture, and a batch in one tensor is one style, its mean.
            weights: of the styles, mixed over the whole picture, 0 or more, of any sum.
            alpha: 0 gives the content itself, 1 the full style.
            masks: instead of weights, where each style goes; see :func:`~adain_core.adain`.
                Pixels that no mask covers stay exactly as they are, unless there is a background.
            background: style of what the masks leave free.
            feather: pixels of the picture over which the masks' edges are softened, to both sides;
                see :func:`~adain_core.masks.feather_mask`.
            region_statistics: see :func:`~adain_core.adain`.
            preserve_color: keep the content's colours: one of ``adain_core.color.METHODS``.
                ``"luminance"`` gives the result the content's chrominance; the others recolour
                the style images first, so they need images, not :class:`Style`.
            content_residual: add what the decoder loses of the content, scaled by 1 − alpha; then
                the picture goes to the content continuously as alpha goes to 0.
            content_size: shortest side in pixels to resize the content to; 0: as it is.
            style_size: likewise for the style images; ``None``: 512, but smaller ones as they are.
            tile: as for :meth:`encode`.
            smoothing: of the content's statistics (and of recoloured styles', which differ from
                frame to frame), when the pictures are the frames of a video in their order: a
                :class:`~adain_core.temporal.TemporalPool`, kept from call to call.
            progress: as for :meth:`encode`; encoding and decoding the content count alike.
            output_dtype: as for :meth:`decode`. With uint8 in and out no float picture is made,
                whatever its size.

        Returns:
            RGB in 0..1, ``(B, 3, H, W)`` (4 channels where the content has alpha), on the model's
            device.

        Raises:
            ValueError: arguments out of range or that do not fit together.
            TypeError: no image, style or mask.
            StyleMismatchError: a style of another model.
            ImageFileError: a file that cannot be read.
            MemoryError: not even the smallest tile fits.
        """
        check_alpha(alpha)
        check_tile(tile)
        check_feather(feather, masks)
        if preserve_color is not None and preserve_color not in color.METHODS:
            raise ValueError(
                f"preserve_color must be one of {', '.join(color.METHODS)}, got {preserve_color!r}"
            )
        pictures = to_pixels(content)
        if content_size:
            pictures = resize_shortest_side(pictures, content_size)
        output = empty_picture(pictures.shape, output_dtype, self.device)
        sources = _as_list(styles)
        region_masks: list[Tensor] | None = None
        if masks is None:
            if background is not None:
                raise ValueError("a background needs masks; without them styles cover everything")
            shares = normalized_weights(weights, len(sources), "style")
        else:
            if weights is not None:
                raise ValueError("give weights (mix everywhere) or masks (place each), not both")
            checked = check_masks(masks, len(sources), len(pictures))
            region_masks = [mask.to(self.device) for mask in checked]
            if feather:
                size = (pictures.shape[2], pictures.shape[3])
                region_masks = [feather_mask(resize_mask(m, size), feather) for m in region_masks]
            sources = [*sources, *([] if background is None else [background])]
        recolor = recolors_artwork(preserve_color)
        prepared = [self._prepare(source, style_size, recolor) for source in sources]
        if alpha == 0:
            pipeline.copy(pictures, output, self._tiler(pictures, tile, progress))
            return output

        # Recoloured styles belong to one content picture each; otherwise small pictures that
        # together are as large as a tile go together.
        side = tile or self._automatic_tile(pictures[:1])
        count = 1 if recolor else max(1, side**2 // (pictures.shape[2] * pictures.shape[3]))
        groups = [slice(start, start + count) for start in range(0, len(pictures), count)]
        tiler = self._tiler(pictures, side, progress, rounds=2 * len(groups))

        # A function, so that a group's features are gone before the next one's are made.
        def draw(group: slice) -> None:
            content = pictures[group]
            encoded = [
                style
                if isinstance(style, Style)
                else self._encode_style(_recolor(style, content, preserve_color))
                for style in prepared
            ]
            placed = None
            if region_masks is not None:
                placed = [mask[group] if len(mask) > 1 else mask for mask in region_masks]
            features = self._encode(content, tiler)
            transfer = plan_transfer(
                features,
                Style.mix(encoded, shares)
                if region_masks is None
                else encoded[: len(region_masks)],
                alpha,
                masks=placed,
                background=None if background is None else encoded[-1],
                region_statistics=region_statistics,
                smoothing=smoothing,
                smooth_styles=recolor,
            )
            retouch = Retouch(
                content,
                own=own_transfer(features) if content_residual and alpha < 1 else None,
                residual=1 - alpha,
                luminance=preserve_color == "luminance",
                masks=placed if placed is not None and background is None else (),
            )
            self._decode(features, transfer, output[group], tiler, retouch)

        for group in groups:
            draw(group)
        return output

    def _prepare(
        self, source: ImageLike | Style, style_size: int | None, recolor: bool
    ) -> Style | Tensor:
        """A style, or the resized image where its colours still depend on the content."""
        if isinstance(source, Style):
            require_same_encoder(self, source)
            if recolor:
                raise ValueError(
                    "this preserve_color method recolours the style image, and a Style has none: "
                    "give the image, or use preserve_color='luminance'"
                )
            return source
        image = resize_style(to_pixels(source), style_size)
        return image.to(self.device) if recolor else self._cached_style(image)

    def _encode(self, pictures: Tensor, tiler: Tiler) -> Features:
        return Features(
            tensor=pipeline.encode(self._fast_encoder, pictures, tiler, self.device, self.dtype),
            size=(pictures.shape[2], pictures.shape[3]),
            fingerprint=self.fingerprint,
            fusion=self.info.architecture.fusion,
            opacity=pictures[:, 3:] if pictures.shape[1] == 4 else None,
        )

    def _cached_style(
        self, images: Tensor, mask: Tensor | None = None, progress: Progress | None = None
    ) -> Style:
        return self._styles.get(
            (self._fast_encoder.generation, images, mask),
            lambda: self._encode_style(images, mask, progress),
        )

    def _encode_style(
        self, images: Tensor, mask: Tensor | None = None, progress: Progress | None = None
    ) -> Style:
        features = self._encode(images, self._tiler(images, progress=progress))
        device = features.tensor.device
        weight = None
        if mask is not None:
            weight = mask.to(device)
            if len(weight) not in (1, len(images)):
                raise ValueError(
                    f"style mask: expected 1 or {len(images)} masks, as many as style images, "
                    f"got {len(weight)}"
                )
        if features.opacity is not None:
            visible = features.opacity.to(device)
            weight = visible if weight is None else resize_mask(weight, features.size) * visible
        if weight is not None:
            feature_size = (features.tensor.shape[2], features.tensor.shape[3])
            weight = pool_to_features(resize_mask(weight, features.size), feature_size)
            if not (weight.sum(dim=(1, 2, 3)) > 0).all():
                raise ValueError(
                    "style image: it is transparent everywhere"
                    if mask is None
                    else "style mask: selects no pixel of the style image"
                )
        mean, std = (s.mean(dim=0).cpu() for s in channel_statistics(features.tensor, weight))
        return Style(mean, std, self.fingerprint)

    def _decode(
        self,
        features: Features,
        fuse: pipeline.Fuse,
        output: Tensor,
        tiler: Tiler,
        retouch: Retouch | None = None,
    ) -> None:
        pipeline.decode(
            self._fast_decoder,
            features.tensor,
            fuse,
            output,
            tiler,
            self.dtype,
            retouch=retouch,
            opacity=features.opacity,
        )

    def _tiler(
        self,
        pictures: Tensor,
        tile: int | None = None,
        progress: Progress | None = None,
        rounds: int = 1,
    ) -> Tiler:
        """For pictures of this shape."""
        check_tile(tile)
        shape = pipeline.feature_shape((pictures.shape[2], pictures.shape[3]))
        if self.info.architecture.normalization == "instance":
            # Its layers take statistics of the whole.
            return Tiler(shape, None, progress, rounds)
        return Tiler(shape, tile or self._automatic_tile(pictures), progress, rounds)

    def _automatic_tile(self, pictures: Tensor) -> int:
        """Side of the tiles for pictures of this shape."""
        batch, widths = len(pictures), self.info.architecture.widths
        rows, columns = pipeline.feature_shape((pictures.shape[2], pictures.shape[3]))
        features = batch * widths[-1] * rows * columns * self.dtype.itemsize
        return automatic_tile(widths[0], self.dtype, self.device, batch=batch, reserved=features)


def _as_list(styles: ImageLike | Style | Sequence[ImageLike | Style]) -> list[ImageLike | Style]:
    if isinstance(styles, list | tuple):
        return list(styles)
    return [cast("ImageLike | Style", styles)]


def resize_style(images: Tensor, size: int | None) -> Tensor:
    """An artwork ``(B, C, H, W)`` at the size that it is encoded at, float.

    Args:
        images: float or uint8.
        size: shortest side in pixels; 0: as it is; ``None``: 512, but smaller images as they are.
    """
    if size is None:
        # Enlarging would invent no strokes, only blur them.
        size = min(DEFAULT_STYLE_SIZE, *images.shape[-2:])
    return as_float(resize_shortest_side(images, size) if size else images)


def _recolor(style: Tensor, content: Tensor, method: str | None) -> Tensor:
    """The style image in the content's colours, not clamped (as pytorch-AdaIN encodes it)."""
    if method is None:
        return style
    reference, size = content, (style.shape[2], style.shape[3])
    pixels = content.shape[2] * content.shape[3] / (size[0] * size[1])
    if not 1 / 2 <= pixels <= 2:
        # The official CORAL scales contrast by the square root of this ratio: 7 times for a
        # photo of 12 megapixels. Colour statistics do not mind the other aspect.
        reference = resize(reference, size)
    reference = color.visible_colors(as_float(reference).to(style.device))
    recolored = color.METHODS[method](color.visible_colors(style), reference)
    return torch.cat([recolored, style[:, 3:]], dim=1)
