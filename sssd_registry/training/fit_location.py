"""Fit of the linear location by ridge, in two stages.

First weights that all targets share; then what each target's own differ by, drawn toward nothing. How strongly, and
whether weights turn with the hour, is cross-validated.

Targets of one series have much in common, and together many times the rows of one. Rows that a first fit misses by
far are weighted less in a second, as in iteratively reweighted least squares: squares of fat tails say little, and
forecasts are scored by the size of an error.

Squared errors follow from sums over rows (the normal equations): for penalties to be tried rows are gone through once,
and once more after they are weighted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from itertools import pairwise
from operator import add
from typing import TypeAlias

import torch
from torch import Tensor

_SHARED_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
_OWN_PENALTIES = (0.01, 0.1, 1.0, 10.0)
# A location that explains less than this of the variance is noise, and is left out.
_LEAST_EXPLAINED = 0.01
# One that explains this much may fail in one block of time.
_MUCH_EXPLAINED = 0.1
# A block whose rows weigh less than this part of the average row stood still, and says little.
_SILENT = 0.5
# In units of the average row's miss: a row that is missed by this much counts for a quarter of one that is hit.
_FAR = 0.5
_AT_ONCE, _FOLDS = 2048, 4
# Penalties are chosen by so many of the horizons, evenly spaced.
_CHOSEN_BY = 40

# Some rows, and what is left of them, float64 (n, G, C).
LeftOut: TypeAlias = tuple[slice, Tensor]


@dataclass(frozen=True)
class Regression:
    """n rows in order of time.

    Attributes:
        terms: rows to float64 ``(n, P, C)``, made when asked for: whole they would fill the memory.
        moved: float64 ``(n, G, C)``, what came to be.
        size: ``(P,)``, what a weight's square is multiplied by in a penalty.
        plain: how many of the terms, the first, do not turn with the hour.
        row_weights: ``(n, C)``, how much a row counts; 1 on average.
        folds: what is left out in turn; together all rows, or none.
    """

    terms: Callable[[slice], Tensor]
    moved: Tensor
    size: Tensor
    plain: int
    row_weights: Tensor
    folds: Sequence[Fold]


@dataclass(frozen=True)
class Fold:
    """Rows to score on, and those with their neighbours that share a future with them: not to fit on."""

    score: slice
    near: slice


def make_folds(count: int, gap: int) -> list[Fold]:
    """Blocks of time, no future of which reaches into what is fitted on.

    None where the series are too short for it: the strongest penalty is then as good as any.
    """
    if count < _FOLDS or count - count // _FOLDS - 2 * gap < 4 * _FOLDS:
        return []
    cuts = [fold * count // _FOLDS for fold in range(_FOLDS + 1)]
    return [
        Fold(slice(start, stop), slice(max(0, start - gap), min(count, stop + gap))) for start, stop in pairwise(cuts)
    ]


@dataclass(frozen=True)
class Penalties:
    """Penalties that a location is fitted with; ``own`` is None where there is one target."""

    turning: bool
    shared: float
    own: float | None


@dataclass(frozen=True)
class Moments:
    """Weighted sums over rows, float64: ``gram (C, P, P), right (C, P, G), square (C, G)``."""

    rows: int
    gram: Tensor
    right: Tensor
    square: Tensor

    def __add__(self, other: Moments) -> Moments:
        gram, right, square = self.gram + other.gram, self.right + other.right, self.square + other.square
        return Moments(self.rows + other.rows, gram, right, square)

    def __sub__(self, other: Moments) -> Moments:
        gram, right, square = self.gram - other.gram, self.right - other.right, self.square - other.square
        return Moments(self.rows - other.rows, gram, right, square)

    def at(self, points: Tensor) -> Moments:
        """Return the moments of some of the horizons, by their positions."""
        return Moments(self.rows, self.gram, self.right[:, :, points], self.square[:, points])

    def squared_error(self, weights: Tensor) -> Tensor:
        """Return the squared error of weights ``(C, P, G)`` for the first P terms, summed over rows: ``(C, G)``."""
        count = weights.shape[1]
        quadratic = (weights * (self.gram[:, :count, :count] @ weights)).sum(dim=1)
        return self.square - 2 * (weights * self.right[:, :count]).sum(dim=1) + quadratic


@dataclass(frozen=True)
class Sums:
    """Over all rows, and of each fold over those that it is fitted on and those that it is scored on."""

    whole: Moments
    fits: Sequence[Moments]
    scores: Sequence[Moments]


def summed(data: Regression) -> Sums:
    """Sums over rows, each of which is looked at once, but for the few that are near a fold and not in it."""
    scores = [moments(data, fold.score) for fold in data.folds]
    whole = reduce(add, scores) if scores else moments(data, slice(0, len(data.moved)))
    fits = [
        whole - score - moments(data, slice(fold.near.start, fold.score.start))
        - moments(data, slice(fold.score.stop, fold.near.stop))
        for fold, score in zip(data.folds, scores, strict=True)
    ]  # fmt: skip
    return Sums(whole, fits, scores)


def fit_location(data: Regression, points: Tensor) -> tuple[Tensor, Tensor] | None:
    """Weights ``(G, P, C)`` and what they leave of rows they were not fitted on, at ``points`` of the G horizons.

    Float64, the latter ``(n, points, C)``: as much will be left of new data. ``None``: no location is better than the
    last value.
    """
    sums = summed(data)
    penalties = best_penalties(data, sums)
    if penalties is not None:
        data = reweighted(data, partial(left_out, data, sums, penalties))
        del sums  # a quarter of a gigabyte, which those of the new weights need
        sums = summed(data)
        penalties = best_penalties(data, sums)
    if penalties is None:
        return None
    residual = torch.cat([left[:, points] for _, left in left_out(data, sums, penalties)])
    return ridge(sums.whole, data, penalties), residual


def best_penalties(data: Regression, sums: Sums) -> Penalties | None:
    """Choose by the squared error of left-out blocks; ``None``: too little of them is explained, or there are none.

    Some of each has to be: in a few hundred rows of a random walk the best of many fits explains some of the whole.
    Where much is explained, one block may be an exception: a sensor that was stuck, a month of strikes. A block that
    stood still has no say.
    """
    if not data.folds:
        return None
    explained: dict[Penalties, list[float]] = {}  # by fold, as shares of the whole variance
    points = torch.linspace(0, data.moved.shape[1] - 1, min(_CHOSEN_BY, data.moved.shape[1])).round().long()
    whole = sums.whole.at(points).square.clamp(min=1e-12)
    for fit, score in zip(sums.fits, sums.scores, strict=True):
        left_out = score.at(points)
        for penalties, weights in _candidates(fit.at(points), data):
            gain = (left_out.square - left_out.squared_error(weights)) / whole
            explained.setdefault(penalties, []).append(float(gain.mean()))
    best = max(explained, key=lambda penalties: sum(explained[penalties]))
    total = sum(explained[best])
    says = [float(data.row_weights[fold.score].mean()) >= _SILENT for fold in data.folds]
    worst, second = sorted(gain if said else torch.inf for gain, said in zip(explained[best], says, strict=True))[:2]
    return best if total > _LEAST_EXPLAINED and (worst > 0 or (total > _MUCH_EXPLAINED and second > 0)) else None


def left_out(data: Regression, sums: Sums, penalties: Penalties) -> Iterator[LeftOut]:
    """Yield what the location leaves of blocks it was not fitted on, some rows after the others."""
    for fold, fit in zip(data.folds, sums.fits, strict=True):
        location = ridge(fit, data, penalties)
        for rows in _chunks(fold.score):
            yield rows, data.moved[rows] - torch.einsum("gpc,npc->ngc", location, data.terms(rows))


def reweighted(data: Regression, residuals: Callable[[], Iterator[LeftOut]]) -> Regression:
    """Rows weigh ``1 / (_FAR + q)^2`` times what they did, where q is the mean size of a row's residuals.

    The average row's q is 1. Residuals are asked for twice, some rows at a time: whole they would be a quarter of a
    gigabyte.
    """
    total = torch.zeros((), dtype=torch.float64)
    for rows, left in residuals():
        total = total + (data.row_weights[rows].unsqueeze(1) * left.abs()).sum(dim=0)  # (G, C)
    typical = (total / len(data.moved)).clamp(min=1e-12)
    missed = torch.cat([(left.abs() / typical).mean(dim=1) for _, left in residuals()])  # (n, C)
    row_weights = data.row_weights * (_FAR + missed) ** -2
    return replace(data, row_weights=row_weights / row_weights.mean(dim=0))


def ridge(sums: Moments, data: Regression, penalties: Penalties) -> Tensor:
    """Weights, float64 ``(G, P, C)``; zero for terms that turn where they are not to."""
    shared = _shared(sums, data, penalties.turning, penalties.shared)  # (1, P', G)
    factor = _factor(sums, data, penalties.turning, penalties.own)
    whole = torch.zeros_like(sums.right)
    whole[:, : shared.shape[1]] = _own(sums, shared, factor)
    return whole.permute(2, 1, 0)


def _candidates(sums: Moments, data: Regression) -> Iterator[tuple[Penalties, Tensor]]:
    """Each way to fit, with its weights ``(C, P, G)``."""
    own_penalties = _OWN_PENALTIES if len(sums.gram) > 1 else (None,)
    turnings = (False, True) if len(data.size) > data.plain else (False,)
    for turning in turnings:
        factors = [_factor(sums, data, turning, own) for own in own_penalties]  # once for all that is shared
        for penalty in _SHARED_PENALTIES:
            shared = _shared(sums, data, turning, penalty)
            for own, factor in zip(own_penalties, factors, strict=True):
                yield Penalties(turning, penalty, own), _own(sums, shared, factor)


def _shared(sums: Moments, data: Regression, turning: bool, penalty: float) -> Tensor:
    """The same weights for all targets, ``(1, P, G)``; of the plain terms alone where they do not turn."""
    count = len(data.size) if turning else data.plain
    gram, right = sums.gram[:, :count, :count].sum(dim=0), sums.right[:, :count].sum(dim=0)
    ridge = penalty * sums.rows * len(sums.gram) * torch.diag(data.size[:count])
    return torch.as_tensor(torch.linalg.solve(gram + ridge, right)).unsqueeze(0)


def _factor(sums: Moments, data: Regression, turning: bool, penalty: float | None) -> Tensor | None:
    """Factor the ridge of each target's own weights (Cholesky): ``(C, P, P)``; ``None`` where there are none."""
    if penalty is None:
        return None
    count = len(data.size) if turning else data.plain
    ridge = penalty * sums.rows * torch.diag(data.size[:count])
    return torch.as_tensor(torch.linalg.cholesky(sums.gram[:, :count, :count] + ridge))


def _own(sums: Moments, shared: Tensor, factor: Tensor | None) -> Tensor:
    """``(C, P, G)``: the shared weights, and a ridge of what they leave of each target."""
    if factor is None:
        return shared.expand(len(sums.gram), -1, -1)
    count = shared.shape[1]
    left = sums.right[:, :count] - sums.gram[:, :count, :count] @ shared
    return shared + torch.cholesky_solve(left, factor)


def moments(data: Regression, rows: slice) -> Moments:
    """Sums over some of the rows."""
    count, channels = len(data.size), data.moved.shape[2]
    gram = torch.zeros(channels, count, count, dtype=torch.float64)
    right = torch.zeros(channels, count, data.moved.shape[1], dtype=torch.float64)
    square = torch.zeros(channels, data.moved.shape[1], dtype=torch.float64)
    for chunk in _chunks(rows):
        root = data.row_weights[chunk].sqrt().unsqueeze(1)  # (n, 1, C)
        x, y = ((root * rows).permute(2, 0, 1) for rows in (data.terms(chunk), data.moved[chunk]))  # (C, n, P or G)
        gram += x.mT @ x
        right += x.mT @ y
        square += y.square().sum(dim=1)
    return Moments(rows.stop - rows.start, gram, right, square)


def _chunks(rows: slice) -> Iterator[slice]:
    for first in range(rows.start, rows.stop, _AT_ONCE):
        yield slice(first, min(first + _AT_ONCE, rows.stop))
