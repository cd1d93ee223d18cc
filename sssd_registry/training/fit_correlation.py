"""Fits how forecasts hang together over horizons and targets, on the training part alone, after location and scale.

A sample correlation of G horizons from windows that overlap has more numbers than the windows are worth. It is drawn
toward smoother ones (Ledoit & Wolf 2004), how strongly is cross-validated in blocks of time, by Gaussian likelihood:
windows that share a future are never on both sides, so that their number misleads nobody.

    a target's own  →  what all targets have in common  →  an autoregression's forecast errors (of two numbers)
    of targets      →  each pair alike, or unrelated
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sssd_registry.model.batches import TrainingData, evenly, make_batch
from sssd_registry.model.correlation import Correlation
from sssd_registry.model.normalizer import WindowNormalizer, robust_rms
from sssd_registry.training.fit_location import Fold, make_folds

# Windows times horizons times targets that are looked at: 64 MB. More windows overlap more.
_MAX_VALUES, _MAX_WINDOWS, _AT_ONCE = 1 << 24, 1 << 15, 512
# In deviations: nothing counts for more, and what lies farther is a wrong reading and counts for nothing.
_FARTHEST, _WRONG = 4.0, 8.0
# How much of a smoother matrix is taken.
_SHRINKAGES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)
# What an autoregression keeps from bar to bar, by the time in which it forgets, in longest horizons; and the share of
# a bar's noise that does not last.
_MEMORIES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 5.0, 1e6)
_FLEETING = (0.0, 0.03, 0.1, 0.3, 0.6, 0.9)
# The autoregression is chosen by so many of the horizons, evenly spaced.
_CHOSEN_BY = 48
# Least eigenvalue of a target matrix: two columns that are copies have a correlation of 1.
_LEAST_EIGENVALUE = 1e-4
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class _Residuals:
    """n training windows in order of time.

    Attributes:
        standard: float32 ``(n, G, C)``, of unit variance, times the root of how much each window counts.
        moves: bool ``(C,)``, whether any window moves.
        folds: blocks of time.
    """

    standard: Tensor
    moves: Tensor
    folds: Sequence[Fold]


@dataclass(frozen=True)
class _Moments:
    """Second moments ``(G, G)`` float64 of all windows, and for each fold of those to fit on and those to score on."""

    whole: Tensor
    fits: Sequence[Tensor]
    scores: Sequence[Tensor]


@torch.no_grad()
def fit_correlation(correlation: Correlation, normalizer: WindowNormalizer, data: TrainingData) -> None:
    """Set the buffers from the training part. ``normalizer`` is fitted already, and says what standard units are.

    A target that stands still in all windows has the targets' common correlation over horizons, and none with others.
    """
    residuals = _gather(correlation, normalizer, data)
    matrices = _over_horizons(residuals, correlation)
    correlation.set_horizons(matrices)
    correlation.set_targets(_over_targets(residuals, matrices))


def _gather(correlation: Correlation, normalizer: WindowNormalizer, data: TrainingData) -> _Residuals:
    horizons = tuple(int(point) for point in correlation.points)
    most = min(_MAX_VALUES // (len(horizons) * len(data.spec.targets)), _MAX_WINDOWS)
    origins = evenly(data.split.train, max(1, most))
    parts, weights = [], []
    for start in range(0, len(origins), _AT_ONCE):
        batch = make_batch(data, origins.take(slice(start, start + _AT_ONCE)), horizons, _CPU)
        parts.append(normalizer.standardize(batch.future, batch.values, batch.times, batch.horizons))
        weights.append(normalizer.weight(batch.values, full=1.0))
    standard, counted = torch.cat(parts), torch.cat(weights)
    for target in range(standard.shape[2]):  # one by one: what robust_rms holds of all would fill the memory
        column, weight = standard[:, :, target], counted[:, [target]]
        column /= robust_rms(column, weight.expand_as(column)).float()
        column[column.abs() > _WRONG] = 0.0
        column.clamp_(-_FARTHEST, _FARTHEST).mul_(weight.sqrt())
        column /= column.square().mean(dim=0).sqrt().clamp(min=1e-12)
    share = len(origins) / len(data.split.train)
    gap = int(max(horizons) * len(data.source.lengths) * share) + 1
    return _Residuals(standard, counted.sum(dim=0) > 0, make_folds(len(standard), gap))


def _over_horizons(residuals: _Residuals, correlation: Correlation) -> Tensor:
    """Correlation matrices ``(C or 1, G, G)`` of the points, float64."""
    standard, moving = residuals.standard, residuals.moves.nonzero().flatten().tolist()
    points = correlation.points.double()
    if not moving:
        walk = autoregression(points, _MEMORIES[-1], 0.0)
        return walk.expand(len(correlation.over_horizons), -1, -1)
    pooled = _moments((standard[:, :, target] for target in moving), residuals.folds)
    common = _shrunk(pooled, [best_autoregression(pooled.whole, points)])
    if len(moving) == 1 or len(correlation.over_horizons) == 1:
        return common.expand(len(correlation.over_horizons), -1, -1)
    matrices = common.repeat(standard.shape[2], 1, 1)
    for target in moving:
        own = _moments([standard[:, :, target]], residuals.folds)
        matrices[target] = _shrunk(own, [best_autoregression(own.whole, points), common])
    return matrices


def _over_targets(residuals: _Residuals, matrices: Tensor) -> Tensor:
    """Correlation ``(C, C)`` of the targets' noises, float64."""
    standard = residuals.standard
    count, points, channels = standard.shape
    white = torch.empty_like(standard)
    for target in range(channels):
        factor = torch.linalg.cholesky(matrices[target if len(matrices) > 1 else 0])
        column = torch.linalg.solve_triangular(factor.float(), standard[:, :, target].T, upper=False).T
        white[:, :, target] = column / column.square().mean().sqrt().clamp(min=1e-12)
    rows = white.clamp_(-_FARTHEST, _FARTHEST).reshape(count * points, channels)
    folds = [Fold(*(slice(part.start * points, part.stop * points) for part in (fold.score, fold.near)))
             for fold in residuals.folds]  # fmt: skip
    moments = _moments([rows], folds)
    unrelated = torch.eye(channels, dtype=torch.float64)
    if channels == 1 or not folds:
        return unrelated
    sample = _correlation(moments.whole)
    alike = float((sample.sum() - channels) / (channels * (channels - 1)))
    alike = min(max(alike, 0.0), 1 - _LEAST_EIGENVALUE)
    matrix = _shrunk(moments, [(1 - alike) * unrelated + alike, unrelated])
    return (1 - _LEAST_EIGENVALUE) * matrix + _LEAST_EIGENVALUE * unrelated


def _moments(columns: Iterator[Tensor] | Sequence[Tensor], folds: Sequence[Fold]) -> _Moments:
    """Summed over ``columns``, each ``(n, G)``."""
    whole, fits, scores = torch.zeros(()), [torch.zeros(())] * len(folds), [torch.zeros(())] * len(folds)
    for column in columns:
        square = _square(column, slice(0, len(column)))
        whole = whole + square
        for index, fold in enumerate(folds):
            fits[index] = fits[index] + square - _square(column, fold.near)
            scores[index] = scores[index] + _square(column, fold.score)
    return _Moments(whole, fits, scores)


def _square(column: Tensor, rows: slice) -> Tensor:
    """Sum of products over rows: ``(G, G)`` float64."""
    return (column[rows].T @ column[rows]).double()


def _correlation(moment: Tensor) -> Tensor:
    """Of a second moment; 0 where nothing varies."""
    deviation = moment.diagonal().clamp(min=0).sqrt()
    sample = moment / (deviation.unsqueeze(1) * deviation).clamp(min=1e-30)
    return sample.fill_diagonal_(1.0)


def _shrunk(moments: _Moments, smoother: Sequence[Tensor]) -> Tensor:
    """The sample drawn toward one of ``smoother``, by the likelihood of left-out blocks; that itself without blocks."""
    losses = [_losses(moments, target).tolist() for target in smoother]
    best, target = min(zip(losses, smoother, strict=True), key=lambda pair: min(pair[0]))
    share = max(share for share, loss in zip(_SHRINKAGES, best, strict=True) if loss == min(best))
    return (1 - share) * _correlation(moments.whole) + share * target


def _losses(moments: _Moments, target: Tensor) -> Tensor:
    """Negative log-likelihood of left-out blocks for each of the shrinkages.

    In the eigenvectors of the sample, as the target's noises see it, all of them are diagonal.
    """
    shares = torch.tensor(_SHRINKAGES, dtype=torch.float64).unsqueeze(1)
    factor = torch.linalg.cholesky(target)
    total = torch.zeros(len(_SHRINKAGES), dtype=torch.float64)
    for fit, score in zip(moments.fits, moments.scores, strict=True):
        values, vectors = torch.linalg.eigh(_seen(_correlation(fit), factor))
        variance = (1 - shares) * values.clamp(min=0) + shares  # (shrinkages, G)
        left_out = score * (len(score) / score.diagonal().sum().clamp(min=1e-30))
        seen = (vectors * (_seen(left_out, factor) @ vectors)).sum(dim=0)
        total += (variance.log() + seen / variance).sum(dim=1)
    return total


def _seen(moment: Tensor, factor: Tensor) -> Tensor:
    """``factor⁻¹ moment factor⁻ᵀ``."""
    half = torch.linalg.solve_triangular(factor, moment, upper=False)
    whole = torch.linalg.solve_triangular(factor, half.T, upper=False)
    return (whole + whole.T) / 2


def best_autoregression(moment: Tensor, points: Tensor) -> Tensor:
    """The most likely :func:`autoregression`, by some of the horizons."""
    some = torch.linspace(0, len(points) - 1, min(_CHOSEN_BY, len(points))).round().long()
    sample = _correlation(moment)[some][:, some]
    best, chosen = torch.inf, (_MEMORIES[-1], 0.0)
    for memory in _MEMORIES:
        for fleeting in _FLEETING:
            factor = torch.linalg.cholesky(autoregression(points, memory, fleeting)[some][:, some])
            loss = float(2 * factor.diagonal().log().sum() + torch.cholesky_solve(sample, factor).diagonal().sum())
            if loss < best:
                best, chosen = loss, (memory, fleeting)
    return autoregression(points, *chosen)


def autoregression(points: Tensor, memory: float, fleeting: float) -> Tensor:
    """Correlation of the errors of its forecasts, at G ascending ``points``: ``(G, G)``.

    Args:
        memory: time in which it forgets all but 1/e, in longest horizons. A random walk's is without end.
        fleeting: of a bar's variance, what is noise of that bar alone: counts, or wrong digits.
    """
    rate = 1 / (memory * points[-1])
    since = -torch.expm1(-2 * rate * points) / (-torch.expm1(-2 * rate))  # variance, in a bar's
    apart = (points.unsqueeze(1) - points).abs()
    lasting = torch.exp(-rate * apart) * torch.minimum(since.unsqueeze(1), since)
    matrix = (1 - fleeting) * lasting + (fleeting + 1e-6) * torch.eye(len(points), dtype=points.dtype)
    return _correlation(matrix)
