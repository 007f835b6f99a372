"""Sheets: labeled images in rows, with white gaps, as of ``adain sheet``.

The images of the README, model cards and workflows are also made with them.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..utils.text import printable
from . import to_tensor
from .previews import thumbnail

# Gap between two images, and height of a line of text, pixels.
GAP, LABEL = 6, 26
_FONT_SIZE = 14
# Pillow's own font only has ASCII. Fonts of Windows, macOS and Linux, which Pillow finds by name:
# first for European languages, then for Chinese, Japanese and Korean.
_SYSTEM_FONTS = (
    *("segoeui.ttf", "Arial.ttf", "NotoSans-Regular.ttf", "DejaVuSans.ttf"),
    *("LiberationSans-Regular.ttf", "msyh.ttc", "YuGothM.ttc", "malgun.ttf"),
    *("PingFang.ttc", "Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc", "Arial Unicode.ttf"),
    *("NotoSansCJK-Regular.ttc", "wqy-zenhei.ttc", "wqy-microhei.ttc"),
)
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
# Longer side of an artwork in the corner of an image, as a share of the image's.
_INSET = 0.25


@dataclass(frozen=True)
class Cell:
    """An image of a sheet.

    Args:
        image: ``(1, 3|4, H, W)`` in 0..1 or uint8; transparent pixels become white.
        text: the line of text under it.
        inset: an image to show small in its corner.
    """

    image: Tensor
    text: str = ""
    inset: Tensor | None = None


def join_rows(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    """Join rows of images to one image, with white gaps.

    Args:
        rows: ``(1, C, H, W)`` each, all in 0..1 or all uint8. Images of a row have the same height,
            and all rows the same total width.

    Returns:
        ``(1, C, H', W')`` on the CPU.
    """
    white = 1.0 if rows[0][0].is_floating_point() else 255
    # To the right of and below every image; the outermost gap is cut off.
    padded = [
        torch.cat([F.pad(each.cpu(), (0, GAP, 0, GAP), value=white) for each in row], dim=3)
        for row in rows
    ]
    joined = torch.cat(padded, dim=2)
    return joined[..., : joined.shape[2] - GAP, : joined.shape[3] - GAP]


def add_label(image: Tensor, text: str) -> Tensor:
    """Return an image ``(1, 3, H, W)`` in 0..1 with a line of text under it, cut to its width."""
    strip = Image.new("RGB", (image.shape[3], LABEL), "white")
    # File names of macOS have accents as letters of their own; any can have line breaks.
    text = printable(unicodedata.normalize("NFC", text))
    draw, font = ImageDraw.Draw(strip), find_font(text)
    short = text
    while short and draw.textlength(short, font) > strip.width:
        text = text[:-1]
        short = f"{text.rstrip()}…" if text else ""
    draw.text((strip.width / 2, LABEL / 2), short, "black", font, anchor="mm")
    return torch.cat([image.cpu(), to_tensor(strip)], dim=2)


def find_font(text: str) -> _Font:
    """Return the first font that has all letters of a text; Pillow's own where none has."""
    own = ImageFont.load_default(size=_FONT_SIZE)
    # One after the other: Linux has no list of fonts, Pillow looks through its folders.
    fonts = chain([own], map(system_font, _SYSTEM_FONTS))
    return next((font for font in fonts if font and _has_letters(font, text)), own)


@cache
def system_font(name: str) -> _Font | None:
    """Return an installed font by the name of its file, or None."""
    try:
        return ImageFont.truetype(name, _FONT_SIZE)
    except OSError:  # not installed
        return None


def _has_letters(font: _Font, text: str) -> bool:
    # U+FFFF is no character: a font shows the same glyph for it as for missing letters.
    lacking = bytes(font.getmask("\uffff"))
    return all(letter.isspace() or bytes(font.getmask(letter)) != lacking for letter in set(text))


def render_cell(cell: Cell, longest: int, width: int) -> Tensor:
    """Return the image of a cell with its label.

    Args:
        cell: the cell.
        longest: longer side of the image, pixels.
        width: width of the cell, in which the image is centered; at least that of the image.

    Returns:
        ``(1, 3, height + LABEL, width)`` in 0..1, on the CPU.
    """
    image = thumbnail(cell.image, longest)
    if cell.inset is not None:
        inset = F.pad(thumbnail(cell.inset, round(_INSET * longest)), (2, 0, 2, 0), value=1.0)
        # A long image can be lower than the artwork.
        inset = inset[..., : image.shape[2], : image.shape[3]]
        image[..., -inset.shape[2] :, -inset.shape[3] :] = inset
    left = (width - image.shape[3]) // 2
    right = width - left - image.shape[3]
    return add_label(F.pad(image, (left, right), value=1.0), cell.text)


def choose_columns(photos: int, count: int, size: tuple[int, int]) -> int:
    """Return the number of columns of a sheet.

    Args:
        photos: number of photos. If there are several, each has a row.
        count: number of images of each photo, including itself. Those of a single photo fill about
            a square, or a bit wider, with few empty places.
        size: height and width of an image, pixels, without its line of text.
    """
    if photos > 1:
        return count
    square = max(1, round(math.sqrt(count * (size[0] + LABEL) / size[1])))
    return min(range(square, square + 3), key=lambda columns: -count % columns)
