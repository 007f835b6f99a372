"""Colors of a video's frames: YUV and RGB, HDR to SDR, transparency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np

from .filters import TO_SDR, FilterChain

# FFmpeg's AVColorSpace to swscale's matrices, for those it can compute: 709, FCC, 601 (twice),
# 240M, 2020 (twice).
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
_BT709, _BT601 = 1, 6
_LIMITED, _FULL = 1, 2
_HDR = (16, 18)  # transfer by PQ (SMPTE 2084) and HLG (ARIB STD-B67)
# Bilinear, color interpolated at full resolution, accurate rounding.
_SCALING = 2 | 0x2000 | 0x4000 | 0x40000


@dataclass(frozen=True)
class Color:
    """The color encoding of a video, in FFmpeg's codes.

    Attributes:
        matrix: AVColorSpace.
        full: whether luma takes 0..255, not 16..235.
        primaries: AVColorPrimaries, 2 for unknown.
        transfer: AVColorTransferCharacteristic, 2 for unknown.
    """

    matrix: int = _BT709
    full: bool = False
    primaries: int = 2
    transfer: int = 2

    @property
    def range(self) -> int:
        """AVColorRange."""
        return _FULL if self.full else _LIMITED

    def tag(self, context: Any) -> None:
        """Set the codes of an encoder or of a frame."""
        context.colorspace, context.color_range = self.matrix, self.range
        context.color_primaries, context.color_trc = self.primaries, self.transfer


class RgbReader:
    """Converts decoded frames to opaque SDR RGB.

    Args:
        name: name of the video, for the notes.
        notes: receives a sentence once when HDR is converted and when transparency is dropped.
        has_alpha: whether the alpha channel is stored separately from the frames, as in WebM.
        deep: return float32 instead of 8 bits.
    """

    def __init__(
        self, name: object, notes: list[str], has_alpha: bool = False, deep: bool = False
    ) -> None:
        self._name, self._notes, self._has_alpha = name, notes, has_alpha
        # Not 16-bit RGB: FFmpeg's conversion from 4:2:0 to it is inaccurate.
        self._format = "gbrpf32le" if deep else "rgb24"
        self._told_transparency = False
        self._to_sdr: FilterChain | None = None  # once there is HDR

    def read(self, frame: av.VideoFrame) -> np.ndarray[Any, Any]:
        """Return a frame's pixels, ``(H, W, 3)``, uint8, or float32 in 0..1."""
        self._tell_transparency(frame)
        if frame.color_trc not in _HDR:
            rgb = _to_rgb(frame, self._format)
        else:
            if self._to_sdr is None:
                self._to_sdr = FilterChain((*TO_SDR, ("format", self._format)))
                self._notes.append(f"{self._name}: HDR (PQ or HLG) is converted to SDR")
            [rgb] = self._to_sdr.push(frame)
        pixels = rgb.to_ndarray()
        return pixels if pixels.dtype == np.uint8 else pixels.clip(0, 1)

    def _tell_transparency(self, frame: av.VideoFrame) -> None:
        """Note the first transparent frame; most files with an alpha channel are opaque."""
        if not self._told_transparency and (self._has_alpha or _is_transparent(frame)):
            self._notes.append(f"{self._name}: transparency is left out")
            self._told_transparency = True


def read_color(frame: av.VideoFrame) -> Color:
    """Return the color encoding of a frame after the conversion of HDR."""
    if frame.color_trc in _HDR:
        return Color(primaries=_BT709, transfer=_BT709)
    if _is_rgb(frame):
        return Color()
    matrix = int(frame.colorspace)
    if matrix not in _MATRICES:
        # Untagged: like players, treat SD as BT.601 and anything larger as BT.709.
        matrix = _BT709 if frame.width >= 1280 or frame.height > 576 else _BT601
    full = frame.color_range == _FULL or frame.format.name.startswith("yuvj")
    return Color(matrix, full, int(frame.color_primaries), int(frame.color_trc))


def to_yuv(frame: av.VideoFrame, pixel_format: str, color: Color) -> av.VideoFrame:
    """Return an RGB frame in a codec's pixel format, with color tags."""
    frame.colorspace = color.matrix  # PyAV 17 does not know BT.2020 by the argument alone
    yuv = frame.reformat(
        format=pixel_format,
        src_colorspace=_MATRICES[color.matrix],
        dst_colorspace=_MATRICES[color.matrix],
        src_color_range=_FULL,
        dst_color_range=color.range,
        interpolation=_SCALING,
    )
    color.tag(yuv)
    return yuv


def _to_rgb(frame: av.VideoFrame, pixel_format: str) -> av.VideoFrame:
    if _is_rgb(frame):
        return frame.reformat(format=pixel_format)
    color = read_color(frame)
    return frame.reformat(
        format=pixel_format,
        src_colorspace=_MATRICES[color.matrix],
        dst_colorspace=_MATRICES[color.matrix],
        src_color_range=color.range,
        dst_color_range=_FULL,
        interpolation=_SCALING,
    )


def _is_rgb(frame: av.VideoFrame) -> bool:
    return frame.format.is_rgb or frame.format.has_palette


def _is_transparent(frame: av.VideoFrame) -> bool:
    kind = frame.format
    if not (kind.has_palette or any(component.is_alpha for component in kind.components)):
        return False
    return bool(frame.reformat(format="rgba").to_ndarray()[..., 3].min() < 255)
