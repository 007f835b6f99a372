"""The work of ``adain sheet``."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from tqdm import tqdm

from ..errors import AdaINError, OptionError, StyleMismatchError
from ..images import (
    check_output_size,
    check_output_suffix,
    list_images,
    read_image_file,
    read_resized,
    save_image,
)
from ..images.previews import fit_within, read_preview, thumbnail
from ..images.sheets import (
    GAP,
    LABEL,
    Cell,
    choose_columns,
    join_rows,
    render_cell,
)
from ..model import AdaINModel
from ..options import StylizeOptions
from ..pixels import as_uint8
from ..style import Style
from ..stylizer import Stylizer
from .outputs import check_output_file, refuse_inputs
from .request import STYLE_SUFFIX, load_model, make_request, open_style
from .streams import print_error, print_line

_CELLS = (64, 4096)

T = TypeVar("T")


class _Source(NamedTuple):
    """A style with its stylizer, and its artwork to show, ``(1, 3|4, H, W)``, if any."""

    name: str
    stylizer: Stylizer
    artwork: Tensor | None


def run(args: argparse.Namespace) -> int:
    """Make the sheet; return the exit code."""
    contents, styles = list_images(args.content), list_images(args.style, also=[STYLE_SUFFIX])
    # With an artwork that is not read yet, to check the other options.
    options = make_request(args, styles=str(styles[0]))
    if not _CELLS[0] <= args.cell <= _CELLS[1]:
        raise ValueError(f"--cell must lie in {_CELLS[0]}..{_CELLS[1]} pixels, got {args.cell}")
    if args.columns is not None and args.columns < 1:
        raise ValueError(f"--columns must be 1 or more, got {args.columns}")
    check_output_suffix(args.output)
    refuse_inputs([args.output], [*contents, *styles])
    check_output_file(args.output, args.overwrite)
    model = load_model(args)

    started = time.perf_counter()
    photos = list(
        _readable(contents, lambda path: (path.stem, read_resized(path, args.content_size).pixels))
    )
    sources = list(_readable(styles, lambda path: _source(model, options, path, args.cell)))
    if not photos or not sources:
        return 1  # the errors were reported
    sizes = [fit_within((photo.shape[2], photo.shape[3]), args.cell) for _, photo in photos]
    width = max(width for _, width in sizes)
    columns = args.columns or choose_columns(len(photos), 1 + len(sources), sizes[0])
    columns = min(columns, 1 + len(sources))
    rows = math.ceil((1 + len(sources)) / columns)
    height = sum(rows * (height + LABEL + GAP) for height, _ in sizes) - GAP
    check_output_size(args.output, (height, columns * (width + GAP) - GAP))

    shown: list[list[Tensor]] = []
    with tqdm(total=len(photos) * len(sources), unit="image", disable=None) as bar:
        for name, photo in photos:
            # In 8 bits: a large sheet takes a quarter of the memory.
            cells = [
                as_uint8(render_cell(cell, args.cell, width))
                for cell in _cells(name, photo, sources, bar)
            ]
            cells += [torch.full_like(cells[0], 255)] * (-len(cells) % columns)
            shown += [cells[n : n + columns] for n in range(0, len(cells), columns)]
    save_image(args.output, join_rows(shown), overwrite=args.overwrite)
    seconds = time.perf_counter() - started
    count = len(photos) * len(sources)
    print_line(f"{args.output} ({count} image{'s' if count > 1 else ''}, {seconds:.1f} s)")
    return 0 if len(photos) == len(contents) and len(sources) == len(styles) else 1


def _cells(name: str, photo: Tensor, sources: Sequence[_Source], bar: tqdm[Any]) -> Iterator[Cell]:
    """Yield a photo, and the photo in each style."""
    yield Cell(photo, name)
    for source in sources:
        yield Cell(source.stylizer(photo), source.name, source.artwork)
        bar.update()


def _readable(paths: Sequence[Path], read: Callable[[Path], T]) -> Iterator[T]:
    """Yield readable files; report the others and skip them."""
    for path in paths:
        try:
            yield read(path)
        except AdaINError as error:
            print_error(error)
        except OptionError as error:  # a style file where the artwork is needed
            raise ValueError(f"{path} {error.message}") from None
        except ValueError as error:  # an artwork that is transparent everywhere
            print_error(f"{path}: {error}")


def _source(model: AdaINModel, options: StylizeOptions, path: Path, cell: int) -> _Source:
    opened = open_style(str(path))
    if isinstance(opened, Style):
        source: Style | Tensor = opened
        artwork = read_preview(opened.preview)
    else:
        source = read_image_file(path, keep_uint8=True).pixels
        # All of them stay in memory.
        artwork = thumbnail(source, min(cell, max(source.shape[2:])))
    try:
        stylizer = Stylizer(model, replace(options, styles=source))
    except StyleMismatchError as error:
        raise StyleMismatchError(f"{path}: {error}") from None
    return _Source(path.stem, stylizer, artwork)
