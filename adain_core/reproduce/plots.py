"""Plots of a report, as PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..utils.files import replace_atomically

# Largest ratio between values that are shown.
_SPAN = 1000
# Steps and values.
Curve = tuple[Sequence[float], Sequence[float]]


def plot_curves(
    path: Path,
    panels: Mapping[str, Mapping[str, Curve]],
    levels: Mapping[str, Mapping[str, float]] | None = None,
    share_scale: bool = False,
) -> None:
    """Plot losses over steps side by side, on logarithmic scales.

    Args:
        path: the PNG file.
        panels: title of each panel, and its curves by name; a name has one color in all panels.
        levels: horizontal lines of each panel by name.
        share_scale: give all panels the same scale, to compare them.
    """
    from matplotlib.figure import Figure  # pyplot would change the caller's backend

    levels = levels or {}
    figure = Figure(figsize=(4.5 * len(panels), 3.6), layout="constrained")
    names = [*dict.fromkeys(name for curves in panels.values() for name in curves)]
    lines = [*dict.fromkeys(name for values in levels.values() for name in values)]
    columns = figure.subplots(1, len(panels), squeeze=False, sharey=share_scale)[0]
    columns[0].set_ylabel("loss, mean over channels")
    for axes, (title, curves) in zip(columns, panels.items(), strict=True):
        for name, (steps, values) in curves.items():
            axes.plot(steps, values, color=f"C{names.index(name)}", label=name, linewidth=1.4)
        for name, value in levels.get(title, {}).items():
            color = f"C{len(names) + lines.index(name)}"
            axes.axhline(value, color=color, label=name, linewidth=1.2, linestyle="--")
        axes.set(title=title, xlabel="step", yscale="log")
        axes.grid(alpha=0.3, which="both")
        axes.legend(fontsize=8)
    for axes in columns:  # after plotting, because panels may share their scale
        lowest, highest = axes.get_ylim()
        # A loss that begins at 0 would squeeze the others into a line.
        axes.set_ylim(bottom=max(lowest, highest / _SPAN))
    with replace_atomically(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)


def smooth(values: Sequence[float], window: int) -> list[float]:
    """Return running means over the last ``window`` values."""
    return [
        sum(part) / len(part)
        for part in (values[max(0, n + 1 - window) : n + 1] for n in range(len(values)))
    ]
