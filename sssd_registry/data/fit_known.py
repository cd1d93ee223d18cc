"""Fit of what known covariates add to the targets, on the training part: least squares with autocorrelated errors.

Beside the covariates there is a season, a trend and a level. Errors are taken for an autoregression of one bar, found
by turns with the effects (Cochrane & Orcutt 1949): in levels that wander, everything that wanders looks related.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sssd_registry.data.durations import DAY, WEEK
from sssd_registry.data.known import Known, basis

Array = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
# Of one series: columns (n, P), and one target (n,), NaN where it is missing.
Part: TypeAlias = tuple[Array, Array]

# Where the effect of a number with more than so many values may bend, as quantiles.
_SMOOTH, _BENDS = 20, (0.25, 0.5, 0.75)
_TURNS = 8
# Relative to the rows: what keeps columns that are copies of each other apart.
_RIDGE = 1e-4
# Of the training part, what effects are tried on, and by how many errors they have to help there.
_TRIED, _SURELY = 0.3, 2.0
# In deviations: a wrong reading says nothing of a holiday.
_FARTHEST = 5.0


def fit_known(
    series: Sequence[tuple[Times, Array, Array]], known: Sequence[Known], targets: int, *, log: bool
) -> tuple[Known, ...]:
    """Set knots and effects of ``known``; no effect on a target where it does not help on the last part of the rows.

    Args:
        series: of each its times ``(n,)``, targets ``(n, C)`` with NaN where missing, and known numbers ``(n, P)``.
        known: P, as :func:`~sssd_registry.data.known.find_known` gives them.
        targets: C.
        log: effects are on the logarithm.
    """
    every = np.concatenate([numbers for _, _, numbers in series])
    shaped = [_shaped(one, every[:, position]) for position, one in enumerate(known)]
    sizes = [len(one.knots) + 1 for one in shaped]
    fitted = np.zeros((sum(sizes), targets))
    # Of each series the effects' terms, then the calendar.
    designs = [np.concatenate([_terms(numbers, shaped), _calendar(times)], axis=1) for times, _, numbers in series]
    for target in range(targets):
        parts = [
            (design, np.log(y[:, target]) if log else y[:, target])
            for design, (_, y, _) in zip(designs, series, strict=True)
        ]
        if _helps(parts, sum(sizes)):
            fitted[:, target] = _fit(parts)[0][: sum(sizes)]
    rows = np.split(fitted, np.cumsum(sizes)[:-1])
    return tuple(
        one.model_copy(update={"effects": tuple(map(tuple, row.tolist()))})
        for one, row in zip(shaped, rows, strict=True)
    )


def _shaped(one: Known, numbers: Array) -> Known:
    """Give a number its centre and the places where its effect may bend."""
    if one.level is not None or one.country is not None or len(np.unique(numbers)) <= 2:
        return one
    center = float(np.median(numbers))
    smooth = len(np.unique(numbers)) > _SMOOTH
    bends: Array = np.unique(np.quantile(numbers - center, _BENDS)) if smooth else np.empty(0)
    return one.model_copy(update={"center": center, "knots": tuple(map(float, bends))})


def _terms(numbers: Array, known: Sequence[Known]) -> Array:
    return np.concatenate([basis(numbers[:, p], one) for p, one in enumerate(known)], axis=1)


def _calendar(times: Times) -> Array:
    """Waves of the day, the week and the year, a level and a trend: ``(n, …)``."""
    columns = [np.ones(len(times)), np.linspace(-1, 1, len(times))]
    for period, waves in ((DAY, 4), (WEEK, 3), (31_556_952, 2)):
        for order in range(1, waves + 1):
            angle = 2 * np.pi * order * (times % period) / period
            columns += [np.sin(angle), np.cos(angle)]
    return np.stack(columns, axis=1)


def _helps(parts: Sequence[Part], terms: int) -> bool:
    """Tell whether one-bar errors of the last rows are surely smaller with effects, fitted on the rows before them."""
    errors = []
    for first in (0, terms):  # with the effects' terms, and with the calendar alone
        cuts = [round(len(y) * (1 - _TRIED)) for _, y in parts]
        early = [(design[:cut, first:], y[:cut]) for (design, y), cut in zip(parts, cuts, strict=True)]
        late = [(design[cut:, first:], y[cut:]) for (design, y), cut in zip(parts, cuts, strict=True)]
        try:
            errors.append(np.abs(_errors(late, *_fit(early))))
        except np.linalg.LinAlgError:
            return False
    gain = errors[1] - errors[0]
    gain = gain[np.isfinite(gain)]
    return len(gain) > 2 and bool(gain.mean() > _SURELY * gain.std() / np.sqrt(len(gain)))


def _fit(parts: Sequence[Part]) -> tuple[Array, float]:
    """Return weights of the columns (a level for each series is taken off), and the autocorrelation."""
    memory = 0.0
    for _ in range(_TURNS):
        rows = [_differenced(design, y, memory) for design, y in parts]
        x, y = np.concatenate([one for one, _ in rows]), np.concatenate([one for _, one in rows])
        size = np.maximum(np.sqrt((x**2).mean(axis=0)), 1e-12)
        weights = _robust(x / size, y) / size
        before = memory
        memory = _autocorrelation(parts, weights)
        if abs(memory - before) < 1e-3:
            break
    return weights, memory


def _robust(x: Array, y: Array) -> Array:
    """Least squares, twice: what the first misses by far counts little in the second."""
    counted, weights = np.ones(len(y)), np.zeros(x.shape[1])
    for _ in range(2):
        left = x * counted[:, None]
        square = left.T @ x + _RIDGE * len(y) * np.eye(x.shape[1])
        weights = np.asarray(np.linalg.solve(square, left.T @ y), dtype=np.float64)
        miss = np.abs(y - x @ weights)
        typical = max(float(np.median(miss)) / 0.6745, 1e-12)
        counted = np.asarray(np.minimum(1.0, _FARTHEST * typical / np.maximum(miss, 1e-12)), dtype=np.float64)
    return weights


def _differenced(x: Array, y: Array, memory: float) -> tuple[Array, Array]:
    """Rows less ``memory`` times the row before, of those where both were observed; less their mean."""
    now, before = y[1:] - memory * y[:-1], x[1:] - memory * x[:-1]
    seen = np.isfinite(now)
    rows, moved = before[seen], now[seen]
    return rows - rows.mean(axis=0) if len(rows) else rows, moved - moved.mean() if len(moved) else moved


def _autocorrelation(parts: Sequence[Part], weights: Array) -> float:
    above = below = 0.0
    for design, y in parts:
        rest = y - design @ weights
        rest = rest - np.nanmean(rest)
        both = np.isfinite(rest[1:]) & np.isfinite(rest[:-1])
        above += float((rest[1:] * rest[:-1])[both].sum())
        below += float((rest[:-1] ** 2)[both].sum())
    return min(max(above / below if below > 0 else 0.0, 0.0), 1.0)


def _errors(parts: Sequence[Part], weights: Array, memory: float) -> Array:
    """Errors over one bar of each row, given the one before it."""
    found = []
    for design, y in parts:
        rest = y - design @ weights
        moved = rest[1:] - memory * rest[:-1]
        found.append(moved - np.nanmedian(moved) if np.isfinite(moved).any() else moved)
    return np.concatenate(found)
