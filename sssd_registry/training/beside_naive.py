"""Forecasts of the validation part beside two naive ones, in data units: what no standard unit can hide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from sssd_registry.baselines import gaussian_crps, random_walk_moments, seasonal_naive_moments
from sssd_registry.data.windows import Origins, futures_at, history_at, window_places, windows_at
from sssd_registry.errors import SSSDError
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.scores import Array, standard_error
from sssd_registry.training.dataset import TrainingData, to_tensors
from sssd_registry.training.validation import random_walk_window

# Forecasts are worse than others where they are so by this many standard errors.
_ERRORS = 2.0
_AT_ONCE = 256


@dataclass(frozen=True)
class Validation:
    """What came to be on the validation part, what the units say of it, and what naive forecasts score there.

    Attributes:
        observed: float64 ``(B, K, C)``, levels, or for log-returns those since the origin.
        location: ``(B, K, C)``, in the same units.
        scale: ``(B, K, C)``, in the same units: what one standard unit is.
        naive: CRPS ``(B, K, C)`` by name.
    """

    observed: Array
    location: Array
    scale: Array
    naive: Mapping[str, Array]


@torch.no_grad()
def look_at_validation(network: SSSDNetwork, data: TrainingData, origins: Origins) -> Validation:
    """Score the naive forecasts of the windows at ``origins``, and have the network's units of them."""
    spec, horizons = data.spec, data.spec.horizons
    log = spec.target_kind == "log-return"
    bars = torch.tensor(horizons, dtype=torch.float32, device=network.device)
    locations, scales = [], []
    for start in range(0, len(origins), _AT_ONCE):
        values, times = to_tensors(
            windows_at(data.source, origins.take(slice(start, start + _AT_ONCE))), network.device
        )
        location, scale = network.normalizer.location_scale(values, times, bars)
        locations.append(location.cpu().numpy())
        scales.append(scale.cpu().numpy())
    history = history_at(data.source, origins, max(spec.base.lookback, 2 * spec.season + 1))  # (B, H, C)
    future = futures_at(data.source, origins, horizons)  # (B, K, C)
    y = np.log(future / history[:, -1:]) if log else future
    walk = random_walk_moments(history, horizons, random_walk_window(data), log)
    seasonal = seasonal_naive_moments(history, horizons, spec.season, log)
    naive = {"random walk": gaussian_crps(*walk, y), "seasonal naive": gaussian_crps(*seasonal, y)}
    return Validation(y, np.concatenate(locations), np.concatenate(scales), naive)


def check_start(network: SSSDNetwork, data: TrainingData, origins: Origins) -> None:
    """Refuse units that forecast worse than both naive forecasts, by more than chance: a network cannot mend them.

    A fit can go wrong in ways that scores in its own units hide: where a unit is too large, every error is small.

    Raises:
        SSSDError: they do, on the windows at ``origins``.
    """
    found = look_at_validation(network, data, origins)
    scores = gaussian_crps(found.location, found.scale, found.observed)  # the network begins as a Gaussian of unit size
    if all(_worse(scores, naive, data, origins) for naive in found.naive.values()):
        sizes = ", ".join(f"{name} {naive.mean():.4g}" for name, naive in found.naive.items())
        raise SSSDError(
            f"no model: the forecasts that training would begin with have a CRPS of {scores.mean():.4g} on the"
            f" validation part, which is worse than both naive ones ({sizes}, in the units of the data); look at the"
            " rows before and after the validation part's begin, or begin with --set model.location_scale=random-walk"
        )


def scores_beside_naive(
    standard: Array, network: SSSDNetwork, data: TrainingData, origins: Origins
) -> dict[str, dict[str, float]]:
    """Mean CRPS by forecaster and target, in data units.

    Args:
        standard: ``(B, K, C)``, CRPS in standard units of the model's forecasts of the windows at ``origins``.
    """
    found = look_at_validation(network, data, origins)
    # A forecast is an affine map of one in standard units, and so is its CRPS but for what is added.
    scores = {"model": standard * found.scale, **found.naive}
    return {
        name: dict(zip(data.spec.targets, crps.mean(axis=(0, 1)).tolist(), strict=True))
        for name, crps in scores.items()
    }


def _worse(scores: Array, naive: Array, data: TrainingData, origins: Origins) -> bool:
    """Whether they surely are, each series, horizon and target counting alike, whatever its size."""
    size = np.zeros_like(naive)
    for one in np.unique(origins.series):
        size[origins.series == one] = naive[origins.series == one].mean(axis=0)
    still = size <= 0  # nothing came to be there but what a naive forecast says: no measure of another
    excess = np.where(still, 0.0, (scores - naive) / np.where(still, 1.0, size))
    error = standard_error(excess, data.spec.horizons, window_places(data.source, origins))
    return bool(excess.mean() > _ERRORS * error)
