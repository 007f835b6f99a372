"""Evaluation on synthetic photos: halos around objects, and blocks of compressed skies."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..pixels import resize_shortest_side
from .candidates import Candidate
from .halo import halo_power, synthetic_scenes
from .jpeg import block_share, compress, synthetic_skies
from .pairs import read_square
from .scores import Scores, signed_root

# Number of artworks that scenes are stylized with, and the side of the scenes, pixels.
ARTWORKS, SIZE = 10, 512


@dataclass(frozen=True)
class SceneScore:
    """The scores of a scene in one style.

    Attributes:
        scene: name of the scene.
        style: number of the artwork.
        scores: ``halo`` or ``jpeg``.
    """

    scene: str
    style: int
    scores: Scores


class Scenes:
    """Five scenes with an object and two skies, for the first ten artworks.

    Args:
        styles: image files.
        device: device of the photos.
        size: side of the evaluated images, pixels.
        input_size: size at which photos are stylized, pixels; the results are reduced to ``size``.
            ``None``: ``size``.

    Attributes:
        style_names: file names of the artworks.
        styles: ``(1, 3, size, size)`` each.

    Raises:
        ImageFileError: an artwork cannot be read or is transparent.
    """

    def __init__(
        self,
        styles: Sequence[str | os.PathLike[str]],
        device: torch.device,
        size: int = SIZE,
        input_size: int | None = None,
    ) -> None:
        self.style_names = [Path(path).name for path in styles[:ARTWORKS]]
        self.styles = [read_square(path, size)[0].to(device) for path in styles[:ARTWORKS]]
        self._size, self._device = size, device
        self._objects, self._skies = synthetic_scenes(size), synthetic_skies(size)
        self._photos = [scene.photo for scene in synthetic_scenes(input_size or size)]
        self._compressed = [compress(sky) for sky in synthetic_skies(input_size or size).values()]

    def __len__(self) -> int:
        return (len(self._objects) + len(self._skies)) * len(self.styles)

    def evaluate(self, candidate: Candidate) -> Iterator[SceneScore]:
        """Evaluate a candidate on every scene.

        Args:
            candidate: a candidate for these scenes.

        Yields:
            Scores, scene by scene.
        """
        for scene, photo in zip(self._objects, self._photos, strict=True):
            for style, image in enumerate(self._stylize(candidate, photo)):
                power = halo_power(image, scene)
                yield SceneScore(scene.name, style, Scores(halo=255 * signed_root(power)))
        for (name, sky), photo in zip(self._skies.items(), self._compressed, strict=True):
            for style, image in enumerate(self._stylize(candidate, photo)):
                yield SceneScore(f"{name} sky", style, Scores(jpeg=block_share(image, sky)))

    def _stylize(self, candidate: Candidate, photo: Tensor) -> Iterator[Tensor]:
        for image in candidate(photo.to(self._device)):
            yield resize_shortest_side(image, self._size).cpu()
