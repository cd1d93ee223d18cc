"""Forecasts of some of the scored windows for a page: history, fan, paths, functionals and what came to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_registry.data.origins import Origins, origin_times
from sssd_registry.data.windows import WindowSource, history_at
from sssd_registry.evaluation.path_scores import SCORED
from sssd_registry.evaluation.rivals import Rivals
from sssd_registry.functionals import FUNCTIONALS
from sssd_registry.horizons import forecast_times
from sssd_registry.report.rounding import decimals_for, rounded, times

Array = npt.NDArray[np.float64]

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
# Of the page's megabyte beside plotly: numbers of all fans together, each of some seven bytes.
_NUMBERS = 80_000
_PATHS, _HISTORY = 20, 72


def room_for(points: int) -> int:
    """Fans that there is room for, of so many points each: horizons times targets."""
    return max(1, _NUMBERS // (points * (len(LEVELS) + _PATHS + 2)))


def fans(
    made: Rivals, columns: Sequence[int], series: Sequence[int], at: npt.NDArray[np.intp], most: int
) -> list[dict[str, Any]]:
    """Windows of the given series, evenly spaced over time, as many as there is room for.

    Args:
        made: forecasts.
        columns: targets that are shown, of C.
        series: series that are shown, of the panel.
        at: horizons that are shown, of K.
        most: windows of each.
    """
    length = max(24, min(_HISTORY, 4 * made.horizons[-1]))
    room = max(1, min(most, room_for(len(at) * len(columns)) // len(series)))
    found = [np.flatnonzero(made.origins.series == one) for one in series]
    chosen = np.concatenate([windows[evenly(len(windows), room)] for windows in found])
    origins = made.origins.take(chosen)
    history = _history(made, origins, length)  # (W, H, C)
    past = _past_times(made.source, origins, length)  # W times (up to H,)
    ahead = forecast_times([_seconds(one) for one in past], made.source.spec, made.horizons)[:, at]  # (W, K)
    scale = [_decimals(made.samples["model"][chosen][..., column]) for column in columns]
    return [
        {
            "series": made.source.panel.series[origins.series[number]].id,
            "past": times(past[number]),
            "times": times(ahead[number]),
            "targets": [
                _of_target(made, window, column, at, history[number, -len(past[number]) :, column], places)
                for column, places in zip(columns, scale, strict=True)
            ],
        }
        for number, window in enumerate(chosen.tolist())
    ]


def _of_target(
    made: Rivals, window: int, column: int, at: npt.NDArray[np.intp], history: Array, places: int
) -> dict[str, Any]:
    samples, y = made.samples["model"][window, :, :, column], made.y[window, :, column]  # (S, K), (K,)
    return {
        "history": rounded(history, places),
        "actual": rounded(y[at], places),
        "fan": rounded(np.quantile(samples[:, at], LEVELS, axis=0), places),  # (Q, K)
        "paths": rounded(samples[:_PATHS, at], places),
        "functionals": _functionals(samples, y, places) if len(y) > 1 else {},
    }


def _functionals(samples: Array, y: Array, places: int) -> dict[str, list[float]]:
    """Functional -> its 5, 25, 50, 75 and 95 % quantiles over the paths, and what it came to be."""
    found = {}
    for name in SCORED:
        drawn = FUNCTIONALS[name](samples[:, :, None])[:, 0]  # (S,)
        observed = FUNCTIONALS[name](y[:, None])[0]
        found[name] = rounded([*np.quantile(drawn, [0.05, 0.25, 0.5, 0.75, 0.95]), observed], places)
    return found


def evenly(count: int, most: int) -> npt.NDArray[np.intp]:
    """Positions of at most so many of ``count``, evenly spaced, the first and the last among them."""
    return np.linspace(0, count - 1, min(most, count)).round().astype(np.intp)


def _history(made: Rivals, origins: Origins, length: int) -> Array:
    """Levels, or log-returns since the origin, in the units of the forecast: ``(W, length, C)``."""
    levels = history_at(made.source, origins, length)
    if made.source.spec.target_kind != "log-return":
        return levels
    returns: Array = np.log(levels / levels[:, -1:])
    return returns


def _past_times(source: WindowSource, origins: Origins, length: int) -> list[npt.NDArray[np.datetime64]]:
    """Starts of the last ``length`` bars up to each origin; fewer where the series begins later."""
    found = []
    for series, row in zip(origins.series.tolist(), origins.row.tolist(), strict=True):
        rows = np.arange(max(0, row + 1 - length), row + 1, dtype=np.int64)
        found.append(origin_times(source, Origins(np.full_like(rows, series), rows)))
    return found


def _seconds(moments: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    return moments.astype("datetime64[s]").astype(np.int64)


def _decimals(samples: Array) -> int:
    """Decimals that four digits of the narrowest usual fan need, of samples ``(W, S, K)``."""
    return decimals_for(float(np.median(samples.std(axis=1), axis=0).min()))
