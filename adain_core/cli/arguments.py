"""Options shared by several commands."""

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
        """Print the message and a pointer to the help, and exit."""
        self.exit(2, f"{self.prog}: error: {message}; see '{self.prog} --help'\n")


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
    """Add the photos, for :func:`~adain_core.images.list_images`."""
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
        help="auto, cpu, cuda, cuda:1, mps or any other torch device (default: auto, the fastest)",
    )
    group.add_argument(
        "--dtype",
        default="auto",
        choices=("auto", "fp32", "bf16", "fp16"),
        help="precision (default: auto, which is fp16 on CUDA, bf16 on CPUs with native support, "
        "otherwise fp32)",
    )


def add_style_options(
    parser: argparse.ArgumentParser,
    mask_help: str,
    style_required: bool = True,
    stroke_size: str = DEFAULT_STROKE_SIZE,
) -> None:
    """Add all style transfer options, for :func:`~adain_core.cli.request.read_request`.

    Args:
        parser: of the command.
        mask_help: help text of ``--mask``.
        style_required: whether ``--style`` is required.
        stroke_size: default of ``--stroke-size``.
    """
    group = parser.add_argument_group("style")
    group.add_argument(
        "--style",
        nargs="+",
        required=style_required,
        metavar="S",
        help="artworks: image files, or style files (.safetensors) made with 'adain style'",
    )
    group.add_argument(
        "--style-weights",
        nargs="+",
        type=float,
        metavar="W",
        help="weight of each style in the mix; only their ratio matters: 3 1 is three quarters of "
        "the first (default: equal weights)",
    )
    add_look_options(group)

    group = parser.add_argument_group("masks")
    group.add_argument("--mask", nargs="+", metavar="M", help=mask_help)
    group.add_argument(
        "--background", metavar="S", help="style (image or style file) of pixels outside every mask"
    )
    group.add_argument(
        "--feather",
        type=int,
        default=0,
        metavar="N",
        help="soften the edges of the masks by N pixels on both sides (default: 0)",
    )
    group.add_argument(
        "--global-statistics",
        dest="region_statistics",
        action="store_false",
        help="normalize each region by the statistics of the whole photo instead of its own, which "
        "preserves differences in light and color between the regions",
    )

    group = parser.add_argument_group("size")
    add_size_options(group, content_size=0, stroke_size=stroke_size)
    group.add_argument(
        "--tile",
        type=int,
        metavar="N",
        help="process the image in tiles of N pixels, 64 or more, to limit memory use; the result "
        "is the same (default: the fastest size that fits into the free memory)",
    )


def add_look_options(group: Group) -> None:
    """Add style strength and color preservation."""
    group.add_argument(
        "--alpha",
        type=float,
        default=1.0,
        metavar="A",
        help="style strength: 0 is the photo, 1 the full style; 0.6 to 0.8 keeps the photo easily "
        "recognizable (default: 1)",
    )
    group.add_argument(
        "--content-residual",
        action="store_true",
        help="with alpha below 1: add back the detail that the network loses, so that the result "
        "approaches the photo as alpha approaches 0",
    )
    after = [name for name in COLOR_METHODS if not recolors_artwork(name)]
    group.add_argument(
        "--preserve-color",
        choices=list(COLOR_METHODS),
        metavar="METHOD",
        help=f"keep the colors of the photo. {describe(COLOR_METHODS)} All but "
        f"{' and '.join(after)} recolor the artwork, so styles must be images, not style files",
    )


def add_size_options(
    group: Group, content_size: int, stroke_size: str = DEFAULT_STROKE_SIZE
) -> None:
    """Add the sizes of photos, artworks and strokes."""
    group.add_argument(
        "--content-size",
        type=int,
        default=content_size,
        metavar="N",
        help="resize photos to N pixels on the shortest side first; 0: keep their size (default: "
        f"{content_size})",
    )
    group.add_argument(
        "--style-size",
        type=int,
        metavar="N",
        help="the same for artworks; it determines which of their textures become strokes "
        "(default: 512, but smaller artworks keep their size)",
    )
    group.add_argument(
        "--stroke-size",
        type=parse_stroke_size,
        default=stroke_size,
        metavar="S",
        help=f"size of the strokes relative to the image: {', '.join(STROKE_SIZES)}, or a number "
        "(1 is medium, 2 twice as large). The photo is stylized at a small size first, then at "
        "increasing sizes on top of that, in the colors of the artwork. "
        f"{SINGLE_PASS}: the paper's single pass (default: "
        f"{stroke_size})",
    )
    group.add_argument(
        "--photo-share",
        type=float,
        default=PHOTO_SHARE,
        metavar="P",
        help="how much of the photo the passes after the first mix in, 0 to 1; more keeps small "
        f"details such as faces (default: {PHOTO_SHARE})",
    )


def parse_stroke_size(text: str) -> str | float:
    """Return the text as a number if it is one; ``StylizeOptions`` validates names."""
    try:
        return float(text)
    except ValueError:
        return text
