"""The work of ``adain video``: options, keyframes, progress and report."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor
from tqdm import tqdm

from ..choices import recolors_artwork
from ..errors import OptionError, StyleMismatchError, VideoFileError
from ..model import AdaINModel
from ..style import Style, require_same_encoder
from ..stylizer import Stylizer
from ..temporal import TemporalPool
from ..video import Encoding, Keyframe, Part, VideoResult, stylize_video
from ..video.files import refuse_inputs
from .outputs import check_replaceable
from .request import load_model, make_request, open_style
from .streams import print_json, print_line, print_note

# Options for what the library advises.
_REMEDIES = {"replace": "--overwrite", "resume": "--resume"}


@dataclass(frozen=True)
class _Moment:
    """``--keyframe``, taken apart."""

    text: str
    at: float
    seconds: bool
    paths: list[str]
    weights: list[float] | None
    alpha: float

    @property
    def regions(self) -> list[str]:
        """A path for each mask; a mix is one style."""
        return self.paths[:1] if self.weights else self.paths

    def mix(self, styles: Mapping[str, Style]) -> Style | list[Style]:
        """Return one style by the weights, or all for as many masks."""
        own = [styles[path] for path in self.paths]
        if self.weights is None:
            return own
        try:
            return Style.mix(own, self.weights)
        except OptionError as error:  # not the option of that name
            raise ValueError(f"--keyframe {self.text}: {error}") from None


def run(args: argparse.Namespace) -> int:
    """Stylize the video; return the exit code."""
    moments = _moments(args)
    paths = [path for moment in moments for path in moment.paths] or args.style
    background = [] if args.background is None else [args.background]
    refuse_inputs([*paths, *(args.mask or []), *background], args.output)
    if not args.resume:  # else a finished output is kept
        check_replaceable([Path(args.output)], args.overwrite)
    sources = {path: open_style(path) for path in [*paths, *background]}
    part = Part(args.start, args.end, args.fps)
    pool = TemporalPool(args.temporal, args.temporal_length)
    options = make_request(
        args,
        styles=[sources[path] for path in (moments[0].regions if moments else paths)],
        weights=args.style_weights,
        masks=args.mask,
        background=sources.get(args.background),
        alpha=1.0 if moments else args.alpha,
    )
    model = load_model(args)
    keyframes = _keyframes(model, moments, sources, args.style_size) if moments else None
    stylizer = Stylizer(model, options, pool)

    started = time.perf_counter()
    # disable=None: no bar where stderr is not a terminal.
    with tqdm(unit="frame", disable=None) as bar:

        def progress(done: int, total: int | None, frame: Tensor) -> None:
            bar.total = total
            bar.update(done - bar.n)

        with _named_remedies():
            result = stylize_video(
                stylizer,
                args.input,
                args.output,
                keyframes=keyframes,
                part=part,
                encoding=Encoding(args.codec, args.quality, args.chroma, args.bit_depth),
                if_exists="resume" if args.resume else "replace" if args.overwrite else "error",
                progress=progress,
            )
    _report(args, result, round(time.perf_counter() - started, 3))
    return 0 if result.complete else 1


@contextlib.contextmanager
def _named_remedies() -> Iterator[None]:
    """Add the options for what an error advises to its message."""
    try:
        yield
    except VideoFileError as error:
        if not error.remedies:
            raise
        options = ", ".join(_REMEDIES[remedy] for remedy in error.remedies)
        raise VideoFileError(f"{error} ({options})") from error


def _keyframes(
    model: AdaINModel, moments: Sequence[_Moment], sources: Mapping[str, Style | str], size: int
) -> list[Keyframe]:
    """Return the keyframes with their encoded styles."""
    styles = {
        path: _encode(model, path, sources[path], size)
        for moment in moments
        for path in moment.paths
    }
    return [
        Keyframe(moment.at, moment.mix(styles), moment.alpha, moment.seconds) for moment in moments
    ]


def _encode(model: AdaINModel, path: str, source: Style | str, size: int) -> Style:
    if isinstance(source, str):
        return model.encode_style(source, size=size)
    try:
        require_same_encoder(model, source)
    except StyleMismatchError as error:
        raise StyleMismatchError(f"--keyframe {path}: {error}") from None
    return source


def _report(args: argparse.Namespace, result: VideoResult, seconds: float) -> None:
    for note in result.notes:
        print_note(note)
    if args.json:
        print_json(
            {"input": args.input, "output": args.output, "seconds": seconds, **asdict(result)}
        )
    else:
        frames = "1 frame" if result.frames == 1 else f"{result.frames} frames"
        print_line(f"{args.output} ({result.width}x{result.height}, {frames}, {seconds:.1f} s)")


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
    moments = [_parse_moment(text, args.alpha) for text in args.keyframe]
    for moment in moments:
        if len(moment.regions) > 1 and not args.mask:
            raise ValueError(
                f"--keyframe {moment.text}: several styles are mixed with weights such as "
                "weights=3:1, or need a --mask for each"
            )
    return moments


def _parse_moment(text: str, alpha: float) -> _Moment:
    when, _, rest = text.partition("=")
    paths, weights, unknown = [], None, ""
    try:
        at = float(when.removesuffix("s"))
        for part in rest.split(","):
            key, _, value = part.partition("=")
            if key == "alpha":
                alpha = float(value)
            elif key == "weights":
                weights = [float(weight) for weight in value.split(":")]
            elif value and key.isidentifier() and not Path(part).exists():
                unknown = part
            else:
                paths.append(part)
        if not all(paths) or not (paths or unknown):
            raise ValueError
    except ValueError:
        raise ValueError(
            "expected a keyframe such as 120=painting.jpg, 5s=painting.jpg,alpha=0.5 or "
            f"0=one.jpg,other.jpg,weights=3:1, got {text!r}"
        ) from None
    if unknown:
        raise ValueError(
            f"--keyframe {text}: expected a file, alpha=… or weights=…, got {unknown!r}"
        )
    if "alpha=" in rest and not 0 <= alpha <= 1:
        raise ValueError(f"--keyframe {text}: alpha must lie in 0..1, got {alpha:g}")
    return _Moment(text, at, when.endswith("s"), paths, weights, alpha)
