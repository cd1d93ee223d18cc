"""Variants of training that the accuracy benchmark alone has: losses, latents and start normalizers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from sssd_registry.config import Config
from sssd_registry.data.windows import windows_at
from sssd_registry.evaluation.multivariate import energy_score
from sssd_registry.model.batches import TrainingData, evenly_spaced, make_batch, training_data
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.training.fit_normalizer import fit_normalizer

CPU = torch.device("cpu")
SETTINGS = {
    "data": {"targets": "all", "horizons": [1, 6, 24], "timeframes": {"1h": 48}},
    "model": {
        "feature_size": 8, "state_size": 4, "num_layers": 1, "context_size": 8, "token_size": 8,
        "head_options": {"hidden_sizes": [16], "time_size": 8}, "location_scale": "random-walk",
    },
    "training": {
        "max_steps": 4, "validate_every": 2, "validation_windows": 8, "batch_size": 8, "noise_draws": 2,
        "warmup_steps": 1, "scheduler": "dpmsolver++", "validation_steps": 4,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def waves() -> pd.DataFrame:
    """Two levels with a daily wave each, one far from zero, and noise that they share."""
    random, hours = np.random.default_rng(3), np.arange(1500)
    shared = random.normal(size=1500)
    wave = np.sin(2 * np.pi * hours / 24)
    time = pd.date_range("2024-01-01", periods=1500, freq="h")
    return pd.DataFrame({"time": time, "a": 3 * wave + shared, "b": 100 + wave + shared + random.normal(size=1500)})


@pytest.fixture(scope="module")
def data(waves: pd.DataFrame) -> TrainingData:
    return training_data(waves, _config().data)


def _config(**model: Any) -> Config:
    return Config.model_validate({**SETTINGS, "model": {**SETTINGS["model"], **model}})


def _network(data: TrainingData, **model: Any) -> SSSDNetwork:
    torch.manual_seed(0)
    network = make_network(data.spec, _config(**model).model)
    fit_normalizer(network, data)
    return network


def test_min_snr_weights_fall_where_little_noise_is_left(accuracy: Any) -> None:
    schedule = NoiseSchedule()
    weights = accuracy.losses.min_snr_weights(schedule).double().numpy()
    ratio = (schedule.alphas / schedule.sigmas) ** 2
    # As a weight of the data's squared error, which v's is times SNR + 1, it is the SNR up to five.
    np.testing.assert_allclose(weights * (ratio + 1), np.minimum(ratio, 5.0), rtol=1e-5)


def test_the_logit_of_time_is_standard_normal(accuracy: Any) -> None:
    draw = accuracy.losses.logit_normal_timesteps
    t = draw(4000, 4, 1000, torch.Generator().manual_seed(0)).double()
    assert t.min() >= 0
    assert t.max() < 1000
    logit = torch.logit((t + 0.5) / 1000)
    assert abs(float(logit.mean())) < 0.02
    assert abs(float(logit.std()) - 1) < 0.02
    assert float((t.sort(dim=1).values[:, 2:] > 500).double().mean()) > 0.99, "the draws of a window are spread"


def test_the_loss_of_samples_is_the_score(accuracy: Any) -> None:
    random = np.random.default_rng(0)
    samples, observed = random.normal(size=(5, 8, 3, 2)), random.normal(size=(5, 3, 2))
    flat = torch.from_numpy(samples).flatten(2), torch.from_numpy(observed).flatten(1)
    assert float(accuracy.losses.fair_energy_score(*flat)) == pytest.approx(energy_score(samples, observed).mean())


@pytest.mark.parametrize("start", ["from_window", "from_yesterday"])
def test_a_start_is_in_units_of_its_own_and_can_be_undone(accuracy: Any, data: TrainingData, start: str) -> None:
    network = _network(data)
    getattr(accuracy.start_normalizers, start)(network, data)
    batch = make_batch(data, evenly_spaced(data.split.train, 400), data.spec.horizons, CPU)
    normalizer = network.normalizer
    standard = normalizer.standardize(batch.future, batch.values, batch.times, batch.horizons)  # (B, K, C)
    assert float((standard.square().mean(dim=0).sqrt() - 1).abs().max()) < 0.1
    location, scale = normalizer.location_scale(batch.values, batch.times, batch.horizons)
    restored = normalizer.restore(standard.unsqueeze(1), location, scale)[:, 0]
    np.testing.assert_allclose(restored.numpy(), batch.future.numpy(), atol=1e-4)
    # Levels told in other units are the same window to it.
    other = {name: 5 * values + 7 for name, values in batch.values.items()}
    moved, larger = normalizer.location_scale(other, batch.times, batch.horizons)
    np.testing.assert_allclose(moved.numpy(), 5 * location.numpy() + 7, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(larger.numpy(), 5 * scale.numpy(), rtol=1e-4)


def test_yesterday_is_the_same_hour_of_the_day_before(accuracy: Any, data: TrainingData, waves: pd.DataFrame) -> None:
    network = _network(data)
    accuracy.start_normalizers.from_yesterday(network, data)
    origins = evenly_spaced(data.split.validation, 5)
    batch = make_batch(data, origins, data.spec.horizons, CPU)
    location, _ = network.normalizer.location_scale(batch.values, batch.times, batch.horizons)
    levels = waves[["a", "b"]].to_numpy()
    for row, origin in enumerate(origins.row):
        for column, horizon in enumerate(data.spec.horizons):
            np.testing.assert_allclose(location[row, column], levels[origin + horizon - 24])


def test_starts_refuse_what_they_are_not_for(accuracy: Any, tiny_frame: pd.DataFrame) -> None:
    config = Config.model_validate({"data": {"horizons": [1], "timeframes": {"1h": 24}, "targets": ["close"]}})
    bars = training_data(tiny_frame, config.data)
    with pytest.raises(ValueError, match="levels"):
        accuracy.start_normalizers.from_window(make_network(bars.spec, config.model), bars)


def test_every_way_of_the_benchmark_alone_trains_and_forecasts(
    accuracy: Any, data: TrainingData, waves: pd.DataFrame, tmp_path: Path
) -> None:
    variants = accuracy.variants
    task = accuracy.tasks.Task("waves", waves, _config().data, np.array([1400]), 1000, 24, 1, ("z", 1.0), False)
    alone = {name: variant for name, variant in variants.VARIANTS.items() if variant.only_here}
    assert len(alone) == 6
    for name, variant in alone.items():
        changed = Config.model_validate(
            {section: {**SETTINGS[section], **variant.settings.get(section, {})} for section in SETTINGS}
        )
        history: list[float] = []
        pipeline, validation = variants.train_by(
            variant, task, changed, tmp_path / "model", lambda _, loss, history=history: history.append(loss)
        )
        assert len(history) == 4, name
        assert np.isfinite([*history, validation]).all(), name
        windows = windows_at(data.source, evenly_spaced(data.split.validation, 2))
        made = pipeline(windows, num_inference_steps=variant.steps, num_samples=5, generator=0)
        assert made.samples.shape == (2, 5, 3, 2), name
        assert np.isfinite(made.samples).all(), name


def test_scores_of_another_start_are_told_in_units_of_the_plain_one(
    accuracy: Any, waves: pd.DataFrame, tmp_path: Path
) -> None:
    def tenfold(network: SSSDNetwork, _data: TrainingData) -> None:
        network.normalizer.growth.mul_(10)  # in place: the network's normaliser before it is the same object

    def replaced(network: SSSDNetwork, _data: TrainingData) -> None:
        normalizer = accuracy.start_normalizers.WindowNormalizer(network.spec)
        normalizer.growth.copy_(10 * network.normalizer.growth)
        network.normalizer = normalizer

    task = accuracy.tasks.Task("waves", waves, _config().data, np.array([1400]), 1000, 24, 1, ("z", 1.0), False)
    told = []
    for alter in (tenfold, replaced):  # the same forecasts, and only the second knows what units were before
        variant = accuracy.variants.Variant(alter=alter)
        told.append(accuracy.variants.train_by(variant, task, _config(), tmp_path / "model", lambda *_: None)[1])
    assert told[1] == pytest.approx(10 * told[0], rel=1e-5)
