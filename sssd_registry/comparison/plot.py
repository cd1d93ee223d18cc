"""CRPS against time, with the front."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from sssd_registry.atomic import atomic_file
from sssd_registry.comparison.table import Comparison, Row, front
from sssd_registry.errors import SSSDError

_FRONT, _OTHERS, _BAND = "#0072B2", "#9a9a9a", "#d9e9f4"
# Rows far worse than the best would squeeze all others into a line.
_SHOWN_EXCESS = 0.05


def plot_comparison(comparison: Comparison, path: str | Path) -> None:
    """Draw every row as a point, and the front as steps with names; ``.png``, ``.svg`` or ``.pdf``.

    Raises:
        SSSDError: another ending, or the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    suffix = Path(path).suffix.lower()
    if suffix not in (".png", ".svg", ".pdf"):
        raise SSSDError(f"{path}: a picture is written as .png, .svg or .pdf, not {suffix or 'without suffix'!r}")
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    shown = [row for row in comparison.rows if row.excess <= _SHOWN_EXCESS]
    chosen = [row for row in front(comparison.rows) if row in shown]
    axis.axhspan(
        comparison.best.crps, comparison.best.crps * (1 + comparison.tolerance), color=_BAND, lw=0,
        label=f"within {comparison.tolerance:.1%} of the best",
    )  # fmt: skip
    axis.plot([r.milliseconds for r in shown], [r.crps for r in shown], "o", ms=4, color=_OTHERS, label="all")
    axis.step(
        [r.milliseconds for r in chosen], [r.crps for r in chosen], where="post", marker="o", color=_FRONT, lw=1.4,
        label="none is faster and better",
    )  # fmt: skip
    axis.set_xscale("log")
    for place in (axis.xaxis.set_major_formatter, axis.xaxis.set_minor_formatter):
        place(FuncFormatter(lambda value, _: f"{value:g}"))
    _label(axis, chosen)
    axis.set_xlabel(f"milliseconds a forecast: one window, {comparison.samples} samples, {comparison.threads} threads")
    axis.set_ylabel("CRPS, standard units")
    hidden = len(comparison.rows) - len(shown)
    more = f"; {hidden} of {len(comparison.rows)} solvers, over {_SHOWN_EXCESS:.0%} worse, not shown" if hidden else ""
    axis.set_title(f"{comparison.windows} {comparison.part} windows{more}", loc="left", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=9)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=150, format=suffix[1:])
    with atomic_file(path) as new:
        new.write_bytes(picture.getvalue())


def _label(axis: Any, rows: list[Row]) -> None:
    """Names of the front's points, by turns above and below at two distances, so that neighbours do not collide."""
    for index, row in enumerate(rows):
        distance = 8 + 10 * (index % 4 // 2)
        axis.annotate(
            row.label, (row.milliseconds, row.crps), textcoords="offset points", fontsize=8, color=_FRONT,
            xytext=(3, distance if index % 2 == 0 else -distance), va="bottom" if index % 2 == 0 else "top",
        )  # fmt: skip
