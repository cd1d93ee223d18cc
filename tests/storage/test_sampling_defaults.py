"""A model's own scheduler and number of steps."""

from __future__ import annotations

from sssd_registry.plugin_api.check_spec import TUNED
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.storage.sampling_defaults import DEFAULT_STEPS, SamplingDefaults

SCHEDULE = NoiseSchedule()
SOLVERS = {steps: solver_tableau(make_scheduler("ddim", SCHEDULE), SCHEDULE, steps) for steps in (3, 4, 8)}


def test_of_several_tuned_solvers_the_one_with_most_steps_is_taken() -> None:
    assert SamplingDefaults(tuned=SOLVERS).steps_for(TUNED) == 8
    assert SamplingDefaults("ddim", 5, SOLVERS).steps_for(TUNED) == 8


def test_a_tuned_default_keeps_its_steps() -> None:
    sampling_defaults = SamplingDefaults(TUNED, 4, SOLVERS)
    assert sampling_defaults.steps_for(TUNED) == 4
    assert sampling_defaults.steps_for(None) == 4
    assert len(solver_tableau(sampling_defaults.make_scheduler(TUNED, SCHEDULE), SCHEDULE, 4).timesteps) == 4


def test_another_scheduler_has_the_usual_steps() -> None:
    assert SamplingDefaults("ddim", 5).steps_for("euler") == DEFAULT_STEPS
    assert SamplingDefaults("ddim", 5).steps_for("ddim") == 5
