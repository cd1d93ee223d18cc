"""Engines of bounded targets: the model's samples, within bounds, whole where they are to be, prices as levels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sssd_engine.engine import EngineError
from sssd_export.forecaster import EngineForecaster, engine_inputs, open_engine
from sssd_export.request import export_model
from sssd_registry.config import load_config
from sssd_registry.evaluation.evaluate import evaluate
from sssd_registry.model_or_engine import open_forecaster
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.testing.tiny_model import SETTINGS, put_to_use
from sssd_registry.training.train import train

SIZES = ('data.timeframes={"1d" = 28}', "data.horizons=[1, 2, 7]")


def days(values: np.ndarray) -> pd.DataFrame:  # type: ignore[type-arg]
    return pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=len(values), freq="D"), "y": values})


def check_given(pipeline: SSSDPipeline, engine: EngineForecaster, end: float) -> None:
    """Given its last horizon, an engine gives what its pipeline does; whole numbers may fall to another side."""
    windows = pipeline.examples
    assert windows is not None
    given = np.full((len(windows), 3, 1), np.nan)
    given[:, 2] = end
    eager = pipeline(windows, num_inference_steps=3, num_samples=200, generator=1, given=given).samples
    how = {"horizons": [1, 2, 7], "num_samples": 200, "seed": 1, "given": given}
    made = engine.forecast_given(windows, **how).samples  # type: ignore[arg-type]
    assert (np.abs(made - eager) > 1e-3 * eager.std()).mean() < 2e-3
    assert (made[:, :, 2] == end).all()
    free = engine(windows, horizons=None, num_samples=200, seed=1).samples
    assert (made != free).any()


def fit(frame: pd.DataFrame, out: Path, *settings: str) -> SSSDPipeline:
    return train(frame, load_config(None, [*SETTINGS, *SIZES, *settings]), out)


@pytest.fixture(scope="module")
def counts() -> pd.DataFrame:
    """Poisson counts of a mean of 2, none for a while, 900 days."""
    made = np.random.default_rng(2).poisson(2.0, size=900)
    made[600:660] = 0
    return days(made)


@pytest.fixture(scope="module")
def count_model(counts: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("counts") / "model"
    fit(counts, out, "data.bounds=[0, inf]", "data.integers=true")
    return out


@pytest.mark.parametrize("in_use", [False, True])
def test_counts_are_the_models_and_never_negative(count_model: Path, in_use: bool, tmp_path: Path) -> None:
    pipeline = SSSDPipeline.from_pretrained(count_model)
    if in_use:
        put_to_use(pipeline)
    else:
        pipeline.network.in_use = False
        pipeline.record = pipeline.record.model_copy(update={"best_step": 0})  # type: ignore[union-attr]
    pipeline.save_pretrained(tmp_path / "model")
    manifest = export_model(tmp_path / "model", tmp_path / "engine", steps=3, samples=16)
    assert manifest["parity"]["max_error"] <= 1e-4
    engine = open_engine(tmp_path / "engine")
    windows = pipeline.examples
    assert windows is not None
    eager = pipeline(windows, num_inference_steps=3, num_samples=200, generator=1).samples
    made = engine(windows, horizons=None, num_samples=200, seed=1).samples
    assert made.min() == eager.min() == 0
    assert np.array_equal(made, np.rint(made))
    assert (made != eager).mean() < 1e-3  # one that lies between two numbers may become either
    check_given(pipeline, engine, 5.0)
    with pytest.raises(EngineError, match="given: 'y' is -1, and its bounds are 0 to inf"):
        engine.engine(engine_inputs(windows), given={"y": [np.nan, np.nan, -1.0]})
    values = engine_inputs(windows)
    values["values_1d"] = values["values_1d"] - 100.0
    with pytest.raises(EngineError, match=r"values_1d\[0, 0, 0\] \(y\) is -\d+.0, outside of its bounds, 0.0 to inf"):
        engine.engine(values)


def test_bounds_make_no_score_of_counts_worse(count_model: Path, counts: pd.DataFrame, tmp_path: Path) -> None:
    fit(counts, tmp_path / "free")
    free, whole = (
        evaluate(open_forecaster(one), counts, num_samples=100).scores["model"]
        for one in (tmp_path / "free", count_model)
    )
    assert whole.crps < 1.002 * free.crps
    assert whole.coverage_90 > 0.87
    told = SSSDPipeline.from_pretrained(count_model).record.bounds  # type: ignore[union-attr]
    assert "at least 0, where" in told["y"]


def test_prices_are_levels_above_zero(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    frame = days(0.05 * np.exp(np.cumsum(0.2 * random.standard_t(4, size=700))))  # a share in ruin
    price = fit(frame, tmp_path / "price", "data.target_kind=price")
    returns = fit(frame, tmp_path / "returns", "data.target_kind=log-return")
    assert price.record is not None
    export_model(tmp_path / "price", tmp_path / "engine", steps=3, samples=16)
    windows = price.examples
    assert windows is not None
    eager = price(windows, num_inference_steps=3, num_samples=300, generator=1)
    engine = open_engine(tmp_path / "engine")
    check_given(price, engine, float(eager.samples[0, 0, 2, 0]))
    for one in (
        lambda: price(windows, given={"y": [0.0, 1, 1]}),
        lambda: engine.engine(engine_inputs(windows), given={"y": [0.0, 1, 1]}),
    ):
        with pytest.raises(ValueError, match="given: 'y' is 0, and its bounds are above 0"):
            one()
    made = engine(windows, horizons=None, num_samples=300, seed=1)
    assert made.last is None
    assert made.samples.min() > 0
    np.testing.assert_allclose(made.samples, eager.samples, rtol=1e-5)
    again = returns(windows, num_inference_steps=3, num_samples=300, generator=1)
    assert again.samples.min() < 0
    np.testing.assert_allclose(again.levels().samples, eager.samples, rtol=1e-5)
    assert price.record.validation_scores.keys() == {"model", "random walk", "seasonal naive"}


def test_a_share_stays_between_zero_and_one(tmp_path: Path) -> None:
    days_passed = np.arange(700)
    noise = np.random.default_rng(5).standard_normal(700)
    frame = days(1 / (1 + np.exp(-3 * np.sin(2 * np.pi * days_passed / 7) - noise)))
    pipeline = fit(frame, tmp_path / "model", "data.bounds=[0, 1]")
    export_model(tmp_path / "model", tmp_path / "engine", steps=3, samples=16)
    engine = open_engine(tmp_path / "engine")
    check_given(pipeline, engine, 0.9)
    made = engine(pipeline.examples, horizons=None, num_samples=500, seed=1).samples  # type: ignore[arg-type]
    assert 0 < made.min() < 0.01
    assert 0.99 < made.max() <= 1
