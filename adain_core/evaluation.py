"""How good a model is: its pictures judged by the frozen, normalized VGG-19.

Every model's pictures of the same content-style pairs get the same judge, so that the figures of
one run compare: a full-width model, a slim one, another program's pictures, the photo untouched.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import isnan, nan
from pathlib import Path
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import Tensor

from .checkerboard import checkerboard_share
from .color import luma
from .errors import ImageFileError, NotFiniteError
from .functional import adaptive_instance_norm, channel_statistics
from .images import list_images, load_image
from .model import AdaINModel
from .networks import Encoder
from .pixels import resize_shortest_side
from .style import Features
from .transfer import adain


@dataclass(frozen=True)
class Scores:
    """Figures of one picture, or means over many; smaller is better but for the last two.

    Attributes:
        target: mean squared difference of relu4_1 to AdaIN(relu4_1 of content, of style).
        style: over relu1_1, 2_1, 3_1 and 4_1, mean squared differences of channel means and stds.
        content: mean squared difference of relu4_1 to the content's.
        checkerboard: :func:`checkerboard_share` of the luminance; NaN where the content has no
            flat area, and left out of means.
        ssim: structural similarity of the luminance to the content's, up to 1.
        reconstruction: PSNR in dB of the content decoded at its own statistics, the same for
            all pictures of that content; NaN where there is no model.
    """

    target: float
    style: float
    content: float
    checkerboard: float
    ssim: float
    reconstruction: float = nan


class Pairs:
    """Contents and styles at one size, and what the judge says of them.

    Args:
        contents: image files.
        styles: image files.
        size: images are resized to it on their shortest side and center-cropped, pixels.
        vgg: the judge, the normalized VGG-19.

    Attributes:
        content_names: the files' names.
        style_names: likewise.
        enlarged: how many of the images are smaller than ``size``.

    Raises:
        ImageFileError: an image cannot be read or is transparent.
    """

    def __init__(
        self,
        contents: Sequence[str | os.PathLike[str]],
        styles: Sequence[str | os.PathLike[str]],
        size: int,
        vgg: Encoder,
    ) -> None:
        self.content_names = [Path(path).name for path in contents]
        self.style_names = [Path(path).name for path in styles]
        self.vgg = vgg
        self.enlarged = 0
        device = next(vgg.parameters()).device
        self.contents, self.styles = (
            [self._square(path, size).to(device) for path in paths] for paths in (contents, styles)
        )
        with torch.inference_mode():
            self._content_features = [vgg(image) for image in self.contents]
            self._style_statistics = [
                [channel_statistics(level) for level in vgg.levels(image)] for image in self.styles
            ]

    def _square(self, path: str | os.PathLike[str], size: int) -> Tensor:
        image = _opaque(path)
        self.enlarged += min(image.shape[2:]) < size
        image = resize_shortest_side(image, size)
        top, left = ((side - size) // 2 for side in image.shape[2:])
        return image[:, :, top : top + size, left : left + size].contiguous()

    def __len__(self) -> int:
        return len(self.contents) * len(self.styles)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Numbers of content and style of every pair."""
        for content in range(len(self.contents)):
            for style in range(len(self.styles)):
                yield content, style

    @torch.inference_mode()
    def judge(self, content: int, style: int, picture: Tensor) -> Scores:
        """Scores of a picture ``(1, 3, size, size)`` of a pair, without ``reconstruction``."""
        levels = self.vgg.levels(picture.to(self.contents[content].device))
        statistics = self._style_statistics[style]
        own = self._content_features[content]
        target = adaptive_instance_norm(own, *statistics[-1])
        lumas = luma(picture), luma(self.contents[content].to(picture))
        style_difference = 0.0
        for level, (mean, std) in zip(levels, statistics, strict=True):
            level_mean, level_std = channel_statistics(level)
            style_difference += float(F.mse_loss(level_mean, mean) + F.mse_loss(level_std, std))
        return Scores(
            target=float(F.mse_loss(levels[-1], target)),
            style=style_difference,
            content=float(F.mse_loss(levels[-1], own)),
            checkerboard=checkerboard_share(*lumas),
            ssim=ssim(*lumas),
        )


def judge_model(
    model: AdaINModel, pairs: Pairs, alpha: float = 1.0
) -> Iterator[tuple[int, int, Tensor, Scores]]:
    """A model's pictures and scores of every pair.

    Args:
        model: the model.
        pairs: content-style pairs.
        alpha: as in :func:`~adain_core.adain`.

    Yields:
        Numbers of content and style, picture ``(1, 3, size, size)`` in 0..1, scores.
    """
    styles = [model.encode_style(image, size=0) for image in pairs.styles]
    for content, image in enumerate(pairs.contents):
        features = model.encode(image)
        own = model.encode_style(image, size=0)
        reconstruction = psnr(_draw(model, adain(features, own)), image)
        for style, encoded in enumerate(styles):
            picture = _draw(model, adain(features, encoded, alpha))
            scores = pairs.judge(content, style, picture)
            yield content, style, picture, replace(scores, reconstruction=reconstruction)


def _draw(model: AdaINModel, features: Features) -> Tensor:
    """Return a picture, all NaN where the model draws such values: its scores show it."""
    try:
        return model.decode(features)
    except NotFiniteError:
        return torch.full((1, 3, *features.size), nan, device=model.device)


def judge_pictures(folder: Path, pairs: Pairs) -> Iterator[tuple[int, int, Tensor, Scores]]:
    """Another program's pictures: files named ``<content>__<style>`` with any image suffix.

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
    return _judge_files([files[name] for name in names], pairs)


def _judge_files(files: Sequence[Path], pairs: Pairs) -> Iterator[tuple[int, int, Tensor, Scores]]:
    for (content, style), path in zip(pairs, files, strict=True):
        picture = _opaque(path)
        if picture.shape != pairs.contents[content].shape:
            wanted = tuple(pairs.contents[content].shape[2:])
            raise ImageFileError(
                f"{path}: expected {wanted} pixels (height, width), got {tuple(picture.shape[2:])}"
            )
        yield content, style, picture, pairs.judge(content, style, picture)


def judge_contents(pairs: Pairs) -> Iterator[tuple[int, int, Tensor, Scores]]:
    """The contents themselves: what the scores are before anything is done."""
    for content, style in pairs:
        picture = pairs.contents[content]
        yield content, style, picture, pairs.judge(content, style, picture)


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """Mean of each figure; of ``checkerboard`` over the pictures that have it."""

    def mean(name: str) -> float:
        values = [getattr(each, name) for each in scores]
        if name == "checkerboard":  # the others' NaN is a fault of the picture, and stays
            values = [value for value in values if not isnan(value)] or [nan]
        return fmean(values)

    return Scores(*(mean(field.name) for field in fields(Scores)))


def markdown_table(rows: Mapping[str, Scores], reference: str | None = None) -> str:
    """One row a model; beside target and style their ratio to the reference model's."""
    names = ("model", "target", "style", "content", "checkerboard", "SSIM", "reconstruction")
    header = f"| {' | '.join(names)} |\n" + "| --- " * len(names) + "|"
    lines = [header]
    for name, scores in rows.items():
        target, style = f"{scores.target:.3f}", f"{scores.style:.3f}"
        if reference is not None and name != reference:
            target += f" ({scores.target / rows[reference].target:.2f}×)"
            style += f" ({scores.style / rows[reference].style:.2f}×)"
        board = "–" if isnan(scores.checkerboard) else f"{scores.checkerboard:.3f}"
        decibels = "–" if isnan(scores.reconstruction) else f"{scores.reconstruction:.1f} dB"
        lines.append(
            f"| {name} | {target} | {style} | {scores.content:.3f} | {board} | {scores.ssim:.3f} "
            f"| {decibels} |"
        )
    return "\n".join(lines)


def psnr(image: Tensor, reference: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of images in 0..1."""
    return float(-10 * torch.log10(F.mse_loss(image.float(), reference.float())))


def ssim(image: Tensor, reference: Tensor) -> float:
    """Mean structural similarity (Wang et al. 2004), Gaussian window of 11 pixels, σ 1.5.

    Args:
        image: ``(1, 1, H, W)`` in 0..1, at least 11 pixels in both directions.
        reference: likewise.
    """
    offsets = torch.arange(11, device=image.device) - 5
    gauss = torch.exp(-offsets.square() / (2 * 1.5**2))
    window = (gauss[:, None] * gauss / gauss.sum() ** 2)[None, None]

    def blur(x: Tensor) -> Tensor:
        return F.conv2d(x, window)

    mean, reference_mean = blur(image), blur(reference)
    variance = blur(image * image) - mean.square()
    reference_variance = blur(reference * reference) - reference_mean.square()
    covariance = blur(image * reference) - mean * reference_mean
    c1, c2 = 0.01**2, 0.03**2
    similarity = ((2 * mean * reference_mean + c1) * (2 * covariance + c2)) / (
        (mean.square() + reference_mean.square() + c1) * (variance + reference_variance + c2)
    )
    return float(similarity.mean())


def _opaque(path: str | os.PathLike[str]) -> Tensor:
    """The image as ``(1, 3, H, W)``; what transparency hides must not be judged."""
    pixels = load_image(path)
    if pixels.shape[1] == 4 and pixels[:, 3].min() < 1:
        raise ImageFileError(
            f"{path}: expected a picture without transparency, got an alpha channel; flatten it"
        )
    return pixels[:, :3]
