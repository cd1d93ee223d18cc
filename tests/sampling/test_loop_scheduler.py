"""Loop samplers become tableaus, exactly; what cannot is refused in a line with the function and the cause."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sssd_registry import SSSDPipeline, from_loop
from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.sampling.loop_scheduler import LoopScheduler, read_loop
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.read_tableau import read_tableau
from sssd_registry.testing.gaussian import GaussianData
from sssd_registry.testing.tiny_model import tiny_frame
from sssd_schedulers.heun_churn import sample_heun_churn

COSINE, FLOW = NoiseSchedule(), NoiseSchedule("flow", 1000, "flow_prediction")
SCHEDULES = [COSINE, NoiseSchedule("linear", 1000, "epsilon"), NoiseSchedule("linear", 500, "sample"), FLOW]


def euler(model: Any, x: Tensor, sigmas: Tensor, extra_args: Any = None, disable: Any = None) -> Tensor:
    for sigma, after in pairwise(sigmas):
        x = x + (x - model(x, sigma * x.new_ones(len(x)), **(extra_args or {}))) / sigma * (after - sigma)
    return x


def churned(model: Any, x: Tensor, sigmas: Tensor) -> Tensor:
    """Noise before every call, the first one too, by torch; and one draw that nobody uses."""
    for sigma, after in pairwise(sigmas.tolist()):
        x = x + math.sqrt(1.1**2 - 1) * sigma * torch.randn_like(x)
        torch.randn(x.shape)
        x = x + (x - model(x, 1.1 * sigma)) / (1.1 * sigma) * (after - 1.1 * sigma)
    return x


def ranged(model: Any, x: Tensor, sigma_min: float, sigma_max: float, n: int) -> Tensor:
    """Chooses its own sigmas, as k-diffusion's sample_dpm_fast does."""
    return euler(model, x, torch.from_numpy(np.append(np.geomspace(sigma_max, sigma_min, n), 0.0)))


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda one: f"{one.beta_schedule}-{one.prediction_type}")
def test_euler_as_a_loop_is_euler(schedule: NoiseSchedule) -> None:
    """In ``z = alpha x`` Euler's method is DDIM without noise, written down here."""
    tableau = read_loop(from_loop(euler), schedule, 8).tableau
    alpha, sigma = schedule.marginal(tableau.timesteps)
    # x_0 = sigma_0 / alpha_0 n, and z = alpha x.
    assert tableau.coefficients[0, 0] == pytest.approx(sigma[0], rel=1e-9)
    made = GaussianData(schedule).moments(tableau)
    alphas, sigmas = [*alpha, 1.0], [*sigma, 0.0]
    data = GaussianData(schedule)
    z = torch.tensor([0.0, sigma[0]], dtype=torch.float64).reshape(1, 2, 1, 1)
    for call, t in enumerate(tableau.timesteps):
        a, s = alphas[call], sigmas[call]
        x0 = data.mean + a * data.std**2 * (z - a * data.mean) / (a**2 * data.std**2 + s**2)
        z = alphas[call + 1] * x0 + sigmas[call + 1] * (z - a * x0) / s
        assert 0 <= t <= schedule.num_train_timesteps
    rest, moved = z.flatten().tolist()
    assert made == pytest.approx((rest, moved - rest), rel=1e-6)


@pytest.mark.parametrize("function", [euler, churned, ranged, sample_heun_churn])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda one: f"{one.beta_schedule}-{one.prediction_type}")
def test_they_come_to_the_data(function: Callable[..., Any], schedule: NoiseSchedule) -> None:
    data = GaussianData(schedule)
    tableau = solver_tableau(LoopScheduler(from_loop(function), schedule), schedule, 100)
    assert data.energy_distance(*data.moments(tableau)) < 1e-3


def test_draws_that_change_nothing_are_left_out() -> None:
    """Of 2 × 10 draws, one joins the initial noise and nine are used."""
    reading = read_loop(from_loop(churned), COSINE, 10)
    assert reading.tableau.drawn_in == tuple(range(9))
    assert reading.noises.shape == (21, 10)
    assert np.abs(reading.noises).max(axis=1)[2::2].max() == 0.0
    np.testing.assert_allclose(np.square(reading.noises).sum(axis=0), 1.0)  # standard normal still


def test_no_churn_is_heun_and_draws_nothing() -> None:
    tableau = read_loop(from_loop(sample_heun_churn), COSINE, 10).tableau
    assert (tableau.num_calls, tableau.drawn_in) == (19, ())
    assert len(read_loop(from_loop(sample_heun_churn, s_churn=20.0), COSINE, 10).tableau.drawn_in) == 9


@pytest.mark.parametrize("sigmas", ["karras", "exponential", "trailing"])
def test_sigmas_can_be_chosen(sigmas: str) -> None:
    made = read_loop(from_loop(euler, sigmas=sigmas), COSINE, 10).tableau.timesteps
    assert (np.diff(made) < 0).all()
    assert (np.allclose(np.diff(made), -100.0)) is (sigmas == "trailing")
    with pytest.raises(SSSDError, match="sigmas='karas': did you mean 'karras'"):
        read_loop(from_loop(euler, sigmas="karas"), COSINE, 10)
    with pytest.raises(SSSDError, match="1001 steps are more than the 1000 of training"):
        read_loop(from_loop(euler, sigmas="trailing"), COSINE, 1001)


def adaptive(model: Any, x: Tensor, sigma_min: float, sigma_max: float) -> Tensor:
    sigma = sigma_max
    while sigma > sigma_min:
        slope = (x - model(x, sigma)) / sigma
        length = sigma * min(0.5, 0.1 + float(1 / (1 + slope.norm())))
        x, sigma = x - length * slope, sigma - length
    return x


def endless(model: Any, x: Tensor, sigmas: Tensor) -> Tensor:
    while True:
        x = model(x, sigmas[0])


def clipped(model: Any, x: Tensor, sigmas: Tensor) -> Tensor:
    return torch.as_tensor(model(x, sigmas[0])).clamp(-1, 1)


def own_noise(model: Any, x: Tensor, sigmas: Tensor) -> Tensor:
    return torch.as_tensor(model(x, sigmas[0])) + torch.empty_like(x).normal_()


def late_noise(model: Any, x: Tensor, sigmas: Tensor) -> Tensor:
    first = torch.randn_like(x)
    return torch.as_tensor(model(x + first, sigmas[0])) + first


def fails(model: Any, x: Tensor, sigmas: Tensor) -> Tensor:
    return torch.as_tensor(model.cfg_scale)


def returns_a_pair(model: Any, x: Tensor, sigmas: Tensor) -> Any:
    return euler(model, x, sigmas), {"steps": 3}


def calls_nothing(model: Any, x: Tensor, sigmas: Tensor) -> Tensor:
    return x


def uneven(model: Any, x: Tensor, sigmas: Tensor) -> Tensor:
    return torch.as_tensor(model(x, sigmas[: len(sigmas)]))


REFUSED = [
    (adaptive, "adaptive: its number of calls depends on the data"),
    (endless, "its number of calls depends on the data, or has no end"),
    (clipped, "clipped in 6 steps cannot be read off: it is not linear in the model's outputs and the noise"),
    (own_noise, "own_noise in 6 steps cannot be read off: it draws noise other than by torch.randn"),
    (late_noise, "late_noise draws noise before its first call that comes back later by itself"),
    (fails, "fails cannot run 6 steps: AttributeError: .*cfg_scale"),
    (returns_a_pair, "returns_a_pair has to return a tensor of the shape of x, got tuple"),
    (calls_nothing, "calls_nothing in 6 steps does not call the model"),
    (uneven, "uneven cannot be read off in 6 steps: it gives the samples of a batch different sigmas"),
]


@pytest.mark.parametrize(("function", "reason"), REFUSED, ids=[function.__name__ for function, _ in REFUSED])
def test_what_is_refused_is_named_with_the_cause(function: Callable[..., Any], reason: str) -> None:
    with pytest.raises(SSSDError, match=reason) as raised:
        read_tableau(LoopScheduler(from_loop(function), COSINE), 6)
    assert "\n" not in str(raised.value)


def test_a_wrong_process_is_told_by_the_function() -> None:
    def half(model: Any, x: Tensor, sigmas: Tensor) -> Tensor:
        return 0.5 * euler(model, x, sigmas)

    with pytest.raises(
        SSSDError, match=r"half in 6 steps does not sample the process .* its result has 0\.5 of the data"
    ):
        solver_tableau(LoopScheduler(from_loop(half), COSINE), COSINE, 6)


def test_arguments_are_checked_at_once() -> None:
    def needs(model: Any, x: Tensor, sigmas: Tensor, solver: Any) -> Tensor:
        return x

    with pytest.raises(SSSDError, match="needs the argument 'solver', which nothing gives"):
        from_loop(needs)
    with pytest.raises(SSSDError, match="has no argument 's_chrun' to set: did you mean 's_churn'"):
        from_loop(sample_heun_churn, s_chrun=1.0)
    with pytest.raises(SSSDError, match="takes neither sigmas nor sigma_min and sigma_max"):
        from_loop(lambda model, x, steps=3: x)
    with pytest.raises(SSSDError, match="is no function"):
        from_loop(3)  # type: ignore[arg-type]


def test_a_pipeline_takes_a_function(working_model: Path, tmp_path: Path) -> None:
    """One that pickle cannot name, too; and one that is written anew under the same name is another."""

    def step(model: Any, x: Tensor, sigmas: Tensor) -> Tensor:
        return sample_heun_churn(model, x, sigmas)

    pipe = SSSDPipeline.from_pretrained(working_model, scheduler=from_loop(euler))
    assert isinstance(pipe.scheduler, LoopScheduler)
    asked: dict[str, Any] = {"num_inference_steps": 10, "num_samples": 4, "generator": 0}
    first = pipe(tiny_frame(), **asked).samples
    pipe.scheduler = from_loop(step)
    assert not np.allclose(pipe(tiny_frame(), **asked).samples, first)
    pipe.scheduler = from_loop(euler)
    np.testing.assert_array_equal(pipe(tiny_frame(), **asked).samples, first)
    np.testing.assert_array_equal(copy.deepcopy(pipe)(tiny_frame(), **asked).samples, first)
    with pytest.raises(SSSDError, match="cannot be saved"):
        pipe.save_pretrained(tmp_path / "model")


def test_a_named_sampler_is_saved_by_its_name_and_no_other_in_its_place(working_model: Path, tmp_path: Path) -> None:
    from sssd_registry.storage.sampling_defaults import SamplingDefaults

    pipe = SSSDPipeline.from_pretrained(working_model)
    named = make_scheduler("heun-churn:s_churn=5", pipe.network.schedule)
    made = SSSDPipeline(
        pipe.network, named, pipe.record, pipe.examples, SamplingDefaults("heun-churn:s_churn=5", steps=10)
    )
    made.save_pretrained(tmp_path / "model")
    again = SSSDPipeline.from_pretrained(tmp_path / "model")
    assert again.tableau(10) == read_tableau(named, 10)
    again.scheduler = make_scheduler("heun-churn", pipe.network.schedule)
    with pytest.raises(SSSDError, match="cannot be saved"):
        again.save_pretrained(tmp_path / "other")
