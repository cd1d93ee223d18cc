"""Scores of a forecaster on data it was not trained on, beside the random walk and the seasonal baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sssd_registry.data.origins import origin_times
from sssd_registry.data.other_frames import Data
from sssd_registry.data.panel import Panel
from sssd_registry.evaluation.calibration import Calibration, calibration
from sssd_registry.evaluation.path_scores import PathScores, path_scores
from sssd_registry.evaluation.plugin_metrics import AskedMetric, MetricScore, find_metrics, metric_score
from sssd_registry.evaluation.rivals import Rivals, forecast_rivals
from sssd_registry.evaluation.scores import Scores, score
from sssd_registry.forecaster import Forecaster


@dataclass(frozen=True)
class Evaluation:
    """Scores by forecaster (``model``, ``random walk``, ``seasonal naive``) on the same windows.

    Attributes:
        scores: of each horizon and target by itself.
        paths: of whole paths.
        calibration: the model's.
        windows: how many.
        start: the first origin.
        end: the last.
        horizons: in bars.
        metrics: by metric that was asked for, and forecaster.
    """

    scores: dict[str, Scores]
    paths: dict[str, PathScores]
    calibration: Calibration
    windows: int
    start: np.datetime64
    end: np.datetime64
    horizons: tuple[int, ...]
    metrics: dict[str, dict[str, MetricScore]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the entries for JSON."""
        return {
            "windows": self.windows,
            "start": str(self.start),
            "end": str(self.end),
            "horizons": list(self.horizons),
            "calibration": self.calibration.to_dict(),
            "scores": {name: scores.to_dict() | self.paths[name].to_dict() for name, scores in self.scores.items()},
            **({"metrics": self._metrics()} if self.metrics else {}),
        }

    def _metrics(self) -> dict[str, Any]:
        return {name: {of: asdict(one) for of, one in scores.items()} for name, scores in self.metrics.items()}

    def rows(self) -> dict[str, dict[str, str]]:
        """Forecaster -> label -> text, for a table."""
        return {
            name: scores.rows()
            | self.paths[name].rows()
            | {metric: str(found[name]) for metric, found in self.metrics.items()}
            for name, scores in self.scores.items()
        }


def evaluate(
    forecaster: Forecaster,
    data: Data | Panel,
    *,
    start: pd.Timestamp | None = None,
    horizons: Sequence[float | str] | None = None,
    num_samples: int | None = None,
    seed: int = 0,
    max_windows: int | None = None,
    metrics: Sequence[str] = (),
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
        metrics: of plugins, to be scored besides: ``NAME`` or ``NAME:option=value``.
        report: told windows done and windows in all.

    Raises:
        SSSDError: unusable data, or none after ``start``, or a fraction of a bar.
    """
    asked = find_metrics(metrics)  # a wrong name should not cost the forecasts
    made = forecast_rivals(
        forecaster,
        data,
        start=start,
        horizons=horizons,
        num_samples=num_samples,
        seed=seed,
        max_windows=max_windows,
        report=report,
    )
    return score_rivals(made, asked)


def score_rivals(made: Rivals, asked: Sequence[AskedMetric] = ()) -> Evaluation:
    """Score forecasts that were made, by the metrics ``asked`` for as well."""
    spec, places, bars = made.source.spec, made.places, made.horizons
    ends = made.origins.take(np.array([0, len(made.origins) - 1]))
    begin, end = origin_times(made.source, ends).astype("datetime64[s]")
    drawn = made.samples.items()
    return Evaluation(
        scores={name: score(samples, made.y, made.last, bars, places=places) for name, samples in drawn},
        paths={
            name: path_scores(samples, made.y, made.last, bars, spec.targets, places=places) for name, samples in drawn
        },
        calibration=calibration(made.samples["model"], made.y, bars, places=places),
        windows=len(made.origins),
        start=begin,
        end=end,
        horizons=bars,
        metrics={
            one.text: {name: metric_score(one, samples, made.y, bars, places) for name, samples in drawn}
            for one in asked
        },
    )
