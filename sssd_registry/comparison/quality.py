"""Quality of one solver's forecasts, on windows that all solvers share, from noise that they share."""

from __future__ import annotations

from dataclasses import dataclass

from sssd_registry.evaluation.encoded_windows import EncodedWindows
from sssd_registry.evaluation.scores import Array, coverage, crps
from sssd_registry.sampling.tableau import SolverTableau


@dataclass(frozen=True)
class Quality:
    """CRPS in standard units, ``(B, K)``: a mean over targets; shares of what came to be within two intervals."""

    crps: Array
    coverage_50: float
    coverage_90: float


def quality(windows: EncodedWindows, tableau: SolverTableau, num_samples: int, seed: int) -> Quality:
    """Forecast every window and score; common random numbers, as the noise goes by window and seed only."""
    samples, observed = windows.forecast(tableau, num_samples, seed), windows.observed
    values = crps(samples, observed).mean(axis=2)
    return Quality(values, coverage(samples, observed, 0.5), coverage(samples, observed, 0.9))
