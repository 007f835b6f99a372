"""Options prepared for methods that need the artworks themselves: one task per image."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol

import torch
from torch import Tensor

from ..color.methods import luminance, visible_colors
from ..engine.tiles import Progress
from ..errors import OptionError, require_kind
from ..images import ImageLike, to_pixels
from ..masks import as_mask, check_masks, feather_mask, region_weights, resize_mask
from ..networks.architecture import MINIMUM_SIZE
from ..options import StylizeOptions
from ..pixels import as_float, resize, resize_shortest_side
from ..style import Style
from ..style_encoder import recolor_style, resize_style
from ..transfer import alpha_tensor


class Method(Protocol):
    """A :class:`~adain_core.stylizer.Stylizer`, or another method."""

    def __call__(self, content: ImageLike, *, progress: Progress | None = None) -> Tensor:
        """Stylize images; return ``(B, 3, H, W)`` in 0..1, 4 channels if the content has alpha."""


@dataclass(frozen=True)
class Task:
    """One image to stylize.

    Attributes:
        photo: ``(1, 3, H, W)`` in 0..1.
        artworks: ``(1, 3, h, w)`` each; the background's is the last.
        shares: weight of each artwork, ``(N, 1, 1, 1)``; with masks, per pixel, ``(N, 1, H, W)``.
        alpha: content-style trade-off.
    """

    photo: Tensor
    artworks: Sequence[Tensor]
    shares: Tensor
    alpha: float = 1.0

    @property
    def places_styles(self) -> bool:
        """Whether each artwork has its own region, instead of a share of the whole image."""
        return self.shares.shape[2:] == self.photo.shape[2:]

    def resized(self, scale: float) -> Task:
        """Return the task at another scale of photo and artworks."""
        photo = _scaled(self.photo, scale)
        shares = self.shares
        if self.places_styles:
            shares = resize(shares, (photo.shape[2], photo.shape[3]))
        artworks = [_scaled(artwork, scale) for artwork in self.artworks]
        return replace(self, photo=photo, artworks=artworks, shares=shares)


class TaskReader:
    """Makes tasks from options; artworks are read only once.

    Args:
        options: the options.
        method: name of the method, for messages.
        supported: the options that apply to it, besides ``styles``; all others must have their
            defaults.

    Raises:
        OptionError: an option that does not apply, or a style without its artwork.
        ImageFileError: a file that cannot be read.
    """

    def __init__(self, options: StylizeOptions, method: str, supported: Collection[str]) -> None:
        refuse_options(options, method, supported)
        self.options = options
        named = {f"styles[{number}]": source for number, source in enumerate(options.sources)}
        if options.background is not None:
            named["background"] = options.background
        self._artworks: list[Tensor] = []
        for field, source in named.items():
            if isinstance(source, Style):
                raise OptionError(
                    field, f"contains no image, and {method} needs the artwork: give the image"
                )
            image = resize_style(to_pixels(source), options.style_size)
            if len(image) > 1:
                raise OptionError(field, f"must be one artwork for {method}, got {len(image)}")
            self._artworks.append(image)
        self._masks = None
        if options.masks is not None:
            self._masks = [as_mask(mask) for mask in options.masks]

    def read(self, content: ImageLike) -> Tensor:
        """Return the photos at their size for stylizing, ``(B, 3|4, H, W)``, float."""
        images = as_float(to_pixels(content))
        size = self.options.content_size
        return resize_shortest_side(images, size) if size else images

    def tasks(self, images: Tensor, device: torch.device) -> Iterator[Task]:
        """Yield the task of each image.

        Args:
            images: from :meth:`read`.
            device: device of the tasks.

        Raises:
            OptionError: the number of alphas, weights or masks does not match the images.
        """
        count = len(images)
        alphas = alpha_tensor(self.options.alpha, count).expand(count).tolist()
        shares = self._shares(images)
        for number, alpha in enumerate(alphas):
            image = images[number : number + 1]
            yield Task(
                # Copies, because autograd rejects tensors of a caller's inference mode.
                photo=visible_colors(image).to(device).clone(),
                artworks=[self._artwork(each, image).to(device) for each in self._artworks],
                shares=shares[:, number % shares.shape[1], None].to(device).clone(),
                alpha=alpha,
            )

    def _artwork(self, artwork: Tensor, image: Tensor) -> Tensor:
        method = self.options.preserve_color
        if self.options.recolors and method is not None:
            artwork = recolor_style(artwork, image, method)
        return visible_colors(artwork)

    def _shares(self, images: Tensor) -> Tensor:
        """Return ``(N, B, H, W)`` with masks, else ``(N, B, 1, 1)``; B can be 1 with masks."""
        count, size = len(images), (images.shape[2], images.shape[3])
        if self._masks is None:
            return self.options.image_shares(count).T[:, :, None, None]
        masks = check_masks(self._masks, len(self._masks), count)
        if self.options.feather:
            masks = [feather_mask(resize_mask(m, size), self.options.feather) for m in masks]
        shares = region_weights(masks, size)[:, :, 0]
        if self.options.background is not None:
            shares = torch.cat([shares, (1 - shares.sum(dim=0, keepdim=True)).clamp_min(0)])
        return shares


def refuse_options(options: StylizeOptions, method: str, supported: Collection[str]) -> None:
    """Raise ``OptionError`` for an option that is set but does not apply to a method."""
    require_kind("options", options, StylizeOptions, "StylizeOptions")
    for field in fields(options):
        default = (1.0,) if field.name == "alpha" else field.default
        given = getattr(options, field.name)
        if field.name not in ("styles", *supported) and given is not default and given != default:
            raise OptionError(field.name, f"does not go with {method}; leave it out")


def finish(image: Tensor, photo: Tensor, options: StylizeOptions) -> Tensor:
    """Return a result with the alpha channel of the photo, and with its chrominance if requested.

    Args:
        image: the result, ``(1, 3, H, W)``.
        photo: ``(1, 3|4, H, W)``.
        options: the options.

    Returns:
        ``(1, 3|4, H, W)`` in 0..1.
    """
    if options.preserve_color == "luminance":
        image = luminance(image, photo[:, :3].to(image)).clamp(0, 1)
    return torch.cat([image, photo[:, 3:].to(image)], dim=1)


def _scaled(image: Tensor, scale: float) -> Tensor:
    height, width = (max(min(side, MINIMUM_SIZE), round(side * scale)) for side in image.shape[2:])
    return image if scale == 1 else resize(image, (height, width))


def check_size(name: str, image: Tensor | None, photos: Tensor) -> None:
    """Raise ``ValueError`` if images differ from the content in number or size."""
    if image is None:
        return
    wanted = (len(photos), *photos.shape[2:])
    found = (len(image), *image.shape[2:]) if image.ndim == 4 else tuple(image.shape)
    if found != wanted:
        raise ValueError(
            f"{name}: expected as many images of the same size as the content has, (B, H, W) = "
            f"{wanted}, got {found}"
        )
