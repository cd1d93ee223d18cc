"""Share of the direct path in the average with the linear forecast, and how wide its intervals are.

Both are chosen on the validation part: the share with the lowest CRPS, if that is surely better than none; and for each
target a factor of its scale, with which 90 % intervals cover 90 % there. What a network was trained on it knows too
well for its own errors to tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sssd_registry.data.origins import window_places
from sssd_registry.evaluation.scores import standard_error
from sssd_registry.training.direct_path_windows import DirectPathFit, gaussian_crps, moved_in, validation_batches, weigh

_SHARES = tuple(round(0.1 * tenth, 1) for tenth in range(1, 11))
# Ninety percent of a Gaussian lie within so many deviations.
_COVERED, _DEVIATIONS = 0.9, 1.6448536
_LEAST_STRETCH, _MOST_STRETCH = 0.5, 2.0
# In typical scores of the linear forecast, the most that one counts for where the two are compared.
_FARTHEST = 10.0
# A gain of so many standard errors has one chance in twenty of being none.
_ERRORS = 1.64


@dataclass(frozen=True)
class _Forecasts:
    """Forecasts of n windows, float64 ``(n, K, C)``, in units of each window's one-bar movement.

    Attributes:
        moved: what came to be.
        linear, direct: location and log scale of either.
        weights: ``(n, 1 or K, C)``, how much an error counts.
    """

    moved: Tensor
    linear: tuple[Tensor, Tensor]
    direct: tuple[Tensor, Tensor]
    weights: Tensor


@torch.no_grad()
def choose_share(fit: DirectPathFit) -> None:
    """Take the share that does best on the validation part, if that is surely better than none."""
    found = _forecasts(fit)
    linear = gaussian_crps(*found.linear, found.moved) * found.weights
    limit = _limit(linear)
    averages = (_averaged(found, share, limit) for share in _SHARES)
    share, stretch, scores = min(averages, key=lambda one: float(one[2].mean()))
    if _surely_better(scores - linear.minimum(limit), fit):
        fit.direct.use(share, stretch)
    else:
        fit.direct.use(0.0, torch.ones_like(stretch))
        for name in fit.direct.weight_names():
            fit.direct.get_buffer(name).zero_()  # nobody reads them, and they may be no numbers


def _surely_better(difference: Tensor, fit: DirectPathFit) -> bool:
    """Tell whether scores that differ so, ``(n, K, C)``, are lower than the linear forecast's by more than chance."""
    error = standard_error(difference.numpy(), fit.horizons, window_places(fit.data.source, fit.validation))
    return bool(difference.mean() < -_ERRORS * error)


def _forecasts(fit: DirectPathFit) -> _Forecasts:
    moved, linear, made, weights = [], [], [], []
    for batch in validation_batches(fit):
        raw = batch.values, batch.times, batch.horizons
        location, scale = fit.normalizer.linear_location_scale(*raw)
        linear.append(torch.stack([location, scale.log()]))
        made.append(torch.stack([member.mean(dim=0) for member in fit.direct(*raw)]))
        moved.append(moved_in(fit, batch))
        weights.append(weigh(fit, batch))
    first, second = (torch.cat(parts, dim=1) for parts in (linear, made))
    return _Forecasts(torch.cat(moved), (first[0], first[1]), (second[0], second[1]), torch.cat(weights))


def _limit(scores: Tensor) -> Tensor:
    """Limit of what a score counts for, ``(K, C)``: windows with one wrong reading of 1e9 would decide alone."""
    typical = torch.nanmedian(scores.masked_fill(scores <= 0, torch.nan), dim=0).values
    return (_FARTHEST * typical).nan_to_num(0.0)


def _averaged(found: _Forecasts, share: float, limit: Tensor) -> tuple[float, Tensor, Tensor]:
    """Return the share, each target's stretch and the weighted scores ``(n, K, C)`` of an average."""
    location, log_scale = (torch.lerp(*pair, share) for pair in zip(found.linear, found.direct, strict=True))
    size = ((found.moved - location).abs() / log_scale.exp()).flatten(0, 1)  # (n K, C)
    counted = found.weights.expand_as(found.moved).flatten(0, 1)
    stretch = (weighted_quantile(size, counted, _COVERED) / _DEVIATIONS).clamp(_LEAST_STRETCH, _MOST_STRETCH)
    scores = gaussian_crps(location, log_scale + stretch.log(), found.moved) * found.weights
    return share, stretch, scores.minimum(limit)


def weighted_quantile(values: Tensor, weights: Tensor, level: float) -> Tensor:
    """Return the value of each column of ``(n, C)`` that so much of the weights lies below, ``(C,)``."""
    ordered, order = values.sort(dim=0)
    below = weights.gather(0, order).cumsum(dim=0)
    place = torch.searchsorted(below.T.contiguous(), (level * below[-1:]).T.contiguous()).T  # (1, C)
    return ordered.gather(0, place.clamp(max=len(values) - 1))[0]
