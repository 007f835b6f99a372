"""``adain video``: a video in, a video out."""

from __future__ import annotations

import argparse
import re
from fractions import Fraction

from ..choices import SINGLE_PASS, TEMPORAL_MODES, describe
from .arguments import Group, Subparsers, add_command, add_model_options, add_style_options
from .streams import print_error

_DESCRIPTION = """\
Draw a video (IN) in the style of one or more artworks (--style), or in styles
that change over time (--keyframe).

Times from the first picture or sound on, rotation, colors, chapters and
timecode stay those of the input. The sound is copied, or encoded anew where the
output's kind of file does not take it; transparency and subtitles are left out.
HDR becomes SDR, and interlaced pictures are deinterlaced. Until it is finished
the output has a name beside its own (out.partial.mp4). Ctrl-C ends the work
early: what is drawn by then plays under that name, and --resume goes on."""

_EXAMPLES = """
# the style of one artwork
adain video clip.mp4 --style painting.jpg -o painted.mp4

# from one style to half of another in the first five seconds
adain video clip.mp4 --keyframe 0=wave.jpg --keyframe 5s=stars.jpg,alpha=0.5 -o painted.mp4

# a style where the mask video is white, another elsewhere
adain video clip.mp4 --style stars.jpg --mask person.mp4 --background wave.jpg -o painted.mov

# five seconds of a long clip, to try a style
adain video clip.mp4 --style painting.jpg --start 1:30 --end 1:35 -o tried.mp4

# the same command once more, after an interruption
adain video clip.mp4 --style painting.jpg -o painted.mp4 --resume

# numbered pictures, 24 a second, in H.265, shortest side 720 pixels
adain video 'frames/%06d.png' --fps 24 --style painting.jpg --codec h265 --content-size 720 \\
    -o painted.mp4
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers, "video", _run, "draw a video in the style of artworks", _DESCRIPTION, _EXAMPLES
    )
    parser.add_argument(
        "input",
        metavar="IN",
        help="a video, a folder of pictures numbered without a gap, or their names such as "
        "'frames/%%06d.png'",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="a file (.mp4, .mov, .mkv, .webm, .gif), or numbered pictures 'frames/%%06d.png'; "
        "a GIF takes at most 50 frames a second",
    )
    # One pass flickers least: each later one amplifies what the one before leaves.
    add_style_options(
        parser,
        stroke_size=SINGLE_PASS,
        mask_help="for each style an image, or a video of as many frames, that says where it goes: "
        "white there, black not, gray in part; of any size, stretched over the picture. What no "
        "mask covers stays as it is",
        style_required=False,
    )
    _add_time_options(parser.add_argument_group("time"))
    add_model_options(parser)
    _add_file_options(parser.add_argument_group("files"))


def _add_time_options(group: Group) -> None:
    group.add_argument(
        "--temporal",
        choices=list(TEMPORAL_MODES),
        default="ema",
        help="which frames normalize a frame, against flicker. "
        f"{describe(TEMPORAL_MODES)} All but frame start anew at scene cuts (default: ema)",
    )
    group.add_argument(
        "--temporal-length",
        type=int,
        default=8,
        metavar="N",
        help="how many frames are remembered; more is calmer and follows changes of light "
        "more slowly (default: 8)",
    )
    group.add_argument(
        "--keyframe",
        action="append",
        metavar="WHEN=S,…",
        help="instead of --style, and several times: the style at a frame (120=S) or second "
        "(5s=S); between keyframes styles and alpha change evenly. More styles follow after a "
        "comma, one for each --mask or with weights=3:1, and so does alpha=0.5 (default: --alpha)",
    )
    group.add_argument(
        "--start",
        type=_seconds,
        default=0.0,
        metavar="T",
        help="draw a part of IN alone, from T on: seconds (12.5) or minutes:seconds (1:12.5, "
        "0:01:12.5). Keyframes, masks and the numbers of pictures count as in the whole",
    )
    group.add_argument(
        "--end", type=_seconds, metavar="T", help="draw up to T, likewise (default: all)"
    )


def _add_file_options(group: Group) -> None:
    group.add_argument(
        "--codec",
        metavar="C",
        help="h264, h265, vp9, prores, gif or png (default: by the suffix; h264 for .mp4, .mov, "
        ".mkv, vp9 for .webm)",
    )
    group.add_argument(
        "--quality",
        type=int,
        metavar="Q",
        help="constant rate factor, lower is better and larger: 0 to 51 for h264 (default: 18) "
        "and h265 (22), to 63 for vp9 (26); 0 of h264 is lossless, in a profile that many players "
        "refuse",
    )
    group.add_argument(
        "--chroma",
        metavar="C",
        help="resolution of color: 420 (half, plays everywhere) or 444 (full); prores: 422 or 444 "
        "(default: the lower one, but 444 where an odd width or height needs it)",
    )
    group.add_argument(
        "--fps",
        type=_rate,
        metavar="RATE",
        help="frames a second of numbered pictures (IN), such as 24 or 24000/1001 (default: 25); a "
        "video has its own",
    )
    existing = group.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace an existing file")
    existing.add_argument(
        "--resume",
        action="store_true",
        help="go on with what an interrupted run of the same command left, from its last keyframe; "
        "begin where there is nothing",
    )
    group.add_argument("--json", action="store_true", help="print what became of it as JSON")


def _run(args: argparse.Namespace) -> int:
    try:
        from .draw_video import run
    except ImportError as error:  # of PyAV
        print_error(error)
        return 1
    return run(args)


def _rate(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(
            f"expected frames a second such as 24 or 24000/1001, got {text!r}"
        ) from None


def _seconds(text: str) -> float:
    """Of ``12.5``, ``1:12.5`` or ``0:01:12.5``."""
    if re.fullmatch(r"(\d+:)?(\d+:)?\d+(\.\d*)?", text, re.ASCII) is None:
        raise argparse.ArgumentTypeError(
            f"expected seconds (12.5) or minutes:seconds (1:12.5, 0:01:12.5), got {text!r}"
        )
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds
