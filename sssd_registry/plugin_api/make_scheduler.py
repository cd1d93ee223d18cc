"""Schedulers by name, and the check that one samples the process the model was trained with."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from sssd_registry.errors import SSSDError
from sssd_registry.options import build_options, split_options
from sssd_registry.plugin_api.discovery import one_line, why
from sssd_registry.plugin_api.registry import registry
from sssd_registry.sampling.deviation_check import check_deviation
from sssd_registry.sampling.loop_function import LoopFunction
from sssd_registry.sampling.loop_scheduler import LoopScheduler
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.process_check import check_tableau
from sssd_registry.sampling.read_tableau import read_tableau
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.sampling.tableau_scheduler import TableauScheduler

# Arguments of diffusers' schedulers that the model decides.
_OF_THE_PROCESS = ("num_train_timesteps", "trained_betas", "prediction_type", "beta_schedule")


def make_scheduler(text: str, schedule: NoiseSchedule) -> Any:
    """A fresh scheduler from ``NAME`` or ``NAME:option=value,…``, for the process ``schedule``.

    Raises:
        SSSDError: unknown name or option, options that do not go together, not for this kind of process, or a factory
            that fails.
    """
    name, values = split_options(text)
    spec = registry().schedulers[name]
    options = build_options("scheduler", name, spec.options, values)
    try:
        made = spec.factory(schedule, options)
    except SSSDError:
        raise
    except (ValueError, NotImplementedError) as error:  # diffusers', for options that do not go together
        raise SSSDError(f"scheduler {text!r}: {error}") from error
    except Exception as error:  # whatever somebody's factory raises
        raise SSSDError(f"{_of_plugin(name)} cannot be made: {one_line(error)}; {why(name)}") from error
    for method in ("set_timesteps", "step"):
        if not callable(getattr(made, method, None)):
            raise SSSDError(
                f"{_of_plugin(name)} makes {type(made).__name__}, which has no {method}(): it is no scheduler"
            )
    return made


def _of_plugin(name: str) -> str:
    return f"scheduler {name!r} of {registry().schedulers.plugin_of(name)}"


def bound(scheduler: Any, schedule: NoiseSchedule) -> Any:
    """Give a loop sampler its process; other schedulers know theirs."""
    return LoopScheduler(scheduler, schedule) if isinstance(scheduler, LoopFunction) else scheduler


def solver_tableau(scheduler: Any, schedule: NoiseSchedule, num_inference_steps: int) -> SolverTableau:
    """Return what ``scheduler`` does in that many steps, proven to sample ``schedule``.

    Raises:
        SSSDError: it samples another process, or far too wide; it is not linear, or refuses that number of steps.

    Warns:
        SolverWarning: its samples are too wide, too narrow for as many steps, or some noise is left in them.
    """
    tableau = read_tableau(scheduler, num_inference_steps)
    name = scheduler.loop.label if isinstance(scheduler, LoopScheduler) else type(scheduler).__name__
    where = f"{name} in {num_inference_steps} steps"
    try:
        check_tableau(tableau, schedule, where)
    except SSSDError:
        check_process(scheduler, schedule)  # which may know the reason
        raise
    if isinstance(scheduler, TableauScheduler):  # tuned for one model, which normal data say little of
        return tableau
    chosen = chosen_options(scheduler)
    check_deviation(tableau, schedule, f"{where} with {chosen}" if chosen else where)
    return tableau


def chosen_options(scheduler: Any) -> str:
    """The options that a scheduler was given and that are not its class's defaults, for messages."""
    if isinstance(scheduler, LoopScheduler):
        chosen = {"sigmas": scheduler.loop.sigmas, **scheduler.loop.options}
    else:
        parameters = inspect.signature(type(scheduler).__init__).parameters
        config: Mapping[str, Any] = getattr(scheduler, "config", {})
        chosen = {
            key: value
            for key, value in config.items()
            if key in parameters and key not in _OF_THE_PROCESS and value != parameters[key].default
        }
    return ", ".join(f"{key}={value}" for key, value in chosen.items())


def check_process(scheduler: Any, schedule: NoiseSchedule) -> None:
    """Find other betas or another prediction type, where a scheduler tells them.

    Raises:
        SSSDError: says what differs, and what to do.
    """
    name = type(scheduler).__name__
    remedy = f"build it with {name}.from_config(pipe.scheduler.config)"
    betas = getattr(scheduler, "betas", None)
    if betas is not None and not schedule.is_flow:
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
