"""``adain dataset``: a tree of images drawn in the styles of another."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..choices import SINGLE_PASS, STROKE_SIZES
from .arguments import Subparsers, add_command, add_model_options, parse_stroke_size

_DESCRIPTION = """\
Draw a data set (TREE: folders of any depth, or tar shards) in the styles of a tree
of artworks, for training: Stylized-ImageNet, Stylized-COCO and their like.

First a plan is written beside the results, adain-plan.jsonl: a line for each result with
its image, artwork, alpha and name. It depends on --seed alone and can be edited. The same
tree comes out, every picture of exactly the image's size, so that boxes and masks still
fit. After an interruption of any kind the same command goes on: what is whole is kept. An
image that cannot be read is listed with the reason in adain-failed.jsonl, and the rest
goes on. A machine uses all of its cores or GPUs; --ray uses a cluster."""

_EXAMPLES = """
# each image in one artwork, chosen by chance, and its labels beside it
adain dataset coco/train2017/ --styles wikiart/ --others copy -o stylized-coco/

# Stylized-ImageNet: 224x224 pixels
adain dataset imagenet/train/ --styles wikiart/ --size 256 --crop 224 -o stylized-imagenet/

# three results of each image, of different strength, as PNG
adain dataset photos/ --styles art/ --per-image 3 --alpha 0.5:1 --format png -o out/

# from folders into tar shards of 1000 pictures (webdataset); shards come out as shards
adain dataset photos/ --styles art/ --tar 1000 -o shards/
adain dataset shards/ --styles art/ --others copy -o stylized-shards/

# see and edit the plan first
adain dataset photos/ --styles art/ -o out/ --plan-only

# job 3 of 8 that share the work and the folders, as in a Slurm array
adain dataset photos/ --styles art/ -o out/ --shard 3/8

# a Ray cluster whose machines share the folders
adain dataset photos/ --styles art/ -o out/ --ray auto
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "dataset",
        _run,
        "draw a data set in the styles of many artworks",
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
        help="artworks and style files (.safetensors), likewise",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help="folder of results, made if need be, outside of TREE",
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
        help="results of each image, each in another artwork and with a number after its name "
        "(default: 1)",
    )
    group.add_argument(
        "--alpha",
        type=_range,
        default=(1.0, 1.0),
        metavar="A[:B]",
        help="content-style trade-off, one number or a range that each result's is chosen from: "
        "0 leaves the photo, 1 is the full style (default: 1)",
    )
    group.add_argument(
        "--seed", type=int, default=0, help="another one gives other artworks (default: 0)"
    )
    group.add_argument(
        "--tar",
        type=int,
        default=0,
        metavar="N",
        help="put results into tar shards of N pictures each; images from shards go into shards of "
        "the same names in any case",
    )
    group.add_argument(
        "--plan",
        type=Path,
        metavar="FILE",
        help="follow this plan, such as an edited one or another data set's",
    )
    group.add_argument("--plan-only", action="store_true", help="write the plan and stop")


def _add_picture_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("pictures")
    group.add_argument(
        "--size",
        type=int,
        default=0,
        metavar="N",
        help="resize images to N pixels on the shortest side before; 0: as they are (default: 0)",
    )
    group.add_argument(
        "--crop",
        type=int,
        default=0,
        metavar="N",
        help="then take the square of N pixels in the middle; 0: all (default: 0)",
    )
    group.add_argument(
        "--style-size",
        type=int,
        metavar="N",
        help="resize artworks to N pixels on the shortest side; 0: as they are (default: 512, "
        "smaller ones as they are)",
    )
    group.add_argument(
        "--stroke-size",
        type=parse_stroke_size,
        default=SINGLE_PASS,
        metavar="S",
        help=f"how large strokes are beside the picture: {', '.join(STROKE_SIZES)}, or a number, "
        "as in 'adain stylize'. Pictures above 384 pixels then take several passes. "
        f"{SINGLE_PASS}: one pass at any size, as the published data sets were made (default: "
        f"{SINGLE_PASS})",
    )
    group.add_argument(
        "--format",
        choices=("png", "jpg", "webp", "tif"),
        help="of results (default: each image's own, or png where that cannot be written)",
    )
    group.add_argument(
        "--quality",
        type=int,
        default=95,
        metavar="Q",
        help="of JPEG and WebP, 1 to 100 (default: 95)",
    )
    group.add_argument(
        "--others",
        choices=("copy", "link"),
        help="copy files that are no images, such as labels, or link to them. Those with an "
        "image's name take the result's",
    )
    group.add_argument(
        "--exclude",
        nargs="+",
        default=[],
        metavar="PATTERN",
        help="images that are not to be drawn, such as '*.seg.png' or 'masks/*'; they count as "
        "other files",
    )


def _add_work_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("work")
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="batches drawn at once (default: one for each core, or two for each GPU); with --ray "
        "actors (default: one for each core of the cluster, or for each GPU if there are any)",
    )
    group.add_argument(
        "--batch-size",
        type=int,
        default=32,
        metavar="N",
        help="images that a worker takes at once (default: 32)",
    )
    group.add_argument(
        "--shard",
        type=_shard,
        default=(1, 1),
        metavar="I/N",
        help="do the I-th of N equal shares of the plan, from 1/N to N/N",
    )
    group.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="work on a Ray cluster: auto (the one that this machine belongs to), HOST:PORT, or "
        'local (one that is started here). Needs: python -m pip install "adain[cluster]"',
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
    from .make_dataset import run

    return run(args)
