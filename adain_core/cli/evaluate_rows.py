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
    ArtworkBaseline,
    ModelCandidate,
    Pairs,
    PhotoBaseline,
    ScoredImage,
    evaluate_candidate,
    evaluate_files,
)
from ..evaluation.candidates import CandidateFactory
from ..methods.candidates import MethodCandidate, NetworkCandidate
from ..methods.network_file import is_network_file, load_network
from ..methods.optimize import Optimization, OptimizeOptions
from ..methods.swap import StyleSwap
from ..methods.tasks import Method
from ..model import AdaINModel
from ..networks.encoder_decoder import Encoder
from ..options import StylizeOptions
from .request import STYLE_SUFFIX

# The rows that every table ends with.
BASELINES: dict[str, CandidateFactory] = {
    "photo, untouched": PhotoBaseline,
    "artwork itself": ArtworkBaseline,
}


@dataclass(frozen=True)
class Row:
    """A row of the table: a candidate, or a folder of finished images.

    Attributes:
        name: name of the row.
        candidate: creates the candidate.
        folder: the folder instead.
        pairs_only: whether the candidate is too slow for more than one image per pair.
    """

    name: str
    candidate: CandidateFactory | None = None
    folder: Path | None = None
    pairs_only: bool = False

    def evaluate(self, pairs: Pairs) -> Iterator[ScoredImage]:
        """Evaluate the candidate or the images on every pair."""
        if self.candidate is not None:
            return evaluate_candidate(pairs, self.candidate(pairs), noise=not self.pairs_only)
        assert self.folder is not None
        return evaluate_files(self.folder, pairs)


def row_names(args: argparse.Namespace) -> list[str]:
    """Return the names of the rows; equal ones (model files of two runs) get a number."""
    given = [
        name if stroke_size == SINGLE_PASS else f"{name}, {_stroke_name(stroke_size)}"
        for name in (Path(model).name.removesuffix(STYLE_SUFFIX) for model in args.model)
        for stroke_size in args.stroke_size
    ]
    given += args.method
    given += [folder.resolve().name for folder in args.results]
    names = [
        name if given.count(name) == 1 else f"{name} ({given[: place + 1].count(name)})"
        for place, name in enumerate(given)
    ]
    return [*names, *BASELINES]


def _stroke_name(stroke_size: str | float) -> str:
    return stroke_size if isinstance(stroke_size, str) else f"{stroke_size:g}"


def make_rows(args: argparse.Namespace, vgg: Encoder, device: torch.device) -> list[Row]:
    """Load the models, and return the rows in the order of their names."""
    names = iter(row_names(args))
    models = [model for name in args.model for model in _models(args, name, device)]
    return [
        *(Row(next(names), model) for model in models),
        *(Row(next(names), method, pairs_only=True) for method in _methods(args, vgg, device)),
        *(Row(next(names), folder=folder) for folder in args.results),
        *(Row(next(names), baseline) for baseline in BASELINES.values()),
    ]


def _models(args: argparse.Namespace, name: str, device: torch.device) -> list[CandidateFactory]:
    """Return a model at each stroke size, or a network that was trained for its styles."""
    if is_network_file(name):
        if args.stroke_size != [SINGLE_PASS]:
            raise ValueError(f"--stroke-size: the network {name} has only one")
        info, network = load_network(name)
        return [partial(NetworkCandidate, info=info, network=network.to(device))]
    model = AdaINModel.from_pretrained(name, device, "fp32")
    return [
        partial(ModelCandidate, model=model, alpha=args.alpha, stroke_size=stroke_size)
        for stroke_size in args.stroke_size
    ]


def _methods(
    args: argparse.Namespace, vgg: Encoder, device: torch.device
) -> list[CandidateFactory]:
    optimize = OptimizeOptions(steps=args.steps)
    make: dict[str, Callable[[StylizeOptions], Method]] = {
        "optimize": lambda options: Optimization(vgg, options, optimize)
    }
    if "swap" in args.method:
        names = [name for name in args.model if not is_network_file(name)]
        model = AdaINModel.from_pretrained(names[0] if names else None, device, "fp32")
        make["swap"] = lambda options: StyleSwap(model, options)
    return [partial(MethodCandidate, make=make[method]) for method in args.method]
