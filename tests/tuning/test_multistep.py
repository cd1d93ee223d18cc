"""The closed-form multistep solver: the process, the order, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.process_check import check_tableau
from sssd_registry.sampling.sampler import sample
from sssd_registry.testing.gaussian import GaussianData, SmoothSchedule
from sssd_registry.tuning.multistep import multistep_tableau

SCHEDULES = [
    NoiseSchedule(),
    NoiseSchedule("linear", 1000, "epsilon"),
    NoiseSchedule("scaled_linear", 1000, "sample"),
    NoiseSchedule("flow", 1000, "flow_prediction"),
]


def even(schedule: NoiseSchedule, steps: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.linspace(schedule.timesteps[-1], schedule.timesteps[0], steps + 1)[:-1]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize("steps", [1, 2, 3, 8, 20])
def test_it_samples_the_process(schedule: NoiseSchedule, steps: int) -> None:
    tableau = multistep_tableau(schedule, even(schedule, steps), 1e-3)
    check_tableau(tableau, schedule, "multistep")
    assert tableau.num_calls == steps


@pytest.mark.parametrize("prediction", ["v_prediction", "epsilon", "sample"])
def test_it_is_of_third_order(prediction: str) -> None:
    schedule = SmoothSchedule(prediction_type=prediction)  # type: ignore[arg-type]
    data = GaussianData(schedule)
    alpha, sigma = schedule.marginal(schedule.timesteps[0])
    start = torch.linspace(-2, 2, 9, dtype=torch.float64).reshape(1, 9, 1, 1)
    numbers, errors = (10, 16, 20, 32, 40), []
    for steps in numbers:
        times = even(schedule, steps)
        tableau = multistep_tableau(schedule, times, float(sigma / alpha))
        exact = data.flow(start, times[0], schedule.timesteps[0])
        made = sample(data.network, tableau, start[None]) * float(alpha)
        errors.append(float((made - exact).abs().max()))
    assert -np.polyfit(np.log(numbers), np.log(errors), 1)[0] == pytest.approx(3.0, abs=0.25)


def test_its_memory_is_short() -> None:
    assert multistep_tableau(NoiseSchedule(), even(NoiseSchedule(), 30), 1e-3).memory <= 5


def test_time_steps_that_rise_or_stand_still_are_refused() -> None:
    for times in ([999.0, 500.0, 600.0], [999.0, 999.0], [999.0, 0.0]):
        with pytest.raises(ValueError, match="have to fall"):
            multistep_tableau(NoiseSchedule(), np.array(times), 1.0)
