"""What the commands share: options, checks made before any work, messages."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, TypeAlias

from ..choices import COLOR_METHODS, DEFAULT_MODEL, recolors_artwork
from ..errors import OptionError, StyleMismatchError

if TYPE_CHECKING:
    from torch import Tensor

    from ..model import AdaINModel
    from ..style import Style

# What argparse has no public names for.
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Group: TypeAlias = "argparse._ArgumentGroup"

STYLE_SUFFIX = ".safetensors"
OUT_OF_MEMORY = "not enough memory; try a smaller --content-size or --style-size, or --device cpu"

HelpFormatter = argparse.RawDescriptionHelpFormatter


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
        help="precision (default: auto, fp16 on CUDA, bf16 on a CPU with instructions for it, else "
        "fp32)",
    )


def add_style_options(
    parser: argparse.ArgumentParser, mask_help: str, style_required: bool = True
) -> None:
    """Add the controls of ``AdaINModel.stylize``; :func:`check_style_options` checks them.

    Args:
        parser: of the command.
        mask_help: which files give masks.
        style_required: whether ``--style`` is.
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
        "differences of light and colour between the regions stay",
    )

    group = parser.add_argument_group("size")
    add_size_options(group, content_size=0)
    group.add_argument(
        "--tile",
        type=int,
        metavar="N",
        help="work in tiles of N pixels, 64 or more, so that pictures of any size fit into memory; "
        "the result is the same (default: the fastest that fit into the free memory)",
    )


def add_look_options(group: Group) -> None:
    """Add how much of the style there is, and the colours."""
    group.add_argument(
        "--alpha",
        type=float,
        default=1.0,
        metavar="A",
        help="content-style trade-off: 0 leaves the photo, 1 is the full style; 0.6 to 0.8 keeps "
        "more of the photo recognisable (default: 1)",
    )
    group.add_argument(
        "--content-residual",
        action="store_true",
        help="with an alpha below 1: give back the detail that the network loses, so that the "
        "result goes to the photo itself as alpha goes to 0",
    )
    group.add_argument(
        "--preserve-color",
        choices=list(COLOR_METHODS),
        metavar="METHOD",
        help="keep the photo's colours. luminance: paint the brightness only; coral, histogram, "
        "mean_std, cholesky: recolour the artwork before (needs image files as styles)",
    )


def add_size_options(group: Group, content_size: int) -> None:
    """Add the sizes of photos, with a default, and of artworks."""
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
        help="the same for artworks; it sets the scale of strokes and texture: larger is coarser; "
        "0: as they are (default: 512, smaller ones as they are)",
    )


def check_style_options(args: argparse.Namespace) -> None:
    """Raise ``ValueError`` for what can be known before any file is read."""
    from ..style import normalized_weights
    from ..tiles import check_tile

    check_tile(args.tile)
    if args.mask is None:
        if args.background is not None:
            raise ValueError("--background needs --mask; without masks the styles cover everything")
        normalized_weights(args.style_weights, len(args.style))
    else:
        if args.style_weights is not None:
            raise ValueError(
                "give --style-weights (mix everywhere) or --mask (place each), not both"
            )
        if len(args.mask) != len(args.style):
            raise ValueError(
                f"expected one --mask for each --style, got {len(args.mask)} and {len(args.style)}"
            )
    if args.feather < 0:
        raise OptionError("feather", f"must be 0 pixels or more, got {args.feather}")
    if args.feather and args.mask is None:
        raise OptionError("feather", f"needs masks, got {args.feather} pixels and none")
    check_look_options(args, [*args.style, *([args.background] if args.background else [])])


def check_look_options(args: argparse.Namespace, styles: Sequence[str]) -> None:
    """The same for :func:`add_look_options` and :func:`add_size_options`, with these styles."""
    from ..transfer import check_alpha

    check_alpha(args.alpha)
    for option in ("content_size", "style_size"):
        if (getattr(args, option) or 0) < 0:
            name = f"--{option.replace('_', '-')}"
            raise ValueError(f"{name} must be 0 or more pixels, got {getattr(args, option)}")
    for path in styles:
        if recolors_artwork(args.preserve_color) and is_style_file(path):
            raise ValueError(
                f"--preserve-color {args.preserve_color} recolours the artwork, and the style file "
                f"{path} holds no picture: give the image, or use --preserve-color luminance"
            )


def style_controls(args: argparse.Namespace) -> dict[str, Any]:
    """What of :func:`add_style_options` goes to ``AdaINModel.stylize`` as it is."""
    return {
        "weights": args.style_weights,
        "alpha": args.alpha,
        "preserve_color": args.preserve_color,
        "content_residual": args.content_residual,
        "feather": args.feather,
        "region_statistics": args.region_statistics,
        "content_size": args.content_size,
        "style_size": args.style_size,
        "tile": args.tile,
    }


def is_style_file(path: str) -> bool:
    """Whether a path names a saved style, by its suffix."""
    return Path(path).suffix == STYLE_SUFFIX


def read_source(path: str) -> Style | Tensor:
    """A style file's style, or an image's pixels, as small as in the file."""
    from ..images import read_image_file
    from ..style import Style

    if is_style_file(path):
        return Style.load(path)
    return read_image_file(path, keep_uint8=True).pixels


def encode_source(model: AdaINModel, path: str, source: Style | Tensor, size: int | None) -> Style:
    """The style of what :func:`read_source` has read; ``StyleMismatchError`` names the file."""
    from torch import Tensor

    from ..style import require_same_encoder

    if isinstance(source, Tensor):
        return model.encode_style(source, size=size)
    try:
        require_same_encoder(model, source)
    except StyleMismatchError as error:
        raise StyleMismatchError(f"{path}: {error}") from None
    return source


def load_model(args: argparse.Namespace) -> AdaINModel:
    """The model that the options ask for."""
    from ..model import AdaINModel

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


def read_files(args: argparse.Namespace) -> list[str]:
    """The files of :func:`add_style_options`."""
    return [*args.style, *(args.mask or []), *([args.background] if args.background else [])]


def refuse_inputs(outputs: Sequence[Path], read: Sequence[str | Path]) -> None:
    """Raise ``ValueError`` where a result would replace what it is made of."""
    inputs = {_identity(Path(path)) for path in read}
    for output in outputs:
        if output.exists() and _identity(output) in inputs:
            raise ValueError(
                f"cannot write {output}: it is a picture that is read; choose another name"
            )


def _identity(file: Path) -> object:
    """Of a file under all its names: by links, or in other letters where a disk ignores case."""
    try:
        status = file.stat()
    except OSError:  # reported when it is read
        return file
    return status.st_dev, status.st_ino


def check_safetensors_output(path: Path, overwrite: bool) -> None:
    """The same for a model or style file."""
    if path.suffix != STYLE_SUFFIX:
        raise ValueError(f"cannot write {path}: expected a file name ending in {STYLE_SUFFIX}")
    check_output_file(path, overwrite)
