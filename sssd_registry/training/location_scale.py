"""Fits what diffusion starts from, on the training part alone: a linear location by ridge, a log-linear scale by
maximum likelihood. How much of each is cross-validated in blocks of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sssd_registry.model.location_scale import FARTHEST
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.model.normalizer import typical_size
from sssd_registry.training.dataset import TrainingData, evenly, make_batch

# Windows times targets that are looked at, evenly spaced in time: more would cost minutes and change nothing.
_MAX_ROWS, _AT_ONCE, _FOLDS = 1 << 17, 512, 4
_LOCATION_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_SCALE_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
# A location that explains less than this of the variance is noise, and is left out.
_LEAST_EXPLAINED = 0.01
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class _Sample:
    """n training windows in order of time: float64 ``lags (n, P, C), features (n, F, C), moved (n, G, C)``."""

    lags: Tensor
    features: Tensor
    moved: Tensor
    gap: int

    def folds(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Positions to fit on and to score on; no window of one reaches into the futures of the other.

        None where the series are too short for it: the strongest penalty is then as good as any.
        """
        count = len(self.moved)
        if count < _FOLDS or count - count // _FOLDS - 2 * self.gap < 4 * _FOLDS:
            return
        index = torch.arange(count)
        for fold in range(_FOLDS):
            start, stop = fold * count // _FOLDS, (fold + 1) * count // _FOLDS
            yield index[(index < start - self.gap) | (index >= stop + self.gap)], index[start:stop]


@torch.no_grad()
def fit_location_scale(network: SSSDNetwork, data: TrainingData) -> None:
    """Set the buffers of the normaliser's :class:`LinearLocationScale` from the training part."""
    linear = network.normalizer.linear
    if linear is None:
        raise ValueError("this network starts from the random walk")
    sample = _gather(network, data)
    penalty = _best_location_penalty(sample)
    residual = sample.moved
    if penalty is not None:
        linear.location.copy_(_ridge(sample.lags, sample.moved, penalty).float())
        residual = _left_out_residuals(sample, penalty)
    center, spread = sample.features.mean(dim=0), sample.features.std(dim=0)
    spread = torch.where(spread < 1e-6 * (1 + center.abs()), torch.ones_like(spread), spread)
    standard = ((sample.features - center) / spread).clamp(-FARTHEST, FARTHEST)
    weights, bias = _log_scale(standard, residual, _best_scale_penalty(sample, standard, residual))
    left = residual * torch.exp(-_apply(standard, weights, bias))
    bias = bias + typical_size(left).log()  # unit variance on the training part
    for name, value in (("center", center), ("spread", spread), ("weights", weights), ("bias", bias)):
        linear.get_buffer(name).copy_(value.float())


def _gather(network: SSSDNetwork, data: TrainingData) -> _Sample:
    normalizer = network.normalizer
    assert normalizer.linear is not None
    horizons = tuple(int(h) for h in normalizer.growth_horizons)
    origins = evenly(data.split.train, _MAX_ROWS // len(data.spec.targets))
    lags, features, moved = [], [], []
    for start in range(0, len(origins), _AT_ONCE):
        part = origins.take(np.arange(start, min(start + _AT_ONCE, len(origins))))
        batch = make_batch(data, part, horizons, _CPU)
        lags.append(normalizer.linear.lags(batch.values))
        features.append(normalizer.linear.features(batch.values, batch.times))
        since = normalizer.origin(batch.values).unsqueeze(1)
        unit = normalizer.scale(batch.values).unsqueeze(1)
        moved.append(normalizer.movement.between(since, batch.future) / unit)
    share = len(origins) / len(data.split.train)
    gap = int(max(horizons) * len(data.source.lengths) * share) + 1
    return _Sample(torch.cat(lags).double(), torch.cat(features).double(), torch.cat(moved), gap)


def _ridge(lags: Tensor, moved: Tensor, penalty: float) -> Tensor:
    """``(G, P, C)``; the penalty is relative to the mean square of the lags."""
    gram = torch.einsum("npc,nqc->cpq", lags, lags) / len(lags)  # (C, P, P)
    size = gram.diagonal(dim1=1, dim2=2).mean(dim=1)[:, None, None].clamp(min=1e-12)
    ridge = penalty * size * torch.eye(gram.shape[-1], dtype=gram.dtype)
    right = torch.einsum("npc,ngc->cpg", lags, moved) / len(lags)
    return torch.as_tensor(torch.linalg.solve(gram + ridge, right)).permute(2, 1, 0)


def _left_out_residuals(sample: _Sample, penalty: float) -> Tensor:
    """What the location leaves in blocks it was not fitted on, ``(n, G, C)``: as much as it will leave of new data."""
    residual = sample.moved.clone()
    for fit, score in sample.folds():
        location = _ridge(sample.lags[fit], sample.moved[fit], penalty)
        residual[score] -= torch.einsum("gpc,npc->ngc", location, sample.lags[score])
    return residual


def _best_location_penalty(sample: _Sample) -> float | None:
    """``None``: no location is better than the last value."""
    variance = sample.moved.square().mean(dim=0).clamp(min=1e-12)  # (G, C)
    left = {
        penalty: float((_left_out_residuals(sample, penalty).square().mean(dim=0) / variance).mean())
        for penalty in _LOCATION_PENALTIES
    }
    best = min(left, key=left.__getitem__)
    return best if left[best] < 1 - _LEAST_EXPLAINED else None


def _apply(standard: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """Log scale ``(n, G, C)`` from features ``(n, F, C)``."""
    return torch.einsum("gfc,nfc->ngc", weights, standard) + bias


def _log_scale(standard: Tensor, residual: Tensor, penalty: float, steps: int = 12) -> tuple[Tensor, Tensor]:
    """Weights ``(G, F, C)`` and bias ``(G, C)`` of a log-linear Laplace scale, by Newton's method.

    The negative log-likelihood ``theta + |r| exp(-theta)`` is convex in theta, and less swayed by fat tails than a
    Gaussian's.
    """
    count, features, channels = standard.shape
    ones = torch.ones(count, 1, channels, dtype=standard.dtype)
    x = torch.cat([ones, standard], dim=1)  # (n, 1 + F, C)
    size = residual.abs()
    beta = torch.zeros(residual.shape[1], features + 1, channels, dtype=standard.dtype)  # (G, 1 + F, C)
    beta[:, 0] = size.mean(dim=0).clamp(min=1e-12).log()
    ridge = penalty * torch.eye(features + 1, dtype=standard.dtype)
    ridge[0, 0] = 1e-9
    for _ in range(steps):
        for c in range(channels):
            relative = (size[:, :, c] * torch.exp(-(x[:, :, c] @ beta[:, :, c].T))).clamp(max=50.0)  # (n, G)
            pull = beta[:, :, c] @ ridge
            pull[:, 0] = 0.0
            gradient = (1 - relative).T @ x[:, :, c] / count + pull  # (G, 1 + F)
            curvature = torch.einsum("nf,ng,nh->gfh", x[:, :, c], relative, x[:, :, c]) / count + ridge
            move = torch.linalg.solve(curvature, gradient)
            longest = (move @ x[:, :, c].T).abs().amax(dim=1, keepdim=True)  # a Newton step may overshoot
            beta[:, :, c] -= move * (2 / longest.clamp(min=2))
    return beta[:, 1:], beta[:, 0]


def _best_scale_penalty(sample: _Sample, standard: Tensor, residual: Tensor) -> float:
    """By the likelihood of left-out blocks, at up to four horizons and 4,096 windows; the strongest if equal."""
    points = torch.linspace(0, residual.shape[1] - 1, min(4, residual.shape[1])).round().long()
    every = max(1, len(residual) // 4096)
    thin = _Sample(sample.lags[::every], standard[::every], residual[::every][:, points], sample.gap // every + 1)
    scores = {}
    for penalty in sorted(_SCALE_PENALTIES, reverse=True):
        total = 0.0
        for fit, score in thin.folds():
            theta = _apply(thin.features[score], *_log_scale(thin.features[fit], thin.moved[fit], penalty, steps=8))
            total += float((theta + thin.moved[score].abs() * torch.exp(-theta)).mean())
        scores[penalty] = total
    return min(scores, key=scores.__getitem__)
