"""Calibration as a picture: the PIT's histogram, and coverage by horizon."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sssd_registry.evaluation.calibration import BINS, Calibration
from sssd_registry.plots.figure_file import check_picture, save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of Okabe and Ito's palette, which differ for colour-blind readers too.
_COLOURS = ("#0072B2", "#009E73", "#D55E00")
_BAR, _BAND, _FAINT = "#80b9da", "#e0e0e0", "#767676"


def plot_calibration(calibration: Calibration, path: str | Path, title: str = "") -> None:
    """Draw the PIT of all horizons and the coverage of each, with bands of chance; ``.png``, ``.svg`` or ``.pdf``.

    Raises:
        SSSDError: another ending, or the file cannot be written.
    """
    check_picture(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _draw_pit(left, calibration)
    _draw_coverage(right, calibration)
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_axisbelow(True)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    save_picture(figure, path, dpi=150)


def _draw_pit(axis: Axes, calibration: Calibration) -> None:
    edges = np.linspace(0, 1, BINS + 1)
    low, high = calibration.pooled_band
    axis.axhspan(low, high, color=_BAND, lw=0, label="95 % of calibrated forecasts")
    axis.bar(edges[:-1], calibration.pooled, width=1 / BINS, align="edge", color=_BAR, edgecolor="white", lw=1)
    axis.axhline(1 / BINS, color=_FAINT, lw=0.8, ls=":")
    for edge in (low, high):  # seen through the bars
        axis.axhline(edge, color=_FAINT, lw=0.8)
    axis.set_xlim(0, 1)
    axis.set_xlabel("where in the forecast it came to be: 0 lowest, 1 highest")
    axis.set_ylabel("share of observations")
    axis.set_title("probability integral transform, all horizons", loc="left", fontsize=10)
    axis.legend(frameon=False, fontsize=9, loc="upper right")


def _draw_coverage(axis: Axes, calibration: Calibration) -> None:
    at = np.arange(len(calibration.horizons))
    for colour, (level, shares) in zip(_COLOURS, calibration.coverage.items(), strict=True):
        low, high = calibration.coverage_band[level].T
        # Each horizon has its own band, also where there is one horizon.
        axis.bar(at, high - low, bottom=low, width=0.8, color=colour, alpha=0.15, lw=0)
        axis.hlines(level, -0.5, len(at) - 0.5, color=colour, lw=0.8, ls=":")
        axis.plot(at, shares, "o-", ms=4, lw=1.4, color=colour, label=f"{level:.0%} interval")
    shown = at[:: max(1, len(at) // 12)]
    axis.set_xticks(shown, [f"{calibration.horizons[index]:g}" for index in shown])
    axis.set_ylim(0, 1.02)
    axis.set_xlabel("horizon, bars")
    axis.set_ylabel("share within the interval")
    axis.set_title("coverage by horizon; shaded: where chance leaves it", loc="left", fontsize=10)
    axis.legend(frameon=False, fontsize=9, loc="lower right")
