"""``adain stylize``: stylize images."""

from __future__ import annotations

import argparse

from .arguments import Subparsers, add_command, add_contents, add_model_options, add_style_options
from .methods import add_method_options

_FORMATS = ("png", "jpg", "webp", "tif")

_DESCRIPTION = """\
Stylize photos (CONTENT) with one or more artworks (--style).

--alpha sets the strength of the style. Several styles are either mixed over the
whole image (--style-weights) or placed by masks (--mask)."""

_EXAMPLES = r"""
# one photo, four fifths of the style
adain stylize photo.jpg --style painting.jpg --alpha 0.8 -o result.png

# a folder of photos, with their own colors, shortest side 1024 pixels
adain stylize photos/ --style painting.jpg --preserve-color coral --content-size 1024 -o results/

# a 3:1 mix of an artwork and a style saved by 'adain style encode'
adain stylize photo.jpg --style wave.jpg stars.safetensors --style-weights 3 1 -o result.png

# one style for the sky, another for the ground (white in the masks)
adain stylize photo.jpg --style stars.jpg engraving.jpg --mask sky.png ground.png -o result.png

# continue an interrupted run
adain stylize photos/ --style painting.jpg -o results/ --skip-existing

# AdaIN's result, refined by 50 steps of optimization
adain stylize photo.jpg --style painting.jpg --refine 50 -o result.png

# optimization as in Gatys et al., starting at 128 pixels
adain stylize photo.jpg --style painting.jpg --method optimize --style-loss gram --smallest 128 \
    --content-size 512 -o result.png
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers, "stylize", _run, "stylize photos with artworks", _DESCRIPTION, _EXAMPLES
    )
    add_contents(parser)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="a file (.png, .jpg, .webp, .tif), or a folder, created if missing. In a folder, "
        "results have the names of their photos; the photos of a folder keep their subfolders",
    )

    add_style_options(
        parser,
        mask_help="an image per style: white where the style applies, black elsewhere, gray in "
        "between (if the image has transparency, its opacity counts instead). Any size; it is "
        "stretched over the photo. Pixels outside every mask stay unchanged",
    )
    add_model_options(parser)
    add_method_options(parser)

    files = parser.add_argument_group("files")
    files.add_argument(
        "--format",
        choices=_FORMATS,
        help="format of results in a folder (default: that of the photo, or png if it cannot be "
        "written)",
    )
    files.add_argument(
        "--quality",
        type=int,
        default=95,
        metavar="Q",
        help="quality of JPEG and WebP, 1 to 100 (default: 95)",
    )
    existing = files.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace existing files")
    existing.add_argument(
        "--skip-existing",
        action="store_true",
        help="keep existing results and create only the missing ones, for example to resume after "
        "an interruption; it is not checked that the options were the same",
    )
    files.add_argument("--json", action="store_true", help="print a report of each image as JSON")


def _run(args: argparse.Namespace) -> int:
    from .run_stylize import run

    return run(args)
