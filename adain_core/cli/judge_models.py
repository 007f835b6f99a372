"""The work of ``adain evaluate``: judge models, print and write the scores."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from dataclasses import astuple, fields
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from ..convert import read_loss_network
from ..devices import resolve_device
from ..evaluation import (
    Pairs,
    Scores,
    judge_contents,
    judge_model,
    judge_pictures,
    markdown_table,
    mean_scores,
)
from ..files import replace_atomically
from ..images import LARGEST_SIDES, list_images, save_image
from ..methods.judge import judge_method, judge_network
from ..methods.network import TransferNetwork
from ..methods.network_file import NetworkInfo, is_network_file, load_network
from ..methods.optimize import Optimization, OptimizeOptions
from ..methods.swap import StyleSwap
from ..methods.tasks import Method
from ..model import AdaINModel
from ..networks import Encoder
from ..options import StylizeOptions
from ..pixels import as_uint8
from ..sheets import GAP, join_rows
from ..transfer import check_alpha
from .common import (
    STYLE_SUFFIX,
    check_output_file,
    check_replaceable,
)
from .streams import print_line, print_note


def run(args: argparse.Namespace) -> int:
    """Judge the models and the pictures; return the exit code."""
    check_alpha(args.alpha)
    if args.size < 16:
        raise ValueError(f"--size must be 16 pixels or more, got {args.size}")
    if args.limit is not None and args.limit < 1:
        raise ValueError(f"--limit must be 1 or more, got {args.limit}")
    names = _names(args)
    if args.csv:
        check_output_file(args.csv, args.overwrite)
    if args.grid:
        if args.grid.exists() and not args.grid.is_dir():
            raise ValueError(f"--grid must be a folder, got the file {args.grid}")
        check_replaceable([_grid_file(args.grid, name) for name in names], args.overwrite)
    device = resolve_device(args.device)
    vgg = read_loss_network(args.loss_network)[0].to(device)
    contents, styles = (list_images(paths)[: args.limit] for paths in (args.content, args.style))
    side = (1 + max(len(contents), len(styles))) * (args.size + GAP)
    largest = LARGEST_SIDES["JPEG"]
    if args.grid and side > largest:
        raise ValueError(
            f"--grid: a picture has at most {largest} pixels a side, got {side}; set --limit"
        )
    make_methods = _methods(args, vgg, device)
    models = [_load(name, device) for name in args.model]
    pairs = Pairs(contents, styles, args.size, vgg)
    if pairs.enlarged:
        images = len(contents) + len(styles)
        print_note(
            f"{pairs.enlarged} of {images} images are smaller than {args.size} pixels and were "
            "enlarged"
        )
    judged = [
        *(
            judge_model(model, pairs, args.alpha)
            if isinstance(model, AdaINModel)
            else judge_network(*model, pairs)
            for model in models
        ),
        *(judge_method(make, pairs) for make in make_methods),
        *(judge_pictures(folder, pairs) for folder in args.pictures),
        judge_contents(pairs),
    ]

    rows: dict[str, Scores] = {}
    table: list[tuple[str, str, str, Scores]] = []
    try:
        for name, judgements in zip(names, judged, strict=True):
            scores, pictures = [], []
            for content, style, picture, score in tqdm(
                judgements, total=len(pairs), desc=name, unit="pair", disable=None
            ):
                scores.append(score)
                if args.grid:
                    pictures.append(as_uint8(picture.cpu().nan_to_num()))
                table.append((name, pairs.content_names[content], pairs.style_names[style], score))
            rows[name] = mean_scores(scores)
            if args.grid:
                args.grid.mkdir(parents=True, exist_ok=True)
                grid = _grid(pairs, pictures)
                save_image(_grid_file(args.grid, name), grid, overwrite=args.overwrite)
    finally:
        if rows:
            for line in markdown_table(rows, names[0] if args.model else None).splitlines():
                print_line(line)
        if args.csv and table:
            _write_csv(args.csv, table, args.overwrite)
    return 0


def _load(name: str, device: torch.device) -> AdaINModel | tuple[NetworkInfo, TransferNetwork]:
    """Return a model, or a network that was trained for its styles, by its name or file."""
    if is_network_file(name):
        info, network = load_network(name)
        return info, network.to(device)
    return AdaINModel.from_pretrained(name, device, "fp32")


def _methods(
    args: argparse.Namespace, vgg: Encoder, device: torch.device
) -> list[Callable[[StylizeOptions], Method]]:
    """Return what makes each of the methods for an artwork."""
    how = OptimizeOptions(steps=args.steps)
    make: dict[str, Callable[[StylizeOptions], Method]] = {
        "optimize": lambda options: Optimization(vgg, options, how)
    }
    if "swap" in args.method:
        names = [name for name in args.model if not is_network_file(name)]
        model = AdaINModel.from_pretrained(names[0] if names else None, device, "fp32")
        make["swap"] = lambda options: StyleSwap(model, options)
    return [make[method] for method in args.method]


def _names(args: argparse.Namespace) -> list[str]:
    """Of the rows; what shares a name (two runs' model files) is told apart by its number."""
    given = [Path(model).name.removesuffix(STYLE_SUFFIX) for model in args.model]
    given += args.method
    given += [folder.resolve().name for folder in args.pictures]
    names = [
        name if given.count(name) == 1 else f"{name} ({given[: place + 1].count(name)})"
        for place, name in enumerate(given)
    ]
    return [*names, "content, unprocessed"]


def _grid_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.jpg"


def _grid(pairs: Pairs, pictures: list[Tensor]) -> Tensor:
    """Styles along the top, contents down the left, ``(1, 3, H, W)``."""
    count = len(pairs.styles)
    styles = [as_uint8(style.cpu()) for style in pairs.styles]
    rows = [[torch.full_like(styles[0], 255), *styles]]
    for number, content in enumerate(pairs.contents):
        rows.append([as_uint8(content.cpu()), *pictures[number * count : (number + 1) * count]])
    return join_rows(rows)


def _write_csv(path: Path, table: list[tuple[str, str, str, Scores]], overwrite: bool) -> None:
    with (
        replace_atomically(path, overwrite) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(("model", "photo", "artwork", *(field.name for field in fields(Scores))))
        for name, content, style, scores in table:
            writer.writerow((name, content, style, *(f"{v:.5f}" for v in astuple(scores))))
