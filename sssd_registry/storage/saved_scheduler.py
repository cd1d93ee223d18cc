"""A model's own scheduler on disk, ``scheduler/scheduler_config.json``, as diffusers writes it.

A value of another kind than the class takes, or a process other than the model's, is found here: some schedulers
would sample something else without an error.
"""

from __future__ import annotations

import inspect
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from sssd_registry.errors import SSSDError, near_matches
from sssd_registry.files.json_file import read_json
from sssd_registry.plugin_api.make_scheduler import check_process
from sssd_registry.sampling.limits import MAX_TIMESTEPS
from sssd_registry.sampling.loop_function import LoopFunction
from sssd_registry.sampling.loop_scheduler import LoopScheduler
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.storage.index import REMEDY, SCHEDULER


def save_scheduler(scheduler: Any, default: Any, schedule: NoiseSchedule, folder: Path) -> str:
    """Save it as diffusers does and return its library; a plugin's own class goes by the name it was asked for.

    Args:
        scheduler: any.
        default: what a reader would make by name.
        schedule: the model's process.
        folder: a model folder that is being written.

    Raises:
        SSSDError: it samples another process, or a reader could not make it.
    """
    from diffusers import SchedulerMixin

    theirs = isinstance(scheduler, SchedulerMixin) and type(scheduler).__module__.startswith("diffusers.")
    if theirs:
        check_saved(scheduler, schedule, "the pipeline")
        try:
            scheduler.save_pretrained((folder / SCHEDULER).parent)
        except TypeError:  # SA-Solver has a function among its arguments, which JSON has not
            shutil.rmtree((folder / SCHEDULER).parent, ignore_errors=True)
        else:
            return "diffusers"
    other = theirs and _options(scheduler) != _options(default)
    other = other or (isinstance(scheduler, LoopScheduler) and _loop(scheduler) != _loop(default))
    if type(scheduler) is not type(default) or other:
        raise SSSDError(
            f"a scheduler of class {type(scheduler).__module__}.{type(scheduler).__name__} cannot be saved:"
            " assign another diffusers scheduler first, and pick this one when forecasting"
        )
    return "sssd_registry" if theirs else type(scheduler).__module__.split(".")[0]


def _options(scheduler: Any) -> dict[str, Any]:
    """Return the options it was made with; diffusers' own entries are in any order."""
    return {name: value for name, value in scheduler.config.items() if not name.startswith("_")}


def _loop(scheduler: Any) -> LoopFunction | None:
    return scheduler.loop if isinstance(scheduler, LoopScheduler) else None


def read_scheduler_config(file: Path) -> dict[str, Any]:
    """Read the file's entries, every value of the kind that the class takes.

    Raises:
        SSSDError: it is damaged, or no scheduler of diffusers'.
    """
    config = read_json(file, REMEDY, infinite=True)
    parameters = inspect.signature(scheduler_class(config.get("_class_name"), file).__init__).parameters
    for name, value in config.items():
        if name in parameters and not _fits(value, parameters[name].default):
            raise SSSDError(f"{file} is damaged ({name} is {value!r:.60}): {REMEDY}")
    return config


def _fits(value: Any, default: Any) -> bool:
    """Tell whether an argument may be ``value``, by its default: diffusers' annotations do not always hold."""
    if isinstance(value, list):
        return not isinstance(default, bool | int | float | str) and all(_fits(item, None) for item in value)
    if isinstance(value, dict):
        return False
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_TIMESTEPS:
        return False
    if isinstance(value, float) and math.isinf(value):
        return bool(value == default)
    if value is None or default is None:
        return True
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) is isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    return not isinstance(default, int | str) or isinstance(value, type(default))


def read_scheduler(config: dict[str, Any], schedule: NoiseSchedule, file: Path) -> Any:
    """The scheduler of ``config``, which is to sample ``schedule``.

    Raises:
        SSSDError: it refuses its configuration, or samples another process.
    """
    try:
        made = scheduler_class(config["_class_name"], file).from_config(config)
    except Exception as error:  # whatever a class of diffusers' raises for what it does not take
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise SSSDError(f"{file} is not a configuration that its class takes ({reason[:200]}): {REMEDY}") from None
    check_saved(made, schedule, str(file))
    return made


def check_saved(scheduler: Any, schedule: NoiseSchedule, where: str) -> None:
    """Compare what a diffusers scheduler was made with with the model's process.

    Raises:
        SSSDError: names what differs.
    """
    config = dict(getattr(scheduler, "config", {}))
    betas = config.get("trained_betas")
    if betas is not None and not schedule.is_flow:
        _check_betas(np.asarray(betas, dtype=np.float64), schedule, where)
    elif "trained_betas" in config:
        check_process(scheduler, schedule)
    for name, expected in (
        ("num_train_timesteps", schedule.num_train_timesteps),
        ("prediction_type", schedule.prediction_type),
    ):
        if config.get(name, expected) != expected:
            raise SSSDError(
                f"{where}: the scheduler's {name} is {config[name]!r}, but the model was trained with {expected!r}:"
                f" build it with {type(scheduler).__name__}.from_config(pipe.scheduler.config)"
            )


def _check_betas(betas: np.ndarray[Any, Any], schedule: NoiseSchedule, where: str) -> None:
    if betas.shape != schedule.betas.shape:
        raise SSSDError(
            f"{where}: the scheduler's trained_betas are {betas.size}, but the model was trained with"
            f" {schedule.num_train_timesteps} time steps"
        )
    bad = np.flatnonzero(~np.isclose(betas, schedule.betas, rtol=1e-4, atol=1e-9))  # NaN is close to nothing
    if len(bad):
        at = int(bad[0])
        raise SSSDError(
            f"{where}: the scheduler's trained_betas[{at}] is {betas[at]:.6g}, but the model was trained with"
            f" {schedule.beta_schedule} betas, of which it is {schedule.betas[at]:.6g} ({len(bad)} of {len(betas)}"
            " differ): the forecasts would be wrong"
        )


def scheduler_class(name: Any, file: Path) -> Any:
    """A scheduler class of diffusers by name: one of those it exports, nothing else.

    Raises:
        SSSDError: there is no such class.
    """
    import diffusers

    # diffusers stands placeholders in for classes whose dependencies are missing: no SchedulerMixin.
    names = [known for known in dir(diffusers) if known.endswith("Scheduler")]
    found = getattr(diffusers, name) if name in names else None
    if not isinstance(found, type) or not issubclass(found, diffusers.SchedulerMixin):
        shown = str(name)[:100]
        raise SSSDError(f"{file}: {shown!r} is not a diffusers scheduler: {near_matches(shown, names)}")
    return found
