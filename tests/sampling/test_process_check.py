"""A solver of another process than the model's is found out by what it computes."""

from __future__ import annotations

from dataclasses import replace

import diffusers
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.process_check import check_tableau, point_means
from sssd_registry.sampling.read_tableau import read_tableau

SCHEDULE = NoiseSchedule()


@given(st.sampled_from(["ddim", "ddpm", "unipc", "euler", "lms"]), st.sampled_from([5, 10, 20]))
def test_the_mean_of_a_point_is_kept_exactly(name: str, steps: int) -> None:
    tableau = read_tableau(make_scheduler(name, SCHEDULE), steps)
    alpha, _ = SCHEDULE.marginal(tableau.timesteps)
    np.testing.assert_allclose(point_means(tableau, SCHEDULE), np.append(alpha, 1.0), atol=1e-5)


@pytest.mark.parametrize(
    "schedule",
    [
        NoiseSchedule("linear"),
        NoiseSchedule("scaled_linear"),
        NoiseSchedule("cosine", 1000, "epsilon"),
        NoiseSchedule("cosine", 1000, "sample"),
        NoiseSchedule("cosine", 500),
        NoiseSchedule("flow", 1000, "flow_prediction"),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["ddim", "ddpm", "dpmsolver++", "euler", "sa-solver"])
def test_another_process_is_refused_by_the_numbers_alone(name: str, schedule: NoiseSchedule) -> None:
    tableau = read_tableau(make_scheduler(name, SCHEDULE), 10)
    with pytest.raises(SSSDError, match="does not sample the process the model was trained for"):
        check_tableau(tableau, schedule, name)


def test_time_steps_that_mean_something_else_are_refused() -> None:
    tableau = read_tableau(make_scheduler("ddim", SCHEDULE), 10)
    with pytest.raises(SSSDError, match="does not sample"):
        check_tableau(replace(tableau, timesteps=tableau.timesteps / 1000), SCHEDULE, "seconds")


def test_diffusers_own_ddim_leaves_the_process_with_linspace_spacing() -> None:
    """Its steps lead to t − T // N, which is not where the next one starts; hence our plugin does not offer it."""
    scheduler = diffusers.DDIMScheduler(**SCHEDULE.scheduler_config(), clip_sample=False, timestep_spacing="linspace")
    with pytest.raises(SSSDError, match="does not sample"):
        solver_tableau(scheduler, SCHEDULE, 10)


@pytest.mark.parametrize("name", ["heun", "kdpm2-ancestral", "ddim:timestep_spacing=leading"])
def test_a_start_at_the_data_is_refused(name: str) -> None:
    """Leading spacing starts at t = T − T / N, in one step at the data themselves: what comes out is the noise."""
    with pytest.raises(SSSDError, match=r"starts at t = [01], where .* take more steps, or timestep_spacing=trailing"):
        solver_tableau(make_scheduler(name, SCHEDULE), SCHEDULE, 1)
    solver_tableau(make_scheduler(name, SCHEDULE), SCHEDULE, 8)


def test_what_a_scheduler_tells_is_the_better_message() -> None:
    with pytest.raises(SSSDError, match=r"has 1000 betas from 0\.0001 to 0\.02, but the model was trained with cosine"):
        solver_tableau(diffusers.DDIMScheduler(clip_sample=False, prediction_type="v_prediction"), SCHEDULE, 10)


@pytest.mark.parametrize("schedule", [SCHEDULE, NoiseSchedule("flow", 1000, "flow_prediction")], ids=str)
def test_marginals_go_through_those_of_training(schedule: NoiseSchedule) -> None:
    alpha, sigma = schedule.marginal(schedule.timesteps)
    np.testing.assert_allclose(alpha, schedule.alphas, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(sigma, schedule.sigmas, rtol=1e-9)
    between, _ = schedule.marginal(schedule.timesteps[:-1] + 0.5)
    assert (between < alpha[:-1]).all()
    assert (between > alpha[1:]).all()


def test_flow_matching_goes_with_its_own_prediction_only() -> None:
    for schedule, prediction in (("flow", "v_prediction"), ("cosine", "flow_prediction")):
        with pytest.raises(SSSDError, match="goes with prediction type flow_prediction"):
            NoiseSchedule(schedule, 1000, prediction)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no betas"):
        _ = NoiseSchedule("flow", 1000, "flow_prediction").betas


def test_a_result_that_is_not_what_the_steps_lead_to_is_refused() -> None:
    """Every input of the network right, and the result doubled: only the last row of the table shows it."""
    tableau = read_tableau(make_scheduler("ddim", SCHEDULE), 10)
    coefficients = tableau.coefficients.copy()
    coefficients[-1] *= 2
    check_tableau(tableau, SCHEDULE, "ddim")
    with pytest.raises(SSSDError, match="does not sample"):
        check_tableau(replace(tableau, coefficients=coefficients), SCHEDULE, "doubled")
