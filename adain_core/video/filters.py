"""Chains of FFmpeg's filters for frames before they are drawn."""

from __future__ import annotations

from fractions import Fraction

import av
import av.filter

# Fields to frames, as many as before, where a frame says that it has fields.
DEINTERLACE = (("bwdif", "mode=send_frame:deint=interlaced"),)
# PQ and HLG to SDR, highlights rolled off: HLG's reference white becomes 173 of 255.
TO_SDR = (("scale", "out_primaries=bt709:out_transfer=bt709:intent=perceptual"),)


class FilterChain:
    """Takes frames and gives those that are done; built anew where their size or format changes.

    Args:
        filters: names and arguments, in their order.
    """

    def __init__(self, filters: tuple[tuple[str, str], ...]) -> None:
        self._filters = filters
        self._graph: av.filter.Graph | None = None
        self._form: tuple[object, ...] = ()
        self._clock = Fraction(1)

    def push(self, picture: av.VideoFrame) -> list[av.VideoFrame]:
        """Add a frame; returns those that are done with their times by its clock."""
        done: list[av.VideoFrame] = []
        form = (picture.width, picture.height, picture.format.name, picture.time_base)
        if self._graph is None or form != self._form:
            done, self._form = self.flush(), form
            self._graph = self._built(picture)
        self._graph.vpush(picture)
        return done + self._pulled()

    def flush(self) -> list[av.VideoFrame]:
        """Return the frames that still wait for others."""
        if self._graph is None:
            return []
        self._graph.vpush(None)
        done, self._graph = self._pulled(), None
        return done

    def _built(self, picture: av.VideoFrame) -> av.filter.Graph:
        self._clock = picture.time_base or Fraction(1, 90000)
        graph = av.filter.Graph()
        last = graph.add(
            "buffer",
            f"width={picture.width}:height={picture.height}:pix_fmt={picture.format.name}"
            f":time_base={self._clock}:colorspace={int(picture.colorspace)}"
            f":range={int(picture.color_range)}",
        )
        for name, arguments in (*self._filters, ("buffersink", "")):
            following = graph.add(name, arguments or None)
            last.link_to(following)
            last = following
        graph.configure()
        return graph

    def _pulled(self) -> list[av.VideoFrame]:
        assert self._graph is not None
        done: list[av.VideoFrame] = []
        while True:
            try:
                picture = self._graph.vpull()
            except (BlockingIOError, EOFError):
                return done
            # Some filters count in finer units.
            if picture.pts is not None and picture.time_base is not None:
                units = picture.time_base / self._clock
                picture.pts = round(picture.pts * units)
                picture.duration = round(picture.duration * units)
                picture.time_base = self._clock
            done.append(picture)
