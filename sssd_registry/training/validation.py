"""Validation: CRPS of forecasts in standard units, and what else is learnt from the validation part."""

from __future__ import annotations

import numpy as np
import torch

from sssd_registry.data.windows import Origins, futures_at, history_at, window_places, windows_at
from sssd_registry.evaluation.baselines import choose_random_walk_window
from sssd_registry.evaluation.encoded_windows import encode_windows
from sssd_registry.evaluation.scores import Array, crps, standard_error
from sssd_registry.model.batches import TrainingData, to_tensors
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.sampling.tableau import SolverTableau

_SAMPLES, _AT_ONCE = 48, 256


def validation_crps(network: SSSDNetwork, tableau: SolverTableau, data: TrainingData, origins: Origins) -> Array:
    """CRPS of each window, horizon and target ``(B, K, C)``, in standard units: none outweighs another.

    The noise is the same every time, so that two validations differ by the weights only.
    """
    windows = encode_windows(network, data.source, origins, data.spec.horizons)
    return crps(windows.forecast(tableau, _SAMPLES, seed=0), windows.observed)


@torch.no_grad()
def window_weights(network: SSSDNetwork, data: TrainingData, origins: Origins) -> Array:
    """Weigh each window's errors in standard units, float64 ``(B, C)``; see ``WindowNormalizer.weight``."""
    chunks = []
    for first in range(0, len(origins), _AT_ONCE):
        values, _ = to_tensors(windows_at(data.source, origins.take(slice(first, first + _AT_ONCE))), network.device)
        chunks.append(network.normalizer.weight(values).cpu().numpy())
    return np.concatenate(chunks)


def significantly_better(scores: Array, baseline: Array, data: TrainingData, origins: Origins) -> bool:
    """Tell whether ``scores`` are lower than the baseline's on the same windows, by more than one standard error.

    Windows that overlap count as fewer, and so do series that move together: on a month of prices most networks are
    "better" by the drift of that month.
    """
    difference = scores - baseline
    error = standard_error(difference, data.spec.horizons, window_places(data.source, origins))
    return bool(difference.mean() < -error)


def random_walk_window(data: TrainingData) -> int:
    """The random walk's volatility window, in bars, that does best on the validation part."""
    origins, spec = data.split.validation, data.spec
    history = history_at(data.source, origins, spec.base.lookback)
    futures = futures_at(data.source, origins, spec.horizons)
    return choose_random_walk_window(history, futures, spec.horizons, log=spec.target_kind == "log-return")
