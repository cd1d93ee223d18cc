"""Schedulers by name, and the guard against sampling another process than the one trained."""

from __future__ import annotations

import diffusers
import pytest

from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.make_scheduler import check_process, make_scheduler
from sssd_registry.sampling.noise_schedule import NoiseSchedule

SCHEDULE = NoiseSchedule()


def test_options_reach_the_scheduler() -> None:
    scheduler = make_scheduler("dpmsolver++:solver_order=3,use_karras_sigmas=true", SCHEDULE)
    assert scheduler.config.solver_order == 3
    assert scheduler.config.use_karras_sigmas is True


@pytest.mark.parametrize("text", ["dpmsolver++:order=3", "dpmsolver++:solver_order=7", "dpmsolver++:solver_order"])
def test_wrong_options_are_refused(text: str) -> None:
    with pytest.raises(SSSDError):
        make_scheduler(text, SCHEDULE)


def test_other_betas_are_refused() -> None:
    with pytest.raises(SSSDError, match=r"from_config\(pipe.scheduler.config\)"):
        check_process(diffusers.DDIMScheduler(clip_sample=False), SCHEDULE)


def test_another_prediction_type_is_refused() -> None:
    config = SCHEDULE.scheduler_config() | {"prediction_type": "epsilon"}
    with pytest.raises(SSSDError, match="epsilon"):
        check_process(diffusers.DDIMScheduler(**config), SCHEDULE)


def test_a_scheduler_that_tells_nothing_is_taken_on_trust() -> None:
    check_process(object(), SCHEDULE)
