"""Forecasts of the validation part beside two naive ones, in data units: what no standard unit can hide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sssd_registry.data.origins import Origins, window_places
from sssd_registry.data.windows import futures_at, history_at, observed_at, windows_at
from sssd_registry.errors import SSSDError
from sssd_registry.evaluation.baselines import gaussian_crps, random_walk_moments, seasonal_naive_moments
from sssd_registry.evaluation.scores import Array, standard_error, without_missing
from sssd_registry.model.batches import TrainingData, to_tensors
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.training.validation import random_walk_window

# Forecasts are worse than others where they are so by this many standard errors, or this many times as bad: of a few
# windows that are forecast absurdly, the error is as large as the mean.
_ERRORS, _TIMES = 2.0, 10.0
# Of what is typical in training: a series whose naive forecasts miss by less stands still, and measures nothing.
_STILL = 0.02
_AT_ONCE = 256


@dataclass(frozen=True)
class Validation:
    """Validation part: what was observed, the standard units there, and the scores of naive forecasts.

    Attributes:
        observed: float64 ``(B, K, C)``, levels, or log-returns since the origin where these are modelled.
        location: ``(B, K, C)``, in the same units.
        scale: ``(B, K, C)``, in the same units: what one standard unit is.
        naive: CRPS ``(B, K, C)`` by name.
        usual: ``(B, 1, C)``, the one-bar movement that training knows.
        random_walk_window: the random walk's volatility window, in bars.
    """

    observed: Array
    location: Array
    scale: Array
    naive: Mapping[str, Array]
    usual: Array
    random_walk_window: int


@torch.no_grad()
def look_at_validation(network: SSSDNetwork, data: TrainingData, origins: Origins) -> Validation:
    """Score the naive forecasts of the windows at ``origins``, and have the network's units of them."""
    spec, horizons = data.spec, data.spec.horizons
    log = spec.in_logs
    bars = torch.tensor(horizons, dtype=torch.float32, device=network.device)
    locations, scales, usual = [], [], []
    for first in range(0, len(origins), _AT_ONCE):
        values, times = to_tensors(
            windows_at(data.source, origins.take(slice(first, first + _AT_ONCE))), spec, network.device
        )
        location, scale = network.normalizer.location_scale(values, times, bars)
        locations.append(location.cpu().numpy())
        scales.append(scale.cpu().numpy())
        usual.append(network.normalizer.usual(values).cpu().numpy())
    history = history_at(data.source, origins, max(spec.base.lookback, 2 * spec.season + 1))  # (B, H, C)
    future = futures_at(data.source, origins, horizons)  # (B, K, C)
    y = np.log(future / history[:, -1:]) if log else future
    seen = observed_at(data.source, origins, horizons)
    window = random_walk_window(data)
    walk = random_walk_moments(history, horizons, window, log)
    seasonal = seasonal_naive_moments(history, horizons, spec.season, log)
    if spec.target_kind == "price":  # as naive forecasts are: what came since the origin
        locations = [np.concatenate(locations) - np.log(history[:, -1:])]
    naive = {
        name: without_missing(np.where(seen, gaussian_crps(*moments, y), np.nan))
        for name, moments in (("random walk", walk), ("seasonal naive", seasonal))
    }
    return Validation(y, np.concatenate(locations), np.concatenate(scales), naive, np.concatenate(usual), window)


def check_start(network: SSSDNetwork, data: TrainingData, origins: Origins, found: Validation | None = None) -> None:
    """Refuse units that forecast worse than both naive forecasts, by more than chance: a network cannot mend them.

    A fit can go wrong in ways that scores in its own units hide: where a unit is too large, every error is small.

    Args:
        found: what is known of the windows at ``origins``; looked at where it is not given.

    Raises:
        SSSDError: they do, on the windows at ``origins``.
    """
    found = found or look_at_validation(network, data, origins)
    scores = gaussian_crps(found.location, found.scale, found.observed)  # the network begins as a Gaussian of unit size
    excess = [_excess(scores, naive, found.usual, data, origins) for naive in found.naive.values()]
    if all(_worse(one, data, origins) for one in excess):
        sizes = ", ".join(f"{name} {naive.mean():.4g}" for name, naive in found.naive.items())
        raise SSSDError(
            f"no model: the forecasts that training would begin with have a CRPS of {scores.mean():.4g} on the"
            f" validation part, which is worse than both naive ones ({sizes}, in the units of the data), most of all"
            f" {_worst(np.minimum(*excess), data, origins)}; correct or leave out rows before it that are wrong or of"
            " another unit, or begin with --set model.location_scale=random-walk"
        )


def scores_beside_naive(standard: Array, found: Validation, targets: Sequence[str]) -> dict[str, dict[str, float]]:
    """Mean CRPS by forecaster and target, in data units.

    Args:
        standard: ``(B, K, C)``, CRPS in standard units of the model's forecasts of the same windows.
    """
    # A forecast is an affine map of one in standard units, and so is its CRPS but for what is added.
    scores = {"model": standard * found.scale, **found.naive}
    return {name: dict(zip(targets, crps.mean(axis=(0, 1)).tolist(), strict=True)) for name, crps in scores.items()}


def _excess(scores: Array, naive: Array, usual: Array, data: TrainingData, origins: Origins) -> Array:
    """Return how much worse scores are, ``(B, K, C)``; each series, horizon and target counts alike, whatever its size.

    Where nothing came to be but what a naive forecast says there is no measure of another, as long as that is sane.
    """
    size, own, typical = (np.zeros_like(naive) for _ in range(3))
    for one in np.unique(origins.series):
        rows = origins.series == one
        for array, values in ((size, naive), (own, scores), (typical, usual)):
            array[rows] = values[rows].mean(axis=0)
    sane = own <= typical * np.sqrt(np.asarray(data.spec.horizons, dtype=np.float64))[:, None]
    still = ((size <= _STILL * typical) & sane) | (size <= 0)
    return np.where(still, 0.0, (scores - naive) / np.where(still, 1.0, size))


def _worse(excess: Array, data: TrainingData, origins: Origins) -> bool:
    """Tell whether scores surely are worse."""
    error = standard_error(excess, data.spec.horizons, window_places(data.source, origins))
    return bool(excess.mean() > min(_ERRORS * error, _TIMES - 1))


def _worst(excess: Array, data: TrainingData, origins: Origins) -> str:
    """Name the worst target, of which series and from when on."""
    window, _, target = np.unravel_index(excess.argmax(), excess.shape)
    when = np.datetime64(int(window_places(data.source, origins).time[window]), "s")
    name = data.source.panel.series[origins.series[window]].id
    return f"of {data.spec.targets[target]!r}{f' of series {name!r}' if name else ''} from {when} UTC on"
