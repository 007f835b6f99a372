"""``adain sheet``: a contact sheet of photos in many styles."""

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
Make a contact sheet of photos (CONTENT) in many styles, to choose from.

Each photo starts a row, followed by its stylized versions, with the name of the style
below and the artwork in the corner. Use 'adain stylize' to create the chosen one at full
size. With the same --content-size it looks the same; in a larger one, details are finer."""

_EXAMPLES = """
# one photo in the style of every painting in a folder
adain sheet photo.jpg --style paintings/ -o sheet.jpg

# three photos with their own colors, one per row
adain sheet a.jpg b.jpg c.jpg --style wave.jpg stars.jpg --preserve-color coral -o sheet.jpg

# saved styles, larger images, three columns
adain sheet photo.jpg --style my-styles/ --cell 480 --columns 3 -o sheet.png
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "sheet",
        _run,
        "make a contact sheet of many styles",
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
        help="longest side of each image on the sheet, in pixels (default: 256)",
    )
    group.add_argument(
        "--columns",
        type=int,
        metavar="N",
        help="images per row, including the photo (default: one row per photo; for a single photo, "
        "about as many columns as rows)",
    )
    add_model_options(parser)
    files = parser.add_argument_group("files")
    files.add_argument("--overwrite", action="store_true", help="replace an existing file")


def _run(args: argparse.Namespace) -> int:
    from .run_sheet import run

    return run(args)
