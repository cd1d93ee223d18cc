"""A picture of a search: CRPS lost against time, one point for each engine, and the front."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sssd_registry.comparison.labels import label_points
from sssd_registry.comparison.table import pareto
from sssd_registry.plots.figure_file import save_picture

_FRONT, _OTHERS, _BAND = "#0072B2", "#9a9a9a", "#d9e9f4"


def fastest_and_best(engines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Engines that none is at once faster and better than, fastest first."""
    return pareto(engines, lambda one: (one["milliseconds"], one["loss"]))


def plot_search(search: Mapping[str, Any], path: Path) -> None:
    """Draw the ``search`` of a manifest into a ``.png``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    engines = [one for one in search["engines"] if not one["problem"]]
    front = fastest_and_best(engines)
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    reference = "-".join(str(search["reference"][key]) for key in ("scheduler", "steps"))
    axis.axhspan(
        min(0.0, *(100 * one["loss"] for one in engines)), 100 * search["tolerance"], color=_BAND, lw=0,
        label=f"no more than {search['tolerance']:.1%} above {reference}",
    )  # fmt: skip
    points = [(one["milliseconds"], 100 * one["loss"]) for one in engines]
    axis.plot(*zip(*points, strict=True), "o", ms=4, color=_OTHERS, label="all engines")
    best = [(one["milliseconds"], 100 * one["loss"]) for one in front]
    axis.step(
        *zip(*best, strict=True), where="post", marker="o", color=_FRONT, lw=1.4, label="none is faster and better"
    )
    axis.margins(x=0.15, y=0.2)
    axis.set_xlabel(f"milliseconds a forecast: one window, {search['samples']} samples, {search['threads']} threads")
    axis.set_ylabel(f"CRPS above {reference}, %")
    axis.set_title(
        f"{search['windows']} {search['part']} windows; written: {search['choice']}", loc="left", fontsize=10
    )
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=9)
    figure.canvas.draw()  # settles the layout, which the names are placed in
    label_points(axis, best, [one["label"] for one in front], points, _FRONT)
    save_picture(figure, path, dpi=150)
