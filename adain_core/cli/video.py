"""``adain video``: stylize videos."""

from __future__ import annotations

import argparse
import re
from fractions import Fraction

from ..choices import SINGLE_PASS, TEMPORAL_MODES, describe
from .arguments import Group, Subparsers, add_command, add_model_options, add_style_options
from .streams import print_error

_DESCRIPTION = """\
Stylize a video (IN) with one or more artworks (--style), or with styles that
change over time (--keyframe).

Timestamps, rotation, colors, chapters and timecode are preserved. Audio is
copied, or re-encoded if the container does not support its codec. Transparency
and subtitles are dropped. HDR is converted to SDR, and interlaced video is
deinterlaced. Until it is complete, the output is named out.partial.mp4. Ctrl-C
stops early: the frames finished so far are playable under that name, and
--resume continues from there."""

_EXAMPLES = """
# the style of one artwork
adain video clip.mp4 --style painting.jpg -o painted.mp4

# from one style to half of another in the first five seconds
adain video clip.mp4 --keyframe 0=wave.jpg --keyframe 5s=stars.jpg,alpha=0.5 -o painted.mp4

# one style where the mask video is white, another elsewhere
adain video clip.mp4 --style stars.jpg --mask person.mp4 --background wave.jpg -o painted.mov

# five seconds of a long clip, to preview a style
adain video clip.mp4 --style painting.jpg --start 1:30 --end 1:35 -o preview.mp4

# resume after an interruption
adain video clip.mp4 --style painting.jpg -o painted.mp4 --resume

# numbered images at 24 frames per second, as H.265, shortest side 720 pixels
adain video 'frames/%06d.png' --fps 24 --style painting.jpg --codec h265 --content-size 720 \\
    -o painted.mp4
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers, "video", _run, "stylize a video with artworks", _DESCRIPTION, _EXAMPLES
    )
    parser.add_argument(
        "input",
        metavar="IN",
        help="a video, a folder of consecutively numbered images, or a pattern such as "
        "'frames/%%06d.png'",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="a file (.mp4, .mov, .mkv, .webm, .gif), or a pattern for numbered images such as "
        "'frames/%%06d.png'; a GIF has at most 50 frames per second",
    )
    # One pass flickers least: each later one amplifies what the one before leaves.
    add_style_options(
        parser,
        stroke_size=SINGLE_PASS,
        mask_help="an image per style, or a video with the same number of frames: white where the "
        "style applies, black elsewhere, gray in between. Any size; it is stretched over the "
        "frame. Pixels outside every mask stay unchanged",
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
        help="which frames provide the statistics for normalization, to suppress flicker. "
        f"{describe(TEMPORAL_MODES)} All but frame reset at scene cuts (default: ema)",
    )
    group.add_argument(
        "--temporal-length",
        type=int,
        default=8,
        metavar="N",
        help="number of frames to remember; more is steadier but follows changes in light more "
        "slowly (default: 8)",
    )
    group.add_argument(
        "--keyframe",
        action="append",
        metavar="WHEN=S,…",
        help="instead of --style, and repeatable: the style at a frame (120=S) or second (5s=S). "
        "Between keyframes, styles and alpha are interpolated. Add further styles after commas, "
        "one per --mask or with weights=3:1, and a strength with alpha=0.5 (default: --alpha)",
    )
    group.add_argument(
        "--start",
        type=_seconds,
        default=0.0,
        metavar="T",
        help="process only a part of IN, starting at T: seconds (12.5) or minutes:seconds (1:12.5, "
        "0:01:12.5). Keyframes, masks and frame numbers still refer to the whole video",
    )
    group.add_argument(
        "--end", type=_seconds, metavar="T", help="stop at T (default: the end of IN)"
    )


def _add_file_options(group: Group) -> None:
    group.add_argument(
        "--codec",
        metavar="C",
        help="h264, h265, vp9, prores, gif or png (default: by the suffix: h264 for .mp4, .mov and "
        ".mkv, vp9 for .webm)",
    )
    group.add_argument(
        "--quality",
        type=int,
        metavar="Q",
        help="constant rate factor; lower is better and larger: 0 to 51 for h264 (default: 18) "
        "and h265 (22), 0 to 63 for vp9 (26). 0 is lossless for h264, in a profile that many "
        "players do not support",
    )
    group.add_argument(
        "--chroma",
        metavar="C",
        help="chroma subsampling: 420 (plays everywhere) or 444 (full resolution); for prores, 422 "
        "or 444 (default: the lower one, but 444 if an odd width or height needs it)",
    )
    group.add_argument(
        "--bit-depth",
        type=int,
        metavar="N",
        help="bits per channel, from IN to OUT: 8, or 10 for smooth gradients (h264 and h265; many "
        "players and browsers do not play 10 bits in h264); prores always has 10",
    )
    group.add_argument(
        "--fps",
        type=_rate,
        metavar="RATE",
        help="frames per second of numbered images (IN), such as 24 or 24000/1001 (default: 25)",
    )
    existing = group.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace an existing file")
    existing.add_argument(
        "--resume",
        action="store_true",
        help="continue an interrupted run of the same command; start from the beginning if there "
        "is none, and keep a video that is finished",
    )
    group.add_argument("--json", action="store_true", help="print a report as JSON")


def _run(args: argparse.Namespace) -> int:
    try:
        from .run_video import run
    except ImportError as error:  # of PyAV
        print_error(error)
        return 1
    return run(args)


def _rate(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(
            f"expected frames per second such as 24 or 24000/1001, got {text!r}"
        ) from None


def _seconds(text: str) -> float:
    """Return the seconds of ``12.5``, ``1:12.5`` or ``0:01:12.5``."""
    if re.fullmatch(r"(\d+:)?(\d+:)?\d+(\.\d*)?", text, re.ASCII) is None:
        raise argparse.ArgumentTypeError(
            f"expected seconds (12.5) or minutes:seconds (1:12.5, 0:01:12.5), got {text!r}"
        )
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds
