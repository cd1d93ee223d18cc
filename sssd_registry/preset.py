"""How a model is sampled when nothing is asked for, and the solvers tuned for it: ``sampling.json`` in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sssd_registry.atomic import atomic_file
from sssd_registry.errors import SSSDError
from sssd_registry.registry import TUNED
from sssd_registry.schedule import NoiseSchedule
from sssd_registry.schedulers import make_scheduler
from sssd_registry.tableau import SolverTableau

FILE = "sampling.json"

DEFAULT_STEPS = 20


@dataclass(frozen=True)
class Preset:
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
        from sssd_registry.replay import TableauScheduler

        if not self.tuned:
            raise SSSDError("this model has no tuned solver: make one with `sssd tune MODEL DATA --steps 8`")
        return TableauScheduler(self.tuned.values())

    def steps_for(self, scheduler: str | None) -> int:
        """The number of steps where none is asked for: the model's own, unless another scheduler is."""
        if scheduler == TUNED and self.tuned:
            return self.steps if self.scheduler == TUNED else max(self.tuned)
        return self.steps if scheduler in (None, self.scheduler) else DEFAULT_STEPS


def read_preset(folder: Path) -> Preset:
    """What the folder says; without a file nothing was ever set.

    Raises:
        SSSDError: the file is damaged.
    """
    file = folder / FILE
    if not file.exists():
        return Preset()
    try:
        tree = json.loads(file.read_text())
        tuned = [SolverTableau.from_json(json.dumps(entry)) for entry in tree["tuned"]]
        steps, scheduler = int(tree["steps"]), tree["scheduler"]
        if steps < 1 or not (scheduler is None or isinstance(scheduler, str)):
            raise ValueError(f"scheduler {scheduler!r} in {steps} steps")
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise SSSDError(f"{file} is damaged ({type(error).__name__}: {error}): delete it, then set it anew") from None
    return Preset(scheduler, steps, {tableau.num_inference_steps: tableau for tableau in tuned})


def write_preset(folder: Path, preset: Preset) -> None:
    """Write the file, complete or not at all."""
    tree = {
        "scheduler": preset.scheduler,
        "steps": preset.steps,
        "tuned": [json.loads(tableau.to_json()) for tableau in preset.tuned.values()],
    }
    with atomic_file(folder / FILE) as new:
        new.write_text(json.dumps(tree, indent=1) + "\n")


def write_default(folder: Path, scheduler: str, steps: int) -> None:
    """Make ``scheduler`` in ``steps`` steps what the model in ``folder`` is sampled with from now on."""
    write_preset(folder, replace(read_preset(folder), scheduler=scheduler, steps=steps))


def write_tuned(folder: Path, tableau: SolverTableau) -> None:
    """Add a solver to the model's ``tuned``, in place of an earlier one of as many steps."""
    preset = read_preset(folder)
    write_preset(folder, replace(preset, tuned={**preset.tuned, tableau.num_inference_steps: tableau}))
