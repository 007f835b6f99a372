"""Content-style pairs, and the judge of their pictures."""

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

from ..color import luma
from ..errors import ImageFileError
from ..functional import adaptive_instance_norm, channel_statistics
from ..images import list_images, load_image
from ..networks import Encoder
from ..pixels import resize_shortest_side
from .checkerboard import checkerboard_share
from .figures import (
    balanced_style_distance,
    perceptual_distance,
    psnr,
    rms_change,
    ssim,
    style_distance,
)
from .painters import Painter
from .scores import Scores

# Photos whose pictures are drawn a second time, with noise, and the noise's standard deviation.
NOISE_PHOTOS, NOISE = 4, 0.01


@dataclass(frozen=True)
class Judgement:
    """A picture and its scores.

    Attributes:
        content: number of the content.
        style: number of the style.
        picture: as it was judged, RGB in 0..1, ``(1, 3, size, size)``.
        scores: of the picture.
    """

    content: int
    style: int
    picture: Tensor
    scores: Scores


class Pairs:
    """Contents and styles at one size, and what the judge says of pictures of them.

    Args:
        contents: image files.
        styles: image files.
        size: images are resized to it on their shortest side and center-cropped, pixels.
        vgg: the judge, the normalized VGG-19.
        drawn_size: size of the photos that painters get, pixels; what they draw is reduced to
            ``size`` before it is judged. ``None``: ``size``.

    Attributes:
        content_names: the files' names.
        style_names: the files' names.
        contents: ``(1, 3, size, size)`` each.
        styles: ``(1, 3, size, size)`` each.
        photos: ``(1, 3, drawn_size, drawn_size)`` each.
        enlarged: how many of the images are smaller than they are drawn or judged.

    Raises:
        ImageFileError: an image cannot be read or is transparent.
    """

    def __init__(
        self,
        contents: Sequence[str | os.PathLike[str]],
        styles: Sequence[str | os.PathLike[str]],
        size: int,
        vgg: Encoder,
        drawn_size: int | None = None,
    ) -> None:
        self.content_names = [Path(path).name for path in contents]
        self.style_names = [Path(path).name for path in styles]
        self.size, self.vgg = size, vgg
        device = next(vgg.parameters()).device
        drawn = [read_square(path, drawn_size or size) for path in contents]
        artworks = [read_square(path, size) for path in styles]
        self.photos = [image.to(device) for image, _ in drawn]
        self.contents = [self.reduce(image) for image in self.photos]
        self.styles = [image.to(device) for image, _ in artworks]
        self.enlarged = sum(enlarged for _, enlarged in (*drawn, *artworks))
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
    def judge(self, content: int, style: int, picture: Tensor) -> Scores:
        """Judge a picture of a pair.

        Args:
            content: number of the content.
            style: number of the style.
            picture: RGB in 0..1, ``(1, 3, size, size)``.

        Returns:
            The figures that need nothing but the picture.
        """
        levels = self._levels(picture)
        own = self._content_levels(content)
        statistics = [channel_statistics(level) for level in levels]
        targets = self._style_statistics[style]
        target = adaptive_instance_norm(own[-1], *targets[-1])
        lumas = luma(picture), luma(self.contents[content].to(picture))
        return Scores(
            target=float(F.mse_loss(levels[-1], target)),
            style=style_distance(statistics, targets),
            balanced=balanced_style_distance(statistics, targets),
            content=float(F.mse_loss(levels[-1], own[-1])),
            percept=perceptual_distance(levels, own),
            ssim=ssim(*lumas),
            checkerboard=checkerboard_share(*lumas),
        )

    def reduce(self, picture: Tensor) -> Tensor:
        """Return a drawn picture as it is seen and judged."""
        return resize_shortest_side(picture, self.size)

    def _levels(self, picture: Tensor) -> list[Tensor]:
        """Return the VGG's levels; the photo itself comes again and again."""
        if self._last is None or self._last[0] is not picture:
            device = next(self.vgg.parameters()).device
            self._last = (picture, self.vgg.levels(picture.to(device)))
        return self._last[1]

    def _content_levels(self, content: int) -> list[Tensor]:
        if self._content is None or self._content[0] != content:
            self._content = (content, self.vgg.levels(self.contents[content]))
        return self._content[1]


def judge_painter(pairs: Pairs, painter: Painter, noise: bool = False) -> Iterator[Judgement]:
    """Judge a painter's pictures of every pair.

    Args:
        pairs: content-style pairs.
        painter: for these pairs.
        noise: draw the first photos again with noise, for ``noise``.

    Yields:
        Pictures with all of their scores, photo by photo.
    """
    for content, photo in enumerate(pairs.photos):
        reconstruction, again = nan, painter.reconstruct(photo)
        if again is not None:
            reconstruction = psnr(pairs.reduce(again), pairs.contents[content])
        noisy: Iterator[Tensor] = iter(())
        if noise and content < NOISE_PHOTOS:
            noisy = painter(add_noise(photo, content))
        for style, drawn in enumerate(painter(photo)):
            picture = pairs.reduce(drawn)
            scores = pairs.judge(content, style, picture)
            change = next(noisy, None)
            yield Judgement(
                content,
                style,
                picture,
                replace(
                    scores,
                    reconstruction=reconstruction,
                    noise=nan if change is None else rms_change(pairs.reduce(change), picture),
                ),
            )


def add_noise(photo: Tensor, seed: int) -> Tensor:
    """Return a photo with Gaussian pixel noise of 1 %, a function of the seed alone."""
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(seed))
    return (photo + NOISE * noise.to(photo.device)).clamp(0, 1)


def judge_files(folder: Path, pairs: Pairs) -> Iterator[Judgement]:
    """Judge another program's pictures: files named ``<content>__<style>`` with any image suffix.

    Args:
        folder: of the pictures.
        pairs: content-style pairs.

    Raises:
        ImageFileError: at once where pairs do not have one picture each; on the way where one is
            unreadable, transparent or of another size.
    """
    if not folder.is_dir():
        raise ImageFileError(f"expected a folder of pictures, found none at {folder}")
    files: dict[str, Path] = {}
    for path in list_images([folder]):
        if path.stem in files:
            raise ImageFileError(
                f"{folder}: expected one picture of each name, got {files[path.stem].name} and "
                f"{path.name}; remove one"
            )
        files[path.stem] = path
    stems = [[Path(n).stem for n in names] for names in (pairs.content_names, pairs.style_names)]
    names = [f"{stems[0][content]}__{stems[1][style]}" for content, style in pairs]
    for name, count in Counter(names).items():
        if count > 1:
            raise ImageFileError(
                f"{folder}: pictures are found by the names of photo and artwork, got {count} "
                f"pairs named {name}; rename photos or artworks"
            )
        if name not in files:
            raise ImageFileError(f"{folder}: expected a picture named {name}, found none")
    return _judge_paths([files[name] for name in names], pairs)


def _judge_paths(files: Sequence[Path], pairs: Pairs) -> Iterator[Judgement]:
    for (content, style), path in zip(pairs, files, strict=True):
        picture = _opaque(path)
        if picture.shape != pairs.contents[content].shape:
            wanted = tuple(pairs.contents[content].shape[2:])
            raise ImageFileError(
                f"{path}: expected {wanted} pixels (height, width), got {tuple(picture.shape[2:])}"
            )
        yield Judgement(content, style, picture, pairs.judge(content, style, picture))


def read_square(path: str | os.PathLike[str], size: int) -> tuple[Tensor, bool]:
    """Read an image as a square.

    Args:
        path: the file.
        size: pixels that its shortest side is resized to before it is center-cropped.

    Returns:
        RGB in 0..1, ``(1, 3, size, size)``, and whether it was enlarged.

    Raises:
        ImageFileError: it cannot be read or is transparent.
    """
    image = _opaque(path)
    enlarged = min(image.shape[2:]) < size
    image = resize_shortest_side(image, size)
    top, left = ((side - size) // 2 for side in image.shape[2:])
    return image[:, :, top : top + size, left : left + size].contiguous(), enlarged


def _opaque(path: str | os.PathLike[str]) -> Tensor:
    """Return the image as ``(1, 3, H, W)``; what transparency hides must not be judged."""
    pixels = load_image(path)
    if pixels.shape[1] == 4 and pixels[:, 3].min() < 1:
        raise ImageFileError(
            f"{path}: expected a picture without transparency, got an alpha channel; flatten it"
        )
    return pixels[:, :3]
