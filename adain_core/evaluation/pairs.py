"""Content-style pairs, and the evaluation of candidates on them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ImageFileError
from ..functional import adaptive_instance_norm, channel_statistics
from ..images import list_images, load_image
from ..networks.encoder_decoder import Encoder
from ..pixels import luma, resize_shortest_side
from .candidates import Candidate
from .checkerboard import checkerboard_share
from .metrics import (
    balanced_style_distance,
    palette_distance,
    perceptual_distance,
    psnr,
    rms_change,
    ssim,
    style_distance,
)
from .scores import Scores

# Number of photos that are stylized again with noise, and its standard deviation.
NOISE_PHOTOS, NOISE = 4, 0.01


@dataclass(frozen=True)
class ScoredImage:
    """An image and its scores.

    Attributes:
        content: number of the content.
        style: number of the style.
        image: the evaluated image, RGB in 0..1, ``(1, 3, size, size)``.
        scores: its scores.
    """

    content: int
    style: int
    image: Tensor
    scores: Scores


class Pairs:
    """Pairs of all contents and styles at one size, which score stylized images.

    Args:
        contents: image files.
        styles: image files.
        size: shortest side in pixels that images are resized to before the center crop.
        vgg: the loss network, the normalized VGG-19.
        input_size: size at which photos are stylized, pixels; the results are reduced to ``size``.
            ``None``: ``size``.

    Attributes:
        content_names: file names of the contents.
        style_names: file names of the styles.
        contents: ``(1, 3, size, size)`` each.
        styles: ``(1, 3, size, size)`` each.
        photos: ``(1, 3, input_size, input_size)`` each.
        enlarged: number of images that had to be enlarged.

    Raises:
        ImageFileError: an image cannot be read or is transparent.
    """

    def __init__(
        self,
        contents: Sequence[str | os.PathLike[str]],
        styles: Sequence[str | os.PathLike[str]],
        size: int,
        vgg: Encoder,
        input_size: int | None = None,
    ) -> None:
        self.content_names = [Path(path).name for path in contents]
        self.style_names = [Path(path).name for path in styles]
        self.size, self.vgg = size, vgg
        device = next(vgg.parameters()).device
        photos = [read_square(path, input_size or size) for path in contents]
        artworks = [read_square(path, size) for path in styles]
        self.photos = [image.to(device) for image, _ in photos]
        self.contents = [self.reduce(image) for image in self.photos]
        self.styles = [image.to(device) for image, _ in artworks]
        self.enlarged = sum(enlarged for _, enlarged in (*photos, *artworks))
        self._last: tuple[Tensor, list[Tensor]] | None = None
        self._content: tuple[int, list[Tensor]] | None = None
        with torch.inference_mode():
            self._style_statistics = [
                [channel_statistics(level) for level in vgg.levels(image)] for image in self.styles
            ]

    def __len__(self) -> int:
        return len(self.contents) * len(self.styles)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield the numbers of content and style of every pair."""
        for content in range(len(self.contents)):
            for style in range(len(self.styles)):
                yield content, style

    @torch.inference_mode()
    def score(self, content: int, style: int, image: Tensor) -> Scores:
        """Return the scores of a stylized image.

        Args:
            content: number of the content.
            style: number of the style.
            image: RGB in 0..1, ``(1, 3, size, size)``.

        Returns:
            The scores that need no other image.
        """
        levels = self._levels(image)
        own = self._content_levels(content)
        statistics = [channel_statistics(level) for level in levels]
        targets = self._style_statistics[style]
        target = adaptive_instance_norm(own[-1], *targets[-1])
        lumas = luma(image), luma(self.contents[content].to(image))
        return Scores(
            target=float(F.mse_loss(levels[-1], target)),
            style=style_distance(statistics, targets),
            balanced=balanced_style_distance(statistics, targets),
            content=float(F.mse_loss(levels[-1], own[-1])),
            percept=float(perceptual_distance(levels, own)),
            palette=255 * float(palette_distance(image, self.styles[style].to(image)).sqrt()),
            ssim=ssim(*lumas),
            checkerboard=checkerboard_share(*lumas),
        )

    def reduce(self, image: Tensor) -> Tensor:
        """Return a stylized image at the size of the evaluation."""
        return resize_shortest_side(image, self.size)

    def _levels(self, image: Tensor) -> list[Tensor]:
        """Return the levels of an image; those of the last image are cached."""
        if self._last is None or self._last[0] is not image:
            device = next(self.vgg.parameters()).device
            self._last = (image, self.vgg.levels(image.to(device)))
        return self._last[1]

    def _content_levels(self, content: int) -> list[Tensor]:
        if self._content is None or self._content[0] != content:
            self._content = (content, self.vgg.levels(self.contents[content]))
        return self._content[1]


def evaluate_candidate(
    pairs: Pairs, candidate: Candidate, noise: bool = False
) -> Iterator[ScoredImage]:
    """Evaluate a candidate on every pair.

    Args:
        pairs: the pairs.
        candidate: a candidate for these pairs.
        noise: also stylize the first photos with noise, for the score of that name.

    Yields:
        Images with all their scores, photo by photo.
    """
    for content, photo in enumerate(pairs.photos):
        reconstruction, reconstructed = nan, candidate.reconstruct(photo)
        if reconstructed is not None:
            reconstruction = psnr(pairs.reduce(reconstructed), pairs.contents[content])
        noisy: Iterator[Tensor] = iter(())
        if noise and content < NOISE_PHOTOS:
            noisy = candidate(add_noise(photo, content))
        for style, stylized in enumerate(candidate(photo)):
            image = pairs.reduce(stylized)
            scores = pairs.score(content, style, image)
            change = next(noisy, None)
            yield ScoredImage(
                content,
                style,
                image,
                replace(
                    scores,
                    reconstruction=reconstruction,
                    noise=nan if change is None else rms_change(pairs.reduce(change), image),
                ),
            )


def add_noise(photo: Tensor, seed: int) -> Tensor:
    """Return a photo with Gaussian noise of 1 %, which depends only on the seed."""
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(seed))
    return (photo + NOISE * noise.to(photo.device)).clamp(0, 1)


def evaluate_files(folder: Path, pairs: Pairs) -> Iterator[ScoredImage]:
    """Evaluate results of another program, named ``<content>__<style>`` with any image suffix.

    Args:
        folder: folder of the images.
        pairs: the pairs.

    Raises:
        ImageFileError: immediately if a pair does not have exactly one image; during iteration if
            an image is unreadable, transparent or of another size.
    """
    if not folder.is_dir():
        raise ImageFileError(f"expected a folder of images, found none at {folder}")
    files: dict[str, Path] = {}
    for path in list_images([folder]):
        if path.stem in files:
            raise ImageFileError(
                f"{folder}: expected one image of each name, got {files[path.stem].name} and "
                f"{path.name}; remove one"
            )
        files[path.stem] = path
    stems = [[Path(n).stem for n in names] for names in (pairs.content_names, pairs.style_names)]
    names = [f"{stems[0][content]}__{stems[1][style]}" for content, style in pairs]
    for name, count in Counter(names).items():
        if count > 1:
            raise ImageFileError(
                f"{folder}: images are found by the names of photo and artwork, got {count} "
                f"pairs named {name}; rename photos or artworks"
            )
        if name not in files:
            raise ImageFileError(f"{folder}: expected an image named {name}, found none")
    return _evaluate_paths([files[name] for name in names], pairs)


def _evaluate_paths(files: Sequence[Path], pairs: Pairs) -> Iterator[ScoredImage]:
    for (content, style), path in zip(pairs, files, strict=True):
        image = _opaque(path)
        if image.shape != pairs.contents[content].shape:
            wanted = tuple(pairs.contents[content].shape[2:])
            raise ImageFileError(
                f"{path}: expected {wanted} pixels (height, width), got {tuple(image.shape[2:])}"
            )
        yield ScoredImage(content, style, image, pairs.score(content, style, image))


def read_square(path: str | os.PathLike[str], size: int) -> tuple[Tensor, bool]:
    """Read an image, resize its shortest side, and center-crop it.

    Args:
        path: the file.
        size: side in pixels.

    Returns:
        RGB in 0..1, ``(1, 3, size, size)``, and whether the image was enlarged.

    Raises:
        ImageFileError: the image cannot be read or is transparent.
    """
    image = _opaque(path)
    enlarged = min(image.shape[2:]) < size
    image = resize_shortest_side(image, size)
    top, left = ((side - size) // 2 for side in image.shape[2:])
    return image[:, :, top : top + size, left : left + size].contiguous(), enlarged


def _opaque(path: str | os.PathLike[str]) -> Tensor:
    """Return an image ``(1, 3, H, W)``; hidden pixels must not affect the scores."""
    pixels = load_image(path)
    if pixels.shape[1] == 4 and pixels[:, 3].min() < 1:
        raise ImageFileError(
            f"{path}: expected an image without transparency, got an alpha channel; flatten it"
        )
    return pixels[:, :3]
