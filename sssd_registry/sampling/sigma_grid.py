"""Sigmas of ``x = x0 + sigma eps`` for a process: its grids of N steps, and the time steps that they stand for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sssd_registry.errors import SSSDError, near_matches
from sssd_registry.sampling.noise_schedule import Array, NoiseSchedule

# Karras et al. 2022, table 1. Cosine betas begin at a sigma of 20,000, where a step of this grid is of no use.
_RHO, _HIGHEST = 7.0, 80.0
# Flow matching starts with no data at all, at an infinite sigma; this many time steps later it is finite.
_LATER = 0.5


class SigmaGrid:
    """Sigmas ``sigma_t / alpha_t`` of a process at its time steps, ascending, and between them.

    Attributes:
        times: float64 ``(T,)``.
        sigmas: float64 ``(T,)``.
    """

    def __init__(self, schedule: NoiseSchedule) -> None:
        self.straight, self.last = schedule.is_flow, schedule.num_train_timesteps
        self.times = schedule.timesteps
        if self.straight:
            self.times[-1] -= _LATER
        alpha, sigma = schedule.marginal(self.times)
        self.sigmas: Array = sigma / alpha

    def spaced(self, num_steps: int, spacing: str) -> Array:
        """N sigmas, falling, and a zero: float64 ``(N + 1,)``.

        Raises:
            SSSDError: no such spacing, or more steps than it has.
        """
        if spacing not in SPACINGS:
            raise SSSDError(f"sigmas={spacing!r}: {near_matches(spacing, SPACINGS)}")
        return np.append(SPACINGS[spacing](self.sigmas, num_steps), 0.0)

    def timestep(self, sigma: float) -> float:
        """The time step that a network is told; the nearest one for a sigma that training did not see."""
        if self.straight:
            return self.last * sigma / (1 + sigma)
        return float(np.interp(np.log(max(sigma, 1e-300)), np.log(self.sigmas), self.times))

    def sigma(self, timestep: float) -> float:
        """The sigma at a time step."""
        if self.straight:
            return timestep / (self.last - timestep)
        return float(np.exp(np.interp(timestep, self.times, np.log(self.sigmas))))

    def scales(self, sigma: float) -> tuple[float, float]:
        """``alpha`` and ``sigma`` of the latent ``z = alpha x``: on the process's own path."""
        alpha = 1 / (1 + sigma) if self.straight else 1 / float(np.hypot(1.0, sigma))
        return alpha, alpha * sigma


def _trailing(sigmas: Array, num_steps: int) -> Array:
    if num_steps > len(sigmas):
        raise SSSDError(f"{num_steps} steps are more than the {len(sigmas)} of training: take fewer, or sigmas=karras")
    index: npt.NDArray[np.int64] = np.linspace(len(sigmas), 0, num_steps, endpoint=False).round().astype(np.int64) - 1
    return sigmas[index]


def _karras(sigmas: Array, num_steps: int) -> Array:
    highest = min(float(sigmas[-1]), _HIGHEST)
    grid: Array = np.linspace(highest ** (1 / _RHO), sigmas[0] ** (1 / _RHO), num_steps) ** _RHO
    return grid


def _exponential(sigmas: Array, num_steps: int) -> Array:
    grid: Array = np.geomspace(min(float(sigmas[-1]), _HIGHEST), sigmas[0], num_steps)
    return grid


SPACINGS: dict[str, Callable[[Array, int], Array]] = {
    "karras": _karras,
    "trailing": _trailing,
    "exponential": _exponential,
}
