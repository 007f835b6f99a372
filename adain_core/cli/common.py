"""What the commands share: options, checks made before any work, messages."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import indent
from typing import Any, TypeAlias

from torch import Tensor
from tqdm import tqdm

from ..images import read_image
from ..model import AdaINModel
from ..weights import DEFAULT_MODEL

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

STYLE_SUFFIX = ".safetensors"
OUT_OF_MEMORY = "not enough memory; try a smaller --content-size or --style-size, or --device cpu"

HelpFormatter = argparse.RawDescriptionHelpFormatter


def add_command(
    subparsers: Subparsers,
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
    description: str,
    examples: str,
) -> argparse.ArgumentParser:
    """Add a command whose help ends with worked examples.

    Args:
        subparsers: of the parent.
        name: of the command.
        run: does it; returns the exit code.
        summary: one line for the parent's help.
        description: start of the command's own help, wrapped already.
        examples: end of it.
    """
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=description,
        epilog="examples:\n" + indent(examples.strip(), "  "),
        formatter_class=HelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`load_model` reads."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        metavar="NAME|PATH",
        help=f"a model of 'adain weights list' or a .safetensors file (default: {DEFAULT_MODEL})",
    )
    group.add_argument(
        "--device",
        default="auto",
        help="auto, cpu, cuda, cuda:1, mps or another of torch's (default: auto, the fastest)",
    )
    group.add_argument(
        "--dtype",
        default="auto",
        choices=("auto", "fp32", "bf16", "fp16"),
        help="precision (default: auto, fp16 on CUDA and fp32 elsewhere)",
    )


def load_model(args: argparse.Namespace) -> AdaINModel:
    """The model that the options ask for."""
    return AdaINModel.from_pretrained(args.model, args.device, args.dtype)


def check_replaceable(paths: Sequence[Path], overwrite: bool) -> None:
    """Raise ``ValueError`` where writing would hit a folder, or a file without ``--overwrite``."""
    taken = [path for path in paths if path.exists() and not (overwrite and path.is_file())]
    if not taken:
        return
    first = taken[0]
    if first.is_dir():
        raise ValueError(f"cannot write {first}: a folder has that name")
    others = f" (and {len(taken) - 1} more)" if len(taken) > 1 else ""
    raise ValueError(f"{first} exists{others}; pass --overwrite to replace it")


def check_output_file(path: Path, overwrite: bool) -> None:
    """Raise ``ValueError`` unless a file can be written there; nothing is created."""
    check_replaceable([path], overwrite)
    if not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: there is no folder {path.parent}")


def check_safetensors_output(path: Path, overwrite: bool) -> None:
    """The same for a model or style file."""
    if path.suffix != STYLE_SUFFIX:
        raise ValueError(f"cannot write {path}: expected a file name ending in {STYLE_SUFFIX}")
    check_output_file(path, overwrite)


def read_mask(path: str) -> Tensor:
    """A mask ``(H, W)`` in 0..1 from an image file: its alpha channel if that says anything.

    Raises:
        ImageFileError: the file cannot be read.
    """
    pixels = read_image(path).pixels[0]
    if len(pixels) == 4 and (pixels[3] < 1).any():
        return pixels[3]
    red, green, blue = pixels[:3]
    luma: Tensor = 0.299 * red + 0.587 * green + 0.114 * blue  # Rec. 601
    return luma


def print_error(message: object) -> None:
    """One line on stderr, above a progress bar where there is one."""
    tqdm.write(f"adain: error: {' '.join(str(message).splitlines())}", file=sys.stderr)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(value, indent=2))
