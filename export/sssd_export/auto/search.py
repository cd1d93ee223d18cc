"""``sssd-export auto MODEL DATA``: the fastest engine whose forecasts are as good as the slow sampler's.

Every solver is scored on validation windows. The cheapest good ones are compiled for every target that runs here, in
every precision. Each engine is scored on the same windows from the same noise, and timed. The fastest that loses no
more CRPS than allowed is written, with the whole search in its manifest and a picture of it beside.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sssd_engine.engine import Engine, load_engine
from sssd_engine.manifest import read_manifest, write_manifest
from sssd_export.auto.plot_search import plot_search
from sssd_export.build.assemble import shared_traces
from sssd_export.forecaster import engine_inputs
from sssd_export.request import ExportOptions, export_request, open_target
from sssd_registry.comparison.compare import Setting, compare
from sssd_registry.comparison.table import Comparison, Row
from sssd_registry.data.panel import Panel
from sssd_registry.data.read_windows import read_scored_windows
from sssd_registry.data.split import origins_between
from sssd_registry.data.windows import Windows, futures_at, windows_at
from sssd_registry.errors import SSSDError
from sssd_registry.evaluation.multivariate import energy_score
from sssd_registry.evaluation.scores import crps
from sssd_registry.extras import installed
from sssd_registry.files.atomic import atomic_directory, check_replaceable
from sssd_registry.files.folder_kinds import ENGINE
from sssd_registry.model.batches import evenly_spaced, to_tensors
from sssd_registry.model_pipeline import ModelPipeline
from sssd_registry.plugin_api.given_head import Head
from sssd_registry.plugin_api.hookspecs import Report
from sssd_registry.plugin_api.registry import registry

# What the engine replaces, and is measured against.
REFERENCE = ("ddim", 100)
STEPS = (4, 6, 8, 10, 15, 20)
PICTURE = "search.png"
LOOPS = ("unrolled", "loop")
# All that there is to build where the network is not in use: what is left runs in ONNX Runtime, whatever the target.
_CLOSED_FORM = (("onnx", "fp32"),)
# Solvers that are compiled: the cheapest good ones of so many different costs. Reduced precision may cost the cheapest
# what it had left of the tolerance.
_COMPILED = 3
_ROUNDS, _CALLS = 5, 5
# Seconds before an engine's calls: the threads of the one before wait for more work, and share the processor until
# they give up.
_REST = 0.1


@dataclass(frozen=True)
class Trial:
    """One engine.

    Attributes:
        loss: CRPS over that of DDIM in 100 steps (of a distilled model: its own solver), less one.
        energy: energy score of the windows' paths, in standard units as CRPS is.
        milliseconds: of one window's forecast; the median of alternating rounds.
        within: the loss is no more than allowed.
        problem: why it could not be built, or nothing; the figures are then zero.
    """

    scheduler: str
    steps: int
    calls: int
    target: str
    precision: str
    loop: str
    crps: float = 0.0
    loss: float = 0.0
    energy: float = 0.0
    milliseconds: float = 0.0
    within: bool = False
    problem: str = ""

    @property
    def label(self) -> str:
        return f"{self.scheduler}-{self.steps}, {self.target} {self.precision} {self.loop}"


@dataclass(frozen=True)
class Scored:
    """Validation windows with what came to be, in standard units, which scores are in.

    ``as_scaled`` brings samples to the scale that these are of: a price to its logarithm.
    """

    windows: Windows
    location: Any
    scale: Any
    observed: Any
    as_scaled: Callable[[Tensor], Tensor]

    def scores(self, engine: Engine, samples: int, seed: int) -> tuple[float, float]:
        """Mean CRPS, and mean energy score, of an engine's forecasts."""
        made = np.concatenate(
            [part.samples for part in engine.stream(engine_inputs(self.windows, engine.horizons), samples, seed)]
        )
        scaled = self.as_scaled(torch.from_numpy(made)).numpy()
        standard = (scaled - self.location[:, None]) / self.scale[:, None]
        return float(crps(standard, self.observed).mean()), float(energy_score(standard, self.observed).mean())


def auto_export(
    model: Path,
    data: Path | Panel,
    order: ExportOptions,
    out: Path,
    setting: Setting,
    state_file: Path,
    report: Report,
    head: Head | None = None,
) -> dict[str, Any]:
    """Search, and write the fastest good engine to ``out``.

    Args:
        model: model folder.
        data: file with the history that the validation windows need.
        order: what all engines have in common; its target and scheduler, where given, are the only ones tried, and
            steps.
        out: engine folder.
        setting: windows, samples and tolerance.
        state_file: where scores of solvers are kept, as ``sssd compare`` does: interrupted, the search goes on there.
        report: told trials done, trials in all, and what is next.
        head: the model's, where it was given from Python.

    Returns:
        the manifest, with ``search``.

    Raises:
        SSSDError: unusable model or data, or no engine is good enough.
    """
    check_replaceable(out, owner=ENGINE)
    pipeline = ModelPipeline.from_pretrained(model, head=head)
    distilled = pipeline.distilled  # its own solver is then all there is to be as good as
    scheduler, count = REFERENCE if distilled is None else (distilled.scheduler, distilled.steps)
    base = compare(model, data, [scheduler], [count], setting, state_file, head=head).best
    names = None if order.scheduler is None else [order.scheduler]
    steps = STEPS if order.steps is None else [order.steps]
    if not pipeline.network.in_use:  # in closed form no solver has anything to do
        names, steps = [order.scheduler or scheduler], [order.steps or count]
    solvers = compare(model, data, names, steps, setting, state_file, report, head)
    chosen = shortlist(solvers.rows, base.crps * (1 + setting.tolerance))
    if not chosen:
        best = solvers.best
        raise SSSDError(
            f"no solver is within {setting.tolerance:.1%} of {base.label}'s CRPS of {base.crps:.4f};"
            f" the best, {best.label}, has {best.crps:.4f}: allow more loss or more steps"
        )
    with tempfile.TemporaryDirectory() as folder, shared_traces():
        trials = _trials(model, pipeline, data, order, chosen, base.crps, setting, Path(folder), report)
        good = [trial for trial in trials if trial.within]
        if not good:
            raise SSSDError(f"no engine is within {setting.tolerance:.1%}: {_problems(trials)}")
        best_trial = min(good, key=lambda trial: trial.milliseconds)
        search = _search(solvers, base, trials, best_trial, setting)
        with atomic_directory(out, owner=ENGINE) as new:
            shutil.copytree(_place(Path(folder), best_trial), new, dirs_exist_ok=True)
            if installed("matplotlib"):  # nobody asked for the picture, and the search may have taken an hour
                plot_search(search, new / PICTURE)
            write_manifest(new, {**read_manifest(new), "search": search})
            return read_manifest(new)


def shortlist(rows: Sequence[Row], most: float) -> list[Row]:
    """Keep the best row of each of the lowest numbers of calls, among those with a CRPS of at most ``most``."""
    kept: dict[int, Row] = {}
    for row in sorted(rows, key=lambda row: (row.calls, row.crps)):
        if row.crps <= most:
            kept.setdefault(row.calls, row)
    return list(kept.values())[:_COMPILED]


def targets_here(wanted: str | None) -> Iterator[tuple[str, str]]:
    """Targets, as ``--target`` takes them, whose engines run on this machine, with their precisions."""
    for name in [wanted] if wanted else sorted(registry().targets):
        spec, _ = open_target(name)
        if reason := spec.run_unavailable():
            if wanted:
                raise SSSDError(f"target {name!r} cannot be tried here: {reason}")
            continue
        if spec.native_code and not wanted:
            continue
        for precision in spec.precisions:
            yield name, precision


def _trials(
    model: Path, pipeline: ModelPipeline, data: Path | Panel, order: ExportOptions, chosen: Sequence[Row], base: float,
    setting: Setting, folder: Path, report: Report,
) -> list[Trial]:  # fmt: skip
    """Build, score and time every engine."""
    scored = validation_windows(pipeline, data, setting.max_windows)
    tried = [
        Trial(row.scheduler, row.steps, row.calls, target, precision, loop)
        for row in chosen
        for target, precision in (targets_here(order.target) if pipeline.network.in_use else _CLOSED_FORM)
        for loop in ([order.loop] if order.loop else LOOPS if pipeline.network.in_use else LOOPS[:1])
        if precision != "int8" or loop != "loop"  # which cannot be built
    ]
    engines: dict[Trial, Engine] = {}
    trials = []
    for done, trial in enumerate(tried):
        report(done, len(tried), trial.label)
        asked = replace(
            order, target=trial.target, scheduler=trial.scheduler, steps=trial.steps, precision=trial.precision,
            loop=trial.loop,
        )  # fmt: skip
        place = _place(folder, trial)
        place.mkdir()
        try:
            spec, request = export_request(model, asked, pipeline)
            spec.build(request, place)
        except SSSDError as error:
            trials.append(replace(trial, problem=str(error)))
            continue
        # It was built a moment ago, here.
        engine = load_engine(place, threads=torch.get_num_threads(), trust_native_code=True)
        found, energy = scored.scores(engine, setting.samples, setting.seed)
        loss = found / base - 1
        trials.append(replace(trial, crps=found, loss=loss, energy=energy, within=loss <= setting.tolerance))
        engines[trials[-1]] = engine
    report(len(tried), len(tried), "timing")
    taken = _timed(engines, scored.windows.part(0, 1), setting.samples)
    return [replace(trial, milliseconds=taken.get(trial, 0.0)) for trial in trials]


def validation_windows(pipeline: ModelPipeline, data: Path | Panel, most: int) -> Scored:
    """The windows that ``sssd compare`` scores on, raw."""
    record, spec = pipeline.record, pipeline.spec
    if record is None:
        raise SSSDError("this model has no training record, which says where its validation data are")
    horizons = [int(horizon) for horizon in spec.horizons]
    source = read_scored_windows(data, spec, max(horizons))
    origins = evenly_spaced(origins_between(source, record.validation_start, record.test_start, max(horizons)), most)
    windows = windows_at(source, origins)
    values, times = to_tensors(windows, spec, torch.device("cpu"))
    bars = torch.tensor(horizons, dtype=torch.float32)
    normalizer = pipeline.network.normalizer
    with torch.no_grad():
        location, scale = (tensor.numpy() for tensor in normalizer.location_scale(values, times, bars))
        future = torch.from_numpy(futures_at(source, origins, horizons))
        observed = normalizer.standardize(future, values, times, bars).double().numpy()
    return Scored(windows, location, scale, observed, pipeline.network.target_values.scaled)


def _timed(engines: dict[Trial, Engine], window: Windows, samples: int) -> dict[Trial, float]:
    """Milliseconds of one window's forecast by each; a slow moment of the machine falls on all of them alike."""
    feed = engine_inputs(window)
    taken: dict[Trial, list[float]] = {trial: [] for trial in engines}
    for _ in range(_ROUNDS):
        for trial, engine in engines.items():
            time.sleep(_REST)
            calls = []
            for _ in range(_CALLS):
                started = time.perf_counter()
                engine(feed, samples)
                calls.append(1e3 * (time.perf_counter() - started))
            taken[trial].append(median(calls[_CALLS // 2 :]))  # the first find caches that are another's
    return {trial: median(times) for trial, times in taken.items()}


def _place(folder: Path, trial: Trial) -> Path:
    return folder / trial.label.replace("/", "_").replace(", ", "-").replace(" ", "-")


def _search(solvers: Comparison, base: Row, trials: Sequence[Trial], best: Trial, setting: Setting) -> dict[str, Any]:
    return {
        "reference": {"scheduler": base.scheduler, "steps": base.steps, "crps": base.crps, "energy": base.energy},
        "tolerance": setting.tolerance,
        "part": solvers.part,
        "windows": solvers.windows,
        "samples": setting.samples,
        "threads": solvers.threads,
        "choice": best.label,
        "network_in_use": solvers.network_in_use,
        "solvers": [{"scheduler": row.scheduler, "steps": row.steps, "calls": row.calls, "crps": row.crps,
                     "energy": row.energy} for row in solvers.rows],
        "engines": [{**asdict(trial), "label": trial.label} for trial in trials],
    }  # fmt: skip


def _problems(trials: Sequence[Trial]) -> str:
    return "; ".join(f"{trial.label}: {trial.problem or f'loses {trial.loss:.1%}'}" for trial in trials[:4])
