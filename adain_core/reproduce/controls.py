"""Figures 7 to 10: strength, interpolation between styles, colors, places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import torch
from torch import Tensor

from ..choices import SINGLE_PASS
from ..evaluation import Pairs
from ..images.sheets import join_rows
from ..methods.objective import LossWeights, describe_levels, levels_of, style_difference
from ..options import StylizeOptions
from ..style import Style
from ..stylizer import Stylizer
from ..training.losses import content_loss
from ..transfer import adain
from .lab import Lab
from .text import number, table, verdict

TITLE = "Figures 7 to 10: controls"

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
_SIDE = 5  # images along each side of the square between four styles
_SIZES = (512, 384, 256, 192, 128)
_PHOTOS, _STYLES = 2, 4
# Approximate number of images that are stylized and measured.
_COUNT = 60

_ABOUT = """\
Stylized by `{model}` at {size}² pixels, from photographs and artworks outside the training data.
Losses are those of the frozen VGG: the content loss at relu4_1, the style loss over four levels."""


def run(lab: Lab) -> str:
    """Stylize and measure; return the section of the report."""
    size = lab.recall("controls/size", lambda: _choose_size(lab))
    pairs = lab.pairs(_PHOTOS, _STYLES, size)
    parts = [_ABOUT.format(model=lab.config.model, size=size)]
    with lab.bar("controls", 4, "figure") as bar:
        for figure in (_strength, _interpolation, _colors, _places):
            parts += figure(lab, pairs)
            bar.update()
    return "\n\n".join(parts)


def _choose_size(lab: Lab) -> int:
    pairs = lab.pairs(1, 1, _SIZES[-1])
    artworks = _describe(lab, pairs.styles)

    def work() -> None:
        image = lab.model.stylize(pairs.contents[0], pairs.styles[0], stroke_size=SINGLE_PASS)
        _measure(lab, image, artworks)

    work()
    unit = lab.stopwatch(work)
    fitting = [s for s in _SIZES if _COUNT * unit * (s / _SIZES[-1]) ** 2 < lab.seconds]
    return fitting[0] if fitting else _SIZES[-1]


@torch.no_grad()
def _describe(lab: Lab, artworks: Sequence[Tensor]) -> list[list[Tensor]]:
    """Return the targets of the style loss for each artwork."""
    return [describe_levels(levels_of(lab.vgg, each), "statistics") for each in artworks]


@torch.no_grad()
def _measure(
    lab: Lab, image: Tensor, artworks: Sequence[Sequence[Tensor]]
) -> tuple[list[Tensor], list[float]]:
    """Return the VGG levels of an image, and its style loss to each artwork."""
    levels = levels_of(lab.vgg, image)
    losses = [style_difference(levels, each, LossWeights()).item() for each in artworks]
    return levels, losses


def _strength(lab: Lab, pairs: Pairs) -> list[str]:
    rows: list[list[Tensor]] = []
    losses: dict[float, list[tuple[float, float]]] = {alpha: [] for alpha in ALPHAS}
    for pair, photo in enumerate(pairs.contents):
        features = lab.model.encode(photo)
        style = lab.model.encode_style(pairs.styles[pair], size=0)
        own, artwork = levels_of(lab.vgg, photo)[-1], _describe(lab, pairs.styles[pair : pair + 1])
        row = [photo]
        for alpha in ALPHAS:
            # Also decoded at 0, as in the paper; stylize returns the photo itself there.
            image = lab.model.decode(adain(features, style, alpha))
            levels, to_artwork = _measure(lab, image, artwork)
            losses[alpha].append((content_loss(levels[-1], own).item(), to_artwork[0]))
            row.append(image)
        rows.append([*row, pairs.styles[pair]])
    lab.write_image("controls-alpha", join_rows(rows))
    contents, styles = (
        [fmean(values[part] for values in losses[alpha]) for alpha in ALPHAS] for part in (0, 1)
    )
    header = ["alpha", "content loss", "style loss"]
    lab.write_table("controls-alpha", header, zip(ALPHAS, contents, styles, strict=True))
    smooth = contents == sorted(contents) and styles == sorted(styles, reverse=True)
    return [
        "### Figure 7: content-style trade-off",
        "![Photo; alpha 0, 0.25, 0.5, 0.75, 1; artwork](controls-alpha.jpg)",
        table(header, zip(ALPHAS, map(number, contents), map(number, styles), strict=True)),
        verdict(
            "alpha leads from the photo to the style",
            smooth,
            "whether at each step the content loss rises and the style loss falls",
        ),
    ]


def _interpolation(lab: Lab, pairs: Pairs) -> list[str]:
    styles = [lab.model.encode_style(image, size=0) for image in pairs.styles]
    features = lab.model.encode(pairs.contents[0])
    rows = []
    for down in torch.linspace(0, 1, _SIDE).tolist():
        row = []
        for right in torch.linspace(0, 1, _SIDE).tolist():
            weights = [a * b for a in (1 - down, down) for b in (1 - right, right)]
            row.append(lab.model.decode(adain(features, Style.mix(styles, weights))))
        rows.append(row)
    lab.write_image("controls-interpolation", join_rows(rows))
    lab.write_image("controls-artworks", join_rows([pairs.styles[:2], pairs.styles[2:]]))
    # Style losses of each image to each artwork; the corners are in the order of the artworks.
    artworks = _describe(lab, pairs.styles)
    losses = torch.tensor([[_measure(lab, each, artworks)[1] for each in row] for row in rows])
    corners = losses[:: _SIDE - 1, :: _SIDE - 1].reshape(_STYLES, _STYLES).diagonal()
    nearest = (corners <= losses.flatten(0, 1).amin(dim=0)).tolist()
    return [
        "### Figure 8: interpolation between four styles",
        "![A square of images, one style in each corner](controls-interpolation.jpg)",
        "![The artworks of the corners](controls-artworks.jpg)",
        verdict(
            "each style is reached in its corner, and the images between are mixes",
            all(nearest),
            f"in {sum(nearest)} of 4 corners no other image of the square is closer to it",
        ),
    ]


def _colors(lab: Lab, pairs: Pairs) -> list[str]:
    rows, shifts = [], []
    for photo, artwork in zip(pairs.contents, pairs.styles, strict=False):
        plain = StylizeOptions(artwork, style_size=0, stroke_size=SINGLE_PASS)
        images = [
            Stylizer(lab.model, replace(plain, preserve_color=method))(photo)
            for method in (None, "coral")
        ]
        rows.append([photo, artwork, *images])
        shifts.append([_color_shift(image, photo) for image in images])
    lab.write_image("controls-color", join_rows(rows))
    own, kept = (fmean(shift[part] for shift in shifts) for part in (0, 1))
    return [
        "### Figure 9: color control",
        "![Photo, artwork, AdaIN, AdaIN of the artwork in the photo's colors](controls-color.jpg)",
        verdict(
            "with the artwork recolored by CORAL, the result keeps the photo's colors",
            kept < 0.5 * own,
            f"difference of the mean colors {number(kept)}, without CORAL {number(own)}, of 1",
        ),
    ]


def _color_shift(image: Tensor, photo: Tensor) -> float:
    return float((image.mean(dim=(2, 3)) - photo.mean(dim=(2, 3)).to(image)).abs().mean())


def _places(lab: Lab, pairs: Pairs) -> list[str]:
    photo = pairs.contents[0]
    left = torch.zeros(photo.shape[2:])
    left[:, : photo.shape[3] // 2] = 1
    masks, artworks = [left, 1 - left], pairs.styles[1:3]
    options = StylizeOptions(tuple(artworks), masks=masks, style_size=0, stroke_size=SINGLE_PASS)
    image = Stylizer(lab.model, options)(photo)
    lab.write_image("controls-space", join_rows([[photo, *artworks, image]]))
    with torch.no_grad():
        levels = levels_of(lab.vgg, image)
        wanted = [
            describe_levels(levels_of(lab.vgg, artwork), "statistics") for artwork in artworks
        ]
        losses = [
            [
                style_difference(levels, target, LossWeights(), mask.to(photo)[None, None]).item()
                for target in wanted
            ]
            for mask in masks
        ]
    holds = losses[0][0] < losses[0][1] and losses[1][1] < losses[1][0]
    return [
        "### Figure 10: spatial control",
        "![Photo, artwork of the left half, artwork of the right half, result](controls-space.jpg)",
        verdict(
            "each region has the style that was placed there",
            holds,
            f"style loss of the left half {number(losses[0][0])} to its own artwork and "
            f"{number(losses[0][1])} to the other, of the right half {number(losses[1][1])} and "
            f"{number(losses[1][0])}",
        ),
    ]
