"""The denoising loss and what it draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sssd_registry.schedule import NoiseSchedule
from sssd_registry.training.loss import diffuse, draw_horizons, draw_timesteps


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


def test_horizons_hold_the_trained_ones_and_others_between() -> None:
    seen: set[int] = set()
    for seed in range(200):
        drawn = draw_horizons((1, 4, 24), np.random.default_rng(seed))
        assert {1, 4, 24} <= set(drawn)
        assert list(drawn) == sorted(drawn)
        assert drawn[-1] == 24
        seen |= set(drawn)
    assert len(seen) > 15
