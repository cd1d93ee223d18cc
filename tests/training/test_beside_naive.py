"""Beginning and end of training beside naive forecasts, in data units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch

from sssd_registry.config import load_config
from sssd_registry.errors import SSSDError
from sssd_registry.evaluation.baselines import gaussian_crps
from sssd_registry.model.batches import TrainingData, training_data
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.training.beside_naive import check_start, look_at_validation
from sssd_registry.training.fit_normalizer import fit_normalizer
from sssd_registry.training.train import train


@pytest.fixture
def fitted(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> tuple[SSSDNetwork, TrainingData]:
    config = load_config(None, tiny_settings)
    data = training_data(tiny_frame, config.data)
    network = make_network(data.spec, config.model)
    fit_normalizer(network, data)
    return network, data


def test_units_that_forecast_no_worse_than_chance_pass(fitted: tuple[SSSDNetwork, TrainingData]) -> None:
    network, data = fitted
    check_start(network, data, data.split.validation)


def test_units_of_the_wrong_size_are_refused(fitted: tuple[SSSDNetwork, TrainingData]) -> None:
    """In its own units the forecast with a scale thirty times too large looks excellent."""
    network, data = fitted
    assert network.normalizer.linear is not None
    for name in ("bias", "lowest", "highest"):
        network.normalizer.linear.get_buffer(name).add_(np.log(30.0))
    with pytest.raises(SSSDError, match=r"no model: .* worse than both naive ones"):
        check_start(network, data, data.split.validation)


def test_naive_scores_are_those_of_evaluate(fitted: tuple[SSSDNetwork, TrainingData]) -> None:
    """A Gaussian's samples, many of them, as the oracle of the closed form."""
    from sssd_registry.evaluation.scores import crps

    network, data = fitted
    found = look_at_validation(network, data, data.split.validation)
    noise = np.random.default_rng(0).standard_normal((len(found.observed), 2000, 1, 1))
    drawn = crps(found.location[:, None] + noise * found.scale[:, None], found.observed)
    closed = gaussian_crps(found.location, found.scale, found.observed)
    assert drawn.mean() == pytest.approx(closed.mean(), rel=0.02)
    assert set(found.naive) == {"random walk", "seasonal naive"}


def test_a_model_keeps_its_scores_in_data_units(
    tiny_frame: pd.DataFrame, tiny_settings: list[str], tmp_path: Path
) -> None:
    """A thousand times the data have a thousand times the scores."""
    small = train(tiny_frame, load_config(None, tiny_settings), tmp_path / "small").record
    columns = ["open", "high", "low", "close"]
    large_frame = tiny_frame.assign(**{name: 1000 * tiny_frame[name] for name in columns})
    large = train(large_frame, load_config(None, tiny_settings), tmp_path / "large").record
    assert small is not None
    assert large is not None
    for name in ("model", "random walk", "seasonal naive"):
        assert large.validation_scores[name]["close"] == pytest.approx(
            1000 * small.validation_scores[name]["close"], rel=0.02
        )
    assert small.validation_scores["model"]["close"] < 0.1  # the price is about 1; standard units would be about 0.5
    assert torch.isfinite(torch.tensor(small.validation_crps))


def _frame(values: npt.NDArray[np.float64]) -> pd.DataFrame:
    return pd.DataFrame({"date": pd.date_range("2018-01-01", periods=len(values)), "y": values})


def _start(values: npt.NDArray[np.float64], *settings: str) -> tuple[SSSDNetwork, TrainingData]:
    config = load_config(None, ["model.location_scale=linear", *settings])
    data = training_data(_frame(values), config.data)
    network = make_network(data.spec, config.model)
    fit_normalizer(network, data)
    return network, data


@pytest.mark.parametrize("since", [0.5, 0.6, 0.69, 0.75])
def test_a_price_that_is_fixed_but_for_its_last_digits_is_not_refused(since: float) -> None:
    """Against naive forecasts that are right to a billionth, any other looks bad."""
    random = np.random.default_rng(1)
    values = 100 + random.normal(size=1500).cumsum()
    row = int(since * 1500)
    values[row:] = values[row] + 1e-9 * random.normal(size=1500 - row)
    network, data = _start(values)
    check_start(network, data, data.split.validation)


def test_a_few_absurd_forecasts_are_refused_and_placed() -> None:
    """The error of few windows is as large as the mean: no number of errors tells them."""
    random = np.random.default_rng(1)
    values = 100 + random.normal(size=1500).cumsum()
    values[1045] = 1e9
    network, data = _start(values)
    with pytest.raises(SSSDError, match=r"no model: .* most of all of 'y' from 20\d\d-\d\d-\d\dT00:00:00 UTC on"):
        check_start(network, data, data.split.validation)
    values[1045] = 100.0  # what the message says to do
    check_start(*(mended := _start(values)), mended[1].split.validation)


def test_the_remedy_for_a_price_that_floats_at_last_works() -> None:
    values = 100 + np.random.default_rng(1).normal(size=1500).cumsum()
    values[:900] = values[900]
    network, data = _start(values)
    with pytest.raises(SSSDError, match=r"or begin with --set model\.location_scale=random-walk"):
        check_start(network, data, data.split.validation)
    network, data = _start(values, "model.location_scale=random-walk")
    check_start(network, data, data.split.validation)
