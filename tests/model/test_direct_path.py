"""The direct path: horizons by themselves, targets by themselves, units that follow the window, and its state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from sssd_registry.config import load_config
from sssd_registry.data.windows import TOLD
from sssd_registry.errors import SSSDError
from sssd_registry.model.batches import TrainingData, make_batch, training_data
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.storage.weights import read_network
from sssd_registry.training.direct_path_windows import known_numbers

CPU = torch.device("cpu")


def made(*more: str) -> tuple[SSSDNetwork, TrainingData]:
    """Two targets, and a direct path in use whose weights are drawn."""
    random = np.random.default_rng(0)
    times = pd.date_range("2024-01-01", periods=700, freq="h")
    frame = pd.DataFrame({"time": times, "a": random.normal(size=700).cumsum(), "b": random.normal(size=700)})
    settings = [
        'data.timeframes={"1h" = 48}', "data.horizons=[1, 24, 60]", 'data.targets=["a", "b"]', "model.feature_size=8",
        "model.location_scale=direct",
    ]  # fmt: skip
    config = load_config(None, [*settings, *more])
    data = training_data(frame, config.data)
    network = make_network(data.spec, config.model)
    direct = network.normalizer.direct
    assert direct is not None
    torch.manual_seed(0)
    for name in direct.weight_names():
        direct.get_buffer(name).normal_(std=0.1)
    direct.use(0.7, torch.tensor([1.0, 1.2]))
    return network.eval(), data


@pytest.fixture(scope="module")
def drawn() -> tuple[SSSDNetwork, TrainingData]:
    return made()


def test_a_horizon_is_forecast_alike_in_whatever_company(drawn: tuple[SSSDNetwork, TrainingData]) -> None:
    """Those between trained ones have weights of their own, too."""
    network, data = drawn
    batch = make_batch(data, data.split.train.take(slice(0, 3)), (1, 2, 30, 31, 60), CPU)
    whole = network.normalizer.location_scale(batch.values, batch.times, batch.horizons)
    some = network.normalizer.location_scale(batch.values, batch.times, batch.horizons[[1, 3]])
    for all_of_them, few in zip(whole, some, strict=True):
        torch.testing.assert_close(few, all_of_them[:, [1, 3]], rtol=1e-5, atol=1e-6)
    assert (whole[0][:, 2] - whole[0][:, 3]).abs().min() > 1e-3


def test_a_target_is_forecast_by_its_own_window(drawn: tuple[SSSDNetwork, TrainingData]) -> None:
    network, data = drawn
    batch = make_batch(data, data.split.train.take(slice(0, 3)), (1, 24), CPU)
    before = network.normalizer.location_scale(batch.values, batch.times, batch.horizons)
    other = {name: value.clone() for name, value in batch.values.items()}
    other["1h"][..., 1] += torch.randn(48, dtype=torch.float64)
    after = network.normalizer.location_scale(other, batch.times, batch.horizons)
    for one, two in zip(before, after, strict=True):
        torch.testing.assert_close(one[..., 0], two[..., 0], rtol=1e-6, atol=1e-7)
        assert (one[..., 1] - two[..., 1]).abs().max() > 1e-4


def test_forecasts_follow_a_windows_level_and_size(drawn: tuple[SSSDNetwork, TrainingData]) -> None:
    """Before units are fitted, so that none has a floor: ``f(a + b x) = a + b f(x)``."""
    network, data = drawn
    batch = make_batch(data, data.split.train.take(slice(0, 3)), (1, 24), CPU)
    location, scale = network.normalizer.location_scale(batch.values, batch.times, batch.horizons)
    turned = {name: 50 + 7 * value for name, value in batch.values.items()}
    moved, larger = network.normalizer.location_scale(turned, batch.times, batch.horizons)
    torch.testing.assert_close(moved, 50 + 7 * location, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(larger, 7 * scale, rtol=1e-5, atol=1e-5)


def test_the_hour_that_is_forecast_is_known(drawn: tuple[SSSDNetwork, TrainingData]) -> None:
    network, data = drawn
    batch = make_batch(data, data.split.train.take(slice(0, 3)), (1, 24), CPU)
    later = {name: times + 7 * 3600 for name, times in batch.times.items()}
    before = network.normalizer.location_scale(batch.values, batch.times, batch.horizons)[0]
    after = network.normalizer.location_scale(batch.values, later, batch.horizons)[0]
    assert (before - after).abs().min() > 1e-6


def test_its_use_is_part_of_what_is_saved(drawn: tuple[SSSDNetwork, TrainingData]) -> None:
    network, data = drawn
    batch = make_batch(data, data.split.train.take(slice(0, 3)), (1, 24), CPU)
    fresh = make_network(data.spec, network.config).eval()
    assert fresh.normalizer.direct is not None
    assert not fresh.normalizer.direct.in_use
    fresh.load_state_dict(network.state_dict())
    assert fresh.normalizer.direct.in_use
    assert "averaged 30% to 70%" in fresh.normalizer.direct.told
    raw = batch.values, batch.times, batch.horizons
    torch.testing.assert_close(
        fresh.normalizer.location_scale(*raw), network.normalizer.location_scale(*raw), rtol=0, atol=0
    )
    network.normalizer.direct.use(0.0, torch.ones(2))  # type: ignore[union-attr]
    fresh.load_state_dict(network.state_dict())
    assert not fresh.normalizer.direct.in_use
    network.normalizer.direct.use(0.7, torch.tensor([1.0, 1.2]))  # type: ignore[union-attr]


def test_months_have_no_hours() -> None:
    """Bars of the calendar have lengths of their own: no hour is told of what is forecast."""
    times = pd.date_range("1990-01-01", periods=300, freq="MS")
    frame = pd.DataFrame({"time": times, "value": np.random.default_rng(1).normal(size=300)})
    config = load_config(None, ["model.location_scale=direct", "data.horizons=[1, 12]"])
    data = training_data(frame, config.data)
    network = make_network(data.spec, config.model)
    assert network.normalizer.direct is not None
    assert network.normalizer.direct.num_waves == 0
    network.normalizer.direct.use(0.5, torch.ones(1))
    batch = make_batch(data, data.split.train.take(slice(0, 2)), (1, 12), CPU)
    location, _ = network.normalizer.location_scale(batch.values, batch.times, batch.horizons)
    assert torch.isfinite(location).all()


def with_known() -> tuple[SSSDNetwork, TrainingData]:
    """Hours with a day, and two numbers that are known ahead; weights are drawn."""
    random = np.random.default_rng(1)
    times = pd.date_range("2024-01-01", periods=700, freq="h")
    frame = pd.DataFrame({"time": times, "y": random.normal(size=700).cumsum(), "load": random.normal(size=700)})
    frame["work"] = (times.dayofweek < 5).astype(float)
    settings = ['data.timeframes={"1h" = 48}', "data.horizons=[1, 24]", 'data.known=["load", "work"]', "data.targets=y"]
    config = load_config(None, [*settings, "model.feature_size=8"])
    data = training_data(frame, config.data)
    network = make_network(data.spec, config.model)
    direct = network.normalizer.direct
    assert direct is not None
    torch.manual_seed(0)
    for name in direct.weight_names():
        direct.get_buffer(name).normal_(std=0.1)
    direct.set_typical(known_numbers(data))
    direct.use(1.0, torch.ones(1))
    return network.eval(), data


def test_what_is_known_of_a_bar_and_of_its_season_before_takes_part() -> None:
    """Beside its effect, which is a sum; what is known of bars that are not asked for does not."""
    network, data = with_known()
    direct = network.normalizer.direct
    assert direct is not None
    assert direct.lags == (24,), "a week does not fit in the window"
    batch = make_batch(data, data.split.train.take(slice(0, 3)), (1, 24), CPU)
    before, _ = network.normalizer.location_scale(batch.values, batch.times, batch.horizons)
    lookback = data.spec.base.lookback
    for place, changed in ((lookback, [True, False]), (lookback - 24, [True, False]), (lookback + 23, [False, True]),
                           (lookback + 5, [False, False])):  # fmt: skip
        told = batch.values[TOLD].clone()
        told[:, place] += 1.0
        after, _ = network.normalizer.location_scale(batch.values | {TOLD: told}, batch.times, batch.horizons)
        assert ((after - before).abs().amax(dim=(0, 2)) > 1e-4).tolist() == changed, place


def test_a_model_of_before_it_was_told_what_is_known_reads_as_it_was(tmp_path: Path) -> None:
    network, data = with_known()
    direct = network.normalizer.direct
    assert direct is not None
    direct.get_buffer("trunk_known").zero_()
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    older = {name: one for name, one in weights.items() if "known_" not in name and "trunk_known" not in name}
    assert len(older) == len(weights) - 3
    save_file(older, tmp_path / "w.safetensors")
    config = load_config(None, ["model.feature_size=8"]).model
    read = read_network(data.spec, config, tmp_path / "w.safetensors").eval()
    batch = make_batch(data, data.split.train.take(slice(0, 3)), (1, 24), CPU)
    for one, two in zip(*(net.normalizer.location_scale(batch.values, batch.times, batch.horizons)
                          for net in (network, read)), strict=True):  # fmt: skip
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    del older["normalizer.direct.enter"]
    save_file(older, tmp_path / "w.safetensors")
    with pytest.raises(SSSDError, match=r"lacks normalizer\.direct\.enter"):
        read_network(data.spec, config, tmp_path / "w.safetensors")
