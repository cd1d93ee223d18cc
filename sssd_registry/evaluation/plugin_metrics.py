"""Scores that plugins bring: found by name, made, and asked; whatever is wrong with one is told in a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sssd_registry.data.effective_windows import WindowPlaces
from sssd_registry.errors import SSSDError
from sssd_registry.evaluation.path_scores import whole_path_error
from sssd_registry.evaluation.scores import without_missing
from sssd_registry.options import build_options, split_options
from sssd_registry.plugin_api.discovery import one_line
from sssd_registry.plugin_api.hookspecs import Metric
from sssd_registry.plugin_api.registry import registry

Array = npt.NDArray[np.float64]

# Windows that a metric is given at a time: it may hold many copies of their samples.
_AT_ONCE = 64


@dataclass(frozen=True)
class AskedMetric:
    """A metric as it was asked for, ``text`` such as ``twcrps:above=100``, and the plugin that it is of."""

    text: str
    plugin: str
    score: Metric


@dataclass(frozen=True)
class MetricScore:
    """Mean of a metric over windows, and its standard error: windows that overlap count as fewer."""

    mean: float
    se: float

    def __str__(self) -> str:
        return f"{self.mean:.4g} ± {self.se:.1g}"


def find_metrics(texts: Sequence[str]) -> list[AskedMetric]:
    """Make the metrics named by ``texts``, ``NAME`` or ``NAME:option=value,…``.

    Raises:
        SSSDError: unknown name or option, one that cannot be used here, or one whose factory fails.
    """
    found = []
    for text in dict.fromkeys(texts):
        name, values = split_options(text)
        spec = registry().metrics[name]
        plugin, options = registry().metrics.plugin_of(name), build_options("metric", name, spec.options, values)
        try:
            made = spec.factory(options)
        except Exception as error:  # a plugin's own code
            raise SSSDError(f"metric {text!r} ({plugin}) cannot be made: {one_line(error)}") from error
        found.append(AskedMetric(text, plugin, made))
    return found


def metric_score(
    metric: AskedMetric, samples: Array, y: Array, horizons: Sequence[float], places: WindowPlaces
) -> MetricScore:
    """Ask a metric for the scores of samples ``(B, S, K, C)`` of ``y (B, K, C)``, NaN where missing.

    Raises:
        SSSDError: it fails, or does not give a number for each window that has anything to score.
    """
    parts = [
        _asked(metric, samples[first : first + _AT_ONCE], y[first : first + _AT_ONCE])
        for first in range(0, len(y), _AT_ONCE)
    ]
    values = without_missing(np.concatenate(parts))
    return MetricScore(float(values.mean()), whole_path_error(values, horizons, places))


def _asked(metric: AskedMetric, samples: Array, y: Array) -> Array:
    """Scores of some windows, ``(B,)``. What the metric is given cannot be written to."""
    given = samples.view(), y.view()
    for array in given:
        array.flags.writeable = False
    try:
        values = np.asarray(metric.score(*given), dtype=np.float64)
    except Exception as error:  # a plugin's own code
        raise SSSDError(f"metric {metric.text!r} ({metric.plugin}) failed: {one_line(error)}") from error
    if values.shape != (len(y),):
        raise SSSDError(
            f"metric {metric.text!r} ({metric.plugin}) gave an array of shape {values.shape} for {len(y)} windows; it"
            f" has to give one number for each, ({len(y)},)"
        )
    observed = ~np.isnan(y).all(axis=(1, 2))
    if not np.isfinite(values[observed]).all():
        raise SSSDError(f"metric {metric.text!r} ({metric.plugin}) gave a score that is no finite number")
    return np.where(observed, values, np.nan)
