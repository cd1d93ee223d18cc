"""Candidates of a comparison: the schedulers and numbers of steps, and those that cannot be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sssd_registry.comparison.quality import Quality
from sssd_registry.errors import SSSDError
from sssd_registry.model_pipeline import ModelPipeline
from sssd_registry.plugin_api.check_spec import TUNED
from sssd_registry.plugin_api.make_scheduler import solver_tableau
from sssd_registry.plugin_api.registry import registry
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.storage.distilled import check_solver


@dataclass(frozen=True)
class Candidate:
    """A scheduler, as ``--scheduler`` takes it, in a number of steps."""

    scheduler: str
    steps: int
    tableau: SolverTableau


@dataclass(frozen=True)
class Skipped:
    """A solver that cannot be compared, and why."""

    scheduler: str
    steps: int | None
    reason: str


def find_candidates(
    pipeline: ModelPipeline, schedulers: Sequence[str] | None, steps: Sequence[int]
) -> tuple[list[Candidate], list[Skipped]]:
    """Make every solver.

    Args:
        pipeline: the model.
        schedulers: names; ``None`` for all that are installed, and the model's own tuned solvers, or for the one
            solver of a distilled model.
        steps: numbers of steps; the tuned solvers have their own.

    Raises:
        SSSDError: nothing is left to compare.
    """
    candidates: list[Candidate] = []
    skipped: list[Skipped] = []
    if schedulers is None and pipeline.distilled is not None:
        schedulers, steps = [pipeline.distilled.scheduler], [pipeline.distilled.steps]
    names = list(registry().schedulers) if schedulers is None else list(schedulers)
    if schedulers is None:
        distilled = [name for name in names if registry().schedulers[name].consistency]
        skipped += [Skipped(name, None, "samples right only from a distilled network") for name in distilled]
        names = [name for name in names if name not in distilled] + [TUNED] * bool(pipeline.sampling_defaults.tuned)
    schedule = pipeline.network.schedule
    for name in names:
        try:
            scheduler = pipeline.sampling_defaults.make_scheduler(name, schedule)
        except SSSDError as error:
            skipped.append(Skipped(name, None, str(error)))
            continue
        for count in sorted(pipeline.sampling_defaults.tuned) if name == TUNED else steps:
            try:
                tableau = solver_tableau(scheduler, schedule, count)
                check_solver(tableau, pipeline.distilled, schedule)
                candidates.append(Candidate(name, count, tableau))
            except SSSDError as error:
                skipped.append(Skipped(name, count, str(error)))
    if not candidates:
        raise SSSDError(f"nothing to compare: {skipped[0].reason}" if skipped else "nothing to compare")
    return candidates, skipped


def split_finite(
    candidates: Sequence[Candidate], found: Sequence[Quality]
) -> tuple[list[Candidate], list[Quality], list[Skipped]]:
    """Set apart the solvers that diverge on this model: nothing can be ranked beside NaN.

    Raises:
        SSSDError: all of them do.
    """
    finite = [bool(np.isfinite(one.crps).all()) for one in found]
    if not any(finite):
        raise SSSDError("nothing to compare: no solver gives finite forecasts of this model; was it trained?")
    kept = [index for index, good in enumerate(finite) if good]
    broken = [candidate for candidate, good in zip(candidates, finite, strict=True) if not good]
    reason = "its forecasts are not finite"
    skipped = [Skipped(one.scheduler, one.steps, reason) for one in broken]
    return [candidates[index] for index in kept], [found[index] for index in kept], skipped
