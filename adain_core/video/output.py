"""Opening an output for writing."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import VideoFileError, reason
from .files import partial_file, refuse_inputs, same_file
from .formats import Encoding
from .partial import PartialFile
from .reader import VideoReader
from .sequence import SequenceWriter
from .writer import VideoWriter, Writer


def open_writer(
    path: Path,
    reader: VideoReader,
    encoding: Encoding,
    *,
    overwrite: bool = False,
    resume: bool = False,
    inputs: Iterable[str | os.PathLike[str]] = (),
) -> Writer:
    """Return a writer for an output, whose file is locked.

    Args:
        path: the file, or the pattern of numbered images, such as ``frames/%06d.png``.
        reader: reader of the input, for times, colors and audio; it must stay open.
        encoding: the encoding, with codec.
        overwrite: replace existing files.
        resume: continue the partial result of an earlier run.
        inputs: other input files.

    Raises:
        VideoFileError: the file or a partial result exists, another run is writing it, it is an
            input, or its folder does not exist.
    """
    refuse_inputs(inputs, path)
    if encoding.codec == "png":
        return SequenceWriter(path, reader.path, overwrite or resume)
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:  # a loop of links, a name that is too long
        raise VideoFileError(f"cannot write {path}: {reason(error)}") from None
    for file in (path, partial_file(path)):
        if same_file(file, reader.path):
            raise VideoFileError(f"cannot write {path}: {file} is the input video")
    if path.exists() and not overwrite:
        raise VideoFileError(
            f"cannot write {path}: the file exists; choose another name or allow replacing it",
            "replace",
        )
    if not path.parent.is_dir():
        raise VideoFileError(f"cannot write {path}: there is no folder {path.parent}")
    return VideoWriter(path, PartialFile(path, overwrite, resume), reader, encoding)
