"""Missing values as they may have been, between what was observed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sssd_registry.errors import SSSDError
from sssd_registry.imputing.impute import Imputed
from sssd_registry.plots.figure_file import check_picture, save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]

MAX_PANELS = 8
# Bars of a picture, and how many of them come before its first hole.
_BARS, _BEFORE = 240, 24
_OBSERVED, _FILL = "#333333", "#0072B2"
_BANDS = {0.9: "#d9e9f4", 0.5: "#80b9da"}


def plot_imputed(made: Imputed, path: str | Path, *, paths: int = 5) -> None:
    """Draw the first series that has imputed values, from a little before its first hole: a panel for each target.

    Args:
        made: imputed values.
        path: ``.png``, ``.svg`` or ``.pdf``.
        paths: so many samples are drawn as thin lines; all, if there are fewer.

    Raises:
        SSSDError: nothing was imputed, another ending, or the file cannot be written.
    """
    check_picture(path)
    if not len(made.times):
        raise SSSDError(f"{made.source.panel.source}: nothing was imputed, so that there is nothing to draw")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    name = made.series[0]
    of = np.flatnonzero(made.series == name)
    targets = [one for one in made.source.spec.targets if (made.target[of] == one).any()]
    shown = targets[:MAX_PANELS]
    times, levels, samples = _laid_out(made, name, of, shown)
    figure = Figure(figsize=(10.0, 1.6 + 2.2 * len(shown)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for column, axis in enumerate(axes):
        _panel(axis, times, levels[:, column], samples[:, column], paths)
        axis.set_ylabel(shown[column])
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]  # matplotlib's dates have no types
    axes[-1].xaxis.set_major_locator(locator)
    axes[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    hidden = len(targets) - len(shown)
    more = f" ({hidden} more targets not shown)" if hidden else ""
    title = f"{f'{name}: ' if name else ''}missing values, imputed{more}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    save_picture(figure, path, dpi=140)


def _laid_out(
    made: Imputed, name: str, of: npt.NDArray[np.intp], targets: list[str]
) -> tuple[npt.NDArray[np.datetime64], Array, Array]:
    """Times ``(L,)``, levels ``(L, C)`` and samples ``(L, C, S)`` of a stretch of a series, NaN where there is none."""
    source = made.source
    index = [one.id for one in source.panel.series].index(name)
    place = slice(int(source.offsets[index]), int(source.offsets[index + 1]))
    columns = [source.spec.targets.index(one) for one in targets]
    starts = source.base.starts[place]
    levels = np.where(source.observed[place], source.futures[place], np.nan)[:, columns]
    samples = np.full((*levels.shape, made.samples.shape[1]), np.nan)
    shown = of[np.isin(made.target[of], targets)]
    at = [targets.index(one) for one in made.target[shown]]
    samples[np.searchsorted(starts, made.times[shown]), at] = made.samples[shown]
    first = max(0, int(np.searchsorted(starts, made.times[shown].min())) - _BEFORE)
    stretch = slice(first, first + _BARS)
    times = starts[stretch].astype("datetime64[s]")
    return times, levels[stretch], samples[stretch]


def _panel(axis: Axes, times: npt.NDArray[np.datetime64], levels: Array, samples: Array, paths: int) -> None:
    """Draw one target: levels ``(L,)``, samples ``(L, S)``; bands and paths begin and end at what was observed."""
    gone = ~np.isnan(samples[:, 0])
    joined = np.where(gone[:, None], samples, levels[:, None])  # (L, S)
    near = gone.copy()  # a hole, and the bars beside it
    near[:-1] |= gone[1:]
    near[1:] |= gone[:-1]
    known = near & ~np.isnan(joined[:, 0])
    for level, colour in _BANDS.items():
        low, high = np.quantile(joined, [0.5 - level / 2, 0.5 + level / 2], axis=1)
        axis.fill_between(times, low, high, where=known, color=colour, lw=0, label=f"{level:.0%} interval")
    inside = np.where(known[:, None], joined, np.nan)
    for path in inside.T[:paths]:
        axis.plot(times, path, color=_FILL, lw=0.5, alpha=0.6, label="_path")
    if paths:
        axis.plot([], [], color=_FILL, lw=0.5, label="sample paths")
    axis.plot(times, np.median(inside, axis=1), color=_FILL, lw=1.6, label="median")
    # An observed value between two missing ones is no line.
    axis.plot(times, levels, color=_OBSERVED, lw=1.2, marker="o", ms=2.0, label="observed")
    axis.grid(axis="y", color="#e6e6e6", lw=0.7)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(x=0.01)
