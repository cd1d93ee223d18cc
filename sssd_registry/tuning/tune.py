"""Tuning: from a model folder and data to a tuned solver, and how it compares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sssd_registry.data.other_frames import Data
from sssd_registry.data.panel import Panel
from sssd_registry.data.read_windows import read_scored_windows
from sssd_registry.data.split import origins_between
from sssd_registry.errors import SSSDError
from sssd_registry.evaluation.encoded_windows import encode_windows
from sssd_registry.evaluation.scores import crps
from sssd_registry.model.batches import evenly_spaced
from sssd_registry.model_pipeline import ModelPipeline
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.tuning.search_timesteps import REFERENCE_STEPS, make_objective, search_timesteps

_TUNING_WINDOWS, _SCORING_WINDOWS, _SAMPLES = 32, 128, 64


@dataclass(frozen=True)
class Row:
    """One solver, as it compares.

    Attributes:
        solver: scheduler and steps.
        calls: network calls.
        distance: to the samples of DPM-Solver++ in 200 steps, RMS in standard units.
        crps: on the validation part.
    """

    solver: str
    calls: int
    distance: float
    crps: float


def tune(
    model: ModelPipeline | str | Path,
    data: Data | Panel,
    steps: int = 8,
    *,
    report: Callable[[int, float], None] | None = None,
) -> tuple[SolverTableau, list[Row]]:
    """Tune a solver of ``steps`` steps on windows of the validation part, never of the test part.

    ``sssd_registry.storage.sampling_defaults.write_tuned`` keeps it with the model, as its scheduler ``tuned``.

    Args:
        model: a pipeline, or the model's folder.
        data: frame or file with the model's validation data.
        steps: N, 2 or more.
        report: told evaluations done and the best distance so far.

    Returns:
        the solver, and beside it what it is to be measured against.

    Raises:
        SSSDError: no training record, unusable data, or fewer than 2 steps.
    """
    pipeline = model if isinstance(model, ModelPipeline) else ModelPipeline.from_pretrained(model)
    record = pipeline.record
    if record is None:
        raise SSSDError("this model has no training record, which says where its validation data are")
    if record.distilled is not None:
        raise SSSDError(f"this model is distilled, for {record.distilled}: tune the one it was made from")
    horizons = [int(horizon) for horizon in pipeline.spec.horizons]
    source = read_scored_windows(data, pipeline.spec, max(horizons))
    origins = origins_between(source, record.validation_start, record.test_start, max(horizons))
    network, schedule = pipeline.network, pipeline.network.schedule
    objective = make_objective(
        encode_windows(network, source, evenly_spaced(origins, _TUNING_WINDOWS), horizons), schedule
    )
    tableau, _ = search_timesteps(objective, schedule, steps, report=report)
    scoring = encode_windows(network, source, evenly_spaced(origins, _SCORING_WINDOWS), horizons)
    return tableau, [
        Row(
            name,
            made.num_calls,
            objective(made),
            float(crps(scoring.forecast(made, _SAMPLES, seed=0), scoring.observed).mean()),
        )
        for name, made in [("tuned", tableau), *_rivals(schedule, steps)]
    ]


def _rivals(schedule: NoiseSchedule, steps: int) -> list[tuple[str, SolverTableau]]:
    """Return as many steps by the usual solvers, and the solver that the tuned one is to be as good as."""
    slow = "flow-euler" if schedule.is_flow else "ddim"
    wanted = [("dpmsolver++", steps), ("unipc", steps), (slow, 100), ("dpmsolver++", REFERENCE_STEPS)]
    return [(name, solver_tableau(make_scheduler(name, schedule), schedule, count)) for name, count in wanted]
