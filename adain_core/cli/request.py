"""From arguments to options and models, and from library errors back to arguments."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OptionError
from .streams import print_note

if TYPE_CHECKING:
    from ..model import AdaINModel
    from ..options import StylizeOptions
    from ..style import Style

STYLE_SUFFIX = ".safetensors"
# Arguments that have another name in the library.
_WORDS = {
    "styles": "style",
    "weights": "style_weights",
    "masks": "mask",
    "keyframes": "keyframe",
    "region_statistics": "global_statistics",
    "suffix": "format",
    "shard_size": "tar",
}


def read_request(args: argparse.Namespace) -> StylizeOptions:
    """Return the options of ``add_style_options``' arguments; artworks are not read yet.

    Raises:
        OptionError: masks that select nothing, or an option out of range.
    """
    from ..images import read_mask

    # Once, not again for every image.
    masks = None if args.mask is None else [read_mask(path) for path in args.mask]
    empty = [] if masks is None else [n for n, mask in enumerate(masks) if not mask.any()]
    if masks is not None and len(empty) == len(masks) and args.background is None:
        raise OptionError(
            f"masks[{empty[0]}]",
            "is black (or transparent) everywhere, so there is no region to stylize; leave masks "
            "out for the whole photo",
        )
    for number in empty:
        print_note(
            f"{option_word(f'masks[{number}]', args)} is black (or transparent) everywhere; its "
            "style is not used"
        )
    return make_request(
        args,
        styles=[open_style(path) for path in args.style],
        weights=args.style_weights,
        masks=masks,
        background=None if args.background is None else open_style(args.background),
    )


def make_request(args: argparse.Namespace, **others: Any) -> StylizeOptions:
    """Return options from the arguments that have the names of its fields, and from others."""
    from ..options import StylizeOptions

    names = [field.name for field in fields(StylizeOptions)]
    same = {name: getattr(args, name) for name in names if name in args}
    return StylizeOptions(**{**same, **others})


def open_style(path: str) -> Style | str:
    """Return the style of a style file, or the path of an image."""
    from ..style import Style

    return Style.load(path) if is_style_file(path) else path


def is_style_file(path: str) -> bool:
    """Return whether a path names a saved style, by its suffix."""
    return Path(path).suffix == STYLE_SUFFIX


def option_word(field: str, args: argparse.Namespace) -> str:
    """Return the command-line name of an option of the library.

    Args:
        field: of an :class:`~adain_core.errors.OptionError`: ``"alpha"``, ``"styles[1]"``.
        args: the arguments, for the name of the file.

    Returns:
        ``"--alpha"``, ``"--style stars.jpg"``.
    """
    name, _, number = field.rstrip("]").partition("[")
    word = name if name in args else _WORDS.get(name, name)
    given = getattr(args, word, None)
    if number and given is not None:
        given = given[int(number)]
    flag = f"--{word.replace('_', '-')}"
    return f"{flag} {given}" if number or name == "background" else flag


def load_model(args: argparse.Namespace) -> AdaINModel:
    """Load the model that the arguments select."""
    from ..model import AdaINModel

    return AdaINModel.from_pretrained(args.model, args.device, args.dtype)
