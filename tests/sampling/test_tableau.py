"""A tableau says all that a scheduler does: parity with the live loop, and what it refuses."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sssd_registry.errors import SSSDError
from sssd_registry.plots.plot_tableau import plot_tableau
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.process_check import check_tableau
from sssd_registry.sampling.read_tableau import read_tableau
from sssd_registry.sampling.sampler import sample
from sssd_registry.sampling.scheduler_loop import run_scheduler
from sssd_registry.sampling.tableau import SolverTableau

SCHEDULE = NoiseSchedule()
FIRST_PARTY = [
    "ddim",
    "ddim:timestep_spacing=leading",
    "ddpm",
    "ddpm:variance_type=fixed_large",
    "dpmsolver++:solver_order=1",
    "dpmsolver++",
    "dpmsolver++:solver_order=3",
    "dpmsolver++:timestep_spacing=linspace",
    "dpmsolver++:algorithm_type=sde-dpmsolver++",
]
# Schedulers that nothing in the project knows: two of them call the network more often than they have steps.
FOREIGN = ["PNDMScheduler", "HeunDiscreteScheduler", "UniPCMultistepScheduler", "LMSDiscreteScheduler"]


def network(z: Tensor, t: Tensor) -> Tensor:
    """Non-linear in z and t, and mixing the latent's dimensions."""
    weight = torch.linspace(-1, 1, z.shape[-1] ** 2, dtype=z.dtype).reshape(z.shape[-1], -1)
    return torch.tanh(z @ weight + t[..., None, None].to(z.dtype) / 1000)


def live(scheduler: Any, steps: int, noise: Tensor) -> Tensor:
    """Run what a tableau is compared with: the scheduler's own loop, on float64 states."""
    windows, samples = noise.shape[1:3]
    result, _, _ = run_scheduler(
        scheduler, steps, lambda call, z, t: network(z, torch.full((windows, samples), t)), lambda k: noise[k]
    )
    return result


def check_parity(scheduler: Any, steps: int) -> SolverTableau:
    tableau = read_tableau(scheduler, steps)
    generator = torch.Generator().manual_seed(steps)
    noise = torch.randn(tableau.num_noises, 2, 5, 3, 4, generator=generator, dtype=torch.float64)
    expected = live(scheduler, steps, noise)
    error = (sample(network, tableau, noise) - expected).abs().max() / expected.std()
    assert error < 1e-7, f"{type(scheduler).__name__} in {steps} steps is off by {error:.1e}"
    return tableau


@pytest.mark.parametrize("steps", [1, 2, 3, 20, 50])
@pytest.mark.parametrize("name", FIRST_PARTY)
def test_the_sampler_equals_the_live_scheduler(name: str, steps: int) -> None:
    tableau = check_parity(make_scheduler(name, SCHEDULE), steps)
    assert tableau.num_calls == steps


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("name", ["ddim", "ddpm", "dpmsolver++"])
def test_every_prediction_type_has_parity(name: str, prediction: Any) -> None:
    check_parity(make_scheduler(name, NoiseSchedule("linear", 1000, prediction)), 12)


@pytest.mark.parametrize("name", FOREIGN)
def test_a_scheduler_nobody_wrote_a_plugin_for_has_parity(name: str) -> None:
    scheduler = getattr(diffusers, name)(**NoiseSchedule("scaled_linear").scheduler_config())
    check_parity(scheduler, 15)


@pytest.mark.parametrize(("name", "calls"), [("PNDMScheduler", 24), ("HeunDiscreteScheduler", 29)])
def test_calls_are_counted_not_assumed(name: str, calls: int) -> None:
    scheduler = getattr(diffusers, name)(**NoiseSchedule("scaled_linear").scheduler_config())
    assert read_tableau(scheduler, 15).num_calls == calls


def test_ddim_and_dpm_solver_need_only_a_short_memory() -> None:
    """Twenty steps have 231 dense terms; a recurrence needs two or four for each step."""
    ddim = read_tableau(make_scheduler("ddim", SCHEDULE), 20)
    assert ddim.memory == 1
    assert sum(map(len, ddim.updates)) == 41
    dpm = read_tableau(make_scheduler("dpmsolver++", SCHEDULE), 20)
    assert dpm.memory <= 3
    assert sum(map(len, dpm.updates)) <= 80


def rows_from_updates(tableau: SolverTableau) -> np.ndarray[Any, Any]:
    """Run the updates on basis vectors: the dense rows they stand for."""
    calls, width = tableau.num_calls, tableau.coefficients.shape[1]
    basis = np.eye(width)
    states: list[Any] = []
    outputs: list[Any] = []
    for row, update in enumerate(tableau.updates):
        total = np.zeros(width)
        for term in update:
            if term.source == "noise":
                total += term.weight * basis[0 if term.index == 0 else calls + term.index]
            else:
                total += term.weight * (states if term.source == "state" else outputs)[term.index]
        states.insert(0, total)
        if row < calls:
            outputs.insert(0, basis[1 + row])
    return np.stack(states[::-1])


@pytest.mark.parametrize("name", FIRST_PARTY)
def test_updates_are_exact(name: str) -> None:
    tableau = read_tableau(make_scheduler(name, SCHEDULE), 20)
    scale = np.abs(tableau.coefficients).max(axis=1, keepdims=True)
    assert (np.abs(rows_from_updates(tableau) - tableau.coefficients) / scale).max() < 1e-7


@settings(max_examples=25, deadline=None)
@given(calls=st.integers(1, 6), draws=st.integers(0, 3), seed=st.integers(0, 2**31))
def test_any_causal_coefficients_have_exact_updates(calls: int, draws: int, seed: int) -> None:
    """Also those that no recurrence fits: they stay dense."""
    random = np.random.default_rng(seed)
    drawn_in = tuple(sorted(random.integers(calls, size=draws).tolist()))
    coefficients = random.normal(size=(calls + 1, 1 + calls + draws))
    for row in range(calls + 1):
        coefficients[row, 1 + row : 1 + calls] = 0
        coefficients[row, [1 + calls + k for k, call in enumerate(drawn_in) if call >= row]] = 0
    tableau = SolverTableau(calls, np.arange(calls)[::-1].astype(float), coefficients, drawn_in)
    np.testing.assert_allclose(rows_from_updates(tableau), coefficients, atol=1e-6)


@pytest.mark.parametrize(
    ("scheduler", "option"),
    [
        (diffusers.DDIMScheduler(**SCHEDULE.scheduler_config()), "clip_sample"),
        (diffusers.DDPMScheduler(**SCHEDULE.scheduler_config()), "clip_sample"),
        (
            diffusers.DPMSolverMultistepScheduler(**SCHEDULE.scheduler_config(), thresholding=True),
            "thresholding",
        ),
    ],
)
def test_what_is_not_linear_is_refused_and_the_option_named(scheduler: Any, option: str) -> None:
    with pytest.raises(SSSDError, match=f"{option}=True: pass {option}=False"):
        read_tableau(scheduler, 10)


def test_a_nonlinear_scheduler_without_a_known_option_is_refused_too() -> None:
    class Bent(diffusers.DDIMScheduler):  # type: ignore[misc]
        def step(self, model_output: Tensor, timestep: Any, sample: Tensor, **options: Any) -> Any:
            made = super().step(model_output, timestep, sample, **options)
            made.prev_sample = made.prev_sample + 0.01 * sample.square()
            return made

    with pytest.raises(SSSDError, match="Bent is not linear"):
        read_tableau(Bent(**SCHEDULE.scheduler_config(), clip_sample=False), 10)


def test_the_scheduler_is_left_as_it_was() -> None:
    scheduler = make_scheduler("dpmsolver++", SCHEDULE)
    before = copy.deepcopy(vars(scheduler))
    read_tableau(scheduler, 10)
    assert vars(scheduler).keys() == before.keys()
    assert scheduler.num_inference_steps == before["num_inference_steps"]
    assert scheduler.step_index is None


def test_one_scheduler_serves_eight_threads() -> None:
    scheduler = make_scheduler("dpmsolver++", SCHEDULE)
    steps = [5, 8, 10, 13, 15, 18, 20, 25] * 2
    alone = [read_tableau(scheduler, n) for n in steps]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda n: read_tableau(scheduler, n), steps)) == alone


def test_it_is_immutable_hashable_and_survives_json() -> None:
    tableau = read_tableau(make_scheduler("dpmsolver++", SCHEDULE), 10)
    with pytest.raises(ValueError, match="read-only"):
        tableau.coefficients[0, 0] = 2.0
    with pytest.raises(AttributeError):
        tableau.num_inference_steps = 3  # type: ignore[misc]
    again = SolverTableau.from_json(tableau.to_json())
    assert again == tableau
    assert hash(again) == hash(tableau)
    assert again.digest == tableau.digest
    assert again != read_tableau(make_scheduler("ddim", SCHEDULE), 10)
    assert "10 steps" in repr(tableau)


@pytest.mark.parametrize("name", ["dpmsolver++", "unipc", "pndm", "ddpm"])
def test_it_draws_itself(name: str, tmp_path: Path) -> None:
    plot_tableau(read_tableau(make_scheduler(name, SCHEDULE), 12), tmp_path / "tableau.png")
    assert (tmp_path / "tableau.png").read_bytes().startswith(b"\x89PNG")


# What their steps need of the past, states and outputs together; their dense rows have hundreds of terms.
MEMORY = {
    "ddim": 1, "ddpm": 1, "tcd": 1, "lcm": 1, "euler": 1, "euler-ancestral": 1, "edm-euler": 1,
    "heun": 2, "kdpm2": 2, "kdpm2-ancestral": 2, "dpm-sde": 2, "dpmsolver++-singlestep": 2,
    "dpmsolver++": 3, "deis": 3, "edm-dpm": 3, "unipc": 5, "lms": 5, "ipndm": 5, "sa-solver": 5,
}  # fmt: skip


@pytest.mark.parametrize("name", MEMORY)
def test_the_banded_form_is_found_for_every_solver_of_finite_memory(name: str) -> None:
    tableau = read_tableau(make_scheduler(name, SCHEDULE), 30)
    assert tableau.memory <= MEMORY[name]
    dense = sum(int(np.count_nonzero(row)) for row in tableau.coefficients)
    assert sum(map(len, tableau.updates)) < dense / 2
    scale = np.abs(tableau.coefficients).max(axis=1, keepdims=True)
    assert (np.abs(rows_from_updates(tableau) - tableau.coefficients) / scale).max() < 1e-7


@pytest.mark.parametrize("option", ["use_karras_sigmas", "use_exponential_sigmas"])
@pytest.mark.parametrize("name", ["dpmsolver++", "deis", "unipc", "sa-solver", "kdpm2", "heun", "lms", "euler"])
def test_cosine_betas_with_other_sigmas_neither_crash_nor_go_astray(name: str, option: str) -> None:
    """Their last time steps coincide; looked up by value, diffusers raises IndexError or starts in the wrong place."""
    # How wide they sample is looked at elsewhere: SA-Solver's are 6 times too wide.
    tableau = read_tableau(make_scheduler(f"{name}:{option}=true", NoiseSchedule("cosine")), 15)
    check_tableau(tableau, SCHEDULE, name)
    assert np.isfinite(tableau.coefficients).all()


def test_betas_of_the_wrong_length_are_refused() -> None:
    """diffusers takes them, and gives NaN in some schedulers and flat sigmas in others."""
    for name in ("DDIMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler"):
        short = SCHEDULE.scheduler_config() | {"trained_betas": SCHEDULE.betas[:500].tolist()}
        with pytest.raises(SSSDError):
            solver_tableau(getattr(diffusers, name)(**short), SCHEDULE, 10)


@pytest.mark.parametrize("name", ["ddim", "dpmsolver++", "unipc", "euler", "heun", "deis", "lms", "pndm", "ipndm"])
def test_parity_with_the_bare_loop_of_diffusers(name: str) -> None:
    """Nothing of ours around it: float32 throughout, as any of diffusers' pipelines runs it."""
    schedule = NoiseSchedule("scaled_linear")  # whose sigmas float32 can hold
    scheduler = make_scheduler(name, schedule)
    tableau = read_tableau(scheduler, 20)
    noise = torch.randn(1, 2, 5, 3, 4, generator=torch.Generator().manual_seed(0))
    scheduler.set_timesteps(20)
    state = noise[0] * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        output = network(scheduler.scale_model_input(state, timestep), timestep.expand(2, 5))
        state = scheduler.step(output, timestep, state).prev_sample
    error = (sample(network, tableau, noise) - state).abs().max() / state.std()
    assert error < 1e-4


@pytest.mark.parametrize("steps", [0, -3, 10_001, 10**12])
def test_no_steps_and_too_many_are_refused(steps: int) -> None:
    with pytest.raises(SSSDError, match="from 1 to 10,000"):
        read_tableau(make_scheduler("ddim", SCHEDULE), steps)


def test_more_steps_than_there_are_is_the_schedulers_error() -> None:
    with pytest.raises(SSSDError, match="2000 steps"):
        read_tableau(make_scheduler("ddim", SCHEDULE), 2000)


def test_coefficients_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(3, 3\)"):
        SolverTableau(2, np.zeros(2), np.zeros((2, 2)), ())
