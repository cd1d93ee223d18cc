"""Better than the start by more than chance, or not at all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from sssd_registry.config import load_config
from sssd_registry.evaluation.gain import Gain
from sssd_registry.model.batches import training_data
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.training import beside_naive, selection
from sssd_registry.training import state as run_module
from sssd_registry.training import train as loop
from sssd_registry.training.selection import choose_weights, keeps, validate
from sssd_registry.training.state import start_run
from sssd_registry.training.train import take_step
from sssd_registry.training.validation import validation_scores


@pytest.mark.parametrize(
    ("crps", "energy", "kept"),
    [
        ((0.01, 0.05), (-0.01, 0.02), True),
        ((-0.01, 0.02), (0.01, 0.05), True),
        ((0.01, 0.05), (-0.05, -0.01), False),
        ((-0.01, 0.05), (-0.01, 0.05), False),
        ((-np.inf, np.inf), (-np.inf, np.inf), False),
    ],
)
def test_a_network_is_kept_that_is_surely_better_in_one_score_and_surely_worse_in_none(
    crps: tuple[float, float], energy: tuple[float, float], kept: bool
) -> None:
    found = {name: Gain(sum(ends) / 2, *ends) for name, ends in (("CRPS", crps), ("energy score", energy))}
    assert keeps(found) is kept


@pytest.mark.parametrize("gained", [0.03, -0.03])
def test_what_is_not_kept_is_left_out_of_forecasts(
    tiny_frame: pd.DataFrame, tiny_settings: list[str], monkeypatch: pytest.MonkeyPatch, gained: float
) -> None:
    """Weights go back to where they began, and the Gaussian is in closed form, whatever a head would give."""
    config = load_config(None, tiny_settings)
    run = start_run(training_data(tiny_frame, config.data), config, None)
    tableau = solver_tableau(make_scheduler("ddim", run.network.schedule), run.network.schedule, 2)
    validate(run, tableau)
    take_step(run)
    best = {name: tensor + 0.01 for name, tensor in run.network.state_dict().items()}
    run.best, run.progress.best_step = best, 1
    monkeypatch.setattr(selection, "gains", lambda *_: {"CRPS": Gain(gained, gained - 0.01, gained + 0.01)})
    choose_weights(run, tableau)
    kept = gained > 0
    assert run.network.in_use is kept
    assert (run.progress.best_step == 1) is kept
    same = [torch.equal(best[name], tensor) for name, tensor in run.network.state_dict().items()]
    assert all(same) is kept


def test_it_is_decided_on_more_windows_than_a_validation_has(
    tiny_frame: pd.DataFrame, tiny_settings: list[str]
) -> None:
    """As many at a time as a validation has, and yet as if they were all scored at once."""
    config = load_config(None, [*tiny_settings, "training.validation_windows=5"])
    run = start_run(training_data(tiny_frame, config.data), config, None)
    tableau = solver_tableau(make_scheduler("ddim", run.network.schedule), run.network.schedule, 2)
    run.network.eval()
    assert len(run.decision_origins) == 20
    parts = selection._decisive_scores(run, tableau, in_use=True)
    whole = validation_scores(run.network, tableau, run.data, run.decision_origins, run.decision_sizes)
    np.testing.assert_allclose(parts.crps, whole.crps, rtol=1e-4)
    np.testing.assert_allclose(parts.energy, whole.energy, rtol=1e-4)
    assert parts.standard.shape == whole.standard.shape


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
        (run_module, "relative_sizes"), (run_module, "look_at_validation"), (beside_naive, "random_walk_window"),
        (selection, "validation_scores"), (loop, "validation_scores"),
    ):  # fmt: skip
        counted(module, name)
    pipeline = loop.train(tiny_frame, load_config(None, tiny_settings), tmp_path / "model")
    scored = calls.pop("validation_scores")
    assert 3 < scored <= 5
    assert calls == {"relative_sizes": 1, "look_at_validation": 1, "random_walk_window": 1}
    record = pipeline.record
    assert record is not None
    run = start_run(training_data(tiny_frame, record.config.data), record.config, None)
    run.network.load_state_dict(pipeline.network.state_dict())
    scheduler = make_scheduler(record.config.training.scheduler, run.network.schedule)
    tableau = solver_tableau(scheduler, run.network.schedule, record.config.training.validation_steps)
    run.network.in_use = record.network_in_use
    again = loop.training_record(run, record.config, tableau)  # of these weights, without anything kept
    assert again.validation_scores == record.validation_scores
    assert again.random_walk_window == record.random_walk_window
