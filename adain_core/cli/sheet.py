"""``adain sheet``: photos in many styles on one picture, to choose from."""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import (
    Subparsers,
    add_command,
    add_contents,
    add_look_options,
    add_model_options,
    add_size_options,
)

_DESCRIPTION = """\
Draw photos (CONTENT) in each of many styles on one picture, to choose from.

Every photo begins a row; then come its pictures, with the style's name below and
the artwork in the corner. What is chosen is drawn at its full size by 'adain stylize':
strokes are as large beside the picture there as here where --content-size is the same,
and finer in a larger one."""

_EXAMPLES = """
# one photo in all paintings of a folder
adain sheet photo.jpg --style paintings/ -o sheet.jpg

# three photos, their colors kept, each in a row
adain sheet a.jpg b.jpg c.jpg --style wave.jpg stars.jpg --preserve-color coral -o sheet.jpg

# saved styles, larger pictures, three side by side
adain sheet photo.jpg --style my-styles/ --cell 480 --columns 3 -o sheet.png
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "sheet",
        _run,
        "draw photos in many styles on one picture",
        _DESCRIPTION,
        _EXAMPLES,
    )
    add_contents(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="the sheet (.png, .jpg, .webp, .tif)",
    )
    group = parser.add_argument_group("style")
    group.add_argument(
        "--style",
        nargs="+",
        required=True,
        metavar="S",
        help="artworks and style files (.safetensors): files, folders, or patterns",
    )
    add_look_options(group)
    group = parser.add_argument_group("size")
    add_size_options(group, content_size=512)
    group.add_argument(
        "--cell",
        type=int,
        default=256,
        metavar="N",
        help="pixels of each picture's longest side on the sheet (default: 256)",
    )
    group.add_argument(
        "--columns",
        type=int,
        metavar="N",
        help="pictures side by side, the photo included (default: a row for each photo; of a "
        "single one about as many as rows)",
    )
    add_model_options(parser)
    files = parser.add_argument_group("files")
    files.add_argument("--overwrite", action="store_true", help="replace an existing file")


def _run(args: argparse.Namespace) -> int:
    from .draw_sheet import run

    return run(args)
