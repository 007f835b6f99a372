"""``adain export``: export a model to ONNX."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..choices import DEFAULT_MODEL
from .arguments import Subparsers, add_command
from .outputs import check_replaceable
from .streams import print_error, print_line

_DESCRIPTION = """\
Export a model as two ONNX files: encode.onnx (images to features, with their mean and
standard deviation) and decode.onnx (features, scale and shift to images). Both accept any
batch and image size.

AdaIN in between is a multiplication and an addition, which your program performs. This
way, saved styles, mixes, alpha and masks all work: scale = style_std / std,
shift = style_mean - mean * scale. See docs/onnx.md for an example. Requires the package
onnx: python -m pip install "adain[export]"."""

_EXAMPLES = """
adain export -o onnx/

# half the size, for browsers
adain export --dtype fp16 -o onnx16/

# another model
adain export --model adain-vgg19 -o vgg19/
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers, "export", _run, "export a model to ONNX", _DESCRIPTION, _EXAMPLES
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
        help="folder for the two files; created if missing",
    )
    parser.add_argument(
        "--dtype",
        choices=("fp32", "fp16"),
        default="fp32",
        help="precision of weights and arithmetic; fp16 halves the size. Inputs and outputs are "
        "always float32 (default: fp32)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")


def _run(args: argparse.Namespace) -> int:
    from ..model import AdaINModel
    from ..utils.devices import DTYPES

    model = AdaINModel.from_pretrained(args.model, "cpu", "fp32")
    try:
        from ..export import FILES, export_onnx
    except ImportError as error:
        print_error(error)
        return 1
    check_replaceable([args.output / name for name in FILES], args.overwrite)
    for path in export_onnx(model, args.output, DTYPES[args.dtype]):
        print_line(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0
