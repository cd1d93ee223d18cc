"""A tableau that plays as a scheduler is the tableau."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.plugin_api.registry import registry
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.read_tableau import read_tableau
from sssd_registry.sampling.sampler import sample
from sssd_registry.sampling.scheduler_loop import run_scheduler
from sssd_registry.sampling.tableau_scheduler import TableauScheduler

SCHEDULE = NoiseSchedule()
NAMES = [name for name in registry().schedulers if not name.startswith("flow-")]


@pytest.mark.parametrize("name", NAMES)
def test_reading_it_gives_the_tableau_back(name: str) -> None:
    tableau = read_tableau(make_scheduler(name, SCHEDULE), 12)
    again = solver_tableau(TableauScheduler([tableau]), SCHEDULE, 12)
    np.testing.assert_array_equal(again.timesteps, tableau.timesteps)
    assert again.drawn_in == tableau.drawn_in
    scale = np.abs(tableau.coefficients).max(axis=1, keepdims=True)
    assert (np.abs(again.coefficients - tableau.coefficients) / scale).max() < 1e-7


@pytest.mark.parametrize("name", ["ddpm", "unipc", "pndm"])
def test_its_steps_are_the_samplers(name: str) -> None:
    tableau = read_tableau(make_scheduler(name, SCHEDULE), 8)
    noise = torch.randn(tableau.num_noises, 2, 3, 2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    result, timesteps, drawn_in = run_scheduler(
        TableauScheduler([tableau]), 8, lambda _call, z, t: torch.tanh(z + t / 1000), lambda index: noise[index]
    )
    expected = sample(lambda z, t: torch.tanh(z + t[..., None, None].double() / 1000), tableau, noise)
    torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-9)
    assert timesteps == tableau.timesteps.tolist()
    assert tuple(drawn_in) == tableau.drawn_in


def test_it_holds_several_numbers_of_steps_and_knows_which() -> None:
    tableaus = [read_tableau(make_scheduler("ddim", SCHEDULE), steps) for steps in (4, 8)]
    scheduler = TableauScheduler(tableaus)
    for tableau in tableaus:
        steps = tableau.num_inference_steps
        assert read_tableau(scheduler, steps).num_calls == steps
    with pytest.raises(SSSDError, match="no tuned solver of 6 steps, only of 4, 8"):
        read_tableau(scheduler, 6)


def test_a_copy_shares_no_state() -> None:
    scheduler = TableauScheduler([read_tableau(make_scheduler("unipc", SCHEDULE), 5)])
    scheduler.set_timesteps(5)
    other = copy.deepcopy(scheduler)
    scheduler.step(torch.ones(2), scheduler.timesteps[0], torch.ones(2))
    assert (other.call, len(other.states), len(other.noises)) == (0, 0, 0)
