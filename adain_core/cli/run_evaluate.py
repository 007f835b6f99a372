"""The work of ``adain evaluate``: evaluate models, print and write the scores."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field
from math import isnan
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from ..engine.passes import stroke_scale
from ..evaluation import Pairs, Scenes, ScoredImage, Scores, markdown_table, summarize
from ..evaluation.halo import SMALLEST
from ..evaluation.scores import NAMES
from ..images import LARGEST_SIDES, list_images, save_image
from ..images.sheets import GAP, join_rows
from ..pixels import as_uint8
from ..transfer import check_alpha
from ..utils.devices import resolve_device
from ..utils.files import replace_atomically
from ..weights.convert import read_loss_network
from .evaluate_rows import Row, make_rows, row_names
from .outputs import check_output_file, check_replaceable
from .streams import print_line, print_note

# Metrics on synthetic photos, shown in the table of every size.
_SCENE_METRICS = ("halo", "jpeg")


@dataclass
class _Results:
    """The scores so far.

    Attributes:
        scenes: scores on synthetic photos, by the row's name.
        tables: scores on the pairs, by size and the row's name.
        lines: lines of the CSV file.
    """

    scenes: dict[str, dict[str, float]] = field(default_factory=dict)
    tables: dict[int, dict[str, dict[str, float]]] = field(default_factory=dict)
    lines: list[tuple[object, ...]] = field(default_factory=list)

    def add(self, name: str, size: int, photo: str, artwork: str, scores: Scores) -> None:
        """Add the scores of an image."""
        values = ("" if isnan(value) else f"{value:.5f}" for value in astuple(scores))
        self.lines.append((name, size, photo, artwork, *values))

    def print_tables(self, reference: str | None) -> None:
        """Print a table for each size, with ratios to the reference row if there is one."""
        tables = self.tables or ({0: self.scenes} if self.scenes else {})
        for number, (size, table) in enumerate(tables.items()):
            rows = {name: {**row, **self.scenes.get(name, {})} for name, row in table.items()}
            lines = markdown_table(rows, reference if reference in rows else None).splitlines()
            if len(tables) > 1:
                lines = [*([""] if number else []), f"{size} pixels:", "", *lines]
            for line in lines:
                print_line(line)

    def write(self, path: Path, overwrite: bool) -> None:
        """Write a CSV file with a line for each image."""
        with (
            replace_atomically(path, overwrite) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(("model", "size", "photo", "artwork", *NAMES))
            writer.writerows(self.lines)


def run(args: argparse.Namespace) -> int:
    """Evaluate the models and images; return the exit code."""
    names = row_names(args)
    _check(args, names)
    device = resolve_device(args.device)
    vgg = read_loss_network(args.loss_network)[0].to(device)
    contents, styles = (list_images(paths)[: args.limit] for paths in (args.content, args.style))
    side = (1 + max(len(contents), len(styles))) * (max(args.size) + GAP)
    largest = LARGEST_SIDES["JPEG"]
    if args.grid and side > largest:
        raise ValueError(
            f"--grid: a JPEG image has at most {largest} pixels a side, got {side}; set --limit"
        )
    rows = make_rows(args, vgg, device)
    sized = [Pairs(contents, styles, size, vgg, args.input_size) for size in args.size]
    # Missing files are reported before any work.
    evaluations = [[row.evaluate(pairs) for row in rows] for pairs in sized]
    results = _Results()
    if not (args.model or args.method or args.results):
        print_note("only photos and artworks are evaluated; give a model as --model")
    try:
        if args.scene_size:
            scenes = Scenes(styles, device, args.scene_size, args.input_size)
            _evaluate_scenes(args, rows, scenes, results)
        for pairs, of_rows in zip(sized, evaluations, strict=True):
            _note_enlarged(args, pairs)
            for row, evaluation in zip(rows, of_rows, strict=True):
                _collect_pairs(args, row.name, pairs, evaluation, results)
    finally:
        results.print_tables(names[0] if args.model else None)
        if args.csv and results.lines:
            results.write(args.csv, args.overwrite)
    return 0


def _check(args: argparse.Namespace, names: list[str]) -> None:
    """Reject wrong options before any work."""
    check_alpha(args.alpha)
    for size in (*args.size, *([args.input_size] if args.input_size is not None else [])):
        if size < 16:
            option = "--size" if size in args.size else "--input-size"
            raise ValueError(f"{option} must be 16 pixels or more, got {size}")
    for option, size in (("--size", max(args.size)), ("--scene-size", args.scene_size)):
        if args.input_size is not None and args.input_size < size:
            raise ValueError(
                f"--input-size must be at least {option} ({size}), to which results are reduced, "
                f"got {args.input_size}"
            )
    if args.limit is not None and args.limit < 1:
        raise ValueError(f"--limit must be 1 or more, got {args.limit}")
    if args.scene_size and args.scene_size < SMALLEST:
        raise ValueError(
            f"--scene-size must be {SMALLEST} pixels or more, or 0, got {args.scene_size}"
        )
    for stroke_size in args.stroke_size:
        stroke_scale(stroke_size)  # checks it
    if args.results and args.input_size:
        raise ValueError("--input-size does not apply to --results, which are finished")
    if args.csv:
        check_output_file(args.csv, args.overwrite)
    if args.grid:
        if args.grid.exists() and not args.grid.is_dir():
            raise ValueError(f"--grid must be a folder, got the file {args.grid}")
        files = [_grid_file(args, name, size) for name in names for size in args.size]
        check_replaceable(files, args.overwrite)


def _evaluate_scenes(
    args: argparse.Namespace, rows: list[Row], scenes: Scenes, results: _Results
) -> None:
    for row in rows:
        if row.candidate is None or row.pairs_only:
            continue
        scores, evaluation = [], scenes.evaluate(row.candidate(scenes))
        text = f"{row.name}, synthetic photos"
        for each in tqdm(evaluation, total=len(scenes), desc=text, unit="image", disable=None):
            scores.append(each.scores)
            artwork = scenes.style_names[each.style]
            results.add(row.name, args.scene_size, each.scene, artwork, each.scores)
        summary = summarize(scores)
        results.scenes[row.name] = {name: summary[name] for name in _SCENE_METRICS}


def _note_enlarged(args: argparse.Namespace, pairs: Pairs) -> None:
    if pairs.enlarged:
        images = len(pairs.contents) + len(pairs.styles)
        size = args.input_size or pairs.size
        print_note(
            f"{pairs.enlarged} of {images} images are smaller than {size} pixels and were enlarged"
        )


def _collect_pairs(
    args: argparse.Namespace,
    name: str,
    pairs: Pairs,
    evaluation: Iterator[ScoredImage],
    results: _Results,
) -> None:
    """Collect the scores of a row, and write its grid."""
    scores: list[Scores] = []
    images: list[Tensor] = []
    text = f"{name}, {pairs.size} pixels"
    for each in tqdm(evaluation, total=len(pairs), desc=text, unit="pair", disable=None):
        scores.append(each.scores)
        if args.grid:
            images.append(as_uint8(each.image.cpu().nan_to_num()))
        photo, artwork = pairs.content_names[each.content], pairs.style_names[each.style]
        results.add(name, pairs.size, photo, artwork, each.scores)
    results.tables.setdefault(pairs.size, {})[name] = summarize(scores)
    if args.grid:
        args.grid.mkdir(parents=True, exist_ok=True)
        file = _grid_file(args, name, pairs.size)
        save_image(file, _grid(pairs, images), overwrite=args.overwrite)


def _grid_file(args: argparse.Namespace, name: str, size: int) -> Path:
    folder: Path = args.grid
    return folder / (f"{name}.jpg" if len(args.size) == 1 else f"{name}, {size} pixels.jpg")


def _grid(pairs: Pairs, images: list[Tensor]) -> Tensor:
    """Return styles along the top, contents down the left, ``(1, 3, H, W)``."""
    count = len(pairs.styles)
    styles = [as_uint8(style.cpu()) for style in pairs.styles]
    rows = [[torch.full_like(styles[0], 255), *styles]]
    for number, content in enumerate(pairs.contents):
        rows.append([as_uint8(content.cpu()), *images[number * count : (number + 1) * count]])
    return join_rows(rows)
