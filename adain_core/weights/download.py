"""Fetching the official model: pytorch-AdaIN's two release files, checked and converted."""

from __future__ import annotations

import hashlib
import os
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from tqdm import tqdm

from ..errors import WeightsError, reason
from . import model_files
from .convert import convert_vgg19

NAME = "adain-vgg19"

BASE_URL = "https://github.com/naoto0804/pytorch-AdaIN/releases/download/v0.0.0/"
_VGG, _DECODER = "vgg_normalised.pth", "decoder.pth"
SHA256 = {
    _VGG: "804ca2835ecf7539f0cd2a7ac3c18ce81e6f8468969ae7117ac0c148d286bb4a",
    _DECODER: "379ca41d59f3a37eed3599bbbc2560c19da5c458870a5ffd3a9dd41aa88f9472",
}
SCHEME = "https"
TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 2**17


def download_vgg19(to: str | os.PathLike[str] | None = None, progress: bool = True) -> Path:
    """Fetch the official model at the paper's full width and store it as ``adain-vgg19``.

    A model that is there already is not fetched again.

    Args:
        to: folder, made if need be; ``None``: the cache folder, where models are found by name.
        progress: show a bar for each file, where stderr is a terminal.

    Returns:
        The model file.

    Raises:
        WeightsError: no connection, an answer other than the files, or they cannot be stored;
            nothing is left behind.
    """
    folder = model_files.cache_folder() if to is None else Path(to)
    target = folder / f"{NAME}.safetensors"
    if target.exists():
        try:
            model_files.load_info(target)
        except WeightsError as error:
            raise WeightsError(f"{error}; delete the file to download it again") from None
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".download-") as temporary:
            files = {name: Path(temporary) / name for name in SHA256}
            for name, path in files.items():
                _fetch(name, path, progress)
            convert_vgg19(files[_VGG], files[_DECODER], target)
    except OSError as error:
        raise WeightsError(f"{folder}: cannot be written: {reason(error)}") from None
    return target


def _fetch(name: str, path: Path, progress: bool) -> None:
    """Download one release file; torch.hub's function for that has no timeout."""
    url = BASE_URL + name
    digest = hashlib.sha256()
    try:
        with urlopen(Request(url, headers={"User-Agent": "adain"}), timeout=TIMEOUT) as response:
            # Of the address after redirections, too.
            if urlsplit(response.url).scheme != SCHEME:
                raise WeightsError(f"{url} leads to {response.url}, which is not {SCHEME}")
            total = int(response.headers.get("Content-Length") or 0)
            bar = tqdm(
                desc=name,
                total=total or None,
                unit="B",
                unit_scale=True,
                disable=None if progress else True,
            )
            with path.open("wb") as file, bar:
                received = 0
                while chunk := response.read(_CHUNK):
                    received += file.write(chunk)
                    digest.update(chunk)
                    bar.update(len(chunk))
    except HTTPError as error:
        phrase = " ".join(error.reason.split())
        raise WeightsError(
            f"{url} cannot be fetched: the server answers {error.code} ({phrase})"
        ) from None
    except (OSError, HTTPException) as error:
        cause = error.reason if isinstance(error, URLError) else error
        raise WeightsError(f"{url} cannot be fetched: {reason(cause)}") from None
    if received < total:
        raise WeightsError(
            f"{url} cannot be fetched: the connection broke after {received:,} of {total:,} bytes; "
            "try again"
        )
    if digest.hexdigest() != SHA256[name]:
        raise WeightsError(
            f"{url} is not the expected file: its sha256 is {digest.hexdigest()}, "
            f"expected {SHA256[name]}"
        )
