"""A backtest: CRPS by fold, and the forecasts of a series with what came to be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from sssd_registry.backtesting.result import Backtest
from sssd_registry.plots.figure_file import check_picture, save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"model": "#0072B2", "random walk": "#D55E00", "seasonal naive": "#009E73"}
_ACTUAL = "#333333"


def plot_backtest(result: Backtest, path: str | Path) -> None:
    """Draw scores above, and the first series' first target below; ``.png``, ``.svg`` or ``.pdf``.

    Raises:
        SSSDError: another ending, or the file cannot be written.
    """
    check_picture(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, height_ratios=(2, 3))
    _scores(above, result)
    _forecasts(below, result.windows)
    for axis in (above, below):
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, fontsize=9)
    save_picture(figure, path, dpi=130)


def _scores(axis: Axes, result: Backtest) -> None:
    numbers = [one.fold for one in result.folds]
    for name, colour in _COLOURS.items():
        axis.plot(numbers, [one.crps[name] for one in result.folds], "o-", ms=4, lw=1.2, color=colour, label=name)
    axis.set_xticks(numbers)
    axis.set_xlabel("fold")
    axis.set_ylabel("CRPS, units of the data")
    axis.set_ylim(bottom=0)
    axis.set_title(f"{result.evaluation.windows} windows of {len(numbers)} folds", loc="left", fontsize=10)


def _forecasts(axis: Axes, windows: pd.DataFrame) -> None:
    """The model's fans, of each fold's first origin, and what came to be."""
    first = windows.iloc[0]
    rows = windows[
        (windows["forecaster"] == "model")
        & (windows["series"] == first["series"])
        & (windows["target"] == first["target"])
    ]
    rows = rows.assign(time=pd.to_datetime(rows["time"], utc=True), origin=pd.to_datetime(rows["origin"], utc=True))
    for number, (_, fold) in enumerate(rows.groupby("fold")):
        fan = fold[fold["origin"] == fold["origin"].min()].sort_values("horizon")
        for low, high, alpha in (("0.05", "0.95", 0.18), ("0.25", "0.75", 0.32)):
            label = f"model, {low} to {high}" if number == 0 else None
            axis.fill_between(fan["time"], fan[low], fan[high], color=_COLOURS["model"], alpha=alpha, lw=0, label=label)
        axis.plot(fan["time"], fan["0.5"], ".-", color=_COLOURS["model"], lw=1.0, ms=3)
    actual = rows.dropna(subset="actual").drop_duplicates("time").sort_values("time")
    axis.plot(actual["time"], actual["actual"], ".", color=_ACTUAL, ms=4, label="what came to be")
    name = f"{first['target']} of {first['series']}" if first["series"] else str(first["target"])
    axis.set_title(f"{name}, from the first origin of each fold", loc="left", fontsize=10)
    axis.set_xlabel("UTC")
    axis.tick_params(axis="x", labelrotation=20)
