"""Defaults of sampling a model, and the solvers tuned for it: ``sampling.json`` in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_file
from sssd_registry.files.json_file import read_json, validated
from sssd_registry.plugin_api.check_spec import TUNED
from sssd_registry.plugin_api.make_scheduler import make_scheduler
from sssd_registry.sampling.limits import MAX_INFERENCE_STEPS
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.storage.index import SAMPLING, own_file, replace_file

DEFAULT_STEPS = 20


@dataclass(frozen=True)
class SamplingDefaults:
    """The sampling part of a model folder.

    Attributes:
        scheduler: ``NAME`` or ``NAME:option=value,…`` as ``--scheduler`` takes it; ``None`` for the scheduler that
            was saved with the model.
        steps: its number of inference steps.
        tuned: solvers made for this model, by their number of steps; together they are the scheduler ``tuned``.
    """

    scheduler: str | None = None
    steps: int = DEFAULT_STEPS
    tuned: Mapping[int, SolverTableau] = field(default_factory=dict)

    def make_scheduler(self, text: str, schedule: NoiseSchedule) -> Any:
        """A fresh scheduler by name, this model's ``tuned`` included.

        Raises:
            SSSDError: unknown name or option, or nothing tuned.
        """
        if text != TUNED:
            return make_scheduler(text, schedule)
        from sssd_registry.sampling.tableau_scheduler import TableauScheduler

        if not self.tuned:
            raise SSSDError("this model has no tuned solver: make one with `sssd tune MODEL DATA --steps 8`")
        return TableauScheduler(self.tuned.values())

    def steps_for(self, scheduler: str | None) -> int:
        """The number of steps where none is asked for: the model's own, unless another scheduler is."""
        if scheduler == TUNED and self.tuned:
            return self.steps if self.scheduler == TUNED else max(self.tuned)
        return self.steps if scheduler in (None, self.scheduler) else DEFAULT_STEPS


class _Solver(BaseModel):
    """A tuned solver, as in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_inference_steps: int = Field(ge=1, le=MAX_INFERENCE_STEPS)
    timesteps: list[float] = Field(min_length=1, max_length=MAX_INFERENCE_STEPS)
    coefficients: list[list[float]]
    drawn_in: list[int]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        table = self.tableau().coefficients  # raises for shapes that do not belong together
        calls = len(self.timesteps)
        if self.drawn_in != sorted(self.drawn_in) or not set(self.drawn_in) <= set(range(calls)):
            raise ValueError("drawn_in names calls, in their order")
        if table[0, 0] == 0 or np.triu(table[:calls, 1 : 1 + calls]).any():
            raise ValueError("the input of a call is made of the initial noise and the outputs of earlier calls")
        return self

    def tableau(self) -> SolverTableau:
        timesteps, coefficients = np.array(self.timesteps), np.array(self.coefficients)
        return SolverTableau(self.num_inference_steps, timesteps, coefficients, tuple(self.drawn_in))


class _StoredDefaults(BaseModel):
    """``sampling.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheduler: str | None
    steps: int = Field(ge=1, le=MAX_INFERENCE_STEPS)
    tuned: list[_Solver]


def read_sampling_defaults(folder: Path) -> SamplingDefaults:
    """Read the defaults of the folder; without a file nothing was ever set.

    Raises:
        SSSDError: the file is damaged.
    """
    file = own_file(folder, SAMPLING)
    if not file.exists():
        return SamplingDefaults()
    remedy = f"delete it, run `sssd check {folder} --sign`, then set it anew"
    stored = validated(_StoredDefaults, read_json(file, remedy), file, remedy)
    return SamplingDefaults(
        stored.scheduler, stored.steps, {one.num_inference_steps: one.tableau() for one in stored.tuned}
    )


def write_sampling_defaults(folder: Path, sampling_defaults: SamplingDefaults) -> None:
    """Write the file, complete or not at all, into a folder whose index is not there yet."""
    with atomic_file(folder / SAMPLING) as new:
        new.write_text(_text(sampling_defaults))


def _text(sampling_defaults: SamplingDefaults) -> str:
    tree = {
        "scheduler": sampling_defaults.scheduler,
        "steps": sampling_defaults.steps,
        "tuned": [json.loads(tableau.to_json()) for tableau in sampling_defaults.tuned.values()],
    }
    return json.dumps(tree, indent=1) + "\n"


def write_default(folder: Path, scheduler: str, steps: int) -> None:
    """Make ``scheduler`` in ``steps`` steps what the model in ``folder`` is sampled with from now on."""
    replace_file(folder, SAMPLING, _text(replace(read_sampling_defaults(folder), scheduler=scheduler, steps=steps)))


def write_tuned(folder: Path, tableau: SolverTableau) -> None:
    """Add a solver to the model's ``tuned``, in place of an earlier one of as many steps."""
    sampling_defaults = read_sampling_defaults(folder)
    tuned = {**sampling_defaults.tuned, tableau.num_inference_steps: tableau}
    replace_file(folder, SAMPLING, _text(replace(sampling_defaults, tuned=tuned)))
