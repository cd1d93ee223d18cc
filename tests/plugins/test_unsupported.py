"""Every scheduler of diffusers either samples forecasts, as a plugin or as an object, or is listed with a reason."""

from __future__ import annotations

import contextlib
import inspect
from typing import Any

import diffusers
import pytest

from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.plugin_api.registry import registry
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.tableau import SolverTableau
from sssd_schedulers.unsupported import REASONS

CLASSES = [name for name in dir(diffusers) if name.endswith("Scheduler")]
SCHEDULES = [NoiseSchedule(), NoiseSchedule("flow", 1000, "flow_prediction")]
# What a plugin changes about the class, or gives it that a user would have to know: preconditioning, its own betas.
ADAPTED = {"EDMEulerScheduler", "EDMDPMSolverMultistepScheduler", "IPNDMScheduler", "DPMSolverSDEScheduler"}


def sampled(name: str, schedule: NoiseSchedule) -> SolverTableau:
    """The class built as a user would, with what it knows of the schedule and no clipping.

    In 50 steps, which Heun takes to settle where cosine betas start.
    """
    made: Any = getattr(diffusers, name)
    known = inspect.signature(made.__init__).parameters
    plain = {"clip_sample": False, "thresholding": False, "clip_denoised": False}
    options = {key: value for key, value in (schedule.scheduler_config() | plain).items() if key in known}
    return solver_tableau(made(**options), schedule, 50)


@pytest.mark.parametrize("name", sorted(set(CLASSES) - set(REASONS) - ADAPTED))
def test_a_user_hands_over_any_other_object_with_no_plugin(name: str) -> None:
    served = []
    for schedule in SCHEDULES:
        with contextlib.suppress(SSSDError):
            served.append(sampled(name, schedule))
    assert served


@pytest.mark.parametrize("name", [name for name in REASONS if name in CLASSES])
def test_what_is_listed_as_unsupported_is_refused_not_sampled_wrongly(name: str) -> None:
    for schedule in SCHEDULES:
        with pytest.raises((SSSDError, TypeError, AttributeError, ImportError)):
            sampled(name, schedule)
    with pytest.raises(SSSDError, match="is unavailable: "):
        registry().schedulers[name]


@pytest.mark.parametrize("name", sorted(ADAPTED - {"DPMSolverSDEScheduler"}))
def test_what_needs_a_plugin_is_refused_without_it(name: str) -> None:
    for schedule in SCHEDULES:
        with pytest.raises(SSSDError, match=r"does not sample the process|not supported"):
            sampled(name, schedule)


def test_an_unfit_object_names_what_to_do() -> None:
    with pytest.raises(SSSDError, match=r"call 12, at t = .* build it from the model's NoiseSchedule"):
        solver_tableau(diffusers.EDMEulerScheduler(prediction_type="v_prediction"), NoiseSchedule(), 20)


def test_combinations_that_diffusers_refuses_end_in_an_error_of_ours() -> None:
    with pytest.raises(SSSDError, match="Only one of"):
        make_scheduler("dpmsolver++:use_karras_sigmas=true,use_exponential_sigmas=true", NoiseSchedule())
