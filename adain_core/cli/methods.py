"""Options of the methods that AdaIN is compared with, and of refinement."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..choices import METHODS, STYLE_LOSSES, describe
from ..errors import OptionError
from .request import load_model

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.tiles import Progress
    from ..networks.encoder_decoder import Encoder
    from ..options import StylizeOptions

    # From a photo's pixels to the stylized image, float or uint8.
    Stylize = Callable[[Tensor, Progress], Tensor]

# The methods that an option applies to.
_KNOWN_BY = {
    "refine": ("adain",),
    "loss_network": ("adain", "optimize"),
    "steps": ("optimize", "swap"),
    "optimizer": ("adain", "optimize", "swap"),
    "style_loss": ("optimize",),
    "style_loss_weight": ("optimize",),
    "start": ("optimize",),
    "smallest": ("optimize",),
    "seed": ("optimize",),
    "layer": ("swap",),
}


def add_method_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`make_method` reads."""
    group = parser.add_argument_group("method")
    group.add_argument(
        "--method",
        choices=list(METHODS),
        default="adain",
        help=describe(METHODS) + " There, --style takes names or numbers of the network's styles",
    )
    group.add_argument(
        "--refine",
        type=int,
        metavar="N",
        help="improve AdaIN's result with up to N steps of optimization; 50 make a visible "
        "difference. A step takes about as long as 20 passes of adain-slim",
    )
    group.add_argument(
        "--loss-network",
        metavar="NAME|PATH",
        help="for --refine and --method optimize: adain-vgg19, another full-width model, or "
        "vgg_normalised.pth (default: adain-vgg19)",
    )
    group.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="optimization steps at each size (default: 200; 100 for --method swap)",
    )
    group.add_argument(
        "--optimizer",
        choices=("lbfgs", "adam"),
        help="for optimization; lbfgs needs fewer steps (default: lbfgs)",
    )
    group.add_argument(
        "--style-loss",
        choices=list(STYLE_LOSSES),
        help=f"for --method optimize. {describe(STYLE_LOSSES)} (default: statistics)",
    )
    group.add_argument(
        "--style-loss-weight",
        type=float,
        metavar="W",
        help="for --method optimize, relative to a content loss of weight 1 (default: 10)",
    )
    group.add_argument(
        "--start",
        choices=("content", "noise", "adain"),
        help="for --method optimize: start from the photo, noise, or the result of AdaIN with "
        "--model (default: content)",
    )
    group.add_argument(
        "--smallest",
        type=int,
        metavar="N",
        help="for --method optimize: start at N pixels on the longest side, and repeat at √2 times "
        "the size up to the full size (default: full size only)",
    )
    group.add_argument("--seed", type=int, metavar="N", help="for --start noise (default: 0)")
    group.add_argument(
        "--layer",
        choices=("relu4_1", "relu3_1"),
        help="for --method swap: relu4_1, which the model decodes, or relu3_1, which is finer but "
        "needs optimization and is slower (default: relu4_1)",
    )


def make_method(args: argparse.Namespace, options: StylizeOptions) -> Stylize:
    """Return a function that stylizes photos with the chosen method.

    Raises:
        ValueError: an option that does not apply to the method, or a network of another one.
    """
    for option, methods in _KNOWN_BY.items():
        if getattr(args, option) is not None and args.method not in methods:
            raise ValueError(
                f"--{option.replace('_', '-')} goes with --method {' or '.join(methods)}, not with "
                f"{args.method}; leave it out"
            )
    if args.method != "feedforward" and args.model is not None:
        from ..methods.network_file import is_network_file

        if is_network_file(args.model):
            raise ValueError(
                f"--model {args.model} is a network for the styles it was trained on; it needs "
                "--method feedforward"
            )
    if args.method == "adain":
        return _adain(args, options)
    if args.method == "optimize":
        return _optimization(args, options)
    return _swap(args, options) if args.method == "swap" else _network(args, options)


def _adain(args: argparse.Namespace, options: StylizeOptions) -> Stylize:
    import torch

    from ..methods.descent import DescentOptions
    from ..methods.refine import Refiner
    from ..stylizer import Stylizer

    if args.refine is None:
        for option in ("loss_network", "optimizer"):
            if getattr(args, option) is not None:
                raise ValueError(f"--{option.replace('_', '-')} needs --refine or another --method")
        stylizer = Stylizer(load_model(args), options)
        return lambda pixels, progress: stylizer(
            pixels, progress=progress, output_dtype=torch.uint8
        )
    if args.refine < 1:
        raise OptionError("refine", f"must be 1 or more steps, got {args.refine}")
    how = DescentOptions(args.refine, args.optimizer or "lbfgs", tolerance=1e-3)
    refiner = Refiner(_load_loss_network(args), options, how)
    stylizer = Stylizer(load_model(args), options)
    return lambda pixels, progress: refiner(stylizer(pixels), pixels, progress=progress)


def _optimization(args: argparse.Namespace, options: StylizeOptions) -> Stylize:
    from ..methods.objective import LossWeights
    from ..methods.optimize import Optimization, OptimizeOptions
    from ..stylizer import Stylizer

    weights = LossWeights(**_given(style_loss=args.style_loss, style=args.style_loss_weight))
    how = OptimizeOptions(
        **_given(
            steps=args.steps,
            optimizer=args.optimizer,
            start="content" if args.start == "adain" else args.start,
            smallest=args.smallest,
            seed=args.seed,
        ),
        weights=weights,
    )
    optimization = Optimization(_load_loss_network(args), options, how)
    if args.start != "adain":
        return lambda pixels, progress: optimization(pixels, progress=progress)
    stylizer = Stylizer(load_model(args), options)
    return lambda pixels, progress: optimization(pixels, start=stylizer(pixels), progress=progress)


def _swap(args: argparse.Namespace, options: StylizeOptions) -> Stylize:
    from ..methods.descent import DescentOptions
    from ..methods.swap import Layer, StyleSwap

    layer: Layer = args.layer or "relu4_1"
    if layer == "relu4_1" and (args.steps is not None or args.optimizer is not None):
        raise ValueError("--steps and --optimizer of --method swap need --layer relu3_1")
    inversion = DescentOptions(**_given(steps=args.steps or 100, optimizer=args.optimizer))
    swap = StyleSwap(load_model(args), options, layer, inversion=inversion)
    return lambda pixels, progress: swap(pixels, progress=progress)


def _network(args: argparse.Namespace, options: StylizeOptions) -> Stylize:
    from ..methods.feedforward import FeedForward
    from ..methods.network_file import load_network
    from ..utils.devices import resolve_device, resolve_dtype

    if args.model is None:
        raise ValueError(
            "--method feedforward needs --model, a network file written by 'adain train --method "
            "feedforward'"
        )
    info, network = load_network(args.model)
    device = resolve_device(args.device)
    # Half precision only where it is asked for: such a network is small.
    dtype = resolve_dtype("fp32" if args.dtype == "auto" else args.dtype, device)
    method = FeedForward(network.to(device, dtype), info.styles, options)
    return lambda pixels, progress: method(pixels, progress=progress)


def _load_loss_network(args: argparse.Namespace) -> Encoder:
    from ..methods.objective import load_loss_network

    # Half precision only where it is asked for.
    dtype = "fp32" if args.dtype == "auto" else args.dtype
    return load_loss_network(args.loss_network or "adain-vgg19", args.device, dtype)


def _given(**values: Any) -> dict[str, Any]:
    """Return the values that are not ``None``."""
    return {name: value for name, value in values.items() if value is not None}
