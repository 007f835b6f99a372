"""Videos: ``stylize_video``, and styles that change over time. Requires the package av (PyAV)."""

from . import pyav as _pyav  # noqa: F401 (explains what is missing)
from .clock import Part
from .formats import Encoding
from .frame import Frame
from .keyframes import Keyframe, Keyframes
from .pipeline import VideoResult, stylize_video
from .reader import VideoReader

__all__ = [
    "Encoding",
    "Frame",
    "Keyframe",
    "Keyframes",
    "Part",
    "VideoReader",
    "VideoResult",
    "stylize_video",
]
