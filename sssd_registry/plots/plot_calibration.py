"""Calibration as a picture: the PIT's histogram, coverage by horizon, and the PIT of each horizon."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sssd_registry.evaluation.calibration import BINS, Calibration
from sssd_registry.plots.figure_file import check_picture, save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of Okabe and Ito's palette, which differ for colour-blind readers too.
_COLOURS = ("#0072B2", "#009E73", "#D55E00")
_ACROSS, _PANELS = 4, 8
_BAR, _BAND, _FAINT = "#80b9da", "#e0e0e0", "#767676"


def plot_calibration(calibration: Calibration, path: str | Path, title: str = "") -> None:
    """Draw the PIT of all horizons, coverage and PIT of each, with bands of chance; ``.png``, ``.svg`` or ``.pdf``.

    Of many horizons, the PIT of eight is shown, the first and the last among them.

    Raises:
        SSSDError: another ending, or the file cannot be written.
    """
    check_picture(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = _some(len(calibration.horizons))
    rows = -(-len(shown) // _ACROSS)
    figure = Figure(figsize=(10, 4.4 + 1.9 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    above, *below = figure.subfigures(
        1 + bool(rows), 1, height_ratios=[4.4, 1.9 * rows][: 1 + bool(rows)], squeeze=False
    )[:, 0]
    left, right = above.subplots(1, 2)
    _draw_pit(left, calibration)
    _draw_coverage(right, calibration)
    for part in below:
        _draw_horizons(
            part.subplots(rows, _ACROSS, sharex=True, sharey=True, squeeze=False).ravel(), calibration, shown
        )
    for axis in figure.get_axes():
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_axisbelow(True)
    above.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    save_picture(figure, path, dpi=150)


def _some(horizons: int) -> list[int]:
    """Pick places of horizons, evenly; none of one horizon alone, whose PIT is drawn already."""
    if horizons == 1:
        return []
    return sorted(set(np.linspace(0, horizons - 1, min(horizons, _PANELS)).round().astype(int).tolist()))


def _draw_horizons(axes: Sequence[Axes], calibration: Calibration, shown: Sequence[int]) -> None:
    edges = np.linspace(0, 1, BINS + 1)
    for axis, index in zip(axes, shown, strict=False):
        low, high = calibration.pit_band[index]
        axis.axhspan(low, high, color=_BAND, lw=0)
        axis.bar(
            edges[:-1], calibration.pit[index], width=1 / BINS, align="edge", color=_BAR, edgecolor="white", lw=0.6
        )
        for edge in (low, high):
            axis.axhline(edge, color=_FAINT, lw=0.6)
        axis.set_xlim(0, 1)
        axis.set_title(f"PIT at horizon {calibration.horizons[index]:g}", loc="left", fontsize=9)
    for axis in axes[len(shown) :]:
        axis.set_visible(False)


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
