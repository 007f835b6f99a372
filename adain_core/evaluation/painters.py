"""Painters: what draws a photo in every artwork of a set. Each is a row of the table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from itertools import repeat
from math import nan
from typing import Protocol

import torch
from torch import Tensor

from ..choices import SINGLE_PASS
from ..errors import NotFiniteError
from ..model import AdaINModel
from ..options import StylizeOptions
from ..style import Features
from ..stylizer import Stylizer
from ..transfer import adain


class Artworks(Protocol):
    """The artworks that painters draw like.

    Attributes:
        styles: RGB in 0..1, each ``(1, 3, H, W)``.
        style_names: the files' names.
    """

    styles: list[Tensor]
    style_names: list[str]


class Painter(ABC):
    """Draws photos in the style of each of some artworks.

    Args:
        artworks: what to draw like.
    """

    def __init__(self, artworks: Artworks) -> None:
        self.artworks = artworks

    @abstractmethod
    def __call__(self, photo: Tensor) -> Iterator[Tensor]:
        """Yield the photo in the style of each artwork.

        Args:
            photo: RGB in 0..1, ``(1, 3, H, W)``.

        Yields:
            Pictures, ``(1, 3, H, W)`` in 0..1.
        """

    def reconstruct(self, photo: Tensor) -> Tensor | None:
        """Return the photo drawn in its own style, where the painter can."""
        return None


# Makes a painter for artworks.
Studio = Callable[[Artworks], Painter]


class PhotoPainter(Painter):
    """Leaves the photo as it is."""

    def __call__(self, photo: Tensor) -> Iterator[Tensor]:
        """Yield the photo for every artwork."""
        return repeat(photo, len(self.artworks.styles))


class ArtworkPainter(Painter):
    """Shows the artworks themselves, whatever the photo."""

    def __call__(self, photo: Tensor) -> Iterator[Tensor]:
        """Yield the artworks."""
        return iter(self.artworks.styles)


class ModelPainter(Painter):
    """A model.

    Args:
        artworks: what to draw like; they are encoded at their own size.
        model: the model.
        alpha: content-style trade-off, 0..1; at 0 what the decoder makes of the photo.
        stroke_size: as in :class:`~adain_core.options.StylizeOptions`.
    """

    def __init__(
        self,
        artworks: Artworks,
        model: AdaINModel,
        alpha: float = 1.0,
        stroke_size: str | float = SINGLE_PASS,
    ) -> None:
        super().__init__(artworks)
        self._model, self._alpha = model, alpha
        self._styles = [model.encode_style(image, size=0) for image in artworks.styles]
        self._stylizers = [
            Stylizer(model, StylizeOptions(style, alpha=alpha, stroke_size=stroke_size))
            for style in self._styles
            if stroke_size != SINGLE_PASS
        ]

    def __call__(self, photo: Tensor) -> Iterator[Tensor]:
        """Yield the photo in the style of each artwork; a single pass encodes it once."""
        if self._stylizers:
            for stylizer in self._stylizers:
                yield stylizer(photo)
            return
        features = self._model.encode(photo)
        for style in self._styles:
            yield self._decode(adain(features, style, self._alpha))

    def reconstruct(self, photo: Tensor) -> Tensor:
        """Return the photo decoded at its own statistics."""
        own = self._model.encode_style(photo, size=0)
        return self._decode(adain(self._model.encode(photo), own))

    def _decode(self, features: Features) -> Tensor:
        """Return a picture, all NaN where the model draws such values: its scores show it."""
        try:
            return self._model.decode(features)
        except NotFiniteError:
            return torch.full((1, 3, *features.size), nan, device=self._model.device)
