"""``adain evaluate``: models judged by the frozen VGG on every content-style pair."""

from __future__ import annotations

import argparse
from pathlib import Path

from .common import Subparsers, add_command

_DESCRIPTION = """\
Judge models by the paper's losses and four more figures, in one run and on the same
pictures.

Every photo is drawn in every style (center crops of --size pixels) and each picture
is judged by the frozen, normalized VGG-19: 'target' (the paper's content loss,
equation 12) says how near it is to what AdaIN asked for, 'style' (equation 13) how near
to the artwork's statistics, 'content' and 'SSIM' how near to the photo, 'checkerboard'
how much of what was drawn into flat areas repeats every 8 pixels (0.06 by chance, at
most 1), 'reconstruction' how well a photo comes back that is decoded at its own
statistics (PSNR, dB). The first model is the reference of the ratios in the table. What
was judged before an error or Ctrl-C is printed and written."""


_EXAMPLES = """
adain evaluate --content photos/ --style paintings/ --loss-network adain-vgg19 \\
    --model adain-vgg19 adain-slim --csv scores.csv --grid grids/

# another program's pictures, named <photo>__<painting>.png
adain evaluate --content photos/ --style paintings/ --loss-network adain-vgg19 \\
    --model adain-vgg19 --pictures other-program/

# beside the methods that the paper compares with
adain evaluate --content photos/ --style paintings/ --loss-network adain-vgg19 --limit 3 \\
    --model adain-vgg19 --method optimize swap
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers, "evaluate", _run, "judge models by the frozen VGG", _DESCRIPTION, _EXAMPLES
    )
    parser.add_argument("--content", required=True, nargs="+", metavar="C", help="photos: folders")
    parser.add_argument("--style", required=True, nargs="+", metavar="S", help="artworks: folders")
    parser.add_argument(
        "--model",
        nargs="+",
        default=[],
        metavar="NAME|PATH",
        help="models, and networks of 'adain train --method feedforward' that have learnt the "
        "artworks; the first is the reference",
    )
    parser.add_argument(
        "--method",
        nargs="+",
        default=[],
        choices=("optimize", "swap"),
        metavar="METHOD",
        help="optimize, swap: other methods in the same table; swap in the features of the first "
        "model, or of the default one",
    )
    parser.add_argument(
        "--steps",
        type=int,
        default=200,
        metavar="N",
        help="of --method optimize, with the judge's own style loss (default: 200)",
    )
    parser.add_argument(
        "--pictures",
        nargs="+",
        default=[],
        type=Path,
        metavar="DIR",
        help="pictures of other programs, one folder each, named <photo>__<artwork>",
    )
    parser.add_argument(
        "--loss-network",
        required=True,
        metavar="NAME|PATH",
        help="the judge: adain-vgg19, another full-width model, or vgg_normalised.pth",
    )
    parser.add_argument("--size", type=int, default=256, help="of the pictures (default: 256)")
    parser.add_argument(
        "--alpha",
        type=float,
        default=1.0,
        help="of the pictures, at 0 what the decoder makes of the photo; 'target' and 'style' "
        "stay those of alpha 1 (default: 1)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="first N photos and artworks only")
    parser.add_argument("--device", default="auto", help="(default: auto)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every pair's scores")
    parser.add_argument(
        "--grid", type=Path, metavar="DIR", help="write a grid of pictures for each model (.jpg)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    parser.set_defaults(
        out_of_memory="not enough memory; try a smaller --size or --limit, or --device cpu"
    )


def _run(args: argparse.Namespace) -> int:
    from .judge_models import run

    return run(args)
