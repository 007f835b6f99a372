"""The rows of the table of ``adain evaluate``, made from the options."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from ..choices import SINGLE_PASS
from ..evaluation import (
    ArtworkPainter,
    Judgement,
    ModelPainter,
    Pairs,
    PhotoPainter,
    judge_files,
    judge_painter,
)
from ..evaluation.painters import Studio
from ..methods.judge import MethodPainter, NetworkPainter
from ..methods.network_file import is_network_file, load_network
from ..methods.optimize import Optimization, OptimizeOptions
from ..methods.swap import StyleSwap
from ..methods.tasks import Method
from ..model import AdaINModel
from ..networks import Encoder
from ..options import StylizeOptions
from .request import STYLE_SUFFIX

# The rows that every table ends with.
ANCHORS: dict[str, Studio] = {"photo, untouched": PhotoPainter, "artwork itself": ArtworkPainter}


@dataclass(frozen=True)
class Row:
    """A row of the table: what paints it, or a folder of pictures.

    Attributes:
        name: of the row.
        studio: makes the painter.
        folder: of pictures, instead.
        pairs_only: whether it takes too long for more than one picture of each pair.
    """

    name: str
    studio: Studio | None = None
    folder: Path | None = None
    pairs_only: bool = False

    def judge(self, pairs: Pairs) -> Iterator[Judgement]:
        """Judge the row's pictures of every pair."""
        if self.studio is not None:
            return judge_painter(pairs, self.studio(pairs), noise=not self.pairs_only)
        assert self.folder is not None
        return judge_files(self.folder, pairs)


def row_names(args: argparse.Namespace) -> list[str]:
    """Return the names of the rows; what shares one (two runs' model files) gets a number."""
    given = [
        name if stroke_size == SINGLE_PASS else f"{name}, {_stroke_name(stroke_size)}"
        for name in (Path(model).name.removesuffix(STYLE_SUFFIX) for model in args.model)
        for stroke_size in args.stroke_size
    ]
    given += args.method
    given += [folder.resolve().name for folder in args.pictures]
    names = [
        name if given.count(name) == 1 else f"{name} ({given[: place + 1].count(name)})"
        for place, name in enumerate(given)
    ]
    return [*names, *ANCHORS]


def _stroke_name(stroke_size: str | float) -> str:
    return stroke_size if isinstance(stroke_size, str) else f"{stroke_size:g}"


def make_rows(args: argparse.Namespace, vgg: Encoder, device: torch.device) -> list[Row]:
    """Load the models, and return the rows in the order of their names."""
    names = iter(row_names(args))
    models = [studio for name in args.model for studio in _model_studios(args, name, device)]
    return [
        *(Row(next(names), studio) for studio in models),
        *(Row(next(names), studio, pairs_only=True) for studio in _methods(args, vgg, device)),
        *(Row(next(names), folder=folder) for folder in args.pictures),
        *(Row(next(names), studio) for studio in ANCHORS.values()),
    ]


def _model_studios(args: argparse.Namespace, name: str, device: torch.device) -> list[Studio]:
    """Return a model, or a network that was trained for its styles, at each stroke size."""
    if is_network_file(name):
        if args.stroke_size != [SINGLE_PASS]:
            raise ValueError(f"--stroke-size: the network {name} has only one")
        info, network = load_network(name)
        return [partial(NetworkPainter, info=info, network=network.to(device))]
    model = AdaINModel.from_pretrained(name, device, "fp32")
    return [
        partial(ModelPainter, model=model, alpha=args.alpha, stroke_size=stroke_size)
        for stroke_size in args.stroke_size
    ]


def _methods(args: argparse.Namespace, vgg: Encoder, device: torch.device) -> list[Studio]:
    how = OptimizeOptions(steps=args.steps)
    make: dict[str, Callable[[StylizeOptions], Method]] = {
        "optimize": lambda options: Optimization(vgg, options, how)
    }
    if "swap" in args.method:
        names = [name for name in args.model if not is_network_file(name)]
        model = AdaINModel.from_pretrained(names[0] if names else None, device, "fp32")
        make["swap"] = lambda options: StyleSwap(model, options)
    return [partial(MethodPainter, make=make[method]) for method in args.method]
