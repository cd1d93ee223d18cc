"""Scores of samples on a task's test windows, by GluonTS's own evaluator."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from summary import FEW
from tasks import Task

from sssd_registry.data.effective_windows import WindowPlaces
from sssd_registry.data.origins import window_places
from sssd_registry.evaluation.path_scores import path_scores, scores_by_window, target_scales
from sssd_registry.evaluation.scores import DECILES, coverage, crps, score, without_missing

Array = npt.NDArray[np.float64]


def revision(paths: bool) -> dict[str, int]:
    """Part of a result's configuration: raised when what is kept of scores changes, so that they are made again."""
    return {"scores": 4 if paths else 3}


def scores_of(task: Task, samples: Array, paths: bool) -> dict[str, Any]:
    """Samples ``(B, S, K, C)`` of the task's windows, scored as ``sssd evaluate`` does and as the peers were.

    They are at the task's horizons; or, as ``paths``, at all that are asked for, and then scored as paths, too.
    """
    drawn = samples
    if paths:
        samples = samples[:, :, [task.asked.index(horizon) for horizon in task.horizons]]
    observed = task.observed()  # (B, K, C)
    series = len(task.prepared.source.lengths)
    origin = _origin(task)
    places = window_places(task.prepared.source, task.origins)
    total = score(samples, observed, origin, task.horizons, places=places)
    losses = without_missing(_decile_losses(samples, observed))  # (B, K, C)
    windows = losses.reshape(len(task.origin_rows), -1)
    size = without_missing(np.abs(observed)).reshape(len(task.origin_rows), -1)
    factor = task.unit[1]
    by_window = without_missing(crps(samples, observed)).mean(axis=2) * factor  # (B, K)
    named = [str(horizon) for horizon in task.horizons]
    tree: dict[str, Any] = {
        "CRPS": total.crps * factor,
        "CRPS by horizon": dict(zip(named, by_window.mean(axis=0).tolist(), strict=True)),
        "wQL": total.weighted_quantile_loss,
        "CRPS9": float(losses.mean()) * factor,
        "MSE": total.mse,
        "MAE": total.mae,
        "coverage 50": total.coverage_50,
        "coverage 80": coverage(samples, observed, 0.8),
        "coverage 90": total.coverage_90,
    }
    if task.season > 1 and not task.log:
        error = without_missing(np.abs(np.median(samples, axis=1) - observed))
        tree["MASE"] = float((error.mean(axis=1) / _naive_error(task)).mean())
    tree |= scores_of_paths(task, drawn) if paths else {}
    if task.log:
        tree["CRPS by window"] = dict(zip(named, by_window.T.tolist(), strict=True))
    else:
        tree["loss by window"] = (windows.sum(axis=1) / size.sum(axis=1)).tolist()
        tree["CRPS9 by window"] = (windows.mean(axis=1) * factor).tolist()
    if task.name == "exchange_rate":
        few = FEW * series
        first = score(samples[:few], observed[:few], origin[:few], task.horizons)
        tree["wQL, five windows"] = first.weighted_quantile_loss
        tree["coverage 90, five windows"] = first.coverage_90
    if task.log:
        tree["direction"] = {
            str(horizon): _direction(samples[:, :, [k]], observed[:, [k]], origin, horizon, places)
            for k, horizon in enumerate(task.horizons)
        }
    return tree


def _naive_error(task: Task) -> Array:
    """Mean error of the seasonal naive forecast over each window's own past, ``(B, C)``: the unit of MASE."""
    pasts = (task.history(index) for index in range(len(task.origins)))
    return np.stack([np.abs(past[task.season :] - past[: -task.season]).mean(axis=0) for past in pasts])


def _origin(task: Task) -> Array:
    """What forecasts begin at, as they are scored, ``(B, C)``."""
    last = np.stack([task.history(index)[-1] for index in range(len(task.origins))])
    return np.zeros_like(last) if task.log else last


def scores_of_paths(task: Task, samples: Array) -> dict[str, Any]:
    """Score paths ``(B, S, K, C)`` at all horizons that are asked for.

    Of several targets, energy, variogram and sum are in units scaled for each of them.
    """
    targets, observed, origin = task.prepared.spec.targets, task.observed(horizons=task.asked), _origin(task)
    places = window_places(task.prepared.source, task.origins)
    factor = task.unit[1]
    shared = factor if len(targets) == 1 else 1.0
    total = path_scores(samples, observed, origin, task.asked, targets, places=places)
    scales = target_scales(observed, origin)
    energy, variogram, _ = scores_by_window(samples, observed, origin, task.asked, scales)
    by_window = {"energy by window": energy, "variogram by window": variogram}
    return {
        "energy": total.energy_score * shared,
        "energy error": total.energy_score_se * shared,
        "variogram": total.variogram_score * shared,
        "variogram error": total.variogram_score_se * shared,
        "CRPS-sum": total.crps_sum * shared,
        **{
            name: (values.reshape(len(task.origin_rows), -1).mean(axis=1) * shared).tolist()
            for name, values in by_window.items()
        },
        "functionals": {
            name: {
                "CRPS": {target: value * factor for target, value in found.crps.items()},
                "coverage 50": float(np.mean(list(found.coverage_50.values()))),
                "coverage 90": float(np.mean(list(found.coverage_90.values()))),
            }
            for name, found in total.functionals.items()
        },
    }


def _decile_losses(samples: Array, observed: Array) -> Array:
    """Mean over the deciles of twice the pinball loss ``(B, K, C)``; quantiles as GluonTS takes them from samples."""
    ordered = np.sort(samples, axis=1)
    total = np.zeros_like(observed)
    for level in DECILES:
        quantile = ordered[:, round((ordered.shape[1] - 1) * level)]
        total += 2 * np.abs((quantile - observed) * ((observed <= quantile) - level))
    return total / len(DECILES)


def _direction(samples: Array, observed: Array, origin: Array, horizon: int, places: WindowPlaces) -> dict[str, float]:
    made = score(samples, observed, origin, (horizon,), places=places)
    return {
        "share": made.directional_accuracy,
        "half width": made.directional_half_width,
        "independent": made.n_effective,
        "rises": float((observed > 0).mean()),
    }
