"""Missing values of a series: rows that should be there, and what stands for a value that was not observed.

Inputs of a forecast never see what is made here: a window keeps its holes, and the model fills them from that window
alone (:mod:`sssd_registry.model.fill_holes`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sssd_registry.data.durations import Length
from sssd_registry.data.months import later_months, whole_months

Array = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]


def with_missing_rows(times: Times, values: Array, bar: Length) -> tuple[Times, Array]:
    """Add a row of NaN for every bar that is not there between the first and the last.

    Args:
        times: int64 ``(n,)``, starts of the bars, ascending.
        values: float64 ``(n, V)``.
        bar: their length. A series whose bars do not lie on a grid of it stays as it is.
    """
    steps = whole_months(times) // bar.months if bar.months else np.diff(times) // bar.seconds
    on_grid = not (whole_months(times) % bar.months if bar.months else np.diff(times) % bar.seconds).any()
    if len(times) < 2 or not on_grid or (steps < 1).any() or (steps == 1).all():
        return times, values
    place = np.concatenate([[0], np.cumsum(steps)])
    every = times[0] + np.arange(place[-1] + 1) * bar.seconds
    if bar.months:
        for row in np.flatnonzero(steps > 1):
            every[place[row] + 1 : place[row + 1]] = later_months(times[: row + 1], bar.months, int(steps[row]) - 1)
    every[place] = times
    full = np.full((len(every), values.shape[1]), np.nan)
    full[place] = values
    return every, full


def observed_rows(seen: npt.NDArray[np.bool_]) -> int:
    """Count the rows of ``seen (n, V)`` up to the last in which anything was observed: the others are to come."""
    found = np.flatnonzero(seen.any(axis=1))
    return int(found[-1]) + 1 if len(found) else len(seen)


def last_observed(values: Array) -> Array:
    """``values (n, C)`` with each missing one as the last before it; as the first observed one before that."""
    seen = ~np.isnan(values)
    place = np.where(seen, np.arange(len(values))[:, None], 0)
    place = np.maximum.accumulate(place, axis=0)
    filled = np.take_along_axis(values, place, axis=0)
    first = np.take_along_axis(values, seen.argmax(axis=0)[None], axis=0)
    return np.where(np.isnan(filled), first, filled)


def imputed(values: Array, season: int, *, log: bool) -> Array:
    """Draw what was not observed of ``values (n, C)``, from what came before and after it.

    It stands for missing values where a fit needs whole paths. Their mean alone would be smoother than the series, and
    correlations fitted to it too high. So each hole gets a Brownian bridge about the seasonal profile and the level
    nearby, and noise of single bars, in the sizes that differences over one and two bars have (a random walk plus
    noise, whose variogram is ``s² h + 2 v²``). The same every time.
    """
    made = np.log(values) if log else values.copy()
    random = np.random.default_rng(0)
    for column in range(values.shape[1]):
        made[:, column] = _drawn(made[:, column], season, random)
    return np.exp(made) if log else made


def _drawn(column: Array, season: int, random: np.random.Generator) -> Array:
    seen = ~np.isnan(column)
    if seen.all() or not seen.any():
        return column
    place, here = np.arange(len(column)), np.flatnonzero(seen)
    profile = _profile(column, season)
    rest = column - profile
    walk, noise = _sizes(rest)
    steps = np.cumsum(random.normal(size=len(column))) * walk
    bridge = steps - np.interp(place, here, steps[here])
    level = _level(rest, walk, noise)
    filled = profile + np.interp(place, here, level[here]) + bridge + noise * random.normal(size=len(column))
    return np.where(seen, column, filled)


def _level(rest: Array, walk: float, noise: float) -> Array:
    """Mean of the observed values about each bar ``(n,)``: of as many as noise takes to be averaged out of a walk."""
    reach = int(min(len(rest), noise / walk if walk > 0 else len(rest)))
    total = np.concatenate([[0.0], np.nancumsum(rest)])
    count = np.concatenate([[0], (~np.isnan(rest)).cumsum()])
    place = np.arange(len(rest))
    first, last = np.maximum(place - reach, 0), np.minimum(place + reach + 1, len(rest))
    mean: Array = (total[last] - total[first]) / np.maximum(count[last] - count[first], 1)
    return mean


def _profile(column: Array, season: int) -> Array:
    """Mean of what the observed values differ from their trend at each place in the season, laid over ``(n,)``."""
    if season < 2 or len(column) < 2 * season:
        return np.zeros_like(column)
    here, place = np.flatnonzero(~np.isnan(column)), np.arange(len(column))
    total = np.concatenate([[0.0], np.interp(place, here, column[here]).cumsum()])
    first, last = np.maximum(place - season // 2, 0), np.minimum(place + (season + 1) // 2, len(column))
    trend = (total[last] - total[first]) / (last - first)
    of = here % season
    count = np.bincount(of, minlength=season)
    apart = np.bincount(of, weights=(column - trend)[here], minlength=season)
    profile: Array = (apart / (count + 1.0))[place % season]
    return profile


def _sizes(rest: Array) -> tuple[float, float]:
    """Size of a random walk's steps, and of noise of single bars, from differences over one bar and two."""
    one, two = (float(np.nanmean(np.append((rest[lag:] - rest[:-lag]) ** 2, np.nan))) if len(rest) > lag else np.nan
                for lag in (1, 2))  # fmt: skip
    if not np.isfinite(one):
        one = float(np.nanvar(rest))
    if not np.isfinite(two):
        two = one
    walk = max(two - one, 0.0)
    return float(np.sqrt(walk)), float(np.sqrt(max(one - walk, 0.0) / 2))
