"""``adain stylize``: pictures in, pictures out."""

from __future__ import annotations

import argparse

from .arguments import Subparsers, add_command, add_contents, add_model_options, add_style_options
from .methods import add_method_options

_FORMATS = ("png", "jpg", "webp", "tif")

_DESCRIPTION = """\
Draw photos (CONTENT) in the style of one or more artworks (--style).

The content says what is in the picture, the style how it is painted. --alpha
sets how much of the style is applied. Several styles are either mixed everywhere
(--style-weights) or each placed where its mask is white (--mask)."""

_EXAMPLES = """
# one photo, four fifths of the style
adain stylize photo.jpg --style painting.jpg --alpha 0.8 -o result.png

# a folder of photos, their colors kept, shortest side 1024 pixels
adain stylize photos/ --style painting.jpg --preserve-color coral --content-size 1024 -o results/

# three parts of one style and one of another, saved by 'adain style encode'
adain stylize photo.jpg --style wave.jpg stars.safetensors --style-weights 3 1 -o result.png

# one style in the sky, another on the ground (white in the masks)
adain stylize photo.jpg --style stars.jpg engraving.jpg --mask sky.png ground.png -o result.png

# continue an interrupted run
adain stylize photos/ --style painting.jpg -o results/ --skip-existing

# what AdaIN draws, improved by 50 steps of optimization
adain stylize photo.jpg --style painting.jpg --refine 50 -o result.png

# the photo optimized as by Gatys et al., from 128 pixels on
adain stylize photo.jpg --style painting.jpg --method optimize --style-loss gram --smallest 128 \
    --content-size 512 -o result.png
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers, "stylize", _run, "draw photos in the style of artworks", _DESCRIPTION, _EXAMPLES
    )
    add_contents(parser)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="a file (.png, .jpg, .webp, .tif), or a folder, made if need be, where results take "
        "the names of their contents; several contents need a folder, and a folder's keep the "
        "folders that they are in",
    )

    add_style_options(
        parser,
        mask_help="an image for each style that says where it goes: white there, black not, gray "
        "in part (of an image with transparency: opaque there, transparent not); of any size, "
        "stretched over the photo. What no mask covers stays as it is",
    )
    add_model_options(parser)
    add_method_options(parser)

    files = parser.add_argument_group("files")
    files.add_argument(
        "--format",
        choices=_FORMATS,
        help="of results in a folder (default: the content's, or png where that cannot be written)",
    )
    files.add_argument(
        "--quality",
        type=int,
        default=95,
        metavar="Q",
        help="of JPEG and WebP, 1 to 100 (default: 95)",
    )
    existing = files.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace existing files")
    existing.add_argument(
        "--skip-existing",
        action="store_true",
        help="leave results that already exist and draw only the missing ones, for example after "
        "an interruption; whether they were drawn with the same options is not checked",
    )
    files.add_argument(
        "--json", action="store_true", help="print what became of each picture as JSON"
    )


def _run(args: argparse.Namespace) -> int:
    from .stylize_files import run

    return run(args)
