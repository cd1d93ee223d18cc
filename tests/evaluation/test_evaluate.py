"""Evaluation: a forecaster is scored on what it has not seen, beside baselines, model or engine alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import Windows
from sssd_registry.errors import SSSDError
from sssd_registry.evaluation.evaluate import evaluate
from sssd_registry.forecast import Forecast
from sssd_registry.horizons import dated_forecast
from sssd_registry.model_or_engine import open_forecaster


def test_scores_of_model_and_baselines_come_from_the_test_part(tiny_model: Path, tiny_csv: Path) -> None:
    forecaster = open_forecaster(tiny_model)
    result = evaluate(forecaster, tiny_csv, num_samples=20)
    assert set(result.scores) == {"model", "random walk", "seasonal naive"}
    assert result.start >= np.datetime64(forecaster.test_start, "s")
    assert result.windows > 50
    for scores in result.scores.values():
        assert 0 < scores.crps < 0.1
    json.dumps(result.to_dict())


def test_an_engine_scores_as_its_model(tiny_model: Path, tiny_engine: Path, tiny_csv: Path) -> None:
    model = evaluate(open_forecaster(tiny_model, "dpmsolver++", 6), tiny_csv, num_samples=20)
    engine = evaluate(open_forecaster(tiny_engine), tiny_csv, num_samples=20)
    assert engine.scores["model"].crps == pytest.approx(model.scores["model"].crps, rel=1e-4)
    assert engine.scores["random walk"] == model.scores["random walk"]


def test_fewer_windows_and_an_earlier_start_can_be_asked_for(
    tiny_model: Path, tiny_csv: Path, tiny_frame: pd.DataFrame
) -> None:
    forecaster = open_forecaster(tiny_model)
    seen: list[tuple[int, int]] = []
    start = tiny_frame["time"].iloc[300]
    result = evaluate(
        forecaster,
        tiny_csv,
        start=start,
        max_windows=70,
        num_samples=5,
        report=lambda *done: seen.append(done),
    )
    assert result.windows == 70
    assert pd.Timestamp(result.start) == start
    assert seen == [(64, 70), (70, 70)]


def test_nothing_after_the_validation_part_is_an_error(tiny_model: Path, tiny_frame: pd.DataFrame) -> None:
    with pytest.raises(SSSDError, match="--start"):
        evaluate(open_forecaster(tiny_model), tiny_frame.iloc[:450])


def test_a_log_return_model_is_scored_in_log_returns(
    tiny_frame: pd.DataFrame, tiny_settings: list[str], tmp_path: Path
) -> None:
    from sssd_registry.config import load_config
    from sssd_registry.training.train import train

    train(tiny_frame, load_config(None, [*tiny_settings, "data.target_kind=log-return"]), tmp_path / "model")
    result = evaluate(open_forecaster(tmp_path / "model"), tiny_frame, num_samples=20)
    # Hourly changes are 1e-3 on a level of 1.1.
    assert result.scores["random walk"].mae < 0.01
    assert result.scores["model"].mae < 0.01


class Recorder:
    """A forecaster that repeats the last value with a little noise, and remembers the seeds that it was given."""

    def __init__(self, spec: DataSpec, test_start: int) -> None:
        self.spec, self.test_start = spec, test_start
        self.num_samples, self.random_walk_window = 5, 12
        self.seeds: list[int] = []

    def __call__(
        self, windows: Windows, *, horizons: Sequence[float | str] | None, num_samples: int, seed: int
    ) -> Forecast:
        self.seeds.append(seed)
        last = windows.values[self.spec.base.name][:, None, -1:, list(self.spec.target_indices)]  # (B, 1, 1, C)
        shape = (len(windows), num_samples, len(horizons or ()), len(self.spec.targets))
        noise = 1e-3 * np.random.default_rng(seed).normal(size=shape)
        return dated_forecast(last + noise, windows, self.spec, [float(bars) for bars in horizons or ()])


def test_parts_of_an_evaluation_have_noise_of_their_own(tiny_model: Path, tiny_csv: Path) -> None:
    """The same noise in every part would tie the errors of windows together."""
    forecaster = open_forecaster(tiny_model)
    recorder = Recorder(forecaster.spec, 0)
    evaluate(recorder, tiny_csv)
    assert len(recorder.seeds) > 4
    assert len(set(recorder.seeds)) == len(recorder.seeds)


def test_windows_far_apart_all_count(tiny_model: Path, tiny_csv: Path) -> None:
    """Horizons of up to four bars: windows four bars apart are independent, and those of every bar are not."""
    recorder = Recorder(open_forecaster(tiny_model).spec, 0)
    every = evaluate(recorder, tiny_csv, horizons=[4])
    few = evaluate(recorder, tiny_csv, horizons=[4], max_windows=every.windows // 5)
    assert few.scores["model"].n_effective == pytest.approx(few.windows, abs=1)
    assert every.scores["model"].n_effective == pytest.approx(every.windows / 4, rel=0.02)
