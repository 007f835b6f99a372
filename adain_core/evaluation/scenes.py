"""Evaluation on synthetic photos: halos around objects, and blocks of compressed skies."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..pixels import resize_shortest_side
from .halo import halo_power, synthetic_scenes
from .jpeg import block_share, compress, synthetic_skies
from .painters import Painter
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
        drawn_size: size at which photos are stylized; the results are reduced to ``size``.
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
        drawn_size: int | None = None,
    ) -> None:
        self.style_names = [Path(path).name for path in styles[:ARTWORKS]]
        self.styles = [read_square(path, size)[0].to(device) for path in styles[:ARTWORKS]]
        self._size, self._device = size, device
        self._objects, self._skies = synthetic_scenes(size), synthetic_skies(size)
        self._photos = [scene.photo for scene in synthetic_scenes(drawn_size or size)]
        self._compressed = [compress(sky) for sky in synthetic_skies(drawn_size or size).values()]

    def __len__(self) -> int:
        return (len(self._objects) + len(self._skies)) * len(self.styles)

    def judge(self, painter: Painter) -> Iterator[SceneScore]:
        """Evaluate a painter on every scene.

        Args:
            painter: a painter for these scenes.

        Yields:
            Scores, scene by scene.
        """
        for scene, photo in zip(self._objects, self._photos, strict=True):
            for style, picture in enumerate(self._paint(painter, photo)):
                power = halo_power(picture, scene)
                yield SceneScore(scene.name, style, Scores(halo=255 * signed_root(power)))
        for (name, sky), photo in zip(self._skies.items(), self._compressed, strict=True):
            for style, picture in enumerate(self._paint(painter, photo)):
                yield SceneScore(f"{name} sky", style, Scores(jpeg=block_share(picture, sky)))

    def _paint(self, painter: Painter, photo: Tensor) -> Iterator[Tensor]:
        for picture in painter(photo.to(self._device)):
            yield resize_shortest_side(picture, self._size).cpu()
