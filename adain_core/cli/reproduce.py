"""``adain reproduce``: reproduce the paper's tables and figures."""

from __future__ import annotations

import argparse

from ..choices import DEFAULT_MODEL, EXPERIMENTS, describe
from .arguments import Subparsers, add_command
from .streams import print_line

_DESCRIPTION = """\
Reproduce the paper's tables and figures, scaled to the available time, and write a
report: Markdown, plots (PNG), images (JPEG) and tables (CSV), with the exact sizes and
steps, next to the paper's own numbers.

Results are saved as they come. After Ctrl-C, the same command resumes. With a different
--what, it adds to the same report."""

_EXAMPLES = """
adain reproduce --content photos/ --style paintings/ --validation-content samples/content \\
    --validation-style samples/style --encoder adain-vgg19 --budget 60 -o report/

# two experiments, half an hour each
adain reproduce (the same folders) --what speed losses --budget 60 -o report/
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "reproduce",
        _run,
        "reproduce the paper's figures",
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
        help="approximate total time, divided equally among the experiments (default: 60)",
    )
    for kind, images in (("content", "photographs"), ("style", "artworks")):
        text = f"folder of {images} to train with"
        parser.add_argument(f"--{kind}", required=True, metavar="DIR", help=text)
        text = f"folder of {images} for evaluation"
        parser.add_argument(f"--validation-{kind}", required=True, metavar="DIR", help=text)
    parser.add_argument(
        "--encoder",
        required=True,
        metavar="NAME|PATH",
        help="the frozen VGG: vgg_normalised.pth, or a full-width model (adain-vgg19), whose "
        "decoder then represents the paper's AdaIN",
    )
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME|PATH",
        help=f"AdaIN model to compare (default: {DEFAULT_MODEL})",
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="REPORT_DIR", help="folder for the report"
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    parser.add_argument("--device", default="auto", help="(default: auto)")
    parser.set_defaults(out_of_memory="not enough memory; try a smaller --budget, or --device cpu")


def _run(args: argparse.Namespace) -> int:
    from dataclasses import fields

    from ..reproduce.config import ReproduceConfig
    from ..reproduce.report import reproduce

    names = [field.name for field in fields(ReproduceConfig)]
    print_line(reproduce(ReproduceConfig(**{name: getattr(args, name) for name in names})))
    return 0
