"""sktime and darts take the model as one of theirs; where they are not installed, what is to be installed is said."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import numpy as np
import pandas as pd
import pytest

SETTINGS = ["model.location_scale=linear", "training.max_steps=4", "training.batch_size=4", 'data.timeframes={"1d"=20}']
VALUES = np.random.default_rng(0).normal(size=(160, 2)).cumsum(axis=0)


@pytest.mark.parametrize("library", ["sktime", "darts"])
def test_without_the_library_its_extra_is_named(library: str) -> None:
    if importlib.util.find_spec(library) is not None:
        pytest.skip(f"{library} is installed")
    with pytest.raises(ModuleNotFoundError, match=rf"needs {library}: pip install 'sssd-registry\[{library}\]'"):
        importlib.import_module(f"sssd_registry.adapters.{library}")


@pytest.mark.filterwarnings("ignore")  # theirs
@pytest.mark.parametrize("index", ["days", "numbers"])
def test_sktime_forecasts_what_the_forecaster_does(index: str) -> None:
    pytest.importorskip("sktime", reason="sktime is not installed")
    from sssd_registry.adapters.sktime import SSSDSktimeForecaster

    y = pd.DataFrame(VALUES, columns=["a", "b"])
    if index == "days":
        y.index = pd.period_range("2024", periods=160, freq="D")
    model = SSSDSktimeForecaster(h=5, settings=SETTINGS, num_samples=16).fit(y)
    mean = model.predict(fh=[1, 4])
    assert list(mean.columns) == ["a", "b"]
    assert list(mean.index) == [y.index[-1] + step for step in (1, 4)]
    made = model.forecaster_.forecast([1, 4])
    np.testing.assert_allclose(mean.to_numpy(), made.mean[0])
    quantiles = model.predict_quantiles(fh=[1, 4], alpha=[0.1, 0.9])
    np.testing.assert_allclose(quantiles[("b", 0.9)], made.quantile(0.9)[0, :, 1])
    assert (quantiles[("a", 0.1)] < quantiles[("a", 0.9)]).all()


@pytest.mark.filterwarnings("ignore")
def test_darts_takes_paths_and_a_mean() -> None:
    darts: Any = pytest.importorskip("darts", reason="darts is not installed")
    from sssd_registry.adapters.darts import SSSDDartsModel

    times = pd.date_range("2024", periods=160)
    series = darts.TimeSeries.from_times_and_values(times, VALUES, columns=["a", "b"])
    model = SSSDDartsModel(h=5, settings=SETTINGS).fit(series)
    made = model.predict(5, num_samples=12)
    assert made.all_values().shape == (5, 2, 12)
    assert made.start_time() == times[-1] + pd.Timedelta("1D")
    assert model.predict(3).all_values().shape == (3, 2, 1)
    errors = model.historical_forecasts(series, start=155, forecast_horizon=2, stride=2, verbose=False)
    assert len(errors) >= 1
