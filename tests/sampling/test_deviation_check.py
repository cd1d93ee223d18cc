"""How wide a solver's samples are: exact for normal data, and told where it is off."""

from __future__ import annotations

import pytest

from sssd_registry.errors import SolverWarning, SSSDError
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.sampling.deviation_check import deviations
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.read_tableau import read_tableau
from sssd_registry.testing.gaussian import GaussianData

LINEAR = NoiseSchedule("linear", 1000, "v_prediction")
SCHEDULES = [NoiseSchedule(), LINEAR, NoiseSchedule("linear", 1000, "epsilon"), NoiseSchedule("cosine", 500, "sample")]


@pytest.mark.parametrize("name", ["ddpm", "unipc", "heun", "heun-churn"])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_it_is_what_sampling_gives(name: str, schedule: NoiseSchedule) -> None:
    tableau = read_tableau(make_scheduler(name, schedule), 12)
    expected = [GaussianData(schedule, mean=0.0, std=std).moments(tableau)[1] for std in (1e-9, 0.4, 1.0)]
    assert deviations(tableau, schedule, (0.0, 0.4, 1.0)) == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_a_solver_that_is_far_too_wide_is_refused() -> None:
    with pytest.raises(
        SSSDError, match=r"in 10 steps with timestep_spacing=trailing samples normal data \d+ times as wide"
    ):
        solver_tableau(make_scheduler("heun:timestep_spacing=trailing", NoiseSchedule()), NoiseSchedule(), 10)


@pytest.mark.parametrize(
    ("text", "steps", "reason"),
    [
        ("kdpm2-ancestral", 4, r"in 4 steps with timestep_spacing=leading samples normal data 2\.8 times"),
        ("dpmsolver++:use_beta_sigmas=true", 20, r"in 20 steps with .*use_beta_sigmas=True.* 0\.49 times"),
        ("euler:use_beta_sigmas=true", 20, r"in 20 steps with .*use_beta_sigmas=True.* 0\.5 times"),
        ("heun:use_beta_sigmas=true", 20, r"in 20 steps with .*use_beta_sigmas=True.* 2 times"),
        ("ddpm:variance_type=fixed_large", 20, r"variance_type=fixed_large.* leaves noise of deviation 0\.17"),
    ],
)
def test_one_that_is_off_is_warned_of_with_options_and_steps(text: str, steps: int, reason: str) -> None:
    with pytest.warns(SolverWarning, match=reason):
        solver_tableau(make_scheduler(text, LINEAR), LINEAR, steps)


def test_no_word_of_what_few_steps_are_like() -> None:
    """One step gives the mean; at 20 nothing of ours is off with its default options. A warning would be an error."""
    for name in ("ddim", "dpmsolver++", "unipc", "ddpm", "heun-churn"):
        solver_tableau(make_scheduler(name, NoiseSchedule()), NoiseSchedule(), 20)
    solver_tableau(make_scheduler("ddim", NoiseSchedule()), NoiseSchedule(), 1)
