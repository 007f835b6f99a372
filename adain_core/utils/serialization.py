"""Reading and writing the project's safetensors files: models and styles.

safetensors holds nothing but named arrays and a text dictionary, so a file cannot run code.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..errors import WeightsError, reason, require_path
from .files import replace_atomically

FORMAT_VERSION = 1


def write_tensors(
    path: str | os.PathLike[str],
    kind: str,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str],
    overwrite: bool = True,
) -> None:
    """Write a safetensors file of this project, atomically.

    Args:
        path: where to.
        kind: what the file is, ``"adain-model"`` or ``"adain-style"``.
        tensors: the arrays.
        metadata: text entries beside ``format`` and ``format_version``.
        overwrite: replace an existing file.

    Raises:
        WeightsError: the file cannot be written, or exists and is not to be replaced.
    """
    require_path(path)
    path = Path(path)
    entries = {"format": kind, "format_version": str(FORMAT_VERSION), **metadata}
    entries = {name: _utf8(text) for name, text in entries.items()}
    # Copies: safetensors refuses tensors that share their memory, such as rows of one table.
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    try:
        with replace_atomically(path, overwrite) as temporary:
            # Not save_file: its files are readable by their owner only.
            temporary.write_bytes(_sort_metadata(save(copies, metadata=entries)))
    except FileExistsError:
        raise WeightsError(
            f"{path}: the file exists; choose another name or allow replacing it"
        ) from None
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: cannot be written: {reason(error)}") from None


def _sort_metadata(content: bytes) -> bytes:
    """Return a safetensors file whose metadata are sorted; safetensors writes them in any order."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of 8
    return len(text).to_bytes(8, "little") + text + content[start:]


def _utf8(text: str) -> str:
    """Return text that UTF-8 can hold: a name made of a file's may have bytes that it cannot."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def read_metadata(path: str | os.PathLike[str], kind: str) -> dict[str, str]:
    """Return the text entries of a file written by :func:`write_tensors`, without its tensors.

    Raises:
        WeightsError: as :func:`read_tensors`.
    """
    return _read(path, kind, with_tensors=False)[1]


def read_tensors(
    path: str | os.PathLike[str], kind: str
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a file written by :func:`write_tensors`.

    Args:
        path: the file.
        kind: what is expected in it, ``"adain-model"`` or ``"adain-style"``.

    Returns:
        The tensors (on the CPU) and the metadata.

    Raises:
        WeightsError: the file is missing, damaged, no safetensors file, of another kind, or
            of a newer format version.
    """
    return _read(path, kind, with_tensors=True)


def _read(
    file: str | os.PathLike[str], kind: str, with_tensors: bool
) -> tuple[dict[str, Tensor], dict[str, str]]:
    require_path(file)
    path = Path(file)
    try:
        if not path.is_file():
            raise WeightsError(f"{path}: no such file")
        path.open("rb").close()  # why it cannot be opened is said in the system's words
        with _utf8_path(path) as name, safe_open(name, framework="pt") as opened:
            metadata = dict(opened.metadata() or {})
            _check_kind(path, kind, metadata)
            tensors: dict[str, Tensor] = {}
            for key in opened.keys() if with_tensors else ():
                # Copies: on Windows a file that tensors are still a view of cannot be replaced.
                tensors[key] = opened.get_tensor(key).clone()
                _check_precision(path, key, tensors[key])
            return tensors, metadata
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {reason(error)}") from None
    except (SafetensorError, ValueError) as error:
        message = f"{path}: damaged or not a safetensors file ({error})"
        if _is_pth(path):
            message += "; adain_core.weights.convert.convert_vgg19() converts .pth files"
            raise WeightsError(message, "convert_vgg19") from None
        raise WeightsError(message) from None


@contextlib.contextmanager
def _utf8_path(path: Path) -> Iterator[Path]:
    """Yield a path that safetensors takes: for a name that is not UTF-8 a link to it."""
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        with TemporaryDirectory() as folder:
            link = Path(folder) / "link"
            link.symlink_to(path.resolve())
            yield link
    else:
        yield path


def _is_pth(path: Path) -> bool:
    """Whether a file starts as a zip file or a pickle does."""
    try:
        with path.open("rb") as file:
            return file.read(2) in (b"PK", b"\x80\x02")
    except OSError:
        return False


def _check_precision(path: Path, key: str, tensor: Tensor) -> None:
    # torch can do nothing with some of them, and little with the others.
    if tensor.is_floating_point() and tensor.dtype.itemsize < 2:
        raise WeightsError(
            f"{path}: tensor {key} should be of 16 bits or more, got {tensor.dtype}; store it as "
            "float16"
        )


def _check_kind(path: Path, kind: str, metadata: Mapping[str, str]) -> None:
    found = metadata.get("format")
    if found != kind:
        came = f"a file of format {found!r}" if found else "a safetensors file without its metadata"
        raise WeightsError(f"{path}: expected a file of format {kind!r}, got {came}")
    version = metadata.get("format_version", "")
    if not version.isdecimal() or int(version) > FORMAT_VERSION:
        raise WeightsError(
            f"{path}: expected format version {FORMAT_VERSION}, got {version!r}; if it is a newer "
            "one, update adain"
        )
