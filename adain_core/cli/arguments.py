"""Options that several commands declare."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from textwrap import indent
from typing import NoReturn, TypeAlias

from ..choices import (
    COLOR_METHODS,
    DEFAULT_MODEL,
    DEFAULT_STROKE_SIZE,
    PHOTO_SHARE,
    SINGLE_PASS,
    STROKE_SIZES,
    describe,
    recolors_artwork,
)

# What argparse has no public names for.
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Group: TypeAlias = "argparse._ArgumentGroup"

OUT_OF_MEMORY = "not enough memory; try a smaller --content-size or --style-size, or --device cpu"

HelpFormatter = argparse.RawDescriptionHelpFormatter


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line; argparse's own print all options first."""

    def error(self, message: str) -> NoReturn:
        """End with the message, and where help is."""
        self.exit(2, f"{self.prog}: error: {message}; '{self.prog} --help' explains the options\n")


def add_command(
    subparsers: Subparsers,
    name: str,
    run: Callable[[argparse.Namespace], int] | None,
    summary: str,
    description: str,
    examples: str,
) -> argparse.ArgumentParser:
    """Add a command whose help ends with worked examples.

    Args:
        subparsers: of the parent.
        name: of the command.
        run: does it, returns the exit code; ``None`` for a group of commands.
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
    parser.set_defaults(run=run, out_of_memory=OUT_OF_MEMORY)
    return parser


def add_contents(parser: argparse.ArgumentParser) -> None:
    """Add the photos to draw, for :func:`~adain_core.images.list_images`."""
    parser.add_argument(
        "content",
        nargs="+",
        metavar="CONTENT",
        help="photos: image files, folders, or patterns such as 'photos/*.jpg'",
    )


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`~adain_core.cli.request.load_model` reads."""
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
        help="precision (default: auto, fp16 on CUDA, bf16 on a CPU with instructions for it, else "
        "fp32)",
    )


def add_style_options(
    parser: argparse.ArgumentParser,
    mask_help: str,
    style_required: bool = True,
    stroke_size: str = DEFAULT_STROKE_SIZE,
) -> None:
    """Add all options of drawing, for :func:`~adain_core.cli.request.read_request`.

    Args:
        parser: of the command.
        mask_help: which files give masks.
        style_required: whether ``--style`` is.
        stroke_size: the default.
    """
    group = parser.add_argument_group("style")
    group.add_argument(
        "--style",
        nargs="+",
        required=style_required,
        metavar="S",
        help="artworks: image files, style files (.safetensors) of 'adain style', or both",
    )
    group.add_argument(
        "--style-weights",
        nargs="+",
        type=float,
        metavar="W",
        help="share of each style in the mix, of any sum: 3 1 is three quarters of the first "
        "(default: equal shares)",
    )
    add_look_options(group)

    group = parser.add_argument_group("masks")
    group.add_argument("--mask", nargs="+", metavar="M", help=mask_help)
    group.add_argument(
        "--background", metavar="S", help="style (image or style file) of what no mask covers"
    )
    group.add_argument(
        "--feather",
        type=int,
        default=0,
        metavar="N",
        help="soften the masks' edges over N pixels of the picture to both sides (default: 0)",
    )
    group.add_argument(
        "--global-statistics",
        dest="region_statistics",
        action="store_false",
        help="normalize each region by the statistics of the whole photo instead of its own: "
        "differences of light and color between the regions stay",
    )

    group = parser.add_argument_group("size")
    add_size_options(group, content_size=0, stroke_size=stroke_size)
    group.add_argument(
        "--tile",
        type=int,
        metavar="N",
        help="work in tiles of N pixels, 64 or more, so that pictures of any size fit into memory; "
        "the result is the same (default: the fastest that fit into the free memory)",
    )


def add_look_options(group: Group) -> None:
    """Add how much of the style there is, and the colors."""
    group.add_argument(
        "--alpha",
        type=float,
        default=1.0,
        metavar="A",
        help="content-style trade-off: 0 leaves the photo, 1 is the full style; 0.6 to 0.8 keeps "
        "more of the photo recognizable (default: 1)",
    )
    group.add_argument(
        "--content-residual",
        action="store_true",
        help="with an alpha below 1: give back the detail that the network loses, so that the "
        "result goes to the photo itself as alpha goes to 0",
    )
    after = [name for name in COLOR_METHODS if not recolors_artwork(name)]
    group.add_argument(
        "--preserve-color",
        choices=list(COLOR_METHODS),
        metavar="METHOD",
        help=f"keep the photo's colors. {describe(COLOR_METHODS)} All but {' and '.join(after)} "
        "recolor the artwork before, so they need image files as styles",
    )


def add_size_options(
    group: Group, content_size: int, stroke_size: str = DEFAULT_STROKE_SIZE
) -> None:
    """Add the sizes of photos and strokes, with their defaults, and of artworks."""
    group.add_argument(
        "--content-size",
        type=int,
        default=content_size,
        metavar="N",
        help="resize photos to N pixels on the shortest side before; 0: as they are (default: "
        f"{content_size})",
    )
    group.add_argument(
        "--style-size",
        type=int,
        metavar="N",
        help="the same for artworks; it changes which of their textures become strokes; "
        "0: as they are (default: 512, smaller ones as they are)",
    )
    group.add_argument(
        "--stroke-size",
        type=parse_stroke_size,
        default=stroke_size,
        metavar="S",
        help=f"how large strokes are beside the picture: {', '.join(STROKE_SIZES)}, or a number (1 "
        "is medium, 2 twice as large). The photo is drawn small first, then over that up to its "
        f"full size; {SINGLE_PASS}: the paper's single pass (default: {stroke_size})",
    )
    group.add_argument(
        "--photo-share",
        type=float,
        default=PHOTO_SHARE,
        metavar="P",
        help="how much of the photo the passes after the first keep, 0 to 1: more keeps small "
        f"things such as faces (default: {PHOTO_SHARE})",
    )


def parse_stroke_size(text: str) -> str | float:
    """Return a number where the text is one; ``StylizeOptions`` knows the names."""
    try:
        return float(text)
    except ValueError:
        return text
