"""The styles of many artworks in one file, read on demand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from math import nan
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import ImageFileError, WeightsError
from ..style import PALETTE_SHAPES, Style
from ..utils.serialization import read_metadata, read_tensors, write_tensors

TABLE_KIND = "adain-style-table"
# Tensors by name, a row for each style; those of close-ups may be absent, and a style in a table
# with them that has none gets its own statistics, which mean the same. A missing palette is NaN.
_OWN = ("mean", "std")
_CLOSEUP = {"closeup_mean": "mean", "closeup_std": "std"}


class StyleTable:
    """Styles by the names of their artworks, and reasons for artworks without one.

    Args:
        path: of a file that :func:`write_table` wrote. It is mapped into memory, not read.

    Raises:
        WeightsError: the file is missing, damaged or of another kind.
    """

    def __init__(self, path: Path) -> None:
        metadata = read_metadata(path, TABLE_KIND)
        try:
            names: list[str] = json.loads(metadata["names"])
            self.failures: dict[str, str] = dict(json.loads(metadata["failures"]))
            self.fingerprint = metadata["encoder"]
            self._places = {str(name): place for place, name in enumerate(names)}
            file: Any = safe_open(path, framework="pt")
            self._parts = {name: file.get_slice(name) for name in _names(file.keys())}
        except (KeyError, ValueError, TypeError, RecursionError, SafetensorError) as error:
            raise WeightsError(f"{path}: its metadata cannot be read: {error}") from None
        for name, part in self._parts.items():
            shape, kind = part.get_shape(), part.get_dtype()
            row = list(PALETTE_SHAPES.get(name, shape[1:2]))
            if names and (shape != [len(names), *row] or not row or kind != "F32"):
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
        row = {name: part[place : place + 1][0].clone() for name, part in self._parts.items()}
        closeup = palette = None
        if "closeup_mean" in row:
            closeup = row["closeup_mean"], row["closeup_std"]
        if "palette_mean" in row and not row["palette_mean"].isnan().any():
            palette = row["palette_mean"], row["palette_covariance"]
        return Style(
            row["mean"], row["std"], self.fingerprint, artwork, closeup=closeup, palette=palette
        )


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
    rows = [style.tensors for style in styles.values()]
    tensors = {
        name: torch.stack([_tensor(row, name) for row in rows]) if rows else torch.zeros(0)
        for name in _names(*rows)
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
        name: torch.cat([_tensor(part, name) for part in parts])[order] if parts else torch.zeros(0)
        for name in _names(*parts)
    }
    metadata |= {
        "names": json.dumps(sorted(places)),
        "failures": json.dumps({name: failures[name] for name in failures.keys() - places.keys()}),
    }
    write_tensors(path, TABLE_KIND, merged, metadata)


def _names(*tables: Iterable[str]) -> tuple[str, ...]:
    """Return the tensors of a table made of others: optional ones if one of them has some."""
    parts = [set(table) for table in tables]
    optional = [
        group
        for group in (_CLOSEUP.keys(), PALETTE_SHAPES.keys())
        if any(group & part for part in parts)
    ]
    return (*_OWN, *chain(*optional))


def _tensor(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    """Return a tensor of a style or a table, or what stands for a missing one."""
    if name in tensors:
        return tensors[name]
    if name in PALETTE_SHAPES:
        return torch.full((*tensors["mean"].shape[:-1], *PALETTE_SHAPES[name]), nan)
    return tensors[_CLOSEUP[name]]
