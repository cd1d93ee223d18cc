"""How good one solver's forecasts are, on windows that all solvers share, from noise that they share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from sssd_registry.noise import draw_noise
from sssd_registry.sampler import sample
from sssd_registry.scores import Array, coverage, crps
from sssd_registry.tableau import SolverTableau
from sssd_registry.training.windows import EncodedWindows

# Floats of noise in one batch: 64 MB.
_NOISE_AT_ONCE = 1 << 24


@dataclass(frozen=True)
class Quality:
    """CRPS in standard units, ``(B, K)``: a mean over targets; shares of what came to be within two intervals."""

    crps: Array
    coverage_50: float
    coverage_90: float


def quality(
    windows: EncodedWindows, tableau: SolverTableau, num_samples: int, seed: int, at_once: int = _NOISE_AT_ONCE
) -> Quality:
    """Forecast every window and score.

    Common random numbers: window b's noise is ``draw_noise(seed, b)`` whatever the solver, and does not depend on
    how windows are batched to ``at_once`` floats of noise.
    """
    horizons, size = windows.shape
    per_window = tableau.num_noises * num_samples * horizons * size
    batch = max(1, min(at_once // per_window, len(windows)))
    parts = []
    for start in range(0, len(windows), batch):
        part = windows.part(start, start + batch)
        noise = torch.from_numpy(
            draw_noise(seed, start, len(part), (tableau.num_noises, num_samples, horizons, size))
        ).to(part.condition.device)
        parts.append(part.decode(sample(part.denoise, tableau, noise)).double().cpu().numpy())
    samples, future = np.concatenate(parts), windows.future.double().cpu().numpy()
    return Quality(crps(samples, future).mean(axis=2), coverage(samples, future, 0.5), coverage(samples, future, 0.9))
