"""Checks of outputs before any work: existing files, and files that cannot be written."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..utils.files import check_tensors_suffix


def check_replaceable(
    paths: Sequence[Path], overwrite: bool, advice: str = "pass --overwrite to replace it"
) -> None:
    """Raise ``ValueError`` for folders, and for existing files without ``overwrite``."""
    taken = [path for path in paths if path.exists() and not (overwrite and path.is_file())]
    if not taken:
        return
    first = taken[0]
    if first.is_dir():
        raise ValueError(f"cannot write {first}: a folder has that name; name a file in it")
    others = f" (and {len(taken) - 1} more)" if len(taken) > 1 else ""
    raise ValueError(f"{first} exists{others}; {advice}")


def check_output_file(path: Path, overwrite: bool) -> None:
    """Raise ``ValueError`` unless the file can be written; nothing is created."""
    check_replaceable([path], overwrite)
    if not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: there is no folder {path.parent}")


def check_safetensors_output(path: Path, overwrite: bool) -> None:
    """Raise ``ValueError`` unless the model or style file can be written."""
    check_tensors_suffix(path)
    check_output_file(path, overwrite)


def read_files(args: argparse.Namespace) -> list[str]:
    """Return the files in :func:`~adain_core.cli.arguments.add_style_options`' arguments."""
    return [*args.style, *(args.mask or []), *([args.background] if args.background else [])]


def refuse_inputs(outputs: Sequence[Path], read: Sequence[str | Path]) -> None:
    """Raise ``ValueError`` if an output would replace an input."""
    inputs = {_identity(Path(path)) for path in read}
    for output in outputs:
        if output.exists() and _identity(output) in inputs:
            raise ValueError(f"cannot write {output}: it is one of the inputs; choose another name")


def _identity(file: Path) -> object:
    """Return what all names of a file have in common (links, case-insensitive disks)."""
    try:
        status = file.stat()
    except OSError:  # reported when it is read
        return file
    return status.st_dev, status.st_ino
