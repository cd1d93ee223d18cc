"""Schedulers by name, and the check that one samples the process the model was trained with."""

from __future__ import annotations

from typing import Any

import numpy as np

from sssd_registry.errors import SSSDError
from sssd_registry.options import build_options, split_options
from sssd_registry.registry import registry
from sssd_registry.schedule import NoiseSchedule


def make_scheduler(text: str, schedule: NoiseSchedule) -> Any:
    """A fresh scheduler from ``NAME`` or ``NAME:option=value,…``, for the process ``schedule``.

    Raises:
        SSSDError: unknown name or option, or a plugin whose scheduler samples another process.
    """
    name, values = split_options(text)
    spec = registry().schedulers[name]
    scheduler = spec.factory(schedule, build_options("scheduler", name, spec.options, values))
    check_process(scheduler, schedule)
    return scheduler


def check_process(scheduler: Any, schedule: NoiseSchedule) -> None:
    """Refuse a scheduler with other betas or another prediction type: its forecasts would be wrong, silently.

    What a scheduler does not tell (an object without ``betas`` or ``config``) is taken on trust.
    """
    name = type(scheduler).__name__
    remedy = f"build it with {name}.from_config(pipe.scheduler.config)"
    betas = getattr(scheduler, "betas", None)
    if betas is not None:
        seen = np.asarray(betas, dtype=np.float64)
        if seen.shape != schedule.betas.shape or not np.allclose(seen, schedule.betas, rtol=1e-4, atol=1e-9):
            raise SSSDError(
                f"{name} has {seen.size} betas from {seen[0]:.3g} to {seen[-1]:.3g}, but the model was trained with"
                f" {schedule.beta_schedule} betas, T = {schedule.num_train_timesteps}: {remedy}"
            )
    prediction = getattr(getattr(scheduler, "config", None), "prediction_type", schedule.prediction_type)
    if prediction != schedule.prediction_type:
        raise SSSDError(
            f"{name} expects the network to predict {prediction!r}; this one predicts"
            f" {schedule.prediction_type!r}: {remedy}"
        )
