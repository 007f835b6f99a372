"""The model: encode, decode, and ``stylize``, which does everything from pictures to picture."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .canvas import Canvas
from .devices import inference, resolve_device, resolve_dtype
from .images import ImageLike, to_pixels
from .masks import MaskLike, as_mask
from .networks import Decoder, Encoder
from .options import MaskSource, Source, StylizeOptions
from .pixels import resize_shortest_side
from .previews import make_preview
from .style import Features, Style, require_same_encoder
from .style_encoder import StyleEncoder, resize_style
from .stylizer import Stylizer
from .temporal import TemporalPool
from .tiled import TiledDecoder, TiledNetworks, decode, empty_picture
from .tiles import Progress, Tiler
from .transfer import Alpha
from .weights import ModelInfo, find_model, fingerprint, load_model, save_model


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
        self.networks = TiledNetworks(encoder, decoder, info.architecture)
        self.style_encoder = StyleEncoder(self.networks)
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

    def save(
        self,
        path: str | os.PathLike[str],
        dtype: str | torch.dtype | None = None,
        *,
        overwrite: bool = True,
    ) -> None:
        """Write a model file that :meth:`from_pretrained` reads, atomically.

        Args:
            path: where to (``.safetensors``).
            dtype: of the stored weights: ``"fp32"``, ``"bf16"`` or ``"fp16"``; ``None``: as they
                are.
            overwrite: replace an existing file.

        Raises:
            ValueError: an unknown dtype.
            WeightsError: the file cannot be written, or exists and is not to be replaced.
        """
        stored = None if dtype is None else resolve_dtype(dtype, torch.device("cpu"))
        save_model(path, self.info, self.encoder, self.decoder, stored, overwrite)

    def __repr__(self) -> str:
        # Short: a host prints its nodes' inputs.
        name = reprlib.repr(self.name)
        return f"AdaINModel({name}, encoder {self.fingerprint}, {self.device}, {self.dtype})"

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.networks.device

    @property
    def dtype(self) -> torch.dtype:
        """Of weights and features."""
        return self.networks.dtype

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
            return self.encode_canvas(canvas, tiler)

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
        with inference(self.device):
            weight = None if mask is None else as_mask(mask)
            images = resize_style(to_pixels(image), size)
            style = self.style_encoder.recall(images, self.fingerprint, weight, progress)
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
            decode(self.tiled_decoder(features, tiler), None, output, opacity=features.opacity)
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
            styles: artwork(s) or :class:`Style`, as all up to ``tile`` see
                :class:`~adain_core.options.StylizeOptions`.
            weights: of the styles, mixed over the whole picture.
            alpha: 0 gives the content itself, 1 the full style; one number, or one for each
                picture.
            masks: instead of weights, where each style goes.
            background: style of what the masks leave free.
            feather: pixels over which the masks' edges are softened.
            region_statistics: see :func:`~adain_core.adain`.
            preserve_color: how the content's colors are kept.
            content_residual: add what the decoder loses of the content, scaled by 1 − alpha.
            content_size: shortest side in pixels to resize the content to; 0: as it is.
            style_size: likewise for the artworks; ``None``: 512, but smaller ones as they are.
            stroke_size: how large strokes are beside the picture.
            photo_share: of the photo that each later pass keeps.
            tile: side of the tiles that the networks see, pixels.
            smoothing: where the pictures are the frames of a video in their order: a pool of their
                statistics, kept from call to call.
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

    def encode_canvas(self, canvas: Canvas, tiler: Tiler) -> Features:
        """Encode what is drawn on, in tiles; :meth:`encode` does so with a picture."""
        return Features(
            tensor=self.networks.encode(canvas, tiler),
            size=canvas.size,
            fingerprint=self.fingerprint,
            fusion=self.info.architecture.fusion,
            opacity=canvas.opacity,
        )

    def tiled_decoder(self, features: Features, tiler: Tiler) -> TiledDecoder:
        """Return the decoder over encoded pictures, which draws them in tiles."""
        return TiledDecoder(
            self.networks.decoder, features.tensor, tiler, features.size, self.device, self.dtype
        )
