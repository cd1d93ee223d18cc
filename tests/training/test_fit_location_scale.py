"""Fit of the linear baseline: it finds a linear location and a scale where there are such, and invents none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sssd_registry.config import load_config
from sssd_registry.model.batches import TrainingData, make_batch, training_data
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.training.fit_normalizer import fit_normalizer

CPU = torch.device("cpu")
HOURLY = ["data.horizons=[1, 6]", 'data.timeframes={"1h" = 48}', "model.feature_size=8", "model.location_scale=linear"]


def fitted(frame: pd.DataFrame, *more: str) -> tuple[SSSDNetwork, TrainingData]:
    config = load_config(None, [*HOURLY, *more])
    data = training_data(frame, config.data)
    network = make_network(data.spec, config.model)
    fit_normalizer(network, data)
    return network, data


def standard_units(network: SSSDNetwork, data: TrainingData) -> torch.Tensor:
    """Return the validation part's futures in standard units, ``(n, K, C)``."""
    batch = make_batch(data, data.split.validation, data.spec.horizons, CPU)
    return network.normalizer.standardize(batch.future, batch.values, batch.times, batch.horizons)


def hourly(values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"time": pd.date_range("2024-01-01", periods=len(values), freq="h"), "value": values})


@pytest.mark.parametrize("rows", [300, 500, 900])
@pytest.mark.parametrize("seed", range(4))
def test_a_short_random_walk_has_no_location_either(rows: int, seed: int) -> None:
    steps = np.random.default_rng(seed).normal(size=rows)
    network, _ = fitted(hourly(100 + steps.cumsum()))
    assert not network.normalizer.linear.location.any()


def test_a_random_walk_has_no_location() -> None:
    steps = np.random.default_rng(0).normal(size=4000)
    network, data = fitted(hourly(100 + steps.cumsum()))
    assert not network.normalizer.linear.location.any()
    standard = standard_units(network, data)
    torch.testing.assert_close(standard.square().mean(dim=(0, 2)).sqrt(), torch.ones(2), atol=0.2, rtol=0)


def test_a_daily_pattern_is_found() -> None:
    random = np.random.default_rng(1)
    hours = np.arange(4000)
    values = 10 * np.sin(2 * np.pi * hours / 24) + random.normal(size=4000)
    network, data = fitted(hourly(values))
    batch = make_batch(data, data.split.validation, data.spec.horizons, CPU)
    location, scale = network.normalizer.location_scale(batch.values, batch.times, batch.horizons)
    truth = batch.future - location
    assert truth.std() < 1.15, "the noise is all that is left"
    torch.testing.assert_close(scale.mean(), truth.std(), rtol=0.15, atol=0)


def test_a_quiet_hour_is_known_to_be_quiet() -> None:
    """Volatility by the hour of day alone: nothing in the last changes tells it."""
    random = np.random.default_rng(2)
    hours = np.arange(6000)
    sigma = np.where(hours % 24 < 8, 0.2, 1.0)
    network, data = fitted(hourly(100 + (sigma * random.normal(size=6000)).cumsum()))
    batch = make_batch(data, data.split.validation, (1,), CPU)
    _, scale = network.normalizer.location_scale(batch.values, batch.times, batch.horizons)
    hour = (batch.times["1h"][:, -1] // 3600 + 1) % 24
    quiet, loud = scale[(hour > 1) & (hour < 6)].mean(), scale[(hour > 10) & (hour < 21)].mean()
    assert quiet < 0.45 * loud


def test_no_later_value_changes_it(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> None:
    """Fitted on the training part alone: validation and test may be anything."""
    other = tiny_frame.copy()
    columns = ["open", "high", "low", "close"]
    other.loc[other.index[450:], columns] = other.loc[other.index[450:], columns] * 7 + 3
    states = []
    for frame in (tiny_frame, other):
        config = load_config(None, tiny_settings)
        data = training_data(frame, config.data)
        network = make_network(data.spec, config.model)
        fit_normalizer(network, data)
        states.append(network.normalizer.state_dict())
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["level", "log-return"])
@pytest.mark.parametrize("start", ["linear", "random-walk"])
def test_standardize_and_restore_are_inverse(
    tiny_frame: pd.DataFrame, tiny_settings: list[str], kind: str, start: str
) -> None:
    config = load_config(None, [*tiny_settings, f"data.target_kind={kind}", f"model.location_scale={start}"])
    data = training_data(tiny_frame, config.data)
    network = make_network(data.spec, config.model)
    fit_normalizer(network, data)
    normalizer = network.normalizer
    batch = make_batch(data, data.split.validation, (1, 4), CPU)
    standard = normalizer.standardize(batch.future, batch.values, batch.times, batch.horizons)
    units = normalizer.location_scale(batch.values, batch.times, batch.horizons)
    back = normalizer.restore(standard.unsqueeze(1), *units)[:, 0]
    origin = normalizer.origin(batch.values).unsqueeze(1)
    expected = torch.log(batch.future / origin) if kind == "log-return" else batch.future
    torch.testing.assert_close(back, expected, rtol=1e-6, atol=1e-8)


@settings(max_examples=15)
@given(rows=st.integers(70, 140), seed=st.integers(0, 9), quiet=st.booleans())
def test_short_and_flat_series_give_finite_units(rows: int, seed: int, quiet: bool) -> None:
    values = np.random.default_rng(seed).normal(size=rows).cumsum()
    if quiet:
        values[rows // 4 :] = 1.0
    network, data = fitted(hourly(values), 'data.timeframes={"1h" = 12}')
    batch = make_batch(data, data.split.train, data.spec.horizons, CPU)
    location, scale = network.normalizer.location_scale(batch.values, batch.times, batch.horizons)
    assert torch.isfinite(location).all()
    assert torch.isfinite(scale).all()
    assert (scale > 0).all()


def test_one_revaluation_is_not_everybodys_unit() -> None:
    """A pegged series that jumps once, in a panel with moving ones."""
    random = np.random.default_rng(3)
    frames = [hourly(100 + random.normal(size=1500).cumsum()).assign(id=f"s{k}") for k in range(4)]
    pegged = np.full(1500, 8.0) + 1e-6 * random.normal(size=1500)
    pegged[700:] += 1.0
    network, data = fitted(pd.concat([*frames, hourly(pegged).assign(id="peg")]), "data.id=id")
    usual = standard_units(network, data).square().mean(dim=(0, 2)).sqrt()
    assert ((usual > 0.7) & (usual < 1.4)).all()


def test_weights_follow_the_hour() -> None:
    """By day a level stays, by night it returns to its mean: the same for every lag but for the hour."""
    random = np.random.default_rng(0)
    stays = np.where(np.arange(6000) % 24 < 12, 1.0, 0.0)
    values = np.zeros(6000)
    for row in range(1, 6000):
        values[row] = stays[row] * values[row - 1] + random.normal()
    network, data = fitted(hourly(values), "data.horizons=[1]")
    linear = network.normalizer.linear
    assert linear is not None
    batch = make_batch(data, data.split.validation, (1,), CPU)

    def error() -> float:
        location, _ = network.normalizer.location_scale(batch.values, batch.times, batch.horizons)
        return float((batch.future - location).square().mean())

    turning = error()
    linear.location[:, linear.num_plain_terms :] = 0.0
    assert turning < 1.15, "little but the noise is left"
    assert error() > 1.3


@pytest.mark.parametrize("targets", [16, 17])
def test_the_sums_of_many_targets_stay_small(targets: int) -> None:
    random = np.random.default_rng(0)
    frame = hourly(random.normal(size=400).cumsum())
    more = {f"v{k:02d}": random.normal(size=400).cumsum() for k in range(1, targets)}
    network, _ = fitted(frame.assign(**more), "data.horizons=[1]", 'data.timeframes={"1h" = 24}', "data.targets=all")
    linear = network.normalizer.linear
    assert linear is not None
    assert (linear.num_terms > linear.num_plain_terms) == (targets == 16)
