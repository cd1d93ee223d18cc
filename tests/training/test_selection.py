"""Better than the start by more than chance, or not at all."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from sssd_registry.config import load_config
from sssd_registry.model.batches import TrainingData, evenly, training_data
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.training import beside_naive, selection
from sssd_registry.training import state as run_module
from sssd_registry.training import train as loop
from sssd_registry.training.selection import validate
from sssd_registry.training.state import start_run
from sssd_registry.training.train import take_step
from sssd_registry.training.validation import surely_better


@pytest.fixture
def data(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> TrainingData:
    return training_data(tiny_frame, load_config(None, [*tiny_settings, "data.horizons=[1, 8]"]).data)


def test_a_small_gain_in_every_window_counts(data: TrainingData) -> None:
    origins = data.split.validation
    start = np.random.default_rng(0).exponential(size=(len(origins), 2, 1))
    assert surely_better(start * 0.99, start, data, origins)
    assert not surely_better(start * 1.01, start, data, origins)
    assert not surely_better(start, start, data, origins)


def test_a_gain_within_its_error_does_not(data: TrainingData) -> None:
    origins = data.split.validation
    random = np.random.default_rng(1)
    difference = random.normal(size=(len(origins), 2, 1))
    difference -= difference.mean() + 0.5 * difference.std() / len(origins) ** 0.5
    start = np.zeros_like(difference)
    assert difference.mean() < 0
    assert not surely_better(difference, start, data, origins)


def test_overlapping_windows_count_as_fewer(data: TrainingData) -> None:
    """The same differences, once from every origin and once from origins that lie a horizon apart."""
    every = data.split.validation
    few = evenly(every, len(every) // 8)
    random = np.random.default_rng(2)
    difference = random.normal(size=(len(every), 2, 1))
    difference -= difference.mean() + 1.5 * difference.std() / len(every) ** 0.5
    assert not surely_better(difference, np.zeros_like(difference), data, every)
    apart = difference[: len(few)] - difference[: len(few)].mean() - 1.5 * difference.std() / len(few) ** 0.5
    assert surely_better(apart, np.zeros_like(apart), data, few)


def test_windows_of_unrelated_series_all_count(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> None:
    """A gain of 1.2 standard errors over eight series that know nothing of one another; as copies it would be 0.4."""
    panel = pd.concat([tiny_frame.assign(id=f"s{number}") for number in range(8)])
    settings = [*tiny_settings, "data.horizons=[1]", "data.id=id"]
    data = training_data(panel, load_config(None, settings).data)
    origins = data.split.validation
    difference = np.random.default_rng(3).normal(size=(len(origins), 1, 1))
    difference -= difference.mean() + 1.2 * difference.std() / len(origins) ** 0.5
    assert surely_better(difference, np.zeros_like(difference), data, origins)
    copies = difference[:, 0, 0].reshape(-1, 8)[:, :1].repeat(8, axis=1).reshape(-1, 1, 1)
    copies -= copies.mean() + 1.2 * copies.std() / len(origins) ** 0.5
    assert not surely_better(copies, np.zeros_like(copies), data, origins)


def test_a_validation_leaves_the_weights_that_are_trained_as_they_were(
    tiny_frame: pd.DataFrame, tiny_settings: list[str]
) -> None:
    """It scores averaged ones, which are others."""
    config = load_config(None, tiny_settings)
    run = start_run(training_data(tiny_frame, config.data), config, None)
    scheduler = make_scheduler(config.training.scheduler, run.network.schedule)
    tableau = solver_tableau(scheduler, run.network.schedule, 2)
    for _ in range(3):
        take_step(run)
    before = [parameter.clone() for parameter in run.network.parameters()]
    validate(run, tableau)
    assert all(map(torch.equal, before, run.network.parameters()))
    assert not all(map(torch.equal, before, run.ema.shadow_params))


def test_what_is_the_same_at_every_validation_is_found_once(
    tiny_frame: pd.DataFrame, tiny_settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A validation before the first step and at 6 and 12, then at most two to choose; none again for the record."""
    calls: Counter[str] = Counter()

    def counted(module: ModuleType, name: str) -> None:
        inner = getattr(module, name)

        def outer(*arguments: Any) -> Any:
            calls[name] += 1
            return inner(*arguments)

        monkeypatch.setattr(module, name, outer)

    for module, name in (
        (run_module, "window_weights"), (run_module, "look_at_validation"), (beside_naive, "random_walk_window"),
        (selection, "validation_crps"), (loop, "validation_crps"),
    ):  # fmt: skip
        counted(module, name)
    pipeline = loop.train(tiny_frame, load_config(None, tiny_settings), tmp_path / "model")
    scored = calls.pop("validation_crps")
    assert 3 < scored <= 5
    assert calls == {"window_weights": 1, "look_at_validation": 1, "random_walk_window": 1}
    record = pipeline.record
    assert record is not None
    run = start_run(training_data(tiny_frame, record.config.data), record.config, None)
    run.network.load_state_dict(pipeline.network.state_dict())
    scheduler = make_scheduler(record.config.training.scheduler, run.network.schedule)
    tableau = solver_tableau(scheduler, run.network.schedule, record.config.training.validation_steps)
    run.progress = replace(run.progress, best_crps=record.validation_crps)
    again = loop.training_record(run, record.config, tableau)  # of these weights, without anything kept
    assert again.validation_scores == record.validation_scores
    assert again.random_walk_window == record.random_walk_window
