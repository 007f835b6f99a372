"""``adain evaluate``: evaluate models with the frozen VGG on all content-style pairs."""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import Subparsers, add_command, parse_stroke_size

_DESCRIPTION = """\
Evaluate models by the paper's losses and by visible artifacts, in one run and on the
same images.

Every photo is stylized with every artwork (center crops of --size pixels), and the
results are evaluated with the frozen, normalized VGG-19. Smaller is better, except for
SSIM and reconstruction:

  target          distance to AdaIN's target features (the paper's equation 12)
  style           distance to the artwork's statistics (equation 13)
  worst tenth     style loss of the worst tenth of the images
  balanced style  style loss that weights all artworks equally
  content         distance to the photo's features
  percept         how much of the photo's structure is lost, regardless of color
  palette         distance to the artwork's colors, in levels of 255
  SSIM            how much of the photo's structure is preserved, at most 1
  checkerboard    share of the texture in flat areas that repeats every 8 pixels
                  (0.06 by chance, at most 1)
  noise           change caused by 1 % pixel noise in the photo, in levels of 255
  halo            difference of the background near an object from that far away, in
                  levels of 255, on synthetic photos
  JPEG            checkerboard on clear skies saved as JPEG of quality 40
  reconstruction  how well a photo in its own style is reproduced (PSNR)

Ratios in the table refer to the first model. The unchanged photo and the artwork itself
are listed for comparison. After an error or Ctrl-C, the results so far are printed and
written."""


_EXAMPLES = """
adain evaluate --content photos/ --style paintings/ --loss-network adain-vgg19 \\
    --model adain-vgg19 adain-slim --size 256 512 --csv scores.csv --grid grids/

# results of another program, named <photo>__<painting>.png
adain evaluate --content photos/ --style paintings/ --loss-network adain-vgg19 \\
    --model adain-vgg19 --results other-program/

# compared with the methods in the paper
adain evaluate --content photos/ --style paintings/ --loss-network adain-vgg19 --limit 3 \\
    --model adain-vgg19 --method optimize swap

# coarse to fine compared with a single pass: stylized at 1024 pixels, evaluated at 512
adain evaluate --content photos/ --style paintings/ --loss-network adain-vgg19 \\
    --model adain-slim --stroke-size single medium --input-size 1024 --size 512
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers, "evaluate", _run, "evaluate models with the frozen VGG", _DESCRIPTION, _EXAMPLES
    )
    for kind, images in (("content", "photos"), ("style", "artworks")):
        parser.add_argument(
            f"--{kind}", required=True, nargs="+", metavar="DIR", help=f"folders of {images}"
        )
    parser.add_argument(
        "--model",
        nargs="+",
        default=[],
        metavar="NAME|PATH",
        help="models, or networks of 'adain train --method feedforward' that were trained on the "
        "artworks; the first is the reference",
    )
    parser.add_argument(
        "--method",
        nargs="+",
        default=[],
        choices=("optimize", "swap"),
        metavar="METHOD",
        help="optimize, swap: other methods to include; swap uses the features of the first model, "
        "or of the default model",
    )
    parser.add_argument(
        "--steps",
        type=int,
        default=200,
        metavar="N",
        help="for --method optimize, which minimizes the evaluated style loss (default: 200)",
    )
    parser.add_argument(
        "--results",
        nargs="+",
        default=[],
        type=Path,
        metavar="DIR",
        help="results of other programs, one folder each, named <photo>__<artwork>",
    )
    parser.add_argument(
        "--loss-network",
        required=True,
        metavar="NAME|PATH",
        help="the frozen VGG: adain-vgg19, another full-width model, or vgg_normalised.pth",
    )
    _add_sizes(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="first N photos and artworks only")
    parser.add_argument("--device", default="auto", help="(default: auto)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the scores of every image")
    parser.add_argument(
        "--grid", type=Path, metavar="DIR", help="write a grid of images per model (.jpg)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    parser.set_defaults(
        out_of_memory="not enough memory; try a smaller --size or --limit, or --device cpu"
    )


def _add_sizes(parser: argparse.ArgumentParser) -> None:
    """Add the sizes at which images are stylized and evaluated."""
    parser.add_argument(
        "--size",
        type=int,
        nargs="+",
        default=[256],
        metavar="PX",
        help="sizes for evaluation, with a table for each (default: 256)",
    )
    parser.add_argument(
        "--stroke-size",
        nargs="+",
        type=parse_stroke_size,
        default=["single"],
        metavar="S",
        help="single, fine, medium, coarse, or a number, as in 'adain stylize'; a row for each "
        "(default: single, as in the paper)",
    )
    parser.add_argument(
        "--input-size",
        type=int,
        metavar="PX",
        help="size at which photos are stylized; results are reduced to --size for evaluation "
        "(default: --size)",
    )
    parser.add_argument(
        "--scene-size",
        type=int,
        default=512,
        metavar="PX",
        help="size of the synthetic photos; 0: skip halo and JPEG (default: 512)",
    )
    parser.add_argument(
        "--alpha",
        type=float,
        default=1.0,
        help="style strength; 0 is the decoder's reconstruction. 'target' and 'style' still refer "
        "to alpha 1 (default: 1)",
    )


def _run(args: argparse.Namespace) -> int:
    from .run_evaluate import run

    return run(args)
