"""The model: encode, decode, and ``stylize``, which does everything from pictures to picture."""

from __future__ import annotations

import functools
import os
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import color
from .devices import resolve_device, resolve_dtype
from .functional import channel_statistics, fuse
from .fusion import Smoothing, adain, check_alpha, check_masks
from .images import ImageLike, resize_shortest_side, to_tensor
from .masks import as_mask, pool_to_features, region_weights, resize_mask
from .networks import MINIMUM_SIZE, Decoder, Encoder
from .style import Features, Style, normalized_weights, require_same_encoder
from .tiles import automatic_tile, check_tile, decode_tiled, encode_tiled
from .weights import ModelInfo, find_model, fingerprint, load_model

DEFAULT_STYLE_SIZE = 512

P = ParamSpec("P")


def _inference(function: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Run under inference mode, but return an ordinary tensor, which callers may change."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        with torch.inference_mode():
            image = function(*args, **kwargs)
        return image.clone()

    return run


class AdaINModel(nn.Module):
    """An encoder and the decoder that belongs to it.

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
        self.info, self.name = info, name
        # Taken before any change of dtype, so that a style fits the model in every precision.
        self.fingerprint = fingerprint(encoder)
        self.eval().requires_grad_(False)

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
        loaded = cls(encoder, decoder, info, path.stem)
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

    @torch.inference_mode()
    def encode(self, content: ImageLike, size: int = 0, tile: int | None = None) -> Features:
        """Encode content pictures.

        Args:
            content: ``(B, 3, H, W)`` RGB in 0..1 or any other image (see
                :func:`~adain_core.images.to_tensor`), 1x1 pixel or more; a fourth channel is
                carried to the decoded picture.
            size: shortest side in pixels to resize to before; 0: as it is.
            tile: side in pixels, 64 or more, of the tiles that the encoder sees; the result does
                not depend on it. ``None``: tiles whose activations take about 1.3 GiB.

        Raises:
            ValueError: no image of a known layout, NaN, or values that are not in 0..1.
            ImageFileError: a file that cannot be read.
        """
        images = to_tensor(content)
        if size:
            images = resize_shortest_side(images, size)
        return self._encode(images, tile)

    @torch.inference_mode()
    def encode_style(
        self,
        image: ImageLike,
        mask: Tensor | None = None,
        size: int | None = None,
        name: str | None = None,
    ) -> Style:
        """Encode an artwork.

        Args:
            image: ``(B, 3, H, W)`` RGB in 0..1 or any other image; a batch is averaged into one
                style. Transparent pixels do not count.
            mask: which part counts, ``(H, W)`` or ``(B, H, W)`` in 0..1, any resolution.
            size: shortest side in pixels to resize to before, which sets the scale of the
                strokes; 0: as it is; ``None``: 512, but smaller images as they are.
            name: for people; the file's name if there is one.

        Raises:
            ValueError: a bad image or mask, or a mask that selects nothing.
            ImageFileError: a file that cannot be read.
        """
        if name is None:
            name = Path(image).stem if isinstance(image, str | os.PathLike) else ""
        return self._encode_style(_resize_style(to_tensor(image), size), mask, name)

    @_inference
    def decode(self, features: Features, tile: int | None = None) -> Tensor:
        """Decode features into pictures.

        Args:
            features: from :meth:`encode`, usually through :func:`~adain_core.adain`.
            tile: as for :meth:`encode`.

        Returns:
            RGB in 0..1, float32, ``(B, 3, H, W)`` at exactly the content's size (4 channels where
            the content had alpha), on the model's device.

        Raises:
            StyleMismatchError: features of another model's encoder.
        """
        images = self._decode(features, tile)
        if features.opacity is not None:
            opacity = features.opacity.to(images.device).expand(len(images), -1, -1, -1)
            images = torch.cat([images, opacity], dim=1)
        return images.clamp(0, 1)

    @_inference
    def stylize(
        self,
        content: ImageLike,
        styles: ImageLike | Style | Sequence[ImageLike | Style],
        *,
        weights: Sequence[float] | None = None,
        alpha: float = 1.0,
        masks: Sequence[Tensor] | None = None,
        background: ImageLike | Style | None = None,
        region_statistics: bool = True,
        preserve_color: str | None = None,
        content_residual: bool = False,
        content_size: int = 0,
        style_size: int | None = None,
        tile: int | None = None,
        smoothing: Smoothing | None = None,
    ) -> Tensor:
        """Draw pictures in a style, or in several.

        Args:
            content: the picture(s), see :meth:`encode`.
            styles: artwork(s) or :class:`Style`, one or a sequence.
            weights: of the styles, mixed over the whole picture, 0 or more, of any sum.
            alpha: 0 gives the content itself, 1 the full style.
            masks: instead of weights, where each style goes; see :func:`~adain_core.adain`.
                Pixels that no mask covers stay exactly as they are, unless there is a background.
            background: style of what the masks leave free.
            region_statistics: see :func:`~adain_core.adain`.
            preserve_color: keep the content's colours: one of ``adain_core.color.METHODS``.
                ``"luminance"`` gives the result the content's chrominance; the others recolour
                the style images first, so they need images, not :class:`Style`.
            content_residual: add what the decoder loses of the content, scaled by 1 − alpha; then
                the picture goes to the content continuously as alpha goes to 0.
            content_size: shortest side in pixels to resize the content to; 0: as it is.
            style_size: likewise for the style images; ``None``: 512, but smaller ones as they are.
            tile: as for :meth:`encode`.
            smoothing: of the content's statistics, when the pictures are the frames of a video in
                their order: a :class:`~adain_core.temporal.TemporalPool`, kept from call to call.

        Returns:
            RGB in 0..1, float32, ``(B, 3, H, W)`` (4 channels where the content has alpha), on the
            model's device.

        Raises:
            ValueError: arguments out of range or that do not fit together.
            StyleMismatchError: a style of another model.
            ImageFileError: a file that cannot be read.
        """
        check_alpha(alpha)
        if preserve_color is not None and preserve_color not in color.METHODS:
            raise ValueError(
                f"preserve_color must be one of {', '.join(color.METHODS)}, got {preserve_color!r}"
            )
        pictures = to_tensor(content)
        if content_size:
            pictures = resize_shortest_side(pictures, content_size)
        pictures = pictures.to(self.device)
        sources = _as_list(styles)
        if masks is None:
            if background is not None:
                raise ValueError("a background needs masks; without them styles cover everything")
            shares = normalized_weights(weights, len(sources), "style")
        else:
            if weights is not None:
                raise ValueError("give weights (mix everywhere) or masks (place each), not both")
            masks = check_masks(masks, len(sources), len(pictures))
            masks = [mask.to(self.device) for mask in masks]
            sources = [*sources, *([] if background is None else [background])]
        recolor = preserve_color is not None and preserve_color != "luminance"
        prepared = [self._prepare(source, style_size, recolor) for source in sources]
        if alpha == 0:
            return pictures.clamp(0, 1)

        # Recoloured styles belong to one content picture each; otherwise one call does all.
        groups = torch.split(pictures, 1) if recolor else (pictures,)
        results = []
        for number, group in enumerate(groups):
            encoded = [
                style
                if isinstance(style, Style)
                else self._encode_style(_recolor(style, group, preserve_color), None, "")
                for style in prepared
            ]
            features = self._encode(group, tile)
            if masks is None:
                mixed = adain(features, Style.mix(encoded, shares), alpha, smoothing=smoothing)
            else:
                mixed = adain(
                    features,
                    encoded[: len(masks)],
                    alpha,
                    masks=[_of_picture(mask, number, recolor) for mask in masks],
                    background=None if background is None else encoded[-1],
                    region_statistics=region_statistics,
                    smoothing=smoothing,
                )
            image = self._decode(mixed, tile)
            if content_residual and alpha < 1:
                image += (1 - alpha) * (group[:, :3] - self._decode_own(features, tile))
            results.append(image)
        image = torch.cat(results)
        if preserve_color == "luminance":
            image = color.luminance(image.clamp(0, 1), pictures[:, :3])
        if masks is not None and background is None:
            size = (pictures.shape[2], pictures.shape[3])
            covered = region_weights(masks, size).sum(dim=0)
            image = torch.lerp(pictures[:, :3], image, covered)
        return torch.cat([image, pictures[:, 3:]], dim=1).clamp(0, 1)

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
        image = _resize_style(to_tensor(source), style_size)
        return image.to(self.device) if recolor else self._encode_style(image, None, "")

    def _encode(self, images: Tensor, tile: int | None = None) -> Features:
        images = images.to(self.device)
        height, width = images.shape[-2:]
        # Reflection needs more pixels than a tiny picture has; repeat its border instead.
        missing = (0, max(0, MINIMUM_SIZE - width), 0, max(0, MINIMUM_SIZE - height))
        padded = F.pad(images[:, :3], missing, mode="replicate") if any(missing) else images[:, :3]
        return Features(
            tensor=encode_tiled(self.encoder, padded.to(self.dtype), self._tile(tile)),
            size=(height, width),
            fingerprint=self.fingerprint,
            fusion=self.info.architecture.fusion,
            opacity=images[:, 3:] if images.shape[1] == 4 else None,
        )

    def _encode_style(self, images: Tensor, mask: Tensor | None, name: str) -> Style:
        features = self._encode(images)
        weight = None
        if mask is not None:
            weight = as_mask(mask, "style mask").to(features.tensor.device)
            if len(weight) not in (1, len(images)):
                raise ValueError(
                    f"style mask: expected 1 or {len(images)} masks, as many as style images, "
                    f"got {len(weight)}"
                )
        if features.opacity is not None:
            visible = features.opacity
            weight = visible if weight is None else resize_mask(weight, features.size) * visible
        if weight is not None:
            feature_size = (features.tensor.shape[2], features.tensor.shape[3])
            weight = pool_to_features(resize_mask(weight, features.size), feature_size)
            if not (weight.sum(dim=(1, 2, 3)) > 0).all():
                raise ValueError("style mask: selects no pixel of the style image")
        mean, std = channel_statistics(features.tensor, weight)
        return Style(mean.mean(dim=0).cpu(), std.mean(dim=0).cpu(), self.fingerprint, name)

    def _decode(self, features: Features, tile: int | None = None) -> Tensor:
        """RGB before clamping, float32, cropped to the content's size."""
        require_same_encoder(self, features)
        height, width = features.size
        tensor, side = features.tensor.to(self.device, self.dtype), self._tile(tile)
        if self.info.architecture.normalization == "instance":
            images: Tensor = self.decoder(tensor)  # each layer takes statistics of the whole
        else:
            images = decode_tiled(self.decoder, tensor, side)
        return images[:, :, :height, :width].float()

    def _tile(self, tile: int | None) -> int:
        check_tile(tile)
        return tile or automatic_tile(self.info.architecture.widths[0], self.dtype)

    def _decode_own(self, features: Features, tile: int | None) -> Tensor:
        """The content at its own statistics: what the decoder keeps of it."""
        own = channel_statistics(features.tensor)
        fused = fuse(features.tensor, *own, features.fusion)
        return self._decode(replace(features, tensor=fused), tile)


def _as_list(styles: ImageLike | Style | Sequence[ImageLike | Style]) -> list[ImageLike | Style]:
    if isinstance(styles, list | tuple):
        return list(styles)
    return [cast("ImageLike | Style", styles)]


def _resize_style(images: Tensor, size: int | None) -> Tensor:
    if size is None:
        # Enlarging would invent no strokes, only blur them.
        size = min(DEFAULT_STYLE_SIZE, *images.shape[-2:])
    return resize_shortest_side(images, size) if size else images


def _recolor(style: Tensor, content: Tensor, method: str | None) -> Tensor:
    """The style image in the content's colours, not clamped (as pytorch-AdaIN encodes it)."""
    if method is None:
        return style
    reference, size = content[:, :3], (style.shape[2], style.shape[3])
    pixels = content.shape[2] * content.shape[3] / (size[0] * size[1])
    if not 1 / 2 <= pixels <= 2:
        # The official CORAL scales contrast by the square root of this ratio: 7 times for a
        # photo of 12 megapixels. Colour statistics do not mind the other aspect.
        reference = F.interpolate(reference, size, mode="bilinear", antialias=True)
    recolored = color.METHODS[method](style[:, :3], reference)
    return torch.cat([recolored, style[:, 3:]], dim=1)


def _of_picture(mask: Tensor, number: int, one_by_one: bool) -> Tensor:
    return mask[number : number + 1] if one_by_one and len(mask) > 1 else mask
