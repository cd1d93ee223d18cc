"""CRPS against time, with the front."""

from __future__ import annotations

from pathlib import Path

from sssd_registry.comparison.labels import label_points
from sssd_registry.comparison.table import Comparison, front
from sssd_registry.plots.figure_file import check_picture, save_picture

_FRONT, _OTHERS, _BAND = "#0072B2", "#9a9a9a", "#d9e9f4"
# Rows far worse than the best would squeeze all others into a line.
_SHOWN_EXCESS = 0.05


def plot_comparison(comparison: Comparison, path: str | Path) -> None:
    """Draw every row as a point, and the front as steps with names; ``.png``, ``.svg`` or ``.pdf``.

    Raises:
        SSSDError: another ending, or the file cannot be written.
    """
    check_picture(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

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
    axis.margins(y=0.2)  # room for names below the front
    axis.set_xscale("log")
    for place in (axis.xaxis.set_major_formatter, axis.xaxis.set_minor_formatter):
        place(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_xlabel(f"milliseconds a forecast: one window, {comparison.samples} samples, {comparison.threads} threads")
    axis.set_ylabel("CRPS, standard units")
    hidden = len(comparison.rows) - len(shown)
    more = f"; {hidden} of {len(comparison.rows)} solvers, over {_SHOWN_EXCESS:.0%} worse, not shown" if hidden else ""
    axis.set_title(f"{comparison.windows} {comparison.part} windows{more}", loc="left", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=9)
    figure.canvas.draw()  # settles the layout, which the names are placed in
    marks = [(row.milliseconds, row.crps) for row in shown]
    label_points(axis, [(r.milliseconds, r.crps) for r in chosen], [r.label for r in chosen], marks, _FRONT)
    save_picture(figure, path, dpi=150)
