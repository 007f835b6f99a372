"""The table of an evaluation: one row per candidate, with ratios to the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan, nan


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        title: its header.
        digits: number of decimals.
        ratio: whether to add the ratio to the reference.
        unit: appended to each value.
    """

    title: str
    digits: int = 3
    ratio: bool = False
    unit: str = ""


# By the names of ``summarize``.
COLUMNS = {
    "target": Column("target", ratio=True),
    "style": Column("style", ratio=True),
    "worst": Column("worst tenth", ratio=True),
    "balanced": Column("balanced style", ratio=True),
    "content": Column("content"),
    "percept": Column("percept", ratio=True),
    "palette": Column("palette", digits=1, ratio=True),
    "ssim": Column("SSIM"),
    "checkerboard": Column("checkerboard"),
    "noise": Column("noise", digits=1, ratio=True),
    "halo": Column("halo", digits=1, ratio=True),
    "jpeg": Column("JPEG"),
    "reconstruction": Column("reconstruction", digits=1, unit=" dB"),
}


def markdown_table(rows: Mapping[str, Mapping[str, float]], reference: str | None = None) -> str:
    """Return scores as a Markdown table.

    Args:
        rows: scores of each candidate, named as by
            :func:`~adain_core.evaluation.scores.summarize`. Scores that no row has are left out.
        reference: name of the row that ratios refer to; ``None``: no ratios.

    Returns:
        Lines without a final newline; "–" for NaN or a missing score.
    """
    columns = {
        name: column
        for name, column in COLUMNS.items()
        if any(not isnan(row.get(name, nan)) for row in rows.values())
    }
    titles = ("model", *(column.title for column in columns.values()))
    lines = [f"| {' | '.join(titles)} |", "| --- " * len(titles) + "|"]
    for name, row in rows.items():
        cells = [
            _cell(column, row.get(key, nan), _ratio(rows, name, reference, key))
            for key, column in columns.items()
        ]
        lines.append(f"| {' | '.join((name, *cells))} |")
    return "\n".join(lines)


def _ratio(
    rows: Mapping[str, Mapping[str, float]], name: str, reference: str | None, key: str
) -> float:
    if reference is None or name == reference or not COLUMNS[key].ratio:
        return nan
    first = rows[reference].get(key, nan)
    return rows[name].get(key, nan) / first if first else nan


def _cell(column: Column, value: float, ratio: float) -> str:
    if isnan(value):
        return "–"
    factor = "" if isnan(ratio) else f" ({ratio:.2f}×)"
    value = round(value, column.digits) + 0.0  # no "-0.000"
    return f"{value:.{column.digits}f}{column.unit}{factor}"
