"""GluonTS drives us by its own interface, and scores us by its own code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from gluonts.dataset.common import ListDataset
from gluonts.evaluation import Evaluator, MultivariateEvaluator, make_evaluation_predictions
from gluonts.model.predictor import Predictor

from sssd_registry.adapters.gluonts import SSSDEstimator, SSSDPredictor
from sssd_registry.config import load_config
from sssd_registry.errors import SSSDError
from sssd_registry.testing.tiny_model import SETTINGS

# pandas renames frequencies; GluonTS takes the old names.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

CONFIG = load_config(None, [text for text in SETTINGS if not text.startswith("data.")])


def dataset(freq: str = "h", targets: int = 0, count: int = 3, rows: int = 200) -> ListDataset:
    random = np.random.default_rng(0)
    shape = (rows,) if not targets else (targets, rows)
    entries = [
        {
            "start": pd.Period("2024-01-01", freq=freq),
            "target": random.normal(size=shape).cumsum(-1),
            "item_id": f"s{k}",
        }
        for k in range(count)
    ]
    return ListDataset(entries, freq=freq, one_dim_target=not targets)


@pytest.fixture(scope="module")
def predictor() -> SSSDPredictor:
    return SSSDEstimator(prediction_length=4, context_length=16, config=CONFIG).train(dataset())


def test_gluonts_scores_us(predictor: SSSDPredictor) -> None:
    forecasts, series = make_evaluation_predictions(dataset(), predictor, num_samples=20)
    forecasts, series = list(forecasts), list(series)
    assert [one.item_id for one in forecasts] == ["s0", "s1", "s2"]
    assert forecasts[0].samples.shape == (20, 4)
    assert forecasts[0].start_date == series[0].index[-4]
    totals, _ = Evaluator(num_workers=None)(series, forecasts)
    assert 0 < totals["mean_wQuantileLoss"] < 5


def test_each_entry_is_forecast_from_its_own_end(predictor: SSSDPredictor) -> None:
    """More entries than are forecast at once, of repeating ids: every one is near its own last value."""
    many = dataset(count=80)
    ends = [entry["target"][-1] for entry in many]
    made = list(predictor.predict(many, num_samples=8))
    seen = np.array([one.samples.mean() for one in made])
    assert np.abs(seen - ends).max() < 8
    assert np.corrcoef(seen, ends)[0, 1] > 0.98
    again = [one.samples for one in predictor.predict(many, num_samples=8)]
    np.testing.assert_array_equal(again, [one.samples for one in made])
    assert not np.array_equal(made[0].samples - ends[0], made[64].samples - ends[64])


def test_several_targets(tmp_path: Path) -> None:
    data = dataset(targets=2, count=2)
    made = SSSDEstimator(prediction_length=3, context_length=16, config=CONFIG).train(data)
    forecasts, series = make_evaluation_predictions(data, made, num_samples=10)
    forecasts = list(forecasts)
    assert forecasts[0].samples.shape == (10, 3, 2)
    totals, _ = MultivariateEvaluator(num_workers=None)(list(series), forecasts)
    assert np.isfinite(totals["mean_wQuantileLoss"])


def test_serialised_and_back(predictor: SSSDPredictor, tmp_path: Path) -> None:
    predictor.serialize(tmp_path)
    again = Predictor.deserialize(tmp_path)
    assert isinstance(again, SSSDPredictor)
    made = [next(iter(one.predict(dataset(), num_samples=5))).samples for one in (predictor, again)]
    np.testing.assert_array_equal(*made)


@pytest.mark.parametrize("freq", ["B", "D", "W", "15min"])
def test_frequencies_of_fixed_length(freq: str) -> None:
    made = SSSDEstimator(prediction_length=2, context_length=10, config=CONFIG).train(dataset(freq))
    assert next(iter(made.predict(dataset(freq), num_samples=3))).samples.shape == (3, 2)


@pytest.mark.parametrize("freq", ["M", "Q", "2M", "Y"])
def test_frequencies_of_the_calendar(freq: str) -> None:
    data = dataset(freq)
    made = SSSDEstimator(prediction_length=2, context_length=10, config=CONFIG).train(data)
    forecast = next(iter(made.predict(data, num_samples=3)))
    assert forecast.samples.shape == (3, 2)
    assert forecast.start_date == pd.Period("2024-01-01", freq=freq) + 200


def test_missing_values_are_served_and_infinite_ones_and_empty_datasets_named() -> None:
    estimator = SSSDEstimator(prediction_length=2, context_length=10, config=CONFIG)
    target = np.random.default_rng(0).normal(size=100)
    target[7] = np.nan
    entry = {"start": pd.Period("2024-01-01", freq="h"), "target": target}
    predictor = estimator.train(ListDataset([entry], freq="h"))
    (forecast,) = predictor.predict(ListDataset([entry], freq="h"))
    assert np.isfinite(forecast.samples).all()
    broken = {**entry, "target": np.where(np.arange(100) == 9, np.inf, target)}
    with pytest.raises(SSSDError, match=r"row 10 .*: the value is infinite"):
        estimator.train(ListDataset([broken], freq="h"))
    with pytest.raises(SSSDError, match="no series"):
        estimator.train(ListDataset([], freq="h"))
