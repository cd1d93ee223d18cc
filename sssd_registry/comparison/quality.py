"""Quality of one solver's forecasts, on windows that all solvers share, from noise that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sssd_registry.evaluation.encoded_windows import EncodedWindows
from sssd_registry.evaluation.multivariate import energy_score, variogram_pairs, variogram_score
from sssd_registry.evaluation.scores import Array, coverage, crps
from sssd_registry.sampling.tableau import SolverTableau


@dataclass(frozen=True)
class Quality:
    """Scores in standard units, in which each horizon and target is over its own scale.

    Attributes:
        crps: ``(B, K)``, a mean over targets.
        coverage_50: share of what came to be within the central 50 % interval.
        coverage_90: the same for 90 %.
        energy: energy score of each window's path, ``(B,)``.
        variogram: variogram score of the same, ``(B,)``.
    """

    crps: Array
    coverage_50: float
    coverage_90: float
    energy: Array
    variogram: Array


def quality(
    windows: EncodedWindows, tableau: SolverTableau, num_samples: int, seed: int, horizons: Sequence[float]
) -> Quality:
    """Forecast every window and score; common random numbers, as the noise goes by window and seed only."""
    samples, observed = windows.forecast(tableau, num_samples, seed), windows.observed
    values = crps(samples, observed).mean(axis=2)
    return Quality(
        values,
        coverage(samples, observed, 0.5),
        coverage(samples, observed, 0.9),
        energy_score(samples, observed),
        variogram_score(samples, observed, variogram_pairs(horizons, observed.shape[2])),
    )
