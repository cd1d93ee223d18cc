"""Fit of the linear baseline, on the training part alone: what diffusion starts from.

A linear location by ridge (:mod:`sssd_registry.training.fit_location`), a log-linear scale by maximum likelihood. How
much of each is cross-validated in blocks of time.

Windows that stand still count little: in their units whatever comes after them is huge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sssd_registry.model.batches import TrainingData, evenly_spaced, make_batch
from sssd_registry.model.location_scale import FARTHEST, LinearLocationScale
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.model.normalizer import robust_rms
from sssd_registry.training.fit_location import Regression, fit_location, make_folds

# Windows times targets that are looked at, evenly spaced in time: more would cost minutes and change nothing. Times
# horizons, more would fill the memory.
_MAX_ROWS, _MAX_VALUES, _AT_ONCE = 1 << 17, 1 << 25, 512
# What a window that stands still counts for in the scale, beside 1 of the average one: where rates, or sales, stand
# still most of the time, how little they move then is what there is to learn.
_STILL_IN_SCALE = 0.3
# Nothing that came to be counts for more than this many times what all but a fiftieth of the windows stay below: the
# squares of one wrong reading of 1e9, or of a change from kWh to Wh, would be all that is fitted.
_FARTHEST_MOVE, _NEARLY_ALL, _LOOKED_AT = 4.0, 0.98, 4096
_PRODUCTS_AT_ONCE, _HORIZONS_AT_ONCE = 4096, 32
_SCALE_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class _Sample:
    """n training windows in order of time.

    Attributes:
        regression: of the location, at every horizon that has one.
        features: ``(n, F, C)``.
        weights: ``(n, C)``, how much each window counts; 1 on average.
        observed: ``(n, 1, C)`` or ``(n, G, C)``, 1 where what came to be was observed, and 0 where it is a draw.
        moves: bool ``(C,)``, whether any window moves: nothing is fitted of a target that stands still in all of them.
        gap: how far a future reaches, in rows.
    """

    regression: Regression
    features: Tensor
    weights: Tensor
    observed: Tensor
    moves: Tensor
    gap: int


@torch.no_grad()
def fit_location_scale(network: SSSDNetwork, data: TrainingData) -> None:
    """Set the buffers of the normaliser's :class:`LinearLocationScale` from the training part."""
    linear = network.normalizer.linear
    if linear is None:
        raise ValueError("this network starts from the random walk")
    sample = _gather(network, linear, data)
    regression, weights = sample.regression, sample.weights
    # The scale is fitted at some of the location's horizons.
    points = torch.searchsorted(linear.location_horizons, network.normalizer.growth_horizons)
    location, residual = fit_location(regression, points) or (linear.location, regression.moved[:, points])
    observed = sample.observed.expand(-1, len(linear.location_horizons), -1)[:, points]
    moving = weights.unsqueeze(1) * observed  # (n, G, C)
    counted = _mean_one(weights + _STILL_IN_SCALE).unsqueeze(1) * observed
    center = (weights.unsqueeze(1) * sample.features).mean(dim=0)  # (F, C)
    spread = (weights.unsqueeze(1) * (sample.features - center).square()).mean(dim=0).sqrt()
    spread = torch.where(spread < 1e-6 * (1 + center.abs()), torch.ones_like(spread), spread)
    standard = ((sample.features - center) / spread).clamp(-FARTHEST, FARTHEST)
    penalty = _best_scale_penalty(standard, residual, counted, moving, sample.gap)
    slope, bias = _log_scale(standard, residual, counted, penalty)
    left = residual * torch.exp(-_apply(standard, slope, bias))
    bias = bias + robust_rms(left, moving).log()  # unit variance on the training part
    lowest, highest = _range(_apply(standard, slope, bias), residual, weights)
    fitted_buffers = {
        "center": center, "spread": spread, "weights": slope, "bias": bias, "lowest": lowest, "highest": highest,
        "location": location,
    }  # fmt: skip
    for name, value in fitted_buffers.items():
        buffer = linear.get_buffer(name)
        buffer.copy_(torch.where(sample.moves, value.float(), buffer))


def _gather(network: SSSDNetwork, linear: LinearLocationScale, data: TrainingData) -> _Sample:
    normalizer = network.normalizer
    horizons = tuple(int(h) for h in linear.location_horizons)
    most = min(_MAX_ROWS, _MAX_VALUES // len(horizons)) // len(data.spec.targets)
    origins = evenly_spaced(data.split.train, max(1, most))
    lags, waves, features, weights, observed = [], [], [], [], []
    moved = torch.empty(len(origins), len(horizons), len(data.spec.targets), dtype=torch.float64)  # (n, G, C)
    for first in range(0, len(origins), _AT_ONCE):
        chunk = origins.take(np.arange(first, min(first + _AT_ONCE, len(origins))))
        batch = make_batch(data, chunk, horizons, _CPU)
        unit = linear.unit(batch.values)
        lags.append(linear.lags(batch.values, unit))
        waves.append(linear.waves(batch.times))
        features.append(linear.features(batch.values, unit, waves[-1]))
        since = normalizer.origin(batch.values).unsqueeze(1)
        moved[first : first + len(chunk)] = normalizer.movement.between(since, batch.future) / unit
        weights.append(normalizer.weight(batch.values, full=1.0))  # errors are squared: as in data units
        observed.append(torch.ones_like(weights[-1]).unsqueeze(1) if batch.observed is None else batch.observed)
    share = len(origins) / len(data.split.train)
    gap = int(max(horizons) * len(data.source.lengths) * share) + 1
    moves = torch.cat(weights).sum(dim=0) > 0
    counted = _mean_one(torch.cat(weights))
    _bound(moved, counted)
    regression = _regression(linear, torch.cat(lags), torch.cat(waves), moved, counted, gap)
    return _Sample(regression, torch.cat(features).double(), counted, torch.cat(observed), moves, gap)


def _bound(moved: Tensor, weights: Tensor) -> None:
    """Bring what is far beyond nearly all of ``moved (n, G, C)`` nearer; windows of no ``weights (n, C)`` do not say.

    In place, and some horizons at a time: it is the largest array of a fit.
    """
    every = -(-len(moved) // _LOOKED_AT)
    silent = (weights[::every] == 0).unsqueeze(1)
    for first in range(0, moved.shape[1], _HORIZONS_AT_ONCE):
        some = moved[:, first : first + _HORIZONS_AT_ONCE]
        size = some[::every].abs()
        none = (size == 0) | silent
        ordered = size.masked_fill(none, torch.inf).sort(dim=0).values
        last = (_NEARLY_ALL * ((~none).sum(dim=0, keepdim=True) - 1).clamp(min=0)).long()
        limit = _FARTHEST_MOVE * ordered.gather(0, last)  # (1, G, C), infinite where nothing moved
        torch.maximum(some, -limit, out=some)
        torch.minimum(some, limit, out=some)


def _mean_one(weights: Tensor) -> Tensor:
    """Weights ``(n, C)`` with a mean of 1 for each target; all the same where every window stands still."""
    weights = torch.where(weights.sum(dim=0) > 0, weights, 1.0)
    return weights / weights.mean(dim=0)


def _regression(
    linear: LinearLocationScale, lags: Tensor, waves: Tensor, moved: Tensor, weights: Tensor, gap: int
) -> Regression:
    """Penalties are relative to the mean square of the lags; waves, and the constant, count as of size 1."""
    square = float((weights.unsqueeze(1) * lags.double().square()).mean().clamp(min=1e-12))
    size = torch.full((linear.num_terms,), square, dtype=torch.float64)
    size[linear.num_lags : linear.num_plain_terms] = 1.0

    def terms(rows: slice) -> Tensor:
        return linear.design(lags[rows], waves[rows]).double()

    return Regression(terms, moved, size, linear.num_plain_terms, weights, make_folds(len(moved), gap))


def _range(theta: Tensor, residual: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Least and largest log scale ``(G, C)`` of windows ``(n, G, C)`` that count for half of the average or more.

    Not more than the farthest of their ``residual (n, G, C)``: an exponential of many features may be.
    """
    counts = (weights >= 0.5).unsqueeze(1)
    lowest = theta.masked_fill(~counts, torch.inf).amin(dim=0)
    highest = theta.masked_fill(~counts, -torch.inf).amax(dim=0)
    farthest = residual.abs().masked_fill(~counts, 0.0).amax(dim=0).clamp(min=1e-12).log()
    return lowest, torch.maximum(torch.minimum(highest, farthest), lowest)


def _apply(standard: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """Log scale ``(n, G, C)`` from features ``(n, F, C)``."""
    return torch.einsum("gfc,nfc->ngc", weights, standard) + bias


def _log_scale(
    standard: Tensor, residual: Tensor, counted: Tensor, penalty: float, steps: int = 12
) -> tuple[Tensor, Tensor]:
    """Weights ``(G, F, C)`` and bias ``(G, C)`` of a log-linear Laplace scale, by Newton's method.

    Row n counts ``counted (n, G, C)``, about 1 on average.

    The negative log-likelihood ``theta + |r| exp(-theta)`` is convex in theta, and less swayed by fat tails than a
    Gaussian's.
    """
    count, features, channels = standard.shape
    ones = torch.ones(count, 1, channels, dtype=standard.dtype)
    x = torch.cat([ones, standard], dim=1)  # (n, 1 + F, C)
    size = residual.abs()
    beta = torch.zeros(residual.shape[1], features + 1, channels, dtype=standard.dtype)  # (G, 1 + F, C)
    beta[:, 0] = ((counted * size).sum(dim=0) / counted.sum(dim=0).clamp(min=1e-12)).clamp(min=1e-12).log()
    ridge = penalty * torch.eye(features + 1, dtype=standard.dtype)
    ridge[0, 0] = 1e-9
    for c in range(channels):
        row, missed, own = x[:, :, c].contiguous(), size[:, :, c].contiguous(), beta[:, :, c]
        share = counted[:, :, c]
        for _ in range(steps):
            relative = share * (missed * torch.exp(-(row @ own.T))).clamp(max=50.0)  # (n, G)
            pull = own @ ridge
            pull[:, 0] = 0.0
            gradient = (share - relative).T @ row / count + pull  # (G, 1 + F)
            curvature = _weighted_products(row, relative) / count + ridge  # (G, 1 + F, 1 + F)
            move = torch.linalg.solve(curvature, gradient)
            longest = (move @ row.T).abs().amax(dim=1, keepdim=True)  # a Newton step may overshoot
            own -= move * (2 / longest.clamp(min=2))
    return beta[:, 1:], beta[:, 0]


def _weighted_products(row: Tensor, weights: Tensor) -> Tensor:
    """Sums over rows ``(n, F)`` of their products, weighted by each of ``weights (n, G)``: ``(G, F, F)``.

    Some rows at a time: the products of all of a panel's would be gigabytes.
    """
    total = torch.zeros(weights.shape[1], row.shape[1] ** 2, dtype=row.dtype)
    for first in range(0, len(row), _PRODUCTS_AT_ONCE):
        some = row[first : first + _PRODUCTS_AT_ONCE]
        total += weights[first : first + len(some)].T @ (some.unsqueeze(2) * some.unsqueeze(1)).flatten(1)
    return total.reshape(-1, row.shape[1], row.shape[1])


def _best_scale_penalty(standard: Tensor, residual: Tensor, counted: Tensor, moving: Tensor, gap: int) -> float:
    """Choose by the likelihood of left-out blocks, at up to four horizons and 4,096 windows; the strongest if equal."""
    points = torch.linspace(0, residual.shape[1] - 1, min(4, residual.shape[1])).round().long()
    every = max(1, len(residual) // 4096)
    features, moved, share, moves = standard[::every], *(one[::every][:, points] for one in (residual, counted, moving))
    scores = {}
    for penalty in sorted(_SCALE_PENALTIES, reverse=True):
        total = 0.0
        for fold in make_folds(len(moved), gap // every + 1):
            fit = torch.ones(len(moved), dtype=torch.bool)
            fit[fold.near] = False
            theta = _apply(features[fold.score], *_log_scale(features[fit], moved[fit], share[fit], penalty, steps=8))
            loss = theta + moved[fold.score].abs() * torch.exp(-theta)
            total += float((moves[fold.score] * loss).mean())
        scores[penalty] = total
    return min(scores, key=scores.__getitem__)
