"""``adain style``: style files of a few kB."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import AdaINError, OptionError
from .arguments import Subparsers, add_command, add_model_options
from .outputs import check_safetensors_output
from .request import load_model
from .streams import print_json, print_line

if TYPE_CHECKING:
    from ..style import Style

_DESCRIPTION = """\
A style is what AdaIN uses of an artwork: the mean and standard deviation of each
feature channel. A style file is a few kB. It can be mixed with others and passed to
'adain stylize --style', with a model that has the same encoder. It includes a
thumbnail of the artwork, 128 pixels wide."""

_OVERVIEW = """
adain style encode painting.jpg -o painting.safetensors
adain style mix wave.safetensors stars.safetensors --weights 3 1 -o mixed.safetensors
adain style info mixed.safetensors
adain stylize photo.jpg --style mixed.safetensors -o result.png
"""

_ENCODE_EXAMPLES = """
# one painting
adain style encode painting.jpg -o painting.safetensors

# the average of a painter's works
adain style encode van-gogh/*.jpg --name "van Gogh" -o van-gogh.safetensors

# exclude the frame (black in the mask), and make strokes finer
adain style encode framed.jpg --mask canvas.png --style-size 256 -o canvas.safetensors
"""

_MIX_EXAMPLES = """
# equal parts
adain style mix wave.safetensors stars.safetensors -o half.safetensors

# a 3:1 mix
adain style mix wave.safetensors stars.safetensors --weights 3 1 -o mixed.safetensors

# give the mix a name
adain style mix a.safetensors b.safetensors c.safetensors --name abc -o abc.safetensors
"""

_INFO_EXAMPLES = """
adain style info painting.safetensors

# only the encoder; compare with 'adain weights info'
adain style info painting.safetensors --json | jq -r .encoder
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    text = "encode artworks to small style files, mix them"
    parser = add_command(subparsers, "style", None, text, _DESCRIPTION, _OVERVIEW)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    _add_encode(actions)
    _add_mix(actions)
    _add_info(actions)


def _add_encode(actions: Subparsers) -> None:
    parser = add_command(
        actions,
        "encode",
        _encode,
        "encode images to a style file",
        "Encode an artwork, or the average of several, to a style file.",
        _ENCODE_EXAMPLES,
    )
    parser.add_argument(
        "image",
        nargs="+",
        metavar="IMAGE",
        help="artworks: image files, folders or patterns; several are averaged",
    )
    _add_output(parser)
    parser.add_argument(
        "--mask",
        nargs="+",
        metavar="M",
        help="an image per artwork: white for the parts to encode, black for the rest (if the "
        "image has transparency, its opacity counts instead); any size",
    )
    parser.add_argument(
        "--style-size",
        type=int,
        metavar="N",
        help="resize to N pixels on the shortest side first, which determines which textures "
        "become strokes; 0: keep the size (default: 512, but smaller artworks keep their size)",
    )
    parser.add_argument(
        "--no-preview",
        dest="preview",
        action="store_false",
        help="do not store a thumbnail of the artwork, for example to keep it private",
    )
    add_model_options(parser)


def _add_mix(actions: Subparsers) -> None:
    parser = add_command(
        actions,
        "mix",
        _mix,
        "mix style files",
        "Mix styles by averaging their statistics. Up to rounding, the result is that of\n"
        "'adain stylize --style-weights' with the same styles.",
        _MIX_EXAMPLES,
    )
    parser.add_argument("file", nargs="+", metavar="FILE", help="style files of the same encoder")
    parser.add_argument(
        "--weights",
        nargs="+",
        type=float,
        metavar="W",
        help="weight of each file; only their ratio matters (default: equal weights)",
    )
    _add_output(parser)


def _add_info(actions: Subparsers) -> None:
    parser = add_command(
        actions, "info", _info, "show a style file", "Show a style file.", _INFO_EXAMPLES
    )
    parser.add_argument("file", metavar="FILE", help="style file")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="style file to write (.safetensors)",
    )
    parser.add_argument("--name", help="name of the style (default: from the file names)")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def _encode(args: argparse.Namespace) -> int:
    from ..images import list_images
    from ..pixels import check_size
    from ..style import Style

    check_safetensors_output(args.output, args.overwrite)
    check_size("style_size", args.style_size or 0)
    paths = list_images(args.image)
    if args.mask and len(args.mask) != len(paths):
        raise ValueError(
            f"expected one --mask for each image, got {len(args.mask)} and {len(paths)}"
        )
    from ..images import read_mask

    masks = [read_mask(path) for path in args.mask] if args.mask else [None] * len(paths)
    model = load_model(args)
    styles = []
    for path, mask in zip(paths, masks, strict=True):
        try:
            styles.append(model.encode_style(path, mask, args.style_size))
        except ValueError as error:
            if isinstance(error, AdaINError | OptionError):
                raise
            raise ValueError(f"{path}: {error}") from None  # nothing visible, or masked
    style = Style.mix(styles)
    return _save(style if args.preview else replace(style, previews=()), args)


def _mix(args: argparse.Namespace) -> int:
    from ..style import Style, normalized_weights

    check_safetensors_output(args.output, args.overwrite)
    normalized_weights(args.weights, len(args.file))
    return _save(Style.mix([Style.load(path) for path in args.file], args.weights), args)


def _save(style: Style, args: argparse.Namespace) -> int:
    if args.name is not None:
        style = replace(style, name=args.name)
    style.save(args.output, overwrite=args.overwrite)
    print_line(f"{args.output} ({style.name or 'no name'}, {len(style.mean)} channels)")
    return 0


def _info(args: argparse.Namespace) -> int:
    from ..style import Style

    style = Style.load(args.file)
    facts = {
        "file": args.file,
        "name": style.name,
        "encoder": style.fingerprint,
        "channels": len(style.mean),
        "mean": [style.mean.min().item(), style.mean.max().item()],
        "std": [style.std.min().item(), style.std.max().item()],
        "closeup": style.closeup is not None,
        "palette": style.palette is not None,
        "preview_bytes": len(style.preview),
    }
    if args.json:
        print_json(facts)
        return 0
    for key, value in facts.items():
        text = f"{value[0]:.4g} to {value[1]:.4g}" if isinstance(value, list) else value
        print_line(f"{key:<15}{text}")
    return 0
