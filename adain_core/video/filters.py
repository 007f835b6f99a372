"""Chains of FFmpeg filters for decoded frames."""

from __future__ import annotations

from fractions import Fraction

import av
import av.filter

# Deinterlaces frames that are marked as interlaced; their number stays the same.
DEINTERLACE = (("bwdif", "mode=send_frame:deint=interlaced"),)
# PQ and HLG to SDR with soft highlights: the reference white of HLG becomes 173 of 255.
TO_SDR = (("scale", "out_primaries=bt709:out_transfer=bt709:intent=perceptual"),)


class FilterChain:
    """A chain of filters, rebuilt if the size or format of the frames changes.

    Args:
        filters: names and arguments, in order.
    """

    def __init__(self, filters: tuple[tuple[str, str], ...]) -> None:
        self._filters = filters
        self._graph: av.filter.Graph | None = None
        self._form: tuple[object, ...] = ()
        self._clock = Fraction(1)

    def push(self, frame: av.VideoFrame) -> list[av.VideoFrame]:
        """Add a frame; return finished frames, with times in its time base."""
        done: list[av.VideoFrame] = []
        form = (frame.width, frame.height, frame.format.name, frame.time_base)
        if self._graph is None or form != self._form:
            done, self._form = self.flush(), form
            self._graph = self._built(frame)
        self._graph.vpush(frame)
        return done + self._pulled()

    def flush(self) -> list[av.VideoFrame]:
        """Return the frames that the filters still hold."""
        if self._graph is None:
            return []
        self._graph.vpush(None)
        done, self._graph = self._pulled(), None
        return done

    def _built(self, frame: av.VideoFrame) -> av.filter.Graph:
        self._clock = frame.time_base or Fraction(1, 90000)
        graph = av.filter.Graph()
        last = graph.add(
            "buffer",
            f"width={frame.width}:height={frame.height}:pix_fmt={frame.format.name}"
            f":time_base={self._clock}:colorspace={int(frame.colorspace)}"
            f":range={int(frame.color_range)}",
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
                frame = self._graph.vpull()
            except (BlockingIOError, EOFError):
                return done
            # Some filters use a finer time base.
            if frame.pts is not None and frame.time_base is not None:
                units = frame.time_base / self._clock
                frame.pts = round(frame.pts * units)
                frame.duration = round(frame.duration * units)
                frame.time_base = self._clock
            done.append(frame)
