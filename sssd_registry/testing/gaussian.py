"""A model whose denoiser is known: Gaussian data. What samplers give can then be compared with the truth.

For ``x0 ~ N(mean, std²)`` and ``z_t = alpha x0 + sigma eps``, with ``s² = alpha² std² + sigma²``,

    E[x0 | z_t] = mean + alpha std² (z_t − alpha mean) / s²                  (the optimal denoiser)

and the probability flow ODE (Song et al. 2021, eq. 13) moves a sample along ``z_t = alpha mean + s u`` with ``u``
constant, which is its exact solution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sssd_registry.sampling.noise_schedule import Array, NoiseSchedule
from sssd_registry.sampling.sampler import sample
from sssd_registry.sampling.tableau import SolverTableau


@dataclass(frozen=True)
class GaussianData:
    """Independent normal data: what a network trained without end on them would predict."""

    schedule: NoiseSchedule
    mean: float = 0.6
    std: float = 0.4

    def network(self, z: Tensor, t: Tensor) -> Tensor:
        """The optimal prediction, float64, for states ``(B, S, K, D)`` at time steps ``(B, S)``."""
        alpha, sigma = (torch.from_numpy(part)[..., None, None] for part in self.schedule.marginal(t.double().numpy()))
        x0 = self.mean + alpha * self.std**2 * (z - alpha * self.mean) / (alpha**2 * self.std**2 + sigma**2)
        return prediction(self.schedule, z, x0, alpha, sigma)

    def consistency_network(self, z: Tensor, t: Tensor) -> Tensor:
        """Predict as a perfectly distilled network does: the data at the end of the ODE through ``z``."""
        alpha, sigma = (torch.from_numpy(part)[..., None, None] for part in self.schedule.marginal(t.double().numpy()))
        spread = (alpha**2 * self.std**2 + sigma**2).sqrt()
        x0 = self.mean + self.std * (z - alpha * self.mean) / spread
        return prediction(self.schedule, z, x0, alpha, sigma)

    def moments(self, tableau: SolverTableau, *, distilled: bool = False) -> tuple[float, float]:
        """Mean and standard deviation of what a solver samples, exactly: all it does here is affine in the noise.

        Args:
            tableau: the solver.
            distilled: sample from :meth:`consistency_network`.
        """
        network = self.consistency_network if distilled else self.network
        noises = tableau.num_noises
        # Sample 0 is the response to no noise at all, the others to one noise each.
        probes = torch.zeros(noises, 1, 1 + noises, 1, 1, dtype=torch.float64)
        probes[range(noises), 0, range(1, 1 + noises)] = 1.0
        response = sample(network, tableau, probes).flatten()
        return float(response[0]), float((response[1:] - response[0]).norm())

    def energy_distance(self, mean: float, std: float) -> float:
        """Return the energy distance of ``N(mean, std²)`` to the data (Székely & Rizzo 2013).

        ``2 E|X − Y| − E|X − X'| − E|Y − Y'|``, X of the first, Y of the data.
        """
        between = _mean_absolute(mean - self.mean, math.hypot(std, self.std))
        return 2 * between - _mean_absolute(0.0, std * math.sqrt(2)) - _mean_absolute(0.0, self.std * math.sqrt(2))

    def flow(self, z: Tensor, start: float, end: float | None) -> Tensor:
        """The ODE's solution at time step ``end`` (``None``: the data) from ``z`` at time step ``start``."""
        alpha, spread = self._path(start)
        after, after_spread = (1.0, self.std) if end is None else self._path(end)
        return after * self.mean + after_spread * (z - alpha * self.mean) / spread

    def _path(self, t: float) -> tuple[float, float]:
        alpha, sigma = self.schedule.marginal(t)
        return float(alpha), float(np.sqrt(alpha**2 * self.std**2 + sigma**2))


def _mean_absolute(mean: float, std: float) -> float:
    """``E|X|`` for ``X ~ N(mean, std²)``."""
    share = mean / std
    return std * math.sqrt(2 / math.pi) * math.exp(-(share**2) / 2) + mean * math.erf(share / math.sqrt(2))


def prediction(schedule: NoiseSchedule, z: Tensor, x0: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """``x0`` in the terms that the schedule's networks predict."""
    eps = (z - alpha * x0) / sigma
    terms = {
        "epsilon": lambda: eps,
        "sample": lambda: x0,
        "v_prediction": lambda: alpha * eps - sigma * x0,
        "flow_prediction": lambda: eps - x0,
    }
    return terms[schedule.prediction_type]()


@dataclass(frozen=True)
class SmoothSchedule(NoiseSchedule):
    """Schedule whose log-SNR falls evenly from 5.5 to −2.5, over many time steps: it measures orders of convergence.

    In the schedules that models are trained with, log-SNR has no bound at either end. What a solver does there hides
    its order. Rounding to a thousand time steps would be an error of its own.
    """

    num_train_timesteps: int = 4000

    @property
    def betas(self) -> Array:
        """Betas, float64 ``(T,)``, that make ``alpha_t² = 1 / (1 + exp(−2 lambda_t))``.

        But for rounding to what float32 can tell from no noise at all, as diffusers computes ``1 − beta`` in it.
        """
        log_snr = np.linspace(5.5, -2.5, self.num_train_timesteps)
        share = 1 / (1 + np.exp(-2 * log_snr))
        ratio = share / np.concatenate([[1.0], share[:-1]])
        result: Array = np.maximum(1 - ratio.astype(np.float32).astype(np.float64), 2.0**-24)
        return result
