"""The denoising loss and what it draws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
import torch

from sssd_registry.config import load_config
from sssd_registry.model.batches import make_batch, training_data
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.training.fit_normalizer import fit_normalizer
from sssd_registry.training.loss import denoising_loss, diffuse, draw_timesteps, path_latents


@pytest.mark.parametrize("prediction", ["v_prediction", "epsilon", "sample"])
def test_the_target_is_what_diffusers_calls_it(prediction: str) -> None:
    """diffusers' own add_noise and get_velocity are the oracle."""
    from diffusers import DDPMScheduler

    schedule = NoiseSchedule("cosine", 1000, prediction)  # type: ignore[arg-type]
    scheduler = DDPMScheduler(**schedule.scheduler_config())
    x0, eps = torch.randn(3, 1, 2, 4), torch.randn(3, 5, 2, 4)
    t = torch.randint(0, 1000, (3, 5))
    z, target = diffuse(schedule, x0, eps, t)
    full, times = x0.expand_as(eps).flatten(0, 1), t.flatten()
    expected = {
        "v_prediction": scheduler.get_velocity(full, eps.flatten(0, 1), times),
        "epsilon": eps.flatten(0, 1),
        "sample": full,
    }[prediction]
    torch.testing.assert_close(
        z.flatten(0, 1), scheduler.add_noise(full, eps.flatten(0, 1), times), atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(target.flatten(0, 1), expected, atol=1e-4, rtol=1e-4)


def test_timesteps_are_uniform_and_spread_over_each_windows_draws() -> None:
    t = draw_timesteps(500, 10, 1000, torch.Generator().manual_seed(0))
    assert t.shape == (500, 10)
    assert t.min() >= 0
    assert t.max() <= 999
    assert abs(t.float().mean() - 499.5) < 10
    # One draw in each tenth, for every window.
    assert ((t // 100).sort(dim=1).values.diff(dim=1) <= 2).all()


@pytest.mark.parametrize(("beta_schedule", "prediction"), [("cosine", "v_prediction"), ("flow", "flow_prediction")])
def test_the_network_is_told_the_times_of_its_schedule(
    tiny_frame: pd.DataFrame, tiny_settings: list[str], beta_schedule: str, prediction: str
) -> None:
    """Flow matching counts from 1, diffusion from 0: a time off by one is another share of noise."""
    words = [f"model.beta_schedule={beta_schedule}", f"model.prediction_type={prediction}"]
    config = load_config(None, [*tiny_settings, *words, "model.num_train_timesteps=10"])
    data = training_data(tiny_frame, config.data)
    network = make_network(data.spec, config.model)
    fit_normalizer(network, data)
    batch = make_batch(data, data.split.train.take(slice(0, 40)), (1, 2, 3, 4), torch.device("cpu"))
    told: list[torch.Tensor] = []

    def listen(*arguments: Any) -> torch.Tensor:
        told.append(arguments[-1])
        return torch.zeros_like(arguments[-2])

    denoising_loss(listen, network, batch, 8, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    assert set(told[0].flatten().tolist()) == set(network.schedule.timesteps.tolist())


def test_what_is_learnt_stays_within_twelve_units(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> None:
    config = load_config(None, tiny_settings)
    data = training_data(tiny_frame, config.data)
    network = make_network(data.spec, config.model)
    fit_normalizer(network, data)
    batch = make_batch(data, data.split.train.take(slice(0, 4)), (1, 2, 3, 4), torch.device("cpu"))
    far = replace(batch, future=batch.future * torch.tensor([1e6, 1.0, -1e6, 1.0])[:, None, None])
    learnt = path_latents(network, far)
    assert learnt.abs().max() <= 12.0
    assert learnt[[0, 2]].abs().amax(dim=(1, 2)).min() > 6.0
    torch.testing.assert_close(learnt[[1, 3]], path_latents(network, batch)[[1, 3]])


def test_what_is_learnt_is_white(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> None:
    """Of unit variance and unrelated, over horizons and targets: the Gaussian that diffusion begins with."""
    config = load_config(None, [*tiny_settings, 'data.targets=["close", "open"]', "data.horizons=[1, 6]"])
    data = training_data(tiny_frame, config.data)
    network = make_network(data.spec, config.model)
    fit_normalizer(network, data)
    points = tuple(int(point) for point in network.correlation.points)
    batch = make_batch(data, data.split.train, points, torch.device("cpu"))
    learnt = path_latents(network, batch).flatten(1)
    covariance = torch.cov(learnt.T)
    torch.testing.assert_close(covariance.diagonal(), torch.ones(len(covariance)), rtol=0, atol=0.8)
    apart = covariance - torch.diag(covariance.diagonal())
    assert apart.abs().max() < 0.3
    raw = network.normalizer.standardize(batch.future, batch.values, batch.times, batch.horizons).flatten(1)
    assert torch.corrcoef(raw.T)[0, 1:].abs().max() > 0.6, "what is whitened was not white"
