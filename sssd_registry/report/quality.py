"""Scores for a page: by horizon beside the baselines with ranges, calibration, and functionals of paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_registry.data.effective_windows import effective_windows
from sssd_registry.evaluation.calibration import calibration
from sssd_registry.evaluation.evaluate import Evaluation
from sssd_registry.evaluation.path_scores import target_scales
from sssd_registry.evaluation.rivals import Rivals
from sssd_registry.evaluation.scores import crps, without_missing
from sssd_registry.report.rounding import decimals_for, rounded

Array = npt.NDArray[np.float64]

# Standard errors of a 95 % range.
_RANGE = 1.96


def calibrations(made: Rivals, columns: Sequence[int], at: npt.NDArray[np.intp]) -> list[dict[str, Any]]:
    """Calibration of all targets together, then of each of ``columns``; of one target just that.

    Args:
        made: forecasts.
        columns: targets, of C.
        at: horizons, of K; pooled are these too.
    """
    parts = [list(range(made.y.shape[2])), *([column] for column in columns)]
    parts = parts[1:] if made.y.shape[2] == 1 else parts
    samples, y, places = made.samples["model"][:, :, at], made.y[:, at], made.places
    horizons = [made.horizons[k] for k in at]
    found = [calibration(samples[..., part], y[..., part], horizons, places=places) for part in parts]
    return [_rounded(one.to_dict()) for one in found]


def _rounded(value: Any) -> Any:
    """Shares in four digits, whatever they are nested in."""
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return rounded(value, 4)


def crps_by_horizon(made: Rivals, columns: Sequence[int], at: npt.NDArray[np.intp]) -> list[dict[str, Any]]:
    """CRPS of every forecaster by horizon with its range, and the model's over each baseline's; parts as above.

    All targets together are scaled by how far each moves, as energy scores are.
    """
    values = {name: without_missing(crps(samples, made.y)) for name, samples in made.samples.items()}  # (B, K, C)
    scales = target_scales(made.y, made.last)
    parts = [{name: one[..., column] for name, one in values.items()} for column in columns]
    if made.y.shape[2] > 1:
        parts.insert(0, {name: (one / scales).mean(axis=2) for name, one in values.items()})
    return [_beside_baselines({name: one[:, at] for name, one in part.items()}, made, at) for part in parts]


def _beside_baselines(values: dict[str, Array], made: Rivals, at: npt.NDArray[np.intp]) -> dict[str, Any]:
    """Forecaster -> mean, range and, of baselines, the model's share with its range from paired windows."""
    model = values["model"]  # (B, K)
    places = decimals_for(float(model.mean(axis=0).min()))
    found = {}
    for name, one in values.items():
        mean = one.mean(axis=0)
        found[name] = {"mean": rounded(mean, places), "range": rounded(_half_width(one, made, at), places)}
        if name != "model":
            with np.errstate(divide="ignore", invalid="ignore"):
                found[name]["share"] = rounded(model.mean(axis=0) / mean, 3)
                found[name]["share_range"] = rounded(_half_width(model - one, made, at) / mean, 3)
    return found


def _half_width(values: Array, made: Rivals, at: npt.NDArray[np.intp]) -> Array:
    """Half the 95 % range of the mean of ``values (B, K)`` at each horizon; NaN of a single window."""
    if len(values) < 2:
        return np.full(values.shape[1], np.nan)
    counts = effective_windows(values, [made.horizons[k] for k in at], made.places)
    result: Array = _RANGE * values.std(axis=0, ddof=1) / np.sqrt(counts)
    return result


def functional_rows(result: Evaluation, targets: Sequence[str]) -> list[list[str]]:
    """Rows of a table: target, functional, CRPS of each forecaster, and how often the model's intervals held it."""
    model = result.paths["model"].functionals
    return [
        [
            target,
            name,
            *(f"{one.functionals[name].crps[target]:.4g} ± {_se(one.functionals[name].crps_se[target])}"
              for one in result.paths.values()),
            f"{scores.coverage_50[target]:.0%}",
            f"{scores.coverage_90[target]:.0%}",
        ]
        for target in targets
        for name, scores in model.items()
    ]  # fmt: skip


def _se(value: float) -> str:
    return f"{_RANGE * value:.1g}"
