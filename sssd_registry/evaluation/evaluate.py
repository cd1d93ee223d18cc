"""Scores of a forecaster on data it was not trained on, beside the random walk and the seasonal baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.data.panel import Panel, read_panel, without_constants
from sssd_registry.data.split import origins_from
from sssd_registry.data.windows import (
    Origins,
    WindowSource,
    futures_at,
    history_at,
    window_places,
    window_source,
    windows_at,
    without_short,
)
from sssd_registry.errors import SSSDError
from sssd_registry.evaluation.baselines import random_walk, seasonal_naive
from sssd_registry.evaluation.path_scores import PathScores, path_scores
from sssd_registry.evaluation.scores import Scores, score
from sssd_registry.forecaster import Forecaster
from sssd_registry.horizons import check_horizons

Array = npt.NDArray[np.float64]

_WINDOWS_AT_ONCE = 64


@dataclass(frozen=True)
class Evaluation:
    """Scores by forecaster (``model``, ``random walk``, ``seasonal naive``) on the same windows.

    Attributes:
        scores: of each horizon and target by itself.
        paths: of whole paths.
        windows: how many.
        start: the first origin.
        end: the last.
        horizons: in bars.
    """

    scores: dict[str, Scores]
    paths: dict[str, PathScores]
    windows: int
    start: np.datetime64
    end: np.datetime64
    horizons: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the entries for JSON."""
        return {
            "windows": self.windows,
            "start": str(self.start),
            "end": str(self.end),
            "horizons": list(self.horizons),
            "scores": {name: scores.to_dict() | self.paths[name].to_dict() for name, scores in self.scores.items()},
        }

    def rows(self) -> dict[str, dict[str, str]]:
        """Forecaster -> label -> text, for a table."""
        return {name: scores.rows() | self.paths[name].rows() for name, scores in self.scores.items()}


def evaluate(
    forecaster: Forecaster,
    data: pd.DataFrame | str | Path | Panel,
    *,
    start: pd.Timestamp | None = None,
    horizons: Sequence[float | str] | None = None,
    num_samples: int | None = None,
    seed: int = 0,
    max_windows: int | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Forecast from every origin after ``start`` and score.

    Args:
        forecaster: a model or an engine.
        data: frame, file or panel, with the history the windows need.
        start: first origin; default: the end of the model's validation data, so that nothing of what it
            scores was seen in training.
        horizons: whole bars; default: the trained ones.
        num_samples: S; default: the forecaster's.
        seed: of the noise, and of the baselines' samples.
        max_windows: score only that many origins, evenly spaced.
        report: told windows done and windows in all.

    Raises:
        SSSDError: unusable data, or none after ``start``, or a fraction of a bar.
    """
    spec = forecaster.spec
    bars = [_whole(horizon) for horizon in check_horizons(horizons, spec)]
    panel = without_constants(read_panel(data, spec), spec)
    source = without_short(window_source(panel, spec), max(bars))
    first = forecaster.test_start if start is None else int(start.timestamp())
    origins = _origins(source, first, bars, max_windows)
    count = num_samples or forecaster.num_samples
    samples = _forecasts(forecaster, source, origins, bars, count, seed, report)
    # The seasonal baseline needs more than a season before its season, whatever the model looks back to.
    history = history_at(source, origins, max(spec.base.lookback, 2 * spec.season + 1))  # (B, H, C)
    future = futures_at(source, origins, bars)  # (B, K, C)
    log = spec.target_kind == "log-return"
    last = history[:, -1]  # (B, C)
    y, origin = (np.log(future / last[:, None]), np.zeros_like(last)) if log else (future, last)
    walk = random_walk(history, bars, count, np.random.default_rng(seed), window=forecaster.random_walk_window, log=log)
    seasonal = seasonal_naive(history, bars, count, np.random.default_rng(seed), season=spec.season, log=log)
    rivals = {"model": samples, "random walk": walk, "seasonal naive": seasonal}
    times = windows_at(source, origins.take(np.array([0, len(origins) - 1]))).times[spec.base.name][:, -1]
    begin, end = times.astype("datetime64[s]")
    places = window_places(source, origins)
    scores = {name: score(drawn, y, origin, bars, places=places) for name, drawn in rivals.items()}
    paths = {name: path_scores(drawn, y, origin, bars, spec.targets, places=places) for name, drawn in rivals.items()}
    return Evaluation(scores, paths, len(origins), begin, end, tuple(bars))


def _whole(horizon: float) -> int:
    if horizon != int(horizon):
        raise SSSDError(f"horizon {horizon:g}: only whole bars can be scored, nothing is known in between")
    return int(horizon)


def _origins(source: WindowSource, first: int, bars: Sequence[int], max_windows: int | None) -> Origins:
    try:
        origins = origins_from(source, first, max(bars))
    except SSSDError as error:
        when = pd.Timestamp(first, unit="s")
        raise SSSDError(
            f"nothing to score from {when} on, where the model's validation data end ({error}); give --start to"
            " score an earlier part, which the model may have been trained on"
        ) from None
    if max_windows is None or len(origins) <= max_windows:
        return origins
    return origins.take(np.linspace(0, len(origins) - 1, max_windows).round().astype(np.int64))


def _forecasts(
    forecaster: Forecaster,
    source: WindowSource,
    origins: Origins,
    bars: Sequence[int],
    num_samples: int,
    seed: int,
    report: Callable[[int, int], None] | None,
) -> Array:
    """Samples ``(B, S, K, C)``, in chunks, so that a long evaluation needs no more memory than a short one."""
    chunks: list[Array] = []
    for first in range(0, len(origins), _WINDOWS_AT_ONCE):
        chunk = origins.take(np.arange(first, min(first + _WINDOWS_AT_ONCE, len(origins))))
        # Each chunk has a seed of its own: the same noise for window 0 of every chunk would tie their errors.
        chunk_seed = seed * 1_000_003 + first
        forecast = forecaster(windows_at(source, chunk), horizons=bars, num_samples=num_samples, seed=chunk_seed)
        chunks.append(forecast.samples)
        if report is not None:
            report(first + len(chunk), len(origins))
    return np.concatenate(chunks)
