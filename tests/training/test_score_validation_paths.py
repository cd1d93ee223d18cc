"""Scores of paths that are kept with a model, against those of single horizons and a known law."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sssd_registry.config import load_config
from sssd_registry.data.windows import futures_at, history_at
from sssd_registry.evaluation.baselines import gaussian_crps
from sssd_registry.model.batches import evenly_spaced, training_data
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.training.fit_normalizer import fit_normalizer
from sssd_registry.training.score_validation_paths import score_validation_paths


@pytest.mark.parametrize("kind", ["level", "price", "log-return"])
def test_scores_are_of_data_units(tiny_frame: pd.DataFrame, tiny_settings: list[str], kind: str) -> None:
    """Of a random walk that is forecast by its own law: the Gaussian's CRPS, and intervals that cover."""
    config = load_config(None, [*tiny_settings, f"data.target_kind={kind}", "model.location_scale=random-walk"])
    data = training_data(tiny_frame, config.data)
    network = make_network(data.spec, config.model).eval()
    fit_normalizer(network, data)
    network.in_use = False
    tableau = solver_tableau(make_scheduler("ddim", network.schedule), network.schedule, 2)
    found = score_validation_paths(network, tableau, data, data.split.validation)

    chosen = evenly_spaced(data.split.validation, found.windows)
    last = history_at(data.source, chosen, 1)[:, -1]
    future = futures_at(data.source, chosen, data.spec.horizons)
    log = kind == "log-return"
    y, center = (np.log(future / last[:, None]), np.zeros_like(future)) if log else (future, last[:, None] + 0 * future)
    scale = 1e-3 / (1.1 if log else 1.0) * np.sqrt(data.spec.horizons)[:, None]
    (target,) = data.spec.targets
    known = gaussian_crps(center, scale + np.zeros_like(y), y).mean()
    assert found.crps[target] == pytest.approx(known, rel=0.08)
    # Of one target the energy score is the CRPS of paths: at least the mean over horizons, at most their number times.
    assert known < found.energy_score < known * len(data.spec.horizons)
    assert set(found.functionals) == {"mean", "max", "min", "range", "last-first"}
    assert 0.6 < np.mean([one.coverage_90[target] for one in found.functionals.values()]) <= 1.0


def test_missing_values_are_not_scored(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> None:
    holes = tiny_frame.copy()
    columns = ["open", "high", "low", "close", "volume"]
    holes.loc[np.random.default_rng(0).random(len(holes)) < 0.2, columns] = np.nan
    config = load_config(None, tiny_settings)
    data = training_data(holes, config.data)
    network = make_network(data.spec, config.model).eval()
    fit_normalizer(network, data)
    network.in_use = False
    tableau = solver_tableau(make_scheduler("ddim", network.schedule), network.schedule, 2)
    found = score_validation_paths(network, tableau, data, data.split.validation)
    assert np.isfinite(found.energy_score)
    assert 1e-4 < found.crps["close"] < 1e-2
