"""Opening untrusted videos, only in formats that cannot refer to other files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import av

from .files import file_url, is_address

# FFmpeg formats that may be opened, whatever a file is called. Some of the others open files and
# addresses named in the file (playlists, lists of parts, session descriptions), or run scripts.
_FORMATS = (
    *("apng", "asf", "av1", "avi", "avs2", "avs3", "cavsvideo", "dhav", "dnxhd", "dv", "flic"),
    *("flv", "gif", "gxf", "h261", "h263", "h264", "hevc", "image2", "ivf", "live_flv", "m4v"),
    *("matroska", "mjpeg", "mjpeg_2000", "mov", "mpeg", "mpegts", "mpegtsraw", "mpegvideo"),
    *("mpjpeg", "mxf", "nsv", "nut", "nuv", "obu", "ogg", "rm", "swf", "vc1", "vvc", "wtv"),
    "yuv4mpegpipe",
    # Images.
    *("bmp_pipe", "dpx_pipe", "exr_pipe", "j2k_pipe", "jpeg_pipe", "jpegxl_anim", "jpegxl_pipe"),
    *("pam_pipe", "pbm_pipe", "pgm_pipe", "png_pipe", "ppm_pipe", "sgi_pipe", "tiff_pipe"),
    "webp_pipe",
    # Audio files, for the error that they have no video stream.
    *("aac", "aiff", "flac", "mp3", "wav"),
)
_FILES_ALONE = {"protocol_whitelist": "file", "format_whitelist": ",".join(_FORMATS)}


def open_input(path: str | os.PathLike[str], options: Mapping[str, str] | None = None) -> Any:
    """Return an opened container.

    A file cannot refer to other files or URLs. For a URL, FFmpeg decides, but allows no files.

    Args:
        path: a file, or an address such as ``https://…``.
        options: FFmpeg's options.

    Raises:
        av.ArgumentError: a file in another format, such as a playlist.
        av.FFmpegError: the file cannot be read.
    """
    rules = {} if is_address(path) else _FILES_ALONE
    return av.open(file_url(path), options={**rules, **(options or {})}, metadata_errors="replace")
