"""``adain reproduce``: the paper's tables and figures, measured again."""

from __future__ import annotations

import argparse

from ..choices import DEFAULT_MODEL, EXPERIMENTS, describe
from .arguments import Subparsers, add_command
from .streams import print_line

_DESCRIPTION = """\
Measure the paper's tables and figures again, at sizes that fit the time, and write a
report: Markdown, plots (PNG), pictures (JPEG), tables (CSV), with the exact sizes and
steps, beside the paper's own figures.

What is measured is kept at once: after Ctrl-C the same command goes on where it
stopped. With another --what it adds to the same report."""

_EXAMPLES = """
adain reproduce --content photos/ --style paintings/ --validation-content samples/content \\
    --validation-style samples/style --encoder adain-vgg19 --budget 60 -o report/

# two experiments, half an hour for each
adain reproduce (the same folders) --what speed losses --budget 60 -o report/
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "reproduce",
        _run,
        "measure the paper's figures again",
        _DESCRIPTION,
        _EXAMPLES,
    )
    parser.add_argument(
        "--what",
        nargs="+",
        choices=list(EXPERIMENTS),
        default=list(EXPERIMENTS),
        metavar="EXPERIMENT",
        help=f"{describe(EXPERIMENTS)} (default: all)",
    )
    parser.add_argument(
        "--budget",
        type=float,
        default=60.0,
        metavar="MINUTES",
        help="for all experiments together, about; each has an equal part (default: 60)",
    )
    for kind, images in (("content", "photographs"), ("style", "artworks")):
        text = f"folder of {images} to train with"
        parser.add_argument(f"--{kind}", required=True, metavar="DIR", help=text)
        text = f"folder of {images} that are drawn and judged"
        parser.add_argument(f"--validation-{kind}", required=True, metavar="DIR", help=text)
    parser.add_argument(
        "--encoder",
        required=True,
        metavar="NAME|PATH",
        help="the frozen VGG: vgg_normalised.pth, or a full-width model (adain-vgg19), whose "
        "decoder is then measured as the paper's AdaIN",
    )
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME|PATH",
        help=f"the AdaIN model that is measured beside it (default: {DEFAULT_MODEL})",
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="REPORT_DIR", help="folder of the report"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default: 0)")
    parser.add_argument("--device", default="auto", help="(default: auto)")
    parser.set_defaults(out_of_memory="not enough memory; try a smaller --budget, or --device cpu")


def _run(args: argparse.Namespace) -> int:
    from dataclasses import fields

    from ..reproduce.config import ReproduceConfig
    from ..reproduce.report import reproduce

    names = [field.name for field in fields(ReproduceConfig)]
    print_line(reproduce(ReproduceConfig(**{name: getattr(args, name) for name in names})))
    return 0
