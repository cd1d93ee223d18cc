"""A model's own scheduler and number of steps."""

from __future__ import annotations

from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.plugin_api.registry import TUNED
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.storage.sampling_defaults import DEFAULT_STEPS, Preset

SCHEDULE = NoiseSchedule()
SOLVERS = {steps: solver_tableau(make_scheduler("ddim", SCHEDULE), SCHEDULE, steps) for steps in (3, 4, 8)}


def test_of_several_tuned_solvers_the_one_with_most_steps_is_taken() -> None:
    assert Preset(tuned=SOLVERS).steps_for(TUNED) == 8
    assert Preset("ddim", 5, SOLVERS).steps_for(TUNED) == 8


def test_a_tuned_default_keeps_its_steps() -> None:
    preset = Preset(TUNED, 4, SOLVERS)
    assert preset.steps_for(TUNED) == 4
    assert preset.steps_for(None) == 4
    assert len(solver_tableau(preset.make_scheduler(TUNED, SCHEDULE), SCHEDULE, 4).timesteps) == 4


def test_another_scheduler_has_the_usual_steps() -> None:
    assert Preset("ddim", 5).steps_for("euler") == DEFAULT_STEPS
    assert Preset("ddim", 5).steps_for("ddim") == 5
