"""Windows that stand still: a sensor that is stuck, a product that is not sold, a price that is fixed."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch

from sssd_registry.config import load_config
from sssd_registry.data.origins import Origins
from sssd_registry.evaluation.baselines import gaussian_crps
from sssd_registry.model.batches import TrainingData, make_batch, training_data
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.training.beside_naive import look_at_validation
from sssd_registry.training.fit_normalizer import fit_normalizer
from sssd_registry.training.loss import weighted_error

CASES = Path(__file__).parents[1] / "cases"
Array = npt.NDArray[np.float64]


def fitted(frame: pd.DataFrame | Path, *settings: str) -> tuple[SSSDNetwork, TrainingData]:
    """Fit what is forecast where the network is left out; a linear baseline, as it is fitted in a moment."""
    config = load_config(None, ["model.location_scale=linear", *settings])
    data = training_data(frame, config.data)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = make_network(data.spec, config.model)
    fit_normalizer(network, data)
    return network, data


def scores(network: SSSDNetwork, data: TrainingData, origins: Origins | None = None) -> tuple[float, float]:
    """Test CRPS in data units, and coverage of the 90 % interval."""
    found = look_at_validation(network, data, data.split.test if origins is None else origins)
    crps = gaussian_crps(found.location, found.scale, found.observed)
    inside = np.abs(found.observed - found.location) < 1.6449 * found.scale
    return float(crps.mean()), float(inside.mean())


@pytest.mark.parametrize("zeros", [40, 70, 100])
@pytest.mark.parametrize("seed", range(4))
def test_zeros_among_counts_cost_little(zeros: int, seed: int) -> None:
    """The same counts but for a stretch of zeros in the training part, scored on the same days."""
    counts = np.random.default_rng(seed).poisson(3, size=900).astype(float)
    frame = pd.DataFrame({"ds": pd.date_range("2021-01-01", periods=900), "y": counts})
    whole, _ = scores(*fitted(frame))
    frame.loc[300 : 299 + zeros, "y"] = 0.0
    crps, coverage = scores(*fitted(frame))
    assert crps < 1.05 * whole
    assert 0.85 <= coverage <= 0.95


@pytest.mark.parametrize("case", ["zero_window_70", "zero_window_100"])
def test_the_recorded_counts_with_zeros(case: str) -> None:
    crps, coverage = scores(*fitted(CASES / f"{case}.csv"))
    assert crps < 1.05 * scores(*fitted(CASES / "zero_window_0.csv"))[0]
    assert 0.85 <= coverage <= 0.96


def test_a_price_that_stood_still_costs_little() -> None:
    short, covered = scores(*fitted(CASES / "flat_window_50.csv"))
    crps, coverage = scores(*fitted(CASES / "flat_window_70.csv"))
    assert crps < 1.05 * short
    assert coverage > covered - 0.04


def daily_wave(size: int = 3000) -> Array:
    hours = np.arange(size)
    return 20 + 5 * np.sin(2 * np.pi * hours / 24) + np.random.default_rng(0).normal(0, 0.5, size)


def hourly(values: Array) -> pd.DataFrame:
    return pd.DataFrame({"time": pd.date_range("2024-01-01", periods=len(values), freq="h"), "y": values.round(3)})


@pytest.mark.parametrize("zeros", [slice(300, 750), slice(100, 700), slice(500, 1000), slice(300, 900)])
def test_counts_that_are_zero_half_of_the_time_still_have_a_location(zeros: slice) -> None:
    """Blocks of time that stood still have no say in whether there is one."""
    counts = np.random.default_rng(0).poisson(3, size=1500).astype(float)
    frame = pd.DataFrame({"ds": pd.date_range("2015-01-01", periods=1500), "y": counts})
    whole, _ = scores(*fitted(frame))
    counts[zeros] = 0.0
    assert scores(*fitted(frame.assign(y=counts)))[0] < 1.08 * whole


def _walk(size: int = 1500) -> Array:
    return 100 + np.random.default_rng(1).normal(size=size).cumsum()


@pytest.mark.parametrize(
    ("kind", "where", "start"),
    [*itertools.product(["wave", "walk", "counts"], [0.1, 0.69], ["linear"]), ("counts", 0.69, "direct")],
)
def test_one_wrong_reading_in_training_costs_little(kind: str, where: float, start: str) -> None:
    """1e9 among tens: once, all squares were its, and later intervals 100,000 times too wide."""
    counts = np.random.default_rng(0).poisson(3, size=1500).astype(float)
    values = {"wave": daily_wave(), "walk": _walk(), "counts": counts}[kind].copy()
    times = pd.date_range("2015-01-01", periods=len(values), freq="h" if kind == "wave" else "D")
    setting = f"model.location_scale={start}"
    good, _ = scores(*fitted(pd.DataFrame({"time": times, "y": values}), setting))
    values[int(where * len(values))] = 1e9
    crps, coverage = scores(*fitted(pd.DataFrame({"time": times, "y": values}), setting))
    assert crps < 1.1 * good
    assert 0.82 <= coverage <= 0.97


def test_another_unit_in_the_first_half_costs_little() -> None:
    """kWh, and Wh from then on."""
    values = daily_wave()
    good, _ = scores(*fitted(hourly(values)))
    values[:1500] /= 1000
    assert scores(*fitted(hourly(values).assign(y=values)))[0] < 1.1 * good


@pytest.mark.parametrize("start", ["linear", "random-walk", "direct"])
@pytest.mark.parametrize("floats_from", [0.69, 0.75, 0.8])
def test_a_price_that_is_fixed_all_through_training_is_a_random_walk(floats_from: float, start: str) -> None:
    """There is nothing to learn of it. Once, intervals of 1e-30, or of 1e10."""
    values = _walk()
    values[: int(floats_from * 1500)] = values[int(floats_from * 1500)]
    frame = hourly(values).assign(y=values)
    network, data = fitted(frame, "data.horizons=[1, 5, 14]", f"model.location_scale={start}")
    found = look_at_validation(network, data, data.split.test)
    crps = gaussian_crps(found.location, found.scale, found.observed).mean()
    assert crps < 1.1 * found.naive["random walk"].mean()
    assert 0.8 < scores(network, data)[1] < 0.98


@pytest.mark.parametrize("noise", [0.0, 1e-9])
def test_a_stuck_sensor_in_training_costs_little(noise: float) -> None:
    """Ten days of one value, exactly or but for the last digits."""
    good, _ = scores(*fitted(hourly(daily_wave())))
    values = daily_wave()
    values[600:840] = values[600] + noise * np.random.default_rng(1).normal(size=240)
    frame = hourly(values).assign(y=values)
    assert scores(*fitted(frame))[0] < 1.1 * good


def test_a_window_that_stands_still_at_the_end_is_forecast_in_the_size_of_the_series() -> None:
    """Trained on a wave, and asked after a stuck sensor: neither 1e13 nor a spread of nothing."""
    network, data = fitted(hourly(daily_wave()))
    name = data.spec.base.name
    values = {tf.name: torch.full((1, tf.lookback, 1), 21.0, dtype=torch.float64) for tf in data.spec.timeframes}
    times = {
        tf.name: 1_700_000_000 // 86400 * 86400 + tf.seconds * torch.arange(tf.lookback).unsqueeze(0)
        for tf in data.spec.timeframes
    }
    location, scale = network.normalizer.location_scale(values, times, torch.tensor([1.0, 4.0, 24.0]))
    assert values[name].shape[1] > 24
    assert (location - 21).abs().max() < 10
    assert (scale > 0.01).all()
    assert (scale < 10).all()


@pytest.mark.parametrize("seed", [2, 3, 4, 7])
def test_a_rate_that_mostly_stands_still_is_forecast_about_as_well_as_by_naive_ones(seed: int) -> None:
    """A policy rate: a quarter of a point every half a year, years without any. Once, medians of 59.7 % and worse."""
    random = np.random.default_rng(seed)
    steps = (random.random(1200) < 0.03) * random.choice([-0.25, 0.25], 1200)
    steps[400:700] = 0
    frame = pd.DataFrame({"date": pd.date_range("2000-01-03", periods=1200, freq="7D"), "rate": 3 + steps.cumsum()})
    network, data = fitted(frame)
    found = look_at_validation(network, data, data.split.test)
    crps = gaussian_crps(found.location, found.scale, found.observed).mean()
    assert crps < 1.1 * min(naive.mean() for naive in found.naive.values())
    assert np.abs(found.location - found.observed).max() < 3


@pytest.mark.parametrize("falling", [False, True])
def test_a_series_that_changes_its_size_a_thousandfold_is_no_still_one(falling: bool) -> None:
    """The small end of it moves little, and is forecast in its own size."""
    prices = np.exp(np.cumsum(np.random.default_rng(3).normal(0.008, 0.04, 1200)))
    frame = pd.DataFrame({"date": pd.date_range("2018-01-01", periods=1200), "y": prices[::-1] if falling else prices})
    network, data = fitted(frame)
    found = look_at_validation(network, data, data.split.test)
    crps = gaussian_crps(found.location, found.scale, found.observed).mean()
    assert crps < 1.02 * found.naive["random walk"].mean()
    assert 0.85 < scores(network, data)[1] < 0.98


def test_series_of_a_panel_are_each_forecast_in_their_own_size() -> None:
    """Twelve series over eleven orders of magnitude, every third stuck for a while."""
    frames = []
    for index in range(12):
        wave = daily_wave(600)
        if index % 3 == 0:
            wave[200:400] = wave[200]
        frames.append(hourly(wave).assign(y=10.0 ** (index - 4) * wave, id=f"s{index}"))
    network, data = fitted(pd.concat(frames), "data.id=id")
    origins = data.split.test
    for index in range(12):
        crps, coverage = scores(network, data, origins.take(origins.series == index))
        assert crps / 10.0 ** (index - 4) < 0.5
        assert 0.8 < coverage < 0.99


def test_a_daily_shape_is_kept_at_every_horizon() -> None:
    """Two days ahead, of which every hour has a location of its own: none is further off than the first ones."""
    network, data = fitted(hourly(daily_wave(2000)), "data.horizons=[1, 24, 72]")
    horizons = torch.arange(1, 73, dtype=torch.float32)
    for row in (100, 107):
        origins = data.split.test.take(slice(row, row + 1))
        batch = make_batch(data, origins, tuple(range(1, 73)), torch.device("cpu"))
        location, _ = network.normalizer.location_scale(batch.values, batch.times, horizons)
        assert (location - batch.future).abs().max() < 2.5  # noise of 0.5; half a wave off would be 10


def test_no_sample_of_the_loss_is_a_still_window() -> None:
    error = torch.tensor([[[[1.0]]], [[[100.0]]]])
    weights = torch.tensor([[1.0], [0.0]])
    assert float(weighted_error(error, torch.zeros_like(error), weights)) == pytest.approx(0.5)
