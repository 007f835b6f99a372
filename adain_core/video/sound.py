"""Audio of a video: copied, or re-encoded if the output does not support it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.bitstream import BitStreamFilterContext

from .formats import is_mp4
from .frame import Packet

# Audio codecs that players support in a movie. FFmpeg would write more, but some of them fail, even
# at the end of the work, and some play nowhere.
_PCM = "s8 u8 s16le s16be s24le s24be s32le s32be f32le f32be f64le f64be alaw mulaw"
_MOVIE_SOUND = {
    ".mp4": ("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"),
    ".m4v": ("aac", "ac3", "alac"),
    ".mov": ("aac", "mp3", "ac3", "eac3", "alac", *(f"pcm_{kind}" for kind in _PCM.split())),
}


@dataclass(frozen=True)
class _Track:
    """An audio stream of the output.

    Attributes:
        stream: PyAV's stream.
        is_encoded: whether it is re-encoded.
        headers: filter that removes the headers of copied packets, if there are any.
    """

    stream: Any
    is_encoded: bool
    headers: BitStreamFilterContext | None = None


class SoundWriter:
    """Writes the audio tracks of an opened container.

    Args:
        path: name of the output, for its suffix and the notes.
        container: opened for writing, before its first packet.
        streams: audio streams of the input.
        notes: receives a sentence for each re-encoded track.

    Attributes:
        damaged: number of damaged packets, which are left out.
    """

    def __init__(
        self, path: Path, container: Any, streams: Sequence[av.AudioStream], notes: list[str]
    ) -> None:
        self.damaged = 0
        self._path, self._container, self._notes = path, container, notes
        if streams and not takes_sound(path):
            notes.append(f"{path}: {path.suffix} files have no sound")
            streams = ()
        self._tracks = {stream.index: self._add(stream) for stream in streams}

    def write(self, packets: Iterable[Packet]) -> None:
        """Write packets of the input."""
        for packet in packets:
            track = self._tracks.get(packet.stream.index)
            if track is None:
                continue
            if not track.is_encoded:
                self._copy(track, packet)
                continue
            try:
                parts = packet.decode()
            except av.InvalidDataError:
                self.damaged += 1
                continue
            for part in parts:
                self._container.mux(track.stream.encode(part))

    def finish(self) -> None:
        """Write the packets that encoders and filters still hold."""
        for track in self._tracks.values():
            if track.is_encoded:
                self._container.mux(track.stream.encode(None))
            else:
                self._copy(track, None)

    def _add(self, stream: Any) -> _Track:
        decoder = stream.codec_context.codec
        codec = decoder.canonical_name
        # FFmpeg's list also has names of decoders, for some codecs only these.
        known = decoder.name in self._container.supported_codecs
        sure = _MOVIE_SOUND.get(self._path.suffix.lower())
        if known if sure is None else codec in sure:
            track = self._add_copy(stream, codec)
        else:
            track = self._add_encoder(stream, codec)
        track.stream.disposition = stream.disposition
        for key in ("language", "title"):
            if key in stream.metadata:
                track.stream.metadata[key] = stream.metadata[key]
        return track

    def _add_copy(self, stream: Any, codec: str) -> _Track:
        headers = None
        added = self._container.add_stream_from_template(stream)
        if is_mp4(self._path) and codec == "aac" and not stream.codec_context.extradata:
            # A transport stream describes AAC in every packet (ADTS), a movie once.
            headers = BitStreamFilterContext("aac_adtstoasc", stream)
        return _Track(added, is_encoded=False, headers=headers)

    def _add_encoder(self, stream: Any, codec: str) -> _Track:
        encoder = "libopus" if self._path.suffix.lower() == ".webm" else "aac"
        rates = av.Codec(encoder, "w").audio_rates or []
        rate = min(rates, key=lambda rate: abs(rate - stream.rate))
        added = self._container.add_stream(encoder, rate=rate)
        added.layout = "mono" if stream.channels == 1 else "stereo"
        mixed = f", its {stream.channels} channels mixed to two" if stream.channels > 2 else ""
        self._notes.append(
            f"{self._path}: {self._path.suffix} does not take {codec} sound; it is encoded as "
            f"{encoder.removeprefix('lib')}{mixed}"
        )
        return _Track(added, is_encoded=True)

    def _copy(self, track: _Track, packet: Packet | None) -> None:
        """Copy a packet, ``None`` to end; damaged ones are left out."""
        packets = [] if packet is None else [packet]
        if track.headers is not None:
            try:
                packets = track.headers.filter(packet)
            except (av.InvalidDataError, av.PatchWelcomeError):  # the latter for invalid headers
                self.damaged += 1
                return
        for copied in packets:
            copied.stream = track.stream
            self._container.mux(copied)


def takes_sound(path: Path) -> bool:
    """Return whether files with this suffix can have audio."""
    return path.suffix.lower() not in (".gif", ".png")
