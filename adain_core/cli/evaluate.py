"""``adain evaluate``: models judged by the frozen VGG on every content-style pair."""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import Subparsers, add_command, parse_stroke_size

_DESCRIPTION = """\
Judge models by the paper's losses and by what people see, in one run and on the same
pictures.

Every photo is drawn in every style (center crops of --size pixels) and each picture
is judged by the frozen, normalized VGG-19. Smaller is better but for SSIM and
reconstruction:

  target          distance to what AdaIN asked for (the paper's equation 12)
  style           distance to the artwork's statistics (equation 13)
  worst tenth     of the pictures, by style
  balanced style  the same for every artwork, however strong its statistics are
  content         distance to the photo's features
  percept         how much of the photo's drawing is lost, whatever its colors
  SSIM            how much of the photo's structure is left, up to 1
  checkerboard    share of what is drawn into flat areas that repeats every 8 pixels
                  (0.06 by chance, at most 1)
  noise           change when the photo gets pixel noise of 1 %, in levels of 255
  halo            how far the ground near an object differs from the ground far away,
                  in levels of 255, on synthetic photos
  JPEG            as checkerboard, on clear skies saved as JPEG of quality 40
  reconstruction  how well a photo comes back that is drawn in its own style (PSNR)

The first model is the reference of the ratios in the table. Two rows are there for
comparison: the photo as it is, and the artwork itself. What was judged before an error
or Ctrl-C is printed and written."""


_EXAMPLES = """
adain evaluate --content photos/ --style paintings/ --loss-network adain-vgg19 \\
    --model adain-vgg19 adain-slim --size 256 512 --csv scores.csv --grid grids/

# another program's pictures, named <photo>__<painting>.png
adain evaluate --content photos/ --style paintings/ --loss-network adain-vgg19 \\
    --model adain-vgg19 --pictures other-program/

# beside the methods that the paper compares with
adain evaluate --content photos/ --style paintings/ --loss-network adain-vgg19 --limit 3 \\
    --model adain-vgg19 --method optimize swap

# coarse to fine beside the single pass: drawn at 1024 pixels, judged as seen at 512
adain evaluate --content photos/ --style paintings/ --loss-network adain-vgg19 \\
    --model adain-slim --stroke-size single medium --drawn-size 1024 --size 512
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
    _add_sizes(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="first N photos and artworks only")
    parser.add_argument("--device", default="auto", help="(default: auto)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every picture's scores")
    parser.add_argument(
        "--grid", type=Path, metavar="DIR", help="write a grid of pictures for each model (.jpg)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    parser.set_defaults(
        out_of_memory="not enough memory; try a smaller --size or --limit, or --device cpu"
    )


def _add_sizes(parser: argparse.ArgumentParser) -> None:
    """Add how pictures are drawn and seen."""
    parser.add_argument(
        "--size",
        type=int,
        nargs="+",
        default=[256],
        metavar="PX",
        help="sizes at which pictures are judged, a table for each (default: 256)",
    )
    parser.add_argument(
        "--stroke-size",
        nargs="+",
        type=parse_stroke_size,
        default=["single"],
        metavar="S",
        help="single, fine, medium, coarse, or a number, as in 'adain stylize'; a row for each "
        "(default: single, the paper's)",
    )
    parser.add_argument(
        "--drawn-size",
        type=int,
        metavar="PX",
        help="size at which photos are drawn, reduced to --size before they are judged "
        "(default: --size)",
    )
    parser.add_argument(
        "--scene-size",
        type=int,
        default=512,
        metavar="PX",
        help="size of the synthetic photos; 0: no halo and JPEG (default: 512)",
    )
    parser.add_argument(
        "--alpha",
        type=float,
        default=1.0,
        help="of the pictures, at 0 what the decoder makes of the photo; 'target' and 'style' "
        "stay those of alpha 1 (default: 1)",
    )


def _run(args: argparse.Namespace) -> int:
    from .judge_models import run

    return run(args)
