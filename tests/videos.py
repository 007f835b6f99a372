"""Videos stylized by the library, with options of all its parts."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from adain_core import AdaINModel
from adain_core.choices import SINGLE_PASS
from adain_core.options import StylizeOptions
from adain_core.stylizer import Stylizer
from adain_core.temporal import TemporalPool
from adain_core.video import Encoding, Part, VideoResult, stylize_video


def stylize_with_options(
    model: AdaINModel, source: Any, output: Any, styles: Any, **options: Any
) -> VideoResult:
    """Stylize a video.

    Args:
        model: the model.
        source: the video.
        output: the file.
        styles: one style or several.
        **options: of :class:`StylizeOptions`, :class:`Part`, :class:`Encoding` and
            :func:`stylize_video`; ``temporal``, ``temporal_length``, ``overwrite`` and ``resume``
            as on the command line.
    """
    pool = TemporalPool(options.pop("temporal", "ema"), options.pop("temporal_length", 8))
    options.setdefault("stroke_size", SINGLE_PASS)
    request = StylizeOptions(styles, **_take(StylizeOptions, options))
    part, encoding = Part(**_take(Part, options)), Encoding(**_take(Encoding, options))
    stylizer = Stylizer(model, request, pool)
    for name, if_exists in (("overwrite", "replace"), ("resume", "resume")):
        if options.pop(name, False):
            options["if_exists"] = if_exists
    return stylize_video(stylizer, source, output, part=part, encoding=encoding, **options)


def _take(kind: type, options: dict[str, Any]) -> dict[str, Any]:
    """Take the options out that are a dataclass's."""
    names = {each.name for each in fields(kind)} & options.keys()
    return {name: options.pop(name) for name in names}
