"""The forward process: its invariants, and that diffusers' schedulers take exactly its betas."""

from __future__ import annotations

import numpy as np
import pytest
from diffusers import DDPMScheduler

from sssd_registry.sampling.noise_schedule import NoiseSchedule

SCHEDULES = [
    NoiseSchedule(kind, steps)  # type: ignore[arg-type]
    for kind in ("cosine", "linear", "scaled_linear")
    for steps in (100, 1000)
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_it_is_variance_preserving_and_ends_in_noise(schedule: NoiseSchedule) -> None:
    np.testing.assert_allclose(schedule.alphas**2 + schedule.sigmas**2, 1.0, rtol=1e-12)
    assert (np.diff(schedule.alphas) < 0).all()
    assert ((schedule.betas > 0) & (schedule.betas < 1)).all()


@pytest.mark.parametrize("name", ["cosine", "linear", "scaled_linear"])
def test_betas_are_those_of_diffusers(name: str) -> None:
    theirs = {"cosine": "squaredcos_cap_v2"}.get(name, name)
    bounds = {"scaled_linear": {"beta_start": 0.00085, "beta_end": 0.012}}.get(name, {})
    expected = DDPMScheduler(beta_schedule=theirs, **bounds).betas.double().numpy()
    np.testing.assert_allclose(NoiseSchedule(name).betas, expected, rtol=1e-5)  # type: ignore[arg-type]


def test_a_scheduler_built_from_it_has_its_betas_and_prediction_type() -> None:
    schedule = NoiseSchedule("cosine", 200, "epsilon")
    scheduler = DDPMScheduler(**schedule.scheduler_config())
    np.testing.assert_allclose(scheduler.betas.double().numpy(), schedule.betas, rtol=1e-6)
    assert scheduler.config.prediction_type == "epsilon"
    assert scheduler.config.num_train_timesteps == 200
