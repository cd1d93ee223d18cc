"""Encoder, horizon embedding, codec, normaliser and the network they make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from sssd_registry.config import load_config
from sssd_registry.data.windows import windows_at
from sssd_registry.errors import SSSDError
from sssd_registry.model.batches import TrainingData, make_batch, to_tensors, training_data
from sssd_registry.model.encoder import S4Encoder
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.model.normalizer import growth_points, robust_rms
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.training.fit_normalizer import fit_growth

CPU = torch.device("cpu")


def network_for(
    frame: pd.DataFrame, settings_: list[str], file: Path | None = None
) -> tuple[SSSDNetwork, TrainingData]:
    config = load_config(file, settings_)
    data = training_data(frame, config.data)
    torch.manual_seed(0)
    return make_network(data.spec, config.model).eval(), data


def test_the_encoder_gives_one_context_for_each_window() -> None:
    encoder = S4Encoder({"1h": 20, "4h": 5}, 6, 8, 4, 2, 16, 0.0)
    features = {"1h": torch.randn(3, 20, 6), "4h": torch.randn(3, 5, 6)}
    assert encoder(features).shape == (3, 1, 16)
    # It starts without an opinion; once it has one, every timeframe counts.
    torch.nn.init.normal_(encoder.context.weight)
    whole = encoder(features)
    for name in features:
        assert not torch.allclose(whole, encoder(features | {name: features[name] + 1.0})), name


def test_windows_do_not_mix() -> None:
    encoder = S4Encoder({"1h": 20}, 6, 8, 4, 1, 16, 0.0)
    torch.nn.init.normal_(encoder.context.weight)
    features = torch.randn(4, 20, 6)
    torch.testing.assert_close(encoder({"1h": features})[1:3], encoder({"1h": features[1:3]}), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["level", "log-return"])
def test_restore_is_the_inverse_of_standardize(tiny_frame: pd.DataFrame, tiny_settings: list[str], kind: str) -> None:
    network, data = network_for(tiny_frame, [*tiny_settings, f"data.target_kind={kind}"])
    fit_growth(network, data)
    batch = make_batch(data, data.split.train.take(slice(0, 5)), (1, 4), CPU)
    normalizer = network.normalizer
    standard = normalizer.standardize(batch.future, batch.values, batch.times, batch.horizons)  # (B, K, C)
    units = normalizer.location_scale(batch.values, batch.times, batch.horizons)
    restored = normalizer.restore(standard.unsqueeze(1), *units)[:, 0]
    expected = batch.future
    if kind == "log-return":
        expected = torch.log(batch.future / normalizer.origin(batch.values).unsqueeze(1))
    torch.testing.assert_close(restored, expected, rtol=1e-6, atol=1e-9)


def test_growth_makes_standard_units_unit_variance_at_every_horizon(
    tiny_frame: pd.DataFrame, tiny_settings: list[str]
) -> None:
    settings = [*tiny_settings, "data.horizons=[1, 3, 8]", "model.location_scale=random-walk"]
    network, data = network_for(tiny_frame, settings)
    fit_growth(network, data)
    batch = make_batch(data, data.split.train, (1, 3, 8), CPU)
    standard = network.normalizer.standardize(batch.future, batch.values, batch.times, batch.horizons)
    torch.testing.assert_close(standard.square().mean(dim=(0, 2)), torch.ones(3), atol=0.15, rtol=0)


@pytest.mark.parametrize("longest", [1, 2, 5, 24, 500])
def test_growth_points_ascend_from_one_to_the_longest_horizon(longest: int) -> None:
    points = growth_points(longest)
    assert points[0] == 1
    assert points[-1] == longest
    assert list(points) == sorted(set(points))
    assert len(points) <= 41


@pytest.mark.parametrize("kind", ["level", "log-return"])
def test_features_do_not_change_with_the_unit_of_the_data(
    tiny_frame: pd.DataFrame, tiny_settings: list[str], kind: str
) -> None:
    """Prices in cents are prices: OHLC times 100 gives the same features."""
    scaled = tiny_frame.copy()
    scaled[["open", "high", "low", "close"]] *= 100
    features = []
    for frame in (tiny_frame, scaled):
        network, data = network_for(frame, [*tiny_settings, f"data.target_kind={kind}"])
        values, times = to_tensors(windows_at(data.source, data.split.train.take(slice(0, 3))), data.spec, CPU)
        features.append(network.normalizer.features(values, times))
    for name in features[0]:
        torch.testing.assert_close(features[0][name], features[1][name], atol=1e-4, rtol=1e-4)


def test_a_large_level_costs_no_digits(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> None:
    """Changes of 1e-3 on a level of 1e6 are beyond float32; differences are taken before rounding."""
    lifted = tiny_frame.copy()
    lifted[["open", "high", "low", "close"]] += 1e6
    rows = []
    for frame in (tiny_frame, lifted):
        network, data = network_for(frame, tiny_settings)
        values, times = to_tensors(windows_at(data.source, data.split.train.take(slice(0, 3))), data.spec, CPU)
        rows.append(network.normalizer.features(values, times)["1h"])
    torch.testing.assert_close(rows[0], rows[1], atol=1e-3, rtol=1e-3)


def test_a_flat_window_gives_finite_features(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> None:
    network, data = network_for(tiny_frame, tiny_settings)
    values, times = to_tensors(windows_at(data.source, data.split.train.take(slice(0, 2))), data.spec, CPU)
    flat = {name: torch.ones_like(tensor) for name, tensor in values.items()}
    for tensor in network.normalizer.features(flat, times).values():
        assert torch.isfinite(tensor).all()
    units = network.normalizer.location_scale(flat, times, torch.ones(1))
    assert torch.isfinite(network.normalizer.restore(torch.ones(2, 3, 1, 1), *units)).all()


def test_forward_follows_the_head_contract(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> None:
    network, data = network_for(tiny_frame, tiny_settings)
    batch = make_batch(data, data.split.train.take(slice(0, 3)), (1, 4), CPU)
    z = torch.randn(3, 5, *network.latent_shape)
    out = network(batch.values, batch.times, z, torch.full((3, 5), 7.0))
    assert out.shape == z.shape


def test_the_reference_sizes_can_be_reached(tiny_frame: pd.DataFrame) -> None:
    """The forecaster this one replaces: widths and lookbacks by configuration alone."""
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=4000, freq="5min"),
            "close": np.cumsum(np.random.default_rng(0).normal(size=4000)) + 100,
        }
    )
    network, data = network_for(frame, [], Path(__file__).parents[2] / "benchmarks" / "reference.toml")
    assert data.spec.horizons == (3, 12, 48)
    batch = make_batch(data, data.split.train.take(slice(0, 1)), (3, 12, 48), CPU)
    with torch.no_grad():
        condition = network.condition(network.encode(batch.values, batch.times))
    assert condition.shape == (1, 1, 512)
    assert network.latent_shape == (1, 32)


def test_unknown_heads_are_refused(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> None:
    with pytest.raises(SSSDError, match="did you mean 'mlp'"):
        network_for(tiny_frame, [*tiny_settings, "model.head=mpl"])


@pytest.mark.parametrize(("head", "tokens", "size"), [("mlp", 1, 6), ("dit", 3, 2)])
def test_a_head_sees_a_path_at_once_or_its_components_as_tokens(
    tiny_frame: pd.DataFrame, tiny_settings: list[str], head: str, tokens: int, size: int
) -> None:
    settings = [*tiny_settings, f"model.head={head}", "model.head_options={}", "model.components=3"]
    network, _ = network_for(tiny_frame, [*settings, 'data.targets=["close", "open"]'])
    assert network.latent_shape == (tokens, size)
    condition = network.condition(torch.zeros(5, 1, network.config.context_size))
    assert condition.shape[:2] == (5, tokens)
    assert len(condition[0].unique(dim=0)) == tokens, "no two tokens are told the same"
    standard = torch.randn(5, len(network.correlation.points), 2)
    assert network.latents(standard).shape == (5, tokens, size)
    noise = torch.randn(5, 4, *network.correlation.noise_shape)
    flat = noise[:, :, :3, :2].reshape(5, 4, 6)
    assert torch.equal(network.first_latents(noise).flatten(2), flat), "in the order that they are learnt in"


def test_the_typical_size_is_the_deviation_of_gaussian_values_and_ignores_one_far_value() -> None:
    values = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.5, 3.0])
    torch.testing.assert_close(robust_rms(values).float(), torch.tensor([0.5, 3.0]), rtol=0.02, atol=0)
    values[7] = 1e6
    torch.testing.assert_close(robust_rms(values).float(), torch.tensor([0.5, 3.0]), rtol=0.02, atol=0)


def test_the_typical_size_of_a_series_that_rarely_moves_is_no_point() -> None:
    values = torch.zeros(1000, 1)
    values[::10] = 2.0
    assert float(robust_rms(values)[0]) >= 0.2
    assert float(robust_rms(torch.zeros(10, 1))[0]) > 0
