"""Style Transfer Video (AdaIN): a video file in, a video file out."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..adain_core import Style
from ..adain_core.choices import SINGLE_PASS
from ..adain_core.stylizer import Stylizer
from . import host, host_video
from .batches import common_count, single, take
from .errors import named_errors
from .inputs import (
    ALPHA,
    BIT_DEPTH,
    CATEGORY,
    CONTENT_RESIDUAL,
    FEATHER,
    HIDDEN,
    MASK,
    OPTIONAL_MODEL,
    PHOTO_SHARE,
    PRESERVE_COLOR,
    REGION_STATISTICS,
    STROKE_SIZE,
    STYLE,
    STYLE_SIZE,
    TEMPORAL,
    TEMPORAL_LENGTH,
    TILE,
    WEIGHT,
    ChecksBeforeRun,
    advanced,
)
from .library import model_or_default
from .request import NUMBERS, Request, require_region

if TYPE_CHECKING:
    from ..adain_core.video import Keyframe

_LOG = logging.getLogger(__name__)


class AdaINStylizeVideo(ChecksBeforeRun):
    """A video of any length, frame by frame from file to file."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Stylizes a video with one artwork or several. Frames are read, stylized and written "
        "one by one, so memory use does not depend on the length. Audio and timing are "
        "preserved."
    )
    SEARCH_ALIASES = ("neural style video", "video to painting", "stylize video", "stylize clip")
    RETURN_TYPES = ("VIDEO",)
    RETURN_NAMES = ("video",)
    OUTPUT_TOOLTIPS = ("The stylized video, H.264 in MP4, for Save Video.",)
    FUNCTION = "stylize"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        # Saved workflows hold widget values by position: new ones go to the end.
        return {
            "required": {
                "video": ("VIDEO", {"tooltip": "The video, for example from Load Video."}),
                "style_1": STYLE,
                "alpha": ALPHA,
            },
            "optional": {
                "model": OPTIONAL_MODEL,
                **{f"style_{number}": STYLE for number in NUMBERS[1:]},
                "preserve_color": PRESERVE_COLOR,
                "style_size": advanced(STYLE_SIZE),
                **{f"weight_{number}": advanced(WEIGHT) for number in NUMBERS},
                "tile": advanced(TILE),
                "temporal": advanced((TEMPORAL[0], {**TEMPORAL[1], "default": "ema"})),
                "temporal_length": advanced(TEMPORAL_LENGTH),
                "content_residual": advanced(CONTENT_RESIDUAL),
                **{f"mask_{number}": MASK for number in NUMBERS},
                "feather": advanced(FEATHER),
                "region_statistics": advanced(REGION_STATISTICS),
                # One pass flickers least: each later one amplifies remaining flicker.
                "stroke_size": (STROKE_SIZE[0], {**STROKE_SIZE[1], "default": SINGLE_PASS}),
                "photo_share": advanced(PHOTO_SHARE),
                "bit_depth": advanced(BIT_DEPTH),
            },
            "hidden": HIDDEN,
        }

    def stylize(
        self,
        video: Any,
        model: host.ManagedModel | None = None,
        bit_depth: int = BIT_DEPTH[1]["default"],
        **inputs: Any,
    ) -> tuple[Any]:
        """Run the node."""
        # Imported here: stylizing images does not need PyAV.
        from ..adain_core.video import Encoding, stylize_video
        from ..adain_core.video.files import delete_partial

        request = Request.read(self, inputs)
        count = common_count(request.changing)
        common_count({**request.changing, **request.mask_counts})
        if request.masks and not request.background:
            require_region(request.masks)
        if count > 1 and request.recolors:
            raise ValueError(
                f"preserve_color {request.options['preserve_color']} recolors the artworks for "
                "each frame, which does not go with alphas or weights for each frame; choose "
                "luminance"
            )
        model = model_or_default(model)
        request.check_model(model)
        size = host_video.video_size(video)
        request = request.encode(model, size, host.Progress(request.artworks))
        keyframes = _keyframes(request, count)
        if keyframes is not None:
            request = replace(request, alphas=[1.0], weights={})
        network = model.load(*size)
        stylizer = Stylizer(network, request.build(), request.pool())
        made = host.temporary_file(".mp4")
        show = host.VideoProgress().frame
        # Frames of a part keep their numbers in the whole file.
        as_part = keyframes is None and all(count == 1 for count in request.mask_counts.values())
        with named_errors(request.names), host_video.video_file(video, as_part) as (source, part):
            try:
                result = stylize_video(
                    stylizer,
                    source,
                    made,
                    keyframes=keyframes,
                    part=part,
                    encoding=Encoding(bit_depth=bit_depth),
                    progress=show,
                )
            except BaseException as error:
                cancelled = host.interruption(error)
                if cancelled is None:
                    raise
                delete_partial(made)
                raise cancelled from None
        for note in result.notes:
            _LOG.warning("Style Transfer Video (AdaIN): %s", note)
        return (host_video.as_video(made),)


def _keyframes(request: Request, count: int) -> list[Keyframe] | None:
    """Return the keyframes of styles and alphas; ``None`` if they are constant."""
    from ..adain_core.video import Keyframe

    if count == 1:
        return None
    keyframes = []
    for number in range(count):
        options = request.build(single(number))
        styles = [source for source in options.sources if isinstance(source, Style)]
        if options.masks is None:
            styles = [Style.mix(styles, options.shares[0].tolist())]
        keyframes.append(Keyframe(number, styles, take(request.alphas, single(number))[0]))
    return keyframes
