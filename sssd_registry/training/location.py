"""Fits the linear location by ridge, in two stages: weights that all targets share, then what each target's own
differ by, drawn toward nothing. How strongly, and whether weights turn with the hour, is cross-validated.

Targets of one series have much in common, and together many times the rows of one. Squared errors follow from sums
over rows (the normal equations), so that rows are gone through but twice, however many penalties are tried.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_SHARED_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
_OWN_PENALTIES = (0.1, 1.0, 10.0)
# A location that explains less than this of the variance is noise, and is left out.
_LEAST_EXPLAINED = 0.01
_AT_ONCE = 2048


@dataclass(frozen=True)
class Regression:
    """n rows in order of time.

    Attributes:
        terms: rows to float64 ``(n, P, C)``, made when asked for: whole they would fill the memory.
        moved: float64 ``(n, G, C)``, what came to be.
        size: ``(P,)``, what a weight's square is multiplied by in a penalty.
        plain: how many of the terms, the first, do not turn with the hour.
    """

    terms: Callable[[slice], Tensor]
    moved: Tensor
    size: Tensor
    plain: int


@dataclass(frozen=True)
class Fold:
    """Rows to score on, and those with their neighbours that share a future with them: not to fit on."""

    score: slice
    near: slice


@dataclass(frozen=True)
class Penalties:
    """How a location is fitted; ``own`` is None where there is one target."""

    turning: bool
    shared: float
    own: float | None


@dataclass(frozen=True)
class _Moments:
    """Sums over rows, float64: ``gram (C, P, P), right (C, P, G), square (C, G)``."""

    rows: int
    gram: Tensor
    right: Tensor
    square: Tensor

    def __sub__(self, other: _Moments) -> _Moments:
        gram, right, square = self.gram - other.gram, self.right - other.right, self.square - other.square
        return _Moments(self.rows - other.rows, gram, right, square)

    def squared_error(self, weights: Tensor) -> Tensor:
        """Of weights ``(C, P, G)`` for the first P terms, summed over rows: ``(C, G)``."""
        count = weights.shape[1]
        quadratic = (weights * (self.gram[:, :count, :count] @ weights)).sum(dim=1)
        return self.square - 2 * (weights * self.right[:, :count]).sum(dim=1) + quadratic


def best_penalties(data: Regression, folds: Sequence[Fold]) -> Penalties | None:
    """By the squared error of left-out blocks; ``None``: no location is better than the last value."""
    if not folds:
        return None
    whole = _moments(data, slice(0, len(data.moved)))
    errors: dict[Penalties, Tensor] = {}
    for fold in folds:
        fit, score = whole - _moments(data, fold.near), _moments(data, fold.score)
        for penalties, weights in _candidates(fit, data):
            errors[penalties] = errors.get(penalties, torch.zeros(())) + score.squared_error(weights)
    left = {key: float((error / whole.square.clamp(min=1e-12)).mean()) for key, error in errors.items()}
    best = min(left, key=left.__getitem__)
    return best if left[best] < 1 - _LEAST_EXPLAINED else None


def fit_location(data: Regression, penalties: Penalties, without: slice | None = None) -> Tensor:
    """Weights, float64 ``(G, P, C)``, from all rows but ``without``."""
    sums = _moments(data, slice(0, len(data.moved)))
    if without is not None:
        sums = sums - _moments(data, without)
    weights = _own(sums, _shared(sums, data, penalties.turning, penalties.shared), data, penalties.own)  # (C, P', G)
    whole = torch.zeros_like(sums.right)
    whole[:, : weights.shape[1]] = weights
    return whole.permute(2, 1, 0)


def left_out_residuals(data: Regression, penalties: Penalties, folds: Sequence[Fold]) -> Tensor:
    """What the location leaves in blocks it was not fitted on, ``(n, G, C)``: as much as it will leave of new data."""
    residual = data.moved.clone()
    for fold in folds:
        location = fit_location(data, penalties, without=fold.near)
        for rows in _parts(fold.score):
            residual[rows] -= torch.einsum("gpc,npc->ngc", location, data.terms(rows))
    return residual


def _candidates(sums: _Moments, data: Regression) -> Iterator[tuple[Penalties, Tensor]]:
    """Each way to fit, with its weights ``(C, P, G)``."""
    own_penalties = _OWN_PENALTIES if len(sums.gram) > 1 else (None,)
    turnings = (False, True) if len(data.size) > data.plain else (False,)
    for turning, penalty in itertools.product(turnings, _SHARED_PENALTIES):
        shared = _shared(sums, data, turning, penalty)
        for own in own_penalties:
            yield Penalties(turning, penalty, own), _own(sums, shared, data, own)


def _shared(sums: _Moments, data: Regression, turning: bool, penalty: float) -> Tensor:
    """The same weights for all targets, ``(1, P, G)``; of the plain terms alone where they do not turn."""
    count = len(data.size) if turning else data.plain
    gram, right = sums.gram[:, :count, :count].sum(dim=0), sums.right[:, :count].sum(dim=0)
    ridge = penalty * sums.rows * len(sums.gram) * torch.diag(data.size[:count])
    return torch.as_tensor(torch.linalg.solve(gram + ridge, right)).unsqueeze(0)


def _own(sums: _Moments, shared: Tensor, data: Regression, penalty: float | None) -> Tensor:
    """``(C, P, G)``: the shared weights, and a ridge of what they leave of each target."""
    if penalty is None:
        return shared.expand(len(sums.gram), -1, -1)
    count = shared.shape[1]
    gram, right = sums.gram[:, :count, :count], sums.right[:, :count]
    ridge = penalty * sums.rows * torch.diag(data.size[:count])
    return shared + torch.as_tensor(torch.linalg.solve(gram + ridge, right - gram @ shared))


def _moments(data: Regression, rows: slice) -> _Moments:
    count, channels = len(data.size), data.moved.shape[2]
    gram = torch.zeros(channels, count, count, dtype=torch.float64)
    right = torch.zeros(channels, count, data.moved.shape[1], dtype=torch.float64)
    square = torch.zeros(channels, data.moved.shape[1], dtype=torch.float64)
    for part in _parts(rows):
        x, y = data.terms(part).permute(2, 0, 1), data.moved[part].permute(2, 0, 1)  # (C, n, P), (C, n, G)
        gram += x.mT @ x
        right += x.mT @ y
        square += y.square().sum(dim=1)
    return _Moments(rows.stop - rows.start, gram, right, square)


def _parts(rows: slice) -> Iterator[slice]:
    for start in range(rows.start, rows.stop, _AT_ONCE):
        yield slice(start, min(start + _AT_ONCE, rows.stop))
