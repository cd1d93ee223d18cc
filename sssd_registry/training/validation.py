"""Validation: CRPS and energy score of forecasts, and what else is learnt from the validation part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sssd_registry.data.origins import Origins
from sssd_registry.data.windows import futures_at, history_at, observed_at
from sssd_registry.evaluation.baselines import random_walk_scores
from sssd_registry.evaluation.encoded_windows import encode_windows
from sssd_registry.evaluation.multivariate import energy_score
from sssd_registry.evaluation.scores import Array, crps, without_missing
from sssd_registry.model.batches import TrainingData
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.training.processes import ALONE, Processes

_SAMPLES = 48
# Windows whose history is looked at together: that of all of a long file's would be gigabytes.
_AT_ONCE = 4096


@dataclass(frozen=True)
class ValidationScores:
    """Scores of B windows; lower is better.

    Attributes:
        standard: CRPS ``(B, K, C)``, in each window's standard units.
        crps: ``(B,)``, mean over horizons and targets, in data units but for each target's size.
        energy: energy score of the path ``(B,)``, in the same units, over the root of how many numbers a path has.
    """

    standard: Array
    crps: Array
    energy: Array

    @property
    def mean(self) -> float:
        """Mean of both, by which weights are chosen."""
        return float(self.crps.mean() + self.energy.mean()) / 2


def validation_scores(
    network: SSSDNetwork,
    tableau: SolverTableau,
    data: TrainingData,
    origins: Origins,
    sizes: Array,
    processes: Processes = ALONE,
    first: int = 0,
) -> ValidationScores:
    """Forecast the windows at ``origins``, and score.

    The noise is the same every time, so that two validations differ by the weights only.

    Args:
        network: in evaluation mode.
        tableau: the solver.
        data: where the windows are.
        origins: B of them.
        sizes: what a standard unit is at each horizon of each target, ``(B, K, C)``, beside what is typical.
        processes: that each forecast a share of the windows; all get the scores.
        first: number of the first window's noise.
    """
    own = processes.share(len(origins)).rows
    windows = encode_windows(network, data.source, origins.take(own), data.spec.horizons)
    made = processes.gathered(
        (windows.forecast(tableau, _SAMPLES, seed=0, first_window=first + own.start), windows.observed)
    )
    paths, observed = (np.concatenate(parts) for parts in zip(*made, strict=True))
    seen = observed_at(data.source, origins, data.spec.horizons)  # what was not is not scored
    standard = without_missing(np.where(seen, crps(paths, observed), np.nan))
    sizes_seen = sizes * seen
    energy = energy_score(paths * sizes_seen[:, None], observed * sizes_seen)
    energy = energy / np.sqrt(np.maximum(seen.sum(axis=(1, 2)), 1))
    return ValidationScores(standard, (standard * sizes).mean(axis=(1, 2)), energy)


def joined_scores(parts: Sequence[ValidationScores]) -> ValidationScores:
    """Scores of windows part after part, as one."""
    return ValidationScores(*(np.concatenate([getattr(part, name) for part in parts])
                              for name in ("standard", "crps", "energy")))  # fmt: skip


def relative_sizes(scale: Array, origins: Origins) -> Array:
    """Standard units ``(B, K, C)`` in data units, over their mean of each series and target.

    Series and targets count alike, whatever they are measured in; within a series, a window counts by how much it
    moves, as in data units.
    """
    sizes = np.empty_like(scale)
    for one in np.unique(origins.series):
        rows = origins.series == one
        sizes[rows] = scale[rows] / scale[rows].mean(axis=(0, 1))
    return sizes


def random_walk_window(data: TrainingData) -> int:
    """The random walk's volatility window, in bars, that does best on the validation part."""
    origins, spec = data.split.validation, data.spec
    log = spec.target_kind == "log-return"
    total: dict[int, float] = defaultdict(float)
    for first in range(0, len(origins), _AT_ONCE):
        some = origins.take(slice(first, first + _AT_ONCE))
        history = history_at(data.source, some, spec.base.lookback)
        futures = futures_at(data.source, some, spec.horizons)
        for window, score in random_walk_scores(history, futures, spec.horizons, log=log).items():
            total[window] += len(some) * score
    return min(total, key=total.__getitem__)
