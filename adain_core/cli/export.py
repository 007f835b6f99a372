"""``adain export``: a model as ONNX files."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..choices import DEFAULT_MODEL
from .arguments import Subparsers, add_command
from .outputs import check_replaceable
from .streams import print_error, print_line

_DESCRIPTION = """\
Write a model as two ONNX files, for runtimes without Python: encode.onnx (images to
features, their mean and standard deviation) and decode.onnx (features, scale and shift
to images), for pictures of any size and number.

AdaIN between the two is one multiplication and one addition, left to the program that
runs them, so that saved styles, mixes, alpha and masks work there as here:
scale = style_std / std, shift = style_mean - mean * scale. docs/onnx.md has an example.
Needs the package onnx: python -m pip install "adain[export]"."""

_EXAMPLES = """
adain export -o onnx/

# half the size: for browsers
adain export --dtype fp16 -o onnx16/

# another model
adain export --model adain-vgg19 -o vgg19/
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers, "export", _run, "write a model as ONNX files", _DESCRIPTION, _EXAMPLES
    )
    parser.add_argument(
        "--model",
        metavar="NAME|PATH",
        help=f"a model of 'adain weights list' or a .safetensors file (default: {DEFAULT_MODEL})",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the two files, made if need be",
    )
    parser.add_argument(
        "--dtype",
        choices=("fp32", "fp16"),
        default="fp32",
        help="of weights and arithmetic; fp16 halves the files. What goes in and out is float32 "
        "(default: fp32)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")


def _run(args: argparse.Namespace) -> int:
    try:
        from ..export import FILES, export_onnx
    except ImportError as error:
        print_error(error)
        return 1
    from ..devices import DTYPES
    from ..model import AdaINModel

    check_replaceable([args.output / name for name in FILES], args.overwrite)
    model = AdaINModel.from_pretrained(args.model, "cpu", "fp32")
    for path in export_onnx(model, args.output, DTYPES[args.dtype]):
        print_line(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0
