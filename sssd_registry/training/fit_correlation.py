"""Fits how forecasts hang together over horizons and targets, on the training part alone, after location and scale.

A sample correlation of G horizons from windows that overlap has more numbers than the windows are worth. It is drawn
toward smoother ones (Ledoit & Wolf 2004), how strongly is cross-validated in blocks of time, by Gaussian likelihood:
windows that share a future are never on both sides, so that their number misleads nobody.

    a target's own  →  what all targets have in common  →  an autoregression's forecast errors (of two numbers)
    of targets      →  each pair alike, or unrelated
    all together    →  the product of both
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sssd_registry.model.batches import TrainingData, evenly_spaced, make_batch
from sssd_registry.model.colouring import JointColouring, separable_matrix
from sssd_registry.model.correlation import Correlation
from sssd_registry.model.normalizer import WindowNormalizer, robust_rms
from sssd_registry.training.fit_location import Fold, make_folds
from sssd_registry.training.fit_path_volatility import fit_path_volatility

# Windows times horizons times targets that are looked at: 64 MB. More windows overlap more.
_MAX_VALUES, _MAX_WINDOWS, _AT_ONCE = 1 << 24, 1 << 13, 512
# In deviations: nothing counts for more, and what lies farther is a wrong reading.
_FARTHEST, _WRONG = 4.0, 8.0
# How much of a smoother matrix is taken.
_SHRINKAGES = (1.0, 0.9, 0.8, 0.65, 0.5, 0.35, 0.2, 0.1, 0.05, 0.02)
# What an autoregression keeps from bar to bar, by the time in which it forgets, in longest horizons; and the share of
# a bar's noise that does not last.
_ENDLESS = 1e6
_MEMORIES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 5.0, _ENDLESS)
_FLEETING = (0.0, 0.03, 0.1, 0.3, 0.6, 0.9)
# The autoregression is chosen by so many of the horizons, evenly spaced.
_CHOSEN_BY = 48
# Another than a random walk is better by so many standard errors over blocks.
_SURELY = 2.0
# The range of a path of fewer says little of its volatility.
_LEAST_POINTS = 4
# Least eigenvalue of a target matrix: two columns that are copies have a correlation of 1.
_LEAST_EIGENVALUE = 1e-4
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class _Residuals:
    """n training windows in order of time.

    Attributes:
        standard: float32 ``(n, G, C)``, of unit variance.
        size: float32 ``(G, C)``, by which they were divided.
        weights: float32 ``(n, C)``, how much each window counts.
        folds: blocks of time.
    """

    standard: Tensor
    size: Tensor
    weights: Tensor
    folds: Sequence[Fold]

    @property
    def moving(self) -> list[int]:
        """Targets that move in any window."""
        return list(map(int, self.weights.sum(dim=0).nonzero()))

    def weighted(self, target: int) -> Tensor:
        """``(n, G)``, times the root of how much each window counts."""
        return self.standard[:, :, target] * self.weights[:, [target]].sqrt()


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
    correlation.training_size.copy_(residuals.size)
    matrices = _over_horizons(residuals, correlation)
    white = _white(residuals, matrices)
    across = _over_targets(white, residuals)
    correlation.set_matrices(matrices, across)
    if isinstance(correlation.colouring, JointColouring):
        correlation.colouring.set_matrix(_over_both(residuals, separable_matrix(matrices, across)))
    if len(correlation.points) >= _LEAST_POINTS and residuals.folds:
        fit_path_volatility(correlation, residuals.standard, residuals.weights)


def _gather(correlation: Correlation, normalizer: WindowNormalizer, data: TrainingData) -> _Residuals:
    horizons = tuple(int(point) for point in correlation.points)
    most = min(_MAX_VALUES // (len(horizons) * len(data.spec.targets)), _MAX_WINDOWS)
    origins = evenly_spaced(data.split.train, max(1, most))
    parts, weights = [], []
    for start in range(0, len(origins), _AT_ONCE):
        batch = make_batch(data, origins.take(slice(start, start + _AT_ONCE)), horizons, _CPU)
        parts.append(normalizer.standardize(batch.future, batch.values, batch.times, batch.horizons))
        weights.append(normalizer.weight(batch.values))
    standard, counted = torch.cat(parts), torch.cat(weights).float()
    size = torch.ones(standard.shape[1:])
    for target in range(standard.shape[2]):  # one by one: what robust_rms holds of all would fill the memory
        column, weight = standard[:, :, target], counted[:, [target]]
        column.nan_to_num_(0.0, 0.0, 0.0)  # beyond float32, after a window that stands still
        typical = robust_rms(column, weight.expand_as(column)).float()
        column /= typical
        _fill_wrong(column)
        column.clamp_(-_FARTHEST, _FARTHEST)
        left = ((weight * column.square()).sum(dim=0) / weight.sum().clamp(min=1e-12)).sqrt().clamp(min=1e-6)
        column /= left
        size[:, target] = torch.where(weight.sum() > 0, typical * left, 1.0)
    share = len(origins) / len(data.split.train)
    gap = int(max(horizons) * len(data.source.lengths) * share) + 1
    return _Residuals(standard, size, counted, make_folds(len(standard), gap))


def _fill_wrong(column: Tensor) -> None:
    """Replace, in place, what is too far off in ``(n, G)``: it becomes what it was a horizon earlier, or 0.

    Zeros everywhere would be jumps in a smooth path, there and back, and no other target has them.
    """
    wrong = column.abs() > _WRONG
    column[:, 0].masked_fill_(wrong[:, 0], 0.0)
    for row in wrong.any(dim=0)[1:].nonzero().flatten().tolist():
        column[:, row + 1] = torch.where(wrong[:, row + 1], column[:, row], column[:, row + 1])


def _over_horizons(residuals: _Residuals, correlation: Correlation) -> Tensor:
    """Correlation matrices ``(C or 1, G, G)`` of the points, float64."""
    points, moving = correlation.points.double(), residuals.moving
    colouring = correlation.colouring
    count = colouring.targets if isinstance(colouring, JointColouring) else len(colouring.over_horizons)
    if not moving:
        return autoregression(points, _ENDLESS, 0.0).expand(count, -1, -1)
    pooled = _moments((residuals.weighted(target) for target in moving), residuals.folds)
    common = _shrunk(pooled, [best_autoregression(pooled, points)])
    if len(moving) == 1 or count == 1:
        return common.expand(count, -1, -1)
    matrices = common.repeat(count, 1, 1)
    for target in moving:
        own = _moments([residuals.weighted(target)], residuals.folds)
        matrices[target] = _shrunk(own, [best_autoregression(own, points), common])
    return matrices


def _white(residuals: _Residuals, matrices: Tensor) -> Tensor:
    """Rest that each target's correlation over horizons leaves of the residuals, float32 ``(n, G, C)``."""
    white = torch.empty_like(residuals.standard)
    for target in range(white.shape[2]):
        factor = torch.linalg.cholesky(matrices[target if len(matrices) > 1 else 0]).float()
        column = residuals.standard[:, :, target].T
        white[:, :, target] = torch.linalg.solve_triangular(factor, column, upper=False).T
    return white


def _over_targets(white: Tensor, residuals: _Residuals) -> Tensor:
    """Correlation ``(C, C)`` of the targets' noises ``(n, G, C)``, float64."""
    _, points, channels = white.shape
    unrelated = torch.eye(channels, dtype=torch.float64)
    if channels == 1 or not residuals.folds:
        return unrelated
    rows = white.clamp(-_FARTHEST, _FARTHEST).mul_(residuals.weights.sqrt().unsqueeze(1)).reshape(-1, channels)
    folds = [Fold(*(slice(part.start * points, part.stop * points) for part in (fold.score, fold.near)))
             for fold in residuals.folds]  # fmt: skip
    moments = _moments([rows], folds)
    alike = float((_correlation(moments.whole).sum() - channels) / (channels * (channels - 1)))
    alike = min(max(alike, 0.0), 1 - _LEAST_EIGENVALUE)
    matrix = _shrunk(moments, [unrelated, (1 - alike) * unrelated + alike])
    return (1 - _LEAST_EIGENVALUE) * matrix + _LEAST_EIGENVALUE * unrelated


def _over_both(residuals: _Residuals, separable: Tensor) -> Tensor:
    """Correlation ``(G C, G C)`` of all horizons of all targets, float64: the sample drawn toward ``separable``.

    What is in the sample alone is how one target hangs together with another later. Of targets that stand still
    nothing is seen.
    """
    rows = (residuals.standard * residuals.weights.sqrt().unsqueeze(1)).flatten(1)  # (n, G C)
    still = torch.ones(residuals.standard.shape[2], dtype=torch.bool)
    still[residuals.moving] = False
    if still.any() or not residuals.folds:
        return separable
    return _shrunk(_moments([rows], residuals.folds), [separable])


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
    """Correlation matrix of a second moment; 0 where nothing varies."""
    deviation = moment.diagonal().clamp(min=0).sqrt()
    sample = moment / (deviation.unsqueeze(1) * deviation).clamp(min=1e-30)
    return sample.fill_diagonal_(1.0)


def _shrunk(moments: _Moments, smoother: Sequence[Tensor]) -> Tensor:
    """The sample drawn toward one of ``smoother``, by the likelihood of left-out blocks; the first without blocks."""
    if not moments.fits:
        return smoother[0]
    losses = torch.cat([_losses(moments, target).mean(dim=1) for target in smoother])  # (smoother · shrinkages,)
    chosen = int(losses.argmin())
    target, share = smoother[chosen // len(_SHRINKAGES)], _SHRINKAGES[chosen % len(_SHRINKAGES)]
    return (1 - share) * _correlation(moments.whole) + share * target


def _losses(moments: _Moments, target: Tensor) -> Tensor:
    """Negative log-likelihood of each left-out block by each of the shrinkages, ``(shrinkages, folds)``.

    In the eigenvectors of the sample, as the target's noises see it, all of them are diagonal.
    """
    shares = torch.tensor(_SHRINKAGES, dtype=torch.float64).unsqueeze(1)
    factor = torch.linalg.cholesky(target)
    losses = []
    for fit, score in zip(moments.fits, moments.scores, strict=True):
        values, vectors = torch.linalg.eigh(_seen(_correlation(fit), factor))
        variance = (1 - shares) * values.clamp(min=0) + shares  # (shrinkages, G)
        left_out = score * (len(score) / score.diagonal().sum().clamp(min=1e-30))
        seen = (vectors * (_seen(left_out, factor) @ vectors)).sum(dim=0)
        losses.append((variance.log() + seen / variance).sum(dim=1) + 2 * factor.diagonal().log().sum())
    return torch.stack(losses, dim=1)


def _seen(moment: Tensor, factor: Tensor) -> Tensor:
    """``factor⁻¹ moment factor⁻ᵀ``."""
    half = torch.linalg.solve_triangular(factor, moment, upper=False)
    whole: Tensor = torch.linalg.solve_triangular(factor, half.T, upper=False)
    return (whole + whole.T) / 2


def best_autoregression(moments: _Moments, points: Tensor) -> Tensor:
    """The most likely :func:`autoregression`, by some of the horizons; a random walk where that is not surely worse."""
    some = torch.linspace(0, len(points) - 1, min(_CHOSEN_BY, len(points))).round().long()
    blocks = [_correlation(moment)[some][:, some] for moment in (moments.scores or [moments.whole])]
    candidates = [(memory, fleeting) for memory in _MEMORIES for fleeting in _FLEETING]
    losses = {}
    for candidate in candidates:
        factor = torch.linalg.cholesky(autoregression(points, *candidate)[some][:, some])
        misfit = [float(torch.cholesky_solve(block, factor).diagonal().sum()) for block in blocks]
        losses[candidate] = torch.tensor(misfit) + 2 * float(factor.diagonal().log().sum())
    best = min(candidates, key=lambda candidate: float(losses[candidate].mean()))
    excess = losses[_ENDLESS, 0.0] - losses[best]
    error = excess.std() / len(blocks) ** 0.5 if len(blocks) > 1 else 0.0
    return autoregression(points, *(best if excess.mean() > _SURELY * error else (_ENDLESS, 0.0)))


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
