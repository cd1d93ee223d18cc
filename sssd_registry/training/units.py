"""Standard units, fitted on the training part before the network is trained."""

from __future__ import annotations

import numpy as np
import torch

from sssd_registry.model.network import SSSDNetwork
from sssd_registry.training.dataset import TrainingData, make_batch
from sssd_registry.training.location_scale import fit_location_scale


def fit_units(network: SSSDNetwork, data: TrainingData) -> None:
    """Fit what ``model.location_scale`` says."""
    if network.normalizer.linear is None:
        fit_growth(network, data)
    else:
        fit_location_scale(network, data)


def fit_growth(network: SSSDNetwork, data: TrainingData) -> None:
    """Set the normaliser's ``growth`` from the training part."""
    normalizer = network.normalizer
    horizons = tuple(int(h) for h in normalizer.growth_horizons)
    normalizer.growth.fill_(1.0)
    changes: dict[int, list[torch.Tensor]] = {h: [] for h in horizons}
    for start in range(0, len(data.split.train), 1024):
        part = data.split.train.take(np.arange(start, min(start + 1024, len(data.split.train))))
        batch = make_batch(data, part, horizons, torch.device("cpu"))
        standard = normalizer.standardize(batch.future, batch.values, batch.times, batch.horizons)  # (B, K, C)
        for column, horizon in enumerate(horizons):
            changes[horizon].append(standard[:, column])
    normalizer.fit_growth(changes)
