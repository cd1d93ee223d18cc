"""Forecasts of the validation part scored as paths, in data units: what is kept with a model and its engines."""

from __future__ import annotations

import math

import numpy as np
import torch

from sssd_registry.data.origins import Origins, window_places
from sssd_registry.data.windows import windows_at
from sssd_registry.evaluation.path_scores import FunctionalScores, path_scores
from sssd_registry.evaluation.scored_values import scored_values
from sssd_registry.evaluation.scores import Array, crps, without_missing
from sssd_registry.model.batches import TrainingData, evenly_spaced
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.model_pipeline import forecast_samples
from sssd_registry.sampling.noise import path_noise
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.storage.validation_paths import FunctionalRecord, ValidationPaths

_SAMPLES, _WINDOWS, _AT_ONCE = 100, 128, 16
# Numbers of all samples together, 128 MB: of very many horizons and targets fewer windows are scored.
_MOST_NUMBERS = 1 << 24


@torch.no_grad()
def score_validation_paths(
    network: SSSDNetwork, tableau: SolverTableau, data: TrainingData, origins: Origins
) -> ValidationPaths:
    """Forecast windows of the validation part at the trained horizons, and score.

    Args:
        network: in evaluation mode.
        tableau: the solver.
        data: where the windows are.
        origins: the validation part's; some of them are taken, evenly spaced.
    """
    spec, horizons = data.spec, data.spec.horizons
    of_one = _SAMPLES * len(horizons) * len(spec.targets)
    chosen = evenly_spaced(origins, max(2, min(_WINDOWS, _MOST_NUMBERS // of_one)))
    samples = _forecasts(network, tableau, data, chosen)  # (B, S, K, C)
    y, origin = scored_values(data.source, chosen, horizons)
    places = window_places(data.source, chosen)
    found = path_scores(samples, y, origin, horizons, spec.targets, places=places)
    by_target = without_missing(crps(samples, y)).mean(axis=(0, 1))
    return ValidationPaths(
        windows=len(chosen),
        samples=_SAMPLES,
        crps=dict(zip(spec.targets, by_target.tolist(), strict=True)),
        energy_score=found.energy_score,
        variogram_score=found.variogram_score,
        crps_sum=found.crps_sum,
        target_scales=found.target_scales,
        functionals={name: _record(one) for name, one in found.functionals.items() if _is_whole(one)},
    )


def _forecasts(network: SSSDNetwork, tableau: SolverTableau, data: TrainingData, origins: Origins) -> Array:
    """Samples ``(B, S, K, C)`` in data units, of a few windows at a time."""
    shape, chunks = network.noise_shape(tableau), []
    for first in range(0, len(origins), _AT_ONCE):
        chunk = origins.take(slice(first, first + _AT_ONCE))
        noise = path_noise(0, first, len(chunk), _SAMPLES, shape).to(network.device)
        made = forecast_samples(network, tableau, windows_at(data.source, chunk), data.spec.horizons, noise)
        chunks.append(made.cpu().numpy())
    return np.concatenate(chunks)


def _is_whole(scores: FunctionalScores) -> bool:
    """Tell whether every target's path was observed as a whole in some window."""
    parts = scores.crps, scores.coverage_50, scores.coverage_90
    return all(math.isfinite(value) for part in parts for value in part.values())


def _record(scores: FunctionalScores) -> FunctionalRecord:
    return FunctionalRecord(crps=scores.crps, coverage_50=scores.coverage_50, coverage_90=scores.coverage_90)
