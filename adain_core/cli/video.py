"""``adain video``: a video in, a video out."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from ..choices import TEMPORAL_MODES, recolors_artwork
from ..errors import OptionError
from .common import (
    Group,
    Subparsers,
    add_command,
    add_model_options,
    add_style_options,
    encode_source,
    load_model,
    read_source,
)
from .streams import print_error, print_json, print_line, print_note

if TYPE_CHECKING:
    from torch import Tensor

    from ..options import Source, StylizeOptions
    from ..style import Style
    from ..video import VideoResult

_DESCRIPTION = """\
Draw a video (IN) in the style of one or more artworks (--style), or in styles
that change over time (--keyframe).

Times from the first picture or sound on, rotation, colours, chapters and
timecode stay those of the input. The sound is copied, or encoded anew where the
output's kind of file does not take it; transparency and subtitles are left out.
HDR becomes SDR, and interlaced pictures are deinterlaced. Ctrl-C ends the work
early: what is drawn by then plays. Until it is finished the output has a name
beside its own (out.partial.mp4)."""

_EXAMPLES = """
# the style of one artwork
adain video clip.mp4 --style painting.jpg -o painted.mp4

# from one style to half of another in the first five seconds
adain video clip.mp4 --keyframe 0=wave.jpg --keyframe 5s=stars.jpg,alpha=0.5 -o painted.mp4

# a style where the mask video is white, another elsewhere
adain video clip.mp4 --style stars.jpg --mask person.mp4 --background wave.jpg -o painted.mov

# five seconds of a long clip, to try a style
adain video clip.mp4 --style painting.jpg --start 1:30 --end 1:35 -o tried.mp4

# numbered pictures, 24 a second, in H.265, shortest side 720 pixels
adain video 'frames/%06d.png' --fps 24 --style painting.jpg --codec h265 --content-size 720 \\
    -o painted.mp4
"""


@dataclass(frozen=True)
class _Moment:
    """``--keyframe``, taken apart."""

    at: float
    seconds: bool
    paths: list[str]
    weights: list[float] | None
    alpha: float

    def mixed(self, styles: dict[str, Style]) -> Style | list[Style]:
        """One style by the weights, or all for as many masks."""
        from ..style import Style

        own = [styles[path] for path in self.paths]
        return own if self.weights is None else Style.mix(own, self.weights)


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers, "video", _run, "draw a video in the style of artworks", _DESCRIPTION, _EXAMPLES
    )
    parser.add_argument(
        "input",
        metavar="IN",
        help="a video, or pictures numbered without a gap, such as 'frames/%%06d.png'",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="a file (.mp4, .mov, .mkv, .webm, .gif), or numbered pictures 'frames/%%06d.png'; "
        "a GIF takes at most 50 frames a second",
    )
    add_style_options(
        parser,
        mask_help="for each style an image, or a video of as many frames, that says where it goes: "
        "white there, black not, grey in part; of any size, stretched over the picture. What no "
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
        help="against flicker: normalize by an exponential mean over frames (ema), by a sliding "
        "window of frames, or each frame by itself (frame, which takes out flickering exposure); "
        "ema and window start anew at scene cuts (default: ema)",
    )
    group.add_argument(
        "--temporal-length",
        type=int,
        default=8,
        metavar="N",
        help="frames that ema or window remembers; more is calmer and follows changes of light "
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
        help="resolution of colour: 420 (half, plays everywhere) or 444 (full); prores: 422 or 444 "
        "(default: the lower one, but 444 where an odd width or height needs it)",
    )
    group.add_argument(
        "--fps",
        type=_rate,
        metavar="RATE",
        help="frames a second of numbered pictures (IN), such as 24 or 24000/1001 (default: 25); a "
        "video has its own",
    )
    group.add_argument("--overwrite", action="store_true", help="replace an existing file")
    group.add_argument("--json", action="store_true", help="print what became of it as JSON")


def _run(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    try:
        from ..video import Encoding, Keyframe, Part, stylize_video
        from ..video.files import refuse_inputs
    except ImportError as error:
        print_error(error)
        return 1
    from ..stylizer import Stylizer
    from ..temporal import TemporalPool

    moments = _moments(args)
    part = Part(args.start, args.end, args.fps)
    pool = TemporalPool(args.temporal, args.temporal_length)
    _options(args, moments)  # what does not fit is told before a file is read
    paths = [path for moment in moments for path in moment.paths] or [*args.style]
    if args.background is not None:
        paths.append(args.background)
    refuse_inputs([*paths, *(args.mask or [])], args.output)
    sources = {path: read_source(path) for path in paths}
    model = load_model(args)
    keyframes = None
    if moments:
        styles = {
            path: encode_source(model, path, source, args.style_size)
            for path, source in sources.items()
        }
        sources = {**styles}
        keyframes = [
            Keyframe(moment.at, moment.mixed(styles), moment.alpha, moment.seconds)
            for moment in moments
        ]
    stylizer = Stylizer(model, _options(args, moments, sources), pool)

    started = time.perf_counter()
    # disable=None: no bar where stderr is not a terminal.
    with tqdm(unit="frame", disable=None) as bar:

        def progress(done: int, total: int | None, picture: Tensor) -> None:
            bar.total = total
            bar.update(done - bar.n)

        result = stylize_video(
            stylizer,
            args.input,
            args.output,
            keyframes=keyframes,
            part=part,
            encoding=Encoding(args.codec, args.quality, args.chroma),
            overwrite=args.overwrite,
            progress=progress,
        )
    _report(args, result, round(time.perf_counter() - started, 3))
    return 0 if result.complete else 1


def _report(args: argparse.Namespace, result: VideoResult, seconds: float) -> None:
    for note in result.notes:
        print_note(note)
    if args.json:
        print_json(
            {"input": args.input, "output": args.output, "seconds": seconds, **asdict(result)}
        )
    else:
        print_line(
            f"{args.output} ({result.width}x{result.height}, {result.frames} frames, "
            f"{seconds:.1f} s)"
        )


def _options(
    args: argparse.Namespace,
    moments: Sequence[_Moment],
    sources: Mapping[str, Source] | None = None,
) -> StylizeOptions:
    """Return how to draw.

    Args:
        args: of the command.
        moments: of the keyframes; the options hold the first one's styles.
        sources: what the files hold, by their names; ``None``: the names stand for them.
    """
    from ..options import StylizeOptions

    paths = args.style
    if moments:
        paths = moments[0].paths[: 1 if moments[0].weights else None]  # a mix is one style
    sources = sources or {path: path for path in [*paths, args.background]}
    return StylizeOptions(
        styles=[sources[path] for path in paths],
        weights=args.style_weights,
        masks=args.mask,
        background=None if args.background is None else sources[args.background],
        alpha=1.0 if moments else args.alpha,
        feather=args.feather,
        region_statistics=args.region_statistics,
        preserve_color=args.preserve_color,
        content_residual=args.content_residual,
        content_size=args.content_size,
        style_size=args.style_size,
        tile=args.tile,
    )


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


def _moments(args: argparse.Namespace) -> list[_Moment]:
    """Return the keyframes in their order."""
    if not args.keyframe:
        if args.style is None:
            raise ValueError("expected --style or --keyframe, got neither")
        return []
    if args.style is not None or args.style_weights is not None:
        raise ValueError("give --style (and --style-weights) or --keyframe, not both")
    if recolors_artwork(args.preserve_color):
        raise OptionError(
            "preserve_color",
            f"cannot be {args.preserve_color} with keyframes: it recolors artworks, keyframes mix "
            "styles without them; choose luminance",
        )
    return [_parse_moment(text, args.alpha) for text in args.keyframe]


def _parse_moment(text: str, alpha: float) -> _Moment:
    when, _, rest = text.partition("=")
    paths, weights = [], None
    try:
        at = float(when.removesuffix("s"))
        for part in rest.split(","):
            if part.startswith("alpha="):
                alpha = float(part.removeprefix("alpha="))
            elif part.startswith("weights="):
                weights = [float(weight) for weight in part.removeprefix("weights=").split(":")]
            else:
                paths.append(part)
        if not all(paths) or not paths:
            raise ValueError
    except ValueError:
        raise ValueError(
            "expected a keyframe such as 120=painting.jpg, 5s=painting.jpg,alpha=0.5 or "
            f"0=one.jpg,other.jpg,weights=3:1, got {text!r}"
        ) from None
    return _Moment(at, when.endswith("s"), paths, weights, alpha)
