"""Candidates of an evaluation: each stylizes a photo with every artwork, and is a table row."""

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
    """The artworks of an evaluation.

    Attributes:
        styles: RGB in 0..1, each ``(1, 3, H, W)``.
        style_names: their file names.
    """

    styles: list[Tensor]
    style_names: list[str]


class Candidate(ABC):
    """A model, method or baseline, which stylizes photos with each of several artworks.

    Args:
        artworks: the artworks.
    """

    def __init__(self, artworks: Artworks) -> None:
        self.artworks = artworks

    @abstractmethod
    def __call__(self, photo: Tensor) -> Iterator[Tensor]:
        """Yield the photo in the style of each artwork.

        Args:
            photo: RGB in 0..1, ``(1, 3, H, W)``.

        Yields:
            Images, ``(1, 3, H, W)`` in 0..1.
        """

    def reconstruct(self, photo: Tensor) -> Tensor | None:
        """Return the photo in its own style, if the candidate supports that."""
        return None


# Creates a candidate for artworks.
CandidateFactory = Callable[[Artworks], Candidate]


class PhotoBaseline(Candidate):
    """The unchanged photo."""

    def __call__(self, photo: Tensor) -> Iterator[Tensor]:
        """Yield the photo for every artwork."""
        return repeat(photo, len(self.artworks.styles))


class ArtworkBaseline(Candidate):
    """The artworks themselves."""

    def __call__(self, photo: Tensor) -> Iterator[Tensor]:
        """Yield the artworks."""
        return iter(self.artworks.styles)


class ModelCandidate(Candidate):
    """A model.

    Args:
        artworks: the artworks, which are encoded at their own size.
        model: the model.
        alpha: content-style trade-off, 0..1; 0 is the decoder's reconstruction of the photo.
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
        """Yield the photo in each style; for a single pass it is encoded only once."""
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
        """Return the decoded image, or NaN for a result with such values, which the scores show."""
        try:
            return self._model.decode(features)
        except NotFiniteError:
            return torch.full((1, 3, *features.size), nan, device=self._model.device)
