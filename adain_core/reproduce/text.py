"""Markdown of a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def verdict(claim: str, holds: bool, measured: str) -> str:
    """Return a line on whether a claim of the paper holds here."""
    return f"- {'Holds' if holds else '**Does not hold**'}: {claim} ({measured})."


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``2 threads``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def number(value: float) -> str:
    """Return a number with three significant digits, such as ``0.0123`` or ``1,230``."""
    text = f"{value:.3g}"
    return f"{float(text):,.0f}" if abs(value) >= 1000 else text
