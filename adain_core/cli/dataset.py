"""``adain dataset``: stylize a tree of images with a tree of artworks."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..choices import SINGLE_PASS, STROKE_SIZES
from .arguments import Subparsers, add_command, add_model_options, parse_stroke_size

_DESCRIPTION = """\
Stylize a data set (TREE: folders of any depth, or tar shards) with a tree of artworks,
for training: Stylized-ImageNet, Stylized-COCO and similar.

The command first writes adain-plan.jsonl next to the results, with a line per result: its
image, artwork, alpha and name. The plan depends only on --seed and can be edited. Results
keep the folders, names and exact sizes of the images, so boxes and masks still fit. Run
the same command again to resume after any interruption; complete results are kept. An
unreadable image is listed in adain-failed.jsonl, and the run continues. All cores or GPUs
of the machine are used; --ray uses a cluster."""

_EXAMPLES = """
# each image with a random artwork, and the labels copied
adain dataset coco/train2017/ --styles wikiart/ --others copy -o stylized-coco/

# Stylized-ImageNet: 224x224 pixels
adain dataset imagenet/train/ --styles wikiart/ --size 256 --crop 224 -o stylized-imagenet/

# three results per image with random strength, as PNG
adain dataset photos/ --styles art/ --per-image 3 --alpha 0.5:1 --format png -o out/

# folders to tar shards of 1000 images (webdataset); shards to shards
adain dataset photos/ --styles art/ --tar 1000 -o shards/
adain dataset shards/ --styles art/ --others copy -o stylized-shards/

# write the plan first, to inspect or edit it
adain dataset photos/ --styles art/ -o out/ --plan-only

# job 3 of 8 on a shared file system, as in a Slurm array
adain dataset photos/ --styles art/ -o out/ --shard 3/8

# a Ray cluster on a shared file system
adain dataset photos/ --styles art/ -o out/ --ray auto
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "dataset",
        _run,
        "stylize a data set with many artworks",
        _DESCRIPTION,
        _EXAMPLES,
    )
    parser.set_defaults(
        out_of_memory="not enough memory; try fewer --workers, a smaller --batch-size or --size"
    )
    parser.add_argument(
        "images", type=Path, metavar="TREE", help="images: a folder of any depth, or a tar shard"
    )
    parser.add_argument(
        "--styles",
        type=Path,
        required=True,
        metavar="TREE",
        help="artworks and style files (.safetensors): a folder of any depth, or a tar shard",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help="folder for the results, outside of TREE; created if missing",
    )
    _add_plan_options(parser)
    _add_picture_options(parser)
    _add_work_options(parser)
    add_model_options(parser)


def _add_plan_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("plan")
    group.add_argument(
        "--per-image",
        type=int,
        default=1,
        metavar="K",
        help="results per image, each with a different artwork and a number after its name "
        "(default: 1)",
    )
    group.add_argument(
        "--alpha",
        type=_range,
        default=(1.0, 1.0),
        metavar="A[:B]",
        help="style strength: 0 is the photo, 1 the full style; a range gives each result a random "
        "value (default: 1)",
    )
    group.add_argument(
        "--seed", type=int, default=0, help="of the random choice of artworks (default: 0)"
    )
    group.add_argument(
        "--tar",
        type=int,
        default=0,
        metavar="N",
        help="write tar shards of N images each; images from shards always go to shards of the "
        "same name",
    )
    group.add_argument(
        "--plan",
        type=Path,
        metavar="FILE",
        help="use this plan, for example that of another data set",
    )
    group.add_argument("--plan-only", action="store_true", help="write the plan and stop")


def _add_picture_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("images")
    group.add_argument(
        "--size",
        type=int,
        default=0,
        metavar="N",
        help="resize images to N pixels on the shortest side first; 0: keep their size (default: "
        "0)",
    )
    group.add_argument(
        "--crop",
        type=int,
        default=0,
        metavar="N",
        help="then crop the center square of N pixels; 0: no crop (default: 0)",
    )
    group.add_argument(
        "--style-size",
        type=int,
        metavar="N",
        help="resize artworks to N pixels on the shortest side; 0: keep their size (default: 512, "
        "but smaller artworks keep their size)",
    )
    group.add_argument(
        "--stroke-size",
        type=parse_stroke_size,
        default=SINGLE_PASS,
        metavar="S",
        help=f"size of the strokes relative to the image: {', '.join(STROKE_SIZES)}, or a number, "
        "as in 'adain stylize'; images above 384 pixels then take several passes. "
        f"{SINGLE_PASS}: one pass at any size, as in published data sets (default: {SINGLE_PASS})",
    )
    group.add_argument(
        "--format",
        choices=("png", "jpg", "webp", "tif"),
        help="format of the results (default: that of the image, or png if it cannot be written)",
    )
    group.add_argument(
        "--quality",
        type=int,
        default=95,
        metavar="Q",
        help="quality of JPEG and WebP, 1 to 100 (default: 95)",
    )
    group.add_argument(
        "--others",
        choices=("copy", "link"),
        help="copy all other files, such as labels, or make symbolic links to them. Files that "
        "share an image's name get the name of its result",
    )
    group.add_argument(
        "--exclude",
        nargs="+",
        default=[],
        metavar="PATTERN",
        help="images to leave as they are, such as '*.seg.png' or 'masks/*'; they count as other "
        "files",
    )


def _add_work_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("work")
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="parallel workers (default: one per core, or two per GPU); with --ray, actors "
        "(default: one per core of the cluster, or one per GPU if there are any)",
    )
    group.add_argument(
        "--batch-size",
        type=int,
        default=32,
        metavar="N",
        help="images per batch of a worker (default: 32)",
    )
    group.add_argument(
        "--shard",
        type=_shard,
        default=(1, 1),
        metavar="I/N",
        help="process only the I-th of N equal shares of the plan, from 1/N to N/N",
    )
    group.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="use a Ray cluster: auto (the one that this machine belongs to), HOST:PORT, or local "
        '(start one here). Requires: python -m pip install "adain[cluster]"',
    )
    group.add_argument("--json", action="store_true", help="print the summary as JSON")


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    return float(low), float(high or low)


def _shard(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if not slash:
        raise ValueError(text)
    return int(number), int(count)


def _run(args: argparse.Namespace) -> int:
    from .run_dataset import run

    return run(args)
