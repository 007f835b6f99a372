"""``adain train --method feedforward``: a network for a fixed set of styles."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..choices import STYLE_LOSSES, describe
from ..networks.architecture import scale_width
from ..training.command import option_of
from ..training.config import DEFAULTS

if TYPE_CHECKING:
    from ..methods.network_trainer import NetworkTrainer


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that select and configure the training of a network."""
    group = parser.add_argument_group("method")
    group.add_argument(
        "--method",
        choices=("adain", "feedforward"),
        default="adain",
        help="adain: a model for any style. feedforward: a network (Johnson et al. 2016) for the "
        "artworks of --style only, an image or a folder, with instance or batch --normalization "
        "(Ulyanov et al. 2017); several styles differ in a scale and shift per channel (Dumoulin "
        "et al. 2017). --init adds styles to a trained network without changing the rest. "
        "Defaults: 40000 steps of 4 photos, --lr 0.001 falling to 0, --content-size 256 512, "
        "--crop 256 (default: adain)",
    )
    group.add_argument(
        "--style-loss",
        choices=list(STYLE_LOSSES),
        help=f"for --method feedforward. {describe(STYLE_LOSSES)} (default: statistics)",
    )


def make_network_trainer(args: argparse.Namespace) -> NetworkTrainer:
    """Return the trainer for the given options.

    Raises:
        ValueError: an option that applies only to ``--method adain``.
        OptionError: a value out of range.
    """
    from ..methods.network import NetworkArchitecture
    from ..methods.network_config import NETWORK_DEFAULTS, NetworkConfig
    from ..methods.network_trainer import NetworkTrainer

    given = {name: value for name, value in vars(args).items() if name in DEFAULTS}
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in NETWORK_DEFAULTS:
            raise ValueError(
                f"{option_of(name)} goes with --method adain, not with feedforward; leave it out"
            )
    if "style_size" in given:
        smallest, largest = given["style_size"]
        if smallest != largest:
            raise ValueError(
                "--style-size must be one size twice for --method feedforward, got "
                f"{smallest} {largest}"
            )
        given["style_size"] = smallest
    if args.width is not None:
        given["width"] = scale_width(args.width, NetworkArchitecture().width)
    if args.style_loss is not None:
        given["style_loss"] = args.style_loss
    return NetworkTrainer(NetworkConfig(**given), resume=args.resume)
