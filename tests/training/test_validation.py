"""What is learnt from the validation part beside scores: the random walk's window."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from sssd_registry.config import load_config
from sssd_registry.data.windows import futures_at, history_at
from sssd_registry.evaluation.baselines import random_walk_scores
from sssd_registry.model.batches import TrainingData, training_data
from sssd_registry.training.validation import random_walk_window


def calmer(rows: int, *settings: str) -> TrainingData:
    """A random walk whose volatility wanders, so that windows differ in how well they do."""
    random = np.random.default_rng(0)
    size = np.exp(np.cumsum(random.normal(scale=0.02, size=rows)))
    close = np.exp(np.cumsum(1e-3 * np.clip(size, 0.1, 10) * random.normal(size=rows)))
    times = pd.date_range("2020-01-01", periods=rows, freq="min")
    common = ['data.timeframes={"1min" = 130}', "data.horizons=[1, 5]"]
    return training_data(pd.DataFrame({"time": times, "close": close}), load_config(None, [*common, *settings]).data)


@pytest.mark.parametrize("kind", ["level", "log-return"])
def test_the_window_is_the_best_of_all_validation_windows_together(kind: str) -> None:
    data = calmer(60_000, f"data.target_kind={kind}")
    origins, spec = data.split.validation, data.spec
    assert len(origins) > 2 * 4096, "so many that they are looked at in parts"
    history = history_at(data.source, origins, spec.base.lookback)
    futures = futures_at(data.source, origins, spec.horizons)
    scores = random_walk_scores(history, futures, spec.horizons, log=kind == "log-return")
    assert random_walk_window(data) == min(scores, key=scores.__getitem__)
    assert len(scores) > 2


def test_it_takes_no_more_memory_for_more_windows() -> None:
    """All histories at once would be 60 million bytes here, and those of a million rows gigabytes."""
    data = calmer(400_000)
    tracemalloc.start()
    random_walk_window(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6
