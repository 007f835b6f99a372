"""The styles of many artworks in one file, a few kB each, read where they are needed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import ImageFileError, WeightsError
from ..serialization import read_metadata, read_tensors, write_tensors
from ..style import Style

TABLE_KIND = "adain-style-table"


class StyleTable:
    """Styles by the names of their artworks; those that could not be read by the reason.

    Args:
        path: of a file that :func:`write_table` wrote. It is mapped into memory, not read.

    Raises:
        WeightsError: the file is missing, damaged or foreign.
    """

    def __init__(self, path: Path) -> None:
        metadata = read_metadata(path, TABLE_KIND)
        try:
            names: list[str] = json.loads(metadata["names"])
            self.failures: dict[str, str] = dict(json.loads(metadata["failures"]))
            self.fingerprint = metadata["encoder"]
            self._places = {str(name): place for place, name in enumerate(names)}
            file: Any = safe_open(path, framework="pt")
            self._mean, self._std = file.get_slice("mean"), file.get_slice("std")
        except (KeyError, ValueError, TypeError, RecursionError, SafetensorError) as error:
            raise WeightsError(f"{path}: its metadata cannot be read: {error}") from None
        for part in (self._mean, self._std):
            shape, kind = part.get_shape(), part.get_dtype()
            if names and (shape[:1] != [len(names)] or len(shape) != 2 or kind != "F32"):
                raise WeightsError(
                    f"{path}: expected statistics of {len(names)} styles, got {kind} of shape "
                    f"{tuple(shape)}"
                )

    def names(self) -> Iterable[str]:
        """Return the names of all artworks that have a style."""
        return self._places.keys()

    def style(self, artwork: str) -> Style:
        """Return an artwork's style.

        Raises:
            ImageFileError: it could not be read, or it is not in the table.
        """
        place = self._places.get(artwork)
        if place is None:
            raise ImageFileError(self.failures.get(artwork, f"{artwork} has no style"))
        mean, std = self._mean[place : place + 1][0], self._std[place : place + 1][0]
        return Style(mean.clone(), std.clone(), self.fingerprint, artwork)


def write_table(
    path: Path,
    styles: Mapping[str, Style],
    failures: Mapping[str, str],
    fingerprint: str,
) -> None:
    """Write a table, atomically.

    Args:
        path: where to.
        styles: by the names of their artworks.
        failures: why others have none.
        fingerprint: of the encoder.

    Raises:
        WeightsError: it cannot be written.
    """
    empty = [torch.zeros(0)]
    tensors = {
        name: torch.stack([getattr(style, name) for style in styles.values()] or empty)
        for name in ("mean", "std")
    }
    metadata = {
        "names": json.dumps(list(styles)),
        "failures": json.dumps(dict(failures)),
        "encoder": fingerprint,
    }
    write_tensors(path, TABLE_KIND, tensors, metadata)


def merge_tables(path: Path, tables: Sequence[Path]) -> None:
    """Write one table of the artworks in several; a style counts more than a failure.

    Args:
        path: where to; it may be one of those.
        tables: one or more, of one encoder.

    Raises:
        WeightsError: one cannot be read, or the result cannot be written.
    """
    places: dict[str, int] = {}
    failures: dict[str, str] = {}
    parts: list[dict[str, Tensor]] = []
    rows = 0
    for each in tables:
        tensors, metadata = read_tensors(each, TABLE_KIND)
        names = json.loads(metadata["names"])
        places |= {name: rows + place for place, name in enumerate(names)}
        failures |= json.loads(metadata["failures"])
        if names:  # what has none has no number of channels
            parts.append(tensors)
            rows += len(names)
    order = torch.tensor([places[name] for name in sorted(places)], dtype=torch.long)
    merged = {
        name: torch.cat([part[name] for part in parts])[order] if parts else torch.zeros(0)
        for name in ("mean", "std")
    }
    metadata |= {
        "names": json.dumps(sorted(places)),
        "failures": json.dumps({name: failures[name] for name in failures.keys() - places.keys()}),
    }
    write_tensors(path, TABLE_KIND, merged, metadata)
