"""The comparison itself: one model, one set of windows, one noise, many solvers."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from sssd_registry.comparison.candidates import Candidate, find_candidates, split_finite
from sssd_registry.comparison.quality import Quality, quality
from sssd_registry.comparison.results_file import Results
from sssd_registry.comparison.table import Comparison, Row
from sssd_registry.data.effective_windows import WindowPlaces
from sssd_registry.data.origins import Origins, window_places
from sssd_registry.data.other_frames import Data
from sssd_registry.data.panel import Panel
from sssd_registry.data.read_windows import read_scored_windows
from sssd_registry.data.split import origins_between, origins_from
from sssd_registry.data.windows import Windows, WindowSource, data_digest, windows_at
from sssd_registry.errors import SSSDError
from sssd_registry.evaluation.encoded_windows import encode_windows
from sssd_registry.evaluation.path_scores import whole_path_error
from sssd_registry.evaluation.scores import standard_error
from sssd_registry.model.batches import evenly_spaced
from sssd_registry.model_pipeline import ModelPipeline, forecast_samples
from sssd_registry.plugin_api.given_head import Head
from sssd_registry.plugin_api.hookspecs import Report, silent
from sssd_registry.sampling.noise import path_noise

_ROUNDS = 5
Part = Literal["validation", "test"]


@dataclass(frozen=True)
class Setting:
    """Settings of a comparison: windows, samples, seed and tolerance."""

    part: Part = "validation"
    max_windows: int = 200
    samples: int = 100
    seed: int = 0
    tolerance: float = 0.01


def compare(
    model: str | Path,
    data: Data | Panel,
    schedulers: Sequence[str] | None = None,
    steps: Sequence[int] = (4, 6, 8, 10, 15, 20, 50, 100),
    setting: Setting = Setting(),
    results_file: Path | None = None,
    report: Report = silent,
    head: Head | None = None,
) -> Comparison:
    """Score and time every scheduler in every number of steps.

    Args:
        model: model folder.
        data: frame or file with the history the windows need.
        schedulers: names; ``None`` for all.
        steps: numbers of inference steps.
        setting: windows and samples.
        results_file: where finished rows are kept, if anywhere; those of the same model, data and setting are not run
            again.
        report: told rows done, rows in all, and what is next.
        head: the model's, where it was given from Python.

    Raises:
        SSSDError: unusable model or data, an unknown scheduler, or nothing to compare.
    """
    pipeline = ModelPipeline.from_pretrained(model, head=head)
    candidates, skipped = find_candidates(pipeline, schedulers, steps)
    horizons = [int(horizon) for horizon in pipeline.spec.horizons]
    source = read_scored_windows(data, pipeline.spec, max(horizons))
    origins = evenly_spaced(_origins(pipeline, source, setting.part, max(horizons)), setting.max_windows)
    state = Results(results_file, _fingerprint(Path(model), source, origins, setting))
    windows = encode_windows(pipeline.network, source, origins, horizons)
    found: list[Quality] = []
    for done, candidate in enumerate(candidates):
        report(done, len(candidates), f"{candidate.scheduler}, {candidate.steps} steps")
        known = state.get(candidate)
        if known is None:
            known = quality(windows, candidate.tableau, setting.samples, setting.seed, horizons)
            state.put(candidate, known)
        found.append(known)
    candidates, found, broken = split_finite(candidates, found)
    skipped += broken
    report(len(candidates), len(candidates), "timing")
    milliseconds = time_candidates(pipeline, windows_at(source, origins.take(np.array([0]))), candidates, setting)
    places = window_places(source, origins)
    rows = make_rows(candidates, found, milliseconds, horizons, places, setting.tolerance)
    return Comparison(
        rows, tuple(skipped), setting.tolerance, setting.part, len(origins), setting.samples, torch.get_num_threads(),
        pipeline.record is not None and pipeline.record.network_in_use,
    )  # fmt: skip


def make_rows(
    candidates: Sequence[Candidate],
    found: Sequence[Quality],
    milliseconds: Sequence[float],
    horizons: Sequence[int],
    places: WindowPlaces,
    tolerance: float,
) -> tuple[Row, ...]:
    """Rows by CRPS, each beside the best."""

    def excess(one: Quality, other: Quality) -> tuple[float, float]:
        """Return how far ``one`` is above ``other``, as a share, and its standard error: same windows, same noise."""
        error = standard_error((one.crps - other.crps)[..., None], horizons, places)
        base = abs(float(other.crps.mean()))
        return float((one.crps - other.crps).mean()) / base, error / base

    best = min(found, key=lambda one: float(one.crps.mean()))
    rows = []
    for candidate, one, taken in zip(candidates, found, milliseconds, strict=True):
        above, error = excess(one, best)
        rows.append(
            Row(
                candidate.scheduler, candidate.steps, candidate.tableau.num_calls,
                float(one.crps.mean()), standard_error(one.crps[..., None], horizons, places),
                above, error, above <= tolerance,
                one.coverage_50, one.coverage_90, taken,
                float(one.energy.mean()), whole_path_error(one.energy, horizons, places),
                float(one.variogram.mean()), whole_path_error(one.variogram, horizons, places),
            )
        )  # fmt: skip
    return tuple(sorted(rows, key=lambda row: (row.crps, row.calls, row.scheduler, row.steps)))


def time_candidates(
    pipeline: ModelPipeline, window: Windows, candidates: Sequence[Candidate], setting: Setting
) -> list[float]:
    """Milliseconds of one window's forecast by each; a slow moment of the machine falls on all of them alike."""
    bars = [float(horizon) for horizon in pipeline.spec.horizons]
    taken: list[list[float]] = [[] for _ in candidates]
    for round_ in range(1 + _ROUNDS):
        for index, candidate in enumerate(candidates):
            shape = pipeline.network.noise_shape(candidate.tableau)
            noise = path_noise(setting.seed, 0, 1, setting.samples, shape).to(pipeline.device)
            started = time.perf_counter()
            forecast_samples(pipeline.network, candidate.tableau, window, bars, noise)
            if round_:  # the first warms up
                taken[index].append(time.perf_counter() - started)
    return [1000 * statistics.median(times) for times in taken]


def _origins(pipeline: ModelPipeline, source: WindowSource, part: Part, farthest: int) -> Origins:
    record = pipeline.record
    if record is None:
        raise SSSDError("this model has no training record, which says where its validation data are")
    if part == "test":
        return origins_from(source, record.test_start, farthest)
    return origins_between(source, record.validation_start, record.test_start, farthest)


def _fingerprint(model: Path, source: WindowSource, origins: Origins, setting: Setting) -> str:
    digest = hashlib.sha256((model / "model.safetensors").read_bytes())
    digest.update(repr((setting.samples, setting.seed, source.spec.model_dump_json(), data_digest(source))).encode())
    for rows in (origins.series, origins.row):
        digest.update(np.ascontiguousarray(rows).tobytes())
    return digest.hexdigest()
