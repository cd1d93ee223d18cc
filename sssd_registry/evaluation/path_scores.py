"""Scores of forecasts as paths, which see what CRPS of single horizons and targets cannot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_registry.data.effective_windows import WindowPlaces, one_series
from sssd_registry.evaluation.multivariate import energy_score, variogram_pairs, variogram_score
from sssd_registry.evaluation.scores import coverage, crps, json_values, standard_error, without_missing
from sssd_registry.functionals import FUNCTIONALS

Array = npt.NDArray[np.float64]

SCORED = ("mean", "max", "min", "range", "last-first")
_NAMES = {"mean": "mean", "max": "maximum", "min": "minimum", "range": "range", "last-first": "last less first"}
# Targets whose own CRPS a table has room for; all are in the JSON.
_SHOWN = 3
# Floats of one chunk of the samples that is scaled at a time: 128 MB.
_AT_ONCE = 1 << 24


@dataclass(frozen=True)
class FunctionalScores:
    """Scores of one functional of the paths, by target.

    Attributes:
        crps: data units.
        crps_se: its standard error over windows, data units.
        coverage_50: share of windows in which what came to be lay within the central 50 % interval.
        coverage_90: the same for 90 %.
    """

    crps: dict[str, float]
    crps_se: dict[str, float]
    coverage_50: dict[str, float]
    coverage_90: dict[str, float]


@dataclass(frozen=True)
class PathScores:
    """Scores of one forecaster's paths over B windows.

    Attributes:
        energy_score: mean of :func:`~sssd_registry.evaluation.multivariate.energy_score`.
        variogram_score: mean of :func:`~sssd_registry.evaluation.multivariate.variogram_score`.
        crps_sum: mean CRPS of the sum over targets at each horizon (Salinas, Bohlke-Schneider, Callot, Medico and
            Gasthaus 2019, "High-dimensional multivariate forecasting with low-rank Gaussian copula processes",
            section 4), without their division by the sum of \\|y\\|; the CRPS where there is one target.
        energy_score_se, variogram_score_se, crps_sum_se: standard errors over windows. Those that overlap within the
            farthest horizon count as one.
        target_scales: by target, what these three are divided by, data units: 1 of a single target, so that they are
            in data units; of several the root mean square of what came to be less the origin, since their units may
            differ, so that they have none.
        functionals: by name, those of each target's path: mean, max, min, range, last-first, over the horizons that
            were scored; empty where that is one horizon.
    """

    energy_score: float
    energy_score_se: float
    variogram_score: float
    variogram_score_se: float
    crps_sum: float
    crps_sum_se: float
    target_scales: dict[str, float]
    functionals: dict[str, FunctionalScores]

    def to_dict(self) -> dict[str, Any]:
        """Return the entries for JSON."""
        return {name: json_values(value) for name, value in asdict(self).items()}

    def rows(self) -> dict[str, str]:
        """Label -> text, for a table."""
        several = len(self.target_scales) > 1
        unit = ", targets scaled" if several else ""
        table = {
            f"energy score{unit}": f"{self.energy_score:.4g} ± {self.energy_score_se:.1g}",
            f"variogram score{unit}": f"{self.variogram_score:.4g} ± {self.variogram_score_se:.1g}",
        }
        if several:
            table["CRPS of the targets' sum, scaled"] = f"{self.crps_sum:.4g} ± {self.crps_sum_se:.1g}"
        for name, scores in self.functionals.items():
            for target in list(self.target_scales)[:_SHOWN]:
                of = f" of {target}" if several else ""
                table[f"path's {_NAMES[name]}{of}, CRPS"] = f"{scores.crps[target]:.4g} ± {scores.crps_se[target]:.1g}"
            inside = (np.mean(list(shares.values())) for shares in (scores.coverage_50, scores.coverage_90))
            table[f"path's {_NAMES[name]}, in 50 / 90 %"] = " / ".join(f"{share:.1%}" for share in inside)
        return table


def path_scores(
    samples: Array,
    y: Array,
    origin: Array,
    horizons: Sequence[float],
    targets: Sequence[str],
    *,
    places: WindowPlaces | None = None,
) -> PathScores:
    """Score one forecaster's paths.

    Args:
        samples: ``(B, S, K, C)``, data units, S at least 2.
        y: what came to be, ``(B, K, C)``; NaN where it is missing: a path is scored as far as it was observed, and a
            functional of it where all of it was.
        origin: last known value, ``(B, C)``; 0 where the forecast is of log-returns.
        horizons: K, ascending, in bars.
        targets: C names.
        places: where the windows lie; default: one series, a window for each bar.

    Raises:
        ValueError: horizons that do not ascend.
    """
    if list(horizons) != sorted(horizons):
        raise ValueError(f"a path's horizons ascend, got {tuple(horizons)}")
    places = one_series(len(y)) if places is None else places
    scales = target_scales(y, origin)
    energy, variogram, summed = scores_by_window(samples, y, origin, horizons, scales)
    return PathScores(
        energy_score=float(energy.mean()),
        energy_score_se=whole_path_error(energy, horizons, places),
        variogram_score=float(variogram.mean()),
        variogram_score_se=whole_path_error(variogram, horizons, places),
        crps_sum=float(summed.mean()),
        crps_sum_se=standard_error(summed[..., None], horizons, places),
        target_scales=dict(zip(targets, scales.tolist(), strict=True)),
        functionals=_functionals(samples, y, horizons, targets, places) if len(horizons) > 1 else {},
    )


def scores_by_window(
    samples: Array, y: Array, origin: Array, horizons: Sequence[float], scales: Array
) -> tuple[Array, Array, Array]:
    """Energy score ``(B,)``, variogram score ``(B,)`` and CRPS of the targets' sum ``(B, K)``.

    Args:
        samples: ``(B, S, K, C)``, data units, S at least 2.
        y: what came to be, ``(B, K, C)``.
        origin: last known value, ``(B, C)``.
        horizons: K, ascending, in bars.
        scales: what each target is divided by, ``(C,)``, data units.
    """
    pairs = variogram_pairs(horizons, len(scales))
    energy, variogram, summed = np.empty(len(y)), np.empty(len(y)), np.empty(y.shape[:2])
    for chunk in _chunks(samples):
        # Less the origin: the roots of differences between targets are of movements, not of levels.
        drawn = (samples[chunk] - origin[chunk, None, None]) / scales
        observed = (y[chunk] - origin[chunk, None]) / scales
        missing = np.isnan(observed)
        if missing.any():  # what is alike in samples and observation takes no part in a distance
            drawn, observed = np.where(missing[:, None], 0.0, drawn), np.where(missing, 0.0, observed)
        energy[chunk] = energy_score(drawn, observed)
        variogram[chunk] = variogram_score(drawn, observed, pairs)
        summed[chunk] = crps(drawn.sum(axis=3, keepdims=True), observed.sum(axis=2, keepdims=True))[..., 0]
    return energy, variogram, summed


def whole_path_error(values: Array, horizons: Sequence[float], places: WindowPlaces) -> float:
    """Standard error of the mean of ``values (B,)``, each of a path as far as the farthest horizon."""
    return standard_error(values[:, None, None], [max(horizons)], places)


def target_scales(y: Array, origin: Array) -> Array:
    """Return what each target is divided by, ``(C,)``: of observed values alone, the same for all forecasters."""
    if y.shape[2] == 1:
        return np.ones(1)
    moved: Array = np.sqrt(np.nanmean((y - origin[:, None]) ** 2, axis=(0, 1)))
    return np.where(moved > 0, moved, 1.0)


def _chunks(samples: Array) -> Iterator[slice]:
    """Windows, so many at a time that a copy of their samples is small."""
    batch = max(1, _AT_ONCE // max(1, samples[:1].size))
    return (slice(first, first + batch) for first in range(0, len(samples), batch))


def _functionals(
    samples: Array, y: Array, horizons: Sequence[float], targets: Sequence[str], places: WindowPlaces
) -> dict[str, FunctionalScores]:
    found = {}
    for name in SCORED:
        of = FUNCTIONALS[name]
        drawn = np.concatenate([of(samples[chunk]) for chunk in _chunks(samples)])[:, :, None]  # (B, S, 1, C)
        observed = of(y)[:, None]  # (B, 1, C)
        values = without_missing(crps(drawn, observed))[:, 0]  # (B, C)
        columns = range(len(targets))
        found[name] = FunctionalScores(
            crps=dict(zip(targets, values.mean(axis=0).tolist(), strict=True)),
            crps_se={targets[c]: whole_path_error(values[:, c], horizons, places) for c in columns},
            coverage_50={targets[c]: coverage(drawn[..., [c]], observed[..., [c]], 0.5) for c in columns},
            coverage_90={targets[c]: coverage(drawn[..., [c]], observed[..., [c]], 0.9) for c in columns},
        )
    return found
