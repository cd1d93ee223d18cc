"""Peers that draw whole paths: a Gaussian random walk, NLinear with its residual paths, AutoETS simulated."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from classical import CONTEXT, fitted_nlinear, season_of, trailing_deviations
from tasks import Task

from sssd_registry.data.windows import futures_at

Array = npt.NDArray[np.float64]

NUM_PATHS = 100
# Bars of the training part by which targets move together.
_ROWS = 20_000


def random_walk(task: Task) -> Array:
    """Draw Gaussian random walks ``(B, S, K, C)``; volatility as the random walk of marginals has it.

    At a horizon it is that of the window chosen for it; between two, a path is correlated as a walk's levels are.
    Targets move together as their changes did in the training part.
    """
    random = np.random.default_rng(0)
    sigma = trailing_deviations(task, task.asked)  # (B, K, C)
    horizons = np.array(task.asked, dtype=float)
    over_time = np.linalg.cholesky(np.sqrt(np.minimum.outer(horizons, horizons) / np.maximum.outer(horizons, horizons)))
    over_targets = np.linalg.cholesky(_moves_together(task))
    white = random.standard_normal((len(sigma), NUM_PATHS, *sigma.shape[1:]))
    moves = np.einsum("kl,bslc,dc->bskd", over_time, white, over_targets, optimize=True) * sigma[:, None]
    last = futures_at(task.prepared.source, task.origins, (0,))[:, None, 0:1]
    return np.asarray(moves if task.log else last + moves)


def _moves_together(task: Task) -> Array:
    """Correlation of the targets' changes from bar to bar over the training part, ``(C, C)``."""
    levels = task.history(0)[: task.fit_rows][-_ROWS:]
    changes = np.diff(np.log(levels) if task.log else levels, axis=0)
    found = np.atleast_2d(np.corrcoef(changes, rowvar=False))
    return np.asarray(found + 1e-6 * np.eye(len(found)))


def nlinear(task: Task) -> Array:
    """NLinear by ridge, with whole paths of its residuals on the validation part, drawn anew: ``(B, S, K, C)``."""
    location, residuals = fitted_nlinear(task, task.asked)
    random = np.random.default_rng(0)
    drawn = random.integers(len(residuals), size=(len(location), NUM_PATHS))
    return np.asarray(location[:, None] + residuals[drawn])


def auto_ets(task: Task) -> Array:
    """AutoETS, fitted anew at every origin to each series by itself, and simulated: ``(B, S, K, C)``."""
    from statsforecast.models import AutoETS

    steps = np.array(task.asked) // task.every
    rows = []
    for index in range(len(task.origins)):
        past = task.history(index)[:: -task.every][::-1][-CONTEXT[task.name] :]
        columns = []
        for target in past.T:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = AutoETS(season_length=season_of(task)).fit(np.ascontiguousarray(target))
                paths = model.simulate(h=int(steps.max()), n_paths=NUM_PATHS, seed=index)
            columns.append(paths[:, steps - 1])  # (S, K)
        rows.append(np.stack(columns, axis=-1))
    last = np.stack([task.history(index)[-1] for index in range(len(task.origins))])
    made = np.stack(rows)
    return task.scored(np.maximum(made, 1e-3 * np.abs(last[:, None, None])) if task.log else made, last)


def independent(samples: Array) -> Array:
    """Return the same marginals, horizons and targets drawn each by itself."""
    order = np.random.default_rng(0).random(samples.shape).argsort(axis=1)
    return np.take_along_axis(samples, order, axis=1)


def along_a_walk(samples: Array, horizons: tuple[int, ...]) -> Array:
    """Return the same marginals, horizons joined by the ranks of a random walk's paths, targets by themselves.

    Each sample takes the place that a walk's path has among the others (Clark et al. 2004, the Schaake shuffle).
    """
    random = np.random.default_rng(0)
    apart = np.diff(np.array(horizons, dtype=float), prepend=0.0)
    steps = random.standard_normal(samples.shape) * np.sqrt(apart)[:, None]  # (B, S, K, C)
    ranks = steps.cumsum(axis=2).argsort(axis=1).argsort(axis=1)
    return np.take_along_axis(np.sort(samples, axis=1), ranks, axis=1)


PEERS: dict[str, Callable[[Task], Array]] = {
    "random walk, paths": random_walk,
    "NLinear, residual paths": nlinear,
    "AutoETS, simulated paths": auto_ets,
}
