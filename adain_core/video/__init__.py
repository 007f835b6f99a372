"""Videos: ``stylize_video`` and styles that change over time. Needs the package av (PyAV)."""

from . import pyav as _pyav  # noqa: F401 (says what is missing)
from .keyframes import Keyframe, Keyframes
from .pipeline import VideoResult, stylize_video
from .reader import Frame, VideoReader

__all__ = ["Frame", "Keyframe", "Keyframes", "VideoReader", "VideoResult", "stylize_video"]
