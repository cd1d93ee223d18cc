"""Fit of the direct path: it learns what no linear forecast can, and else leaves the linear forecast as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from torch import Tensor

from sssd_registry.config import load_config
from sssd_registry.model.batches import TrainingData, make_batch, training_data
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.training import fit_direct_path as module
from sssd_registry.training.choose_share import weighted_quantile
from sssd_registry.training.direct_path_windows import gaussian_crps
from sssd_registry.training.fit_normalizer import fit_normalizer
from sssd_registry.training.train import train

CPU = torch.device("cpu")
SETTINGS = ["data.horizons=[1, 2]", 'data.timeframes={"1h" = 12}', "model.feature_size=8"]


def fitted(frame: pd.DataFrame, start: str = "direct", *more: str) -> tuple[SSSDNetwork, TrainingData]:
    config = load_config(None, [*SETTINGS, f"model.location_scale={start}", *more])
    data = training_data(frame, config.data)
    network = make_network(data.spec, config.model)
    fit_normalizer(network, data)
    return network, data


def units(network: SSSDNetwork, data: TrainingData) -> tuple[Tensor, Tensor, Tensor]:
    """Location, scale and future of the test windows, ``(n, K, C)``."""
    batch = make_batch(data, data.split.test, data.spec.horizons, CPU)
    return *network.normalizer.location_scale(batch.values, batch.times, batch.horizons), batch.future


def crps(network: SSSDNetwork, data: TrainingData) -> float:
    location, scale, future = units(network, data)
    return float(gaussian_crps(location, scale.log(), future).mean())


def hourly(values: npt.NDArray[np.float64], name: str = "a") -> pd.DataFrame:
    times = pd.date_range("2024-01-01", periods=len(values), freq="h")
    return pd.DataFrame({"time": times, "id": name, "value": values})


def logistic_map(rows: int, seed: int = 0) -> npt.NDArray[np.float64]:
    """Chaos: what comes next is a parabola of the last value, of which no linear function knows anything."""
    values = np.empty(rows)
    values[0] = 0.3 + 0.01 * seed
    for row in range(1, rows):
        values[row] = 3.9 * values[row - 1] * (1 - values[row - 1])
    return values


@pytest.fixture(scope="module")
def chaotic() -> tuple[SSSDNetwork, TrainingData]:
    return fitted(hourly(logistic_map(3000)))


def test_a_location_that_is_not_linear_is_learnt(chaotic: tuple[SSSDNetwork, TrainingData]) -> None:
    network, data = chaotic
    direct = network.normalizer.direct
    assert direct is not None
    assert direct.in_use
    assert direct.share > 0.5
    assert crps(network, data) < 0.6 * crps(*fitted(hourly(logistic_map(3000)), "linear"))


def test_ninety_percent_intervals_cover_ninety_percent(chaotic: tuple[SSSDNetwork, TrainingData]) -> None:
    location, scale, future = units(*chaotic)
    inside = ((future - location).abs() < 1.645 * scale).double().mean()
    assert 0.86 <= float(inside) <= 0.94


def test_a_random_walk_keeps_its_linear_forecast_bit_for_bit() -> None:
    walk = hourly(100 + np.random.default_rng(0).normal(size=1500).cumsum())
    network, data = fitted(walk)
    direct = network.normalizer.direct
    assert direct is not None
    assert not direct.in_use
    assert "left out" in direct.told
    torch.testing.assert_close(units(network, data), units(*fitted(walk, "linear")), rtol=0, atol=0)


def test_a_model_is_saved_and_forecasts_with_it(tmp_path: Path) -> None:
    frame = hourly(logistic_map(1500))
    more = ["training.max_steps=1", "training.validation_windows=8", "training.batch_size=4"]
    pipeline = train(frame, load_config(None, [*SETTINGS, *more]), tmp_path / "model")
    again = SSSDPipeline.from_pretrained(tmp_path / "model")
    for one in (pipeline, again):
        assert one.network.normalizer.direct is not None
        assert one.network.normalizer.direct.in_use
    first, second = (one(frame, num_samples=8, generator=0).samples for one in (pipeline, again))
    np.testing.assert_array_equal(first, second)


def test_no_value_of_the_test_part_changes_it() -> None:
    values = logistic_map(900)
    other = values.copy()
    other[round(0.86 * len(other)) :] = 7.0
    states = [fitted(hourly(one))[0].normalizer.state_dict() for one in (values, other)]
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)


def test_series_of_a_panel_are_alike_whatever_their_size() -> None:
    """One law for a series of millions and one of thousandths: units are each window's own."""
    parts = [hourly(size * logistic_map(1500, seed), f"s{seed}") for seed, size in enumerate((1e6, 1e-3))]
    network, data = fitted(pd.concat(parts), "direct", "data.id=id")
    assert network.normalizer.direct is not None
    assert network.normalizer.direct.share > 0.5
    location, _, future = units(network, data)
    for series in (0, 1):
        rows = torch.from_numpy(data.split.test.series == series)
        spread = future[rows].std()
        assert (future - location)[rows].square().mean().sqrt() < 0.6 * spread


def test_windows_that_stand_still_have_finite_units() -> None:
    values = np.round(logistic_map(900), 2)
    values[200:300] = 0.5
    values[-60:] = 0.5
    network, data = fitted(hourly(values))
    assert network.normalizer.direct is not None
    network.normalizer.direct.use(0.5, torch.ones(1))
    location, scale, _ = units(network, data)
    assert torch.isfinite(location).all()
    assert torch.isfinite(scale).all()
    assert (scale > 0).all()


def test_it_tells_how_it_goes_and_touches_no_random_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PASSES", 1)
    config = load_config(None, [*SETTINGS, "model.location_scale=direct"])
    data = training_data(hourly(logistic_map(900)), config.data)
    network = make_network(data.spec, config.model)
    told: list[tuple[int, int, str]] = []
    state = torch.get_rng_state()
    fit_normalizer(network, data, lambda *now: told.append(now))
    assert torch.equal(torch.get_rng_state(), state)
    assert [step for step, _, _ in told] == list(range(1, len(told) + 1))
    assert all("validation CRPS" in now for _, _, now in told)


def test_a_weighted_quantile_leaves_so_much_weight_below() -> None:
    values = torch.tensor([[3.0], [1.0], [2.0], [4.0]], dtype=torch.float64)
    weights = torch.tensor([[1.0], [6.0], [1.0], [2.0]], dtype=torch.float64)
    assert weighted_quantile(values, weights, 0.5).item() == 1.0
    assert weighted_quantile(values, weights, 0.75).item() == 3.0
    assert weighted_quantile(values, weights, 0.9).item() == 4.0
