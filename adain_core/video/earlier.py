"""Encoded frames of an unfinished video, for resuming it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from .inputs import open_input

_START = b"\0\0\0\1"  # start code of a unit in the byte streams of H.264 and H.265
_LENGTH = len(_START)  # MP4 and Matroska have the unit's size instead, which is as long
# Shift and mask of the unit type in the first byte, and the types that describe the stream.
_PARAMETERS = {"h264": (0, 0x1F, (7, 8)), "hevc": (1, 0x3F, (32, 33, 34))}


class EarlierFrames:
    """The complete frames of an unfinished file.

    Args:
        path: the file.

    Attributes:
        count: number of frames.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._codec, self._parameters = "", b""
        times: list[int] = []
        self._keys: list[bool] = []
        size = path.stat().st_size
        with contextlib.suppress(OSError, av.FFmpegError), self._open() as container:
            stream = container.streams.video[0]
            self._codec = stream.codec_context.name
            self._parameters = bytes(stream.codec_context.extradata or b"")
            for packet in container.demux(stream):
                # The last packet may have lost its end.
                whole = packet.size > 0 and (packet.pos or 0) + packet.size <= size
                if not whole or packet.pts is None:
                    break
                times.append(packet.pts)
                self._keys.append(packet.is_keyframe)
        self.count = len(times)
        self._times = times

    def usable(self, frames: int) -> bool:
        """Return whether the first frames and the others can be decoded independently."""
        if not 0 < frames <= self.count:
            return False
        if frames == self.count:
            return True
        return self._keys[frames] and max(self._times[:frames]) < min(self._times[frames:])

    def fits(self, parameters: bytes) -> bool:
        """Return whether an encoder would continue the stream with the same parameters.

        Args:
            parameters: extradata of the encoder.
        """
        if self._codec not in _PARAMETERS:
            return True
        shift, mask, kinds = _PARAMETERS[self._codec]
        units = [unit for unit in parameters.replace(_START, _START[1:]).split(_START[1:]) if unit]
        described = [unit for unit in units if unit[0] >> shift & mask in kinds]
        return all(unit in self._parameters for unit in described)

    def read(self, frames: int) -> Iterator[tuple[int, av.Packet[Any]]]:
        """Yield the packets of the first frames in decoding order.

        Args:
            frames: number of frames.

        Yields:
            The display position of each frame, and its packet without times.
        """
        places = {time: place for place, time in enumerate(sorted(self._times[:frames]))}
        with self._open() as container:
            stream = container.streams.video[0]
            for packet, _ in zip(container.demux(stream), range(frames), strict=False):
                copy = av.Packet(self._as_encoded(bytes(packet)))
                copy.is_keyframe = packet.is_keyframe
                assert packet.pts is not None
                yield places[packet.pts], copy

    def _open(self) -> Any:
        return open_input(self._path)

    def _as_encoded(self, data: bytes) -> bytes:
        """Return a packet as the encoder wrote it, with start codes instead of lengths."""
        if self._codec not in _PARAMETERS or data.startswith(_START):
            return data
        result, place = bytearray(data), 0
        while place + _LENGTH < len(data):
            length = int.from_bytes(data[place : place + _LENGTH], "big")
            result[place : place + _LENGTH] = _START
            place += _LENGTH + length
        return bytes(result)
